#pragma once

#include "engine/nn/part.h"

namespace vitrine::engine {

/// Channel mixers.
///
/// `mlp` {width, act, gated, bias}: out(act(in x)) or, gated, out(act(gate x) * in x) (arXiv:2002.05202).
///   Weights `in`, `gate`, `out`; hooks `hook_pre`, `hook_post` [batch, token, neuron].
/// `ista` {eta, lambda}: relu(v + eta (W^T v - W^T W v) - eta lambda) in column form (arXiv:2306.01129, eq. 17),
///   with v the normalised input and no residual around it, as the released code has it. Weight `weight` [d, d].
Status register_channel_mixers(PartRegistry& registry);

}  // namespace vitrine::engine
