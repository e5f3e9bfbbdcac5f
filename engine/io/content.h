#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace vitrine::engine {

/// What the first bytes of a file say it is.
enum class Content {
  Empty, Safetensors, Gguf, GgmlOld, Onnx, Zip, Pickle, Json, Html, LfsPointer, Npy, Tar, Sqlite,
  Png, Jpeg, Webp, Bmp, Gif, Tiff, Text, Unknown,
};

/// By content alone. Costs at most one pass over the top-level fields of a protobuf.
[[nodiscard]] Content content_of(std::span<const std::byte> bytes);

/// Which weights reader should open it: content first, then the name; Unknown if none.
[[nodiscard]] Content weights_content(std::span<const std::byte> bytes, std::string_view file_name);

/// "an HTML page", "a Git LFS pointer, not the file itself", "a zip archive", ...
[[nodiscard]] std::string describe_content(std::span<const std::byte> bytes);

[[nodiscard]] bool is_image_content(Content content);

}  // namespace vitrine::engine
