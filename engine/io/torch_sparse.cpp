#include "engine/io/torch_sparse.h"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "engine/core/memory.h"
#include "engine/io/bytes.h"
#include "engine/io/mapped_checkpoint.h"

namespace vitrine::engine {
namespace {

std::uint64_t product(std::span<const std::int64_t> shape) {
  return std::accumulate(shape.begin(), shape.end(), std::uint64_t{1}, [](std::uint64_t a, std::int64_t b) { return a * static_cast<std::uint64_t>(b); });
}

/// Whole numbers of a part and the bytes of the file that they come from.
struct Indices {
  std::vector<std::int64_t> values;
  std::vector<std::uint64_t> at;   ///< value of the storage, for messages
  std::uint64_t offset = 0, width = 8;

  [[nodiscard]] std::uint64_t byte_of(std::size_t i) const { return offset + at[i] * width; }
};

class Densifier {
 public:
  Densifier(const TorchTensor& tensor, const std::function<Result<StorageBytes>(std::size_t)>& storage, const std::string& file)
      : tensor_(tensor), sparse_(*tensor.sparse), storage_(storage), file_(file), width_(tensor.codec->block_bytes) {}

  Result<DenseTensor> run(std::uint64_t& room) {
    DenseTensor out;
    // A file can name the same parts many times.
    std::uint64_t parts = product(sparse_.values.shape) * width_;
    for (const TorchTensor& part : sparse_.indices) parts += product(part.shape) * part.codec->block_bytes;
    if (parts > room) {
      out.no_values = fmt::format("the sparse tensors of the file together take more than the limit to put their zeros in, {} bytes are left", room);
      return out;
    }
    room -= parts;
    for (const TorchTensor& part : sparse_.indices) {
      VITRINE_TRY(Indices read, indices_of(part));
      indices_.push_back(std::move(read));
    }
    VITRINE_CHECK(sparse_.layout == "coo" ? check_coo() : check_compressed());
    const auto bytes = checked_mul(product(tensor_.shape), width_);
    if (!bytes || *bytes > room)
      out.no_values = fmt::format("a sparse tensor of {} values in its shape would take {} bytes with its zeros, the limit is {}",
                                  product(tensor_.shape), bytes ? fmt::format("{}", *bytes) : "more than 2^64", room);
    else if (!sparse_.values.no_values.empty())
      out.no_values = sparse_.values.no_values;
    if (!out.no_values.empty()) return out;
    room -= *bytes;
    dense_.resize(*bytes);
    VITRINE_TRY(values_, bytes_of(sparse_.values));
    if (sparse_.layout == "coo" && *bytes > 0) filled_.assign(static_cast<std::size_t>(product(std::span(tensor_.shape).first(sparse_axes()))), false);
    out.no_values = sparse_.layout == "coo" ? fill_coo() : fill_compressed();
    if (out.no_values.empty()) out.bytes = std::make_shared<const std::vector<std::byte>>(std::move(dense_));
    return out;
  }

 private:
  [[nodiscard]] tl::unexpected<Error> refuse(std::string message, std::uint64_t at) const {
    return fail_file(ErrorCode::FileFormat, file_, "sparse tensor: " + std::move(message), at);
  }
  [[nodiscard]] std::size_t sparse_axes() const { return static_cast<std::size_t>(sparse_.indices[0].shape[0]); }

  /// Calls `with` for each value of a view, with its place in the storage.
  template <class With>
  static void each_place(const TorchTensor& part, const With& with) {
    const std::uint64_t count = product(part.shape);
    std::vector<std::int64_t> index(part.shape.size(), 0), strides = part.strides;
    if (strides.empty()) {
      strides.assign(part.shape.size(), 1);
      for (std::size_t axis = part.shape.size(); axis-- > 1;) strides[axis - 1] = strides[axis] * part.shape[axis];
    }
    std::uint64_t at = part.first;
    for (std::uint64_t done = 0; done < count; ++done) {
      with(at);
      for (std::size_t axis = part.shape.size(); axis-- > 0;) {
        at += static_cast<std::uint64_t>(strides[axis]);
        if (++index[axis] < part.shape[axis]) break;
        at -= static_cast<std::uint64_t>(strides[axis] * part.shape[axis]);
        index[axis] = 0;
      }
    }
  }

  /// Values of a part one after another, little-endian.
  Result<std::vector<std::byte>> bytes_of(const TorchTensor& part) const {
    VITRINE_TRY(const StorageBytes from, storage_(part.storage));
    const std::size_t width = part.codec->block_bytes;
    // Of a complex number each half has an order of its own.
    const std::size_t unit = part.codec->name.starts_with("complex") ? width / 2 : width;
    std::vector<std::byte> out(product(part.shape) * width);
    std::byte* to = out.data();
    each_place(part, [&](std::uint64_t at) {
      std::copy_n(from.bytes.data() + at * width, width, to);
      if (from.big_endian)
        for (std::size_t i = 0; i < width; i += unit) std::reverse(to + i, to + i + unit);
      to += width;
    });
    return out;
  }

  Result<Indices> indices_of(const TorchTensor& part) const {
    if (part.codec->name != "int64" && part.codec->name != "int32")
      return refuse(fmt::format("expected indices of type int64 or int32, came {}", part.codec->name), sparse_.at);
    VITRINE_TRY(const StorageBytes from, storage_(part.storage));
    Indices out;
    out.offset = from.offset;
    out.width = part.codec->block_bytes;
    VITRINE_TRY(const auto bytes, bytes_of(part));
    for (std::size_t i = 0; i < bytes.size(); i += out.width)
      out.values.push_back(out.width == 8 ? load_le<std::int64_t>(bytes.data() + i) : load_le<std::int32_t>(bytes.data() + i));
    each_place(part, [&](std::uint64_t at) { out.at.push_back(at); });
    ask_memory();
    return out;
  }

  /// Indices [axes, count], values [count, rest of the shape].
  Status check_coo() const {
    const auto& rows = sparse_.indices[0].shape;
    const auto& stored = sparse_.values.shape;
    const std::size_t rank = tensor_.shape.size();
    if (rows.size() != 2 || static_cast<std::uint64_t>(rows[0]) > rank)
      return refuse(fmt::format("expected indices of [axes, values] for a shape of {} axes", rank), sparse_.at);
    const auto axes = static_cast<std::size_t>(rows[0]);
    if (stored.size() != rank - axes + 1 || stored[0] != rows[1] || !std::equal(stored.begin() + 1, stored.end(), tensor_.shape.begin() + static_cast<std::ptrdiff_t>(axes)))
      return refuse(fmt::format("its values do not go with {} indices on {} axes of its shape", rows[1], axes), sparse_.at);
    const auto count = static_cast<std::size_t>(rows[1]);
    for (std::size_t i = 0; i < indices_[0].values.size(); ++i) {
      const std::int64_t index = indices_[0].values[i], size = tensor_.shape[i / count];
      if (index < 0 || index >= size)
        return refuse(fmt::format("the index {} is outside of axis {} of size {}", index, i / count, size), indices_[0].byte_of(i));
    }
    return {};
  }

  [[nodiscard]] bool by_rows() const { return sparse_.layout == "csr" || sparse_.layout == "bsr"; }

  /// Bounds of each row (or column), places in it, and values or blocks of values.
  Status check_compressed() const {
    const bool blocks = sparse_.layout.starts_with('b');
    const auto& stored = sparse_.values.shape;
    const auto &bounds = indices_[0].values, &plain = indices_[1].values;
    const bool flat = sparse_.indices[0].shape.size() == 1 && sparse_.indices[1].shape.size() == 1;
    if (!flat || tensor_.shape.size() != 2 || stored.size() != (blocks ? 3U : 1U))
      return refuse(fmt::format("expected a matrix of layout {}, came a shape of {} axes and values of {}", sparse_.layout, tensor_.shape.size(), stored.size()), sparse_.at);
    const std::int64_t height = blocks ? stored[1] : 1, width = blocks ? stored[2] : 1;
    if (height < 1 || width < 1 || tensor_.shape[0] % height != 0 || tensor_.shape[1] % width != 0)
      return refuse("its blocks do not divide its shape", sparse_.at);
    const std::int64_t rows = tensor_.shape[0] / height, cols = tensor_.shape[1] / width;
    const std::int64_t lines = by_rows() ? rows : cols, across = by_rows() ? cols : rows;
    const auto count = static_cast<std::int64_t>(plain.size());
    if (static_cast<std::int64_t>(bounds.size()) - 1 != lines || stored[0] != count)
      return refuse(fmt::format("{} index bounds and {} values do not go with {} lines and {} indices", bounds.size(), stored[0], lines, count), sparse_.at);
    if (bounds.front() != 0 || bounds.back() != count)
      return refuse(fmt::format("its index bounds go from {} to {}, not from 0 to {}", bounds.front(), bounds.back(), count), indices_[0].byte_of(bounds.front() != 0 ? 0 : bounds.size() - 1));
    for (std::size_t line = 0; line + 1 < bounds.size(); ++line) {
      if (bounds[line + 1] < bounds[line] || bounds[line + 1] > count)
        return refuse(fmt::format("its index bounds go from {} to {}", bounds[line], bounds[line + 1]), indices_[0].byte_of(line + 1));
      for (std::int64_t i = bounds[line]; i < bounds[line + 1]; ++i) {
        const auto at = static_cast<std::size_t>(i);
        if (plain[at] < 0 || plain[at] >= across)
          return refuse(fmt::format("the index {} is outside of an axis of size {}", plain[at], across), indices_[1].byte_of(at));
        if (i > bounds[line] && plain[at] <= plain[at - 1])
          return refuse(fmt::format("the index {} follows {}, expected a larger one", plain[at], plain[at - 1]), indices_[1].byte_of(at));
      }
    }
    return {};
  }

  void put(std::uint64_t to, std::uint64_t from, std::uint64_t count) {
    std::copy_n(values_.begin() + static_cast<std::ptrdiff_t>(from * width_), count * width_, dense_.begin() + static_cast<std::ptrdiff_t>(to * width_));
  }

  template <class T>
  void add(std::uint64_t to, std::uint64_t from, std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) {
      std::byte* place = dense_.data() + (to + i) * width_;
      const T more = load_le<T>(values_.data() + (from + i) * width_), before = load_le<T>(place);
      T sum;
      if constexpr (std::is_floating_point_v<T>) sum = before + more;
      else sum = static_cast<T>(static_cast<std::make_unsigned_t<T>>(before) + static_cast<std::make_unsigned_t<T>>(more));
      std::memcpy(place, &sum, sizeof sum);
    }
  }

  bool add_to(std::uint64_t to, std::uint64_t from, std::uint64_t count) {
    const std::string_view type = tensor_.codec->name;
    if (type == "float32") add<float>(to, from, count);
    else if (type == "float64") add<double>(to, from, count);
    else if (type == "int64") add<std::int64_t>(to, from, count);
    else if (type == "int32") add<std::int32_t>(to, from, count);
    else return false;
    return true;
  }

  std::string fill_coo() {
    const std::size_t axes = sparse_axes();
    const auto count = static_cast<std::size_t>(sparse_.indices[0].shape[1]);
    const std::uint64_t block = product(std::span(tensor_.shape).subspan(axes));
    for (std::size_t i = 0; i < count && block > 0; ++i) {
      std::uint64_t place = 0;
      for (std::size_t axis = 0; axis < axes; ++axis)
        place = place * static_cast<std::uint64_t>(tensor_.shape[axis]) + static_cast<std::uint64_t>(indices_[0].values[axis * count + i]);
      if (!filled_[place]) put(place * block, i * block, block);
      else if (!add_to(place * block, i * block, block)) return fmt::format("a sparse tensor of type {} has two values for one place", tensor_.codec->name);
      filled_[place] = true;
    }
    return {};
  }

  std::string fill_compressed() {
    const bool blocks = sparse_.layout.starts_with('b');
    const std::uint64_t height = blocks ? static_cast<std::uint64_t>(sparse_.values.shape[1]) : 1;
    const std::uint64_t width = blocks ? static_cast<std::uint64_t>(sparse_.values.shape[2]) : 1;
    const auto cols = static_cast<std::uint64_t>(tensor_.shape[1]);
    const auto& bounds = indices_[0].values;
    for (std::size_t line = 0; line + 1 < bounds.size(); ++line)
      for (std::int64_t i = bounds[line]; i < bounds[line + 1]; ++i) {
        const auto other = static_cast<std::uint64_t>(indices_[1].values[static_cast<std::size_t>(i)]);
        const std::uint64_t row = (by_rows() ? line : other) * height, col = (by_rows() ? other : line) * width;
        for (std::uint64_t r = 0; r < height; ++r)
          put((row + r) * cols + col, (static_cast<std::uint64_t>(i) * height + r) * width, width);
      }
    return {};
  }

  const TorchTensor& tensor_;
  const TorchSparse& sparse_;
  const std::function<Result<StorageBytes>(std::size_t)>& storage_;
  const std::string& file_;
  std::uint64_t width_;
  std::vector<Indices> indices_;
  std::vector<std::byte> values_, dense_;
  std::vector<bool> filled_;
};

}  // namespace

Result<DenseTensor> dense_of(const TorchTensor& tensor, const std::function<Result<StorageBytes>(std::size_t)>& storage,
                             std::uint64_t& room, const std::string& file) {
  return Densifier(tensor, storage, file).run(room);
}

}  // namespace vitrine::engine
