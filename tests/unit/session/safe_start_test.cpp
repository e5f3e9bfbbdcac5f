#include "app/session/safe_start.h"

#include <fstream>

#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace vitrine::app {
namespace {

namespace fs = std::filesystem;

class Crashes : public testing::Test {
 protected:
  void SetUp() override { folder_ = fs::path(testing::TempDir()) / ("vitrine_safe_" + std::to_string(::getpid())); }
  void TearDown() override { fs::remove_all(folder_); }
  /// Another process opens a file and ends: by a crash, at rest, or by leaving.
  void run(const std::string& file, char how) {
    const pid_t child = ::fork();
    if (child == 0) {
      {
        SafeStart safe(folder_);
        safe.begin(file);
        if (how == 'k') ::kill(::getpid(), SIGKILL);
        if (how == 'r') safe.rest();
      }
      ::_exit(0);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
  }
  std::set<std::string> held() { return SafeStart(folder_).held(); }
  fs::path folder_;
};

TEST_F(Crashes, TwoOnOneFileHoldIt) {
  run("/a.gguf", 'k');
  EXPECT_TRUE(held().empty());
  run("/b.gguf", 'k');
  EXPECT_TRUE(held().empty());
  run("/a.gguf", 'k');
  EXPECT_EQ(held(), std::set<std::string>{"/a.gguf"});
  EXPECT_EQ(held(), std::set<std::string>{"/a.gguf"}) << "looking does not count";
}

TEST_F(Crashes, LeavingIsNoneAndComingToRestForgetsThem) {
  run("/a.gguf", 'k');
  run("/a.gguf", 'q');
  EXPECT_TRUE(held().empty());
  run("/a.gguf", 'r');
  run("/a.gguf", 'k');
  EXPECT_TRUE(held().empty()) << "one since it last came to rest";
}

TEST_F(Crashes, AProgramThatStillRunsIsNone) {
  SafeStart other(folder_);
  other.begin("/a.gguf");
  EXPECT_TRUE(SafeStart(folder_).held().empty());
  EXPECT_TRUE(SafeStart(folder_).held().empty());
}

TEST_F(Crashes, StrangeFilesCountAsNothing) {
  fs::create_directories(folder_);
  for (const char* text : {"", "{", "[]", "3", "{\"/a\": 1e99, \"/b\": -4, \"/c\": \"2\", \"/d\": {}}", "\xff\xfe", "{\"/a\":18446744073709551615}"}) {
    std::ofstream(folder_ / "crashes.json") << text;
    std::ofstream(folder_ / "opening-1.json") << text;
    EXPECT_TRUE(held().empty()) << text;
  }
  std::ofstream(folder_ / "crashes.json") << std::string(100'000, '[');
  EXPECT_TRUE(held().empty());
  fs::create_symlink("/etc/passwd", folder_ / "opening-2.json");
  EXPECT_TRUE(held().empty());
  EXPECT_TRUE(SafeStart().held().empty());
}

}  // namespace
}  // namespace vitrine::app
