#include "engine/batch/assertion.h"

#include <gtest/gtest.h>

namespace vitrine::engine {
namespace {

Result<std::vector<double>> results(const MetricRef& ref) {
  if (ref.name == "importance" && ref.layer == 5 && ref.head == 1) return std::vector{0.7};
  if (ref.name == "importance") return std::vector{0.7, 0.1, 0.4};
  if (ref.name == "infidelity") return std::vector{2.0};
  return std::vector<double>{};
}

bool holds(const std::string& text) {
  auto assertion = parse_assertion(text);
  EXPECT_TRUE(assertion) << (assertion ? "" : assertion.error().message);
  return assertion && check_assertion(*assertion, results).has_value();
}

TEST(Assertion, ComparesTheHeadItNames) {
  EXPECT_TRUE(holds("importance[5.1] > 0.6"));
  EXPECT_FALSE(holds("importance[5.1] > 0.8"));
  EXPECT_TRUE(holds("0.8 >= importance[5.1]"));
}

TEST(Assertion, ReducesManyNumbers) {
  EXPECT_TRUE(holds("max(importance) == 0.7"));
  EXPECT_TRUE(holds("mean(importance) == 0.4 +- 0.001"));
  EXPECT_TRUE(holds("count(importance) == 3"));
  EXPECT_TRUE(holds("count(nothing) == 0"));
  EXPECT_FALSE(holds("min(importance) != 0.1"));
}

TEST(Assertion, DoesNotMistakeANameForInfinity) { EXPECT_TRUE(holds("infidelity == 2")); }

TEST(Assertion, SaysTheNumberThatCame) {
  auto checked = check_assertion(*parse_assertion("importance[5.1] > 0.8"), results);
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().code, ErrorCode::AssertionFailed);
  EXPECT_EQ(checked.error().message,
            "expected importance[5.1] > 0.8, came importance[5.1] = 0.7 > 0.8");
}

TEST(Assertion, DoesNotGuessAmongManyNumbersOrNone) {
  EXPECT_EQ(check_assertion(*parse_assertion("importance > 0"), results).error().code, ErrorCode::InvalidInput);
  EXPECT_EQ(check_assertion(*parse_assertion("nothing > 0"), results).error().code, ErrorCode::InvalidInput);
}

TEST(Assertion, RefusesWhatItCannotRead) {
  for (const char* text : {"", "importance", "importance >", "1 > 0", "importance[5.] > 1", "importance[x] > 1",
                           "max(importance > 1", "importance > 1 and more", "a == 1 +- -2", "= > 3"}) {
    auto parsed = parse_assertion(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, ErrorCode::Usage) << text;
  }
  EXPECT_FALSE(parse_assertion(std::string(1000, 'a') + " > 1"));
}

}  // namespace
}  // namespace vitrine::engine
