#include <cmath>
#include <set>

#include "tests/unit/plugins/support.h"

namespace vitrine::test {
namespace {

/// What each demo model must be able to show, and what it must refuse; the rest may do either.
struct Expectation {
  const char* demo;
  std::set<std::string> shows, refuses;
};
void PrintTo(const Expectation& e, std::ostream* out) { *out << e.demo; }

const std::set<std::string> kCommon{"attention", "attention_grid", "attention_row", "attention_statistics", "attention_tile", "head_stats", "head_importance", "importance_scatter", "predictions", "rollout", "trajectories", "model_card", "cost", "prune_plan", "pruning_effect"};
const std::set<std::string> kCodes{"codes", "code_search", "code_contexts", "code_effect", "code_purity"};

std::set<std::string> operator+(std::set<std::string> a, const std::set<std::string>& b) {
  a.insert(b.begin(), b.end());
  return a;
}

std::vector<Expectation> expectations() {
  return {{"vit_digits", kCommon, kCodes + std::set<std::string>{"sae_features", "induction", "white_box"}},
          {"crate_digits", kCommon + std::set<std::string>{"white_box"}, kCodes + std::set<std::string>{"sae_features", "induction"}},
          {"codebook_fsm", kCommon + kCodes + std::set<std::string>{"induction"}, {"sae_features", "white_box"}},
          {"lm_text", kCommon + std::set<std::string>{"induction", "sae_features"}, kCodes + std::set<std::string>{"white_box"}},
          {"lm_text_codebook", kCommon + kCodes + std::set<std::string>{"induction"}, {"sae_features", "white_box"}},
          {"mamba_text", {"attention", "attention_grid", "attention_row", "attention_statistics", "attention_tile", "predictions", "trajectories", "model_card"}, kCodes + std::set<std::string>{"sae_features", "induction", "white_box"}},
          {"clip_glyphs", {"attention", "attention_grid", "attention_row", "attention_statistics", "attention_tile", "head_stats", "predictions", "trajectories", "model_card"}, kCodes + std::set<std::string>{"sae_features", "induction", "white_box"}}};
}

nlohmann::json params_for(const std::string& id) {
  if (id == "code_search" || id == "code_purity") return {{"pattern", "[0-9a-z][0-9a-z]"}};
  if (id == "induction") return {{"rows", 2}};
  if (id == "pruning_effect") return {{"limit", 16}};
  return nlohmann::json::object();
}

void expect_sound(const Report& report, const std::string& id) {
  EXPECT_EQ(report.id, id);
  EXPECT_FALSE(report.title.empty()) << id;
  EXPECT_FALSE(report.arrays.empty() && report.tables.empty() && report.text.empty()) << id;
  for (const Array& array : report.arrays) {
    EXPECT_EQ(array.axes.size(), array.shape.size()) << id << " " << array.name;
    EXPECT_EQ(static_cast<std::int64_t>(array.values.size()), array.numel()) << id << " " << array.name;
    for (std::size_t a = 0; a < std::min(array.axes.size(), array.shape.size()); ++a)
      EXPECT_TRUE(array.axes[a].labels.empty() || static_cast<std::int64_t>(array.axes[a].labels.size()) == array.shape[a]) << id << " " << array.name << " " << array.axes[a].name;
    for (float v : array.values) ASSERT_FALSE(std::isinf(v)) << id << " " << array.name;
  }
  for (const Table& table : report.tables)
    for (const auto& row : table.rows) ASSERT_EQ(row.size(), table.columns.size()) << id << " " << table.name;
  for (const Metric& metric : report.metrics) EXPECT_TRUE(std::isfinite(metric.value)) << id << " " << metric.name;
  EXPECT_FALSE(report.verified.how.empty()) << id << " does not say how it was checked";
  EXPECT_TRUE(report.verified.ok || report.verified.how.starts_with("not checked")) << id << ": " << report.verified.how << " " << report.verified.max_abs_diff;
}

void expect_one_sentence(const Error& error, const std::string& id) {
  EXPECT_GT(error.message.size(), 15U) << id;
  EXPECT_LT(error.message.size(), 400U) << id;
  EXPECT_EQ(error.message.find('\n'), std::string::npos) << id << ": " << error.message;
  EXPECT_NE(error.message.back(), '.') << id << ": " << error.message;
  EXPECT_NE(error.code, ErrorCode::Internal) << id << ": " << error.message;
}

class EveryAnalysis : public testing::TestWithParam<Expectation> {};

TEST_P(EveryAnalysis, ShowsOrRefusesInOneSentence) {
  const auto model = demo(GetParam().demo);
  std::set<std::string> seen;
  for (const auto& [id, added] : analyses().entries()) {
    seen.insert(id);
    if (id == "attention_to_punctuation") continue;
    const auto report = analyse(model, id, params_for(id), sample_input(GetParam().demo));
    if (report) expect_sound(*report, id);
    else expect_one_sentence(report.error(), id);
    EXPECT_FALSE(GetParam().shows.contains(id) && !report) << id << ": " << report.error().message;
    EXPECT_FALSE(GetParam().refuses.contains(id) && report) << id;
  }
  for (const auto& id : GetParam().shows) EXPECT_TRUE(seen.contains(id)) << id;
}

/// Without an input an analysis works or says so; it never crashes.
TEST_P(EveryAnalysis, WithoutAnInputRefusesOrWorks) {
  const auto model = demo(GetParam().demo);
  for (const auto& [id, added] : analyses().entries()) {
    if (added->info().needs_input || added->info().slow) continue;
    const auto report = analyse(model, id, params_for(id), {});
    if (!report) expect_one_sentence(report.error(), id);
  }
}

INSTANTIATE_TEST_SUITE_P(Demos, EveryAnalysis, testing::ValuesIn(expectations()), [](const auto& info) { return std::string(info.param.demo); });

class Rollout : public testing::TestWithParam<const char*> {};

TEST_P(Rollout, RowsSumToOne) {
  const auto report = analyse(demo(GetParam()), "rollout", {}, sample_input(GetParam()));
  ASSERT_TRUE(report) << sentence(report.error());
  const auto& shape = report->arrays[0].shape;
  for (std::int64_t q = 0; q < shape[0]; ++q) {
    double sum = 0;
    for (std::int64_t k = 0; k < shape[1]; ++k) sum += report->arrays[0].values[static_cast<std::size_t>(q * shape[1] + k)];
    EXPECT_NEAR(sum, 1, 1e-5) << q;
  }
}

INSTANTIATE_TEST_SUITE_P(Demos, Rollout, testing::Values("vit_digits", "crate_digits", "lm_text", "codebook_fsm"));

}  // namespace
}  // namespace vitrine::test
