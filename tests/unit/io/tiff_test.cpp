#include <cmath>
#include <cstring>
#include <fstream>
#include <functional>
#include <numeric>

#include <gtest/gtest.h>
#include <tiffio.h>

#include "engine/io/image.h"
#include "golden_files.h"

namespace vitrine::engine {
namespace {

using Pixels = std::vector<std::uint8_t>;

/// A TIFF file that libtiff wrote.
struct Picture {
  std::uint32_t width = 0, height = 0;
  std::uint16_t samples = 1, bits = 8, photometric = PHOTOMETRIC_MINISBLACK;
  Pixels rows;                                  ///< packed, samples together
  std::uint16_t compression = COMPRESSION_NONE;
  std::function<void(TIFF*)> more = [](TIFF*) {};

  [[nodiscard]] std::size_t row_bytes() const { return (std::size_t{width} * samples * bits + 7) / 8; }

  void put(TIFF* tiff) const {
    TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, width);
    TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, height);
    TIFFSetField(tiff, TIFFTAG_SAMPLESPERPIXEL, samples);
    TIFFSetField(tiff, TIFFTAG_BITSPERSAMPLE, bits);
    TIFFSetField(tiff, TIFFTAG_PHOTOMETRIC, photometric);
    TIFFSetField(tiff, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG);
    TIFFSetField(tiff, TIFFTAG_COMPRESSION, compression);
    more(tiff);
  }
  void put_rows(TIFF* tiff) const {
    Pixels row(row_bytes());
    for (std::uint32_t y = 0; y < height; ++y) {
      std::copy_n(rows.begin() + static_cast<std::ptrdiff_t>(y * row_bytes()), row_bytes(), row.begin());
      ASSERT_EQ(TIFFWriteScanline(tiff, row.data(), y, 0), 1);
    }
  }
};

class Tiff : public testing::Test {
 protected:
  Result<Image8> decode(const std::function<void(TIFF*)>& write) {
    TIFF* tiff = TIFFOpen(path().c_str(), "w");
    EXPECT_NE(tiff, nullptr);
    write(tiff);
    TIFFClose(tiff);
    return again();
  }
  Result<Image8> decode(const Picture& picture) {
    return decode([&](TIFF* tiff) {
      picture.put(tiff);
      picture.put_rows(tiff);
    });
  }
  Result<Image8> again() {
    warnings_.clear();
    return decode_image(path(), 3, &warnings_);
  }
  void expect(const Picture& picture, const Pixels& rgb) {
    const auto image = decode(picture);
    ASSERT_TRUE(image) << sentence(image.error());
    EXPECT_EQ(image->pixels, rgb);
    EXPECT_TRUE(warnings_.empty()) << warnings_.front();
  }
  void expect_refusal(const Picture& picture, ErrorCode code, const std::string& message) {
    const auto image = decode(picture);
    ASSERT_FALSE(image);
    EXPECT_EQ(image.error().code, code);
    EXPECT_EQ(image.error().message, message);
  }
  /// Overwrites the value of the first directory's entry with that tag.
  void poke(std::uint16_t tag, std::uint32_t value) {
    std::string file = test::read_text(path());
    std::uint32_t at = 0;
    std::memcpy(&at, &file[4], 4);
    std::uint16_t count = 0;
    std::memcpy(&count, &file[at], 2);
    for (std::size_t entry = at + 2; entry < at + 2 + count * 12U; entry += 12) {
      std::uint16_t found = 0;
      std::memcpy(&found, &file[entry], 2);
      if (found == tag) std::memcpy(&file[entry + 8], &value, 4);
    }
    std::ofstream(path(), std::ios::binary) << file;
  }
  [[nodiscard]] std::filesystem::path path() const { return folder_.path() / "a.tif"; }

  test::TemporaryFolder folder_;
  std::vector<std::string> warnings_;
};

TEST_F(Tiff, InksAreMixed) {
  Picture cmyk{5, 1, 4, 8, PHOTOMETRIC_SEPARATED};
  cmyk.rows = {0, 0, 0, 0, 255, 0, 0, 0, 0, 0, 0, 255, 0, 255, 255, 0, 128, 0, 0, 128};
  // (255 - ink) (255 - black) / 255, rounded
  expect(cmyk, {255, 255, 255, 0, 255, 255, 0, 0, 0, 255, 0, 0, 63, 127, 127});
}

TEST_F(Tiff, APaletteGivesTheHighBytesOfItsColours) {
  std::vector<std::uint16_t> red(16), green(16), blue(16);
  for (std::uint16_t i = 0; i < 16; ++i) {
    red[i] = static_cast<std::uint16_t>(i * 4096 + 255);
    green[i] = static_cast<std::uint16_t>(65535 - i * 4096);
    blue[i] = static_cast<std::uint16_t>(i == 3 ? 0xABCD : 0);
  }
  Picture picture{3, 1, 1, 4, PHOTOMETRIC_PALETTE, {0x03, 0xF0}};
  picture.more = [&](TIFF* tiff) { TIFFSetField(tiff, TIFFTAG_COLORMAP, red.data(), green.data(), blue.data()); };
  expect(picture, {0, 255, 0, 48, 207, 0xAB, 240, 15, 0});
}

TEST_F(Tiff, APaletteOfSixteenBitsIsRefused) {
  std::vector<std::uint16_t> colours(65536);
  Picture picture{2, 1, 1, 16, PHOTOMETRIC_PALETTE, {0, 0, 1, 0}};
  picture.more = [&](TIFF* tiff) { TIFFSetField(tiff, TIFFTAG_COLORMAP, colours.data(), colours.data(), colours.data()); };
  expect_refusal(picture, ErrorCode::FileFormat, "TIFF: a palette picture without a palette");
}

TEST_F(Tiff, ColoursThatTheirAlphaMultipliedAreDividedByIt) {
  Picture picture{3, 1, 4, 8, PHOTOMETRIC_RGB, {100, 50, 0, 100, 9, 8, 7, 0, 64, 32, 16, 128}};
  picture.more = [](TIFF* tiff) {
    const std::uint16_t kind = EXTRASAMPLE_ASSOCALPHA;
    TIFFSetField(tiff, TIFFTAG_EXTRASAMPLES, 1, &kind);
  };
  expect(picture, {255, 127, 0, 9, 8, 7, 127, 63, 31});
}

TEST_F(Tiff, SamplesThatAreNoUnsignedIntegersAreRefused) {
  Picture picture{1, 1, 1, 16, PHOTOMETRIC_MINISBLACK, {0, 0}};
  picture.more = [](TIFF* tiff) { TIFFSetField(tiff, TIFFTAG_SAMPLEFORMAT, SAMPLEFORMAT_IEEEFP); };
  expect_refusal(picture, ErrorCode::Unsupported, "TIFF: samples of the format 3 are not supported, only unsigned integers");
}

Pixels ramp(std::size_t n) {
  Pixels out(n);
  for (std::size_t i = 0; i < n; ++i) out[i] = static_cast<std::uint8_t>(i * 31 + i / 7);
  return out;
}

TEST_F(Tiff, WithoutAColourModelThreeSamplesAreColours) {
  const Picture picture{3, 2, 3, 8, PHOTOMETRIC_RGB, ramp(18)};
  const auto image = decode([&](TIFF* tiff) {
    picture.put(tiff);
    TIFFUnsetField(tiff, TIFFTAG_PHOTOMETRIC);
    picture.put_rows(tiff);
  });
  ASSERT_TRUE(image) << sentence(image.error());
  EXPECT_EQ(image->pixels, picture.rows);
}

/// The same picture in tiles, which reach past its edges, and in a plane a colour.
TEST_F(Tiff, TilesAndPlanesGiveTheSamePicture) {
  const Picture picture{37, 21, 3, 8, PHOTOMETRIC_RGB, ramp(37 * 21 * 3)};
  for (const bool planes : {false, true})
    for (const bool tiles : {false, true}) {
      const auto image = decode([&](TIFF* tiff) {
        picture.put(tiff);
        if (planes) TIFFSetField(tiff, TIFFTAG_PLANARCONFIG, PLANARCONFIG_SEPARATE);
        if (tiles) {
          TIFFSetField(tiff, TIFFTAG_TILEWIDTH, 16);
          TIFFSetField(tiff, TIFFTAG_TILELENGTH, 32);
        }
        const std::size_t together = planes ? 1 : 3;
        const std::uint32_t across = tiles ? 16 : 37, down = tiles ? 32 : 1;
        for (std::uint16_t plane = 0; plane < 3 / together; ++plane)
          for (std::uint32_t top = 0; top < 21; top += down)
            for (std::uint32_t left = 0; left < 37; left += across) {
              Pixels part(std::size_t{across} * down * together);
              for (std::uint32_t y = top; y < std::min(21U, top + down); ++y)
                for (std::uint32_t x = left; x < std::min(37U, left + across); ++x)
                  for (std::size_t s = 0; s < together; ++s)
                    part[((y - top) * across + x - left) * together + s] = picture.rows[(y * 37 + x) * 3 + plane + s];
              if (tiles) EXPECT_GT(TIFFWriteTile(tiff, part.data(), left, top, 0, plane), 0);
              else EXPECT_EQ(TIFFWriteScanline(tiff, part.data(), top, plane), 1);
            }
      });
      ASSERT_TRUE(image) << sentence(image.error());
      EXPECT_EQ(image->pixels, picture.rows) << "planes " << planes << ", tiles " << tiles;
    }
}

TEST_F(Tiff, TilesThatCannotBeAreRefused) {
  const auto write = [this](std::uint16_t compression) {
    return decode([&](TIFF* tiff) {
      Picture{16, 16, 1, 8, PHOTOMETRIC_MINISBLACK, {}, compression}.put(tiff);
      TIFFSetField(tiff, TIFFTAG_TILEWIDTH, 16);
      TIFFSetField(tiff, TIFFTAG_TILELENGTH, 16);
      Pixels tile = ramp(256);
      EXPECT_GT(TIFFWriteTile(tiff, tile.data(), 0, 0, 0, 0), 0);
    });
  };
  ASSERT_TRUE(write(COMPRESSION_NONE));
  poke(TIFFTAG_TILEWIDTH, 65520);
  poke(TIFFTAG_TILELENGTH, 65520);
  auto image = again();
  ASSERT_FALSE(image);
  EXPECT_EQ(image.error().message, "TIFF: the tile size 65520 x 65520 of 4292870400 bytes makes no sense or is over the limit");
  ASSERT_TRUE(write(COMPRESSION_ADOBE_DEFLATE));
  poke(TIFFTAG_TILEOFFSETS, 4);
  image = again();
  ASSERT_FALSE(image);
  EXPECT_EQ(image.error().message.rfind("TIFF: the tile at (0, 0) cannot be read: ", 0), 0U) << image.error().message;
}

TEST_F(Tiff, JpegInsideIsTurnedIntoColours) {
  Picture picture{32, 16, 3, 8, PHOTOMETRIC_YCBCR, {}, COMPRESSION_JPEG};
  for (std::size_t y = 0; y < 16; ++y)
    for (std::size_t x = 0; x < 32; ++x)
      for (const std::size_t v : {40 + 4 * x, 200 - 8 * y, std::size_t{90}}) picture.rows.push_back(static_cast<std::uint8_t>(v));
  picture.more = [](TIFF* tiff) {
    TIFFSetField(tiff, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
    TIFFSetField(tiff, TIFFTAG_JPEGQUALITY, 98);
    TIFFSetField(tiff, TIFFTAG_ROWSPERSTRIP, 16);
  };
  const auto image = decode(picture);
  ASSERT_TRUE(image) << sentence(image.error());
  ASSERT_EQ(image->pixels.size(), picture.rows.size());
  for (std::size_t i = 0; i < picture.rows.size(); ++i) ASSERT_NEAR(image->pixels[i], picture.rows[i], 8) << i;
}

TEST_F(Tiff, SaysHowManyPicturesThereAreAndWhereTheirListLoops) {
  const auto two = decode([](TIFF* tiff) {
    for (std::uint8_t page = 1; page <= 2; ++page) {
      const Picture picture{1, 1, 1, 8, PHOTOMETRIC_MINISBLACK, {page}};
      picture.put(tiff);
      picture.put_rows(tiff);
      TIFFWriteDirectory(tiff);
    }
  });
  ASSERT_TRUE(two) << sentence(two.error());
  EXPECT_EQ(two->pixels, (Pixels{1, 1, 1}));
  EXPECT_EQ(warnings_, (std::vector<std::string>{"TIFF: the file holds 2 pictures, the first is shown"}));
  std::string file = test::read_text(path());
  std::uint32_t first = 0, second = 0;
  std::uint16_t entries = 0;
  std::memcpy(&first, &file[4], 4);
  std::memcpy(&entries, &file[first], 2);
  std::memcpy(&second, &file[first + 2 + 12U * entries], 4);
  std::memcpy(&entries, &file[second], 2);
  std::memcpy(&file[second + 2 + 12U * entries], &first, 4);
  std::ofstream(path(), std::ios::binary) << file;
  ASSERT_TRUE(again());
  ASSERT_EQ(warnings_.size(), 1U);
  EXPECT_EQ(warnings_[0], "TIFF: the directories (IFD) form a loop at byte " + std::to_string(first) + "; the first picture is shown");
}

TEST_F(Tiff, WithoutASizeIsRefused) {
  ASSERT_TRUE(decode(Picture{1, 1, 1, 8, PHOTOMETRIC_MINISBLACK, {7}}));
  std::string file = test::read_text(path());
  std::uint32_t first = 0;
  std::memcpy(&first, &file[4], 4);
  const std::uint16_t other = 254;   // the width becomes a second tag of another kind
  std::memcpy(&file[first + 2], &other, 2);
  std::ofstream(path(), std::ios::binary) << file;
  const auto image = again();
  ASSERT_FALSE(image);
  EXPECT_EQ(image.error().code, ErrorCode::FileFormat);
}

}  // namespace
}  // namespace vitrine::engine
