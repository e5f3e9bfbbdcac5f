#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/wait.h>

#include "tests/temporary_folder.h"

namespace vitrine::test {
namespace {

using nlohmann::json;

struct Said {
  int code = -1;
  std::string out, err;
};

/// The program itself, with these words in a shell.
Said run(const TemporaryFolder& folder, const std::string& words) {
  const auto err = folder.path() / "stderr.txt";
  FILE* const pipe = ::popen((VITRINE_BINARY_DIR "/bin/vitrine " + words + " 2>'" + err.string() + "'").c_str(), "r");
  Said said;
  if (!pipe) return said;
  std::array<char, 4096> piece{};
  for (std::size_t n = 0; (n = std::fread(piece.data(), 1, piece.size(), pipe)) > 0;) said.out.append(piece.data(), n);
  const int status = ::pclose(pipe);
  said.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  std::ifstream file(err);
  said.err.assign(std::istreambuf_iterator<char>(file), {});
  return said;
}

std::string long_text() {
  std::string text;
  for (int i = 0; i < 20000; ++i) text += "It was a truth ";
  return text;
}

void write_job(const std::filesystem::path& path, const std::string& model, const std::string& text) {
  const json job = {{"vitrine_job", 1},
                    {"name", "forecast"},
                    {"models", {model}},
                    {"inputs", {{{"text", text}}}},
                    {"steps", {{{"analyse", "attention"}}, {{"analyse", "model_card"}}, {{"assert", "attention.entropy > 0"}}}}};
  std::ofstream(path) << job;
}

struct Named {
  const char* name;
  const char* words;
};
class Command : public testing::TestWithParam<Named> {};

TEST_P(Command, SaysWhatItWillTakeBeforeItStartsAndKeepsIt) {
  const TemporaryFolder folder;
  const Said said = run(folder, std::string(GetParam().words) + " --text 'It was a truth' --json");
  ASSERT_EQ(said.code, 0) << said.err;
  EXPECT_EQ(said.err.find("forecast: "), 0U) << said.err;
  const json result = json::parse(said.out);
  ASSERT_TRUE(result.contains("forecast")) << said.out;
  EXPECT_GT(result["forecast"]["peak_bytes"].get<double>(), 1e6);
  EXPECT_GT(result["forecast"]["time_ms"].get<double>(), 0);
}

INSTANTIATE_TEST_SUITE_P(Commands, Command, testing::Values(Named{"run", "run demo:lm_text"}, Named{"generate", "run demo:lm_text --generate 4"}, Named{"analyse", "analyse attention demo:lm_text"}),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(Map, SaysWhatItWillTakeBeforeItStartsAndKeepsIt) {
  const TemporaryFolder folder;
  const Said said = run(folder, "map demo:lm_text --text 'It was a truth' --layer 0 --head 0 --json --out '" + (folder.path() / "map.npy").string() + "'");
  ASSERT_EQ(said.code, 0) << said.err;
  EXPECT_EQ(said.err.find("forecast: "), 0U) << said.err;
  EXPECT_GT(json::parse(said.out)["forecast"]["peak_bytes"].get<double>(), 1e6);
}

TEST(DryRun, ForecastsEveryItemThatComputesAndTheWhole) {
  const TemporaryFolder folder;
  const auto job = folder.path() / "job.json";
  write_job(job, "demo:lm_text", "It was a truth");
  const Said said = run(folder, "batch --dry-run --json '" + job.string() + "'");
  ASSERT_EQ(said.code, 0) << said.err;
  const json plan = json::parse(said.out);
  double peak = 0, time = 0;
  int forecasts = 0;
  for (const json& item : plan["result"]["items"]) {
    if (item["forecast"].is_null()) continue;
    ++forecasts;
    peak = std::max(peak, item["forecast"]["peak_bytes"].get<double>());
    time += item["forecast"]["time_ms"].get<double>();
  }
  EXPECT_EQ(forecasts, 2);   // an assertion takes nothing
  EXPECT_EQ(plan["forecast"]["peak_bytes"].get<double>(), peak);
  EXPECT_DOUBLE_EQ(plan["forecast"]["time_ms"].get<double>(), time);
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "forecast.results"));
}

TEST(Batch, RefusesWhatDoesNotFitBeforeAnythingStarts) {
  const TemporaryFolder folder;
  const auto job = folder.path() / "job.json";
  write_job(job, "demo:mamba_text", long_text());
  const Said said = run(folder, "batch --memory 300M '" + job.string() + "'");
  EXPECT_EQ(said.code, 4) << said.err;
  EXPECT_NE(said.err.find("are missing"), std::string::npos) << said.err;
  EXPECT_EQ(said.err.find("vitrine: item "), 0U) << said.err;
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "forecast.results"));
}

TEST(Run, RefusesWhatDoesNotFitWithOneSentence) {
  const TemporaryFolder folder;
  std::ofstream(folder.path() / "long.txt") << long_text();
  const Said said = run(folder, "run demo:mamba_text --memory 300M --text-file '" + (folder.path() / "long.txt").string() + "'");
  EXPECT_EQ(said.code, 4) << said.err;
  EXPECT_EQ(said.err.find("forecast"), std::string::npos) << said.err;
  EXPECT_NE(said.err.find("are missing"), std::string::npos) << said.err;
}

}  // namespace
}  // namespace vitrine::test
