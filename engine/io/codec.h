#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace vitrine::engine {

/// How a stored element type becomes float32.
struct Codec {
  std::string_view name;          ///< as the format spells it
  std::uint32_t block_values;     ///< values stored together; a row holds whole blocks
  std::uint32_t block_bytes;
  /// `count` values from unaligned bytes; nullptr if the type is listed but its values are not offered.
  void (*decode)(const std::uint8_t* from, std::size_t count, float* to);

  /// Bytes that `count` values take, the last block whole; nothing if that overflows.
  [[nodiscard]] std::optional<std::uint64_t> bytes_for(std::uint64_t count) const;
};

/// Types of two numbers, real and imaginary, of half the bytes each. They have no values of one number: three parts have.
[[nodiscard]] bool is_complex(std::string_view type);
/// What is put behind the name of a complex tensor for its real and imaginary parts and its magnitude.
inline constexpr std::array<std::string_view, 3> kComplexParts = {".real", ".imag", ".abs"};
/// How that part of a complex type becomes float32. @param part of `kComplexParts`
[[nodiscard]] const Codec* complex_part(const Codec& codec, std::size_t part);

/// nullptr where the format has no such type; the same for the two others.
[[nodiscard]] const Codec* safetensors_codec(std::string_view name);
/// Types of `ggml_type`.
[[nodiscard]] const Codec* gguf_codec(std::uint32_t type_number);
/// Types of PyTorch, as `torch.dtype` spells them without its module: "float32", "bfloat16", "qint8", ...
[[nodiscard]] const Codec* torch_codec(std::string_view name);
/// Types of `TensorProto.DataType`.
[[nodiscard]] const Codec* onnx_codec(std::int64_t data_type);

/// A number for each codec above, by which processes of one build name it to each other.
[[nodiscard]] std::optional<std::uint32_t> number_of_codec(const Codec& codec);
/// nullptr if no codec has that number.
[[nodiscard]] const Codec* codec_of_number(std::uint64_t number);

}  // namespace vitrine::engine
