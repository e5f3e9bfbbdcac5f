#pragma once

#include <optional>
#include <span>

namespace vitrine::views {

enum class Scale { Linear, Log };
enum class RangeMode { Automatic, Manual, Log, Symmetric };

/// How numbers become positions on a colour map or an axis.
struct ValueRange {
  double lo = 0, hi = 1;
  Scale scale = Scale::Linear;

  /// In [0, 1], clamped; NaN stays NaN. Log: values at or below zero are at 0.
  [[nodiscard]] double position(double value) const;
  /// The value at a position.
  [[nodiscard]] double value(double position) const;
};

/// Picks a range from the finite values.
///
/// Automatic: from 0 (or from the minimum, when that is above a quarter of the maximum) to the maximum; symmetric
/// about 0 when values of both signs are present. Manual: `lo` and `hi`; an end that is not given is taken from the
/// values. Log: smallest to largest value above zero, at most six decades unless `lo` is given. Symmetric: -m to m
/// with m = |hi| or the largest magnitude. Always hi > lo, also for constant or empty data. Cost: one pass.
[[nodiscard]] ValueRange choose_range(std::span<const float> values, RangeMode mode, std::optional<double> lo = {},
                                      std::optional<double> hi = {});

/// True if the finite values have both signs: a diverging map suits them.
[[nodiscard]] bool two_signed(std::span<const float> values);

}  // namespace vitrine::views
