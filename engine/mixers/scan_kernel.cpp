#include "engine/mixers/scan_kernel.h"

#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/mixers/scan_kernel.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "engine/mixers/exp-inl.h"

HWY_BEFORE_NAMESPACE();
namespace vitrine::engine::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// One token of as many channels as a vector holds.
/// @param b, c [state]; @param a, h first channel's of [state, channel]
template <class D>
HWY_INLINE hn::Vec<D> scan_step(D f, hn::Vec<D> step, hn::Vec<D> in, const float* HWY_RESTRICT a, const float* HWY_RESTRICT b,
                                const float* HWY_RESTRICT c, std::int64_t channels, std::int64_t states, float* HWY_RESTRICT h) {
  const hn::Vec<D> drive = hn::Mul(step, in);
  hn::Vec<D> y = hn::Zero(f);
  for (std::int64_t i = 0; i < states; ++i) {
    const hn::Vec<D> decay = exp_of(f, hn::Mul(step, hn::LoadU(f, a + i * channels)));
    const hn::Vec<D> state = hn::MulAdd(decay, hn::LoadU(f, h + i * channels), hn::Mul(drive, hn::Set(f, b[i])));
    hn::StoreU(state, f, h + i * channels);
    y = hn::MulAdd(hn::Set(f, c[i]), state, y);
  }
  return y;
}

void scan(const float* v, const float* delta, const float* a, const float* b, const float* c, std::int64_t tokens, std::int64_t channels,
          std::int64_t states, float* h, float* out) {
  const hn::ScalableTag<float> wide;
  const hn::CappedTag<float, 1> single;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(wide));
  for (std::int64_t t = 0; t < tokens; ++t) {
    const float *step = delta + t * channels, *in = v + t * channels;
    const auto some = [&](auto f, std::int64_t ch) {
      hn::StoreU(scan_step(f, hn::LoadU(f, step + ch), hn::LoadU(f, in + ch), a + ch, b + t * states, c + t * states, channels, states, h + ch), f,
                 out + t * channels + ch);
    };
    std::int64_t ch = 0;
    for (; ch + lanes <= channels; ch += lanes) some(wide, ch);
    for (; ch < channels; ++ch) some(single, ch);
  }
}

}  // namespace vitrine::engine::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vitrine::engine {
HWY_EXPORT(scan);

void scan_sequence(const float* v, const float* delta, const float* a, const float* b, const float* c, std::int64_t tokens,
                   std::int64_t channels, std::int64_t states, float* h, float* out) {
  HWY_DYNAMIC_DISPATCH(scan)(v, delta, a, b, c, tokens, channels, states, h, out);
}
}  // namespace vitrine::engine
#endif
