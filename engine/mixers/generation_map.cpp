#include "engine/mixers/generation_map.h"

#include "engine/tensor/ops.h"

namespace vitrine::engine {

namespace {

/// Rows [.., query, key] of all steps; those of earlier steps have nothing at later keys.
Tensor widened(const std::vector<Tensor>& rows, std::int64_t keys) {
  std::vector<Tensor> wide;
  for (const Tensor& x : rows) wide.push_back(pad(x, {0, keys - x.size(-1)}));
  return cat(wide, 2);
}

}  // namespace

std::shared_ptr<const MixingMap> generation_map(const KeyValueCache& cache) {
  const std::int64_t keys = cache.k.size(2);
  if (cache.pattern.empty()) {
    AttentionFactors f{.q = cat(cache.q, 2), .k = cache.k, .v = cache.v, .lse = cat(cache.lse, 2), .causal = true, .scale = cache.scale};
    if (!cache.bias.empty()) f.bias = widened(cache.bias, keys);
    return attention_map(std::move(f));
  }
  const Tensor z = cat(cache.z, 2), v = repeat_interleave(cache.v, z.size(1) / cache.v.size(1), 1);
  return stored_map(widened(cache.pattern, keys), v, z, "dense softmax", cache.stochastic);
}

}  // namespace vitrine::engine
