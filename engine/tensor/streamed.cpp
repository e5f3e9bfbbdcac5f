#include "engine/tensor/streamed.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <fstream>
#include <string>

#include <sys/mman.h>
#include <unistd.h>

#include "engine/tensor/aten.h"

namespace vitrine::engine {

namespace {

constexpr std::int64_t kPiece = std::int64_t{16} << 20;
constexpr std::uintptr_t kAhead = std::uintptr_t{32} << 20;

struct Mapping {
  std::uintptr_t begin = 0, end = 0;
};

/// What a streamed tensor's storage keeps.
struct Context {
  std::shared_ptr<const void> owner;
  Mapping mapping;
};

void release(void* context) { delete static_cast<Context*>(context); }

const Context* context_of(const at::Tensor& x) {
  if (!x.defined() || !x.has_storage()) return nullptr;
  const c10::DataPtr& data = x.storage().data_ptr();
  return data.get_deleter() == &release ? static_cast<const Context*>(data.get_context()) : nullptr;
}

/// The mapping of a file, for reading alone, that holds the bytes; empty if none does. Giving pages of anything else back to
/// the system would lose what they hold.
Mapping file_mapping(std::span<const std::byte> bytes) {
  const auto first = reinterpret_cast<std::uintptr_t>(bytes.data());
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    std::uintptr_t begin = 0, end = 0;
    std::uint64_t inode = 0;
    char mode[5] = {};
    if (std::sscanf(line.c_str(), "%" SCNxPTR "-%" SCNxPTR " %4s %*x %*s %" SCNu64, &begin, &end, mode, &inode) != 4) continue;
    if (first < begin || first >= end) continue;
    return inode != 0 && mode[0] == 'r' && mode[1] == '-' && bytes.size() <= end - first ? Mapping{begin, end} : Mapping{};
  }
  return {};
}

void advise(std::uintptr_t begin, std::uintptr_t end, int advice) {
  static const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  begin -= begin % page;
  if (begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, advice);
}

/// The pages of one piece, from its making until they are given back.
class PieceInUse {
 public:
  PieceInUse(const at::Tensor& piece, const Context& context)
      : begin_(reinterpret_cast<std::uintptr_t>(piece.const_data_ptr())),
        end_(begin_ + static_cast<std::uintptr_t>(extent(piece)) * sizeof(float)) {
    advise(begin_, std::min(end_ + kAhead, context.mapping.end), MADV_WILLNEED);
  }
  ~PieceInUse() { advise(begin_, end_, MADV_DONTNEED); }
  PieceInUse(const PieceInUse&) = delete;
  PieceInUse& operator=(const PieceInUse&) = delete;

 private:
  /// From the first value to the last.
  static std::int64_t extent(const at::Tensor& piece) {
    std::int64_t last = 0;
    for (std::int64_t axis = 0; axis < piece.dim(); ++axis) last += (piece.size(axis) - 1) * piece.stride(axis);
    return last + 1;
  }
  std::uintptr_t begin_, end_;
};

}  // namespace

Tensor streamed_tensor(std::span<const std::byte> values, const Shape& shape, std::shared_ptr<const void> owner) {
  if (reinterpret_cast<std::uintptr_t>(values.data()) % alignof(float) != 0) return {};
  const Mapping mapping = file_mapping(values);
  if (mapping.end == 0) return {};
  c10::DataPtr data(const_cast<std::byte*>(values.data()), new Context{std::move(owner), mapping}, &release, at::kCPU);
  const c10::Storage storage(c10::Storage::use_byte_size_t(), values.size(), std::move(data), nullptr, false);
  at::Tensor flat = at::empty({0}, at::kFloat);
  flat.set_(storage, 0, {static_cast<std::int64_t>(values.size() / sizeof(float))}, {1});
  return wrap(flat.view(shape));
}

bool is_streamed(const Tensor& x) { return context_of(raw(x)) != nullptr; }

Tensor streamed_linear(const Tensor& x_, const Tensor& weight_, const Tensor& bias_) {
  const at::Tensor weight = raw(weight_), bias = raw(bias_), x = raw(x_);
  const Context& context = *context_of(weight);
  const std::int64_t in = weight.size(1), out = weight.size(0);
  const at::Tensor rows = x.reshape({-1, in});
  at::Tensor y = bias.defined() ? bias.expand({rows.size(0), out}).clone(at::MemoryFormat::Contiguous) : at::zeros({rows.size(0), out}, x.options());
  // Pieces follow the file: rows of the weight, or its columns where the file holds the transpose.
  const int axis = weight.stride(0) >= weight.stride(1) ? 0 : 1;
  const std::int64_t step = std::max<std::int64_t>(1, kPiece / (std::max<std::int64_t>(1, weight.stride(axis)) * std::int64_t{sizeof(float)}));
  for (std::int64_t from = 0; from < weight.size(axis); from += step) {
    const std::int64_t to = std::min(weight.size(axis), from + step);
    const at::Tensor piece = weight.slice(axis, from, to);
    const PieceInUse pages(piece, context);
    if (axis == 0) y.slice(1, from, to).addmm_(rows, piece.t());
    else y.addmm_(rows.slice(1, from, to), piece.t());
  }
  auto shape = x.sizes().vec();
  shape.back() = out;
  return wrap(y.reshape(shape));
}

}  // namespace vitrine::engine
