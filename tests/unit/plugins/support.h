#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "engine/analysis/analysis.h"
#include "engine/run/workspace.h"
#include "engine/tensor/tensor.h"

namespace vitrine::test {

using namespace vitrine::engine;   // NOLINT: the tests speak the engine's language throughout

/// A reference tensor: float32 of whatever was stored.
struct Golden {
  Shape shape;
  std::vector<float> values;
  [[nodiscard]] std::vector<std::int64_t> ints() const { return {values.begin(), values.end()}; }
};
/// "codebook_fsm/expected.safetensors" under tests/golden/trained, or a path that begins with "analysis/".
[[nodiscard]] Golden golden(const std::string& file, const std::string& tensor);
/// Rows of a CSV without quotes, by the names of its first line.
[[nodiscard]] std::vector<std::map<std::string, std::string>> golden_csv(const std::string& file);
[[nodiscard]] nlohmann::json golden_json(const std::string& file);

[[nodiscard]] std::shared_ptr<const Model> demo(const std::string& name);
/// An input that suits a demo model.
[[nodiscard]] InputItem sample_input(const std::string& demo);
[[nodiscard]] InputItem text_input(const std::string& text);

/// All analyses of the built plugins.
[[nodiscard]] const AnalysisRegistry& analyses();
/// Runs one by id with parameters checked. An absent input is left out.
[[nodiscard]] Result<Report> analyse(const std::shared_ptr<const Model>& model, const std::string& id, const nlohmann::json& params, const std::optional<InputItem>& input,
                                     const EditList& edits = {});

[[nodiscard]] const Array& array_named(const Report& report, const std::string& name);
[[nodiscard]] double metric_named(const Report& report, const std::string& name);
[[nodiscard]] double number(const Cell& cell);
[[nodiscard]] std::string words(const Cell& cell);

}  // namespace vitrine::test
