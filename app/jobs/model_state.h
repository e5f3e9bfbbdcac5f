#pragma once

#include <optional>
#include <string>

#include "engine/model/model.h"
#include "engine/run/input.h"
#include "views/panels/host.h"

namespace vitrine::app {

/// The opened model as panels may know it; `card` stays empty, `path` is the model's folder or file.
[[nodiscard]] views::ModelState model_state(const engine::Model& model);
[[nodiscard]] views::InputState input_state(const engine::PreparedInput& input);

/// A sample of `resources/samples` that the model can take, so that a model just opened shows something.
[[nodiscard]] std::optional<engine::InputItem> sample_input(const views::ModelState& model);

}  // namespace vitrine::app
