#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "engine/io/bytes.h"
#include "engine/measure/statistics.h"
#include "engine/model/build.h"
#include "plugins/analyses/head_stats.h"

namespace vitrine::plugins {

namespace {

constexpr float kNone = std::numeric_limits<float>::quiet_NaN();
constexpr std::size_t kMostSizes = 16;

/// What a model says and does with patches of one size.
struct Size {
  int patch = 0;
  std::int64_t tokens = 0;
  Forecast needs;
  bool ran = false;
  std::string label;
  float probability = kNone, divergence = kNone, entropy = kNone, evenness = kNone, distance = kNone, milliseconds = kNone, accuracy = kNone;
};

/// "16,8,4", or halvings of the model's own size down to single pixels.
Result<std::vector<int>> sizes_of(const std::string& text, int own, int side) {
  std::vector<int> sizes;
  if (text.empty())
    for (int p = own; p >= 1; p /= 2) sizes.push_back(p);
  for (std::size_t begin = 0; !text.empty() && begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const std::string one = text.substr(begin, end - begin);
    const bool digits = !one.empty() && one.size() < 5 && one.find_first_not_of("0123456789") == std::string::npos;
    if (!digits || std::stoi(one) < 1 || std::stoi(one) > side)
      return fail(ErrorCode::Usage, fmt::format("expected patch sizes of 1 to {} pixels separated by commas, came '{}'", side, printable(text)));
    sizes.push_back(std::stoi(one));
    begin = end + 1;
  }
  if (sizes.size() > kMostSizes) return fail(ErrorCode::Usage, fmt::format("expected {} patch sizes at most, came {}", kMostSizes, sizes.size()));
  return sizes;
}

float mean_of_numbers(const std::vector<float>& values) {
  double sum = 0;
  std::int64_t count = 0;
  for (const float v : values)
    if (!std::isnan(v)) sum += v, ++count;
  return count > 0 ? static_cast<float>(sum / static_cast<double>(count)) : kNone;
}

/// The sweep over one picture.
class PatchSweep {
 public:
  PatchSweep(const AnalysisRequest& request, const TowerInfo& tower) : request_(request), tower_(tower) {}

  Result<Report> run() {
    const Model& model = request_.workspace.model();
    const auto& towers = model.spec().towers;
    const auto spec = std::find_if(towers.begin(), towers.end(), [&](const TowerSpec& t) { return t.prefix == tower_.prefix; });
    const auto own = spec == towers.end() ? std::vector<int>{} : param_or(spec->stem.params, "patch", std::vector<int>{});
    const auto image = spec == towers.end() ? std::vector<int>{} : param_or(spec->stem.params, "image", std::vector<int>{});
    if (own.size() != 2 || image.size() != 2) return fail(ErrorCode::Unsupported, "the model does not cut a picture into patches");
    own_ = own[0];
    VITRINE_TRY(const auto sizes, sizes_of(request_.params["sizes"], own_, std::min(image[0], image[1])));
    VITRINE_TRY(const auto base, request_.workspace.with_edits(request_.edits, request_.progress));
    if (base->outputs.contains("logits")) {
      VITRINE_TRY(const Prediction own_prediction, prediction_of(request_.workspace, *base, -1));
      before_ = log_softmax_of(own_prediction.logits);
    }
    for (const int patch : sizes) {
      VITRINE_CHECK(request_.progress.step(static_cast<double>(sizes_.size()) / static_cast<double>(sizes.size()), fmt::format("patches of {}", patch)));
      VITRINE_CHECK(one(patch, *base));
      if (request_.partial) request_.partial(report());
    }
    return report();
  }

 private:
  Status one(int patch, const Run& base) {
    const Model& model = request_.workspace.model();
    VITRINE_TRY(const auto resized, open_model(model.path().string(), {.dtype = model.dtype(), .patch = patch, .checkpoint = model.parts().checkpoint}));
    Workspace workspace(resized);
    VITRINE_CHECK(workspace.set_input(request_.workspace.input().item));
    Size size{.patch = patch};
    VITRINE_TRY(size.needs, forecast(*resized, {.inputs = workspace.input().tensors, .edits = request_.edits}));
    const TowerInput* input = tower_input(workspace, tower_.prefix);
    size.tokens = input && input->grid ? input->grid->offset + std::int64_t{input->grid->rows} * input->grid->cols : 0;
    const Status fits = check_memory(*resized, {.inputs = workspace.input().tensors, .edits = request_.edits});
    if (fits && size.needs.seconds <= request_.params["seconds"].get<double>()) VITRINE_CHECK(measure(workspace, base, size));
    sizes_.push_back(std::move(size));
    return {};
  }

  Status measure(Workspace& workspace, const Run& base, Size& size) {
    VITRINE_TRY(const auto run, workspace.with_edits(request_.edits, request_.progress.silent()));
    const AnalysisRequest inner{workspace, {}, request_.params, request_.progress.silent(), {}};
    VITRINE_TRY(const HeadStats stats, head_stats(inner, tower_, *run));
    size.ran = true;
    size.milliseconds = static_cast<float>(run->milliseconds);
    size.entropy = mean_of_numbers(stats.entropy);
    size.evenness = size.tokens > 1 ? size.entropy / static_cast<float>(std::log(static_cast<double>(size.tokens))) : kNone;
    size.distance = mean_of_numbers(stats.distance) * static_cast<float>(size.patch);
    if (!before_.empty()) {
      VITRINE_TRY(const Prediction now, prediction_of(workspace, *run, -1));
      const auto p = log_softmax_of(now.logits);
      const auto best = top_indices(now.logits, 1)[0];
      size.label = now.label(best);
      size.probability = static_cast<float>(std::exp(p[static_cast<std::size_t>(best)]));
      size.divergence = static_cast<float>(kl_divergence(before_, p));
    }
    if (size.patch == own_)
      for (const auto& [name, x] : run->outputs)
        if (const auto same = base.outputs.find(name); same != base.outputs.end()) apart_ = std::max(apart_, max_abs_difference(x, same->second));
    if (request_.params["on"] == "eval") {
      VITRINE_TRY(const auto set, request_.workspace.eval_set());
      VITRINE_TRY(const EvalResult measured, evaluate(workspace.model(), *set, request_.edits, request_.progress.silent(), request_.params["limit"].get<std::int64_t>()));
      size.accuracy = static_cast<float>(measured.accuracy);
    }
    return {};
  }

  [[nodiscard]] Report report() const {
    Report report;
    describe_input(report, request_.workspace, tower_.prefix);
    report.grid.reset();
    report.image.reset();
    report.title = "Patches of other sizes";
    report.picture = PictureKind::Table;
    Table table{"sizes", {{"patch", "pixels", 4}, {"tokens", "", 6}, {"prediction", "", 0}, {"probability", "", 4}, {"divergence", "nats", 4}, {"accuracy", "", 4}, {"entropy", "nats", 4},
                          {"evenness", "", 4}, {"distance", "pixels", 4}, {"time", "ms", 4}, {"forecast peak", "MB", 4}, {"forecast time", "s", 3}}, {}};
    std::vector<std::string> labels;
    for (const Size& s : sizes_) {
      labels.push_back(std::to_string(s.patch));
      const auto cell = [](float v) { return std::isnan(v) ? Cell(std::string()) : Cell(static_cast<double>(v)); };
      table.rows.push_back({static_cast<double>(s.patch), static_cast<double>(s.tokens), s.ran ? s.label : std::string("not run"), cell(s.probability), cell(s.divergence), cell(s.accuracy),
                            cell(s.entropy), cell(s.evenness), cell(s.distance), cell(s.milliseconds), static_cast<double>(s.needs.peak_bytes) / 1e6, s.needs.seconds});
    }
    report.tables = {std::move(table)};
    for (const auto& [name, unit, member] : {std::tuple{"divergence", "nats", &Size::divergence}, {"entropy", "nats", &Size::entropy}, {"evenness", "", &Size::evenness}, {"distance", "pixels", &Size::distance}}) {
      std::vector<float> values;
      for (const Size& s : sizes_) values.push_back(s.*member);
      report.arrays.push_back(make_array(name, unit, {{"patch", "pixels", labels}}, {static_cast<std::int64_t>(sizes_.size())}, std::move(values)));
    }
    report.notes["patches"] = "the kernel that makes patches is resized so that it answers a resized patch as it did the patch itself; the weights were trained for one size";
    report.notes["evenness"] = "entropy divided by that of equal weights";
    if (std::any_of(sizes_.begin(), sizes_.end(), [](const Size& s) { return !s.ran; })) report.notes["not run"] = "the forecast exceeds the seconds asked for or the memory that is free";
    report.verified = apart_ < 0 ? Verified{"not checked: the model's own patch size was not among them", -1, -1, false}
                                 : Verified{"the model's own patch size gives the outputs of the model as it is", apart_, 0, apart_ == 0};
    return report;
  }

  static double max_abs_difference(const Tensor& a, const Tensor& b) {
    const auto x = a.to_floats(), y = b.to_floats();
    double most = x.size() == y.size() ? 0 : std::numeric_limits<double>::infinity();
    for (std::size_t i = 0; i < std::min(x.size(), y.size()); ++i) most = std::max(most, std::abs(static_cast<double>(x[i]) - static_cast<double>(y[i])));
    return most;
  }

  const AnalysisRequest& request_;
  const TowerInfo& tower_;
  int own_ = 0;
  std::vector<double> before_;
  std::vector<Size> sizes_;
  double apart_ = -1;
};

Result<Report> patch_sweep(const AnalysisRequest& request) {
  VITRINE_TRY(const TowerInfo* tower, tower_of(request));
  return PatchSweep(request, *tower).run();
}

}  // namespace

void register_patch_sweep(PluginRegistrar& registrar) {
  registrar.add(make_analysis({"patch_sweep", "Patches of other sizes", "What the model says, how its heads look and what it costs as patches shrink to single pixels.",
                               "Wang et al. 2025, arXiv:2502.03738; kernel: Beyer et al. 2023 (FlexiViT), arXiv:2212.08013",
                               {tower_param(), text_param("sizes", "", "sides of a patch in pixels, \"16,8,4\"; empty: the model's own, halved down to 1"),
                                choice_param("on", {"input", "eval"}, "eval: accuracy on the model's evaluation set besides"), int_param("limit", 100, "items of the evaluation set; 0: all"),
                                float_param("seconds", 60, "a size whose pass would take longer is forecast and not run")},
                               true, true, false, false, true},
                              patch_sweep));
}

}  // namespace vitrine::plugins
