#include <filesystem>

#include <gtest/gtest.h>

#include "engine/core/version.h"
#include "engine/io/plugin_manifest.h"

namespace {

namespace fs = std::filesystem;
using namespace vitrine::engine;

const fs::path kGolden = fs::path(VITRINE_SOURCE_DIR) / "tests/golden/files";

TEST(Manifest, TheGoodOneOpensWithoutWarning) {
  const auto manifest = read_manifest(kGolden / "valid/control/good_manifest");
  ASSERT_TRUE(manifest) << sentence(manifest.error());
  EXPECT_EQ(manifest->id, "example.good");
  ASSERT_EQ(manifest->provides.size(), 1u);
  EXPECT_TRUE(fs::exists(manifest->provides[0].file));
  EXPECT_TRUE(manifest->warnings.empty());
}

TEST(Manifest, ReservedIdsAreForBuiltInGroups) {
  const fs::path folder = kGolden / "bad/manifest/id_reserved";
  EXPECT_FALSE(read_manifest(folder, PluginOrigin::Outside));
  EXPECT_TRUE(read_manifest(folder, PluginOrigin::BuiltIn));
}

TEST(Manifest, BuildIdOfTheBuildFilesIsThatOfTheProgram) { EXPECT_EQ(build_id(), VITRINE_TEST_BUILD_ID); }

}  // namespace
