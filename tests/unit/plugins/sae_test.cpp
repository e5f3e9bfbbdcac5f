#include <algorithm>
#include <cmath>
#include <fstream>

#include <unistd.h>

#include "engine/tensor/ops.h"
#include "plugins/analyses/sae.h"
#include "tests/unit/plugins/support.h"

namespace vitrine::test {
namespace {

using namespace vitrine::plugins;

Sae demo_sae() {
  auto sae = open_sae(demo_folder("lm_text").value());
  if (!sae) throw std::runtime_error(sentence(sae.error()));
  return std::move(*sae);
}

double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size()) return INFINITY;
  double worst = 0;
  for (std::size_t i = 0; i < a.size(); ++i) worst = std::max(worst, static_cast<double>(std::abs(a[i] - b[i])));
  return worst;
}

TEST(Sae, FeaturesAndReconstructionEqualTheReference) {
  const Sae sae = demo_sae();
  const auto resid = golden("lm_text_sae/input.safetensors", "resid");
  const Tensor x = Tensor::from_floats(resid.values, resid.shape), features = sae.encode(x);
  EXPECT_LE(largest_difference(features.to_floats(), golden("lm_text_sae/expected.safetensors", "features").values), 1e-4);
  EXPECT_LE(largest_difference(sae.decode(features).to_floats(), golden("lm_text_sae/expected.safetensors", "reconstruction").values), 1e-4);
}

double window_loss(const Model& model, const Tensor& ids, const EditList& edits) {
  RunRequest run{.inputs = {{"input_ids", ids}}, .edits = edits, .capture_maps = false, .keep_residuals = false};
  auto made = run_model(model, run);
  if (!made) throw std::runtime_error(sentence(made.error()));
  const std::int64_t n = ids.size(1);
  return mean_all(cross_entropy(select(slice((*made)->outputs.at("logits"), 1, 0, n - 1), 0, 0), select(slice(ids, 1, 1, n), 0, 0))).item();
}

/// The reference set, once: what the features explain, and the loss with the reconstruction or zero in place of the stream.
TEST(Sae, ReachesTheReferenceOnItsSet) {
  const auto model = demo("lm_text");
  const Sae sae = demo_sae();
  const auto stored = golden("lm_text_sae/eval.safetensors", "input_ids");
  const auto metrics = golden_json("lm_text_sae/metrics.json")["metrics"];
  double original = 0, reconstructed = 0, zeroed = 0, active = 0;
  std::vector<Tensor> rows, made_rows;
  std::vector<double> fires(static_cast<std::size_t>(sae.d_sae), 0);
  const std::int64_t windows = stored.shape[0], n = stored.shape[1];
  const Tensor all = Tensor::from_ints(stored.ints(), stored.shape);
  for (std::int64_t w = 0; w < windows; ++w) {
    const Tensor ids = slice(all, 0, w, w + 1);
    RunRequest run{.inputs = {{"input_ids", ids}}, .taps = {sae.hook}, .capture_maps = false, .keep_residuals = false};
    const auto made = run_model(*model, run);
    ASSERT_TRUE(made) << sentence(made.error());
    const Tensor x = slice(select((*made)->taps.at(sae.hook), 0, 0), 0, 1, n), features = sae.encode(x), again = sae.decode(features);
    rows.push_back(x);
    made_rows.push_back(again);
    const auto values = features.to_floats();
    for (std::size_t i = 0; i < values.size(); ++i)
      if (values[i] > 0) ++active, ++fires[i % fires.size()];
    EditList replace, zero;
    const auto vectors = again.to_floats();
    for (std::int64_t t = 1; t < n; ++t) {
      Edit edit{.site = sae.hook, .tokens = {t}, .op = EditOp::Replace};
      edit.value.assign(vectors.begin() + (t - 1) * sae.d_in, vectors.begin() + t * sae.d_in);
      replace.push_back(std::move(edit));
      zero.push_back({.site = sae.hook, .tokens = {t}});
    }
    original += window_loss(*model, ids, {});
    reconstructed += window_loss(*model, ids, replace);
    zeroed += window_loss(*model, ids, zero);
  }
  const auto count = static_cast<double>(windows);
  EXPECT_NEAR(fraction_unexplained(cat(rows, 0), cat(made_rows, 0)), metrics["fraction_of_variance_unexplained"].get<double>(), 1e-5);
  EXPECT_NEAR(active / (count * static_cast<double>(n - 1)), metrics["l0"].get<double>(), 1e-3);
  EXPECT_EQ(std::count(fires.begin(), fires.end(), 0.0), metrics["dead_features_on_set"].get<int>());
  EXPECT_NEAR(original / count, metrics["loss_original"].get<double>(), 1e-4);
  EXPECT_NEAR(reconstructed / count, metrics["loss_reconstructed"].get<double>(), 1e-4);
  EXPECT_NEAR(zeroed / count, metrics["loss_zero_ablated"].get<double>(), 1e-4);
  const auto density = golden("lm_text_sae/expected.safetensors", "density");
  for (std::size_t i = 0; i < fires.size(); ++i) EXPECT_NEAR(fires[i] / (count * static_cast<double>(n - 1)), density.values[i], 2e-4) << i;
}

TEST(SaeFeatures, AnalysisListsTheFeaturesOfTheText) {
  const auto report = analyse(demo("lm_text"), "sae_features", {{"count", 12}}, text_input("<|endoftext|>It was not in her nature to question the veracity of a young man of such amiable appearance"));
  ASSERT_TRUE(report) << sentence(report.error());
  EXPECT_TRUE(report->verified.ok) << report->verified.max_abs_diff;
  EXPECT_EQ(report->tables[0].rows.size(), 12U);
  EXPECT_EQ(report->tables[0].columns.size(), 7U);
  EXPECT_LE(metric_named(*report, "l0"), 16);
  EXPECT_GT(metric_named(*report, "l0"), 14);
  EXPECT_LT(metric_named(*report, "fraction_of_variance_unexplained"), 0.2);
  for (std::size_t i = 1; i < 12; ++i) EXPECT_LE(number(report->tables[0].rows[i][1]), number(report->tables[0].rows[i - 1][1]));
}

/// One changed setting, and what the refusal must name.
struct BadConfig { const char* key; nlohmann::json value; const char* says; };
void PrintTo(const BadConfig& bad, std::ostream* out) { *out << bad.key << " " << bad.value; }
class SaeRefusal : public testing::TestWithParam<BadConfig> {};

TEST_P(SaeRefusal, NamesWhatIsWrong) {
  namespace fs = std::filesystem;
  const fs::path folder = fs::path(testing::TempDir()) / ("sae_" + std::string(GetParam().key) + std::to_string(::getpid()));
  fs::create_directories(folder);
  std::ifstream in(demo_folder("lm_text").value() / "sae/cfg.json");
  auto config = nlohmann::json::parse(in);
  config[GetParam().key] = GetParam().value;
  std::ofstream(folder / "cfg.json") << config;
  fs::create_symlink(demo_folder("lm_text").value() / "sae/sae_weights.safetensors", folder / "sae_weights.safetensors");
  const auto sae = open_sae(folder);
  fs::remove_all(folder);
  ASSERT_FALSE(sae);
  EXPECT_NE(sae.error().message.find(GetParam().says), std::string::npos) << sae.error().message;
}

INSTANTIATE_TEST_SUITE_P(Settings, SaeRefusal,
                         testing::Values(BadConfig{"d_in", 64, "expected [64, 512], came [128, 512]"}, BadConfig{"k", 0, "expected k from 1 to 512"}, BadConfig{"k", 513, "expected k"},
                                         BadConfig{"architecture", "gated", "gated"}, BadConfig{"normalize_activations", "layer_norm", "layer_norm"},
                                         BadConfig{"hook_name", "", "hook_name"}, BadConfig{"d_sae", "many", "d_sae"}));

}  // namespace
}  // namespace vitrine::test
