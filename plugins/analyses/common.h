#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/analysis/analysis.h"
#include "engine/plugin/registrar.h"
#include "engine/run/workspace.h"

namespace vitrine::plugins {

using namespace vitrine::engine;   // NOLINT: systems speak the engine's language throughout

/// An analysis out of its description and a function.
[[nodiscard]] std::shared_ptr<const Analysis> make_analysis(AnalysisInfo info, std::function<Result<Report>(const AnalysisRequest&)> run);

[[nodiscard]] ParamInfo int_param(std::string name, std::int64_t fallback, std::string doc);
[[nodiscard]] ParamInfo float_param(std::string name, double fallback, std::string doc);
[[nodiscard]] ParamInfo bool_param(std::string name, bool fallback, std::string doc);
[[nodiscard]] ParamInfo text_param(std::string name, std::string fallback, std::string doc);
[[nodiscard]] ParamInfo choice_param(std::string name, std::vector<std::string> choices, std::string doc);   ///< the first is the default
[[nodiscard]] ParamInfo tower_param();

/// The tower that parameter "tower" names; empty means the first that the input feeds.
[[nodiscard]] Result<const TowerInfo*> tower_of(const AnalysisRequest& request);
/// Its tokens in the input; nullptr if it has none.
[[nodiscard]] const TowerInput* tower_input(const Workspace& workspace, const std::string& prefix);
/// What a person calls the positions of a tower.
[[nodiscard]] std::vector<std::string> token_texts(const Workspace& workspace, const std::string& prefix, std::int64_t count);

/// The mixer of one layer. @error Usage with the range that exists
[[nodiscard]] Result<const MixerInfo*> mixer_of(const TowerInfo& tower, int layer, bool cross);
/// The mixing map of a mixer in a run. @error Unsupported if the mixer has none
[[nodiscard]] Result<std::shared_ptr<const MixingMap>> map_of(const Run& run, const MixerInfo& mixer);
/// One head of one layer that an analysis of `head_params` is asked about, and its map with the edits in force.
struct OneHead {
  std::shared_ptr<const MixingMap> map;
  const TowerInfo* tower;
  int layer, head, batch;
};
/// @error Usage with what exists; Unsupported if the mixer has no map
[[nodiscard]] Result<OneHead> head_of(const AnalysisRequest& request);
/// Parameters "tower", "layer", "head", "cross", "batch", and more.
[[nodiscard]] std::vector<ParamInfo> head_params(std::vector<ParamInfo> more);

/// One head's whole map [row, col]; head -1: mean over heads. @error DoesNotFit above 4096 x 4096 cells
[[nodiscard]] Result<std::vector<float>> whole_map(const MixingMap& map, int batch, int head);

[[nodiscard]] Array make_array(std::string name, std::string unit, std::vector<Axis> axes, std::vector<std::int64_t> shape, std::vector<float> values);
[[nodiscard]] Axis layer_axis(int layers);
[[nodiscard]] Axis head_axis(int heads);
[[nodiscard]] std::string head_name(int layer, int head);
[[nodiscard]] int max_heads(const TowerInfo& tower);

/// Fills title line, tokens, image and grid of a tower.
void describe_input(Report& report, const Workspace& workspace, const std::string& prefix);
/// "map x values equals the mixer's output", measured.
[[nodiscard]] Verified verify_map(const MixingMap& map, int batch, int head);

/// The same for one row, at any length.
[[nodiscard]] Verified verify_row(const MixingMap& map, int batch, int head, std::int64_t row);

/// Logits that matter for an input: of the last token (causal), of position `position`, of the class, or the first row of
/// logits_per_image; with the labels of their entries.
struct Prediction {
  std::vector<float> logits;
  std::string what;                                   ///< "next token after ' the'", "class", "caption"
  std::function<std::string(std::int64_t)> label;
};
[[nodiscard]] Result<Prediction> prediction_of(const Workspace& workspace, const Run& run, std::int64_t position);

}  // namespace vitrine::plugins
