#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "engine/io/bytes.h"
#include "engine/run/sweep.h"
#include "engine/tensor/guard.h"
#include "engine/tensor/ops.h"
#include "plugins/analyses/common.h"

namespace vitrine::plugins {

namespace {

constexpr std::size_t kNamed = 30;   ///< places that the table names

/// What is copied: a hook of every block, at one token or one head at a time.
struct Site {
  const char* name;
  const char* hook;
  bool by_token, by_head;
};
constexpr std::array<Site, 9> kSites{{{"resid_pre", "hook_resid_pre", true, false}, {"attn_out", "hook_attn_out", true, false}, {"mlp_out", "hook_mlp_out", true, false},
                                      {"head_z", "attn.hook_z", false, true}, {"head_z_by_token", "attn.hook_z", true, true}, {"head_q", "attn.hook_q", false, true},
                                      {"head_k", "attn.hook_k", false, true}, {"head_v", "attn.hook_v", false, true}, {"head_pattern", "attn.hook_pattern", false, true}}};

struct Place {
  int layer;
  std::int64_t token, head;   ///< -1: all
};

/// The two runs: the input with the edits in force, and the one whose activations are copied into it.
struct Pair {
  std::shared_ptr<const Run> corrupted, clean;
  std::int64_t answer = 0, wrong = 0;
  double of_corrupted = 0, of_clean = 0;   ///< logit of the answer above that of the wrong one
};

/// The logits that decide: of the last token, or of the classes.
Result<std::vector<float>> last_logits(const std::map<std::string, Tensor>& outputs) {
  const auto it = outputs.find("logits");
  if (it == outputs.end() || it->second.dim() < 2 || it->second.dim() > 3) return fail(ErrorCode::Unsupported, "the model has no logits over a vocabulary or classes, so that nothing can be told apart");
  return guard([&] {
    const Tensor first = select(it->second, 0, 0);
    return (first.dim() == 2 ? select(first, 0, first.size(0) - 1) : first).to_floats();
  });
}

double apart(const std::vector<float>& logits, const Pair& pair) {
  return static_cast<double>(logits[static_cast<std::size_t>(pair.answer)]) - static_cast<double>(logits[static_cast<std::size_t>(pair.wrong)]);
}

/// What `text` stands for among the outputs: "#7", a class, a token; empty: the likeliest of `logits`.
Result<std::int64_t> output_of(const Model& model, const std::string& text, const std::vector<float>& logits, const char* what) {
  if (text.empty()) return std::max_element(logits.begin(), logits.end()) - logits.begin();
  const auto& labels = model.class_labels();
  std::int64_t id = -1;
  if (const auto label = std::find(labels.begin(), labels.end(), text); label != labels.end()) id = label - labels.begin();
  else if (text[0] == '#' && text.size() > 1 && text.size() < 12 && text.find_first_not_of("0123456789", 1) == std::string::npos) id = std::stoll(text.substr(1));
  else if (model.tokenizer() && labels.empty()) {
    VITRINE_TRY(const Encoding encoding, model.tokenizer()->encode(text, false));
    if (encoding.tokens.size() != 1)
      return fail(ErrorCode::Usage, fmt::format("expected one token for the {}, came {} for '{}'", what, encoding.tokens.size(), printable(text)));
    id = encoding.tokens[0].id;
  }
  if (id < 0 || id >= static_cast<std::int64_t>(logits.size()))
    return fail(ErrorCode::Usage, fmt::format("expected a token, a class or #0 to #{} for the {}, came '{}'", logits.size() - 1, what, printable(text)));
  return id;
}

/// The input like that of the workspace but for what `clean` says: another text or picture, or a file of tensors.
InputItem clean_item(const InputItem& like, const std::string& clean) {
  if (clean.ends_with(".safetensors")) return {.tensors = clean};
  InputItem item = like;
  item.tensors.reset();
  if (like.image) item.image = clean;
  else item.text = clean;
  return item;
}

Result<Pair> both_runs(const AnalysisRequest& request, const std::vector<std::string>& taps) {
  const Model& model = request.workspace.model();
  const std::string clean = request.params["clean"];
  if (clean.empty()) return fail(ErrorCode::Usage, "expected clean=TEXT, the input whose activations are copied, as long as the input itself; came nothing");
  VITRINE_TRY(const PreparedInput other, prepare(model, clean_item(request.workspace.input().item, clean)));
  Pair pair;
  VITRINE_TRY(pair.corrupted, request.workspace.with_edits(request.edits, request.progress));
  for (const auto& [name, x] : request.workspace.input().tensors) {
    const auto same = other.tensors.find(name);
    if (same == other.tensors.end() || same->second.shape() != x.shape() || x.size(0) != 1)
      return fail(ErrorCode::ShapeMismatch, fmt::format("expected a clean input of the same length: {} is {} here and {} there", name, shape_text(x.shape()),
                                                        same == other.tensors.end() ? "missing" : shape_text(same->second.shape())));
  }
  VITRINE_TRY(pair.clean, run_model(model, {.inputs = other.tensors, .edits = request.edits, .taps = taps, .capture_maps = false, .keep_residuals = false}, request.progress.silent()));
  VITRINE_TRY(const auto right, last_logits(pair.clean->outputs));
  VITRINE_TRY(const auto here, last_logits(pair.corrupted->outputs));
  VITRINE_TRY(pair.answer, output_of(model, request.params["answer"], right, "answer"));
  VITRINE_TRY(pair.wrong, output_of(model, request.params["wrong"], here, "wrong answer"));
  pair.of_clean = apart(right, pair);
  pair.of_corrupted = apart(here, pair);
  if (!(std::abs(pair.of_clean - pair.of_corrupted) > 1e-9))
    return fail(ErrorCode::Usage, "expected two inputs that the model answers differently; the logit difference of answer and wrong answer is the same for both");
  return pair;
}

/// The clean activation of a place, on top of the corrupted run. @param x [batch, token, d_model], [batch, token, head, d_head] or a pattern
Edit copying(const std::string& site, const Site& kind, const Tensor& x, const Place& place) {
  Edit edit{.site = site, .op = EditOp::Replace};
  Tensor part = select(x, 0, 0);
  if (place.head >= 0) edit.heads = {place.head};
  if (place.token >= 0) {
    edit.tokens = {place.token};
    part = select(part, 0, place.token);
  }
  const bool pattern = std::string_view(kind.hook).ends_with("pattern");
  if (place.head >= 0 && (pattern || place.token >= 0)) part = select(part, 0, place.head);
  edit.value = part.to_floats();
  return edit;
}

/// All places, and the sweep over them.
class Patching {
 public:
  Patching(const AnalysisRequest& request, const TowerInfo& tower, const Site& site, Pair pair)
      : request_(request), tower_(tower), site_(site), pair_(std::move(pair)) {}

  Status run() {
    VITRINE_CHECK(guard([&] { return list_places(); }));
    SweepRequest sweep{.inputs = request_.workspace.input().tensors, .edits = request_.edits, .variants = std::move(variants_), .parent = pair_.corrupted, .last_token = true};
    effects_.assign(places_.size(), std::numeric_limits<float>::quiet_NaN());
    return engine::sweep(request_.workspace.model(), sweep, [&](std::size_t variant, const std::map<std::string, Tensor>& outputs) -> Status {
      VITRINE_TRY(const auto logits, last_logits(outputs));
      const double effect = (apart(logits, pair_) - pair_.of_corrupted) / (pair_.of_clean - pair_.of_corrupted);
      if (variant < places_.size()) effects_[variant] = static_cast<float>(effect);
      else whole_ = effect;
      return {};
    }, request_.progress);
  }

  [[nodiscard]] Report report() const {
    Report report;
    describe_input(report, request_.workspace, tower_.prefix);
    report.title = fmt::format("Patching {}", site_.name);
    const auto tokens = token_texts(request_.workspace, tower_.prefix, tokens_);
    const Axis token{"token", "", tokens};
    if (site_.by_token && site_.by_head) {
      std::vector<std::string> heads;
      for (int layer = 0; layer < tower_.layers; ++layer)
        for (std::int64_t h = 0; h < heads_; ++h) heads.push_back(head_name(layer, static_cast<int>(h)));
      report.arrays.push_back(make_array("recovered", "share", {{"head", "", heads}, token}, {tower_.layers * heads_, tokens_}, grid(tower_.layers * heads_ * tokens_)));
    } else if (site_.by_token) {
      report.arrays.push_back(make_array("recovered", "share", {layer_axis(tower_.layers), token}, {tower_.layers, tokens_}, grid(tower_.layers * tokens_)));
    } else {
      report.arrays.push_back(make_array("recovered", "share", {layer_axis(tower_.layers), head_axis(static_cast<int>(heads_))}, {tower_.layers, heads_}, grid(tower_.layers * heads_)));
    }
    report.picture = site_.by_token ? PictureKind::Matrix : PictureKind::HeatMap;
    report.tables = {strongest(tokens)};
    report.metrics = {{"logit difference, clean", pair_.of_clean, "logit", {}}, {"logit difference, here", pair_.of_corrupted, "logit", {}}};
    report.notes["scale"] = "diverging";
    report.notes["recovered"] = "0: as the input, 1: as the clean one; logit of the answer above that of the wrong one, last token";
    report.verified = {"copying the whole clean stream into the first block gives the clean answer", std::abs(whole_ - 1), 1e-3, std::abs(whole_ - 1) < 1e-3};
    return report;
  }

 private:
  Status list_places() {
    std::string first;
    for (int layer = 0; layer < tower_.layers; ++layer) {
      const std::string site = fmt::format("{}blocks.{}.{}", tower_.prefix, layer, site_.hook);
      const auto found = pair_.clean->taps.find(site);
      if (found == pair_.clean->taps.end()) continue;
      const Tensor& x = found->second;
      const bool pattern = x.dim() == 4 && std::string_view(site_.hook).ends_with("pattern");
      tokens_ = pattern ? x.size(2) : x.size(1);
      const std::int64_t heads = !site_.by_head ? 1 : pattern ? x.size(1) : x.size(2);
      heads_ = std::max(heads_, heads);
      for (std::int64_t token = 0; token < (site_.by_token ? tokens_ : 1); ++token)
        for (std::int64_t head = 0; head < heads; ++head) {
          places_.push_back({layer, site_.by_token ? token : -1, site_.by_head ? head : -1});
          variants_.push_back({copying(site, site_, x, places_.back())});
        }
    }
    if (places_.empty()) return fail(ErrorCode::Unsupported, fmt::format("the model has no {} to patch", site_.hook));
    const std::string stream = fmt::format("{}blocks.0.hook_resid_pre", tower_.prefix);
    variants_.push_back({copying(stream, kSites[0], pair_.clean->taps.at(stream), {0, -1, -1})});
    return {};
  }

  /// The effects where the report's array has them.
  [[nodiscard]] std::vector<float> grid(std::int64_t cells) const {
    std::vector<float> values(static_cast<std::size_t>(cells), std::numeric_limits<float>::quiet_NaN());
    for (std::size_t i = 0; i < places_.size(); ++i) {
      const Place& p = places_[i];
      std::int64_t at = p.layer;
      if (site_.by_head) at = at * heads_ + p.head;
      if (site_.by_token) at = at * tokens_ + p.token;
      values[static_cast<std::size_t>(at)] = effects_[i];
    }
    return values;
  }

  [[nodiscard]] Table strongest(const std::vector<std::string>& tokens) const {
    std::vector<std::size_t> order(places_.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return std::abs(effects_[a]) > std::abs(effects_[b]); });
    Table table{"strongest", {{"place", "", 0}, {"token", "", 0}, {"recovered", "share", 4}}, {}};
    for (std::size_t i = 0; i < std::min(kNamed, order.size()); ++i) {
      const Place& p = places_[order[i]];
      const std::string where = p.head >= 0 ? head_name(p.layer, static_cast<int>(p.head)) : fmt::format("layer {}", p.layer);
      const std::string token = p.token < 0 ? "all" : tokens.empty() ? std::to_string(p.token) : fmt::format("{} {}", p.token, tokens[static_cast<std::size_t>(p.token)]);
      table.rows.push_back({where, token, static_cast<double>(effects_[order[i]])});
    }
    return table;
  }

  const AnalysisRequest& request_;
  const TowerInfo& tower_;
  const Site& site_;
  Pair pair_;
  std::vector<Place> places_;
  std::vector<EditList> variants_;
  std::vector<float> effects_;
  std::int64_t tokens_ = 0, heads_ = 1;
  double whole_ = 0;
};

Result<Report> patching(const AnalysisRequest& request) {
  VITRINE_TRY(const TowerInfo* tower, tower_of(request));
  const std::string name = request.params["site"];
  const Site& site = *std::find_if(kSites.begin(), kSites.end(), [&](const Site& each) { return name == each.name; });
  VITRINE_TRY(Pair pair, both_runs(request, {tower->prefix + "blocks.*." + site.hook, tower->prefix + "blocks.0.hook_resid_pre"}));
  Patching patching(request, *tower, site, std::move(pair));
  VITRINE_CHECK(patching.run());
  return patching.report();
}

}  // namespace

void register_patching(PluginRegistrar& registrar) {
  std::vector<std::string> sites;
  for (const Site& site : kSites) sites.emplace_back(site.name);
  registrar.add(make_analysis({"patching", "Activation patching", "How much of the clean answer comes back where one activation of the clean input is copied into this one.",
                               "Vig et al. 2020, arXiv:2004.12265; Meng et al. 2022, arXiv:2202.05262; Heimersheim and Nanda 2024, arXiv:2404.15255",
                               {tower_param(), text_param("clean", "", "the input whose activations are copied, as many tokens: a text, a picture's path or a .safetensors file of tensors"),
                                choice_param("site", sites, "what is copied"), text_param("answer", "", "token or class, or #id; empty: the clean input's likeliest"),
                                text_param("wrong", "", "token or class, or #id; empty: this input's likeliest")},
                               true, true, false, false, true},
                              patching));
}

}  // namespace vitrine::plugins
