#include <chrono>
#include <regex>

#include <gtest/gtest.h>

#include "engine/text/tokenizer.h"
#include "tests/unit/text/text_golden.h"

namespace vitrine::engine {
namespace {

/// What a row wants that did not happen, or nothing.
std::string judge(const nlohmann::json& row) {
  const auto path = test::bad_files() / row["file"].get<std::string>();
  if (!std::filesystem::exists(path)) return "the file is missing";
  const auto start = std::chrono::steady_clock::now();
  const auto opened = open_tokenizer(path);
  if (opened) (void)(*opened)->encode(std::string(3000, 'a') + " b <x>> c");
  if (std::chrono::steady_clock::now() - start > std::chrono::seconds(2))
    return "took more than 2 s";
  if (opened && row["expect"] == "refuse") return "was not refused";
  std::string said;
  if (opened) {
    for (const std::string& w : (*opened)->warnings()) said += w + "\n";
  } else {
    said = opened.error().message;
  }
  if (said.empty()) return "said nothing";
  for (const auto& wanted : row["must_mention"]) {
    const std::regex pattern(wanted.get<std::string>(), std::regex::icase);
    if (!std::regex_search(said, pattern)) return "said '" + said + "' without " + wanted.dump();
  }
  return {};
}

class BadTokenizerFiles : public ::testing::TestWithParam<const char*> {};

TEST_P(BadTokenizerFiles, AreRefusedOrWarnedAboutInClearWords) {
  std::size_t rows = 0, bad = 0;
  std::string failing;
  for (const auto& row : test::read_jsonl(test::bad_files() / "index.jsonl")) {
    if (row["format"] != GetParam()) continue;
    ++rows;
    const std::string problem = judge(row);
    if (problem.empty()) continue;
    ++bad;
    failing += "\n  " + row["file"].get<std::string>() + ": " + problem;
  }
  EXPECT_GT(rows, 0u);
  EXPECT_EQ(bad, 0u) << bad << " of " << rows << " files:" << failing;
}

INSTANTIATE_TEST_SUITE_P(All, BadTokenizerFiles,
                         ::testing::Values("tokenizer_json", "vocab_txt", "sentencepiece"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace vitrine::engine
