#include "engine/mixers/decode_attention.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "engine/mixers/attention_kernels.h"
#include "engine/mixers/decode_kernel.h"
#include "engine/mixers/score_kernels.h"
#include "engine/tensor/guard.h"
#include "engine/tensor/ops.h"
#include "engine/tensor/parallel.h"
#include "engine/tensor/strided.h"

namespace vitrine::engine {

namespace {

/// Multiply-adds below which a second thread costs more than it saves.
constexpr std::int64_t kAlone = 1 << 17;
constexpr std::int64_t kFewestKeys = 2 * kPanelKeys;
constexpr float kAbsent = std::numeric_limits<float>::lowest();

/// What a query found in one part of its context.
struct Found {
  float most = 0, sum = 0;
};

/// Rounded up.
std::int64_t quotient(std::int64_t n, std::int64_t by) { return (n + by - 1) / by; }

struct Call {
  std::int64_t batch = 0, heads = 0, kv_heads = 0, keys = 0, d = 0, d_value = 0, part = 0;
  const float* q = nullptr;   ///< [batch, head, d], scaled
  StridedF32 bias;

  [[nodiscard]] std::int64_t parts() const { return quotient(keys, part); }
  [[nodiscard]] std::int64_t group() const { return heads / kv_heads; }
};

/// Parts small enough that every thread gets several, no smaller than what a call of the kernels is worth, and all alike.
std::int64_t part_of(const Call& c, std::int64_t most) {
  const std::int64_t wanted = c.batch * c.kv_heads * c.keys / (4 * threads()) / kPanelKeys * kPanelKeys;
  const std::int64_t parts = quotient(c.keys, std::min(most, std::max(kFewestKeys, wanted)));
  return quotient(c.keys, parts);
}

template <class Row>
class Parts {
 public:
  Parts(const Call& call, Strided<Row> k, Strided<Row> v)
      : c_(call), k_(k), v_(v), out_(static_cast<std::size_t>(c_.batch * c_.heads * c_.parts() * c_.d_value)),
        found_(static_cast<std::size_t>(c_.batch * c_.heads * c_.parts())) {}

  void run(DecodeSplit split) {
    const std::int64_t pieces = c_.batch * c_.kv_heads * c_.parts(), together = split == DecodeSplit::Heads ? c_.parts() : 1;
    const bool alone = c_.batch * c_.heads * c_.keys * c_.d < kAlone;
    parallel_for(pieces / together, alone ? pieces : 1, [&](std::int64_t begin, std::int64_t end) {
      const std::int64_t room = quotient(c_.part, kPanelKeys) * kPanelKeys;
      std::vector<float> scores(static_cast<std::size_t>(c_.group() * room));
      for (std::int64_t t = begin * together; t < end * together; ++t) one(t, scores.data(), room);
    });
  }

  /// The parts of every query weighed by their log-sum-exp.
  void merge(float* z, float* lse) const {
    const std::int64_t parts = c_.parts();
    for (std::int64_t head = 0; head < c_.batch * c_.heads; ++head) {
      const Found* own = found_.data() + head * parts;
      float most = own[0].most, sum = 0;
      for (std::int64_t p = 1; p < parts; ++p) most = std::max(most, own[p].most);
      float* out = z + head * c_.d_value;
      std::fill_n(out, c_.d_value, 0.0F);
      for (std::int64_t p = 0; p < parts; ++p) {
        const float weight = std::exp(own[p].most - most), *from = out_.data() + (head * parts + p) * c_.d_value;
        sum += weight * own[p].sum;
        for (std::int64_t i = 0; i < c_.d_value; ++i) out[i] += weight * from[i];
      }
      for (std::int64_t i = 0; i < c_.d_value; ++i) out[i] /= sum;
      lse[head] = most + std::log(sum);
    }
  }

 private:
  /// Part t of [batch, kv_head, part].
  void one(std::int64_t t, float* scores, std::int64_t stride) {
    const std::int64_t parts = c_.parts(), b = t / (c_.kv_heads * parts), kv = t / parts % c_.kv_heads, first = t % parts * c_.part;
    const std::int64_t n = std::min(c_.part, c_.keys - first), padded = quotient(n, kPanelKeys) * kPanelKeys, group = c_.group();
    const std::int64_t head0 = b * c_.heads + kv * group;
    const DecodeKernels<Row>& kernels = decode_kernels<Row>();
    kernels.scores(c_.q + head0 * c_.d, group, k_.at(b, kv) + first * k_.stride[2], k_.stride[2], n, c_.d, scores, stride);
    for (std::int64_t g = 0; g < group; ++g) {
      float* s = scores + g * stride;
      if (c_.bias.data) add_bias(b, kv * group + g, first, n, s);
      std::fill(s + n, s + padded, kAbsent);
      Found& own = found_[static_cast<std::size_t>((head0 + g) * parts + t % parts)];
      own.most = attention_kernels().weights(s, padded, kAbsent, &own.sum);
    }
    std::vector<float>& mixed = mixed_of_thread();
    mixed.resize(static_cast<std::size_t>(group * c_.d_value));
    kernels.mix(scores, stride, group, v_.at(b, kv) + first * v_.stride[2], v_.stride[2], n, c_.d_value, mixed.data());
    for (std::int64_t g = 0; g < group; ++g)
      std::copy_n(mixed.data() + g * c_.d_value, c_.d_value, out_.data() + ((head0 + g) * parts + t % parts) * c_.d_value);
  }

  static std::vector<float>& mixed_of_thread() {
    thread_local std::vector<float> mixed;
    return mixed;
  }

  void add_bias(std::int64_t b, std::int64_t head, std::int64_t first, std::int64_t n, float* s) const {
    const std::int64_t step = c_.bias.stride[3];
    const float* bias = c_.bias.at(b, head) + first * step;
    if (step == 1) return score_kernels().add(bias, n, s);
    for (std::int64_t j = 0; j < n; ++j) s[j] += bias[j * step];
  }

  const Call& c_;
  Strided<Row> k_, v_;
  std::vector<float> out_;      ///< [batch, head, part, d_value], not yet divided by the sums
  std::vector<Found> found_;    ///< [batch, head, part]
};

template <class Row>
void run(const Call& call, Strided<Row> k, Strided<Row> v, DecodeSplit split, float* z, float* lse) {
  Parts<Row> parts(call, k, v);
  parts.run(split);
  parts.merge(z, lse);
}

}  // namespace

bool can_decode(const Tensor& q, const Tensor& k, const Tensor& v) {
  const bool known = q.dtype() == DType::F32 || q.dtype() == DType::BF16;
  const auto plain = [&](const Tensor& x) { return x.on_cpu() && x.dtype() == q.dtype() && x.dim() == 4; };
  return known && plain(q) && plain(k) && plain(v) && dense_rows(k) && dense_rows(v) && q.size(2) == 1 && k.size(2) > 0 && q.numel() > 0 &&
         q.size(1) % k.size(1) == 0 && k.size(0) == q.size(0) && v.size(0) == q.size(0) && v.size(1) == k.size(1) && v.size(2) == k.size(2) && k.size(3) == q.size(3);
}

FusedAttention decode_attention(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& bias, double scale, DecodeSplit split, std::int64_t most) {
  Call call{.batch = q.size(0), .heads = q.size(1), .kv_heads = k.size(1), .keys = k.size(2), .d = q.size(3), .d_value = v.size(3)};
  call.part = part_of(call, most);
  const Tensor queries = contiguous(to(q, DType::F32) * scale);
  call.q = queries.data_f32();
  Tensor added = bias;
  if (added.defined()) {
    added = to(added, DType::F32);
    while (added.dim() < 4) added = unsqueeze(added, 0);
    call.bias = strided_f32(added);
  }
  const Tensor z = Tensor::empty({call.batch, 1, call.heads, call.d_value}), lse = Tensor::empty({call.batch, call.heads, 1});
  if (q.dtype() == DType::F32) run(call, strided_f32(k), strided_f32(v), split, z.data_f32(), lse.data_f32());
  else run(call, strided_bf16(k), strided_bf16(v), split, z.data_f32(), lse.data_f32());
  return {transpose(to(z, q.dtype()), 1, 2), lse};
}

}  // namespace vitrine::engine
