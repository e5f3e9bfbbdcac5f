// libtiff does not survive an allocation that fails. The program reads pictures in a process of their own: there each
// allocation on the way to a picture is made to fail, and what the program has of it is a sentence.
#include <filesystem>

#include <gtest/gtest.h>

#include "engine/isolate/reader.h"
#include "engine/isolate/readers.h"
#include "tests/unit/io/golden_files.h"

namespace vitrine::engine {
namespace {

namespace fs = std::filesystem;

class LackingMemory : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override { isolate::use_reader({VITRINE_BINARY_DIR "/bin/fake-reader", std::chrono::seconds(30)}); }
  void TearDown() override { isolate::use_no_reader(); }
  test::TemporaryFolder folder_;
};

TEST_P(LackingMemory, AnyAllocationThatFailsIsAnError) {
  if (isolate::kSanitized) GTEST_SKIP() << "the sanitizer's own allocator stands before the one that fails";
  const fs::path sound = fs::path(VITRINE_SOURCE_DIR) / "tests/fuzz/seeds/tiff" / GetParam();
  const auto whole = decode_image(sound);
  ASSERT_TRUE(whole) << sentence(whole.error());
  constexpr std::size_t kMost = 5000;
  std::size_t at = 0, ended = 0, refused = 0;
  for (bool all_found = false; !all_found; ++at) {
    ASSERT_LT(at, kMost) << "allocations without end";
    const fs::path path = folder_.path() / ("lacks_" + std::to_string(at) + ".tif");
    fs::copy_file(sound, path);
    const auto picture = isolate::decode_image(path);
    fs::remove(path);
    if (picture) {
      EXPECT_EQ(picture->pixels, whole->pixels) << "allocation " << at << ": what was read is not what the file says";
      continue;
    }
    all_found = picture.error().message == "every allocation found memory";
    EXPECT_EQ(picture.error().file, path.string());
    EXPECT_FALSE(picture.error().message.empty());
    EXPECT_EQ(picture.error().message.find('\n'), std::string::npos);
    (picture.error().message.find("ended by signal") != std::string::npos ? ended : refused) += all_found ? 0 : 1;
  }
  // The others are allocations of C++, which find the memory kept in reserve.
  EXPECT_GT(refused, at / 3) << "of " << at << " allocations";
  EXPECT_LE(ended, 1U) << "libtiff 4.5 is known to follow one null pointer";
  RecordProperty("allocations", static_cast<int>(at - 1));
  RecordProperty("ended by a signal", static_cast<int>(ended));
}

INSTANTIATE_TEST_SUITE_P(Pictures, LackingMemory, testing::Values("bilevel.tif", "deflate.tif", "grey.tif", "grey16.tif", "packbits.tif", "rgb_be.tif"),
                         [](const auto& info) { return fs::path(info.param).stem().string(); });

}  // namespace
}  // namespace vitrine::engine
