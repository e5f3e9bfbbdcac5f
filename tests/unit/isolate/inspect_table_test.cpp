#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <regex>

#include <fcntl.h>
#include <spawn.h>

#include "engine/isolate/child_process.h"
#include "tests/unit/io/bad_rows.h"

extern char** environ;

namespace vitrine::test {
namespace {

using nlohmann::json;

/// How `vitrine inspect FILE` went.
struct Outcome {
  int code = -1, signal = 0;
  std::string said;             ///< standard error
  double cpu_seconds = 0, wall_seconds = 0;
  std::uint64_t peak_bytes = 0;   ///< of the program or its reader, whichever is more
};

/// Runs it as a user would, in the folder `where`.
Outcome inspect(const fs::path& file, const fs::path& where) {
  const fs::path said = where.parent_path() / "said";
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addchdir_np(&actions, where.c_str());
  ::posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  ::posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, said.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  std::string program = VITRINE_BINARY_DIR "/bin/vitrine", command = "inspect", name = file.string();
  std::array<char*, 4> words{program.data(), command.data(), name.data(), nullptr};
  const auto begin = std::chrono::steady_clock::now();
  pid_t child = 0;
  Outcome run;
  const int problem = ::posix_spawn(&child, program.c_str(), &actions, nullptr, words.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (problem != 0) return run;
  int status = 0;
  rusage used{};
  ::wait4(child, &status, 0, &used);
  run.wall_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  run.cpu_seconds = static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                    static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
  run.peak_bytes = static_cast<std::uint64_t>(used.ru_maxrss) * 1024;
  if (WIFSIGNALED(status)) run.signal = WTERMSIG(status);
  else run.code = WEXITSTATUS(status);
  run.said = read_text(said);
  return run;
}

void judge(const json& row) {
  const fs::path source = golden_files() / "bad" / row.at("file").get<std::string>();
  SCOPED_TRACE(row["file"].get<std::string>() + ": " + row.at("what_is_wrong").get<std::string>());
  const TemporaryFolder work;
  const fs::path copy = copy_of_row(row.at("format"), source, work.path()), empty = work.path() / "empty";
  fs::create_directory(empty);
  for (const json& step : row.value("setup", json::array())) carry_out(step, copy);
  const auto before = names_below(copy);
  const Outcome run = inspect(copy / source.filename(), empty);
  EXPECT_EQ(run.signal, 0) << "the program died";
  EXPECT_EQ(names_below(copy), before) << "something was created beside the file";
  EXPECT_TRUE(fs::is_empty(empty)) << "something was created in the current folder";
  if (!engine::isolate::kSanitized) {
    EXPECT_LT(run.cpu_seconds, 2.0);
    EXPECT_LE(run.peak_bytes, fs::file_size(source) + (256ULL << 20));
  }
  if (row.at("expect") == "refuse") {
    EXPECT_EQ(run.code, 3) << "said: " << run.said;
  } else {
    EXPECT_TRUE(run.code == 3 || run.code == 0) << run.code;
  }
  for (const json& pattern : row.at("must_mention")) {
    const std::regex wanted(pattern.get<std::string>(), std::regex::icase);
    EXPECT_TRUE(std::regex_search(run.said, wanted)) << "code " << run.code << ", said: " << run.said << "\nshould mention " << pattern;
  }
}

constexpr int kShards = 16;
/// The whole table where the reference files lie beside the checkout; of those that travel with it every third row
/// that is like another, since each is a process (all of them are run in one process by test_io).
bool is_run(std::size_t number) {
  const bool whole = golden_files() != fs::path(VITRINE_SOURCE_DIR "/tests/golden/files");
  return whole || number % 5 == 0;
}

class InspectTable : public testing::TestWithParam<int> {};

TEST_P(InspectTable, RefusesEachFileOrWarnsAboutIt) {
  const auto rows = index_rows();
  int run = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (static_cast<int>(i % kShards) != GetParam() || !is_run(i / kShards)) continue;
    judge(rows[i]);
    ++run;
  }
  EXPECT_GT(run, 3);
  std::printf("%d rows\n", run);
}

INSTANTIATE_TEST_SUITE_P(Shards, InspectTable, testing::Range(0, kShards));

TEST(InspectTableControl, OpensTheGoodFilesThatTheBadOnesDifferFrom) {
  const TemporaryFolder work;
  const fs::path empty = work.path() / "empty";
  fs::create_directory(empty);
  int opened = 0;
  for (const auto& entry : fs::directory_iterator(golden_files() / "valid/control")) {
    const fs::path file = entry.is_directory() ? entry.path() / "manifest.json" : entry.path();
    const Outcome run = inspect(file, empty);
    EXPECT_EQ(run.code, 0) << file << ": " << run.said;
    ++opened;
  }
  EXPECT_TRUE(fs::is_empty(empty));
  EXPECT_GT(opened, 10);
}

}  // namespace
}  // namespace vitrine::test
