#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "engine/io/bytes.h"
#include "engine/io/quantised.h"

namespace vitrine::engine::quantised {

using File = std::shared_ptr<const Checkpoint>;
using Matrices = std::vector<QuantisedMatrix>;

/// Most values of one matrix.
inline constexpr std::int64_t kMaxValues = std::int64_t{1} << 36;

/// `bits` wide numbers one after another in little-endian 32-bit words that lie `stride` words apart.
struct BitRow {
  const std::byte* base;
  std::size_t stride;
  unsigned bits;

  [[nodiscard]] std::uint32_t word(std::size_t i) const { return load_le<std::uint32_t>(base + i * stride * 4); }
  [[nodiscard]] std::uint32_t at(std::size_t i) const {
    const std::size_t first = i * bits;
    const unsigned shift = first % 32;
    std::uint32_t v = word(first / 32) >> shift;
    if (shift + bits > 32) v |= word(first / 32 + 1) << (32 - shift);
    return v & ((1U << bits) - 1);
  }
};

[[nodiscard]] inline std::int64_t words_for(std::int64_t values, int bits) { return (values * bits + 31) / 32; }
[[nodiscard]] inline std::int64_t parts_of(std::int64_t values, std::int64_t each) { return values / each + (values % each != 0 ? 1 : 0); }

/// A PyTorch file with the names of types that safetensors has; its `bytes` are those of whole tensors only.
[[nodiscard]] File with_safetensors_types(File file);

/// @error FileFormat naming the tensor
[[nodiscard]] tl::unexpected<Error> bad(const TensorEntry& entry, const std::string& what);
/// The part `base` + `suffix`, of one of the types. @error FileFormat if it is missing or of another type
[[nodiscard]] Result<const TensorEntry*> part(const Checkpoint& file, const std::string& base, std::string_view suffix,
                                              std::initializer_list<std::string_view> types);
[[nodiscard]] inline bool is_float(std::string_view type) { return type == "F32" || type == "F16" || type == "BF16"; }
/// @error FileFormat: "expected shape [..], came [..]"
[[nodiscard]] Status expect_shape(const TensorEntry& entry, std::initializer_list<std::int64_t> shape);
/// A matrix of at least one value.
[[nodiscard]] Status expect_matrix(const TensorEntry& entry);

/// An integer of `quantization_config` under one of the names. @error FileFormat if it is something else
[[nodiscard]] Result<std::optional<std::int64_t>> whole(const nlohmann::json& config, std::initializer_list<const char*> names);
[[nodiscard]] std::string word(const nlohmann::json& config, const char* name);

/// Fills what all matrices have in common; the float matrix beside it becomes the reference.
[[nodiscard]] QuantisedMatrix matrix_of(const Checkpoint& file, const std::string& name, std::string type, std::int64_t out,
                                        std::int64_t in, const std::vector<const TensorEntry*>& parts, std::string layout);

/// A decoder from a function.
[[nodiscard]] std::shared_ptr<const MatrixDecoder> decoder(std::function<Status(std::span<float>)> decode);

/// Each appends the matrices of its layout. `config` is `quantization_config` or null.
[[nodiscard]] Status find_packed_columns(const File& file, const nlohmann::json& config, Matrices& found);
[[nodiscard]] Status find_bitsandbytes(const File& file, Matrices& found);
[[nodiscard]] Status find_scaled(const File& file, const nlohmann::json& config, Matrices& found);

}  // namespace vitrine::engine::quantised
