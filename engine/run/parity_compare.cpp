#include "engine/run/parity_compare.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

namespace vitrine::engine {

namespace {

/// Large values carry the rounding of float32 itself: eight units in the last place.
constexpr double kLarge = 100, kRelative = 1e-6;

void add_note(ParityRow& row, const std::string& text) { row.note += (row.note.empty() ? "" : "; ") + text; }

/// Cuts `ours` to the entries that the dump holds. @return whether the shapes then agree
bool fit(const HostTensor& expected, HostTensor& ours, bool first_of_heads, ParityRow& row) {
  if (expected.shape == ours.shape) return true;
  for (int axis = 0; axis <= (first_of_heads ? 1 : 0) && expected.shape.size() == ours.shape.size(); ++axis) {
    const auto at = static_cast<std::size_t>(axis);
    if (at >= ours.shape.size() || expected.shape[at] >= ours.shape[at]) continue;
    auto rest = ours.shape;
    rest[at] = expected.shape[at];
    if (rest != expected.shape) continue;
    auto cut = apply_parity_op(fmt::format("slice {} 0 {}", axis, expected.shape[at]), ours, {});
    if (!cut) return false;
    add_note(row, fmt::format("first {} of {} along axis {}", expected.shape[at], ours.shape[at], axis));
    ours = std::move(*cut);
    return true;
  }
  if (expected.numel() == ours.numel()) {
    if (expected.shape.size() != ours.shape.size())
      add_note(row, fmt::format("{} seen as {}", shape_text(ours.shape), shape_text(expected.shape)));
    else
      return false;
    ours.shape = expected.shape;
    return true;
  }
  return false;
}

/// For each value whether it is part of the contract.
class Keep {
 public:
  Keep(const HostTensor& x, const ParityRule& rule) : mask_(rule.mask) {
    const auto axis = static_cast<std::size_t>(rule.token_axis);
    if (!mask_ || rule.token_axis < 1 || axis >= x.shape.size() || mask_->shape.size() != 2 ||
        mask_->shape[0] != x.shape[0] || mask_->shape[1] != x.shape[axis]) {
      mask_ = nullptr;
      return;
    }
    tokens_ = x.shape[axis];
    inner_ = x.inner(rule.token_axis);
    batch_ = x.inner(0);
  }
  bool operator()(std::int64_t flat) const {
    if (!mask_) return true;
    const std::int64_t token = flat / inner_ % tokens_, item = flat / batch_;
    return mask_->values[static_cast<std::size_t>(item * tokens_ + token)] != 0;
  }
  [[nodiscard]] std::int64_t padded() const {
    return mask_ ? std::count(mask_->values.begin(), mask_->values.end(), 0.0f) : 0;
  }

 private:
  const HostTensor* mask_;
  std::int64_t tokens_ = 1, inner_ = 1, batch_ = 1;
};

}  // namespace

namespace {

/// Choices among nearly equal scores: rounding may give a few of many to the neighbour.
void compare_counts(const HostTensor& expected, const HostTensor& ours, ParityRow& row) {
  constexpr double kMovedShare = 1e-3;
  double total = 0, moved = 0;
  row.max_abs_diff = 0;
  for (std::size_t i = 0; i < expected.values.size(); ++i) {
    const double difference = std::abs(double{expected.values[i]} - ours.values[i]);
    row.max_abs_diff = std::max(row.max_abs_diff, difference);
    total += expected.values[i];
    moved += difference / 2;
  }
  row.allowed = kMovedShare * total;
  add_note(row, fmt::format("{} of {} choices moved; one in a thousand is allowed for near ties", moved, total));
  if (moved <= row.allowed) row.state = ParityRow::State::Pass;
}

}  // namespace

void compare_parity(const HostTensor& expected, HostTensor ours, const ParityRule& rule, ParityRow& row) {
  row.state = ParityRow::State::Fail;
  row.allowed = expected.integer ? 0 : rule.atol;
  if (!fit(expected, ours, rule.first_of_heads, row)) {
    add_note(row, fmt::format("expected {}, came {}", shape_text(expected.shape), shape_text(ours.shape)));
    return;
  }
  if (rule.counts) return compare_counts(expected, ours, row);
  const Keep keep(expected, rule);
  if (keep.padded() > 0) add_note(row, fmt::format("{} padded rows are not part of it", keep.padded()));
  double worst = 0, worst_excess = -std::numeric_limits<double>::infinity();
  std::int64_t different = 0;
  bool finite = true, relative = false;
  for (std::size_t i = 0; i < expected.values.size(); ++i) {
    if (!keep(static_cast<std::int64_t>(i))) continue;
    const double a = expected.values[i], b = ours.values[i];
    if (a == b) continue;   // also equal infinities
    const double difference = std::abs(a - b);
    if (!std::isfinite(difference)) finite = false;
    const bool large = std::abs(a) > kLarge;
    const double allowed = expected.integer ? 0 : rule.atol + (large ? kRelative * std::abs(a) : 0);
    relative |= large;
    different += difference > allowed;
    worst = std::max(worst, difference);
    worst_excess = std::max(worst_excess, difference - allowed);
  }
  row.max_abs_diff = finite ? worst : std::numeric_limits<double>::infinity();
  if (relative) add_note(row, "1e-6 of values above 100 (float32 rounding) is allowed besides");
  if (finite && worst_excess <= 0) row.state = ParityRow::State::Pass;
  else add_note(row, fmt::format("{} of {} values differ by more", different, expected.values.size()));
}

}  // namespace vitrine::engine
