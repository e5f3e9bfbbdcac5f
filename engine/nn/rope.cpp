#include "engine/nn/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include <nlohmann/json.hpp>

#include "engine/nn/part.h"
#include "engine/tensor/ops.h"
#include "engine/tensor/rotate.h"

namespace vitrine::engine {

Result<Rope> Rope::from_json(const nlohmann::json& params, int d_head) {
  Rope rope;
  rope.dims_ = param_or(params, "dims", d_head);
  rope.base_ = param_or(params, "base", 10000.0);
  rope.neighbour_ = param_or<std::string>(params, "pairing", "half") == "neighbour";
  rope.max_positions_ = param_or(params, "max_positions", 0.0);
  if (rope.dims_ <= 0 || rope.dims_ % 2 != 0 || rope.dims_ > d_head)
    return fail(ErrorCode::FileFormat, "rotary dimensions must be even and at most d_head = " + std::to_string(d_head) + ", came " + std::to_string(rope.dims_));
  if (rope.base_ <= 0) return fail(ErrorCode::FileFormat, "the rotary base (rope_theta) must be positive");
  const nlohmann::json s = params.value("scaling", nlohmann::json());
  if (!s.is_object()) return rope;
  const auto type = param_or<std::string>(s, "rope_type", param_or<std::string>(s, "type", "default"));
  rope.factor_ = param_or(s, "factor", 1.0);
  rope.original_max_ = param_or(s, "original_max_position_embeddings", rope.max_positions_);
  if (type == "default") return rope;
  if (type == "linear") { rope.scaling_ = Scaling::Linear; return rope; }
  if (type == "dynamic") { rope.scaling_ = Scaling::Dynamic; return rope; }
  if (type == "llama3") {
    rope.scaling_ = Scaling::Llama3;
    rope.low_freq_factor_ = param_or(s, "low_freq_factor", 1.0);
    rope.high_freq_factor_ = param_or(s, "high_freq_factor", 4.0);
    return rope;
  }
  if (type == "yarn") {
    rope.scaling_ = Scaling::Yarn;
    rope.beta_fast_ = param_or(s, "beta_fast", 32.0);
    rope.beta_slow_ = param_or(s, "beta_slow", 1.0);
    rope.truncate_ = param_or(s, "truncate", true);
    if (!s.contains("factor") && rope.original_max_ > 0) rope.factor_ = rope.max_positions_ / rope.original_max_;
    const auto mscale_of = [&](double m) { return rope.factor_ <= 1 ? 1.0 : 0.1 * m * std::log(rope.factor_) + 1; };
    const double m = param_or(s, "mscale", 0.0), m_all = param_or(s, "mscale_all_dim", 0.0);
    rope.attention_factor_ = m != 0 && m_all != 0 ? mscale_of(m) / mscale_of(m_all) : mscale_of(1);
    rope.attention_factor_ = param_or(s, "attention_factor", rope.attention_factor_);
    return rope;
  }
  if (type == "longrope" || type == "su") {
    rope.scaling_ = Scaling::LongRope;
    rope.short_factor_ = s.value("short_factor", std::vector<double>());
    rope.long_factor_ = s.value("long_factor", std::vector<double>());
    if (static_cast<int>(rope.short_factor_.size()) != rope.dims_ / 2 || static_cast<int>(rope.long_factor_.size()) != rope.dims_ / 2)
      return fail(ErrorCode::FileFormat, "rope longrope factors must have " + std::to_string(rope.dims_ / 2) + " entries each");
    const double ratio = s.contains("factor") ? rope.factor_ : rope.max_positions_ / std::max(1.0, rope.original_max_);
    rope.attention_factor_ = ratio <= 1 ? 1.0 : std::sqrt(1 + std::log(ratio) / std::log(std::max(2.0, rope.original_max_)));
    rope.attention_factor_ = param_or(s, "attention_factor", rope.attention_factor_);
    return rope;
  }
  return fail(ErrorCode::Unsupported, "rope scaling '" + type + "' is not known");
}

std::vector<double> Rope::frequencies(std::int64_t length) const {
  const int half = dims_ / 2;
  double base = base_;
  if (scaling_ == Scaling::Dynamic && length > max_positions_ && dims_ > 2) {
    const double stretch = factor_ * static_cast<double>(length) / max_positions_ - (factor_ - 1);
    base *= std::pow(stretch, static_cast<double>(dims_) / (dims_ - 2));
  }
  std::vector<double> f(static_cast<std::size_t>(half));
  for (int j = 0; j < half; ++j) f[static_cast<std::size_t>(j)] = std::pow(base, -2.0 * j / dims_);
  const auto turn_dimension = [&](double turns) {
    return dims_ * std::log(original_max_ / (turns * 2 * std::numbers::pi)) / (2 * std::log(base_));
  };
  double low = turn_dimension(beta_fast_), high = turn_dimension(beta_slow_);
  if (truncate_) { low = std::floor(low); high = std::ceil(high); }
  low = std::max(low, 0.0);
  high = std::min(high, dims_ - 1.0);
  if (low == high) high += 0.001;
  const bool use_long = static_cast<double>(length) > original_max_;
  for (int j = 0; j < half; ++j) {
    double& w = f[static_cast<std::size_t>(j)];
    switch (scaling_) {
      case Scaling::None: case Scaling::Dynamic: break;
      case Scaling::Linear: w /= factor_; break;
      case Scaling::Llama3: {
        const double wavelength = 2 * std::numbers::pi / w;
        const double smooth = (original_max_ / wavelength - low_freq_factor_) / (high_freq_factor_ - low_freq_factor_);
        if (wavelength > original_max_ / low_freq_factor_) w /= factor_;
        else if (wavelength > original_max_ / high_freq_factor_) w = (1 - smooth) * w / factor_ + smooth * w;
        break;
      }
      case Scaling::Yarn: {
        const double ramp = std::clamp((j - low) / (high - low), 0.0, 1.0);
        w = w / factor_ * ramp + w * (1 - ramp);
        break;
      }
      case Scaling::LongRope: w /= (use_long ? long_factor_ : short_factor_)[static_cast<std::size_t>(j)]; break;
    }
  }
  return f;
}

Tensor Rope::apply(const Tensor& x, const Tensor& positions) const {
  const auto ids = positions.to_ints();
  const std::int64_t length = ids.empty() ? 0 : *std::max_element(ids.begin(), ids.end()) + 1;
  const auto f = frequencies(length);
  const std::int64_t tokens = positions.size(-1), rows = static_cast<std::int64_t>(ids.size());
  const int half = dims_ / 2;
  std::vector<float> c(static_cast<std::size_t>(rows * half)), s(c.size());
  for (std::int64_t r = 0; r < rows; ++r)
    for (int j = 0; j < half; ++j) {
      // Hugging Face multiplies in float32; doing the same keeps parity at long positions.
      const float angle = static_cast<float>(ids[static_cast<std::size_t>(r)]) * static_cast<float>(f[static_cast<std::size_t>(j)]);
      c[static_cast<std::size_t>(r * half + j)] = std::cos(angle) * static_cast<float>(attention_factor_);
      s[static_cast<std::size_t>(r * half + j)] = std::sin(angle) * static_cast<float>(attention_factor_);
    }
  const std::int64_t batch = positions.dim() == 2 ? positions.size(0) : 1;
  const Shape table{batch, 1, tokens, half};
  const Tensor cosine = to(Tensor::from_floats(c, table), x.dtype()), sine = to(Tensor::from_floats(s, table), x.dtype());
  const std::int64_t d = x.size(-1);
  const Tensor rotary = dims_ == d ? x : slice(x, -1, 0, dims_);
  Tensor out;
  if (neighbour_) {
    const Shape split{x.size(0), x.size(1), x.size(2), half, 2};
    const Tensor pairs = reshape(rotary, split);
    const Tensor first = select(pairs, -1, 0), second = select(pairs, -1, 1);
    out = reshape(stack({first * cosine - second * sine, second * cosine + first * sine}, -1), rotary.shape());
  } else {
    out = rotate_halves(rotary, cosine, sine);
  }
  return dims_ == d ? out : cat({out, slice(x, -1, dims_, d)}, -1);
}

}  // namespace vitrine::engine
