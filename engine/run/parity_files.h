#pragma once

#include <vector>

#include "engine/model/model.h"
#include "engine/run/parity.h"
#include "engine/run/parity_case.h"

namespace vitrine::engine {

/// Texts and images beside a case (`input.txt`, `input.png`, `input_1.png`, `input.json`) must become the ids and pixels
/// of `input.safetensors`: ids exactly, pixels within one grey level. What a model's files do not say how to prepare is
/// added to `report.not_compared`.
Status compare_input_files(const Model& model, const ParityCase& on, const ParityVariant& variant, ParityReport& report);

}  // namespace vitrine::engine
