#pragma once

#include "engine/nn/part.h"

namespace vitrine::engine {

/// `mamba` {d_inner, d_state, d_conv, dt_rank, bias, conv_bias, act}: selective state space (arXiv:2312.00752, algorithm 2).
///
/// Per channel c: M[t,s] = sum_n C[t,n] exp(A[c,n] sum_{s<k<=t} delta[k,c]) delta[s,c] B[s,n] for s <= t (hidden attention,
/// arXiv:2403.01590, eq. 10, with Euler B as the released kernels compute it). y = M v + D v, then the gate silu(z).
/// The mixing map has one head per channel and leaves D and the gate outside.
/// Weights in_proj, conv [d_inner, d_conv], conv_bias, x_proj, dt_proj, A_log, D, out_proj.
/// Hooks: hook_v [batch, token, channel] (what M acts on), hook_delta, hook_y (M v + D v), hook_z (after the gate) all
/// [batch, token, head] with one head per channel.
Status register_mamba(PartRegistry& registry);

}  // namespace vitrine::engine
