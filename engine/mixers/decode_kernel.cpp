#include "engine/mixers/decode_kernel.h"

#include <algorithm>
#include <bit>

#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/mixers/decode_kernel.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "engine/mixers/rows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace vitrine::engine::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Keys whose values the first-level cache holds while every query takes them.
constexpr std::int64_t kNear = 64;

HWY_INLINE V load(const float* x) { return hn::LoadU(D(), x); }
HWY_INLINE V load(const std::uint16_t* x) {
  const hn::Rebind<std::uint16_t, D> half;
  return hn::BitCast(D(), hn::ShiftLeft<16>(hn::PromoteTo(hn::RebindToUnsigned<D>(), hn::LoadU(half, x))));
}
HWY_INLINE float one(float x) { return x; }
HWY_INLINE float one(std::uint16_t x) { return std::bit_cast<float>(static_cast<std::uint32_t>(x) << 16); }

/// Four keys at a time, so that their sums do not wait for each other.
template <class Row>
HWY_INLINE void four_scores(const float* HWY_RESTRICT q, const Row* HWY_RESTRICT k, std::int64_t stride, std::int64_t d, float* HWY_RESTRICT s) {
  const D f;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(f));
  V a = hn::Zero(f), b = a, c = a, e = a;
  std::int64_t i = 0;
  for (; i + lanes <= d; i += lanes) {
    const V x = load(q + i);
    a = hn::MulAdd(x, load(k + i), a);
    b = hn::MulAdd(x, load(k + stride + i), b);
    c = hn::MulAdd(x, load(k + 2 * stride + i), c);
    e = hn::MulAdd(x, load(k + 3 * stride + i), e);
  }
  s[0] = hn::GetLane(hn::SumOfLanes(f, a));
  s[1] = hn::GetLane(hn::SumOfLanes(f, b));
  s[2] = hn::GetLane(hn::SumOfLanes(f, c));
  s[3] = hn::GetLane(hn::SumOfLanes(f, e));
  for (; i < d; ++i)
    for (int r = 0; r < 4; ++r) s[r] += q[i] * one(k[r * stride + i]);
}

template <class Row>
HWY_INLINE float one_score(const float* HWY_RESTRICT q, const Row* HWY_RESTRICT k, std::int64_t d) {
  const D f;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(f));
  V a = hn::Zero(f);
  std::int64_t i = 0;
  for (; i + lanes <= d; i += lanes) a = hn::MulAdd(load(q + i), load(k + i), a);
  float s = hn::GetLane(hn::SumOfLanes(f, a));
  for (; i < d; ++i) s += q[i] * one(k[i]);
  return s;
}

template <class Row>
void scores(const float* q, std::int64_t queries, const Row* k, std::int64_t stride, std::int64_t keys, std::int64_t d, float* s, std::int64_t s_stride) {
  std::int64_t j = 0;
  for (; j + 4 <= keys; j += 4)
    for (std::int64_t g = 0; g < queries; ++g) four_scores(q + g * d, k + j * stride, stride, d, s + g * s_stride + j);
  for (; j < keys; ++j)
    for (std::int64_t g = 0; g < queries; ++g) s[g * s_stride + j] = one_score(q + g * d, k + j * stride, d);
}

/// `kWide` vectors of columns are added to.
template <int kWide, class Row>
HWY_INLINE void add_columns(const float* HWY_RESTRICT p, const Row* HWY_RESTRICT v, std::int64_t stride, std::int64_t keys, float* HWY_RESTRICT out) {
  const D f;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(f));
  V acc[kWide];
  for (int i = 0; i < kWide; ++i) acc[i] = load(out + i * lanes);
  for (std::int64_t j = 0; j < keys; ++j) {
    const V w = hn::Set(f, p[j]);
#pragma GCC unroll 4
    for (int i = 0; i < kWide; ++i) acc[i] = hn::MulAdd(w, load(v + j * stride + i * lanes), acc[i]);
  }
  for (int i = 0; i < kWide; ++i) hn::StoreU(acc[i], f, out + i * lanes);
}

template <class Row>
void mix(const float* p, std::int64_t p_stride, std::int64_t queries, const Row* v, std::int64_t stride, std::int64_t keys, std::int64_t d_value, float* out) {
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(D()));
  std::fill_n(out, queries * d_value, 0.0F);
  for (std::int64_t first = 0; first < keys; first += kNear) {
    const std::int64_t n = std::min(kNear, keys - first);
    for (std::int64_t g = 0; g < queries; ++g) {
      const float* weights = p + g * p_stride + first;
      const Row* rows = v + first * stride;
      float* to = out + g * d_value;
      std::int64_t c = 0;
      for (; c + 4 * lanes <= d_value; c += 4 * lanes) add_columns<4>(weights, rows + c, stride, n, to + c);
      for (; c + lanes <= d_value; c += lanes) add_columns<1>(weights, rows + c, stride, n, to + c);
      for (; c < d_value; ++c)
        for (std::int64_t j = 0; j < n; ++j) to[c] += weights[j] * one(rows[j * stride + c]);
    }
  }
}

DecodeKernels<float> decode_table() { return {scores<float>, mix<float>}; }
DecodeKernels<std::uint16_t> decode_table_bf16() { return {scores<std::uint16_t>, mix<std::uint16_t>}; }

}  // namespace vitrine::engine::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vitrine::engine {
HWY_EXPORT(decode_table);
HWY_EXPORT(decode_table_bf16);

template <>
const DecodeKernels<float>& decode_kernels<float>() {
  static const DecodeKernels<float> kernels = HWY_DYNAMIC_DISPATCH(decode_table)();
  return kernels;
}
template <>
const DecodeKernels<std::uint16_t>& decode_kernels<std::uint16_t>() {
  static const DecodeKernels<std::uint16_t> kernels = HWY_DYNAMIC_DISPATCH(decode_table_bf16)();
  return kernels;
}
}  // namespace vitrine::engine
#endif
