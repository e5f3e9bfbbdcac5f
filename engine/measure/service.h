#pragma once

#include "engine/measure/deployment.h"
#include "engine/run/model_cost.h"

namespace vitrine::engine {

/// A pass in bytes: weights, activations in the mixers' best form (`cascades_of`), and what is kept.
[[nodiscard]] PassNeeds needs_of(const std::vector<TowerCost>& towers, const Device& device, Precision precision);

/// A model as it would be served with `context` tokens of each user, from the costs of its parts. Nothing is computed.
/// The model must outlive it.
[[nodiscard]] Service service_of(const Model& model, std::int64_t context, const Device& device, Precision precision);

}  // namespace vitrine::engine
