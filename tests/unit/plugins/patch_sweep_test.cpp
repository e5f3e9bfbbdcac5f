#include <cmath>

#include "engine/nn/patch_resize.h"
#include "engine/tensor/ops.h"
#include "tests/unit/plugins/support.h"

namespace vitrine::test {
namespace {

/// What a kernel answers to patches [batch, channel, row, col] of its own size.
Tensor answers(const Tensor& kernel, const Tensor& patches) { return sum(unsqueeze(kernel, 0) * unsqueeze(patches, 1), {2, 3, 4}); }

TEST(ResizedPatches, AnswerTheLargerPatchAsTheSmallerOne) {
  const Tensor kernel = randn({5, 3, 4, 6}, 1), patches = randn({7, 3, 4, 6}, 2);
  for (const auto& [rows, cols] : {std::pair<std::int64_t, std::int64_t>{8, 12}, {4, 6}, {5, 7}, {16, 9}}) {
    const Tensor larger = resized_patches(kernel, rows, cols);
    ASSERT_EQ(larger.shape(), (Shape{5, 3, rows, cols}));
    EXPECT_LT(max_abs(answers(larger, interpolate(patches, rows, cols, Interpolation::Bilinear)) - answers(kernel, patches)), 1e-4) << rows;
  }
}

TEST(ResizedPatches, OfOnePixelAnswerAFlatPatchAsNearlyAsOnePixelCan) {
  // Bilinearly, a patch of 4 x 4 becomes the mean of its four pixels in the middle: (1/4, 1/4, 1/4, 1/4), whose pseudo-inverse is their sum.
  const Tensor kernel = randn({2, 1, 4, 4}, 3);
  const Tensor middle = sum(slice(slice(kernel, 2, 1, 3), 3, 1, 3), {2, 3});
  EXPECT_LT(max_abs(reshape(resized_patches(kernel, 1, 1), {2, 1}) - middle), 1e-5);
}

TEST(ResizedPatches, KeepTheNearestAnswersOfSmallerPatches) {
  // The error over random patches is smallest there: every other kernel that lies near has a larger one.
  const Tensor kernel = randn({1, 1, 6, 6}, 4), best = resized_patches(kernel, 3, 3);
  const Tensor patches = randn({4000, 1, 6, 6}, 5), small = interpolate(patches, 3, 3, Interpolation::Bilinear);
  const auto error = [&](const Tensor& k) { return mean_all(square(answers(k, small) - answers(kernel, patches))).item(); };
  for (std::uint64_t seed = 6; seed < 12; ++seed) EXPECT_GT(error(best + randn({1, 1, 3, 3}, seed) * 0.3), error(best));
}

TEST(PatchSweep, ShrinksPatchesToPixelsAndKeepsTheModelsOwn) {
  const auto report = analyse(demo("vit_digits"), "patch_sweep", nlohmann::json::object(), sample_input("vit_digits"));
  ASSERT_TRUE(report) << sentence(report.error());
  const auto& rows = report->tables[0].rows;
  ASSERT_EQ(rows.size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) {
    const double side = 32 / number(rows[i][0]);
    EXPECT_EQ(number(rows[i][1]), side * side + 1) << "patches and the class token";
    EXPECT_LE(array_named(*report, "evenness").values[i], 1);
    EXPECT_LE(array_named(*report, "distance").values[i], 32 * std::sqrt(2.0F));
  }
  EXPECT_EQ(words(rows[0][2]), "3");
  EXPECT_EQ(array_named(*report, "divergence").values[0], 0);
  EXPECT_TRUE(report->verified.ok);
}

TEST(PatchSweep, ForecastsWhatItDoesNotRun) {
  const auto report = analyse(demo("vit_digits"), "patch_sweep", {{"sizes", "1"}, {"seconds", 0.0}}, sample_input("vit_digits"));
  ASSERT_TRUE(report) << sentence(report.error());
  EXPECT_EQ(words(report->tables[0].rows[0][2]), "not run");
  EXPECT_EQ(number(report->tables[0].rows[0][1]), 1025);
  EXPECT_GT(number(report->tables[0].rows[0][10]), 0);
}

TEST(PatchSweep, RefusesSizesThatAreNone) {
  for (const char* sizes : {"0", "33", "4,,2", "4,x", "-1", "99999999999"}) {
    const auto report = analyse(demo("vit_digits"), "patch_sweep", {{"sizes", sizes}}, sample_input("vit_digits"));
    ASSERT_FALSE(report) << sizes;
    EXPECT_EQ(report.error().code, ErrorCode::Usage) << sizes;
  }
  EXPECT_FALSE(analyse(demo("lm_text"), "patch_sweep", nlohmann::json::object(), sample_input("lm_text")));
}

}  // namespace
}  // namespace vitrine::test
