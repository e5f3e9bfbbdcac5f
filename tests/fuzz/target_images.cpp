#include "engine/io/image_codecs.h"
#include "tests/fuzz/target.h"

using namespace vitrine;
using namespace vitrine::fuzz;

namespace {

using Decoder = engine::Result<engine::Image8> (*)(engine::image::Bytes, engine::image::Warnings&);

/// Pictures that take long to decode because they are large are not what is looked for here.
void check_picture(Bytes bytes, Decoder decode) {
  engine::image::Warnings warnings;
  const std::vector<std::uint8_t> copy(bytes.begin(), bytes.end());
  const auto picture = decode(copy, warnings);
  if (!picture) return check_error(picture.error(), bytes.size());
  require(picture->width > 0 && picture->height > 0, "a picture without pixels");
  require(picture->channels == 1 || picture->channels == 3, "a picture that is neither grey nor RGB");
  const auto values = static_cast<std::size_t>(picture->width) * static_cast<std::size_t>(picture->height) *
                      static_cast<std::size_t>(picture->channels);
  require(picture->pixels.size() == values, "a picture of another size than it says");
}

/// The door tells codecs apart by these before it calls them.
bool begins(Bytes bytes, std::string_view magic, std::size_t at = 0) {
  return bytes.size() >= at && as_text(bytes).substr(at).starts_with(magic);
}

}  // namespace

VITRINE_FUZZ_TARGET(png) {
  if (begins(bytes, "\x89PNG\r\n\x1A\n")) check_picture(bytes, engine::image::decode_png);
}
VITRINE_FUZZ_TARGET(jpeg) {
  if (begins(bytes, "\xFF\xD8\xFF")) check_picture(bytes, engine::image::decode_jpeg);
}
VITRINE_FUZZ_TARGET(webp) {
  if (begins(bytes, "RIFF") && begins(bytes, "WEBP", 8)) check_picture(bytes, engine::image::decode_webp);
}
VITRINE_FUZZ_TARGET(bmp) {
  if (begins(bytes, "BM")) check_picture(bytes, engine::image::decode_bmp);
}
VITRINE_FUZZ_TARGET(gif) {
  if (begins(bytes, "GIF87a") || begins(bytes, "GIF89a")) check_picture(bytes, engine::image::decode_gif);
}
VITRINE_FUZZ_TARGET(tiff) {
  if (begins(bytes, "II") || begins(bytes, "MM")) check_picture(bytes, engine::image::decode_tiff);
}
VITRINE_FUZZ_TARGET(exif) {
  engine::image::Warnings warnings;
  const std::vector<std::uint8_t> copy(bytes.begin(), bytes.end());
  const int orientation = engine::image::exif_orientation(copy, warnings);
  require(orientation >= 1 && orientation <= 8, "an orientation that does not exist");
}
