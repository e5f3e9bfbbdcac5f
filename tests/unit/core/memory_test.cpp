#include "engine/core/memory.h"

#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

namespace vitrine::engine {
namespace {

/// More than any machine maps.
constexpr std::size_t kTooMuch = std::size_t{1} << 62;

Result<std::size_t> reader_of(std::size_t bytes) {
#ifdef __SANITIZE_ADDRESS__  // which ends the program instead
  if (bytes == kTooMuch) return within_memory("a.bin", []() -> Result<std::size_t> { throw std::bad_alloc(); });
#endif
  return within_memory("a.bin", [&]() -> Result<std::size_t> { return std::vector<char>(bytes).size(); });
}

TEST(WithinMemory, ALackOfMemoryIsAnErrorThatNamesTheFile) {
  const auto result = reader_of(kTooMuch);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::FileLimit);
  EXPECT_EQ(sentence(result.error()), "a.bin: not enough memory to read it");
}

TEST(WithinMemory, ALengthThatNoVectorHasIsTheSame) {
  const auto result = reader_of(SIZE_MAX);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::FileLimit);
}

TEST(WithinMemory, TheNextReaderHasItsMemoryAgain) {
  ASSERT_FALSE(reader_of(kTooMuch));
  EXPECT_EQ(reader_of(1000).value(), 1000U);
  const auto asked = within_memory("a.bin", []() -> Result<int> {
    ask_memory();
    return 1;
  });
  EXPECT_TRUE(asked);
}

TEST(AskMemory, OutsideOfADoorNothingIsThrown) {
  ASSERT_FALSE(reader_of(kTooMuch));
  EXPECT_FALSE(memory_is_low());
  EXPECT_NO_THROW(ask_memory());
}

}  // namespace
}  // namespace vitrine::engine
