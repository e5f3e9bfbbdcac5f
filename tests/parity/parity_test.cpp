#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "engine/run/parity.h"

namespace vitrine::engine {
namespace {

namespace fs = std::filesystem;

/// The case where it is: the reference folder beside the project, else the copy that travels with it.
fs::path folder_of(const std::string& name) {
  const fs::path source = VITRINE_SOURCE_DIR;
  if (fs::exists(source / ".." / "shared" / "golden" / name)) return source / ".." / "shared" / "golden" / name;
  return source / "tests" / "golden" / name;
}

std::vector<std::string> cases() {
  std::vector<std::string> all;
  std::ifstream in(fs::path(VITRINE_SOURCE_DIR) / "tests" / "parity" / "cases.txt");
  for (std::string line; std::getline(in, line);)
    if (!line.empty()) all.push_back(line);
  return all;
}

class Parity : public testing::TestWithParam<std::string> {};

TEST_P(Parity, EveryTensorEqualsTheReference) {
  const fs::path folder = folder_of(GetParam());
  if (!fs::exists(folder)) GTEST_SKIP() << "the reference case " << GetParam() << " is not beside the project";
  const auto report = check_parity(folder, {});
  if (!report && report.error().code == ErrorCode::FileMissing) GTEST_SKIP() << sentence(report.error());
  ASSERT_TRUE(report) << sentence(report.error());
  EXPECT_GT(report->rows.size(), 3U);
  for (const auto& row : report->rows)
    EXPECT_EQ(row.state, ParityRow::State::Pass) << row.name << " against " << row.found << ": " << row.max_abs_diff << " of " << row.allowed << " " << row.note;
}

INSTANTIATE_TEST_SUITE_P(Cases, Parity, testing::ValuesIn(cases()), [](const auto& info) {
  std::string name = info.param;
  for (char& c : name)
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  return name;
});

}  // namespace
}  // namespace vitrine::engine
