#include "engine/mixers/attention_forward.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>

#include <hwy/aligned_allocator.h>

#include "engine/mixers/attention_kernels.h"
#include "engine/mixers/score_kernels.h"
#include "engine/tensor/guard.h"
#include "engine/tensor/ops.h"
#include "engine/tensor/parallel.h"
#include "engine/tensor/strided.h"

namespace vitrine::engine {

namespace {

using Floats = hwy::AlignedFreeUniquePtr<float[]>;

constexpr std::int64_t kStripRows = 64;
constexpr std::int64_t kRunKeys = 8 * kPanelKeys;
constexpr std::int64_t kFewestRows = kQueryLanes;
constexpr float kAbsent = std::numeric_limits<float>::lowest();   // below every score: a key that does not exist

std::int64_t rounded(std::int64_t n, std::int64_t to) { return (n + to - 1) / to * to; }
Floats floats(std::int64_t n) { return hwy::AllocateAligned<float>(static_cast<std::size_t>(std::max<std::int64_t>(1, n))); }

/// One call, as memory.
struct Call {
  StridedF32 q, k, v, bias;
  std::int64_t batch = 0, heads = 0, kv_heads = 0, rows = 0, keys = 0, d = 0, d_value = 0;
  bool causal = false;
  float scale = 1;
  float* z = nullptr;     ///< [batch, row, head, d_value]
  float* lse = nullptr;   ///< [batch, head, row]

  [[nodiscard]] std::int64_t columns() const { return rounded(d_value, kValueColumns); }
  [[nodiscard]] std::int64_t end_key(std::int64_t row) const { return causal ? std::min(keys, row + keys - rows + 1) : keys; }
};

/// What one thread needs for a head of keys and the strip of queries that it is at.
class Worker {
 public:
  explicit Worker(const Call& call)
      : c_(call), keys_(floats(rounded(call.keys, kPanelKeys) * call.d)), values_(floats(call.keys * call.columns())),
        queries_(floats(kStripRows * call.d)), scores_(floats(kQueryLanes * kRunKeys)), out_(floats(kStripRows * call.columns())) {}

  void pack(std::int64_t batch, std::int64_t kv_head) {
    const float* k = c_.k.at(batch, kv_head);
    const std::int64_t d = c_.d;
    for (std::int64_t first = 0; first < c_.keys; first += kPanelKeys) {
      float* panel = keys_.get() + first * d;
      const std::int64_t n = std::min(kPanelKeys, c_.keys - first);
      if (n < kPanelKeys) std::fill_n(panel, d * kPanelKeys, 0.0F);
      for (std::int64_t j = 0; j < n; ++j) {
        const float* key = k + (first + j) * c_.k.stride[2];
        for (std::int64_t i = 0; i < d; ++i) panel[i * kPanelKeys + j] = key[i];
      }
    }
    const float* v = c_.v.at(batch, kv_head);
    const std::int64_t columns = c_.columns();
    for (std::int64_t j = 0; j < c_.keys; ++j) {
      float* row = values_.get() + j * columns;
      std::memcpy(row, v + j * c_.v.stride[2], static_cast<std::size_t>(c_.d_value) * sizeof(float));
      std::fill(row + c_.d_value, row + columns, 0.0F);
    }
  }

  void strip(std::int64_t batch, std::int64_t head, std::int64_t row0) {
    const std::int64_t rows = std::min(kStripRows, c_.rows - row0), columns = c_.columns();
    pack_queries(c_.q.at(batch, head) + row0 * c_.q.stride[2], rows);
    most_.fill(kAbsent);
    sum_.fill(0.0F);
    std::fill_n(out_.get(), kStripRows * columns, 0.0F);
    const std::int64_t strip_end = c_.end_key(row0 + rows - 1);
    for (std::int64_t col0 = 0; col0 < strip_end; col0 += kRunKeys)
      for (std::int64_t g = 0; g < rows; g += kQueryLanes) {
        const std::int64_t n = std::min(kQueryLanes, rows - g);
        const std::int64_t end = std::min(c_.end_key(row0 + g + n - 1), col0 + kRunKeys);
        if (end > col0) block(batch, head, row0, g, n, col0, end - col0);
      }
    for (std::int64_t r = 0; r < rows; ++r) finish(batch, head, row0 + r, r);
  }

 private:
  /// Scaled queries as [group][d][kQueryLanes]; absent ones are zero.
  void pack_queries(const float* q, std::int64_t rows) {
    for (std::int64_t r = 0; r < rounded(rows, kQueryLanes); ++r) {
      float* out = queries_.get() + r / kQueryLanes * kQueryLanes * c_.d + r % kQueryLanes;
      const float* row = q + r * c_.q.stride[2];
      for (std::int64_t i = 0; i < c_.d; ++i) out[i * kQueryLanes] = r < rows ? c_.scale * row[i] : 0.0F;
    }
  }

  /// `n` queries from `g` of the strip on, with `cols` keys from col0 on.
  void block(std::int64_t batch, std::int64_t head, std::int64_t row0, std::int64_t g, std::int64_t n, std::int64_t col0, std::int64_t cols) {
    const std::int64_t padded = rounded(cols, kPanelKeys);
    float* s = scores_.get();
    score_kernels().scores(queries_.get() + g * c_.d, keys_.get() + col0 * c_.d, padded / kPanelKeys, c_.d, s, kRunKeys);
    std::array<float, kQueryLanes> keep{};
    for (std::int64_t r = 0; r < n; ++r) {
      float* row = s + r * kRunKeys;
      const auto at = static_cast<std::size_t>(g + r);
      if (c_.bias.data) add_bias(batch, head, row0 + g + r, col0, cols, row);
      const std::int64_t end = std::clamp<std::int64_t>(c_.end_key(row0 + g + r) - col0, 0, cols);
      std::fill(row + end, row + padded, kAbsent);
      if (end == 0) {   // nothing here for this query, while a later one of the block sees some keys
        std::fill(row, row + padded, 0.0F);
        keep[static_cast<std::size_t>(r)] = 1;
        continue;
      }
      float sum = 0;
      const float most = attention_kernels().weights(row, padded, most_[at], &sum);
      const float factor = std::exp(most_[at] - most);
      keep[static_cast<std::size_t>(r)] = factor;
      sum_[at] = sum_[at] * factor + sum;
      most_[at] = most;
    }
    for (std::int64_t r = n; r < kQueryLanes; ++r) std::fill_n(s + r * kRunKeys, padded, 0.0F);
    const std::int64_t columns = c_.columns();
    attention_kernels().mix(s, kRunKeys, cols, values_.get() + col0 * columns, columns, keep.data(), out_.get() + g * columns);
  }

  void add_bias(std::int64_t batch, std::int64_t head, std::int64_t row, std::int64_t col0, std::int64_t cols, float* s) const {
    const std::int64_t step = c_.bias.stride[3];
    const float* bias = c_.bias.at(batch, head) + row * c_.bias.stride[2] + col0 * step;
    if (step == 1) return score_kernels().add(bias, cols, s);
    for (std::int64_t j = 0; j < cols; ++j) s[j] += bias[j * step];
  }

  void finish(std::int64_t batch, std::int64_t head, std::int64_t row, std::int64_t r) const {
    const auto at = static_cast<std::size_t>(r);
    c_.lse[(batch * c_.heads + head) * c_.rows + row] = most_[at] + std::log(sum_[at]);
    const float* from = out_.get() + r * c_.columns();
    float* to = c_.z + ((batch * c_.rows + row) * c_.heads + head) * c_.d_value;
    const float inverse = 1 / sum_[at];
    for (std::int64_t i = 0; i < c_.d_value; ++i) to[i] = from[i] * inverse;
  }

  const Call& c_;
  Floats keys_, values_, queries_, scores_, out_;
  std::array<float, kStripRows> most_{}, sum_{};
};

/// Parts of the queries of one head of keys: one where there are heads enough for the threads.
std::int64_t parts_of(const Call& call) {
  const std::int64_t units = call.batch * call.kv_heads, strips = (call.rows + kStripRows - 1) / kStripRows;
  const std::int64_t wanted = units >= 4 * threads() ? 1 : (4 * threads() + units - 1) / units;
  return std::clamp<std::int64_t>(wanted, 1, std::max<std::int64_t>(1, strips / 2));
}

void run(const Call& call) {
  const std::int64_t parts = parts_of(call), group = call.heads / call.kv_heads;
  parallel_for(call.batch * call.kv_heads * parts, 1, [&](std::int64_t begin, std::int64_t end) {
    Worker worker(call);
    std::int64_t packed = -1;
    for (std::int64_t item = begin; item < end; ++item) {
      const std::int64_t unit = item / parts, batch = unit / call.kv_heads, kv_head = unit % call.kv_heads;
      if (packed != unit) worker.pack(batch, kv_head);
      packed = unit;
      for (std::int64_t head = kv_head * group; head < (kv_head + 1) * group; ++head)
        for (std::int64_t strip = item % parts; strip * kStripRows < call.rows; strip += parts) worker.strip(batch, head, strip * kStripRows);
    }
  });
}

Tensor readable(const Tensor& x) {
  const Tensor wide = x.dtype() == DType::F32 ? x : to(x, DType::F32);
  return dense_rows(wide) ? wide : contiguous(wide);
}

/// Four axes, of which the last two have their full size or one.
Tensor bias_of(const Tensor& bias) {
  Tensor b = bias.dtype() == DType::F32 ? bias : to(bias, DType::F32);
  while (b.dim() < 4) b = unsqueeze(b, 0);
  return b;
}

bool ours(const Tensor& q, const Tensor& k, const Tensor& v, bool causal) {
  const auto known = [](const Tensor& x) { return x.on_cpu() && (x.dtype() == DType::F32 || x.dtype() == DType::BF16); };
  return known(q) && known(k) && known(v) && q.size(2) >= kFewestRows && k.size(2) > 0 && !(causal && q.size(2) > k.size(2));
}

}  // namespace

FusedAttention attention_forward(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& bias, bool causal, double scale) {
  if (!ours(q, k, v, causal)) return fused_attention(q, k, v, bias, causal, scale);
  if (k.size(1) < 1 || q.size(1) % k.size(1) != 0 || k.size(1) != v.size(1) || k.size(2) != v.size(2) || q.size(3) != k.size(3))
    throw std::invalid_argument("attention of queries " + shape_text(q.shape()) + ", keys " + shape_text(k.shape()) + " and values " + shape_text(v.shape()));
  const Tensor q32 = readable(q), k32 = readable(k), v32 = readable(v), added = bias.defined() ? bias_of(bias) : Tensor();
  Call call{.q = strided_f32(q32), .k = strided_f32(k32), .v = strided_f32(v32), .batch = q.size(0), .heads = q.size(1), .kv_heads = k.size(1),
            .rows = q.size(2), .keys = k.size(2), .d = q.size(3), .d_value = v.size(3), .causal = causal, .scale = static_cast<float>(scale)};
  if (added.defined()) call.bias = strided_f32(added);
  const Tensor z = Tensor::empty({call.batch, call.rows, call.heads, call.d_value}), lse = Tensor::empty({call.batch, call.heads, call.rows});
  call.z = z.data_f32();
  call.lse = lse.data_f32();
  run(call);
  return {transpose(q.dtype() == DType::F32 ? z : to(z, q.dtype()), 1, 2), lse};
}

}  // namespace vitrine::engine
