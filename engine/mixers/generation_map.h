#pragma once

#include "engine/mixers/attention_map.h"
#include "engine/nn/part.h"

namespace vitrine::engine {

/// The rows of all steps of a generation as one causal map of the text so far; every row as its step computed it.
/// @cost O(steps * heads * d), keys and values are shared with the cache; where scores had a bias or the pattern was changed
/// O(tokens^2) for it, as in a pass over the whole text
[[nodiscard]] std::shared_ptr<const MixingMap> generation_map(const KeyValueCache& cache);

}  // namespace vitrine::engine
