#include <cmath>

#include "engine/batch/workspace_executor.h"
#include "engine/core/free_memory.h"
#include "tests/unit/plugins/support.h"

namespace vitrine::test {
namespace {

const Table& table_named(const Report& report, const std::string& name) {
  for (const Table& table : report.tables)
    if (table.name == name) return table;
  ADD_FAILURE() << "no table " << name;
  return report.tables.front();
}

std::size_t column(const Table& table, const std::string& name) {
  for (std::size_t i = 0; i < table.columns.size(); ++i)
    if (table.columns[i].name == name) return i;
  ADD_FAILURE() << "no column " << name;
  return 0;
}

std::string deployed(const Report& report, const std::string& what) {
  for (const auto& row : table_named(report, "deployment").rows)
    if (words(row[0]) == what) return words(row[1]);
  return "";
}

class CostPage : public testing::TestWithParam<std::string> {};

TEST_P(CostPage, GivesPassesTrafficAndUtilisationOfEveryMixerWithoutAnInput) {
  const auto model = demo(GetParam());
  const auto report = analyse(model, "cost", {{"tokens", 64}, {"device", "a100-80"}}, std::nullopt);
  ASSERT_TRUE(report) << sentence(report.error());
  const Table& mixers = table_named(*report, "mixers");
  ASSERT_GE(mixers.rows.size(), 2U);
  double unfused = 0;
  for (const auto& row : mixers.rows) {
    const double passes = number(row[column(mixers, "passes")]), traffic = number(row[column(mixers, "traffic")]), share = number(row[column(mixers, "utilisation")]);
    EXPECT_GE(passes, 1);
    EXPECT_LE(passes, 3);
    EXPECT_GT(share, 0);
    EXPECT_LE(share, 100);
    const std::string form = words(row[column(mixers, "form")]);
    if (form.find("through memory") != std::string::npos) unfused = traffic;
    EXPECT_LE(traffic, unfused) << form;
  }
  const Table& layers = table_named(*report, "layers");
  int widest = 0;
  for (const auto& row : layers.rows) {
    EXPECT_GT(number(row[column(layers, "activations held")]), 0) << words(row[0]);
    widest += words(row[column(layers, "widest")]) == "yes" ? 1 : 0;
  }
  EXPECT_EQ(widest, static_cast<int>(model->towers().size()));
  EXPECT_NE(deployed(*report, "prefill"), "");
}

INSTANTIATE_TEST_SUITE_P(Demos, CostPage, testing::Values("vit_digits", "crate_digits", "codebook_fsm", "lm_text", "mamba_text", "clip_glyphs"), [](const auto& info) { return info.param; });

TEST(CostPage, OfALanguageModelPredictsItsServiceOnTheChosenGpu) {
  const auto model = demo("lm_text");
  const auto& tower = model->towers()[0];
  double kept = 0;
  for (const auto& mixer : tower.mixers) kept += 2.0 * mixer.kv_heads * mixer.d_head;
  const auto report = analyse(model, "cost", {{"tokens", 1000}, {"device", "l4"}, {"dtype", "bf16"}}, std::nullopt);
  ASSERT_TRUE(report) << sentence(report.error());
  const double state = 1000 * 2 * kept, weights = 2.0 * static_cast<double>(model->parameter_count());
  EXPECT_DOUBLE_EQ(metric_named(*report, "kept by a user"), state);
  EXPECT_DOUBLE_EQ(metric_named(*report, "users at a time"), std::floor((24e9 - weights) / state));
  EXPECT_DOUBLE_EQ(metric_named(*report, "weights"), weights);
  // A token reads every weight but the table of words and positions, and the state: the device's memory is what bounds it.
  EXPECT_LT(metric_named(*report, "decoding"), 300e9 / (state + 0.5 * weights));
  EXPECT_EQ(deployed(*report, "longest context"), std::to_string(static_cast<std::int64_t>(std::floor((24e9 - weights) / (2 * kept)))) + " tokens");
}

TEST(CostPage, OfAStateSpaceHasNoLongestContext) {
  const auto report = analyse(demo("mamba_text"), "cost", {{"tokens", 100000}}, std::nullopt);
  ASSERT_TRUE(report) << sentence(report.error());
  EXPECT_EQ(deployed(*report, "longest context").find("without end"), 0U);
  EXPECT_EQ(deployed(*report, "kept by the next token"), "0 B");
}

TEST(CostPage, OfAPictureModelDoesNotDecode) {
  const auto report = analyse(demo("vit_digits"), "cost", {}, std::nullopt);
  ASSERT_TRUE(report) << sentence(report.error());
  EXPECT_EQ(deployed(*report, "decoding"), "none");
  EXPECT_NE(report->subtitle.find("1 x 65 tokens"), std::string::npos) << report->subtitle;   // patches and one more, whatever a text would have
}

TEST(CostPage, RefusesWhatIsNoSize) {
  for (const auto& params : {nlohmann::json{{"tokens", 0}}, nlohmann::json{{"tokens", -5}}, nlohmann::json{{"batch", 0}}, nlohmann::json{{"tokens", std::int64_t{1} << 40}}}) {
    const auto report = analyse(demo("lm_text"), "cost", params, std::nullopt);
    ASSERT_FALSE(report) << params.dump();
    EXPECT_EQ(report.error().code, ErrorCode::Usage);
  }
}

PlanItem item_of(const std::string& analysis, const std::string& model, const std::optional<InputItem>& input) {
  PlanItem item;
  item.model = "demo:" + model;
  item.input = input;
  item.step.name = item.step.id = analysis;
  return item;
}

TEST(ItemForecast, IsThatOfThePassOverItsInput) {
  JobTools tools;
  tools.analyses = &analyses();
  const auto input = sample_input("lm_text");
  const auto found = forecast_item(tools, item_of("attention", "lm_text", input));
  ASSERT_TRUE(found) << sentence(found.error());
  ASSERT_TRUE(found->has_value());
  const auto prepared = prepare(*demo("lm_text"), input);
  ASSERT_TRUE(prepared);
  const auto pass = forecast(*demo("lm_text"), {.inputs = prepared->tensors});
  ASSERT_TRUE(pass);
  EXPECT_EQ((*found)->peak_bytes, pass->peak_bytes);
  EXPECT_GT((*found)->seconds, 0);
}

TEST(ItemForecast, IsKeptWithTheItemsResults) {
  const auto tools = std::make_shared<JobTools>();
  tools->analyses = &analyses();
  const PlanItem item = item_of("head_stats", "lm_text", sample_input("lm_text"));
  const auto forecast = forecast_item(*tools, item);
  ASSERT_TRUE(forecast && *forecast);
  const auto outcome = workspace_executor(tools)->run(item, std::filesystem::temp_directory_path(), {});
  ASSERT_TRUE(outcome) << sentence(outcome.error());
  double peak = 0, time = 0;
  for (const MetricRow& row : outcome->metrics) {
    if (row.name == "head_stats.forecast_peak_bytes") peak = row.value;
    if (row.name == "head_stats.forecast_ms") time = row.value;
  }
  EXPECT_EQ(peak, static_cast<double>((*forecast)->peak_bytes));
  EXPECT_GT(time, 0);
}

TEST(ItemForecast, SaysWhatIsMissingBeforeAnythingIsComputed) {
  JobTools tools;
  tools.analyses = &analyses();
  InputItem input = sample_input("mamba_text");
  ASSERT_TRUE(forecast_item(tools, item_of("attention", "mamba_text", input)));
  limit_memory(1);
  std::string text;
  for (int i = 0; i < 4000; ++i) text += "It was a truth ";
  input.text = text;
  const auto refused = forecast_item(tools, item_of("attention", "mamba_text", input));
  limit_memory(0);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::DoesNotFit) << refused.error().message;
  EXPECT_NE(refused.error().message.find("are missing"), std::string::npos);
}

}  // namespace
}  // namespace vitrine::test
