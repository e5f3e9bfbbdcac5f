#include "engine/model/expression.h"

#include <gtest/gtest.h>

#include "engine/model/weight_map.h"

namespace vitrine::engine {
namespace {

using nlohmann::json;

json value(const std::string& expression) {
  static const json config = {{"d", 48}, {"heads", 6}, {"nested", {{"theta", 1e6}}}, {"list", {2, 3}}, {"llama.block_count", 30}, {"act", "relu"}};
  Scope scope;
  scope.config = &config;
  const auto v = evaluate(expression, scope);
  return v ? *v : json("error: " + v.error().message);
}

TEST(Expression, GivesWhatTheFormulaSays) {
  EXPECT_EQ(value("d / heads"), 8);
  EXPECT_EQ(value("d_head ?? d / heads"), 8);
  EXPECT_EQ(value("nested.theta ?? 10000"), 1e6);
  EXPECT_EQ(value("missing.theta ?? 10000"), 10000);
  EXPECT_EQ(value("llama.block_count"), 30);
  EXPECT_EQ(value("list[1] + 2 * 3 - 1"), 8);
  EXPECT_EQ(value("list[7]"), nullptr);
  EXPECT_EQ(value("act == 'relu' ? 1 : 2"), 1);
  EXPECT_EQ(value("!(heads > 5) || heads % 4 == 2"), true);
  EXPECT_EQ(value("round_up(10, 8) + int(2.9) + max(1, 4)"), 22);
  EXPECT_EQ(value("-d"), -48);
  EXPECT_DOUBLE_EQ(value("1 / sqrt(16)").get<double>(), 0.25);
}

TEST(Expression, RefusesInASentence) {
  for (const char* bad : {"d +", "missing * 2", "d / 0", "(d", "d ? 1", "f(2)", "9223372036854775807 + 1", "'open"})
    EXPECT_TRUE(value(bad).is_string() && value(bad).get<std::string>().starts_with("error: ")) << bad << " gave " << value(bad);
  EXPECT_TRUE(value(std::string(5000, '(')).get<std::string>().find("nested") != std::string::npos);
}

TEST(Template, RepeatsChoosesAndFillsIn) {
  const json config = {{"n", 3}};
  Scope scope;
  scope.config = &config;
  const auto out = expand(json::parse(R"({"a": [{"$for": "i", "$count": "=n", "$do": {"x": "=i * 2", "t": "layer ${i}"}}, {"$if": "=n > 5", "$then": 1}], "b": {"$if": "=n == 3", "$then": "yes", "$else": "no"}, "gone": {"$if": "=false", "$then": 1}})"), scope);
  ASSERT_TRUE(out);
  EXPECT_EQ(*out, json::parse(R"({"a": [{"x": 0, "t": "layer 0"}, {"x": 2, "t": "layer 1"}, {"x": 4, "t": "layer 2"}], "b": "yes"})"));
}

TEST(WeightNames, MatchDigitsAndTheRest) {
  std::map<std::string, std::string> captures;
  ASSERT_TRUE(match_name("blocks.{i}.attn.q.*", "blocks.12.attn.q.weight", captures));
  EXPECT_EQ(fill_name("h.{i}.q_proj.*", captures), "h.12.q_proj.weight");
  EXPECT_FALSE(match_name("blocks.{i}.attn.q.*", "blocks.x.attn.q.weight", captures));
  EXPECT_FALSE(match_name("blocks.{i}.q", "blocks.1.qq", captures));
}

}  // namespace
}  // namespace vitrine::engine
