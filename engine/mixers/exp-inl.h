// The exponential of the kernels, once for each instruction set (Highway's way to include a file several times).
#if defined(VITRINE_EXP_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef VITRINE_EXP_INL_H_
#undef VITRINE_EXP_INL_H_
#else
#define VITRINE_EXP_INL_H_
#endif

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace vitrine::engine::HWY_NAMESPACE {

/// e^x to 2 units in the last place for x <= 88, 0 below -87, not a number where x is none: x = n ln 2 + r, |r| <= ln 2 / 2, e^r
/// by a polynomial. The power of two goes into the exponent as an integer, which the range allows; hn::Exp multiplies twice and
/// takes 1.6 times as long.
template <class D>
HWY_INLINE hwy::HWY_NAMESPACE::Vec<D> exp_of(D f, hwy::HWY_NAMESPACE::Vec<D> x) {
  namespace hn = hwy::HWY_NAMESPACE;
  using V = hn::Vec<D>;
  const hn::RebindToSigned<D> i;
  const V n = hn::Round(hn::Mul(x, hn::Set(f, 1.44269504F)));
  const V r = hn::NegMulAdd(n, hn::Set(f, -2.12194440e-4F), hn::NegMulAdd(n, hn::Set(f, 0.693359375F), x));
  const V r2 = hn::Mul(r, r);
  const V low = hn::MulAdd(hn::Set(f, 1.6666665459e-1F), r, hn::Set(f, 5.0000001201e-1F));
  const V middle = hn::MulAdd(hn::Set(f, 8.3334519073e-3F), r, hn::Set(f, 4.1665795894e-2F));
  const V high = hn::MulAdd(hn::Set(f, 1.9875691500e-4F), r, hn::Set(f, 1.3981999507e-3F));
  const V tail = hn::MulAdd(hn::MulAdd(high, r2, middle), r2, low);
  const V e = hn::MulAdd(r2, tail, hn::Add(r, hn::Set(f, 1.0F)));
  const V scaled = hn::BitCast(f, hn::Add(hn::BitCast(i, e), hn::ShiftLeft<23>(hn::ConvertTo(i, n))));
  return hn::IfThenZeroElse(hn::Lt(x, hn::Set(f, -87.0F)), scaled);
}

}  // namespace vitrine::engine::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
