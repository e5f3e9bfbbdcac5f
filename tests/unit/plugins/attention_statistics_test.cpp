#include <cmath>
#include <numeric>

#include "tests/unit/plugins/support.h"

namespace vitrine::test {
namespace {

class RowByRow : public testing::TestWithParam<const char*> {
 protected:
  static Report ask(const char* id) {
    const auto report = analyse(demo(GetParam()), id, {{"layer", 1}, {"head", 1}}, sample_input(GetParam()));
    EXPECT_TRUE(report) << (report ? "" : sentence(report.error()));
    return report ? *report : Report();
  }
  /// A distribution over the keys, as maps that are none are counted too.
  static std::vector<double> row(const Array& map, std::size_t query) {
    const auto cols = static_cast<std::size_t>(map.shape[1]);
    std::vector<double> weights(cols);
    for (std::size_t k = 0; k < cols; ++k) weights[k] = std::abs(map.values[query * cols + k]);
    const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
    for (double& w : weights) w /= sum;
    return weights;
  }
};

TEST_P(RowByRow, IsWhatTheWholeMapSays) {
  const Report report = ask("attention_statistics");
  const Array map = ask("attention").arrays[0];
  const auto n = static_cast<std::size_t>(map.shape[0]);
  const Array &entropy = array_named(report, "entropy"), &distance = array_named(report, "distance"), &received = array_named(report, "received"),
              &profile = array_named(report, "profile");
  std::vector<double> to(n, 0.0), by_displacement(profile.values.size(), 0.0);
  const auto grid = report.grid.value_or(PatchGrid{1, static_cast<int>(n), 0});
  for (std::size_t q = 0; q < n; ++q) {
    const std::vector<double> w = row(map, q);
    double h = 0, far = 0;
    for (std::size_t k = 0; k < n; ++k) {
      h -= w[k] > 0 ? w[k] * std::log(w[k]) : 0;
      to[k] += w[k];
      const int a = static_cast<int>(q) - grid.offset, b = static_cast<int>(k) - grid.offset;
      if (a < 0 || b < 0) continue;
      const int dy = b / grid.cols - a / grid.cols, dx = b % grid.cols - a % grid.cols;
      far += w[k] * std::hypot(dx, dy);
      by_displacement[static_cast<std::size_t>((dy + grid.rows - 1) * (2 * grid.cols - 1) + dx + grid.cols - 1)] += w[k];
    }
    EXPECT_NEAR(entropy.values[q], h, 1e-4) << q;
    EXPECT_NEAR(distance.values[q], far, 1e-4) << q;
    EXPECT_NEAR(array_named(report, "first_token").values[q], w[0], 1e-5) << q;
    EXPECT_NEAR(array_named(report, "largest").values[q], *std::max_element(w.begin(), w.end()), 1e-5) << q;
  }
  for (std::size_t k = 0; k < n; ++k) EXPECT_NEAR(received.values[k], to[k], 1e-4) << k;
  for (std::size_t d = 0; d < by_displacement.size(); ++d) EXPECT_NEAR(profile.values[d], by_displacement[d], 1e-4) << d;
  EXPECT_TRUE(report.verified.ok) << report.verified.how;
}

INSTANTIATE_TEST_SUITE_P(Demos, RowByRow, testing::Values("vit_digits", "lm_text", "mamba_text"));

TEST(RowByRowTable, NamesTheKeysOfTheLargestWeights) {
  const auto report = analyse(demo("lm_text"), "attention_statistics", {{"layer", 1}, {"head", 1}, {"show", "entropy"}}, sample_input("lm_text"));
  ASSERT_TRUE(report);
  EXPECT_EQ(report->arrays[0].name, "entropy");
  // The first token sees itself alone.
  EXPECT_EQ(words(report->tables[0].rows[0].back()), words(report->tables[0].rows[0][1]) + " 1.000");
}

}  // namespace
}  // namespace vitrine::test
