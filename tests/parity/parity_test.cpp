#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

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

/// A line of the list: the case, and behind a dash those of its models that are in a format that has no reader yet.
struct Case {
  std::string name;
  std::set<std::string> without_reader;
  friend void PrintTo(const Case& one, std::ostream* out) { *out << one.name; }
};

std::vector<Case> cases() {
  std::vector<Case> all;
  std::ifstream in(fs::path(VITRINE_SOURCE_DIR) / "tests" / "parity" / "cases.txt");
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    Case one;
    if (!(words >> one.name)) continue;
    for (std::string word; words >> word;) if (word != "-") one.without_reader.insert(word);
    all.push_back(std::move(one));
  }
  return all;
}

class Parity : public testing::TestWithParam<Case> {};

TEST_P(Parity, EveryTensorEqualsTheReference) {
  const fs::path folder = folder_of(GetParam().name);
  if (!fs::exists(folder)) GTEST_SKIP() << "the reference case " << GetParam().name << " is not beside the project";
  const auto report = check_parity(folder, {});
  if (!report && report.error().code == ErrorCode::FileMissing) GTEST_SKIP() << sentence(report.error());
  ASSERT_TRUE(report) << sentence(report.error());
  EXPECT_GT(report->rows.size(), 3U);
  for (const auto& row : report->rows) {
    if (GetParam().without_reader.contains(row.name)) {
      EXPECT_NE(row.note.find("PyTorch archive"), std::string::npos) << row.name << ": can be read now, take it out of the list; " << row.note;
      continue;
    }
    EXPECT_EQ(row.state, ParityRow::State::Pass) << row.name << " against " << row.found << ": " << row.max_abs_diff << " of " << row.allowed << " " << row.note;
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, Parity, testing::ValuesIn(cases()), [](const auto& info) {
  std::string name = info.param.name;
  for (char& c : name)
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  return name;
});

}  // namespace
}  // namespace vitrine::engine
