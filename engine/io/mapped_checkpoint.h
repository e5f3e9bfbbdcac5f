#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <nlohmann/json.hpp>

#include "engine/io/checkpoint.h"
#include "engine/io/codec.h"
#include "engine/io/mapped_file.h"
#include "engine/io/name_index.h"

namespace vitrine::engine {

/// Where the bytes of one tensor are: in a mapped file, or decoded when the file was opened.
struct TensorSource {
  const Codec* codec = nullptr;
  std::shared_ptr<const MappedFile> file;
  std::shared_ptr<const std::vector<std::byte>> decoded;
  std::string no_values;              ///< why values cannot be read; empty if they can
  std::vector<std::int64_t> strides;  ///< in values, one an axis; empty if row-major without holes
  bool big_endian = false;
  /// Where the tensor begins in `decoded`, or in `file` if that holds decoded bytes; without it, it is all of `decoded`
  /// or where the entry says.
  std::optional<std::uint64_t> decoded_at{};
};

/// The checkpoint that every reader fills: entries, their sources, and what the file says about itself.
class MappedCheckpoint final : public Checkpoint {
 public:
  explicit MappedCheckpoint(std::string format) : format_(std::move(format)), metadata_(nlohmann::json::object()) {}

  /// Room for that many tensors.
  void reserve(std::size_t tensors);
  /// The parts of complex numbers (`kComplexParts`) are found by their names as well; they are not listed.
  /// @error FileFormat if a tensor of that name is there already
  Status add(TensorEntry entry, TensorSource source);
  /// A second name under which `find` gives the tensor `target`, a matrix, transposed; not listed in `tensors`.
  void add_transposed(const std::string& alias, const std::string& target);
  /// A second name under which `find` gives the tensor `target`; not listed in `tensors`. The first of a name counts.
  void add_alias(const std::string& alias, const std::string& target);
  /// Moves all tensors of a part of the same model in.
  Status absorb(MappedCheckpoint&& part);

  void warn(std::string what) { warnings_.push_back(std::move(what)); }
  void add_file(const std::string& path) { files_.push_back(path); }
  nlohmann::json& metadata_for_filling() { return metadata_; }

  [[nodiscard]] std::string format() const override { return format_; }
  [[nodiscard]] const std::vector<TensorEntry>& tensors() const override { return tensors_; }
  [[nodiscard]] const TensorEntry* find(const std::string& name) const override;
  [[nodiscard]] Result<std::vector<float>> read_f32(const TensorEntry& entry) const override;
  [[nodiscard]] Status read_f32_into(const TensorEntry& entry, std::span<float> out) const override;
  [[nodiscard]] Status read_f32_range(const TensorEntry& entry, std::uint64_t begin, std::span<float> out) const override;
  [[nodiscard]] Result<std::span<const std::byte>> bytes(const TensorEntry& entry) const override;
  [[nodiscard]] const nlohmann::json& metadata() const override { return metadata_; }
  [[nodiscard]] const std::vector<std::string>& warnings() const override { return warnings_; }
  [[nodiscard]] std::vector<std::string> files() const override { return files_; }

  /// Where the values of each of `tensors` lie.
  [[nodiscard]] const std::vector<TensorSource>& sources() const { return sources_; }
  /// Second names and the number of the tensor in `tensors`.
  [[nodiscard]] std::vector<std::pair<std::string, std::size_t>> aliases() const;
  [[nodiscard]] std::vector<std::pair<std::string, std::size_t>> transposed() const;

 private:
  [[nodiscard]] std::optional<std::size_t> number_of(std::string_view name) const;
  /// A tensor, or a part of a complex one, as it is stored and how it becomes numbers.
  struct ComplexPart;
  struct Stored {
    const TensorEntry* entry = nullptr;
    const TensorSource* source = nullptr;
    const Codec* codec = nullptr;
  };
  [[nodiscard]] Stored stored(const std::string& name) const;
  [[nodiscard]] const ComplexPart* part_of_complex(const std::string& name) const;
  [[nodiscard]] Status decode(const Stored& what, std::span<float> out) const;
  [[nodiscard]] Status read_into(const TensorEntry& entry, std::span<float> out) const;

  struct Transposed {
    TensorEntry entry;
    std::size_t target;
  };
  struct ComplexPart {
    TensorEntry entry;
    std::size_t target;
    const Codec* codec;
  };
  std::string format_;
  std::vector<TensorEntry> tensors_;
  std::vector<TensorSource> sources_;
  NameIndex index_;
  std::unordered_map<std::string, std::size_t> aliases_;
  std::map<std::string, Transposed> transposed_;
  struct ComplexParts {
    std::mutex guard;
    std::map<std::string, ComplexPart> made;   ///< as they are asked for
  };
  std::unique_ptr<ComplexParts> complex_parts_ = std::make_unique<ComplexParts>();
  nlohmann::json metadata_;
  std::vector<std::string> warnings_;
  std::vector<std::string> files_;
};

/// Product of a shape; nothing if it or the product of its non-zero part passes 2^63-1.
[[nodiscard]] std::optional<std::uint64_t> checked_numel(const std::vector<std::uint64_t>& shape);

}  // namespace vitrine::engine
