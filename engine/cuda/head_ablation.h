#pragma once

#include "engine/cuda/block_program.h"
#include "engine/cuda/head_view.h"

namespace vitrine::engine::cuda {

/// Outputs of one attention layer for many variants that each change one head, as low-rank updates of the unchanged output:
///
///   out[v, t] = y[t] + (z'[v, t] - z[t, head_v]) W[:, head_v]^T
///
/// where z'[v] replaces what head_v wrote (zero, its mean, another input's).
/// Grid: x over blocks of kSide of d_model, y over blocks of kSide of variant and token together.
struct HeadAblation {
  const float* y = nullptr;            ///< [token, d_model]
  const float* z = nullptr;            ///< [token, head, d_head]
  const float* w = nullptr;            ///< [d_model, head * d_head], the output projection
  const std::int64_t* head = nullptr;  ///< [variant]
  const float* replacement = nullptr;  ///< [variant, token, d_head]; nullptr: zero
  float* out = nullptr;                ///< [variant, token, d_model]
  std::int64_t variants = 0, tokens = 0;
  int n_heads = 0, d_head = 0, d_model = 0;

  using Shared = DotShared;
  struct State {
    float sum = 0;
  };

  template <typename Block>
  VITRINE_HD void run(Block& block) const {
    Shared& shared = block.shared;
    const HeadAblation s = *this;
    const std::int64_t o0 = static_cast<std::int64_t>(block.index.x) * kSide;
    // Rows of a block must share their head, so blocks of rows are counted inside each variant.
    const std::int64_t per_variant = (tokens + kSide - 1) / kSide, v = block.index.y / per_variant, t0 = block.index.y % per_variant * kSide;
    if (v >= variants) return;
    const std::int64_t h = head[v], all = static_cast<std::int64_t>(n_heads) * d_head;
    for (int from = 0; from < d_head; from += kDepthStep) {
      block.each([=, &shared](int thread, State&) {
        const int ty = thread / kSide;
        for (int i = thread % kSide; i < kDepthStep; i += kSide) {
          const int d = from + i;
          const std::int64_t t = t0 + ty, o = o0 + ty;
          const bool inside = d < s.d_head && t < s.tokens;
          const float now = inside && s.replacement ? s.replacement[(v * s.tokens + t) * s.d_head + d] : 0.0f;
          shared.a[ty][i] = inside ? now - s.z[t * all + h * s.d_head + d] : 0.0f;
          shared.b[ty][i] = d < s.d_head && o < s.d_model ? s.w[o * all + h * s.d_head + d] : 0.0f;
        }
      });
      block.each([&shared](int thread, State& state) {
        for (int i = 0; i < kDepthStep; ++i) state.sum += shared.a[thread / kSide][i] * shared.b[thread % kSide][i];
      });
    }
    block.each([=](int thread, State& state) {
      const std::int64_t t = t0 + thread / kSide, o = o0 + thread % kSide;
      if (t < s.tokens && o < s.d_model) s.out[(v * s.tokens + t) * s.d_model + o] = s.y[t * s.d_model + o] + state.sum;
    });
  }
};

}  // namespace vitrine::engine::cuda
