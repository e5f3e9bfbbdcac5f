#include <limits>

#include <gtest/gtest.h>

#include "engine/analysis/analysis.h"

namespace {

using namespace vitrine::engine;
using Json = nlohmann::json;
using Type = ParamInfo::Type;

AnalysisInfo info() {
  AnalysisInfo result;
  result.id = "probe";
  result.params = {{"layer", Type::Int, 0, {}, ""},
                   {"residual", Type::Float, 0.5, {}, ""},
                   {"cross", Type::Bool, false, {}, ""},
                   {"pattern", Type::Text, "", {}, ""},
                   {"method", Type::Choice, "zero", {"zero", "mean"}, ""}};
  return result;
}

TEST(Params, DefaultsAreFilledIn) {
  const auto params = check_params(info(), Json{{"layer", 3}});
  ASSERT_TRUE(params);
  EXPECT_EQ(*params, (Json{{"layer", 3}, {"residual", 0.5}, {"cross", false}, {"pattern", ""}, {"method", "zero"}}));
  EXPECT_TRUE(check_params(info(), nullptr));
}

TEST(Params, PairsReadByTheirTypes) {
  const auto params = params_from_pairs(info(), {"layer=-2", "residual=1", "cross=yes", "pattern=a=b", "method=mean"});
  ASSERT_TRUE(params);
  EXPECT_EQ((*params)["layer"], -2);
  EXPECT_EQ((*params)["residual"], 1.0);
  EXPECT_EQ((*params)["cross"], true);
  EXPECT_EQ((*params)["pattern"], "a=b");
  EXPECT_EQ((*params)["method"], "mean");
}

class RefusedPair : public testing::TestWithParam<const char*> {};

TEST_P(RefusedPair, IsAUsageError) {
  const auto params = params_from_pairs(info(), {GetParam()});
  ASSERT_FALSE(params);
  EXPECT_EQ(params.error().code, ErrorCode::Usage);
}

INSTANTIATE_TEST_SUITE_P(Cases, RefusedPair,
                         testing::Values("layer", "=3", "layer=", "layer=3.5", "layer=3x", "layer=99999999999999999999", "residual=nan",
                                         "residual=inf", "cross=perhaps", "method=median", "nothing=1"));

TEST(Params, AnUnknownNameListsTheKnownOnes) {
  const auto params = check_params(info(), Json{{"leyer", 1}});
  ASSERT_FALSE(params);
  EXPECT_EQ(params.error().message, "probe has no parameter 'leyer'; there are: layer, residual, cross, pattern, method");
}

TEST(Params, WrongTypesInJsonAreRefused) {
  for (const Json& given : {Json{{"layer", "3"}}, Json{{"layer", 1.5}}, Json{{"cross", 1}}, Json{{"method", 2}}, Json::array()})
    EXPECT_FALSE(check_params(info(), given)) << given;
}

}  // namespace
