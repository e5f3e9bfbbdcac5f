#pragma once

#include "engine/nn/part.h"

namespace vitrine::engine {

/// Stems: from named inputs to the residual stream [batch, token, d_model].
///
/// `token_embedding` {vocab, d_model, ids, mask, positions: {kind: learned | none, max, offset, from: index | ids | mask,
///   pad_id}, segments, scale, norm: PartSpec, width, project_bias}: word, position and segment tables, added,
///   then normalised, then projected from `width` where it differs.
/// `patch_embedding` {patch: [rows, cols], channels, image: [rows, cols], d_model, kind: conv | flat_norm, bias, cls,
///   distillation, registers, positions: {kind: learned | none, prefix, antialias}, norm: PartSpec, pixels}:
///   a convolution whose stride is its kernel, or (flat_norm: arXiv:2306.01129) LN, linear, LN over flattened patches.
///   A position grid of another size is resized bicubically (a = -0.75).
/// Both leave the hook `hook_embed` [batch, token, d_model].
Status register_stems(PartRegistry& registry);

}  // namespace vitrine::engine
