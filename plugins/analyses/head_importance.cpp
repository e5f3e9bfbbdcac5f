#include "plugins/analyses/head_importance.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "engine/core/free_memory.h"
#include "engine/measure/statistics.h"
#include "engine/run/sweep.h"
#include "engine/tensor/guard.h"
#include "engine/tensor/ops.h"
#include "plugins/analyses/head_stats.h"

namespace vitrine::plugins {

namespace {

constexpr std::chrono::milliseconds kBetweenPictures{100};
constexpr float kNone = std::numeric_limits<float>::quiet_NaN();

/// Loss of the input itself: mean over predicted tokens (language model), else of the unedited prediction. nats.
Result<Tensor> input_loss(const Workspace& workspace, const Run& run, std::int64_t target) {
  return guard([&]() -> Result<Tensor> {
    auto it = run.outputs.find(run.outputs.contains("logits_per_image") ? "logits_per_image" : "logits");
    if (it == run.outputs.end()) return fail(ErrorCode::Unsupported, "the model makes no predictions, so that a head has nothing to be important for");
    const Tensor& logits = it->second;
    if (logits.dim() == 3 && workspace.model().causal_lm() && logits.size(1) > 1) {
      const Tensor ids = run.inputs.at("input_ids");
      return mean_all(cross_entropy(select(slice(logits, 1, 0, logits.size(1) - 1), 0, 0), select(slice(ids, 1, 1, ids.size(1)), 0, 0)));
    }
    const Tensor row = logits.dim() == 3 ? slice(select(logits, 0, 0), 0, logits.size(1) - 1, logits.size(1)) : slice(logits, 0, 0, 1);
    return mean_all(cross_entropy(row, Tensor::from_ints(std::vector<std::int64_t>{target}, {1})));
  });
}

/// Everything that the three targets share.
class Importance {
 public:
  Importance(const AnalysisRequest& request, const TowerInfo& tower, std::string method, std::string on)
      : request_(request), tower_(tower), method_(std::move(method)), on_(std::move(on)) {
    out_.layers = tower.layers;
    out_.heads = max_heads(tower);
    out_.importance.assign(cells(), kNone);
  }

  Result<HeadImportance> run(const std::function<void(const HeadImportance&, double)>& partial) {
    if (method_ == "confidence") return confidence();
    if (on_ == "eval") {
      VITRINE_TRY(set_, request_.workspace.eval_set());
    } else {
      VITRINE_TRY(base_, request_.workspace.with_edits(request_.edits, request_.progress));
      VITRINE_TRY(const Prediction p, prediction_of(request_.workspace, *base_, -1));
      target_ = top_indices(p.logits, 1)[0];
    }
    if (method_ == "zero" || method_ == "mean") VITRINE_CHECK(keep_within_budget());
    if (method_ == "confidence") return confidence();
    if (method_ == "gradient") return gradient();
    return ablation(partial);
  }

 private:
  std::size_t cells() const { return static_cast<std::size_t>(out_.layers * out_.heads); }
  std::vector<float>& more(const std::string& name) {
    for (auto& [key, values] : out_.more) if (key == name) return values;
    out_.more.emplace_back(name, std::vector<float>(cells(), kNone));
    return out_.more.back().second;
  }

  Result<HeadImportance> confidence() {
    VITRINE_TRY(const auto run, request_.workspace.with_edits(request_.edits, request_.progress));
    VITRINE_TRY(const HeadStats stats, head_stats(request_, tower_, *run));
    out_.importance = stats.confidence;
    out_.unit = "probability";
    out_.how = "largest weight of each query's row, mean over the queries of this input";
    return out_;
  }

  /// Ablations that would take longer than the budget give way to the gradient, which is one backward pass a batch.
  Status keep_within_budget() {
    const double budget = request_.params.value("budget", 0.0);
    if (budget <= 0) return {};
    VITRINE_TRY(const double seconds, ablation_seconds());
    if (seconds <= budget) return {};
    out_.postponed_seconds = seconds;
    out_.shown = gradient_fits() ? "gradient" : "confidence";
    out_.postponed = fmt::format("{} shown; {}-ablation takes about {:.0f} s: {} heads{}", out_.shown == "gradient" ? "Gradient" : "Confidence", method_,
                                 seconds, heads_in_all(), set_ ? fmt::format(" over {} items", set_->items()) : std::string());
    method_ = out_.shown;
    return {};
  }

  /// Whether a backward pass over this input leaves half of the memory to everything else.
  bool gradient_fits() const {
    if (set_) return true;
    const RunRequest pass{.inputs = request_.workspace.input().tensors, .capture_maps = false, .keep_residuals = false, .differentiable = true};
    return forecast_activations(request_.workspace.model(), pass) <= free_memory() / 2;
  }

  std::int64_t heads_in_all() const {
    std::int64_t all = 0;
    for (const auto& m : tower_.mixers) all += m.heads;
    return all;
  }

  /// From one run that is timed here, and the number of such runs that the ablations are worth.
  Result<double> ablation_seconds() const {
    std::vector<EditList> variants;
    std::vector<std::size_t> places;
    list_ablations(variants, places);
    const Model& model = request_.workspace.model();
    RunRequest run{.edits = request_.edits, .capture_maps = false, .keep_residuals = false};
    double runs = 0;
    if (set_) {
      VITRINE_TRY(runs, forecast_evaluation(model, *set_, variants, run.inputs));
    } else {
      run.inputs = request_.workspace.input().tensors;
      VITRINE_TRY(const SweepForecast cost, forecast_sweep(model, {.inputs = run.inputs, .variants = variants}));
      runs = cost.passes;
    }
    double milliseconds = 0;
    for (int i = 0; i < 2; ++i) {   // the first run of a model also packs its weights
      VITRINE_TRY(const auto made, run_model(model, run));
      milliseconds = made->milliseconds;
    }
    return runs * milliseconds / 1000;
  }

  Edit ablate(const MixerInfo& mixer, int head) const {
    Edit edit;
    edit.site = mixer.site + ".hook_z";
    edit.heads = {head};
    if (method_ == "mean") {
      edit.op = EditOp::Mean;
      if (auto it = means_.find(mixer.site); it != means_.end())
        edit.value.assign(it->second.begin() + head * mixer.d_head, it->second.begin() + (head + 1) * mixer.d_head);
    }
    return edit;
  }

  /// Mean z of every head over all items and tokens of the set, so that every ablation uses the same one.
  Status find_means() {
    std::vector<std::string> taps;
    for (const auto& m : tower_.mixers) taps.push_back(m.site + ".hook_z");
    std::map<std::string, Tensor> sums;
    std::int64_t counted = 0;
    const std::int64_t items = set_->items(), chunk = 50;
    for (std::int64_t i = 0; i < items; i += chunk) {
      VITRINE_CHECK(request_.progress.step(0.1 * static_cast<double>(i) / static_cast<double>(items), "means"));
      RunRequest run{.edits = request_.edits, .taps = taps, .capture_maps = false, .keep_residuals = false};
      VITRINE_CHECK(guard([&] {
        if (set_->pixel_values.defined()) run.inputs["pixel_values"] = slice(set_->pixel_values, 0, i, std::min(items, i + chunk));
        else run.inputs["input_ids"] = slice(set_->input_ids, 0, i, std::min(items, i + chunk));
      }));
      VITRINE_TRY(const auto made, run_model(request_.workspace.model(), run));
      VITRINE_CHECK(guard([&] {
        std::int64_t rows = 0;
        for (const auto& [site, z] : made->taps) {
          const Tensor sum_z = sum(to(z, DType::F64), {0, 1});
          sums[site] = sums.contains(site) ? sums[site] + sum_z : sum_z;
          rows = z.size(0) * z.size(1);
        }
        counted += rows;
      }));
    }
    for (const auto& m : tower_.mixers)
      if (auto it = sums.find(m.site + ".hook_z"); it != sums.end()) means_[m.site] = (it->second / static_cast<double>(counted)).to_floats();
    return {};
  }

  /// Without any head taken away, then with one: `base` and `now` are over the same items.
  Status score_eval(const EvalResult& base, const EvalResult& now, std::size_t at) {
    out_.importance[at] = static_cast<float>(now.mean_cross_entropy - base.mean_cross_entropy);
    more("mean_cross_entropy")[at] = static_cast<float>(now.mean_cross_entropy);
    more("accuracy")[at] = static_cast<float>(now.accuracy);
    more("n_correct")[at] = static_cast<float>(now.correct);
    if (!base.logits.defined() || base.logits.dim() != 2) return {};
    const auto p = base.logits.to_floats(), q = now.logits.to_floats();
    const auto classes = static_cast<std::size_t>(base.logits.size(1)), items = p.size() / classes;
    double kl = 0, js = 0;
    int changed = 0;
    for (std::size_t i = 0; i < items; ++i) {
      const std::span<const float> a(p.data() + i * classes, classes), b(q.data() + i * classes, classes);
      const auto la = log_softmax_of(a), lb = log_softmax_of(b);
      kl += kl_divergence(la, lb);
      js += js_divergence(la, lb);
      changed += top_indices(a, 1) != top_indices(b, 1);
    }
    more("mean_kl_from_full")[at] = static_cast<float>(kl / static_cast<double>(items));
    more("mean_jsd")[at] = static_cast<float>(js / static_cast<double>(items));
    more("predictions_changed")[at] = static_cast<float>(changed);
    return {};
  }

  Status score_input(double loss_before, double p_before, const Run& run, std::size_t at) {
    VITRINE_TRY(const Prediction p, prediction_of(request_.workspace, run, -1));
    VITRINE_TRY(const Tensor loss, input_loss(request_.workspace, run, target_));
    const double probability = std::exp(log_softmax_of(p.logits)[static_cast<std::size_t>(target_)]);
    more("probability")[at] = static_cast<float>(probability);
    more("loss")[at] = static_cast<float>(loss.item());
    out_.importance[at] = static_cast<float>(on_ == "probability" ? p_before - probability : loss.item() - loss_before);
    return {};
  }

  using Partial = std::function<void(const HeadImportance&, double)>;

  /// Every head once, with its place in the result.
  void list_ablations(std::vector<EditList>& variants, std::vector<std::size_t>& places) const {
    for (const auto& m : tower_.mixers)
      for (int h = 0; h < m.heads; ++h) {
        variants.push_back({ablate(m, h)});
        places.push_back(static_cast<std::size_t>(m.layer * out_.heads + h));
      }
  }

  Result<HeadImportance> ablation(const Partial& partial) {
    const std::string what = method_ == "zero" ? "z set to 0" : on_ == "eval" ? "z set to its mean over the items and tokens of the set" : "z set to its mean over the tokens of this input";
    return set_ ? ablation_on_set(what, partial) : ablation_on_input(what, partial);
  }

  Result<HeadImportance> ablation_on_set(const std::string& what, const Partial& partial) {
    if (method_ == "mean") VITRINE_CHECK(find_means());
    out_.unit = "nats";
    out_.how = what + "; rise of the mean cross entropy over " + fmt::format("{} items", set_->items());
    std::vector<EditList> variants{{}};   // the first: nothing more is changed
    std::vector<std::size_t> places{0};
    list_ablations(variants, places);
    const auto fill = [&](const std::vector<EvalResult>& results) -> Status {
      for (std::size_t v = 1; v < results.size(); ++v) VITRINE_CHECK(score_eval(results[0], results[v], places[v]));
      return {};
    };
    const auto visit = [&](const std::vector<EvalResult>& so_far, double fraction) {
      if (partial && fraction < 1 && fill(so_far)) partial(out_, fraction);
    };
    VITRINE_TRY(const auto results, evaluate_variants(request_.workspace.model(), *set_, request_.edits, variants, visit, request_.progress));
    VITRINE_CHECK(fill(results));
    return out_;
  }

  Result<HeadImportance> ablation_on_input(const std::string& what, const Partial& partial) {
    VITRINE_TRY(const Tensor loss, input_loss(request_.workspace, *base_, target_));
    VITRINE_TRY(const Prediction p, prediction_of(request_.workspace, *base_, -1));
    const double loss_before = loss.item(), p_before = std::exp(log_softmax_of(p.logits)[static_cast<std::size_t>(target_)]);
    out_.unit = on_ == "probability" ? "probability" : "nats";
    out_.how = what + (on_ == "probability" ? "; fall of the probability of '" + p.label(target_) + "'" : "; rise of the loss of this input");
    SweepRequest sweep_of{.inputs = request_.workspace.input().tensors, .edits = request_.edits, .parent = base_};
    std::vector<std::size_t> places;
    list_ablations(sweep_of.variants, places);
    std::size_t done = 0;
    const auto visit = [&](std::size_t v, const std::map<std::string, Tensor>& outputs) -> Status {
      Run run;
      run.inputs = sweep_of.inputs;
      run.outputs = outputs;
      VITRINE_CHECK(score_input(loss_before, p_before, run, places[v]));
      const double fraction = static_cast<double>(++done) / static_cast<double>(places.size());
      if (partial && done < places.size()) partial(out_, fraction);
      return request_.progress.step(fraction, "heads");
    };
    VITRINE_CHECK(sweep(request_.workspace.model(), sweep_of, visit, request_.progress.silent()));
    return out_;
  }

  /// |d loss / d gate| of one batch, added per item.
  Status add_gradients(const Run& run, const Tensor& loss, std::vector<double>& sums) {
    std::vector<Tensor> gates;
    std::vector<const MixerInfo*> owners;
    for (const auto& m : tower_.mixers)
      if (auto it = run.head_gates.find(m.site); it != run.head_gates.end()) { gates.push_back(it->second); owners.push_back(&m); }
    return guard([&] {
      const auto g = gradients(loss, gates);
      for (std::size_t i = 0; i < g.size(); ++i) {
        if (!g[i].defined()) continue;
        const auto per_head = sum(abs(g[i]), {0}).to_floats();
        for (std::size_t h = 0; h < per_head.size(); ++h) sums[static_cast<std::size_t>(owners[i]->layer * out_.heads) + h] += per_head[h];
      }
    });
  }

  Result<HeadImportance> gradient() {
    std::vector<double> sums(cells(), 0.0);
    std::int64_t items = 1;
    if (!set_) {
      RunRequest run{.inputs = request_.workspace.input().tensors, .edits = request_.edits, .capture_maps = false, .keep_residuals = false, .differentiable = true};
      VITRINE_TRY(const auto made, run_model(request_.workspace.model(), run, request_.progress));
      VITRINE_TRY(const Tensor loss, input_loss(request_.workspace, *made, target_));
      VITRINE_CHECK(add_gradients(*made, loss, sums));
    } else {
      items = set_->items();
      const std::int64_t chunk = set_->pixel_values.defined() ? 50 : 4;
      for (std::int64_t i = 0; i < items; i += chunk) {
        VITRINE_CHECK(request_.progress.step(static_cast<double>(i) / static_cast<double>(items), "gradients"));
        VITRINE_CHECK(gradient_chunk(i, std::min(items, i + chunk), sums));
      }
    }
    for (const auto& m : tower_.mixers)
      for (int h = 0; h < m.heads; ++h) {
        const auto at = static_cast<std::size_t>(m.layer * out_.heads + h);
        out_.importance[at] = static_cast<float>(sums[at] / static_cast<double>(items));
      }
    out_.unit = "nats";
    out_.how = set_ ? fmt::format("mean over {} items of |d loss(item) / d gate|; loss: cross entropy{}", items, set_->input_ids.defined() && !set_->labels.defined() ? ", mean over the item's tokens" : "")
                    : "|d loss / d gate| of this input";
    return out_;
  }

  Status gradient_chunk(std::int64_t begin, std::int64_t end, std::vector<double>& sums) {
    RunRequest run{.edits = request_.edits, .capture_maps = false, .keep_residuals = false, .differentiable = true};
    VITRINE_CHECK(guard([&] {
      if (set_->pixel_values.defined()) run.inputs["pixel_values"] = slice(set_->pixel_values, 0, begin, end);
      else run.inputs["input_ids"] = slice(set_->input_ids, 0, begin, end);
    }));
    VITRINE_TRY(const auto made, run_model(request_.workspace.model(), run));
    auto it = made->outputs.find("logits");
    if (it == made->outputs.end()) return fail(ErrorCode::Unsupported, "gradient importance on an evaluation set needs class or token predictions");
    VITRINE_TRY(const Tensor loss, guard([&] {
                  if (it->second.dim() == 2) return sum_all(cross_entropy(it->second, slice(set_->labels, 0, begin, end)));
                  const Tensor ids = run.inputs["input_ids"];
                  const std::int64_t n = ids.size(0) * (ids.size(1) - 1);
                  return sum_all(cross_entropy(reshape(slice(it->second, 1, 0, ids.size(1) - 1), {n, it->second.size(2)}), reshape(slice(ids, 1, 1, ids.size(1)), {n}))) /
                         static_cast<double>(ids.size(1) - 1);
                }));
    return add_gradients(*made, loss, sums);
  }

  const AnalysisRequest& request_;
  const TowerInfo& tower_;
  std::string method_, on_;
  HeadImportance out_;
  std::shared_ptr<const Run> base_;
  std::shared_ptr<const EvalSet> set_;
  std::map<std::string, std::vector<float>> means_;
  std::int64_t target_ = 0;
};

/// What stands behind the numbers of a method.
std::string how_sure(const std::string& method) {
  if (method == "confidence") return "read from the exact rows of the map; no head is changed";
  if (method == "gradient") return "every number is a backward pass through the model: a first-order estimate of removing the head";
  return "every number is a forward pass with that head changed; nothing is approximated";
}

Report report_of(const AnalysisRequest& request, const TowerInfo& tower, const HeadImportance& found, double fraction) {
  Report report;
  report.id = "head_importance";
  report.picture = PictureKind::HeatMap;
  const std::string method = found.shown.empty() ? request.params["method"].get<std::string>() : found.shown;
  report.title = "Head importance, " + method;
  describe_input(report, request.workspace, tower.prefix);
  const std::vector<std::int64_t> shape{found.layers, found.heads};
  const std::vector<Axis> axes{layer_axis(found.layers), head_axis(found.heads)};
  report.arrays.push_back(make_array("importance", found.unit, axes, shape, found.importance));
  Table table{"ranking", {{"head", "", 4}, {"importance", found.unit, 4}}, {}};
  for (const auto& [name, values] : found.more) {
    report.arrays.push_back(make_array(name, "", axes, shape, values));
    table.columns.push_back({name, "", 6});
  }
  for (const auto& [l, h] : ranking(found)) {
    const auto at = static_cast<std::size_t>(l * found.heads + h);
    std::vector<Cell> row{head_name(l, h), static_cast<double>(found.importance[at])};
    for (const auto& [name, values] : found.more) row.push_back(static_cast<double>(values[at]));
    table.rows.push_back(std::move(row));
  }
  report.tables.push_back(std::move(table));
  report.notes["definition"] = found.how;
  report.notes["method"] = method;
  if (!found.postponed.empty()) {
    report.notes["postponed"] = found.postponed;
    report.metrics.push_back({"postponed", found.postponed_seconds, "s", {}});
  }
  report.notes["on"] = request.params["on"].get<std::string>();
  report.verified = {how_sure(method), -1, -1, true};
  report.fraction_done = fraction;
  return report;
}

Result<Report> run_importance(const AnalysisRequest& request) {
  VITRINE_TRY(const TowerInfo* tower, tower_of(request));
  std::function<void(const HeadImportance&, double)> partial;
  auto last = std::chrono::steady_clock::now();
  if (request.partial)
    partial = [&](const HeadImportance& so_far, double fraction) {
      if (std::chrono::steady_clock::now() - last < kBetweenPictures) return;
      request.partial(report_of(request, *tower, so_far, fraction));
      last = std::chrono::steady_clock::now();
    };
  VITRINE_TRY(const HeadImportance found, head_importance(request, *tower, request.params["method"], request.params["on"], partial));
  return report_of(request, *tower, found, 1);
}

Result<Report> scatter(const AnalysisRequest& request) {
  VITRINE_TRY(const TowerInfo* tower, tower_of(request));
  VITRINE_TRY(const HeadImportance found, head_importance(request, *tower, request.params["method"], request.params["on"], {}));
  VITRINE_TRY(const auto run, request.workspace.with_edits(request.edits, request.progress));
  VITRINE_TRY(const HeadStats stats, head_stats(request, *tower, *run));
  const auto against = request.params["against"].get<std::string>();
  const std::vector<float>& other = against == "entropy" ? stats.entropy : against == "distance" ? stats.distance : stats.first_token;
  Axis items{"head", "", {}};
  std::vector<float> x, y, colour;
  for (const auto& [l, h] : ranking(found)) {
    const auto at = static_cast<std::size_t>(l * found.heads + h);
    items.labels.push_back(head_name(l, h));
    x.push_back(other[at]);
    y.push_back(found.importance[at]);
    colour.push_back(static_cast<float>(l));
  }
  const auto n = static_cast<std::int64_t>(x.size());
  Report report;
  report.picture = PictureKind::Scatter;
  report.title = "Importance against " + against;
  describe_input(report, request.workspace, tower->prefix);
  report.arrays.push_back(make_array(against, against == "entropy" ? "nats" : against == "distance" ? "tokens" : "share", {items}, {n}, std::move(x)));
  report.arrays.push_back(make_array("importance", found.unit, {items}, {n}, std::move(y)));
  report.arrays.push_back(make_array("layer", "", {items}, {n}, std::move(colour)));
  report.notes["definition"] = found.how;
  report.verified = {how_sure(request.params["method"]), -1, -1, true};
  return report;
}

}  // namespace

Result<HeadImportance> head_importance(const AnalysisRequest& request, const TowerInfo& tower, const std::string& method, const std::string& on,
                                       const std::function<void(const HeadImportance&, double)>& partial) {
  return Importance(request, tower, method, on).run(partial);
}

std::vector<ParamInfo> importance_params() {
  return {choice_param("method", {"zero", "mean", "gradient", "confidence"}, "how a head is judged"),
          choice_param("on", {"probability", "loss", "eval"}, "what it is judged on: the prediction's probability, the input's loss, or the evaluation set"), tower_param()};
}

std::vector<std::pair<int, int>> ranking(const HeadImportance& importance) {
  std::vector<std::pair<int, int>> order;
  for (int l = 0; l < importance.layers; ++l)
    for (int h = 0; h < importance.heads; ++h)
      if (!std::isnan(importance.importance[static_cast<std::size_t>(l * importance.heads + h)])) order.emplace_back(l, h);
  std::stable_sort(order.begin(), order.end(), [&](const auto& a, const auto& b) {
    return importance.importance[static_cast<std::size_t>(a.first * importance.heads + a.second)] > importance.importance[static_cast<std::size_t>(b.first * importance.heads + b.second)];
  });
  return order;
}

void register_head_importance(PluginRegistrar& registrar) {
  AnalysisInfo info{"head_importance", "Head importance", "How much worse the model gets when one head is taken away, for every head.", "Michel et al. 2019, arXiv:1905.10650; Voita et al. 2019, arXiv:1905.09418", importance_params()};
  info.slow = true;
  info.needs_input = false;   // not on an evaluation set
  info.params.push_back(float_param("budget", 0, "seconds that ablations may take; those forecast to take longer give way to the gradient, or, where that needs half of the memory, to the confidence, and the report says so; 0: no limit"));
  registrar.add(make_analysis(info, run_importance));
  info.params.pop_back();
  info.id = "importance_scatter";
  info.title = "Importance against other properties";
  info.summary = "Each head as a point: importance against entropy, distance or mass on the first token.";
  info.needs_input = true;
  info.params.push_back(choice_param("against", {"entropy", "distance", "first_token"}, "the other axis"));
  registrar.add(make_analysis(std::move(info), scatter));
}

}  // namespace vitrine::plugins
