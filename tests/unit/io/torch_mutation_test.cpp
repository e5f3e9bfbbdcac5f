#include <random>

#include <gtest/gtest.h>

#include "engine/io/checkpoint.h"
#include "golden_files.h"

namespace vitrine::engine {
namespace {

namespace fs = std::filesystem;

constexpr int kMutationsOfEach = 120;

/// Bytes overwritten, cut out, doubled, or the end cut off.
std::string mutated(std::string bytes, std::mt19937& random) {
  const auto below = [&](std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random); };
  for (std::size_t change = 1 + below(3); change-- > 0 && bytes.size() > 8;) {
    const std::size_t at = below(bytes.size()), length = std::min(bytes.size() - at, 1 + below(16));
    switch (below(6)) {
      case 0: bytes[at] = static_cast<char>(below(256)); break;
      case 1: bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8))); break;
      case 2: bytes.replace(at, length, length, below(2) == 0 ? '\0' : '\xFF'); break;
      case 3: bytes.erase(at, length); break;
      case 4: bytes.insert(at, bytes.substr(at, length)); break;
      default: bytes.resize(at + 1); break;
    }
  }
  return bytes;
}

void mutate_all(const fs::path& folder, unsigned seed) {
  std::mt19937 random(seed);
  const test::TemporaryFolder work;
  int files = 0, opened = 0, refused = 0;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (!entry.is_regular_file() || entry.path().extension() == ".json" || entry.file_size() > 10'000) continue;
    const std::string original = test::read_text(entry.path());
    const fs::path copy = work.path() / entry.path().filename();
    ++files;
    for (int i = 0; i < kMutationsOfEach; ++i) {
      std::ofstream(copy, std::ios::binary | std::ios::trunc) << mutated(original, random);
      const auto checkpoint = open_checkpoint(copy);
      if (!checkpoint) {
        EXPECT_FALSE(checkpoint.error().message.empty());
        ++refused;
        continue;
      }
      ++opened;
      for (const TensorEntry& tensor : (*checkpoint)->tensors()) {
        if (tensor.numel() > 1'000'000) continue;
        const auto values = (*checkpoint)->read_f32(tensor);
        EXPECT_TRUE(values || !values.error().message.empty());
        if (values) {
          EXPECT_EQ(values->size(), static_cast<std::size_t>(tensor.numel()));
        }
      }
    }
  }
  std::printf("%d files, %d mutations opened, %d refused\n", files, opened, refused);
  EXPECT_GT(files, 2);
  EXPECT_GT(refused, 0);
}

TEST(MutatedFiles, TorchGivesValuesOrAnError) { mutate_all(test::golden_files() / "valid/torch", 20240611); }

TEST(MutatedFiles, NpyGivesValuesOrAnError) { mutate_all(test::golden_files() / "valid/npy", 7); }

}  // namespace
}  // namespace vitrine::engine
