#include <algorithm>
#include <cmath>

#include "engine/core/free_memory.h"
#include "engine/run/evaluate.h"
#include "engine/tensor/ops.h"
#include "tests/unit/plugins/support.h"

namespace vitrine::test {
namespace {

/// CSV numbers have six places.
double tolerance(double expected) { return 1e-4 * std::abs(expected) + 6e-7; }

class Ablation : public testing::TestWithParam<const char*> {};

TEST_P(Ablation, OfEveryHeadEqualsTheReference) {
  const auto report = analyse(demo("vit_digits"), "head_importance", {{"method", GetParam()}, {"on", "eval"}}, {});
  ASSERT_TRUE(report) << sentence(report.error());
  int compared = 0;
  for (const auto& row : golden_csv("vit_digits_pruned/head_ablation.csv")) {
    if (row.at("mode") != GetParam()) continue;
    ++compared;
    const auto at = static_cast<std::size_t>(std::stoi(row.at("layer")) * 4 + std::stoi(row.at("head")));
    EXPECT_EQ(array_named(*report, "n_correct").values[at], std::stof(row.at("n_correct"))) << at;
    EXPECT_EQ(array_named(*report, "predictions_changed").values[at], std::stof(row.at("predictions_changed"))) << at;
    for (const char* name : {"mean_cross_entropy", "mean_kl_from_full", "mean_jsd"}) {
      const double expected = std::stod(row.at(name));
      EXPECT_NEAR(array_named(*report, name).values[at], expected, tolerance(expected)) << name << " of head " << at / 4 << "." << at % 4;
    }
  }
  EXPECT_EQ(compared, 24);
}

INSTANTIATE_TEST_SUITE_P(Methods, Ablation, testing::Values("zero", "mean"));

TEST(Ablation, ThatExceedsItsBudgetGivesWayToTheGradient) {
  const auto within = analyse(demo("vit_digits"), "head_importance", {{"method", "zero"}, {"on", "eval"}, {"budget", 1000.0}}, {});
  ASSERT_TRUE(within) << sentence(within.error());
  EXPECT_FALSE(within->notes.contains("postponed"));
  const auto over = analyse(demo("vit_digits"), "head_importance", {{"method", "zero"}, {"on", "eval"}, {"budget", 0.001}}, {});
  ASSERT_TRUE(over) << sentence(over.error());
  EXPECT_TRUE(over->notes.at("postponed").starts_with("Gradient shown; zero-ablation takes about ")) << over->notes.at("postponed");
  EXPECT_TRUE(over->notes.at("postponed").ends_with(" s: 24 heads over 300 items")) << over->notes.at("postponed");
  EXPECT_GT(metric_named(*over, "postponed"), 0.001);
  const auto gradient = analyse(demo("vit_digits"), "head_importance", {{"method", "gradient"}, {"on", "eval"}}, {});
  ASSERT_TRUE(gradient);
  EXPECT_EQ(over->arrays[0].values, gradient->arrays[0].values);
  EXPECT_EQ(over->title, gradient->title);
}

TEST(Ablation, ThatExceedsItsBudgetShowsTheConfidenceWhereGradientsNeedTooMuchMemory) {
  const InputItem input = text_input("the cat sat");
  limit_memory(1);
  const auto over = analyse(demo("lm_text"), "head_importance", {{"method", "zero"}, {"on", "loss"}, {"budget", 1e-9}}, input);
  limit_memory(0);
  ASSERT_TRUE(over) << sentence(over.error());
  EXPECT_TRUE(over->notes.at("postponed").starts_with("Confidence shown; zero-ablation takes about ")) << over->notes.at("postponed");
  const auto confidence = analyse(demo("lm_text"), "head_importance", {{"method", "confidence"}, {"on", "loss"}}, input);
  ASSERT_TRUE(confidence);
  EXPECT_EQ(over->arrays[0].values, confidence->arrays[0].values);
  EXPECT_EQ(over->title, confidence->title);
}

Report gradient_importance() {
  auto report = analyse(demo("vit_digits"), "head_importance", {{"method", "gradient"}, {"on", "eval"}}, {});
  if (!report) throw std::runtime_error(sentence(report.error()));
  return std::move(*report);
}

TEST(GradientImportance, OfEveryHeadEqualsTheReference) {
  const Report report = gradient_importance();
  for (const auto& row : golden_csv("vit_digits_pruned/head_ablation.csv")) {
    if (row.at("mode") != "zero") continue;
    const auto at = static_cast<std::size_t>(std::stoi(row.at("layer")) * 4 + std::stoi(row.at("head")));
    const double expected = std::stod(row.at("importance"));
    EXPECT_NEAR(report.arrays[0].values[at], expected, 1e-4 * expected + 6e-9) << at;
  }
}

/// The least important heads removed together, as the reference did.
TEST(GradientImportance, PrunesAsTheReference) {
  const auto model = demo("vit_digits");
  const Report report = gradient_importance();
  const auto set = open_eval_set(*model);
  ASSERT_TRUE(set);
  for (const auto& row : golden_csv("vit_digits_pruned/global_pruning.csv")) {
    if (row.at("criterion") != "importance") continue;
    const auto& ranked = report.tables[0].rows;
    EditList edits;
    std::vector<std::string> removed;
    for (int i = 0; i < std::stoi(row.at("heads_removed")); ++i) {
      const auto head = words(ranked[ranked.size() - 1 - static_cast<std::size_t>(i)][0]);
      removed.push_back(head);
      edits.push_back(parse_edits("head:" + head + "=zero").value()[0]);
    }
    std::sort(removed.begin(), removed.end());
    std::string names;
    for (const auto& head : removed) names += (names.empty() ? "" : " ") + head;
    EXPECT_EQ(names, row.at("removed"));
    const auto pruned = evaluate(*model, **set, edits);
    ASSERT_TRUE(pruned) << sentence(pruned.error());
    EXPECT_EQ(pruned->correct, std::stoi(row.at("n_correct"))) << names;
    EXPECT_NEAR(pruned->mean_cross_entropy, std::stod(row.at("mean_cross_entropy")), tolerance(std::stod(row.at("mean_cross_entropy")))) << names;
  }
}

/// Losses of single images with a head's z scaled.
std::vector<float> losses_with(const Model& model, const EvalSet& set, const std::string& head, double scale) {
  Edit edit = parse_edits("head:" + head + "=zero").value()[0];
  edit.op = EditOp::Scale;
  edit.scale = scale;
  const auto result = evaluate(model, set, {edit}, {}, 100);
  if (!result) throw std::runtime_error(sentence(result.error()));
  return cross_entropy(result->logits, slice(set.labels, 0, 0, 100)).to_floats();
}

/// |d loss / d gate| of single images by automatic differentiation.
std::vector<float> slopes_of(const Model& model, const EvalSet& set, const std::string& head) {
  RunRequest run{.capture_maps = false, .keep_residuals = false, .differentiable = true};
  run.inputs["pixel_values"] = slice(set.pixel_values, 0, 0, 100);
  const auto made = run_model(model, run);
  if (!made) throw std::runtime_error(sentence(made.error()));
  const auto layer = head.substr(0, 1), index = head.substr(2);
  const Tensor loss = sum_all(cross_entropy((*made)->outputs.at("logits"), slice(set.labels, 0, 0, 100)));
  const auto gradient = gradients(loss, {(*made)->head_gates.at("blocks." + layer + ".attn")});
  return select(gradient[0], 1, std::stoi(index)).to_floats();
}

TEST(GradientImportance, IsTheSlopeOfTheLoss) {
  const auto model = demo("vit_digits");
  const auto set = open_eval_set(*model);
  ASSERT_TRUE(set);
  for (const char* head : {"0.0", "0.3", "1.1", "1.2", "2.0", "2.3", "3.1", "4.2", "5.0", "5.3"}) {
    const double h = 0.01;
    const auto above = losses_with(*model, **set, head, 1 + h), below = losses_with(*model, **set, head, 1 - h), slopes = slopes_of(*model, **set, head);
    double by_difference = 0, by_gradient = 0;
    for (std::size_t i = 0; i < slopes.size(); ++i) {
      by_difference += std::abs((above[i] - below[i]) / (2 * h));
      by_gradient += std::abs(slopes[i]);
    }
    EXPECT_NEAR(by_difference, by_gradient, 0.01 * by_gradient) << head;
  }
}

}  // namespace
}  // namespace vitrine::test
