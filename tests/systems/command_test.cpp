// The command that each system that works is shown by, carried out by the program as a user would.
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include <gtest/gtest.h>

#include "engine/io/checkpoint.h"
#include "tests/systems/rows.h"
#include "tests/temporary_folder.h"

namespace vitrine::test {
namespace {

/// In a folder where the resources of the product are at hand.
class ShownCommand : public testing::Test {
 public:
  void run(const std::string& command) {
    std::filesystem::create_directory_symlink(VITRINE_SOURCE_DIR "/resources", folder.path() / "resources");
    const std::string line = "cd '" + folder.path().string() + "' && PATH=" VITRINE_BINARY_DIR "/bin:$PATH && " + command + " > said 2>&1";
    const int ended = std::system(line.c_str());
    std::ifstream said(folder.path() / "said");
    EXPECT_EQ(ended, 0) << command << '\n' << std::string(std::istreambuf_iterator<char>(said), {});
  }
  TemporaryFolder folder;
};

class EachSystem : public ShownCommand, public testing::WithParamInterface<Row> {};

TEST_P(EachSystem, IsShownByItsCommand) { run(GetParam()[3]); }

/// Those that work on what comes with the product; MODEL and PICTURE stand for a user's own.
std::vector<Row> working() {
  std::vector<Row> rows = read_rows(kSystemsFile);
  std::erase_if(rows, [](const Row& row) { return row[2] != "works" || row[3].find(" MODEL ") != std::string::npos; });
  return rows;
}

INSTANTIATE_TEST_SUITE_P(Works, EachSystem, testing::ValuesIn(working()), [](const auto& row) { return "system_" + row.param[0]; });

/// Of system 36, LeanAttention.
TEST_F(ShownCommand, KeepsTheAttentionOfEachGeneratedToken) {
  run("vitrine run demo:lm_text --text 'It was a truth' --generate 24 --tap '*.hook_pattern' --out attention.safetensors");
  const auto file = engine::open_checkpoint(folder.path() / "attention.safetensors");
  ASSERT_TRUE(file);
  for (int layer = 0; layer < 4; ++layer) {
    const std::string site = "blocks." + std::to_string(layer) + ".attn.hook_pattern";
    const auto* prompt = (*file)->find(site);
    const auto* whole = (*file)->find("generated." + site);
    ASSERT_TRUE(prompt != nullptr && whole != nullptr);
    const std::int64_t before = prompt->shape[3], tokens = before + 24 - 1;   // nothing looks at the last token
    ASSERT_EQ(whole->shape, (std::vector<std::int64_t>{4, tokens, tokens}));
    const auto first = *(*file)->read_f32(*prompt), pattern = *(*file)->read_f32(*whole);
    for (std::int64_t head = 0; head < 4; ++head)
      for (std::int64_t query = 0; query < tokens; ++query) {
        double sum = 0;
        for (std::int64_t key = 0; key < tokens; ++key) {
          const float weight = pattern[static_cast<std::size_t>((head * tokens + query) * tokens + key)];
          if (key > query) EXPECT_EQ(weight, 0);
          if (query < before && key < before) EXPECT_NEAR(weight, first[static_cast<std::size_t>((head * before + query) * before + key)], 1e-5);
          sum += weight;
        }
        EXPECT_NEAR(sum, 1, 1e-5) << "layer " << layer << ", head " << head << ", query " << query;
      }
  }
}

}  // namespace
}  // namespace vitrine::test
