#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include <gtest/gtest.h>

#include "tests/fuzz/mutators.h"
#include "tests/fuzz/target.h"

#define TARGET(name, mutation, folders) void fuzz_##name(vitrine::fuzz::Bytes bytes);
#include "tests/fuzz/targets.def"
#undef TARGET

namespace vitrine::fuzz {
namespace {

namespace fs = std::filesystem;

struct Target {
  const char* name;
  void (*run)(Bytes);
  Mutation mutate;
  const char* folders;
};
void PrintTo(const Target& target, std::ostream* out) { *out << target.name; }

constexpr Target kTargets[] = {
#define TARGET(name, mutation, folders) {#name, fuzz_##name, mutation, folders},
#include "tests/fuzz/targets.def"
#undef TARGET
};

constexpr std::uintmax_t kMostBytes = 1 << 20;
const fs::path kGolden = VITRINE_SOURCE_DIR "/tests/golden";

Buffer read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// Seeds and former findings of a target, and the reference files of its format.
std::vector<fs::path> seeds_of(const Target& target) {
  std::vector<fs::path> folders = {fs::path(VITRINE_SOURCE_DIR "/tests/fuzz/seeds") / target.name};
  if (const char* corpus = std::getenv("VITRINE_FUZZ_CORPUS"); corpus != nullptr && *corpus != '\0')
    folders.push_back(fs::path(corpus) / target.name);
  std::istringstream more(target.folders);
  for (std::string folder; more >> folder;) folders.push_back(kGolden / folder);
  std::vector<fs::path> files;
  for (const fs::path& folder : folders) {
    if (!fs::is_directory(folder)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(folder))
      if (entry.is_regular_file() && entry.file_size() <= kMostBytes) files.push_back(entry.path());
  }
  std::ranges::sort(files);
  return files;
}

class FuzzTarget : public testing::TestWithParam<Target> {};

TEST_P(FuzzTarget, HoldsForEverySeed) {
  const auto files = seeds_of(GetParam());
  EXPECT_FALSE(files.empty());
  for (const fs::path& file : files) {
    SCOPED_TRACE(file.filename().string());
    const Buffer bytes = read(file);
    EXPECT_NO_THROW(GetParam().run(bytes));
  }
}

/// What flips, cuts and lengthens where libFuzzer is not.
void stand_in(Buffer& bytes, std::size_t most, Dice& dice) {
  if (bytes.empty() || dice.one_in(4)) bytes.resize(dice.below(std::min<std::size_t>(most, bytes.size() + 9)));
  for (std::size_t n = 1 + dice.below(3); n > 0 && !bytes.empty(); --n)
    bytes[dice.below(bytes.size())] = static_cast<std::uint8_t>(dice.odd_number());
}

TEST_P(FuzzTarget, HoldsForNeighboursOfItsSeeds) {
  constexpr std::size_t most = 4096;
  auto files = seeds_of(GetParam());
  std::erase_if(files, [](const fs::path& file) { return fs::file_size(file) > most; });
  if (files.empty()) GTEST_SKIP() << "no small seed";
  for (std::uint64_t seed = 1; seed <= 1500; ++seed) {
    Dice dice(seed);
    Buffer bytes = read(files[dice.below(files.size())]);
    for (std::size_t n = 1 + dice.below(3); n > 0; --n)
      GetParam().mutate(bytes, most, dice, [&](Buffer& part, std::size_t limit) { stand_in(part, limit, dice); });
    ASSERT_LE(bytes.size(), most);
    SCOPED_TRACE(seed);
    ASSERT_NO_THROW(GetParam().run(bytes));
  }
}

INSTANTIATE_TEST_SUITE_P(Readers, FuzzTarget, testing::ValuesIn(kTargets),
                         [](const auto& info) { return std::string(info.param.name); });

/// A mutation changes what it is about and leaves the rest of the format whole.
TEST(Mutations, LeaveTheFormatWholeMoreOftenThanNot) {
  const auto opens = [](const Target& target, const Buffer& bytes) {
    const std::string_view text = as_text(bytes);
    if (target.mutate == mutate_gguf) return text.starts_with("GGUF");
    if (target.mutate == mutate_zip) return text.find("PK\5\6") != text.npos;
    if (target.mutate == mutate_safetensors) return bytes.size() > 8 && bytes[8] == '{';
    return true;
  };
  for (const Target& target : kTargets) {
    if (target.mutate == mutate_bytes) continue;
    auto files = seeds_of(target);
    std::erase_if(files, [](const fs::path& file) { return fs::file_size(file) > 4096; });
    std::size_t changed = 0, whole = 0, rounds = 200;
    for (std::uint64_t seed = 0; seed < rounds; ++seed) {
      Dice dice(seed);
      const Buffer before = read(files[dice.below(files.size())]);
      Buffer after = before;
      target.mutate(after, 4096, dice, [&](Buffer& part, std::size_t limit) { stand_in(part, limit, dice); });
      changed += after != before ? 1 : 0;
      whole += opens(target, after) || !opens(target, before) ? 1 : 0;
    }
    EXPECT_GT(changed, rounds / 2) << target.name;
    EXPECT_GT(whole, rounds / 2) << target.name;
  }
}

}  // namespace
}  // namespace vitrine::fuzz
