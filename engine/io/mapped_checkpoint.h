#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <nlohmann/json.hpp>

#include "engine/io/checkpoint.h"
#include "engine/io/codec.h"
#include "engine/io/mapped_file.h"
#include "engine/io/name_index.h"
#include "engine/io/packed_tensors.h"
#include "engine/io/tensor_list.h"

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

  bool operator==(const TensorSource&) const = default;
};

/// What many tensors have in common.
struct TensorKind {
  std::string dtype;
  SharedText file;
  TensorSource source;

  bool operator==(const TensorKind&) const = default;
};

/// The checkpoint that every reader fills: tensors, their sources, and what the file says about itself. Packed as long as
/// nobody asks for `tensors()` or one by its name.
class MappedCheckpoint final : public Checkpoint, public TensorList {
 public:
  explicit MappedCheckpoint(std::string format) : format_(std::move(format)), metadata_(nlohmann::json::object()) {}

  /// Room for that many tensors, all their names and all sizes of their shapes.
  void reserve(std::size_t tensors, std::size_t name_bytes, std::size_t axes);
  /// The parts of complex numbers (`kComplexParts`) are found by their names as well; they are not listed.
  /// @error FileFormat if a tensor of that name is there already
  Status add(const TensorEntry& entry, const TensorSource& source);
  /// The number of a kind, for `append`; the same for the same kind if it was among the last.
  std::uint32_t number_of_kind(const TensorKind& kind);
  /// Adds a tensor whose name is not looked at before `index_names`: many at once are indexed more quickly than one by one.
  /// @error FileLimit if all names together are more than 4 GB
  Status append(std::string_view name, std::span<const std::int64_t> shape, std::uint64_t offset, std::uint64_t bytes, std::uint32_t kind);
  /// In place of `append`, for all of them: columns whose rows name kinds that exist.
  void set_tensors(PackedTensors tensors) { packed_ = std::move(tensors); }
  /// @return the first tensor whose name another one before it has; nothing if each has its own
  [[nodiscard]] std::optional<std::size_t> index_names();
  /// Whether a tensor of that name is listed and indexed.
  [[nodiscard]] bool has(std::string_view name) const { return number_of(name).has_value(); }
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
  [[nodiscard]] const std::vector<TensorEntry>& tensors() const override;
  [[nodiscard]] std::size_t size() const override { return packed_.size(); }
  [[nodiscard]] ListedTensor at(std::size_t number) const override;
  [[nodiscard]] const TensorEntry* find(const std::string& name) const override;
  [[nodiscard]] Result<std::vector<float>> read_f32(const TensorEntry& entry) const override;
  [[nodiscard]] Status read_f32_into(const TensorEntry& entry, std::span<float> out) const override;
  [[nodiscard]] Status read_f32_range(const TensorEntry& entry, std::uint64_t begin, std::span<float> out) const override;
  [[nodiscard]] Result<std::span<const std::byte>> bytes(const TensorEntry& entry) const override;
  [[nodiscard]] const nlohmann::json& metadata() const override { return metadata_; }
  [[nodiscard]] const std::vector<std::string>& warnings() const override { return warnings_; }
  [[nodiscard]] std::vector<std::string> files() const override { return files_; }

  /// Where the values of one of `tensors` lie.
  [[nodiscard]] const TensorSource& source(std::size_t number) const { return kinds_[packed_[number].kind].source; }
  [[nodiscard]] const PackedTensors& packed() const { return packed_; }
  [[nodiscard]] const std::vector<TensorKind>& kinds() const { return kinds_; }
  /// Second names and the number of the tensor in `tensors`.
  [[nodiscard]] std::vector<std::pair<std::string, std::size_t>> aliases() const;
  [[nodiscard]] std::vector<std::pair<std::string, std::size_t>> transposed() const;

 private:
  [[nodiscard]] std::optional<std::size_t> number_of(std::string_view name) const;
  [[nodiscard]] TensorEntry entry(std::size_t number) const;
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
  PackedTensors packed_;
  std::vector<TensorKind> kinds_;
  NameIndex index_;
  std::unordered_map<std::string, std::size_t> aliases_;
  std::map<std::string, Transposed> transposed_;
  /// What is made as it is asked for.
  struct Made {
    std::mutex guard;
    std::vector<TensorEntry> tensors;
    std::map<std::string, ComplexPart> complex_parts;
  };
  std::unique_ptr<Made> made_ = std::make_unique<Made>();
  nlohmann::json metadata_;
  std::vector<std::string> warnings_;
  std::vector<std::string> files_;
};

/// Product of a shape; nothing if it or the product of its non-zero part passes 2^63-1.
[[nodiscard]] std::optional<std::uint64_t> checked_numel(std::span<const std::uint64_t> shape);

}  // namespace vitrine::engine
