#include <fstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <zlib.h>

#include "engine/io/image.h"
#include "golden_files.h"

namespace vitrine::engine {
namespace {

using Pixels = std::vector<std::uint8_t>;

/// 5 x 4 grey values and what Pillow 13 makes of them.
const Image8 kSource{5, 4, 1, {0, 37, 74, 111, 148, 196, 233, 14, 51, 88, 136, 173, 210, 247, 28, 76, 113, 150, 187, 224}};

TEST(ResizePil, KnowsEveryFilterOfPillow) {
  EXPECT_EQ(resize_pil(kSource, 3, 2, Resample::Nearest).pixels, (Pixels{196, 14, 88, 76, 150, 224}));
  EXPECT_EQ(resize_pil(kSource, 3, 2, Resample::Box).pixels, (Pixels{117, 44, 100, 125, 180, 172}));
  EXPECT_EQ(resize_pil(kSource, 3, 2, Resample::Hamming).pixels, (Pixels{114, 68, 104, 124, 175, 157}));
  EXPECT_EQ(resize_pil(kSource, 7, 6, Resample::Nearest).pixels,
            (Pixels{0,   37,  37,  74,  111, 111, 148, 196, 233, 233, 14,  51,  51,  88,  196, 233, 233, 14,  51,  51,  88,
                    136, 173, 173, 210, 247, 247, 28,  136, 173, 173, 210, 247, 247, 28,  76,  113, 113, 150, 187, 187, 224}));
  EXPECT_EQ(resize_pil(kSource, 7, 6, Resample::Box).pixels,
            (Pixels{0,   37,  37,  74,  111, 111, 148, 196, 233, 233, 14,  51,  51,  88,  196, 233, 233, 14,  51,  51,  88,
                    136, 173, 173, 210, 247, 247, 28,  76,  113, 113, 150, 187, 187, 224, 76,  113, 113, 150, 187, 187, 224}));
  EXPECT_EQ(resize_pil(kSource, 7, 6, Resample::Hamming).pixels,
            (Pixels{0,   24,  41,  74,  107, 124, 148, 98,  122, 125, 44,  77,  94,  118, 194, 218, 208, 20, 53,  67,  86,
                    138, 162, 178, 204, 237, 170, 30,  106, 130, 147, 180, 213, 187, 126, 76,  100, 117, 150, 183, 200, 224}));
}

TEST(ImagePreprocess, ReadsWhatProcessorsSay) {
  const auto padded = ImagePreprocess::from_json({{"size", {{"longest_edge", 384}}}, {"resample", "area"}});
  ASSERT_TRUE(padded) << padded.error().message;
  EXPECT_EQ(padded->longest_edge, 384);
  EXPECT_TRUE(padded->do_pad);
  EXPECT_TRUE(padded->area_filter);
  const auto squashed = ImagePreprocess::from_json({{"size", {{"shortest_edge", 384}}}, {"crop_pct", 0.875}});
  ASSERT_TRUE(squashed) << squashed.error().message;
  EXPECT_EQ(squashed->shortest_edge, 0);
  EXPECT_EQ(squashed->resize_width, 384);
  EXPECT_EQ(squashed->resize_height, 384);
  EXPECT_FALSE(squashed->do_center_crop);
  const auto inner = ImagePreprocess::from_json({{"pretrained_cfg", {{"input_size", {3, 224, 224}}, {"interpolation", "box"}}}});
  ASSERT_TRUE(inner) << inner.error().message;
  EXPECT_EQ(inner->filter, Resample::Box);
}

TEST(ImagePreprocess, RefusesWhatItCannotDo) {
  const std::vector<std::pair<nlohmann::json, std::string>> rows = {
      {{{"input_size", {4, 224, 224}}}, "image processor: 4 channels are not supported"},
      {{{"input_size", {3, 224, 224}}, {"crop_mode", "border"}}, "image processor: crop_mode 'border' is not supported"},
      {{{"image_mean", {0.5, 0.5}}, {"image_std", {1, 1}}}, "image processor: 2 channels are not supported"}};
  for (const auto& [config, message] : rows) {
    const auto how = ImagePreprocess::from_json(config);
    ASSERT_FALSE(how) << config;
    EXPECT_EQ(how.error().code, ErrorCode::Unsupported);
    EXPECT_EQ(how.error().message, message);
  }
}

std::string refusal(const Image8& image, const ImagePreprocess& how) {
  const auto out = preprocess(image, how);
  return out ? "" : out.error().message;
}

TEST(Preprocess, RefusesSizesAndStatisticsThatMakeNoPicture) {
  ImagePreprocess how;
  EXPECT_EQ(refusal(kSource, how), "");
  EXPECT_EQ(refusal(Image8{}, how), "the image has no pixels");
  how.channels = 2;
  EXPECT_EQ(refusal(kSource, how), "images have 1 or 3 channels here, not 2");
  how = {};
  how.resize_width = 16385;
  EXPECT_EQ(refusal(kSource, how), "the resized image of 16385 x 224 is not within 1 and 16384 a side");
  how = {};
  how.shortest_edge = 10000;
  EXPECT_EQ(refusal(Image8{1, 5000, 1, Pixels(5000)}, how), "the resized image of 10000 x 50000000 is not within 1 and 16384 a side");
  how = {};
  how.do_center_crop = true;
  EXPECT_EQ(refusal(kSource, how), "the crop of 0 x 0 is not within 1 and 16384 a side");
  how = {};
  how.mean = {0.5, 0.5};
  how.std = {1, 1};
  EXPECT_EQ(refusal(kSource, how), "2 means and 2 standard deviations do not go with 3 channels");
  how.mean = how.std = {0};
  EXPECT_EQ(refusal(kSource, how), "a standard deviation of 0 cannot normalise an image");
}

void put_be(std::string& out, std::uint32_t v) {
  for (const int shift : {24, 16, 8, 0}) out.push_back(static_cast<char>(v >> shift & 0xFF));
}

void put_chunk(std::string& out, const std::string& type, const std::string& data) {
  put_be(out, static_cast<std::uint32_t>(data.size()));
  const std::string body = type + data;
  out += body;
  put_be(out, static_cast<std::uint32_t>(::crc32(0, reinterpret_cast<const Bytef*>(body.data()), static_cast<uInt>(body.size()))));
}

/// A grey PNG of one deflated block of data, chunks of any kind before it.
std::string png(std::uint32_t width, std::uint32_t height, int comments, const std::string& data, char colour = 0) {
  std::string out = "\x89PNG\r\n\x1A\n", header, packed(data.size() + 64, '\0');
  put_be(header, width);
  put_be(header, height);
  header += {8, colour, 0, 0, 0};
  put_chunk(out, "IHDR", header);
  for (int i = 0; i < comments; ++i) put_chunk(out, "tEXt", "a=b");
  uLongf length = packed.size();
  EXPECT_EQ(::compress(reinterpret_cast<Bytef*>(packed.data()), &length, reinterpret_cast<const Bytef*>(data.data()), data.size()), Z_OK);
  put_chunk(out, "IDAT", packed.substr(0, length));
  put_chunk(out, "IEND", "");
  return out;
}

Result<Image8> decode(const std::string& bytes, std::vector<std::string>* warnings = nullptr, int channels = 3) {
  return decode_image_bytes({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}, "a.png", channels, warnings);
}

TEST(DecodePng, WarnsOfUnusuallyManyChunks) {
  std::vector<std::string> warnings;
  const auto image = decode(png(1, 1, 1001, std::string("\0\x7F", 2)), &warnings);
  ASSERT_TRUE(image) << sentence(image.error());
  EXPECT_EQ(image->pixels, (Pixels{0x7F, 0x7F, 0x7F}));
  EXPECT_NE(std::find(warnings.begin(), warnings.end(), "PNG: 1004 chunks, which is over the usual limit of 1000"), warnings.end());
}

TEST(DecodePng, DoesNotBelieveASizeThatItsDataCannotHold) {
  const auto image = decode(png(8000, 8000, 0, std::string(2, '\0')));
  ASSERT_FALSE(image);
  EXPECT_EQ(image.error().message.rfind("PNG: ", 0), 0U);
  EXPECT_NE(image.error().message.find("bytes of image data cannot hold 8000 x 8000 pixels (truncated)"), std::string::npos);
}

TEST(DecodeImage, SaysWhatItWasGivenInstead) {
  const auto message = [](const std::string& bytes) { return decode(bytes).error().message; };
  EXPECT_EQ(message("<?xml version=\"1.0\"?><svg xmlns=\"x\"></svg>"), "SVG drawings are not supported; save the image as PNG");
  EXPECT_EQ(message("hello"), "the content is not recognised as an image: expected PNG, JPEG, WebP, BMP, GIF or TIFF, came a text file");
  EXPECT_EQ(decode("hello").error().file, "a.png");
  EXPECT_EQ(decode(png(1, 1, 0, "ab"), nullptr, 4).error().message, "images have 1 or 3 channels here, not 4");
}

TEST(DecodeImage, HasALimitOnTheFile) {
  const test::TemporaryFolder folder;
  const auto path = folder.path() / "large.png";
  std::ofstream(path).close();
  std::filesystem::resize_file(path, (std::uintmax_t{1} << 29) + 1);
  const auto image = decode_image(path);
  ASSERT_FALSE(image);
  EXPECT_EQ(image.error().code, ErrorCode::FileLimit);
  EXPECT_EQ(sentence(image.error()), path.string() + ": the image file has 536870913 bytes, the limit is 536870912");
}


void put_le(std::string& out, std::uint32_t v, int bytes) {
  for (int i = 0; i < bytes; ++i, v = v >> 8U) out.push_back(static_cast<char>(v & 0xFFU));
}

std::string bmp(std::uint32_t header, std::uint32_t data_at) {
  std::string out = "BM";
  put_le(out, 0, 8);
  put_le(out, data_at, 4);
  put_le(out, header, 4);
  return out;
}

TEST(DecodeBmp, ReadsTheHeaderOfOs2) {
  std::string file = bmp(12, 26);
  for (const std::uint32_t v : {2U, 2U, 1U, 24U}) put_le(file, v, 2);
  file += {1, 2, 3, 4, 5, 6, 0, 0, 7, 8, 9, 10, 11, 12, 0, 0};   // blue, green, red; the lower row first
  const auto image = decode(file);
  ASSERT_TRUE(image) << sentence(image.error());
  EXPECT_EQ(image->width, 2);
  EXPECT_EQ(image->pixels, (Pixels{9, 8, 7, 12, 11, 10, 3, 2, 1, 6, 5, 4}));
}

std::string with_masks(int bits, std::initializer_list<std::uint32_t> masks) {
  std::string file = bmp(40, 54 + 4 * static_cast<std::uint32_t>(masks.size()));
  put_le(file, 1, 4);
  put_le(file, 1, 4);
  put_le(file, 1, 2);
  put_le(file, static_cast<std::uint32_t>(bits), 2);
  put_le(file, 3, 4);
  put_le(file, 0, 4 * 5);
  file.resize(54, '\0');
  for (const std::uint32_t mask : masks) put_le(file, mask, 4);
  return file;
}

TEST(DecodeBmp, SpreadsTheBitsOfItsMasks) {
  std::string narrow = with_masks(16, {0xF800, 0x07E0, 0x001F}), wide = with_masks(32, {0x3FF00000, 0, 0x000000FF});
  put_le(narrow, 31U << 11 | 32U << 5 | 16U, 4);
  put_le(wide, 512U << 20 | 0x0003FF00U | 77U, 4);
  const auto a = decode(narrow), b = decode(wide);
  ASSERT_TRUE(a) << sentence(a.error());
  ASSERT_TRUE(b) << sentence(b.error());
  EXPECT_EQ(a->pixels, (Pixels{255, 32 * 255 / 63, 16 * 255 / 31}));
  EXPECT_EQ(b->pixels, (Pixels{512 * 255 / 1023, 0, 77}));
  std::string cut = with_masks(16, {});
  put_le(cut, 0, 4);
  EXPECT_EQ(decode(cut).error().message, "BMP: the colour masks are truncated");
}

/// A GIF of one picture: codes of three bits, a clear code before each two indices, so that no table grows.
std::string gif(std::uint32_t canvas_width, std::uint32_t canvas_height, std::uint32_t width, std::uint32_t height, bool interlaced) {
  std::string out = "GIF89a", codes;
  for (const std::uint32_t v : {canvas_width, canvas_height}) put_le(out, v, 2);
  out += {'\x81', '\0', '\0'};                                         // four colours: 10, 20, 30, 40
  for (char level = 10; level <= 40; level = static_cast<char>(level + 10)) out += {level, level, level};
  out += ',';
  put_le(out, 0, 4);
  for (const std::uint32_t v : {width, height}) put_le(out, v, 2);
  out += {interlaced ? '\x40' : '\0', 2};
  std::uint32_t bits = 0, held = 0;
  const auto put = [&](std::uint32_t code) {
    bits |= code << held;
    for (held += 3; held >= 8; held -= 8, bits >>= 8) codes.push_back(static_cast<char>(bits & 0xFF));
  };
  const std::uint32_t pixels = std::min(width * height, 200U);
  for (std::uint32_t i = 0; i < pixels; ++i) {
    if (i % 2 == 0) put(4);
    put(i % 4);
  }
  put(5);
  if (held > 0) codes.push_back(static_cast<char>(bits));
  out += static_cast<char>(codes.size());
  return out + codes + std::string(1, '\0') + ";";
}

TEST(DecodeGif, PutsInterlacedRowsInTheirPlaces) {
  const auto image = decode(gif(1, 10, 1, 10, true), nullptr, 1);
  ASSERT_TRUE(image) << sentence(image.error());
  constexpr std::size_t order[] = {0, 8, 4, 2, 6, 1, 3, 5, 7, 9};
  for (std::size_t i = 0; i < 10; ++i) EXPECT_EQ(image->pixels[order[i]], 10 * (i % 4 + 1)) << i;
}

TEST(DecodeGif, WarnsOfWhatFollowsAndOfWhatDoesNot) {
  std::vector<std::string> warnings;
  const std::string whole = gif(4, 2, 4, 2, false);
  ASSERT_TRUE(decode(whole, &warnings));
  EXPECT_TRUE(warnings.empty());
  ASSERT_TRUE(decode(whole.substr(0, whole.size() - 2), &warnings));
  EXPECT_EQ(warnings, (std::vector<std::string>{"GIF: the file ends after its first image without a trailer (truncated)"}));
  ASSERT_TRUE(decode(whole.substr(0, whole.size() - 1) + "\x99", &warnings));
  EXPECT_EQ(warnings, (std::vector<std::string>{"GIF: data that is no GIF block follows the first image"}));
}

TEST(DecodeGif, DoesNotBelieveSizesThatItsDataCannotHold) {
  const auto large = decode(gif(3000, 3000, 3000, 3000, false));
  ASSERT_FALSE(large);
  EXPECT_TRUE(large.error().message.starts_with("GIF: ") && large.error().message.ends_with(" bytes of image data cannot hold 9000000 pixels"))
      << large.error().message;
  const auto empty = decode(gif(4000, 4000, 1, 1, false));
  ASSERT_FALSE(empty);
  EXPECT_EQ(empty.error().code, ErrorCode::FileLimit);
  EXPECT_EQ(empty.error().message, "GIF: the canvas 4000 x 4000 is far larger than its image 1 x 1, which is over the limit");
}

TEST(DecodeJpeg, DoesNotBelieveASizeThatItsDataCannotHold) {
  std::string file = test::read_text(VITRINE_SOURCE_DIR "/tests/fuzz/seeds/jpeg/jpeg_grey.jpg");
  const std::size_t frame = file.find("\xFF\xC0");
  ASSERT_NE(frame, std::string::npos);
  file.replace(frame + 5, 4, "\x1F\x40\x1F\x40");   // 8000 x 8000
  const auto image = decode(file);
  ASSERT_FALSE(image);
  EXPECT_EQ(image.error().message, "JPEG: " + std::to_string(file.size()) + " bytes cannot hold the size 8000 x 8000 (truncated)");
}

std::string webp(const std::string& chunk, const std::string& data) {
  std::string out = "RIFF", size;
  put_le(out, static_cast<std::uint32_t>(4 + 8 + data.size()), 4);
  out += "WEBP" + chunk;
  put_le(out, static_cast<std::uint32_t>(data.size()), 4);
  return out + data;
}

TEST(DecodeWebp, RefusesAnimationsAndSizesThatItsDataCannotHold) {
  const auto animated = decode(webp("VP8X", std::string("\x02\0\0\0\x0F\0\0\x0F\0\0", 10)));
  ASSERT_FALSE(animated);
  EXPECT_EQ(animated.error().message, "WebP: animated images are not supported");
  const auto large = decode(webp("VP8 ", std::string("\x10\0\0\x9D\x01\x2A\x40\x1F\x40\x1F", 10)));
  ASSERT_FALSE(large);
  EXPECT_EQ(large.error().message, "WebP: 30 bytes cannot hold the size 8000 x 8000");
}

TEST(DecodeWebp, WarnsOfWhatStandsBehindThePicture) {
  std::ifstream in(VITRINE_SOURCE_DIR "/tests/golden/files/images/webp_lossy.webp", std::ios::binary);
  const std::string file(std::istreambuf_iterator<char>(in), {});
  ASSERT_FALSE(file.empty());
  const test::TemporaryFolder folder;
  const auto path = folder.path() / "longer.webp";
  std::ofstream(path, std::ios::binary) << file << "behind it";
  std::vector<std::string> warnings;
  const auto image = decode_image(path, 3, &warnings);
  ASSERT_TRUE(image) << sentence(image.error());
  EXPECT_EQ(warnings, std::vector<std::string>{"WebP: 9 bytes of data after the RIFF size"});
}

TEST(ImagePreprocess, KnowsPillowsNumbersOfFilters) {
  const std::pair<int, Resample> numbers[] = {{0, Resample::Nearest},  {1, Resample::Lanczos}, {2, Resample::Bilinear},
                                              {3, Resample::Bicubic},  {4, Resample::Box},     {5, Resample::Hamming}};
  for (const auto& [number, filter] : numbers) {
    const auto how = ImagePreprocess::from_json({{"resample", number}});
    ASSERT_TRUE(how) << how.error().message;
    EXPECT_EQ(how->filter, filter) << number;
  }
  const auto sized = ImagePreprocess::from_json({{"image_processor_type", "CLIPImageProcessor"}, {"size", 100}});
  ASSERT_TRUE(sized);
  EXPECT_EQ(sized->shortest_edge, 100);
}

TEST(DecodeJpeg, HasALimitOnItsScans) {
  const std::string file = test::read_text(VITRINE_SOURCE_DIR "/tests/fuzz/seeds/jpeg/jpeg_progressive.jpg");
  const std::size_t last = file.rfind("\xFF\xDA");
  ASSERT_NE(last, std::string::npos);
  const std::string scan = file.substr(last, file.size() - 2 - last);
  std::string many = file.substr(0, last);
  for (int i = 0; i < 2000; ++i) many += scan;
  const auto image = decode(many + "\xFF\xD9");
  ASSERT_FALSE(image);
  EXPECT_NE(image.error().message.find("progressive scans, which is the limit"), std::string::npos) << image.error().message;
}

TEST(Preprocess, FitsTheLongerSideAndPadsTheOther) {
  ImagePreprocess how;
  how.longest_edge = 10;
  how.filter = Resample::Nearest;
  how.channels = 1;
  const auto out = preprocess(kSource, how);
  ASSERT_TRUE(out) << out.error().message;
  ASSERT_EQ(out->shown.width, 10);
  ASSERT_EQ(out->shown.height, 10);
  for (std::size_t x = 0; x < 10; ++x) {
    EXPECT_EQ(out->shown.pixels[x], 0) << "the row above the picture";
    EXPECT_EQ(out->shown.pixels[10 + x], kSource.pixels[x / 2]);
    EXPECT_EQ(out->shown.pixels[80 + x], kSource.pixels[15 + x / 2]);
    EXPECT_EQ(out->shown.pixels[90 + x], 0);
  }
}

}  // namespace
}  // namespace vitrine::engine
