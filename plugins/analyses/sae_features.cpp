#include <algorithm>

#include <fmt/format.h>

#include "engine/tensor/guard.h"
#include "engine/tensor/ops.h"
#include "plugins/analyses/sae.h"

namespace vitrine::plugins {

namespace {

std::filesystem::path folder_of(const Model& model) {
  std::error_code ignored;
  return std::filesystem::is_directory(model.path(), ignored) ? model.path() : model.path().parent_path();
}

/// Features on the tokens of the text.
struct Fired {
  std::int64_t tokens = 0, width = 0;
  std::vector<float> values;            ///< [token, feature]
  std::vector<std::int64_t> order;      ///< features that fire, strongest first
  std::vector<std::int64_t> best, count;  ///< [feature] token where it is strongest, tokens where it fires
  float at(std::int64_t token, std::int64_t feature) const { return values[static_cast<std::size_t>(token * width + feature)]; }
};

Fired fired_features(const Tensor& features) {
  Fired f{features.size(0), features.size(1), features.to_floats(), {}, {}, {}};
  f.best.assign(static_cast<std::size_t>(f.width), 0);
  f.count.assign(static_cast<std::size_t>(f.width), 0);
  for (std::int64_t i = 0; i < f.width; ++i) {
    const auto n = static_cast<std::size_t>(i);
    for (std::int64_t t = 0; t < f.tokens; ++t) {
      f.count[n] += f.at(t, i) > 0;
      if (f.at(t, i) > f.at(f.best[n], i)) f.best[n] = t;
    }
    if (f.count[n] > 0) f.order.push_back(i);
  }
  std::stable_sort(f.order.begin(), f.order.end(), [&](auto a, auto b) { return f.at(f.best[static_cast<std::size_t>(a)], a) > f.at(f.best[static_cast<std::size_t>(b)], b); });
  return f;
}

/// x^ of one token as the plain sum of its features' directions, against the matrix product.
double check_decoding(const Sae& sae, const Fired& f, const Tensor& reconstruction) {
  const auto dec = sae.w_dec.to_floats(), bias = sae.b_dec.to_floats(), made = reconstruction.to_floats();
  double worst = 0;
  for (std::int64_t t = 0; t < f.tokens; ++t)
    for (std::int64_t d = 0; d < sae.d_in; ++d) {
      double x = bias[static_cast<std::size_t>(d)];
      for (auto i : f.order) if (f.at(t, i) > 0) x += static_cast<double>(f.at(t, i)) * dec[static_cast<std::size_t>(i * sae.d_in + d)];
      worst = std::max(worst, std::abs(x - made[static_cast<std::size_t>(t * sae.d_in + d)]));
    }
  return worst;
}

void add_features(Report& report, const Sae& sae, const Fired& f, const std::vector<std::string>& texts, std::int64_t skip, std::int64_t count) {
  Table table{"features", {{"feature", "", 6}, {"activation", "", 4}, {"token", "", 4}, {"position", "", 6}, {"tokens", "", 6}}, {}};
  const bool known = !sae.density.empty();
  if (known) {
    table.columns.push_back({"density", "of tokens", 3});
    table.columns.push_back({"where it is strongest", "", 4});
  }
  const auto shown = static_cast<std::int64_t>(std::min<std::size_t>(f.order.size(), static_cast<std::size_t>(count)));
  Axis features{"feature", "", {}}, tokens{"token", "", {}};
  std::vector<float> values;
  for (std::int64_t t = 0; t < f.tokens; ++t) tokens.labels.push_back(texts[static_cast<std::size_t>(t + skip)]);
  for (std::int64_t n = 0; n < shown; ++n) {
    const auto i = f.order[static_cast<std::size_t>(n)];
    const auto at = static_cast<std::size_t>(i);
    std::vector<Cell> row{static_cast<double>(i), static_cast<double>(f.at(f.best[at], i)), texts[static_cast<std::size_t>(f.best[at] + skip)], static_cast<double>(f.best[at] + skip), static_cast<double>(f.count[at])};
    if (known) {
      row.push_back(sae.density[at] < 0 ? Cell(std::string("unknown")) : Cell(sae.density[at]));
      row.push_back(sae.strongest[at]);
    }
    table.rows.push_back(std::move(row));
    features.labels.push_back(std::to_string(i));
    for (std::int64_t t = 0; t < f.tokens; ++t) values.push_back(f.at(t, i));
  }
  report.tables.push_back(std::move(table));
  report.arrays.push_back(make_array("activation", "", {features, tokens}, {shown, f.tokens}, std::move(values)));
}

Result<Report> sae_features(const AnalysisRequest& request) {
  const Model& model = request.workspace.model();
  VITRINE_TRY(const Sae sae, open_sae(folder_of(model)));
  RunRequest run{.inputs = request.workspace.input().tensors, .edits = request.edits, .taps = {sae.hook}, .capture_maps = false, .keep_residuals = false};
  VITRINE_TRY(const auto made, run_model(model, run, request.progress));
  const auto tap = made->taps.find(sae.hook);
  if (tap == made->taps.end()) return fail(ErrorCode::Unsupported, "the input does not reach " + sae.hook + ", which the sparse autoencoder reads");
  if (tap->second.dim() != 3 || tap->second.size(2) != sae.d_in)
    return fail(ErrorCode::ShapeMismatch, fmt::format("the sparse autoencoder reads vectors of {}, {} has {}", sae.d_in, sae.hook, shape_text(tap->second.shape())));
  Report report;
  report.picture = PictureKind::Table;
  report.title = "Features of " + sae.hook;
  describe_input(report, request.workspace, "");
  const std::int64_t tokens = tap->second.size(1), skip = request.params["first"] == false && tokens > 1 ? 1 : 0;
  VITRINE_CHECK(guard([&] {
    const Tensor x = slice(select(tap->second, 0, 0), 0, skip, tokens), features = sae.encode(x), reconstruction = sae.decode(features);
    const Fired f = fired_features(features);
    add_features(report, sae, f, token_texts(request.workspace, "", tokens), skip, std::clamp<std::int64_t>(request.params["count"].get<std::int64_t>(), 1, 10000));
    double active = 0;
    for (auto n : f.count) active += static_cast<double>(n);
    if (f.tokens > 1) report.metrics.push_back({"fraction_of_variance_unexplained", fraction_unexplained(x, reconstruction), "", {}});
    report.metrics.push_back({"l0", active / static_cast<double>(f.tokens), "features a token", {}});
    report.metrics.push_back({"features that fire", static_cast<double>(f.order.size()), fmt::format("of {}", sae.d_sae), {}});
    const double worst = check_decoding(sae, f, reconstruction), scale = std::max(1.0, max_abs(x));
    report.verified = {"sum of the features' directions against the decoder's matrix product", worst, 1e-4 * scale, worst <= 1e-4 * scale};
  }));
  if (skip) report.notes["first token"] = "left out, as autoencoders are trained without it: the stream of a first token is an outlier in most models";
  report.notes["reconstruction"] = "fraction of the variance of this text's tokens that the features do not explain";
  report.timing_ms = made->milliseconds;
  return report;
}

}  // namespace

void register_sae_features(PluginRegistrar& registrar) {
  registrar.add(make_analysis({"sae_features", "Features of a sparse autoencoder", "Features of the autoencoder beside the model that fire on the input.",
                               "Cunningham et al. 2023, arXiv:2309.08600; Gao et al. 2024, arXiv:2406.04093", {int_param("count", 16, "how many features"), bool_param("first", false, "show the first token as well")}}, sae_features));
}

}  // namespace vitrine::plugins
