#include <filesystem>
#include <fstream>
#include <regex>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "engine/core/version.h"
#include "engine/plugin/loader.h"
#include "tests/plugins/scratch.h"

namespace {

namespace fs = std::filesystem;
using namespace vitrine::engine;
using Json = nlohmann::json;

const fs::path kGolden = fs::path(VITRINE_SOURCE_DIR) / "tests/golden/plugins";

std::vector<Json> rows() {
  std::vector<Json> result;
  std::ifstream file(kGolden / "manifest_rows.jsonl");
  for (std::string line; std::getline(file, line);) result.push_back(Json::parse(line));
  return result;
}

class BadManifest : public testing::TestWithParam<Json> {};

TEST_P(BadManifest, EndsAsItsRowSays) {
  const Json& row = GetParam();
  const Scratch scratch;
  fs::copy(kGolden / "manifest", scratch.path() / "manifest", fs::copy_options::recursive);
  const fs::path file = scratch.path() / row["file"].get<std::string>();
  for (const Json& step : row.value("setup", Json::array()))
    fs::create_symlink(step[2].get<std::string>(), file.parent_path() / step[1].get<std::string>());

  const PluginStatus status = check_plugin(file);

  // The path goes first in a sentence, and the folders are named after their faults: only the rest counts.
  std::string said = status.message.substr(status.message.starts_with('/') ? status.message.find(": ") : 0);
  EXPECT_EQ(status.message.find('\n'), std::string::npos) << status.message;
  if (row["expect"] == "refuse") {
    EXPECT_FALSE(status.active);
  } else {
    for (const std::string& warning : status.warnings) said += "\n" + warning;
    EXPECT_FALSE(said.empty());
  }
  for (const Json& pattern : row["must_mention"])
    EXPECT_TRUE(std::regex_search(said, std::regex(pattern.get<std::string>(), std::regex::icase))) << said;
}

INSTANTIATE_TEST_SUITE_P(Rows, BadManifest, testing::ValuesIn(rows()), [](const auto& info) {
  std::string name = info.param["kind"].template get<std::string>().substr(9);
  for (char& c : name)
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  return name;
});

TEST(Manifest, TheGoodOneOpensWithoutWarning) {
  const auto manifest = read_manifest(kGolden / "good_manifest");
  ASSERT_TRUE(manifest) << sentence(manifest.error());
  EXPECT_EQ(manifest->id, "example.good");
  ASSERT_EQ(manifest->provides.size(), 1u);
  EXPECT_TRUE(fs::exists(manifest->provides[0].file));
  EXPECT_TRUE(manifest->warnings.empty());
}

TEST(Manifest, ReservedIdsAreForBuiltInGroups) {
  const fs::path folder = kGolden / "manifest/id_reserved";
  EXPECT_FALSE(read_manifest(folder, PluginOrigin::Outside));
  EXPECT_TRUE(read_manifest(folder, PluginOrigin::BuiltIn));
}

TEST(Manifest, BuildIdOfTheBuildFilesIsThatOfTheProgram) { EXPECT_EQ(build_id(), VITRINE_TEST_BUILD_ID); }

TEST(Manifest, TwoFoldersOfOneIdLeaveTheFirst) {
  const Scratch scratch;
  for (const char* twin : {"twin_a", "twin_b"})
    fs::copy(kGolden / "manifest" / twin, scratch.path() / twin, fs::copy_options::recursive);
  const PluginSet set = load_plugins({{scratch.path(), PluginOrigin::Outside}});
  ASSERT_EQ(set.plugins.size(), 2u);
  EXPECT_TRUE(set.plugins[0].active);
  EXPECT_FALSE(set.plugins[1].active);
  EXPECT_NE(set.plugins[1].message.find("duplicate id 'example.twin'"), std::string::npos) << set.plugins[1].message;
  EXPECT_EQ(set.files.size(), 1u);
}

}  // namespace
