#include "engine/mixers/score_kernels.h"

#include <algorithm>

#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/mixers/score_kernels.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
#include <hwy/contrib/math/math-inl.h>

#include "engine/mixers/exp-inl.h"
#include "engine/mixers/rows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace vitrine::engine::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Three vectors of keys at a time.
template <int kFirst>
HWY_INLINE void panel_scores(const float* HWY_RESTRICT q, const float* HWY_RESTRICT k, std::int64_t d, float* HWY_RESTRICT out, std::int64_t stride) {
  const D f;
  const auto n = static_cast<std::int64_t>(hn::Lanes(f));
  for (std::int64_t j = 0; j < kPanelKeys; j += 3 * n) {
    V acc[kRows][3];
    for (auto& row : acc)
      for (auto& a : row) a = hn::Zero(f);
    for (std::int64_t i = 0; i < d; ++i) {
      const float* keys = k + i * kPanelKeys + j;
      const V k0 = hn::Load(f, keys), k1 = hn::Load(f, keys + n), k2 = hn::Load(f, keys + 2 * n);
      const float* queries = q + i * kQueryLanes + kFirst;
#pragma GCC unroll 8
      for (int r = 0; r < kRows; ++r) {
        const V b = hn::Set(f, queries[r]);
        acc[r][0] = hn::MulAdd(b, k0, acc[r][0]);
        acc[r][1] = hn::MulAdd(b, k1, acc[r][1]);
        acc[r][2] = hn::MulAdd(b, k2, acc[r][2]);
      }
    }
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r)
      for (int v = 0; v < 3; ++v) hn::StoreU(acc[r][v], f, out + (kFirst + r) * stride + j + v * n);
  }
}

void scores(const float* q, const float* panels, std::int64_t n_panels, std::int64_t d, float* out, std::int64_t stride) {
  for (std::int64_t p = 0; p < n_panels; ++p) {
    const float* panel = panels + p * d * kPanelKeys;
    panel_scores<0>(q, panel, d, out + p * kPanelKeys, stride);
    if constexpr (kRows < kQueryLanes) panel_scores<4>(q, panel, d, out + p * kPanelKeys, stride);
  }
}

void soft_cap(float* s, std::int64_t n, float cap) {
  const D f;
  const V scale = hn::Set(f, cap), inverse = hn::Set(f, 1.0F / cap);
  for (std::int64_t j = 0; j < n; j += static_cast<std::int64_t>(hn::Lanes(f)))
    hn::StoreU(hn::Mul(scale, hn::Tanh(f, hn::Mul(hn::LoadU(f, s + j), inverse))), f, s + j);
}

std::int64_t next_above(const float* p, std::int64_t from, std::int64_t n, float bar, std::uint32_t* which) {
  const D f;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(f));
  const V limit = hn::Set(f, bar);
  for (; from < n; from += kLanes) {
    std::uint32_t bits = 0;
    for (std::int64_t v = 0; v < kLanes; v += lanes) {
      const auto above = hn::Gt(hn::LoadU(f, p + from + v), limit);
      if (hn::AllFalse(f, above)) continue;
      std::uint8_t bytes[8] = {};
      hn::StoreMaskBits(f, above, bytes);
      bits |= (static_cast<std::uint32_t>(bytes[0]) | static_cast<std::uint32_t>(bytes[1]) << 8) << v;
    }
    if (bits != 0) {
      *which = bits;
      return from;
    }
  }
  return n;
}

HWY_INLINE void add_to(float* sums, V v) {
  const D f;
  hn::StoreU(hn::Add(hn::LoadU(f, sums), v), f, sums);
}

float probabilities(float* HWY_RESTRICT s, std::int64_t n, const RowSums& row) {
  const D f;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(f));
  const V lse = hn::Set(f, row.lse);
  V entropy[kChains], distance[kChains], most[kChains];
  for (std::int64_t c = 0; c < kChains; ++c) entropy[c] = distance[c] = most[c] = hn::Zero(f);
  for (std::int64_t j = 0; j < n; j += kChains * lanes)
#pragma GCC unroll 3
    for (std::int64_t c = 0; c < kChains; ++c) {
      const std::int64_t at = j + c * lanes;
      const V log_p = hn::Sub(hn::LoadU(f, s + at), lse);
      const V p = exp_of(f, log_p);
      hn::StoreU(p, f, s + at);
      most[c] = hn::Max(most[c], p);
      if (row.sums) entropy[c] = hn::NegMulAdd(p, log_p, entropy[c]);
      if (row.distance) distance[c] = hn::MulAdd(p, hn::LoadU(f, row.distance + at), distance[c]);
    }
  for (std::int64_t c = 0; row.maxima && c < kPanelKeys / lanes; ++c)
    hn::StoreU(c < kChains ? most[c] : hn::Zero(f), f, row.maxima + c * lanes);
  const float largest = hn::GetLane(hn::MaxOfLanes(f, hn::Max(hn::Max(most[0], most[1]), most[2])));
  if (!row.sums) return largest;
  add_to(row.sums, hn::Add(hn::Add(entropy[0], entropy[1]), entropy[2]));
  add_to(row.sums + kLanes, hn::Add(hn::Add(distance[0], distance[1]), distance[2]));
  for (std::size_t set = 0; set < row.n_sets; ++set) {
    const float* weight = row.sets + set * row.set_stride;
    V mass = hn::Zero(f);
    for (std::int64_t j = 0; j < n; j += lanes) mass = hn::MulAdd(hn::LoadU(f, s + j), hn::LoadU(f, weight + j), mass);
    add_to(row.sums + (2 + set) * kLanes, mass);
  }
  return largest;
}

void columns(const float* HWY_RESTRICT p, std::int64_t rows, std::int64_t stride, std::int64_t n, float* HWY_RESTRICT acc, float* HWY_RESTRICT most) {
  const D f;
  for (std::int64_t j = 0; j < n; j += static_cast<std::int64_t>(hn::Lanes(f))) {
    V sum = hn::LoadU(f, p + j), top = sum;
    for (std::int64_t r = 1; r < rows; ++r) {
      const V v = hn::LoadU(f, p + r * stride + j);
      sum = hn::Add(sum, v);
      top = hn::Max(top, v);
    }
    hn::StoreU(hn::Add(hn::LoadU(f, acc + j), sum), f, acc + j);
    if (most) hn::StoreU(hn::Max(hn::LoadU(f, most + j), top), f, most + j);
  }
}

void add(const float* HWY_RESTRICT src, std::int64_t n, float* HWY_RESTRICT dst) {
  const D f;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(f));
  std::int64_t j = 0;
  for (; j + lanes <= n; j += lanes) hn::StoreU(hn::Add(hn::LoadU(f, dst + j), hn::LoadU(f, src + j)), f, dst + j);
  for (; j < n; ++j) dst[j] += src[j];
}

float kth_largest(const float* values, int k) {
  const D f;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(f));
  const V one = hn::Set(f, 1.0F), limit = hn::Set(f, static_cast<float>(k));
  V least = hn::Set(f, values[0]);
  for (std::int64_t i = 1; i < kPanelKeys; ++i) least = hn::Max(least, hn::Set(f, values[i]));
  for (std::int64_t c = 0; c < kPanelKeys; c += lanes) {
    const V own = hn::LoadU(f, values + c);
    V greater = hn::Zero(f);
    for (std::int64_t i = 0; i < kPanelKeys; ++i)
      greater = hn::Add(greater, hn::IfThenElseZero(hn::Gt(hn::Set(f, values[i]), own), one));
    least = hn::IfThenElse(hn::Lt(greater, limit), hn::Min(least, own), least);
  }
  return hn::GetLane(hn::MinOfLanes(f, least));
}

ScoreKernels table() {
  return {scores, soft_cap, probabilities, next_above, columns, add, kth_largest,
          kChains * static_cast<std::int64_t>(hn::Lanes(D())), hwy::TargetName(HWY_TARGET)};
}

}  // namespace vitrine::engine::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vitrine::engine {
HWY_EXPORT(table);

const ScoreKernels& score_kernels() {
  static const ScoreKernels kernels = HWY_DYNAMIC_DISPATCH(table)();
  return kernels;
}
}  // namespace vitrine::engine
#endif
