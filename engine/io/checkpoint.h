#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "engine/core/error.h"

namespace vitrine::engine {

/// A text that many hold and that is there once: the path in each of a million tensors.
class SharedText {
 public:
  SharedText() = default;
  SharedText(std::string text) : text_(std::make_shared<const std::string>(std::move(text))) {}   // NOLINT: stands for a string
  SharedText(const char* text) : SharedText(std::string(text)) {}                                 // NOLINT
  operator const std::string&() const { return get(); }                                           // NOLINT
  [[nodiscard]] const std::string& get() const {
    static const std::string kEmpty;
    return text_ ? *text_ : kEmpty;
  }
  friend bool operator==(const SharedText& a, const SharedText& b) { return a.text_ == b.text_ || a.get() == b.get(); }

 private:
  std::shared_ptr<const std::string> text_;
};

/// One tensor of a file: where its bytes are and what they mean.
struct TensorEntry {
  std::string name;
  std::string dtype;                 ///< as the format spells it: "F32", "BF16", "Q4_1", "I64", ...
  std::vector<std::int64_t> shape;   ///< row-major, slowest axis first, whatever the format's order
  std::uint64_t offset = 0;          ///< of the first byte, in `file`
  std::uint64_t bytes = 0;           ///< stored bytes; of a strided view, from its first value to its last
  SharedText file;                   ///< path of the file that holds the bytes

  [[nodiscard]] std::int64_t numel() const {
    std::int64_t n = 1;
    for (auto s : shape) n *= s;
    return n;
  }
};

/// A weights file or set of shards, opened but not read. Thread safe for reading.
class Checkpoint {
 public:
  virtual ~Checkpoint() = default;

  [[nodiscard]] virtual std::string format() const = 0;      ///< "safetensors", "gguf", "onnx", ...
  [[nodiscard]] virtual const std::vector<TensorEntry>& tensors() const = 0;
  /// nullptr if there is none of that name.
  [[nodiscard]] virtual const TensorEntry* find(const std::string& name) const = 0;
  /// Values as float32, dequantised; NaN stays NaN. Integer types are converted.
  /// @cost  one pass over `entry.bytes`, 4 bytes a value
  [[nodiscard]] virtual Result<std::vector<float>> read_f32(const TensorEntry& entry) const = 0;
  /// The same into memory of the caller's, `entry.numel()` floats.
  [[nodiscard]] virtual Status read_f32_into(const TensorEntry& entry, std::span<float> out) const = 0;
  /// `out.size()` values from value `begin` on, in row-major order: for tensors that are looked at piece by piece.
  /// @error ShapeMismatch outside the tensor
  /// @cost  the piece alone where the bytes are mapped; the whole tensor for a view that is put together on reading
  [[nodiscard]] virtual Status read_f32_range(const TensorEntry& entry, std::uint64_t begin, std::span<float> out) const;
  /// The stored bytes, mapped; valid as long as the checkpoint.
  [[nodiscard]] virtual Result<std::span<const std::byte>> bytes(const TensorEntry& entry) const = 0;
  /// What the file says about itself: safetensors __metadata__, GGUF key-values, ONNX producer and opsets.
  [[nodiscard]] virtual const nlohmann::json& metadata() const = 0;
  /// Anything a user must see although the file opened.
  [[nodiscard]] virtual const std::vector<std::string>& warnings() const = 0;
  [[nodiscard]] virtual std::vector<std::string> files() const = 0;
};

/// Opens a weights file, or the weights of a model folder, by content first and name second.
/// @error FileMissing, FileFormat, FileLimit, Unsupported; one sentence, with the byte where one exists
/// @cost  reads headers only
[[nodiscard]] Result<std::shared_ptr<const Checkpoint>> open_checkpoint(const std::filesystem::path& path);

}  // namespace vitrine::engine
