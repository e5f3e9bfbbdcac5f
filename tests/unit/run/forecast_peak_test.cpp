#include <malloc.h>

#include <cstdlib>

#include "tests/bench/process_memory.h"
#include "tests/bench/random_model.h"
#include "tests/temporary_folder.h"
#include "tests/unit/engine_fixture.h"

namespace vitrine::engine {
namespace {

using namespace testing_;

struct Row {
  const char* name;
  bench::RandomModel model;
  std::int64_t tokens;
  bool maps;
};
void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

std::vector<Row> rows() {
  return {{"gpt2", bench::random_gpt2(7, 768, 12, 20000, 1024), 900, false},
          {"gpt2_maps", bench::random_gpt2(7, 768, 12, 20000, 1024), 600, true},
          {"bert", bench::random_bert(6, 896, 14, 9000, 512), 400, true},
          {"llama", bench::random_llama(9, 768, 12, 4, 2304, 24000, true), 512, false},
          {"vit", bench::random_vit(8, 768, 12, 256, 16), 257, true}};
}

std::map<std::string, Tensor> input_of(const Model& model, std::int64_t tokens) {
  if (!model.takes_text()) return {{"pixel_values", randn({1, 3, 256, 256}, 7)}};
  std::vector<std::int64_t> ids;
  for (std::int64_t i = 0; i < tokens; ++i) ids.push_back((17 + 7919 * i) % 9000);
  return {{"input_ids", Tensor::from_ints(ids, {1, tokens})}};
}

class ForecastPeak : public testing::TestWithParam<Row> {};

/// A process of its own, so that nothing but this model and this pass raises its peak, and no pool of an earlier one serves it.
TEST_P(ForecastPeak, IsWithinFivePercentOfWhatTheProcessTook) {
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "sanitizers keep memory of their own";
#endif
  if (!std::getenv("VITRINE_TEST_ALONE")) {
    const std::string self = std::filesystem::read_symlink("/proc/self/exe").string();
    const std::string command = "VITRINE_TEST_ALONE=1 '" + self + "' --gtest_filter='*ForecastPeak.*/" + GetParam().name + "'";
    ASSERT_EQ(std::system(command.c_str()), 0);
    return;
  }
  const test::TemporaryFolder folder;
  bench::write_model(GetParam().model, folder.path());
  const auto warm = must_open("demo:lm_text");
  must_run(*warm, {.inputs = some_inputs(*warm)});
  malloc_trim(0);
  const double idle = bench::status_of("VmRSS");
  bench::begin_peak();
  const auto model = must_open(folder.path().string());
  const RunRequest request{.inputs = input_of(*model, GetParam().tokens), .capture_maps = GetParam().maps, .keep_residuals = GetParam().maps};
  const auto said = forecast(*model, request);
  ASSERT_TRUE(said) << sentence(said.error());
  must_run(*model, request);
  EXPECT_NEAR(static_cast<double>(said->peak_bytes) / (bench::status_of("VmHWM") - idle), 1, 0.05);
}

INSTANTIATE_TEST_SUITE_P(Rows, ForecastPeak, testing::ValuesIn(rows()), [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace vitrine::engine
