#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace vitrine::engine {

/// One tensor beside its name and its shape, which end where it says, in the names and the axes of all.
struct PackedRow {
  std::uint64_t offset = 0, bytes = 0;
  std::uint32_t name_end = 0, shape_end = 0;
  std::uint32_t kind = 0;     ///< number of what is the same for many: type, file, how the values are stored
  std::uint32_t unused = 0;
};

/// What tells tensors apart, in three columns: 32 bytes and its name and shape for each, no memory of its own for any.
class PackedTensors {
 public:
  PackedTensors() = default;
  /// Columns that lie elsewhere, which `keeper` keeps and nobody changes any more.
  PackedTensors(std::span<const PackedRow> rows, std::string_view names, std::span<const std::int64_t> axes,
                std::shared_ptr<const void> keeper)
      : keeper_(std::move(keeper)), lent_rows_(rows), lent_names_(names), lent_axes_(axes) {}

  [[nodiscard]] std::size_t size() const { return rows().size(); }
  [[nodiscard]] const PackedRow& operator[](std::size_t number) const { return rows()[number]; }
  [[nodiscard]] std::string_view name(std::size_t number) const {
    const std::uint32_t begin = number == 0 ? 0 : rows()[number - 1].name_end;
    return names().substr(begin, rows()[number].name_end - begin);
  }
  [[nodiscard]] std::span<const std::int64_t> shape(std::size_t number) const {
    const std::uint32_t begin = number == 0 ? 0 : rows()[number - 1].shape_end;
    return axes().subspan(begin, rows()[number].shape_end - begin);
  }

  void reserve(std::size_t tensors, std::size_t name_bytes, std::size_t axes);
  /// @return false, and nothing is added, if all names or all axes together are more than 2^32
  [[nodiscard]] bool add(std::string_view name, std::span<const std::int64_t> shape, std::uint64_t offset,
                         std::uint64_t bytes, std::uint32_t kind);

  [[nodiscard]] std::span<const PackedRow> rows() const { return keeper_ ? lent_rows_ : std::span<const PackedRow>(rows_); }
  [[nodiscard]] std::string_view names() const {
    return keeper_ ? lent_names_ : std::string_view(names_.data(), names_.size());
  }
  [[nodiscard]] std::span<const std::int64_t> axes() const { return keeper_ ? lent_axes_ : std::span<const std::int64_t>(axes_); }

 private:
  void take_over();

  std::vector<PackedRow> rows_;
  std::vector<char> names_;
  std::vector<std::int64_t> axes_;
  std::shared_ptr<const void> keeper_;   ///< set: the columns lie there
  std::span<const PackedRow> lent_rows_;
  std::string_view lent_names_;
  std::span<const std::int64_t> lent_axes_;
};

}  // namespace vitrine::engine
