#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "engine/io/bytes.h"
#include "engine/measure/statistics.h"
#include "engine/run/evaluate.h"
#include "engine/run/sweep.h"
#include "engine/tensor/guard.h"
#include "engine/tensor/ops.h"
#include "plugins/analyses/common.h"

namespace vitrine::plugins {

namespace {

constexpr int kMostMembers = 64;

/// Sub-models of one density: each query of every head keeps that share of its keys, drawn anew for each member and layer.
std::vector<EditList> members_of(const TowerInfo& tower, double density, int members, std::uint64_t seed) {
  std::vector<EditList> all;
  for (int m = 0; m < members; ++m) {
    EditList edits;
    for (const MixerInfo& mixer : tower.mixers)
      if (mixer.kind.find("attention") != std::string::npos && density < 1)
        edits.push_back({.site = mixer.site + ".hook_pattern", .op = EditOp::Subsample, .scale = density,
                         .seed = seed + static_cast<std::uint64_t>(m) * 100'003 + static_cast<std::uint64_t>(mixer.layer)});
    all.push_back(std::move(edits));
  }
  return all;
}

/// What the members of one density do, each alone (mean over them) and their mean probabilities together.
struct Density {
  double share = 1;
  int members = 1;
  double alone = 0, together = 0;             ///< accuracy, or divergence from the whole model (nats)
  double alone_nats = 0, together_nats = 0;   ///< mean cross-entropy; of one input the same as above
  std::string label;                          ///< what they say together
};

Result<std::vector<double>> shares_of(const std::string& text) {
  std::vector<double> shares;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const std::string one = text.substr(begin, end - begin);
    const bool number = !one.empty() && one.size() < 12 && one.find_first_not_of("0123456789.") == std::string::npos && std::count(one.begin(), one.end(), '.') < 2 && one != ".";
    if (!number || !(std::stod(one) > 0 && std::stod(one) <= 1) || shares.size() == 16)
      return fail(ErrorCode::Usage, fmt::format("expected up to 16 densities above 0 and of at most 1, separated by commas, came '{}'", printable(text)));
    shares.push_back(std::stod(one));
    begin = end + 1;
  }
  return shares;
}

class Pathways {
 public:
  Pathways(const AnalysisRequest& request, const TowerInfo& tower) : request_(request), tower_(tower), on_set_(request.params["on"] == "eval") {}

  Result<Report> run() {
    VITRINE_TRY(const auto shares, shares_of(request_.params["densities"]));
    const std::int64_t members = request_.params["members"], seed = request_.params["seed"];
    if (members < 1 || members > kMostMembers) return fail(ErrorCode::Usage, fmt::format("expected 1 to {} members, came {}", kMostMembers, members));
    for (const double share : shares) {
      VITRINE_CHECK(request_.progress.step(static_cast<double>(densities_.size()) / static_cast<double>(shares.size()), fmt::format("density {:g}", share)));
      Density one{.share = share, .members = share < 1 ? static_cast<int>(members) : 1};
      const auto variants = members_of(tower_, share, one.members, static_cast<std::uint64_t>(seed));
      VITRINE_CHECK(on_set_ ? measure(variants, one) : compare(variants, one));
      densities_.push_back(std::move(one));
      if (request_.partial) request_.partial(report());
    }
    return report();
  }

 private:
  /// On the evaluation set.
  Status measure(const std::vector<EditList>& variants, Density& out) {
    VITRINE_TRY(const auto set, request_.workspace.eval_set());
    if (set->task != EvalSet::Task::Classification) return fail(ErrorCode::Unsupported, "an ensemble is measured on labelled pictures or texts; this evaluation set has none, on=input works");
    VITRINE_TRY(const auto found, evaluate_variants(request_.workspace.model(), *set, request_.edits, variants, {}, request_.progress.silent()));
    Tensor mean;
    for (const EvalResult& one : found) {
      out.alone += one.accuracy / static_cast<double>(found.size());
      out.alone_nats += one.mean_cross_entropy / static_cast<double>(found.size());
      VITRINE_CHECK(guard([&] {
        const Tensor p = softmax(to(one.logits, DType::F64), -1) * (1.0 / static_cast<double>(found.size()));
        mean = mean.defined() ? mean + p : p;
      }));
    }
    return guard([&] {
      const Tensor log_p = log(clamp(mean, 1e-300, 1));
      out.together = mean_all(to(equal(argmax(log_p, 1), set->labels), DType::F64)).item();
      out.together_nats = mean_all(cross_entropy(log_p, set->labels)).item();
    });
  }

  /// On the input, against the whole model.
  Status compare(const std::vector<EditList>& variants, Density& out) {
    VITRINE_TRY(const auto whole, request_.workspace.with_edits(request_.edits, request_.progress.silent()));
    VITRINE_TRY(const Prediction dense, prediction_of(request_.workspace, *whole, -1));
    const auto q = log_softmax_of(dense.logits);
    std::vector<double> mean(q.size(), 0.0);
    for (const EditList& variant : variants) {
      EditList edits = request_.edits;
      edits.insert(edits.end(), variant.begin(), variant.end());
      VITRINE_TRY(const auto run, request_.workspace.with_edits(edits, request_.progress.silent()));
      VITRINE_TRY(const Prediction now, prediction_of(request_.workspace, *run, -1));
      const auto p = log_softmax_of(now.logits);
      out.alone += kl_divergence(q, p) / static_cast<double>(variants.size());
      for (std::size_t i = 0; i < p.size(); ++i) mean[i] += std::exp(p[i]) / static_cast<double>(variants.size());
    }
    std::transform(mean.begin(), mean.end(), mean.begin(), [](double p) { return std::log(std::max(p, 1e-300)); });
    out.together = kl_divergence(q, mean);
    out.alone_nats = out.alone;
    out.together_nats = out.together;
    out.label = dense.label(std::max_element(mean.begin(), mean.end()) - mean.begin());
    return {};
  }

  [[nodiscard]] Report report() const {
    Report report;
    if (request_.workspace.has_input()) report.subtitle = request_.workspace.model().name() + " · " + request_.workspace.input().summary;
    report.title = "Sub-models of fewer attention weights";
    report.picture = PictureKind::Curves;
    std::vector<std::string> labels;
    std::vector<float> alone, together;
    Table table{"densities", {{"density", "", 4}, {"members", "", 3}}, {}};
    const char *what = on_set_ ? "accuracy" : "divergence", *unit = on_set_ ? "" : "nats";
    table.columns.insert(table.columns.end(), {{fmt::format("{}, one member", what), unit, 4}, {fmt::format("{}, together", what), unit, 4}});
    if (on_set_) table.columns.insert(table.columns.end(), {{"cross-entropy, one member", "nats", 4}, {"cross-entropy, together", "nats", 4}});
    else table.columns.push_back({"they say", "", 0});
    for (const Density& d : densities_) {
      labels.push_back(fmt::format("{:g}", d.share));
      alone.push_back(static_cast<float>(d.alone));
      together.push_back(static_cast<float>(d.together));
      std::vector<Cell> row{d.share, static_cast<double>(d.members), d.alone, d.together};
      if (on_set_) row.insert(row.end(), {d.alone_nats, d.together_nats});
      else row.emplace_back(d.label);
      table.rows.push_back(std::move(row));
    }
    const Axis axis{"density", "", labels};
    const auto n = static_cast<std::int64_t>(densities_.size());
    report.arrays = {make_array("one member", on_set_ ? "accuracy" : "nats", {axis}, {n}, std::move(alone)), make_array("together", on_set_ ? "accuracy" : "nats", {axis}, {n}, std::move(together))};
    report.tables = {std::move(table)};
    report.notes["density"] = "the share of its keys that each query of every head sees, its own always; drawn by chance, the rest of its weights scaled to sum to 1";
    report.notes["together"] = "the mean of the members' probabilities";
    const auto dense = std::find_if(densities_.begin(), densities_.end(), [](const Density& d) { return d.share == 1; });
    const bool same = !on_set_ && dense != densities_.end();
    report.verified = same ? Verified{"at density 1 the sub-model is the model", std::abs(dense->alone), 1e-9, std::abs(dense->alone) < 1e-9}
                           : Verified{"not checked: a measurement on the evaluation set or without density 1", -1, -1, false};
    return report;
  }

  const AnalysisRequest& request_;
  const TowerInfo& tower_;
  bool on_set_;
  std::vector<Density> densities_;
};

Result<Report> pathways(const AnalysisRequest& request) {
  VITRINE_TRY(const TowerInfo* tower, tower_of(request));
  const bool attends = std::any_of(tower->mixers.begin(), tower->mixers.end(), [](const MixerInfo& m) { return m.kind.find("attention") != std::string::npos; });
  if (!attends) return fail(ErrorCode::Unsupported, "the model has no attention weights of which some could be left out");
  return Pathways(request, *tower).run();
}

}  // namespace

void register_pathways(PluginRegistrar& registrar) {
  registrar.add(make_analysis({"pathways", "Sub-models of fewer attention weights", "What sub-models say that see a random share of the keys, each alone and as an ensemble.",
                               "Hussain et al. 2023 (The Information Pathways Hypothesis), arXiv:2306.01705",
                               {tower_param(), text_param("densities", "1,0.75,0.5,0.25,0.1", "shares of the keys that a query keeps"), int_param("members", 5, "sub-models of one ensemble"),
                                int_param("seed", 0, "which keys are kept"), choice_param("on", {"input", "eval"}, "input: divergence from the whole model; eval: accuracy on the evaluation set")},
                               true, true, false, false, true},
                              pathways));
}

}  // namespace vitrine::plugins
