#include "engine/run/parity_tensor.h"
#include "engine/isolate/readers.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>

#include <fmt/format.h>

namespace vitrine::engine {

namespace {

constexpr std::int64_t kMaxValues = std::int64_t{1} << 29;

tl::unexpected<Error> mismatch(const std::string& op, const HostTensor& x, const std::string& wanted) {
  return fail(ErrorCode::ShapeMismatch, fmt::format("{}: expected {}, came {}", op, wanted, shape_text(x.shape)));
}

/// Replaces an axis of length n by what `f` makes of its n values.
template <class F>
HostTensor reduce(const HostTensor& x, int axis, F&& f) {
  const std::int64_t outer = x.outer(axis), inner = x.inner(axis), n = x.shape[static_cast<std::size_t>(axis)];
  HostTensor y;
  y.shape = x.shape;
  y.shape.erase(y.shape.begin() + axis);
  y.values.resize(static_cast<std::size_t>(outer * inner));
  std::vector<double> row(static_cast<std::size_t>(n));
  for (std::int64_t o = 0; o < outer; ++o)
    for (std::int64_t i = 0; i < inner; ++i) {
      for (std::int64_t k = 0; k < n; ++k) row[static_cast<std::size_t>(k)] = x.values[static_cast<std::size_t>((o * n + k) * inner + i)];
      y.values[static_cast<std::size_t>(o * inner + i)] = static_cast<float>(f(row));
    }
  return y;
}

double mean_of(const std::vector<double>& row) {
  double sum = 0;
  for (double v : row) sum += v;
  return sum / static_cast<double>(row.size());
}

double std_of(const std::vector<double>& row) {
  const double mean = mean_of(row);
  double sum = 0;
  for (double v : row) sum += (v - mean) * (v - mean);
  return std::sqrt(sum / static_cast<double>(row.size() - 1));
}

double logsumexp_of(const std::vector<double>& row) {
  const double top = *std::max_element(row.begin(), row.end());
  double sum = 0;
  for (double v : row) sum += std::exp(v - top);
  return top + std::log(sum);
}

HostTensor slice_axis(const HostTensor& x, int axis, std::int64_t begin, std::int64_t end) {
  const std::int64_t outer = x.outer(axis), inner = x.inner(axis), n = x.shape[static_cast<std::size_t>(axis)];
  HostTensor y = x;
  y.shape[static_cast<std::size_t>(axis)] = end - begin;
  y.values.clear();
  for (std::int64_t o = 0; o < outer; ++o) {
    const auto* from = x.values.data() + (o * n + begin) * inner;
    y.values.insert(y.values.end(), from, from + (end - begin) * inner);
  }
  return y;
}

HostTensor permute_axes(const HostTensor& x, const std::vector<std::int64_t>& order) {
  HostTensor y = x;
  std::vector<std::int64_t> strides(x.shape.size(), 1);
  for (std::size_t a = x.shape.size() - 1; a-- > 0;) strides[a] = strides[a + 1] * x.shape[a + 1];
  for (std::size_t a = 0; a < order.size(); ++a) y.shape[a] = x.shape[static_cast<std::size_t>(order[a])];
  std::vector<std::int64_t> at(order.size(), 0);
  for (float& value : y.values) {
    std::int64_t from = 0;
    for (std::size_t a = 0; a < order.size(); ++a) from += at[a] * strides[static_cast<std::size_t>(order[a])];
    value = x.values[static_cast<std::size_t>(from)];
    for (std::size_t a = order.size(); a-- > 0;) {
      if (++at[a] < y.shape[a]) break;
      at[a] = 0;
    }
  }
  return y;
}

Result<HostTensor> token_loss(const HostTensor& logits, const ParityOperands& operands) {
  if (!operands.input_ids || logits.shape.size() != 3 || operands.input_ids->shape.size() != 2 ||
      operands.input_ids->shape[0] != logits.shape[0] || operands.input_ids->shape[1] != logits.shape[1])
    return mismatch("token_loss", logits, "logits [batch, token, vocab] and input ids");
  const std::int64_t batch = logits.shape[0], tokens = logits.shape[1], vocab = logits.shape[2];
  const HostTensor lse = reduce(logits, 2, logsumexp_of);
  HostTensor loss;
  loss.shape = {batch, tokens - 1};
  for (std::int64_t b = 0; b < batch; ++b)
    for (std::int64_t t = 0; t + 1 < tokens; ++t) {
      const auto id = static_cast<std::int64_t>(operands.input_ids->values[static_cast<std::size_t>(b * tokens + t + 1)]);
      if (id < 0 || id >= vocab) return mismatch("token_loss", logits, "ids inside the vocabulary");
      const std::int64_t row = b * tokens + t;
      loss.values.push_back(lse.values[static_cast<std::size_t>(row)] - logits.values[static_cast<std::size_t>(row * vocab + id)]);
    }
  return loss;
}

Result<HostTensor> masked_mean(const HostTensor& x, const ParityOperands& operands) {
  if (x.shape.size() != 3) return mismatch("masked_mean", x, "[batch, token, d]");
  const std::int64_t batch = x.shape[0], tokens = x.shape[1], d = x.shape[2];
  HostTensor y;
  y.shape = {batch, d};
  y.values.assign(static_cast<std::size_t>(batch * d), 0.0f);
  for (std::int64_t b = 0; b < batch; ++b) {
    std::vector<double> sum(static_cast<std::size_t>(d), 0.0);
    double count = 0;
    for (std::int64_t t = 0; t < tokens; ++t) {
      if (operands.mask && operands.mask->values[static_cast<std::size_t>(b * tokens + t)] == 0) continue;
      ++count;
      for (std::int64_t i = 0; i < d; ++i) sum[static_cast<std::size_t>(i)] += x.values[static_cast<std::size_t>((b * tokens + t) * d + i)];
    }
    for (std::int64_t i = 0; i < d; ++i)
      y.values[static_cast<std::size_t>(b * d + i)] = static_cast<float>(sum[static_cast<std::size_t>(i)] / std::max(1.0, count));
  }
  return y;
}

/// Sum of the squares' roots over the last axis made 1.
HostTensor normalize(HostTensor x) {
  const std::int64_t d = x.shape.back();
  for (std::size_t row = 0; row + static_cast<std::size_t>(d) <= x.values.size(); row += static_cast<std::size_t>(d)) {
    double sum = 0;
    for (std::int64_t i = 0; i < d; ++i) sum += double{x.values[row + static_cast<std::size_t>(i)]} * x.values[row + static_cast<std::size_t>(i)];
    const double length = std::max(std::sqrt(sum), 1e-12);
    for (std::int64_t i = 0; i < d; ++i) x.values[row + static_cast<std::size_t>(i)] = static_cast<float>(x.values[row + static_cast<std::size_t>(i)] / length);
  }
  return x;
}

HostTensor gram(const HostTensor& x) {
  const std::int64_t n = x.shape[0], d = x.shape[1];
  HostTensor y;
  y.shape = {n, n};
  for (std::int64_t a = 0; a < n; ++a)
    for (std::int64_t b = 0; b < n; ++b) {
      double dot = 0;
      for (std::int64_t i = 0; i < d; ++i) dot += double{x.values[static_cast<std::size_t>(a * d + i)]} * x.values[static_cast<std::size_t>(b * d + i)];
      y.values.push_back(static_cast<float>(dot));
    }
  return y;
}

/// log det of a symmetric positive definite matrix by Cholesky.
double log_det(std::vector<double> m, std::int64_t n) {
  double sum = 0;
  const auto at = [&](std::int64_t r, std::int64_t c) -> double& { return m[static_cast<std::size_t>(r * n + c)]; };
  for (std::int64_t j = 0; j < n; ++j) {
    for (std::int64_t k = 0; k < j; ++k) at(j, j) -= at(j, k) * at(j, k);
    const double root = std::sqrt(at(j, j));
    sum += 2 * std::log(root);
    at(j, j) = root;
    for (std::int64_t i = j + 1; i < n; ++i) {
      for (std::int64_t k = 0; k < j; ++k) at(i, j) -= at(i, k) * at(j, k);
      at(i, j) /= root;
    }
  }
  return sum;
}

/// Coding rate of the subspaces: sum over heads of 1/2 log det(I + d / (n eps) W^T W), tokens L2-normalised per head,
/// `eps` standing where the paper has its square, as in the released code.
/// @param x [.., token, head, d]  @return [..]
/// @source Yu et al. 2023, eq. 5, arXiv:2306.01129
Result<HostTensor> coding_rate(const HostTensor& given, double eps) {
  if (given.shape.size() < 3 || !(eps > 0)) return mismatch("coding_rate", given, "[.., token, head, d] and eps > 0");
  const HostTensor x = normalize(given);
  const std::size_t dims = x.shape.size();
  const std::int64_t tokens = x.shape[dims - 3], heads = x.shape[dims - 2], d = x.shape[dims - 1];
  HostTensor y;
  y.shape.assign(x.shape.begin(), x.shape.end() - 3);
  const double scale = static_cast<double>(d) / (static_cast<double>(tokens) * eps);
  for (std::int64_t o = 0; o < x.outer(static_cast<int>(dims) - 3); ++o) {
    double rate = 0;
    for (std::int64_t h = 0; h < heads; ++h) {
      std::vector<double> m(static_cast<std::size_t>(d * d), 0.0);
      for (std::int64_t t = 0; t < tokens; ++t) {
        const float* row = x.values.data() + ((o * tokens + t) * heads + h) * d;
        for (std::int64_t a = 0; a < d; ++a)
          for (std::int64_t b = 0; b < d; ++b) m[static_cast<std::size_t>(a * d + b)] += scale * row[a] * row[b];
      }
      for (std::int64_t a = 0; a < d; ++a) m[static_cast<std::size_t>(a * d + a)] += 1;
      rate += log_det(std::move(m), d) / 2;
    }
    y.values.push_back(static_cast<float>(rate));
  }
  return y;
}

HostTensor nonzero_share(const HostTensor& x) {
  const std::size_t kept = std::min<std::size_t>(2, x.shape.size());
  HostTensor y;
  y.shape.assign(x.shape.begin(), x.shape.begin() + static_cast<std::ptrdiff_t>(kept));
  const std::int64_t inner = kept == 0 ? 1 : x.inner(static_cast<int>(kept) - 1);
  for (std::size_t at = 0; at < x.values.size(); at += static_cast<std::size_t>(inner)) {
    std::int64_t count = 0;
    for (std::int64_t i = 0; i < inner; ++i) count += x.values[at + static_cast<std::size_t>(i)] != 0;
    y.values.push_back(static_cast<float>(static_cast<double>(count) / static_cast<double>(inner)));
  }
  return y;
}

HostTensor histogram(const HostTensor& x, std::int64_t n) {
  HostTensor y;
  y.shape = {n};
  y.integer = true;
  y.values.assign(static_cast<std::size_t>(n), 0.0f);
  for (float v : x.values)
    if (v >= 0 && v < static_cast<float>(n)) ++y.values[static_cast<std::size_t>(v)];
  return y;
}

template <class F>
HostTensor each(HostTensor x, F&& f) {
  for (float& v : x.values) v = static_cast<float>(f(v));
  return x;
}

}  // namespace

std::int64_t HostTensor::numel() const {
  std::int64_t n = 1;
  for (auto s : shape) n *= s;
  return n;
}
int HostTensor::axis(std::int64_t given) const {
  return static_cast<int>(given < 0 ? given + static_cast<std::int64_t>(shape.size()) : given);
}
std::int64_t HostTensor::outer(int axis) const {
  std::int64_t n = 1;
  for (int a = 0; a < axis; ++a) n *= shape[static_cast<std::size_t>(a)];
  return n;
}
std::int64_t HostTensor::inner(int axis) const {
  std::int64_t n = 1;
  for (std::size_t a = static_cast<std::size_t>(axis) + 1; a < shape.size(); ++a) n *= shape[a];
  return n;
}

HostTensor to_host(const Tensor& tensor) {
  HostTensor host;
  host.shape = tensor.shape();
  host.integer = tensor.dtype() == DType::I64 || tensor.dtype() == DType::I32;
  host.values = tensor.to_floats();
  return host;
}

Tensor from_host(const HostTensor& tensor) {
  if (!tensor.integer) return Tensor::from_floats(tensor.values, tensor.shape);
  std::vector<std::int64_t> ids(tensor.values.size());
  std::transform(tensor.values.begin(), tensor.values.end(), ids.begin(), [](float v) { return static_cast<std::int64_t>(v); });
  return Tensor::from_ints(ids, tensor.shape);
}

Result<HostTensor> stack(const std::vector<HostTensor>& parts) {
  HostTensor all;
  if (parts.empty()) return fail(ErrorCode::ShapeMismatch, "expected layers to put together, came none");
  all.shape = parts.front().shape;
  all.shape.insert(all.shape.begin(), static_cast<std::int64_t>(parts.size()));
  for (const HostTensor& part : parts) {
    if (part.shape != parts.front().shape)
      return fail(ErrorCode::ShapeMismatch, "expected layers of one shape, came different ones");
    all.values.insert(all.values.end(), part.values.begin(), part.values.end());
  }
  return all;
}

Result<std::map<std::string, HostTensor>> read_host_tensors(const std::filesystem::path& file) {
  VITRINE_TRY(const auto checkpoint, isolate::open_checkpoint(file));
  std::map<std::string, HostTensor> tensors;
  std::int64_t total = 0;
  for (const TensorEntry& entry : checkpoint->tensors()) {
    total += entry.numel();
    if (total > kMaxValues)
      return fail_file(ErrorCode::FileLimit, file.string(), fmt::format("expected at most {} values", kMaxValues));
    VITRINE_TRY(auto values, checkpoint->read_f32(entry));
    const bool integer = entry.dtype.starts_with("I") || entry.dtype.starts_with("U") || entry.dtype == "BOOL";
    const bool half = entry.dtype == "F16" || entry.dtype == "BF16";
    tensors[entry.name] = HostTensor{entry.shape, std::move(values), integer, half};
  }
  return tensors;
}

namespace {

/// An operation with its numbers, checked against the tensor.
struct Operation {
  std::string text, name;
  std::vector<double> given;

  explicit Operation(const std::string& line) : text(line) {
    std::istringstream words(line);
    words >> name;
    for (double v; words >> v;) given.push_back(v);
  }
  [[nodiscard]] std::int64_t number(std::size_t i) const { return static_cast<std::int64_t>(given[i]); }
  [[nodiscard]] bool axis(const HostTensor& x, std::size_t i) const {
    return i < given.size() && x.axis(number(i)) >= 0 && x.axis(number(i)) < static_cast<int>(x.shape.size());
  }
};

tl::unexpected<Error> no_operation(const Operation& op, const HostTensor& x) {
  return fail(ErrorCode::Usage, fmt::format("expected an operation of the name tables for {}, came '{}'", shape_text(x.shape), op.text));
}

Result<HostTensor> apply_shape_op(const Operation& op, HostTensor x) {
  const auto dims = static_cast<std::int64_t>(x.shape.size());
  if (op.name == "squeeze") {
    if (dims > 1 && x.shape.back() == 1) x.shape.pop_back();
    return x;
  }
  if (op.name == "select" && op.axis(x, 0) && op.given.size() == 2) {
    const int axis = x.axis(op.number(0));
    const std::int64_t size = x.shape[static_cast<std::size_t>(axis)], at = op.number(1) < 0 ? op.number(1) + size : op.number(1);
    if (at < 0 || at >= size) return mismatch(op.text, x, "an index inside the axis");
    x = slice_axis(x, axis, at, at + 1);
    x.shape.erase(x.shape.begin() + axis);
    return x;
  }
  if (op.name == "slice" && op.axis(x, 0) && op.given.size() == 3) {
    const int axis = x.axis(op.number(0));
    const std::int64_t end = std::min(op.number(2), x.shape[static_cast<std::size_t>(axis)]);
    if (op.number(1) < 0 || op.number(1) >= end) return mismatch(op.text, x, "a range inside the axis");
    return slice_axis(x, axis, op.number(1), end);
  }
  if (op.name == "flatten" && op.axis(x, 0) && op.axis(x, 1) && op.number(0) < op.number(1)) {
    for (std::int64_t a = op.number(1); a > op.number(0); --a) {
      x.shape[static_cast<std::size_t>(a) - 1] *= x.shape[static_cast<std::size_t>(a)];
      x.shape.erase(x.shape.begin() + a);
    }
    return x;
  }
  if (op.name != "permute" || static_cast<std::int64_t>(op.given.size()) != dims) return no_operation(op, x);
  std::vector<std::int64_t> order, sorted;
  for (std::size_t i = 0; i < op.given.size(); ++i) order.push_back(op.number(i));
  sorted = order;
  std::sort(sorted.begin(), sorted.end());
  for (std::size_t i = 0; i < sorted.size(); ++i)
    if (sorted[i] != static_cast<std::int64_t>(i)) return mismatch(op.text, x, "every axis once");
  return permute_axes(x, order);
}

}  // namespace

Result<HostTensor> apply_parity_op(const std::string& line, HostTensor x, const ParityOperands& operands) {
  const Operation op(line);
  const auto dims = static_cast<std::int64_t>(x.shape.size());
  if (op.name == "abs") return each(std::move(x), [](float v) { return std::abs(v); });
  if (op.name == "exp") return each(std::move(x), [](float v) { return std::exp(double{v}); });
  if (op.name == "normalize" && dims > 0) return normalize(std::move(x));
  if (op.name == "gram" && dims == 2) return gram(x);
  if (op.name == "masked_mean") return masked_mean(x, operands);
  if (op.name == "token_loss") return token_loss(x, operands);
  if (op.name == "nonzero") return nonzero_share(x);
  if (op.name == "coding_rate") return coding_rate(x, op.given.empty() ? 0 : op.given[0]);
  if (op.name == "histogram" && !op.given.empty() && op.given[0] >= 1 && op.given[0] <= 1e6) return histogram(x, op.number(0));
  if (op.name == "patches" && dims == 3 && operands.first_patch <= x.shape[1]) return slice_axis(x, 1, operands.first_patch, x.shape[1]);
  if (op.name == "mean_all") {
    x.shape = {x.numel()};
    return reduce(x, 0, mean_of);
  }
  if (op.name == "mean" && op.axis(x, 0)) return reduce(x, x.axis(op.number(0)), mean_of);
  if (op.name == "std" && op.axis(x, 0)) return reduce(x, x.axis(op.number(0)), std_of);
  if (op.name == "logsumexp" && op.axis(x, 0)) return reduce(x, x.axis(op.number(0)), logsumexp_of);
  return apply_shape_op(op, std::move(x));
}

}  // namespace vitrine::engine
