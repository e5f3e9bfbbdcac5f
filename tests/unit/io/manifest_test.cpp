#include "engine/io/plugin_manifest.h"

#include <elf.h>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "engine/core/version.h"
#include "golden_files.h"

namespace vitrine::engine {
namespace {

using nlohmann::json;

class PluginManifest : public testing::Test {
 protected:
  PluginManifest() {
    Elf64_Ehdr header;
    const std::string self = test::read_text("/proc/self/exe");
    std::memcpy(&header, self.data(), sizeof header);
    header.e_type = ET_DYN;
    header.e_phoff = sizeof header;
    header.e_phnum = 1;
    std::ofstream(folder_.path() / "lib.so", std::ios::binary)
        << std::string(reinterpret_cast<const char*>(&header), sizeof header) << std::string(sizeof(Elf64_Phdr), '\0');
  }
  Result<Manifest> read(const json& extra, PluginOrigin origin = PluginOrigin::Outside) {
    json manifest = {{"schema", 1}, {"id", "my.plugin"}, {"name", "Mine"}, {"version", "1.2.3"}, {"kind", "data"}};
    manifest.update(extra);
    std::ofstream(folder_.path() / "manifest.json") << manifest;
    return read_manifest(folder_.path(), origin);
  }
  test::TemporaryFolder folder_;
};

TEST_F(PluginManifest, OfEachKindIsRead) {
  const auto module = read({{"kind", "module"}, {"library", "lib.so"}, {"build_id", build_id()}});
  ASSERT_TRUE(module) << sentence(module.error());
  EXPECT_EQ(plugin_kind_name(module->kind), "module");
  EXPECT_EQ(module->build_id, build_id());
  EXPECT_EQ(module->library, std::filesystem::canonical(folder_.path() / "lib.so"));
  const auto table = read({{"kind", "c"}, {"library", "lib.so"}, {"abi", kPluginAbi}});
  ASSERT_TRUE(table) << sentence(table.error());
  EXPECT_EQ(plugin_kind_name(table->kind), "c");
  EXPECT_EQ(table->abi, kPluginAbi);
  const auto data = read(json::object());
  ASSERT_TRUE(data) << sentence(data.error());
  EXPECT_EQ(plugin_kind_name(data->kind), "data");
}

TEST_F(PluginManifest, TakesAnIdOfTheProgramOnlyFromTheProgram) {
  EXPECT_TRUE(read({{"id", "vitrine.language"}}, PluginOrigin::BuiltIn));
  const auto outside = read({{"id", "vitrine.language"}});
  ASSERT_FALSE(outside);
  EXPECT_NE(outside.error().message.find("is reserved: ids in 'vitrine.' belong to the program"), std::string::npos);
}

TEST_F(PluginManifest, SaysWhoHasTheSameId) {
  const test::TemporaryFolder all;
  for (const char* name : {"a", "b"}) {
    std::filesystem::create_directory(all.path() / name);
    std::ofstream(all.path() / name / "manifest.json")
        << json{{"schema", 1}, {"id", "twin"}, {"name", "T"}, {"version", "1.0.0"}, {"kind", "data"}};
  }
  const auto manifest = read_manifest(all.path() / "a");
  ASSERT_TRUE(manifest) << sentence(manifest.error());
  EXPECT_EQ(twins_beside(*manifest), (std::vector<std::string>{"duplicate id 'twin': b has it as well, the first by name is used"}));
  EXPECT_EQ(plugins_in(all.path()).size(), 2U);
  EXPECT_TRUE(plugins_in(all.path() / "none").empty());
}

}  // namespace
}  // namespace vitrine::engine
