#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/systems/rows.h"

namespace {

using namespace vitrine::test;

const std::vector<Row> kSystems = read_rows(kSystemsFile);
const std::vector<Row> kProofs = read_rows(kProofsFile);

/// Whether some test source declares it: `TEST(Suite, Name)`, also with a fixture or parameters.
bool declared(const std::string& test) {
  const auto dot = test.find('.');
  if (dot == std::string::npos) return false;
  const auto slash = test.find('/');
  const std::size_t begin = slash != std::string::npos && slash < dot ? slash + 1 : 0;
  const std::string form = "(" + test.substr(begin, dot - begin) + ", " + test.substr(dot + 1, test.find('/', dot) - dot - 1) + ")";
  for (const auto& entry : std::filesystem::recursive_directory_iterator(VITRINE_SOURCE_DIR "/tests")) {
    if (entry.path().extension() != ".cpp") continue;
    std::ifstream file(entry.path());
    const std::string text(std::istreambuf_iterator<char>(file), {});
    if (text.find(form) != std::string::npos) return true;
  }
  return false;
}

TEST(Systems, HaveEachARowWithAState) {
  std::set<std::string> ids;
  for (const Row& row : kSystems) {
    ASSERT_EQ(row.size(), 4u) << row[0];
    EXPECT_TRUE(ids.insert(row[0]).second) << row[0] << " twice";
    EXPECT_TRUE(row[2] == "works" || row[2] == "partial" || row[2] == "planned") << row[0];
    EXPECT_EQ(row[2] == "planned", row[3].empty()) << row[0] << ": a system that is there has a command that shows it";
  }
  EXPECT_EQ(ids.size(), 266u);
}

TEST(Systems, WorkOnlyWhereATestProvesIt) {
  std::map<std::string, std::string> proofs;
  for (const Row& row : kProofs) {
    ASSERT_EQ(row.size(), 2u);
    proofs[row[0]] = row[1];
  }
  for (const Row& row : kSystems) {
    if (row[2] != "works") continue;
    ASSERT_TRUE(proofs.contains(row[0])) << "system " << row[0] << " works, and nothing proves it";
    EXPECT_TRUE(declared(proofs[row[0]])) << proofs[row[0]];
  }
}

}  // namespace
