#include "engine/mixers/attention_kernels.h"

#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/mixers/attention_kernels.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "engine/mixers/exp-inl.h"
#include "engine/mixers/rows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace vitrine::engine::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

float weights(float* HWY_RESTRICT s, std::int64_t n, float most, float* sum) {
  const D f;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(f));
  V top[kChains], total[kChains];
  for (std::int64_t c = 0; c < kChains; ++c) top[c] = hn::Set(f, most), total[c] = hn::Zero(f);
  for (std::int64_t j = 0; j < n; j += kChains * lanes)
    for (std::int64_t c = 0; c < kChains; ++c) top[c] = hn::Max(top[c], hn::LoadU(f, s + j + c * lanes));
  const V m = hn::MaxOfLanes(f, hn::Max(hn::Max(top[0], top[1]), top[2]));
  for (std::int64_t j = 0; j < n; j += kChains * lanes)
#pragma GCC unroll 3
    for (std::int64_t c = 0; c < kChains; ++c) {
      const V p = exp_of(f, hn::Sub(hn::LoadU(f, s + j + c * lanes), m));
      hn::StoreU(p, f, s + j + c * lanes);
      total[c] = hn::Add(total[c], p);
    }
  *sum = hn::GetLane(hn::SumOfLanes(f, hn::Add(hn::Add(total[0], total[1]), total[2])));
  return hn::GetLane(m);
}

/// Two vectors of values at a time.
template <int kFirst>
HWY_INLINE void mix_rows(const float* HWY_RESTRICT p, std::int64_t stride, std::int64_t keys, const float* HWY_RESTRICT values, std::int64_t columns,
                         const float* HWY_RESTRICT keep, float* HWY_RESTRICT out) {
  const D f;
  const auto n = static_cast<std::int64_t>(hn::Lanes(f));
  for (std::int64_t c = 0; c < columns; c += 2 * n) {
    V acc[kRows][2];
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const V factor = hn::Set(f, keep[kFirst + r]);
      const float* row = out + (kFirst + r) * columns + c;
      acc[r][0] = hn::Mul(factor, hn::LoadU(f, row));
      acc[r][1] = hn::Mul(factor, hn::LoadU(f, row + n));
    }
    const float* v = values + c;
    for (std::int64_t j = 0; j < keys; ++j, v += columns) {
      const V v0 = hn::LoadU(f, v), v1 = hn::LoadU(f, v + n);
#pragma GCC unroll 8
      for (int r = 0; r < kRows; ++r) {
        const V b = hn::Set(f, p[(kFirst + r) * stride + j]);
        acc[r][0] = hn::MulAdd(b, v0, acc[r][0]);
        acc[r][1] = hn::MulAdd(b, v1, acc[r][1]);
      }
    }
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      float* row = out + (kFirst + r) * columns + c;
      hn::StoreU(acc[r][0], f, row);
      hn::StoreU(acc[r][1], f, row + n);
    }
  }
}

void mix(const float* p, std::int64_t stride, std::int64_t keys, const float* values, std::int64_t columns, const float* keep, float* out) {
  mix_rows<0>(p, stride, keys, values, columns, keep, out);
  if constexpr (kRows < kQueryLanes) mix_rows<4>(p, stride, keys, values, columns, keep, out);
}

AttentionKernels attention_table() { return {weights, mix}; }

}  // namespace vitrine::engine::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vitrine::engine {
HWY_EXPORT(attention_table);

const AttentionKernels& attention_kernels() {
  static const AttentionKernels kernels = HWY_DYNAMIC_DISPATCH(attention_table)();
  return kernels;
}
}  // namespace vitrine::engine
#endif
