#include "engine/run/apply_edit.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <stdexcept>

#include "engine/tensor/ops.h"

namespace vitrine::engine {

namespace {

int axis_named(const std::vector<std::string>& axes, std::initializer_list<const char*> names) {
  for (const char* name : names)
    if (auto it = std::find(axes.begin(), axes.end(), name); it != axes.end()) return static_cast<int>(it - axes.begin());
  return -1;
}

/// 1 where the edit applies, shaped to broadcast; undefined: everywhere.
Tensor selection(const Tensor& x, const std::vector<std::string>& axes, const Edit& edit) {
  Tensor mask;
  const auto along = [&](const std::vector<std::int64_t>& wanted, int axis, const char* what) {
    if (wanted.empty()) return;
    if (axis < 0) throw std::invalid_argument("the hook '" + edit.site + "' has no " + what + " axis to select on");
    const std::int64_t n = x.size(axis);
    std::vector<float> flags(static_cast<std::size_t>(n), 0.0F);
    for (auto i : wanted) {
      const std::int64_t k = i < 0 ? i + n : i;
      if (k < 0 || k >= n) throw std::invalid_argument("'" + edit.site + "' has " + std::to_string(n) + " " + what + "s; the edit selects " + std::to_string(i));
      flags[static_cast<std::size_t>(k)] = 1;
    }
    Shape shape(static_cast<std::size_t>(x.dim()), 1);
    shape[static_cast<std::size_t>(axis)] = n;
    const Tensor part = Tensor::from_floats(flags, shape);
    mask = mask.defined() ? mask * part : part;
  };
  along(edit.heads, axis_named(axes, {"head"}), "head");
  along(edit.tokens, axis_named(axes, {"token", "query"}), "token");
  along(edit.neurons, axis_named(axes, {"neuron", "d_model", "d_head"}), "neuron");
  return mask.defined() ? greater(mask, 0.5) : mask;
}

/// One value for all, or as many as the last axes have together, of which there are as few as may be.
Tensor given_value(const Tensor& x, const Edit& edit) {
  const auto n = static_cast<std::int64_t>(edit.value.size());
  if (n == 1) return to(full({1}, edit.value[0]), x.dtype());
  Shape shape(static_cast<std::size_t>(x.dim()), 1);
  std::int64_t covered = 1;
  for (int axis = static_cast<int>(x.dim()) - 1; axis >= 0 && covered < n; --axis) covered *= shape[static_cast<std::size_t>(axis)] = x.size(axis);
  if (covered != n) throw std::invalid_argument("the edit of '" + edit.site + "' gives " + std::to_string(n) + " values for a last axis of " + std::to_string(x.size(-1)));
  return to(reshape(Tensor::from_floats(edit.value, {n}), shape), x.dtype());
}

Tensor force_codes(const Tensor& codes, const Tensor& mask, const Edit& edit) {
  if (edit.codes.empty()) throw std::invalid_argument("forcing a code needs its number");
  const std::int64_t k = codes.size(-1);
  std::vector<std::int64_t> row(static_cast<std::size_t>(k));
  for (std::size_t i = 0; i < row.size(); ++i) row[i] = edit.codes[i % edit.codes.size()];
  Shape shape(static_cast<std::size_t>(codes.dim()), 1);
  shape.back() = k;
  const Tensor forced = expand(Tensor::from_ints(row, shape), codes.shape());
  return mask.defined() ? where(mask, forced, codes) : forced;
}

/// Symmetric rounding to 2^(bits-1) - 1 levels of the largest magnitude of each row.
Tensor quantised(const Tensor& x, int bits) {
  if (bits < 2 || bits > 16) throw std::invalid_argument("quantise takes 2 to 16 bits, came " + std::to_string(bits));
  const double levels = std::pow(2.0, bits - 1) - 1;
  const Tensor scale = clamp(amax(abs(x), -1, true), 1e-12, 1e30) / levels;
  return floor(x / scale + 0.5) * scale;
}

/// A number in [0, 1) for each (seed, head, query, key), the same on every machine (splitmix64).
double draw(std::uint64_t seed, std::int64_t head, std::int64_t query, std::int64_t key) {
  std::uint64_t z = seed;
  for (const std::int64_t part : {head, query, key}) {
    z += 0x9e3779b97f4a7c15ULL + static_cast<std::uint64_t>(part);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    z ^= z >> 31;
  }
  return static_cast<double>(z >> 11) * 0x1p-53;
}

/// Each query sees a random share of the keys, and always its own.
/// @source Hussain et al. 2023 (stochastically subsampled attention), arXiv:2306.01705
Tensor subsampled(const Tensor& x, const std::vector<std::string>& axes, const Edit& edit) {
  if (axes != std::vector<std::string>{"batch", "head", "query", "key"}) throw std::invalid_argument("only a pattern can be subsampled, not '" + edit.site + "'");
  if (!(edit.scale > 0 && edit.scale <= 1)) throw std::invalid_argument("subsample keeps a share above 0 and of at most 1, came " + std::to_string(edit.scale));
  const std::int64_t heads = x.size(1), rows = x.size(2), cols = x.size(3);
  std::vector<float> kept(static_cast<std::size_t>(heads * rows * cols));
  std::size_t at = 0;
  for (std::int64_t head = 0; head < heads; ++head)
    for (std::int64_t query = cols - rows; query < cols; ++query)
      for (std::int64_t key = 0; key < cols; ++key) kept[at++] = key == query || draw(edit.seed, head, query, key) < edit.scale ? 1 : 0;
  const Tensor left = x * to(Tensor::from_floats(kept, {1, heads, rows, cols}), x.dtype());
  return left / clamp(sum(left, {3}, true), 1e-30, 1e30);
}

}  // namespace

Tensor apply_edit(const Tensor& x, const std::vector<std::string>& axes, const Edit& edit) {
  const Tensor mask = selection(x, axes, edit);
  Tensor changed;
  switch (edit.op) {
    case EditOp::Zero: case EditOp::Drop: changed = x * 0.0; break;
    case EditOp::Mean: {
      if (!edit.value.empty()) { changed = given_value(x, edit); break; }
      std::vector<std::int64_t> over;
      for (std::size_t i = 0; i < axes.size(); ++i) if (axes[i] == "batch" || axes[i] == "token" || axes[i] == "query") over.push_back(static_cast<std::int64_t>(i));
      changed = mean(x, over, true);
      break;
    }
    case EditOp::Resample: changed = roll(x, {1}, {0}); break;
    case EditOp::Scale: changed = x * edit.scale; break;
    case EditOp::Replace: changed = given_value(x, edit); break;
    case EditOp::Add: changed = x + given_value(x, edit); break;
    case EditOp::Quantise: changed = quantised(x, edit.bits); break;
    case EditOp::Subsample: changed = subsampled(x, axes, edit); break;
    case EditOp::ForceCode: return force_codes(x, mask, edit);
  }
  if (changed.shape() != x.shape()) changed = expand(changed, x.shape());
  return mask.defined() ? where(mask, changed, x) : changed;
}

}  // namespace vitrine::engine
