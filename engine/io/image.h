#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "engine/core/error.h"

namespace vitrine::engine {

/// 8-bit image, row-major, interleaved channels (1 grey, 3 RGB).
struct Image8 {
  int width = 0, height = 0, channels = 3;
  std::vector<std::uint8_t> pixels;
};

/// Float image [channel, row, column].
struct ImageF {
  int channels = 0, height = 0, width = 0;
  std::vector<float> values;
};

/// Decodes PNG, JPEG (EXIF orientation applied, CMYK), WebP, BMP, GIF and TIFF (first picture);
/// sizes are checked before decoding.
/// @param channels 1 or 3: grey by the ITU-R 601 luma as PIL's convert("L"), or RGB (alpha dropped
/// as PIL's convert("RGB"))
/// @param warnings  if given, what a user must see although the picture opened
/// @error FileMissing, FileFormat, FileLimit (decoding would take more than 256 MB: 30 to 67 million pixels),
/// Unsupported (SVG, animated WebP, BigTIFF, ...)
[[nodiscard]] Result<Image8> decode_image(const std::filesystem::path& path, int channels = 3,
                                          std::vector<std::string>* warnings = nullptr);
/// The same from bytes; `name` stands in messages.
[[nodiscard]] Result<Image8> decode_image_bytes(std::span<const std::uint8_t> bytes,
                                                const std::string& name, int channels = 3,
                                                std::vector<std::string>* warnings = nullptr);

enum class Resample { Nearest, Bilinear, Bicubic, Lanczos, Box, Hamming };

/// Resize with PIL's convolution kernels (antialiased, 8-bit fixed point); equal to PIL within one
/// grey level.
/// @param width, height at least 1
/// @source Pillow, Resample.c (behaviour)
[[nodiscard]] Image8 resize_pil(const Image8& image, int width, int height, Resample filter);
/// Resize as OpenCV's INTER_AREA: the mean over the source area of each pixel; enlarging is linear.
[[nodiscard]] Image8 resize_area(const Image8& image, int width, int height);
/// Resize as torchvision does with float tensors: half-pixel centres; bicubic with a = -0.5 if antialiased, else -0.75.
/// Values may leave the range of the input.
/// @param width, height at least 1
/// @param filter Bilinear or Bicubic
[[nodiscard]] ImageF resize_float(const ImageF& image, int width, int height, Resample filter, bool antialias);
/// Grey by the ITU-R 601 luma, or grey repeated; the image itself if it has that many channels.
[[nodiscard]] Image8 with_channels(const Image8& image, int channels);

/// What `preprocessor_config.json` (Hugging Face) or a timm `pretrained_cfg` asks for.
struct ImagePreprocess {
  int channels = 3;
  bool do_resize = true;
  int resize_width = 224,
      resize_height = 224;  ///< exact size, unless shortest_edge or longest_edge is set
  int shortest_edge = 0;
  int longest_edge = 0;  ///< then padded with zeros to the crop size, centred
  Resample filter = Resample::Bicubic;
  bool area_filter = false;  ///< OpenCV INTER_AREA instead of `filter`
  bool do_center_crop = false;
  int crop_width = 0, crop_height = 0;
  bool do_pad = false;
  bool flip_channels = false;  ///< BGR instead of RGB
  double rescale = 1.0 / 255;
  std::vector<double> mean, std;  ///< per channel; empty: no normalisation

  /// @error FileFormat naming the key that is wrong
  [[nodiscard]] static Result<ImagePreprocess> from_json(const nlohmann::json& config);
};

struct PreprocessedImage {
  ImageF values;  ///< what the model gets
  Image8 shown;   ///< the same crop before normalisation, for overlays
};

/// Resize, pad or crop, rescale, normalise.
/// @error InvalidInput if a size would be below 1 or above 16,384, or the means do not go with the
/// channels
[[nodiscard]] Result<PreprocessedImage> preprocess(const Image8& image, const ImagePreprocess& how);

}  // namespace vitrine::engine
