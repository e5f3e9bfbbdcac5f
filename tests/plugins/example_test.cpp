#include <gtest/gtest.h>

#include "engine/model/model.h"
#include "engine/plugin/loader.h"
#include "engine/run/workspace.h"

namespace {

using namespace vitrine::engine;

TEST(ExamplePlugin, EqualsTheMapsThatItWasHanded) {
  const PluginSet set = load_plugins();
  const auto* analysis = set.analyses.find("attention_to_punctuation");
  ASSERT_NE(analysis, nullptr);
  const auto model = open_model("demo:lm_text");
  ASSERT_TRUE(model) << sentence(model.error());
  Workspace workspace(*model);
  const std::string text = "Mr. Darcy, said she, is proud.";
  ASSERT_TRUE(workspace.set_input({.text = text}));
  const auto params = check_params((*analysis)->info(), nlohmann::json::object());
  ASSERT_TRUE(params);
  const auto report = (*analysis)->run({workspace, {}, *params, {}, {}});
  ASSERT_TRUE(report) << sentence(report.error());

  const auto run = workspace.base();
  ASSERT_TRUE(run);
  const auto& map = *(*run)->maps.at("blocks.2.attn");
  const auto& tokens = workspace.input().towers.at(0).tokens;
  const auto tile = map.tile(0, 1, 0, map.rows(), 0, map.cols());
  ASSERT_TRUE(tile);
  const std::vector<float> values = tile->to_floats();
  double expected = 0;
  int marks = 0;
  for (std::size_t k = 0; k < tokens.size(); ++k) {
    const std::string& label = tokens[k].text;
    if (label.find_first_not_of(" .,") != std::string::npos || label.find_first_of(".,") == std::string::npos) continue;
    ++marks;
    for (std::int64_t q = 0; q < map.rows(); ++q) expected += values[q * map.cols() + static_cast<std::int64_t>(k)];
  }
  EXPECT_EQ(marks, 4);
  ASSERT_EQ(report->arrays.at(0).shape, (std::vector<std::int64_t>{4, 4}));
  EXPECT_NEAR(report->arrays[0].values[2 * 4 + 1], expected / static_cast<double>(map.rows()), 1e-5);
  EXPECT_EQ(report->metrics.at(0).value, 4);
}

}  // namespace
