#include <algorithm>
#include <fstream>
#include <map>
#include <set>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "engine/io/checkpoint.h"
#include "tests/unit/io/golden_files.h"

namespace vitrine::engine {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// Every file in which we and the second reader differ: what the difference is, and why it stands.
struct Difference {
  std::string what, reason;
};

std::map<std::string, Difference> listed() {
  std::map<std::string, Difference> out;
  std::ifstream table(VITRINE_SOURCE_DIR "/tests/differential/differences.tsv");
  for (std::string line; std::getline(table, line);) {
    const auto first = line.find('\t'), second = line.find('\t', first + 1);
    if (line.empty() || line.front() == '#' || second == std::string::npos) continue;
    out[line.substr(0, first)] = {line.substr(first + 1, second - first - 1), line.substr(second + 1)};
  }
  return out;
}

json tensors_of(const Checkpoint& checkpoint) {
  std::vector<json> rows;
  for (const auto& entry : checkpoint.tensors()) rows.push_back(json::array({entry.name, entry.dtype, entry.shape}));
  std::sort(rows.begin(), rows.end());
  return rows;
}

/// "same", or how ours differs from the second reader's.
std::string compared(const fs::path& file, const json& theirs) {
  const auto ours = open_checkpoint(file);
  const bool refused = theirs.contains("refused");
  if (!ours) return refused ? "same" : "we refuse, it opens";
  if (refused) return (*ours)->warnings().empty() ? "we open, it refuses" : "we warn, it refuses";
  if (theirs.contains("count")) return (*ours)->tensors().size() == theirs["count"] ? "same" : "other tensors";
  json wanted = theirs["tensors"];
  std::vector<json> sorted(wanted.begin(), wanted.end());
  std::sort(sorted.begin(), sorted.end());
  return tensors_of(**ours) == json(sorted) ? "same" : "other tensors";
}

TEST(SecondReader, AgreesOrTheDifferenceIsListed) {
  std::ifstream in(VITRINE_SOURCE_DIR "/tests/golden/files/second_reader.json");
  const json reference = json::parse(in);
  const auto differences = listed();
  std::set<std::string> used;
  std::size_t compared_files = 0, same = 0;
  for (const auto& [name, theirs] : reference["files"].items()) {
    const fs::path file = test::golden_files() / name;
    if (!fs::exists(file)) continue;
    ++compared_files;
    const std::string what = compared(file, theirs);
    const auto found = differences.find(name);
    if (what == "same") ++same;
    used.insert(name);
    if (found == differences.end()) {
      EXPECT_EQ(what, "same") << name << " it says: " << theirs.dump().substr(0, 300);
    } else {
      EXPECT_EQ(what, found->second.what) << name << ": listed because " << found->second.reason;
    }
  }
  for (const auto& [name, difference] : differences) {
    EXPECT_FALSE(difference.reason.empty()) << name;
    EXPECT_TRUE(reference["files"].contains(name)) << name << " is listed and not compared";
  }
  EXPECT_GT(compared_files, 100U);
  std::printf("%zu files compared, %zu the same, the rest listed with a reason\n", compared_files, same);
}

}  // namespace
}  // namespace vitrine::engine
