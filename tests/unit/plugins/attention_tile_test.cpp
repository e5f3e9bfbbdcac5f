#include <algorithm>
#include <cmath>

#include "tests/unit/plugins/support.h"

namespace vitrine::test {
namespace {

class Tiles : public testing::TestWithParam<const char*> {
 protected:
  Report ask(const char* id, nlohmann::json params) const {
    params["layer"] = 1;
    params["head"] = 1;
    auto report = analyse(demo(GetParam()), id, params, sample_input(GetParam()));
    EXPECT_TRUE(report) << id << ": " << (report ? "" : sentence(report.error()));
    return report ? *report : Report();
  }
};

TEST_P(Tiles, OfLevelZeroAreTheMap) {
  const Report whole = ask("attention", {}), tile = ask("attention_tile", {{"level", 0}});
  ASSERT_EQ(tile.arrays[0].shape, whole.arrays[0].shape);
  for (std::size_t i = 0; i < whole.arrays[0].values.size(); ++i) ASSERT_NEAR(tile.arrays[0].values[i], whole.arrays[0].values[i], 1e-6) << i;
  EXPECT_TRUE(tile.verified.ok) << tile.verified.how;
}

TEST_P(Tiles, OfLevelOneHoldTheLargestOfFour) {
  const Array whole = ask("attention", {}).arrays[0], tile = ask("attention_tile", {{"level", 1}}).arrays[0];
  const std::int64_t rows = whole.shape[0], cols = whole.shape[1];
  ASSERT_EQ(tile.shape, (std::vector<std::int64_t>{(rows + 1) / 2, (cols + 1) / 2}));
  for (std::int64_t r = 0; r < tile.shape[0]; ++r)
    for (std::int64_t c = 0; c < tile.shape[1]; ++c) {
      float most = 0;
      for (std::int64_t y = 2 * r; y < std::min(rows, 2 * r + 2); ++y)
        for (std::int64_t x = 2 * c; x < std::min(cols, 2 * c + 2); ++x)
          if (const float v = whole.values[static_cast<std::size_t>(y * cols + x)]; std::abs(v) > std::abs(most)) most = v;
      ASSERT_NEAR(tile.values[static_cast<std::size_t>(r * tile.shape[1] + c)], most, 1e-6) << r << ' ' << c;
    }
}

TEST_P(Tiles, RowsAreTheMaps) {
  const Report whole = ask("attention", {}), row = ask("attention_row", {{"query", 3}});
  const auto cols = static_cast<std::size_t>(whole.arrays[0].shape[1]);
  for (std::size_t c = 0; c < cols; ++c) ASSERT_NEAR(row.arrays[0].values[c], whole.arrays[0].values[3 * cols + c], 1e-6) << c;
}

INSTANTIATE_TEST_SUITE_P(Demos, Tiles, testing::Values("vit_digits", "lm_text", "mamba_text"));

TEST(TilesThatDoNotExist, AreRefused) {
  for (const nlohmann::json& params : {nlohmann::json{{"level", -1}}, {{"level", 41}}, {{"row", 1}}, {{"col", -1}}, {{"head", 99}}, {{"level", 3}, {"row", 1LL << 40}}}) {
    const auto report = analyse(demo("lm_text"), "attention_tile", params, sample_input("lm_text"));
    ASSERT_FALSE(report) << params;
    EXPECT_EQ(report.error().code, ErrorCode::Usage) << params;
  }
  EXPECT_FALSE(analyse(demo("lm_text"), "attention_row", {{"query", 100000}}, sample_input("lm_text")));
}

}  // namespace
}  // namespace vitrine::test
