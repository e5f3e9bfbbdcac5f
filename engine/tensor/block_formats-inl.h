// Blocks of GGUF in registers, once for each instruction set: `group(block, g)` is a run of 32 values, of which `at(d, i)` gives
// the ones from i on.
#if defined(VITRINE_BLOCK_FORMATS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef VITRINE_BLOCK_FORMATS_INL_H_
#undef VITRINE_BLOCK_FORMATS_INL_H_
#else
#define VITRINE_BLOCK_FORMATS_INL_H_
#endif

#include <cstdint>
#include <cstring>

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace vitrine::engine::blocks::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Byte = std::uint8_t;
/// Half a run at most: what is different in the halves of a run is then the same in a vector.
using D = hn::CappedTag<float, 16>;
using V = hn::Vec<D>;
using Ints = hn::Vec<hn::RebindToSigned<D>>;

HWY_INLINE float half_at(const Byte* b) {
  const hn::CappedTag<float, 1> one;
  hwy::float16_t bits;
  std::memcpy(&bits, b, sizeof bits);
  return hn::GetLane(hn::PromoteTo(one, hn::LoadU(hn::Rebind<hwy::float16_t, decltype(one)>(), &bits)));
}

HWY_INLINE Ints bytes_at(const Byte* q) {
  return hn::PromoteTo(hn::RebindToSigned<D>(), hn::LoadU(hn::Rebind<Byte, D>(), q));
}
HWY_INLINE Ints signed_bytes_at(const Byte* q) {
  return hn::PromoteTo(hn::RebindToSigned<D>(), hn::LoadU(hn::Rebind<std::int8_t, D>(), reinterpret_cast<const std::int8_t*>(q)));
}
HWY_INLINE Ints low_bits(Ints x, int bits) { return hn::And(x, hn::Set(hn::RebindToSigned<D>(), (1 << bits) - 1)); }
/// Sixteen bytes: values 0 to 15 in the lower halves, 16 to 31 in the upper ones.
HWY_INLINE Ints nibbles_at(const Byte* q, int i) { return i < 16 ? low_bits(bytes_at(q + i), 4) : hn::ShiftRight<4>(bytes_at(q + i - 16)); }
HWY_INLINE V scaled(float scale, Ints q) { return hn::Mul(hn::Set(D(), scale), hn::ConvertTo(D(), q)); }

struct Floats {
  static constexpr int kValues = 32, kBytes = 128;
  const Byte* b;
  static HWY_INLINE Floats group(const Byte* block, int) { return {block}; }
  HWY_INLINE V at(int i) const { return hn::LoadU(D(), reinterpret_cast<const float*>(b) + i); }
};

struct Q4_0 {
  static constexpr int kValues = 32, kBytes = 18;
  float d;
  const Byte* q;
  static HWY_INLINE Q4_0 group(const Byte* b, int) { return {half_at(b), b + 2}; }
  HWY_INLINE V at(int i) const { return scaled(d, hn::Sub(nibbles_at(q, i), hn::Set(hn::RebindToSigned<D>(), 8))); }
};

struct Q4_1 {
  static constexpr int kValues = 32, kBytes = 20;
  float d, least;
  const Byte* q;
  static HWY_INLINE Q4_1 group(const Byte* b, int) { return {half_at(b), half_at(b + 2), b + 4}; }
  HWY_INLINE V at(int i) const { return hn::Add(scaled(d, nibbles_at(q, i)), hn::Set(D(), least)); }
};

/// The fifth bit of each value in a word of their own.
HWY_INLINE Ints with_fifth_bits(Ints nibbles, const Byte* word, int i) {
  const hn::RebindToUnsigned<D> u;
  std::uint32_t bits;
  std::memcpy(&bits, word, sizeof bits);
  const auto own = hn::And(hn::Shr(hn::Set(u, bits), hn::Iota(u, static_cast<std::uint32_t>(i))), hn::Set(u, 1));
  return hn::Or(nibbles, hn::BitCast(hn::RebindToSigned<D>(), hn::ShiftLeft<4>(own)));
}

struct Q5_0 {
  static constexpr int kValues = 32, kBytes = 22;
  float d;
  const Byte* b;
  static HWY_INLINE Q5_0 group(const Byte* b, int) { return {half_at(b), b}; }
  HWY_INLINE V at(int i) const { return scaled(d, hn::Sub(with_fifth_bits(nibbles_at(b + 6, i), b + 2, i), hn::Set(hn::RebindToSigned<D>(), 16))); }
};

struct Q5_1 {
  static constexpr int kValues = 32, kBytes = 24;
  float d, least;
  const Byte* b;
  static HWY_INLINE Q5_1 group(const Byte* b, int) { return {half_at(b), half_at(b + 2), b}; }
  HWY_INLINE V at(int i) const { return hn::Add(scaled(d, with_fifth_bits(nibbles_at(b + 8, i), b + 4, i)), hn::Set(D(), least)); }
};

struct Q8_0 {
  static constexpr int kValues = 32, kBytes = 34;
  float d;
  const Byte* q;
  static HWY_INLINE Q8_0 group(const Byte* b, int) { return {half_at(b), b + 2}; }
  HWY_INLINE V at(int i) const { return scaled(d, signed_bytes_at(q + i)); }
};

/// Scale and minimum of run g: six bits each, in the twelve bytes that Q4_K and Q5_K share.
struct ScaleAndLeast {
  float scale, least;
  static HWY_INLINE ScaleAndLeast of(const Byte* b, int g) {
    const float d = half_at(b), m = half_at(b + 2);
    const Byte* s = b + 4;
    const int scale = g < 4 ? s[g] & 63 : (s[g + 4] & 15) | (s[g - 4] >> 6) << 4;
    const int least = g < 4 ? s[g + 4] & 63 : s[g + 4] >> 4 | (s[g] >> 6) << 4;
    return {d * static_cast<float>(scale), m * static_cast<float>(least)};
  }
};

struct Q4_K {
  static constexpr int kValues = 256, kBytes = 144;
  ScaleAndLeast s;
  const Byte* q;
  int shift;
  static HWY_INLINE Q4_K group(const Byte* b, int g) { return {ScaleAndLeast::of(b, g), b + 16 + g / 2 * 32, g % 2 * 4}; }
  HWY_INLINE V at(int i) const { return hn::Sub(scaled(s.scale, low_bits(hn::ShiftRightSame(bytes_at(q + i), shift), 4)), hn::Set(D(), s.least)); }
};

struct Q5_K {
  static constexpr int kValues = 256, kBytes = 176;
  ScaleAndLeast s;
  const Byte *q, *high;
  int g;
  static HWY_INLINE Q5_K group(const Byte* b, int g) { return {ScaleAndLeast::of(b, g), b + 48 + g / 2 * 32, b + 16, g}; }
  HWY_INLINE V at(int i) const {
    const Ints low = low_bits(hn::ShiftRightSame(bytes_at(q + i), g % 2 * 4), 4), fifth = low_bits(hn::ShiftRightSame(bytes_at(high + i), g), 1);
    return hn::Sub(scaled(s.scale, hn::Or(low, hn::ShiftLeft<4>(fifth))), hn::Set(D(), s.least));
  }
};

struct Q6_K {
  static constexpr int kValues = 256, kBytes = 210;
  float scale[2];   // of the halves of the run
  const Byte *low, *high;
  int low_shift, high_shift;
  static HWY_INLINE Q6_K group(const Byte* b, int g) {
    const float d = half_at(b + 208);
    const auto scale = [&](int n) { return d * static_cast<float>(static_cast<std::int8_t>(b[192 + n])); };
    const int part = g % 4;
    return {{scale(2 * g), scale(2 * g + 1)}, b + g / 4 * 64 + part % 2 * 32, b + 128 + g / 4 * 32, part / 2 * 4, part * 2};
  }
  HWY_INLINE V at(int i) const {
    const Ints four = low_bits(hn::ShiftRightSame(bytes_at(low + i), low_shift), 4), two = low_bits(hn::ShiftRightSame(bytes_at(high + i), high_shift), 2);
    return scaled(scale[i / 16], hn::Sub(hn::Or(four, hn::ShiftLeft<4>(two)), hn::Set(hn::RebindToSigned<D>(), 32)));
  }
};

}  // namespace vitrine::engine::blocks::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
