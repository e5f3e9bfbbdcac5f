#include <filesystem>
#include <fstream>
#include <regex>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "engine/core/version.h"
#include "engine/plugin/manifest.h"
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

  const auto manifest = read_manifest(file);
  std::string said = manifest ? std::string() : manifest.error().message;
  EXPECT_EQ(said.find('\n'), std::string::npos) << said;
  if (row["expect"] == "refuse") {
    EXPECT_FALSE(manifest);
  } else if (manifest) {
    for (const std::string& warning : manifest->warnings) said += warning + "\n";
    for (const std::string& warning : twins_beside(*manifest)) said += warning + "\n";
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

}  // namespace
