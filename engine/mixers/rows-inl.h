// Vectors of the attention kernels and how many rows they take at a time, once for each instruction set.
#if defined(VITRINE_ROWS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef VITRINE_ROWS_INL_H_
#undef VITRINE_ROWS_INL_H_
#else
#define VITRINE_ROWS_INL_H_
#endif

#include <hwy/highway.h>

#include "engine/mixers/score_kernels.h"

HWY_BEFORE_NAMESPACE();
namespace vitrine::engine::HWY_NAMESPACE {

using D = hwy::HWY_NAMESPACE::CappedTag<float, kLanes>;
using V = hwy::HWY_NAMESPACE::Vec<D>;

/// As many rows as the registers hold beside three vectors.
#if HWY_TARGET <= HWY_AVX3 || HWY_ARCH_ARM_A64
inline constexpr int kRows = 8;
#else
inline constexpr int kRows = 4;
#endif

/// Chains of sums that do not wait for each other; a panel is a whole number of them.
inline constexpr std::int64_t kChains = 3;

}  // namespace vitrine::engine::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
