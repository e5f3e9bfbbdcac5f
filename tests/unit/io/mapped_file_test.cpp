#include "engine/io/mapped_file.h"

#include <cerrno>
#include <csignal>
#include <fstream>
#include <thread>

#include <sys/mman.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "engine/io/safetensors.h"
#include "golden_files.h"
#include "tests/coverage/leave.h"

namespace vitrine::engine {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMegabyte = 1 << 20;

fs::path write_ones(const fs::path& folder, std::size_t bytes) {
  const fs::path path = folder / "ones";
  std::ofstream(path, std::ios::binary) << std::string(bytes, '\1');
  return path;
}

std::size_t count_ones(std::span<const std::byte> bytes) {
  return static_cast<std::size_t>(std::count(bytes.begin(), bytes.end(), std::byte{1}));
}

TEST(ShrunkenFile, ReadsAsZerosAndSaysFromWhichByte) {
  const test::TemporaryFolder folder;
  const fs::path path = write_ones(folder.path(), 8 * kMegabyte);
  const auto file = MappedFile::open(path);
  ASSERT_TRUE(file);
  EXPECT_TRUE((*file)->check_whole());
  fs::resize_file(path, 3 * kMegabyte + 100);
  EXPECT_EQ(count_ones((*file)->bytes()), 3 * kMegabyte + 100);
  const auto whole = (*file)->check_whole();
  ASSERT_FALSE(whole);
  EXPECT_EQ(whole.error().code, ErrorCode::FileFormat);
  EXPECT_EQ(sentence(whole.error()), path.string() + ": the file became shorter while it was read (byte 3149824)");
  EXPECT_FALSE((*file)->range(0, 10)) << "what is asked for later is refused before it is read";
}

TEST(ShrunkenFile, CanBeReadByManyThreadsAtOnce) {
  const test::TemporaryFolder folder;
  const fs::path path = write_ones(folder.path(), 8 * kMegabyte);
  const auto file = MappedFile::open(path);
  ASSERT_TRUE(file);
  fs::resize_file(path, 0);
  std::vector<std::jthread> threads;
  for (int i = 0; i < 8; ++i) threads.emplace_back([&] { EXPECT_EQ(count_ones((*file)->bytes()), 0U); });
  threads.clear();
  EXPECT_EQ((*file)->check_whole().error().offset, 0U);
}

TEST(ShrunkenFile, DoesNotTouchItsNeighbour) {
  const test::TemporaryFolder folder;
  const fs::path path = write_ones(folder.path(), 2 * kMegabyte), other = folder.path() / "other";
  fs::copy_file(path, other);
  const auto file = MappedFile::open(path), neighbour = MappedFile::open(other);
  ASSERT_TRUE(file && neighbour);
  fs::resize_file(path, kMegabyte);
  EXPECT_EQ(count_ones((*file)->bytes()), kMegabyte);
  EXPECT_EQ(count_ones((*neighbour)->bytes()), 2 * kMegabyte);
  EXPECT_TRUE((*neighbour)->check_whole());
}

TEST(ShrunkenFile, ReadingATensorOfItIsRefused) {
  const test::TemporaryFolder folder;
  const fs::path path = folder.path() / "large.safetensors";
  const std::vector<float> values(2'000'000, 1.5F);
  ASSERT_TRUE(write_safetensors(path, {{"w", {2, 1'000'000}, values}}));
  const auto opened = open_checkpoint(path);
  ASSERT_TRUE(opened);
  const TensorEntry* entry = (*opened)->find("w");
  std::vector<float> out(2'000'000);
  // The file shrinks between the question about its size and the reading: as it would under another program's hands.
  const auto stored = (*opened)->bytes(*entry);
  ASSERT_TRUE(stored);
  fs::resize_file(path, kMegabyte);
  EXPECT_EQ(std::to_integer<int>(stored->back()), 0);
  fs::resize_file(path, 8'000'200);
  const auto read = (*opened)->read_f32_into(*entry, out);
  ASSERT_FALSE(read);
  EXPECT_NE(read.error().message.find("became shorter while it was read"), std::string::npos);
  EXPECT_TRUE(read.error().offset.has_value());
}

TEST(ShrunkenFileDeathTest, FaultsOfOthersEndTheProcessAsBefore) {
  const test::TemporaryFolder folder;
  const fs::path path = write_ones(folder.path(), 2 * kMegabyte);
  const auto file = MappedFile::open(path);   // the handler is in place
  ASSERT_TRUE(file);
  void* foreign = ::mmap(nullptr, 2 * kMegabyte, PROT_READ, MAP_PRIVATE, (*file)->descriptor(), 0);
  ASSERT_NE(foreign, MAP_FAILED);
  fs::resize_file(path, 0);
  EXPECT_EXIT((void)*static_cast<volatile char*>(foreign), testing::KilledBySignal(SIGBUS), "");
  ::munmap(foreign, 2 * kMegabyte);
}

constexpr std::size_t kForeign = 2 * kMegabyte;
void* foreign_map = nullptr;

/// Puts a handler in place before ours, then reads what a file that shrank has no more, of a mapping that is not ours.
/// Ends the process with 0 if the reading went on with `errno` as it was.
[[noreturn]] void fault_behind(const struct sigaction& theirs) {
  ::sigaction(SIGBUS, &theirs, nullptr);
  const test::TemporaryFolder folder;
  const fs::path path = write_ones(folder.path(), kForeign);
  const auto file = MappedFile::open(path);
  foreign_map = ::mmap(nullptr, kForeign, PROT_READ, MAP_PRIVATE, (*file)->descriptor(), 0);
  fs::resize_file(path, 0);
  errno = EDOM;
  (void)*static_cast<volatile char*>(foreign_map);
  test::leave(errno == EDOM ? 0 : 1);
}

void put_zeros_there() {
  ::mmap(foreign_map, kForeign, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  errno = ERANGE;
}

/// In a process of their own from the start: the handler is installed once.
class BusErrorDeathTest : public testing::Test {
 protected:
  BusErrorDeathTest() { testing::FLAGS_gtest_death_test_style = "threadsafe"; }
};

TEST_F(BusErrorDeathTest, FaultsOfOthersGoToTheHandlerThatWasThereBefore) {
  struct sigaction theirs {};
  theirs.sa_handler = [](int) { test::leave(7); };
  EXPECT_EXIT(fault_behind(theirs), testing::ExitedWithCode(7), "");
  theirs.sa_handler = [](int) { put_zeros_there(); };
  EXPECT_EXIT(fault_behind(theirs), testing::ExitedWithCode(0), "");
}

TEST_F(BusErrorDeathTest, AHandlerThatWantsToKnowIsToldWhereItWas) {
  struct sigaction theirs {};
  theirs.sa_flags = SA_SIGINFO;
  theirs.sa_sigaction = [](int signal, siginfo_t* info, void*) {
    if (signal != SIGBUS || info->si_addr != foreign_map) test::leave(9);
    put_zeros_there();
  };
  EXPECT_EXIT(fault_behind(theirs), testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace vitrine::engine
