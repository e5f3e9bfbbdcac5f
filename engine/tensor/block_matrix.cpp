#include "engine/tensor/block_matrix.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <new>

#include "engine/tensor/guard.h"
#include "engine/tensor/parallel.h"

namespace vitrine::engine {

namespace {

/// Up to so many rows of input, unfolding again for every few of them is quicker than making panels.
constexpr std::int64_t kFewRows = 8;
/// Inputs that are unfolded at a time; a whole number of blocks of every format.
constexpr std::int64_t kPiece = 2048;
/// Panels that stay in the second-level cache together, bytes.
constexpr std::int64_t kPanelBytes = std::int64_t{512} << 10;
/// Outputs of one task of `multiply_few`.
constexpr std::int64_t kDotOutputs = 64;
constexpr std::int64_t kTasksPerThread = 4;

/// Floats of one thread that live as long as it does.
class Scratch {
 public:
  explicit Scratch(std::size_t floats) {
    thread_local Buffer kept;
    if (kept.size < floats) {
      kept.data.reset(new (std::align_val_t{64}) float[floats]);
      kept.size = floats;
    }
    data_ = kept.data.get();
  }
  [[nodiscard]] float* data() const { return data_; }

 private:
  struct Free {
    void operator()(float* data) const { ::operator delete[](data, std::align_val_t{64}); }
  };
  struct Buffer {
    std::unique_ptr<float[], Free> data;
    std::size_t size = 0;
  };
  float* data_;
};

/// Calls f(task) for every task below `count`; whoever is done takes the next.
template <class F>
void share_out(std::int64_t count, F f) {
  std::atomic<std::int64_t> next = 0;
  parallel_for(std::min<std::int64_t>(threads(), count), 1, [&](std::int64_t begin, std::int64_t end) {
    for (; begin < end; ++begin)
      for (std::int64_t task = next++; task < count; task = next++) f(task);
  });
}

}  // namespace

/// Outputs [first, first + count) for rows [row_begin, row_end) of the input.
struct BlockMatrix::Part {
  const Job* job;
  std::int64_t first, count, row_begin, row_end;
};

BlockMatrix::BlockMatrix(const Codec& codec, std::span<const std::byte> blocks, std::int64_t in, std::vector<std::int32_t> order,
                                 std::shared_ptr<const void> owner)
    : codec_(codec), format_(block_format(codec.name)), blocks_(blocks), in_(in), row_bytes_(in / codec.block_values * codec.block_bytes),
      order_(std::move(order)), owner_(std::move(owner)) {
  out_ = order_.empty() ? static_cast<std::int64_t>(blocks_.size()) / std::max<std::int64_t>(1, row_bytes_) : static_cast<std::int64_t>(order_.size());
}

const std::uint8_t* BlockMatrix::row(std::int64_t number) const {
  const std::int64_t in_file = order_.empty() ? number : order_[static_cast<std::size_t>(number)];
  return reinterpret_cast<const std::uint8_t*>(blocks_.data()) + in_file * row_bytes_;
}

void BlockMatrix::unfold_row(std::int64_t number, float* to) const { codec_.decode(row(number), static_cast<std::size_t>(in_), to); }

void BlockMatrix::unfold(float* to) const {
  parallel_for(out_, kDotOutputs, [&](std::int64_t begin, std::int64_t end) {
    for (; begin < end; ++begin) unfold_row(begin, to + begin * in_);
  });
}

void BlockMatrix::multiply(std::span<const Job> jobs, const float* x, std::int64_t rows) {
  rows <= kFewRows ? multiply_few(jobs, x, rows) : multiply_many(jobs, x, rows);
}

void BlockMatrix::multiply_few(std::span<const Job> jobs, const float* x, std::int64_t rows) {
  std::vector<Part> parts;
  for (const Job& job : jobs)
    for (std::int64_t first = 0; first < job.matrix->out_; first += kDotOutputs)
      parts.push_back({&job, first, std::min(kDotOutputs, job.matrix->out_ - first), 0, rows});
  share_out(static_cast<std::int64_t>(parts.size()), [&](std::int64_t task) {
    const Part& part = parts[static_cast<std::size_t>(task)];
    part.job->matrix->dot_rows(part, x, part.job->y);
  });
}

void BlockMatrix::dot_rows(const Part& part, const float* x, float* y) const {
  const BlockKernels& kernels = block_kernels();
  const auto dots = kernels.dots[static_cast<std::size_t>(format_)];
  const auto multiply = [&](const std::uint8_t* const* w, std::int64_t first, std::int64_t outputs) {
    for (std::int64_t r = part.row_begin; r < part.row_end; r += kDotRows)
      dots(w, outputs, x + r * in_, in_, static_cast<int>(std::min<std::int64_t>(kDotRows, part.row_end - r)), in_, y + r * out_ + first, out_);
  };
  std::array<const std::uint8_t*, kDotOutputs> w;
  if (format_ != BlockFormat::Floats) {
    for (std::int64_t o = 0; o < part.count; ++o) w[static_cast<std::size_t>(o)] = row(part.first + o);
    return multiply(w.data(), part.first, part.count);
  }
  const Scratch floats(static_cast<std::size_t>(in_));
  w[0] = reinterpret_cast<const std::uint8_t*>(floats.data());
  for (std::int64_t o = part.first; o < part.first + part.count; ++o) {
    unfold_row(o, floats.data());
    multiply(w.data(), o, 1);
  }
}

void BlockMatrix::multiply_many(std::span<const Job> jobs, const float* x, std::int64_t rows) {
  const BlockKernels& kernels = block_kernels();
  const std::int64_t columns = kernels.panel_columns, tile = kernels.tile_rows, wanted = kTasksPerThread * threads();
  std::int64_t panels = 0;
  for (const Job& job : jobs) panels += (job.matrix->out_ + columns - 1) / columns;
  const std::int64_t in = std::min(kPiece, jobs[0].matrix->in_), fit = std::max<std::int64_t>(1, kPanelBytes / (in * columns * std::int64_t{sizeof(float)}));
  const std::int64_t together = std::clamp<std::int64_t>(panels / wanted, 1, fit), tasks = std::max<std::int64_t>(1, panels / together);
  // Rows are split as well where there are more threads than panels: each then makes a panel of its own.
  const std::int64_t split = std::clamp<std::int64_t>(threads() / tasks, 1, (rows + 8 * tile - 1) / (8 * tile));
  const std::int64_t each = ((rows + split - 1) / split + tile - 1) / tile * tile;
  std::vector<Part> parts;
  for (const Job& job : jobs)
    for (std::int64_t first = 0; first < job.matrix->out_; first += together * columns)
      for (std::int64_t row = 0; row < rows; row += each)
        parts.push_back({&job, first, std::min(together * columns, job.matrix->out_ - first), row, std::min(rows, row + each)});
  share_out(static_cast<std::int64_t>(parts.size()), [&](std::int64_t task) {
    const Part& part = parts[static_cast<std::size_t>(task)];
    part.job->matrix->multiply_panels(part, x, part.job->y);
  });
}

void BlockMatrix::multiply_panels(const Part& part, const float* x, float* y) const {
  const BlockKernels& kernels = block_kernels();
  const std::int64_t columns = kernels.panel_columns, panels = (part.count + columns - 1) / columns, longest = std::min(kPiece, in_);
  const Scratch scratch(static_cast<std::size_t>(panels * columns * longest));
  for (std::int64_t begin = 0; begin < in_; begin += kPiece) {
    const std::int64_t count = std::min(kPiece, in_ - begin);
    for (std::int64_t p = 0; p < panels; ++p)
      fill_panel(part.first + p * columns, std::min(columns, part.count - p * columns), begin, count, scratch.data() + p * columns * longest);
    for (std::int64_t row = part.row_begin; row < part.row_end; row += kernels.tile_rows)
      for (std::int64_t p = 0; p < panels; ++p)
        kernels.product(scratch.data() + p * columns * longest, count, x + row * in_ + begin, in_,
                        static_cast<int>(std::min<std::int64_t>(kernels.tile_rows, part.row_end - row)), y + row * out_ + part.first + p * columns, out_,
                        std::min(columns, part.count - p * columns), begin > 0);
  }
}

void BlockMatrix::fill_panel(std::int64_t first, std::int64_t outputs, std::int64_t begin, std::int64_t count, float* panel) const {
  const BlockKernels& kernels = block_kernels();
  constexpr std::int64_t kMostColumns = 64;
  std::array<const std::uint8_t*, kMostColumns> w;
  std::vector<float> floats;
  if (format_ == BlockFormat::Floats) floats.resize(static_cast<std::size_t>(outputs * count));
  for (std::int64_t o = 0; o < outputs; ++o) {
    const std::uint8_t*& blocks = w[static_cast<std::size_t>(o)];
    blocks = row(first + o) + begin / codec_.block_values * codec_.block_bytes;
    if (floats.empty()) continue;
    codec_.decode(blocks, static_cast<std::size_t>(count), floats.data() + o * count);
    blocks = reinterpret_cast<const std::uint8_t*>(floats.data() + o * count);
  }
  kernels.fill[static_cast<std::size_t>(format_)](w.data(), outputs, count, panel);
}

}  // namespace vitrine::engine
