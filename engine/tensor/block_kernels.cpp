#include "engine/tensor/block_kernels.h"

#include <algorithm>

#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/tensor/block_kernels.cpp"
#include <hwy/foreach_target.h>
#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include "engine/tensor/block_formats-inl.h"

HWY_BEFORE_NAMESPACE();
namespace vitrine::engine::blocks::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr int kLanes = static_cast<int>(hn::MaxLanes(D()));
constexpr bool kManyRegisters = HWY_TARGET <= HWY_AVX3 || HWY_ARCH_ARM_A64;
constexpr int kRun = 32;
/// Weight rows at a time, so that inputs are loaded once for several.
constexpr int kOutputs = 4;
constexpr int kVectors = 3, kTile = kManyRegisters ? 8 : 4;
constexpr std::int64_t kColumns = kVectors * kLanes;
/// Bytes ahead of which the next blocks are asked for: a mapped file has small pages, where the processor's own guesses end.
constexpr std::int64_t kAhead = 4096;

template <class Format, int kX, int kOut>
HWY_INLINE void dots_of(const Byte* const* w, const float* x, std::int64_t x_stride, std::int64_t in, float* y, std::int64_t y_stride) {
  const D d;
  V sum[kOut][kX];
  for (auto& row : sum)
    for (V& s : row) s = hn::Zero(d);
  for (std::int64_t block = 0; block < in / Format::kValues; ++block) {
    for (int o = 0; o < kOut; ++o) hwy::Prefetch(w[o] + block * Format::kBytes + kAhead);
    for (int g = 0; g < Format::kValues / kRun; ++g) {
      const float* own = x + block * Format::kValues + g * kRun;
#pragma GCC unroll 4
      for (int o = 0; o < kOut; ++o) {
        const Format run = Format::group(w[o] + block * Format::kBytes, g);
#pragma GCC unroll 8
        for (int i = 0; i < kRun; i += kLanes) {
          const V v = run.at(i);
#pragma GCC unroll 4
          for (int r = 0; r < kX; ++r) sum[o][r] = hn::MulAdd(v, hn::LoadU(d, own + r * x_stride + i), sum[o][r]);
        }
      }
    }
  }
  for (int o = 0; o < kOut; ++o)
    for (int r = 0; r < kX; ++r) y[r * y_stride + o] = hn::GetLane(hn::SumOfLanes(d, sum[o][r]));
}

template <class Format, int kX>
HWY_INLINE void dots_of_all(const Byte* const* w, std::int64_t outputs, const float* x, std::int64_t x_stride, std::int64_t in, float* y, std::int64_t y_stride) {
  constexpr int kOut = kManyRegisters || kX <= 2 ? kOutputs : kOutputs / 2;
  std::int64_t o = 0;
  for (; o + kOut <= outputs; o += kOut) dots_of<Format, kX, kOut>(w + o, x, x_stride, in, y + o, y_stride);
  for (; o < outputs; ++o) dots_of<Format, kX, 1>(w + o, x, x_stride, in, y + o, y_stride);
}

template <class Format>
void dots(const Byte* const* w, std::int64_t outputs, const float* x, std::int64_t x_stride, int rows, std::int64_t in, float* y, std::int64_t y_stride) {
  switch (rows) {
    case 1: return dots_of_all<Format, 1>(w, outputs, x, x_stride, in, y, y_stride);
    case 2: return dots_of_all<Format, 2>(w, outputs, x, x_stride, in, y, y_stride);
    case 3: return dots_of_all<Format, 3>(w, outputs, x, x_stride, in, y, y_stride);
    default: return dots_of_all<Format, 4>(w, outputs, x, x_stride, in, y, y_stride);
  }
}

/// Rows of n values, turned into n rows of kTurned.
#if HWY_TARGET == HWY_SCALAR
constexpr int kTurned = 1;
HWY_INLINE void turn(const float* rows, std::int64_t, std::int64_t n, float* to) {
  for (std::int64_t i = 0; i < n; ++i) to[i * kColumns] = rows[i];
}
#else
constexpr int kTurned = 4;
HWY_INLINE void turn(const float* rows, std::int64_t stride, std::int64_t n, float* to) {
  const hn::FixedTag<float, kTurned> four;
  for (std::int64_t i = 0; i < n; i += kTurned, to += kTurned * kColumns) {
    const auto a = hn::Load(four, rows + i), b = hn::Load(four, rows + stride + i);
    const auto c = hn::Load(four, rows + 2 * stride + i), e = hn::Load(four, rows + 3 * stride + i);
    const auto ab = hn::InterleaveLower(four, a, b), ce = hn::InterleaveLower(four, c, e);
    const auto ab_upper = hn::InterleaveUpper(four, a, b), ce_upper = hn::InterleaveUpper(four, c, e);
    hn::Store(hn::ConcatLowerLower(four, ce, ab), four, to);
    hn::Store(hn::ConcatUpperUpper(four, ce, ab), four, to + kColumns);
    hn::Store(hn::ConcatLowerLower(four, ce_upper, ab_upper), four, to + 2 * kColumns);
    hn::Store(hn::ConcatUpperUpper(four, ce_upper, ab_upper), four, to + 3 * kColumns);
  }
}
#endif

template <class Format>
void fill(const Byte* const* w, std::int64_t outputs, std::int64_t in, float* panel) {
  constexpr std::int64_t kStretch = std::max(64, Format::kValues);
  alignas(64) float rows[kTurned * kStretch];
  for (std::int64_t first = 0; first < in; first += kStretch) {
    const std::int64_t n = std::min(kStretch, in - first);
    for (std::int64_t column = 0; column < kColumns; column += kTurned) {
      for (std::int64_t o = column; o < column + kTurned; ++o) {
        float* to = rows + (o - column) * kStretch;
        if (o >= outputs) {
          std::fill_n(to, n, 0.0F);
          continue;
        }
        const Byte* blocks = w[o] + first / Format::kValues * Format::kBytes;
        for (std::int64_t at = 0; at < n; at += kRun) {
          const Format run = Format::group(blocks + at / Format::kValues * Format::kBytes, static_cast<int>(at % Format::kValues / kRun));
          for (int i = 0; i < kRun; i += kLanes) hn::Store(run.at(i), D(), to + at + i);
        }
      }
      turn(rows, kStretch, n, panel + first * kColumns + column);
    }
  }
}

template <int kRows>
HWY_INLINE void product_of(const float* HWY_RESTRICT panel, std::int64_t in, const float* HWY_RESTRICT x, std::int64_t x_stride, float* y, std::int64_t y_stride, bool added) {
  const D d;
  V sum[kRows][kVectors];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 3
    for (int v = 0; v < kVectors; ++v) sum[r][v] = added ? hn::LoadU(d, y + r * y_stride + v * kLanes) : hn::Zero(d);
  for (std::int64_t i = 0; i < in; ++i, panel += kColumns) {
    const V w0 = hn::Load(d, panel), w1 = hn::Load(d, panel + kLanes), w2 = hn::Load(d, panel + 2 * kLanes);
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const V b = hn::Set(d, x[r * x_stride + i]);
      sum[r][0] = hn::MulAdd(b, w0, sum[r][0]);
      sum[r][1] = hn::MulAdd(b, w1, sum[r][1]);
      sum[r][2] = hn::MulAdd(b, w2, sum[r][2]);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 3
    for (int v = 0; v < kVectors; ++v) hn::StoreU(sum[r][v], d, y + r * y_stride + v * kLanes);
}

void rows_of_product(const float* panel, std::int64_t in, const float* x, std::int64_t x_stride, int rows, float* y, std::int64_t y_stride, bool added) {
  switch (rows) {
    case 1: return product_of<1>(panel, in, x, x_stride, y, y_stride, added);
    case 2: return product_of<2>(panel, in, x, x_stride, y, y_stride, added);
    case 3: return product_of<3>(panel, in, x, x_stride, y, y_stride, added);
    case 4: return product_of<4>(panel, in, x, x_stride, y, y_stride, added);
    default: break;
  }
  if constexpr (kTile == 8) {
    switch (rows) {
      case 5: return product_of<5>(panel, in, x, x_stride, y, y_stride, added);
      case 6: return product_of<6>(panel, in, x, x_stride, y, y_stride, added);
      case 7: return product_of<7>(panel, in, x, x_stride, y, y_stride, added);
      default: return product_of<8>(panel, in, x, x_stride, y, y_stride, added);
    }
  }
}

void product(const float* panel, std::int64_t in, const float* x, std::int64_t x_stride, int rows, float* y, std::int64_t y_stride, std::int64_t columns, bool added) {
  if (columns == kColumns) return rows_of_product(panel, in, x, x_stride, rows, y, y_stride, added);
  float whole[kTile * kColumns];
  for (int r = 0; r < rows && added; ++r) std::copy_n(y + r * y_stride, columns, whole + r * kColumns);
  rows_of_product(panel, in, x, x_stride, rows, whole, kColumns, added);
  for (int r = 0; r < rows; ++r) std::copy_n(whole + r * kColumns, columns, y + r * y_stride);
}

BlockKernels table() {
  return {{dots<Floats>, dots<Q4_0>, dots<Q4_1>, dots<Q5_0>, dots<Q5_1>, dots<Q8_0>, dots<Q4_K>, dots<Q5_K>, dots<Q6_K>},
          {fill<Floats>, fill<Q4_0>, fill<Q4_1>, fill<Q5_0>, fill<Q5_1>, fill<Q8_0>, fill<Q4_K>, fill<Q5_K>, fill<Q6_K>},
          product, kColumns, kTile, hwy::TargetName(HWY_TARGET)};
}

}  // namespace vitrine::engine::blocks::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vitrine::engine {
namespace blocks {
HWY_EXPORT(table);
BlockKernels kernels_here() { return HWY_DYNAMIC_DISPATCH(table)(); }
}  // namespace blocks

BlockFormat block_format(std::string_view gguf_type) {
  constexpr std::array<std::string_view, kBlockFormats> kNames{"", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q4_K", "Q5_K", "Q6_K"};
  const auto found = std::find(kNames.begin(), kNames.end(), gguf_type);
  return found == kNames.end() ? BlockFormat::Floats : static_cast<BlockFormat>(found - kNames.begin());
}

const BlockKernels& block_kernels() {
  static const BlockKernels kernels = blocks::kernels_here();
  return kernels;
}
}  // namespace vitrine::engine
#endif
