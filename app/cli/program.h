#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "app/cli/context.h"
#include "engine/analysis/analysis.h"
#include "engine/core/error.h"
#include "engine/model/model.h"
#include "engine/plugin/loader.h"
#include "engine/run/workspace.h"

namespace vitrine::app {

/// Version, libtorch, device, build and what files are read behind, one a line.
[[nodiscard]] std::string version_text();

/// `{"path", "sha256", "architecture"}` of an opened model.
[[nodiscard]] nlohmann::json model_json(const engine::Model& model);

/// Has strangers' files read by the reader process, for all of this program; `apart` false: by the program itself.
void choose_reader(bool apart);

/// Everything that plugins add, loaded once.
[[nodiscard]] const engine::PluginSet& plugins();

/// Opens the MODEL of a command. @param dtype "fp32" or "bf16"
/// @param tensors_alone as `engine::OpenOptions`
[[nodiscard]] engine::Result<std::shared_ptr<const engine::Model>> open_model_of(Context& context,
                                                                               const std::string& model,
                                                                               const std::string& dtype = "fp32",
                                                                               bool tensors_alone = false);

/// What an analysis needs beyond the request, checked before it runs. @error Usage, InvalidInput
[[nodiscard]] engine::Status check_needs(const engine::AnalysisInfo& info, const engine::Model& model, bool has_input);

/// `{"how", "max_abs_diff"}`
[[nodiscard]] nlohmann::json verified_json(const engine::Verified& verified);

/// Milliseconds since it was made.
class Stopwatch {
 public:
  [[nodiscard]] double milliseconds() const;

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace vitrine::app
