#include <cmath>

#include "engine/run/evaluate.h"
#include "engine/tensor/ops.h"
#include "plugins/whitebox/coding_rate.h"
#include "tests/unit/plugins/support.h"

namespace vitrine::test {
namespace {

using namespace vitrine::plugins;

TEST(CodingRate, EqualsTheReferenceScript) {
  const auto z = golden("analysis/coding_rate/input.safetensors", "z"), ista = golden("analysis/coding_rate/input.safetensors", "ista");
  const Tensor projected = permute(Tensor::from_floats(z.values, z.shape), {0, 2, 1, 3});
  const auto expected = golden("analysis/coding_rate/expected.safetensors", "rc.per_sample").values, share = golden("analysis/coding_rate/expected.safetensors", "sparsity.nonzero").values;
  const auto rate = coding_rate(projected, 0.01).to_floats(), by_tokens = coding_rate_by_tokens(projected, 0.01).to_floats(),
             nonzero = nonzero_share(Tensor::from_floats(ista.values, ista.shape)).to_floats();
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_NEAR(rate[i], expected[i], 1e-4);
    EXPECT_NEAR(by_tokens[i], expected[i], 1e-4);
    EXPECT_NEAR(nonzero[i], share[i], 1e-6);
  }
}

TEST(CodingRate, OfAZeroVectorIsZero) {
  EXPECT_EQ(coding_rate(zeros({1, 3, 2, 4}), 0.01).to_floats(), std::vector<float>{0.0F});
}

TEST(WhiteBox, EveryLayerOfEveryImageEqualsTheReference) {
  const auto model = demo("crate_digits");
  const auto set = open_eval_set(*model);
  ASSERT_TRUE(set);
  const auto rate = golden("crate_digits/expected.safetensors", "eval.coding_rate_qkv"), share = golden("crate_digits/expected.safetensors", "eval.nonzero_share");
  RunRequest run{.taps = {"blocks.*.attn.hook_q", "blocks.*.hook_resid_post"}, .capture_maps = false, .keep_residuals = false};
  run.inputs["pixel_values"] = slice((*set)->pixel_values, 0, 0, 100);
  const auto made = run_model(*model, run);
  ASSERT_TRUE(made) << sentence(made.error());
  for (std::size_t l = 0; l < 6; ++l) {
    const auto block = "blocks." + std::to_string(l);
    const auto ours = coding_rate((*made)->taps.at(block + ".attn.hook_q"), 0.01).to_floats(), nonzero = nonzero_share((*made)->taps.at(block + ".hook_resid_post")).to_floats();
    for (std::size_t i = 0; i < 100; ++i) {
      EXPECT_NEAR(ours[i], rate.values[i * 6 + l], 2e-3) << l << " " << i;   // float32 projections of size 1, 260 of them
      EXPECT_NEAR(nonzero[i], share.values[i * 6 + l], 2.5 / (65 * 96)) << l << " " << i;
    }
  }
}

TEST(WhiteBox, MeansOverTheSetEqualTheReference) {
  const auto report = analyse(demo("crate_digits"), "white_box", {{"on", "eval"}}, {});
  ASSERT_TRUE(report) << sentence(report.error());
  const auto metrics = golden_json("crate_digits/metrics.json")["metrics"];
  const auto &rate = array_named(*report, "coding_rate").values, &share = array_named(*report, "nonzero_share").values;
  ASSERT_EQ(rate.size(), 6U);
  for (std::size_t l = 0; l < 6; ++l) {
    EXPECT_NEAR(rate[l], metrics["coding_rate_qkv_mean_per_layer"][l].get<double>(), 1e-3);
    EXPECT_NEAR(share[l], metrics["nonzero_share_mean_per_layer"][l].get<double>(), 1e-5);
  }
  EXPECT_TRUE(report->verified.ok) << report->verified.max_abs_diff;
}

}  // namespace
}  // namespace vitrine::test
