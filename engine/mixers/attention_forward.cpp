#include "engine/mixers/attention_forward.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include <hwy/aligned_allocator.h>

#include "engine/mixers/attention_kernels.h"
#include "engine/mixers/bf16_attention_kernels.h"
#include "engine/mixers/decode_attention.h"
#include "engine/mixers/score_kernels.h"
#include "engine/tensor/guard.h"
#include "engine/tensor/ops.h"
#include "engine/tensor/parallel.h"
#include "engine/tensor/strided.h"

namespace vitrine::engine {

namespace {

template <class T>
using Aligned = hwy::AlignedFreeUniquePtr<T[]>;

constexpr std::int64_t kStripRows = 64;
constexpr std::int64_t kRunKeys = 8 * kPanelKeys;
constexpr std::int64_t kFewestRows = kQueryLanes;
constexpr float kAbsent = std::numeric_limits<float>::lowest();   // below every score: a key that does not exist

std::int64_t rounded(std::int64_t n, std::int64_t to) { return (n + to - 1) / to * to; }
template <class T>
Aligned<T> room(std::int64_t n) { return hwy::AllocateAligned<T>(static_cast<std::size_t>(std::max<std::int64_t>(1, n))); }

float wide(float x) { return x; }
float wide(std::uint16_t x) { return std::bit_cast<float>(static_cast<std::uint32_t>(x) << 16); }

/// One call, as memory. @tparam T float, or the bits of bfloat16
template <class T>
struct Call {
  Strided<T> q, k, v;
  StridedF32 bias;
  std::int64_t batch = 0, heads = 0, kv_heads = 0, rows = 0, keys = 0, d = 0, d_value = 0;
  bool causal = false;
  float scale = 1;
  T* z = nullptr;         ///< [batch, row, head, d_value]
  float* lse = nullptr;   ///< [batch, head, row]

  [[nodiscard]] std::int64_t columns() const { return rounded(d_value, kValueColumns); }
  [[nodiscard]] std::int64_t end_key(std::int64_t row) const { return causal ? std::min(keys, row + keys - rows + 1) : keys; }
};

/// What one thread needs for a head of keys and the strip of queries that it is at.
template <class T>
class Worker {
  static constexpr std::int64_t kPair = sizeof(float) / sizeof(T);   // values of one lane of a vector

 public:
  explicit Worker(const Call<T>& call)
      : c_(call), values_(room<T>(rounded(call.keys, kPair) * call.columns())), keys_(room<float>(rounded(call.keys, kPanelKeys) * call.d)),
        queries_(room<float>(kStripRows * call.d)), scores_(room<float>(kQueryLanes * kRunKeys)), out_(room<float>(kStripRows * call.columns())) {}

  void pack(std::int64_t batch, std::int64_t kv_head) {
    pack_keys(c_.k.at(batch, kv_head));
    pack_values(c_.v.at(batch, kv_head));
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
  void pack_keys(const T* k) {
    const std::int64_t d = c_.d;
    for (std::int64_t first = 0; first < c_.keys; first += kPanelKeys) {
      float* panel = keys_.get() + first * d;
      const std::int64_t n = std::min(kPanelKeys, c_.keys - first);
      if (n < kPanelKeys) std::fill_n(panel, d * kPanelKeys, 0.0F);
      for (std::int64_t j = 0; j < n; ++j) {
        const T* key = k + (first + j) * c_.k.stride[2];
        for (std::int64_t i = 0; i < d; ++i) panel[i * kPanelKeys + j] = wide(key[i]);
      }
    }
  }

  void pack_values(const T* v) {
    const std::int64_t columns = c_.columns();
    for (std::int64_t j = 0; j < c_.keys; j += kPair) {
      T* row = values_.get() + j * columns;
      const T *first = v + j * c_.v.stride[2], *second = first + c_.v.stride[2];
      if constexpr (kPair == 1) {
        std::memcpy(row, first, static_cast<std::size_t>(c_.d_value) * sizeof(T));
      } else if (j + 1 < c_.keys) {
        for (std::int64_t c = 0; c < c_.d_value; ++c) row[2 * c] = first[c], row[2 * c + 1] = second[c];
      } else {
        for (std::int64_t c = 0; c < c_.d_value; ++c) row[2 * c] = first[c], row[2 * c + 1] = T(0);
      }
      std::fill(row + c_.d_value * kPair, row + columns * kPair, T(0));
    }
  }

  /// Scaled queries as [group][d][kQueryLanes]; absent ones are zero.
  void pack_queries(const T* q, std::int64_t rows) {
    for (std::int64_t r = 0; r < rounded(rows, kQueryLanes); ++r) {
      float* out = queries_.get() + r / kQueryLanes * kQueryLanes * c_.d + r % kQueryLanes;
      const T* row = q + r * c_.q.stride[2];
      for (std::int64_t i = 0; i < c_.d; ++i) out[i * kQueryLanes] = r < rows ? c_.scale * wide(row[i]) : 0.0F;
    }
  }

  void mix(std::int64_t g, std::int64_t col0, std::int64_t cols, const float* keep) {
    const std::int64_t columns = c_.columns();
    const T* v = values_.get() + col0 * columns;
    if constexpr (kPair == 1) attention_kernels().mix(scores_.get(), kRunKeys, cols, v, columns, keep, out_.get() + g * columns);
    else bf16_attention_kernels()->mix(scores_.get(), kRunKeys, rounded(cols, kPair), v, columns, keep, out_.get() + g * columns);
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
    mix(g, col0, cols, keep.data());
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
    T* to = c_.z + ((batch * c_.rows + row) * c_.heads + head) * c_.d_value;
    const float inverse = 1 / sum_[at];
    if constexpr (kPair == 1) for (std::int64_t i = 0; i < c_.d_value; ++i) to[i] = from[i] * inverse;
    else bf16_attention_kernels()->store(from, c_.d_value, inverse, to);
  }

  const Call<T>& c_;
  Aligned<T> values_;
  Aligned<float> keys_, queries_, scores_, out_;
  std::array<float, kStripRows> most_{}, sum_{};
};

/// Parts of the queries of one head of keys: one where there are heads enough for the threads.
template <class T>
std::int64_t parts_of(const Call<T>& call) {
  const std::int64_t units = call.batch * call.kv_heads, strips = (call.rows + kStripRows - 1) / kStripRows;
  const std::int64_t wanted = units >= 4 * threads() ? 1 : (4 * threads() + units - 1) / units;
  return std::clamp<std::int64_t>(wanted, 1, std::max<std::int64_t>(1, strips / 2));
}

template <class T>
void run(const Call<T>& call) {
  const std::int64_t parts = parts_of(call), group = call.heads / call.kv_heads;
  parallel_for(call.batch * call.kv_heads * parts, 1, [&](std::int64_t begin, std::int64_t end) {
    Worker<T> worker(call);
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

template <class T>
Strided<T> strided(const Tensor& x) {
  if constexpr (sizeof(T) == sizeof(float)) return strided_f32(x);
  else return strided_bf16(x);
}

Tensor readable(const Tensor& x, DType dtype) {
  const Tensor same = x.dtype() == dtype ? x : to(x, dtype);
  return dense_rows(same) ? same : contiguous(same);
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

/// Whether values are mixed in pairs. Scores are float32 in any case: a tile of the map computes them again.
bool in_pairs(const Tensor& q, const Tensor& k, const Tensor& v) {
  const auto half = [](const Tensor& x) { return x.dtype() == DType::BF16; };
  return half(q) && half(k) && half(v) && bf16_attention_kernels() != nullptr;
}

template <class T>
FusedAttention attend(const Tensor& q_, const Tensor& k_, const Tensor& v_, const Tensor& bias, bool causal, double scale) {
  const DType dtype = sizeof(T) == sizeof(float) ? DType::F32 : DType::BF16;
  const Tensor q = readable(q_, dtype), k = readable(k_, dtype), v = readable(v_, dtype), added = bias.defined() ? bias_of(bias) : Tensor();
  Call<T> call{.q = strided<T>(q), .k = strided<T>(k), .v = strided<T>(v), .batch = q.size(0), .heads = q.size(1), .kv_heads = k.size(1),
               .rows = q.size(2), .keys = k.size(2), .d = q.size(3), .d_value = v.size(3), .causal = causal, .scale = static_cast<float>(scale)};
  if (added.defined()) call.bias = strided_f32(added);
  const Tensor z = Tensor::empty({call.batch, call.rows, call.heads, call.d_value}, dtype), lse = Tensor::empty({call.batch, call.heads, call.rows});
  if constexpr (sizeof(T) == sizeof(float)) call.z = z.data_f32();
  else call.z = data_bf16(z);
  call.lse = lse.data_f32();
  run(call);
  return {transpose(q_.dtype() == dtype ? z : to(z, q_.dtype()), 1, 2), lse};
}

}  // namespace

FusedAttention attention_forward(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& bias, bool causal, double scale) {
  if (can_decode(q, k, v)) return decode_attention(q, k, v, bias, scale);
  if (!ours(q, k, v, causal)) return fused_attention(q, k, v, bias, causal, scale);
  if (k.size(1) < 1 || q.size(1) % k.size(1) != 0 || k.size(1) != v.size(1) || k.size(2) != v.size(2) || q.size(3) != k.size(3))
    throw std::invalid_argument("attention of queries " + shape_text(q.shape()) + ", keys " + shape_text(k.shape()) + " and values " + shape_text(v.shape()));
  return in_pairs(q, k, v) ? attend<std::uint16_t>(q, k, v, bias, causal, scale) : attend<float>(q, k, v, bias, causal, scale);
}

}  // namespace vitrine::engine
