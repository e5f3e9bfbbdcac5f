#include "engine/tensor/bf16_panels.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <new>

#include <sys/mman.h>

#include "engine/tensor/bf16_kernel.h"
#include "engine/tensor/guard.h"
#include "engine/tensor/parallel.h"

namespace vitrine::engine {

namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;
constexpr std::int64_t kTasksPerThread = 6;

float widened(std::uint16_t x) { return std::bit_cast<float>(static_cast<std::uint32_t>(x) << 16); }

std::uint16_t* allocate(std::int64_t count) {
  const std::size_t bytes = static_cast<std::size_t>(count) * sizeof(std::uint16_t);
  const std::size_t align = bytes >= kHugePage ? kHugePage : 64;
  void* const data = std::aligned_alloc(align, (bytes + align - 1) / align * align);
  if (!data) throw std::bad_alloc();
  if (align == kHugePage) madvise(data, bytes, MADV_HUGEPAGE);   // where the system does not, small pages serve as well
  return static_cast<std::uint16_t*>(data);
}

}  // namespace

void Bf16Panels::Free::operator()(std::uint16_t* data) const { std::free(data); }

bool Bf16Panels::available(std::int64_t in) { return in > 0 && in % 2 == 0 && bf16_tile() != nullptr; }

Bf16Panels::Bf16Panels(const std::uint16_t* weight, const std::uint16_t* bias, std::int64_t out, std::int64_t in)
    : out_(out), in_(in), weights_(allocate(panels() * kColumns * in)), bias_(static_cast<std::size_t>(panels() * kColumns), 0.0F) {
  for (std::int64_t i = 0; bias && i < out; ++i) bias_[static_cast<std::size_t>(i)] = widened(bias[i]);
  parallel_for(panels(), 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t p = begin; p < end; ++p)
      for (std::int64_t column = 0; column < kColumns; ++column) {
        std::uint16_t* to = weights_.get() + p * kColumns * in_ + 2 * column;
        const std::int64_t row = p * kColumns + column;
        for (std::int64_t i = 0; i < in_; i += 2, to += 2 * kColumns) {
          if (row < out_) std::memcpy(to, weight + row * in_ + i, 2 * sizeof *to);
          else to[0] = to[1] = 0;
        }
      }
  });
}

void Bf16Panels::run(std::span<const Job> jobs, const std::uint16_t* x, std::int64_t rows, Epilogue epilogue) {
  struct Piece {
    const Job* job;
    std::int64_t panel;
  };
  std::vector<Piece> pieces;
  for (const Job& job : jobs)
    for (std::int64_t p = 0; p < job.layer->panels(); ++p) pieces.push_back({&job, p});
  const auto count = static_cast<std::int64_t>(pieces.size()), blocks = (rows + kTileRows - 1) / kTileRows;
  const std::int64_t split = std::clamp<std::int64_t>((kTasksPerThread * threads() + count - 1) / count, 1, std::max<std::int64_t>(1, blocks));
  const std::int64_t each = (blocks + split - 1) / split * kTileRows;
  std::atomic<std::int64_t> next = 0;
  parallel_for(std::min<std::int64_t>(threads(), count * split), 1, [&](std::int64_t begin, std::int64_t end) {
    for (; begin < end; ++begin)
      for (std::int64_t task = next++; task < count * split; task = next++) {
        const Piece& at = pieces[static_cast<std::size_t>(task / split)];
        const Bf16Panels& layer = *at.job->layer;
        const std::int64_t first = task % split * each, last = std::min(rows, first + each), column = at.panel * kColumns;
        // Who takes the panel after the next ones is not known; the nearest that nobody has is the best guess.
        const std::int64_t ahead = std::min<std::int64_t>(count - 1, task / split + (split == 1 ? threads() : 1));
        const Piece& later = pieces[static_cast<std::size_t>(ahead)];
        Bf16Tile tile{.stride = layer.in_, .panel = layer.panel(at.panel), .pairs = layer.in_ / 2, .bias = layer.bias_.data() + column,
                      .columns = std::min(kColumns, layer.out_ - column), .y_stride = layer.out_, .epilogue = epilogue};
        const auto* fetch = reinterpret_cast<const char*>(later.job->layer->panel(later.panel));
        const std::int64_t bytes = ahead == task / split ? 0 : kColumns * later.job->layer->in_ * 2;
        const std::int64_t tiles = std::max<std::int64_t>(1, (last - first + kTileRows - 1) / kTileRows);
        const std::int64_t share = (bytes + tiles - 1) / tiles;
        for (std::int64_t row = first; row < last; row += kTileRows) {
          const std::int64_t done = (row - first) / kTileRows * share;
          tile.x = x + row * layer.in_;
          tile.y = at.job->y + row * layer.out_ + column;
          tile.ahead = fetch + done;
          tile.ahead_bytes = std::clamp<std::int64_t>(bytes - done, 0, share);
          bf16_tile()(tile, static_cast<int>(std::min(kTileRows, last - row)));
        }
      }
  });
}

}  // namespace vitrine::engine
