#include <gtest/gtest.h>

#include "engine/plugin/loader.h"
#include "tests/plugins/scratch.h"

namespace {

using namespace vitrine::engine;

PluginSet load(const Scratch& scratch) { return load_plugins({{scratch.path(), PluginOrigin::Outside}}); }

TEST(Loader, AGoodModuleAddsItsAnalysis) {
  const Scratch scratch;
  scratch.plugin("a", module_manifest("test.a", "module_NONE.so"), "module_NONE.so");
  const PluginSet set = load(scratch);
  ASSERT_EQ(set.plugins.size(), 1u);
  EXPECT_TRUE(set.plugins[0].active) << set.plugins[0].message;
  EXPECT_NE(set.analyses.find("test_constant"), nullptr);
}

struct Fault {
  const char* name;
  const char* says;
};
void PrintTo(const Fault& fault, std::ostream* out) { *out << fault.name; }

class FaultyModule : public testing::TestWithParam<Fault> {};

TEST_P(FaultyModule, CostsOnlyItself) {
  const Scratch scratch;
  const std::string library = std::string("module_") + GetParam().name + ".so";
  scratch.plugin("a_faulty", module_manifest("test.faulty", library), library);
  scratch.plugin("b_good", module_manifest("test.good", "module_NONE.so"), "module_NONE.so");
  const PluginSet set = load(scratch);
  ASSERT_EQ(set.plugins.size(), 2u);
  EXPECT_FALSE(set.plugins[0].active);
  EXPECT_NE(set.plugins[0].message.find(GetParam().says), std::string::npos) << set.plugins[0].message;
  EXPECT_TRUE(set.plugins[1].active) << "nothing of the faulty one may stay: " << set.plugins[1].message;
  EXPECT_EQ(set.analyses.entries().size(), 1u);
}

INSTANTIATE_TEST_SUITE_P(
    Faults, FaultyModule,
    testing::Values(Fault{"NO_BUILD_ID", "symbol vitrine_plugin_build_id is missing"},
                    Fault{"BUILD_ID", "built for build id \"another compiler\""},
                    Fault{"NO_ENTRY", "symbol vitrine_register is missing"},
                    Fault{"TWICE", "duplicate analysis id 'test_constant'"}, Fault{"THROW", "threw while it was opened: no ink"},
                    Fault{"UNDEFINED", "vitrine_test_symbol_that_nobody_has"}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(Loader, AnAnalysisThatAnotherPluginHasIsRefused) {
  const Scratch scratch;
  scratch.plugin("a", module_manifest("test.a", "module_NONE.so"), "module_NONE.so");
  scratch.plugin("b", module_manifest("test.b", "module_NONE.so"), "module_NONE.so");
  const PluginSet set = load(scratch);
  ASSERT_EQ(set.plugins.size(), 2u);
  EXPECT_FALSE(set.plugins[1].active);
  EXPECT_NE(set.plugins[1].message.find("duplicate analysis id 'test_constant'"), std::string::npos);
}

TEST(Loader, APromiseOfTheManifestIsHeld) {
  const Scratch scratch;
  std::string manifest = module_manifest("test.a", "module_NONE.so");
  manifest.insert(manifest.size() - 1, R"(, "provides": [{"type": "analysis", "id": "something_else"}])");
  scratch.plugin("a", manifest, "module_NONE.so");
  const PluginSet set = load(scratch);
  EXPECT_FALSE(set.plugins.at(0).active);
  EXPECT_TRUE(set.analyses.entries().empty());
}

TEST(Loader, OwnGroupsOpenAsPlugins) {
  for (const PluginFolder& folder : plugin_folders()) {
    if (folder.origin != PluginOrigin::BuiltIn) continue;
    const PluginSet set = load_plugins({folder});
    EXPECT_FALSE(set.plugins.empty());
    for (const PluginStatus& plugin : set.plugins) EXPECT_TRUE(plugin.active) << plugin.folder << ": " << plugin.message;
    return;
  }
  FAIL() << "no built-in plugin folder beside the test";
}

TEST(Loader, TwoFoldersOfOneIdLeaveTheFirst) {
  const Scratch scratch;
  const auto golden = std::filesystem::path(VITRINE_SOURCE_DIR) / "tests/golden/files/bad/manifest";
  for (const char* twin : {"twin_a", "twin_b"})
    std::filesystem::copy(golden / twin, scratch.path() / twin, std::filesystem::copy_options::recursive);
  const PluginSet set = load_plugins({{scratch.path(), PluginOrigin::Outside}});
  ASSERT_EQ(set.plugins.size(), 2u);
  EXPECT_TRUE(set.plugins[0].active);
  EXPECT_FALSE(set.plugins[1].active);
  EXPECT_NE(set.plugins[1].message.find("duplicate id 'example.twin'"), std::string::npos) << set.plugins[1].message;
  EXPECT_EQ(set.files.size(), 1u);
  EXPECT_TRUE(check_plugin(scratch.path() / "twin_a").active);
  EXPECT_EQ(check_plugin(scratch.path() / "twin_a").warnings.size(), 1u);
}

}  // namespace
