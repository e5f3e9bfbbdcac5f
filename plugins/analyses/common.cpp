#include "plugins/analyses/common.h"

#include <algorithm>

#include <fmt/format.h>

#include "engine/tensor/guard.h"
#include "engine/tensor/ops.h"

namespace vitrine::plugins {

namespace {
class FunctionAnalysis final : public Analysis {
 public:
  FunctionAnalysis(AnalysisInfo info, std::function<Result<Report>(const AnalysisRequest&)> run) : info_(std::move(info)), run_(std::move(run)) {}
  const AnalysisInfo& info() const override { return info_; }
  Result<Report> run(const AnalysisRequest& request) const override {
    VITRINE_TRY(Report report, run_(request));
    report.id = info_.id;
    if (report.title.empty()) report.title = info_.title;
    return report;
  }

 private:
  AnalysisInfo info_;
  std::function<Result<Report>(const AnalysisRequest&)> run_;
};
}  // namespace

std::shared_ptr<const Analysis> make_analysis(AnalysisInfo info, std::function<Result<Report>(const AnalysisRequest&)> run) {
  return std::make_shared<const FunctionAnalysis>(std::move(info), std::move(run));
}

ParamInfo int_param(std::string name, std::int64_t fallback, std::string doc) { return {std::move(name), ParamInfo::Type::Int, fallback, {}, std::move(doc)}; }
ParamInfo float_param(std::string name, double fallback, std::string doc) { return {std::move(name), ParamInfo::Type::Float, fallback, {}, std::move(doc)}; }
ParamInfo bool_param(std::string name, bool fallback, std::string doc) { return {std::move(name), ParamInfo::Type::Bool, fallback, {}, std::move(doc)}; }
ParamInfo text_param(std::string name, std::string fallback, std::string doc) { return {std::move(name), ParamInfo::Type::Text, std::move(fallback), {}, std::move(doc)}; }
ParamInfo choice_param(std::string name, std::vector<std::string> choices, std::string doc) {
  nlohmann::json first = choices.at(0);
  return {std::move(name), ParamInfo::Type::Choice, std::move(first), std::move(choices), std::move(doc)};
}
ParamInfo tower_param() { return text_param("tower", "", "prefix of the tower (\"text.\", \"encoder.\"); empty: the first that the input feeds"); }

const TowerInput* tower_input(const Workspace& workspace, const std::string& prefix) {
  if (!workspace.has_input()) return nullptr;
  for (const auto& t : workspace.input().towers)
    if (t.tower == prefix) return &t;
  return nullptr;
}

Result<const TowerInfo*> tower_of(const AnalysisRequest& request) {
  const auto wanted = request.params.value("tower", std::string());
  std::string known;
  for (const auto& t : request.workspace.model().towers()) {
    if (wanted.empty() ? (!request.workspace.has_input() || tower_input(request.workspace, t.prefix)) : t.prefix == wanted || t.prefix == wanted + ".") return &t;
    known += (known.empty() ? "'" : ", '") + t.prefix + "'";
  }
  return fail(ErrorCode::Usage, "no tower '" + wanted + "' that the input feeds; the model has " + known);
}

std::vector<std::string> token_texts(const Workspace& workspace, const std::string& prefix, std::int64_t count) {
  std::vector<std::string> texts;
  if (const TowerInput* t = tower_input(workspace, prefix))
    for (const auto& token : t->tokens) texts.push_back(token.text);
  if (static_cast<std::int64_t>(texts.size()) == count) return texts;
  texts.clear();
  for (std::int64_t i = 0; i < count; ++i) texts.push_back(std::to_string(i));
  return texts;
}

Result<const MixerInfo*> mixer_of(const TowerInfo& tower, int layer, bool cross) {
  for (const auto& m : cross ? tower.cross : tower.mixers)
    if (m.layer == layer) return &m;
  return fail(ErrorCode::Usage, fmt::format("there is no {} in layer {}; the tower has layers 0 to {}", cross ? "cross attention" : "token mixer", layer, tower.layers - 1));
}

Result<std::shared_ptr<const MixingMap>> map_of(const Run& run, const MixerInfo& mixer) {
  auto it = run.maps.find(mixer.site);
  if (it == run.maps.end()) return fail(ErrorCode::Unsupported, "the mixer " + mixer.site + " was not run for this input, or its layer is dropped");
  return it->second;
}

Result<OneHead> head_of(const AnalysisRequest& request) {
  VITRINE_TRY(const TowerInfo* tower, tower_of(request));
  const int layer = request.params["layer"], head = request.params["head"], batch = request.params["batch"];
  VITRINE_TRY(const MixerInfo* mixer, mixer_of(*tower, layer, request.params["cross"].get<bool>()));
  VITRINE_TRY(const auto run, request.workspace.with_edits(request.edits, request.progress));
  VITRINE_TRY(const auto map, map_of(*run, *mixer));
  if (head < 0 || head >= map->heads()) return fail(ErrorCode::Usage, fmt::format("head {} does not exist; the layer has heads 0 to {}", head, map->heads() - 1));
  if (batch < 0 || batch >= map->batch()) return fail(ErrorCode::Usage, fmt::format("batch {} does not exist; the input has {}", batch, map->batch()));
  return OneHead{map, tower, layer, head, batch};
}

std::vector<ParamInfo> head_params(std::vector<ParamInfo> more) {
  std::vector<ParamInfo> list{tower_param(), int_param("layer", 0, "layer, from 0"), int_param("head", 0, "head, from 0"),
                              bool_param("cross", false, "cross attention instead of self attention"), int_param("batch", 0, "which item of a batch")};
  list.insert(list.end(), more.begin(), more.end());
  return list;
}

Result<std::vector<float>> whole_map(const MixingMap& map, int batch, int head) {
  if (map.rows() > 4096 || map.cols() > 4096)
    return fail(ErrorCode::DoesNotFit, fmt::format("a whole map of {} x {} cells is too large to hold at once; ask for tiles", map.rows(), map.cols()));
  if (head >= map.heads()) return fail(ErrorCode::Usage, fmt::format("head {} does not exist; the layer has heads 0 to {}", head, map.heads() - 1));
  if (head >= 0) {
    VITRINE_TRY(const Tensor tile, map.tile(batch, head, 0, map.rows(), 0, map.cols()));
    return tile.to_floats();
  }
  std::vector<float> sum(static_cast<std::size_t>(map.rows() * map.cols()), 0.F);
  for (int h = 0; h < map.heads(); ++h) {
    VITRINE_TRY(const Tensor tile, map.tile(batch, h, 0, map.rows(), 0, map.cols()));
    const auto values = tile.to_floats();
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += (map.stochastic() ? values[i] : std::abs(values[i])) / static_cast<float>(map.heads());
  }
  return sum;
}

Array make_array(std::string name, std::string unit, std::vector<Axis> axes, std::vector<std::int64_t> shape, std::vector<float> values) {
  return {std::move(name), std::move(unit), std::move(axes), std::move(shape), std::move(values)};
}

Axis layer_axis(int layers) {
  Axis axis{"layer", "", {}};
  for (int l = 0; l < layers; ++l) axis.labels.push_back(std::to_string(l));
  return axis;
}
Axis head_axis(int heads) {
  Axis axis{"head", "", {}};
  for (int h = 0; h < heads; ++h) axis.labels.push_back(std::to_string(h));
  return axis;
}
std::string head_name(int layer, int head) { return fmt::format("{}.{}", layer, head); }
int max_heads(const TowerInfo& tower) {
  int most = 0;
  for (const auto& m : tower.mixers) most = std::max(most, m.heads);
  return most;
}

void describe_input(Report& report, const Workspace& workspace, const std::string& prefix) {
  report.subtitle = workspace.model().name();
  const TowerInput* tower = tower_input(workspace, prefix);
  if (!tower) return;
  report.tokens = tower->tokens;
  report.grid = tower->grid;
  if (tower->grid) report.image = workspace.input().image;
  report.subtitle += (prefix.empty() ? "" : " · " + prefix.substr(0, prefix.size() - 1)) + " · " + workspace.input().summary;
}

Verified verify_map(const MixingMap& map, int batch, int head) {
  Verified v{"map × values against the mixer's own output", -1, 1e-4, false};
  double worst = 0;
  for (int h = head < 0 ? 0 : head; h < (head < 0 ? std::min(map.heads(), 4) : head + 1); ++h) {
    const auto difference = map_residual(map, batch, h);
    if (!difference) return {"not checked: " + difference.error().message, -1, -1, false};
    worst = std::max(worst, *difference);
  }
  double scale = 1;
  if (auto out = guard([&] { return max_abs(select(map.output(), 0, batch)); })) scale = std::max(1.0, *out);
  v.max_abs_diff = worst;
  v.tolerance *= scale;
  v.ok = worst <= v.tolerance;
  return v;
}

Verified verify_row(const MixingMap& map, int batch, int head, std::int64_t row) {
  Verified v{fmt::format("row {} of the map × values against the mixer's own output", row), -1, 1e-4, false};
  const auto tile = map.tile(batch, head, row, row + 1, 0, map.cols());
  if (!tile) return {"not checked: " + tile.error().message, -1, -1, false};
  const auto difference = guard([&] {
    const Tensor made = select(select(select(map.output(), 0, batch), 0, head), 0, row);
    const Tensor values = to(select(select(map.values(), 0, batch), 0, head), DType::F32);
    return max_abs(select(matmul(*tile, values), 0, 0) - to(made, DType::F32)) / std::max(1.0, max_abs(made));
  });
  if (!difference) return {"not checked: " + difference.error().message, -1, -1, false};
  v.max_abs_diff = *difference;
  v.ok = *difference <= v.tolerance;
  return v;
}

namespace {
Result<std::vector<float>> row_of(const Tensor& logits, std::int64_t position) {
  return guard([&]() -> Result<std::vector<float>> {
    if (logits.dim() == 2) return select(logits, 0, 0).to_floats();
    const std::int64_t n = logits.size(1), at = position < 0 ? position + n : position;
    if (at < 0 || at >= n) return fail(ErrorCode::Usage, fmt::format("position {} is outside the {} tokens", position, n));
    return select(select(logits, 0, 0), 0, at).to_floats();
  });
}
}  // namespace

Result<Prediction> prediction_of(const Workspace& workspace, const Run& run, std::int64_t position) {
  const Model& model = workspace.model();
  Prediction out;
  if (auto it = run.outputs.find("logits_per_image"); it != run.outputs.end()) {
    VITRINE_TRY(out.logits, row_of(it->second, 0));
    out.what = "caption for the image";
    const auto captions = workspace.has_input() ? workspace.input().item.captions : std::vector<std::string>{};
    const std::string text = workspace.has_input() ? workspace.input().item.text.value_or("") : "";
    out.label = [captions, text](std::int64_t i) { return static_cast<std::size_t>(i) < captions.size() ? captions[static_cast<std::size_t>(i)] : text.empty() ? std::to_string(i) : text; };
    return out;
  }
  auto it = run.outputs.find("logits");
  if (it == run.outputs.end()) return fail(ErrorCode::Unsupported, "the model makes no predictions: it has no head over classes or a vocabulary for this input");
  VITRINE_TRY(out.logits, row_of(it->second, position));
  if (it->second.dim() == 2) {
    out.what = "class";
    out.label = [labels = model.class_labels()](std::int64_t i) { return static_cast<std::size_t>(i) < labels.size() ? labels[static_cast<std::size_t>(i)] : std::to_string(i); };
    return out;
  }
  out.what = model.causal_lm() ? "next token" : "token";
  out.label = [tokenizer = model.tokenizer()](std::int64_t i) {
    const std::string text = tokenizer ? tokenizer->display(i) : "";
    return text.empty() ? std::to_string(i) : text;
  };
  return out;
}

}  // namespace vitrine::plugins
