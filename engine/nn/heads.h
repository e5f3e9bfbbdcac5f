#pragma once

#include "engine/nn/part.h"

namespace vitrine::engine {

/// Steps of output heads.
///
/// `take_token` {index}: one position; `mean_tokens` {from, masked}: mean over positions, by the attention mask if `masked`;
/// `cls_and_mean` {prefix}: concat(position 0, mean of the patches); `take_eos` {eos_id, first}: the position of the end token
/// (`first`: the first one; else the largest id, as old CLIP files have it); `normalise` {eps}: to unit length;
/// `activation` {act}; `scale` {factor}; `unembed` {vocab, bias, width}: logits over the vocabulary;
/// `average` {outputs}: mean of named outputs; `contrastive` {image, text}: exp(logit_scale) cosine of two named outputs, leaves
/// `logits_per_image` and `logits_per_text` (arXiv:2103.00020).
Status register_head_steps(PartRegistry& registry);

}  // namespace vitrine::engine
