#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <map>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/batch/runner.h"
#include "tests/unit/batch/fake_executor.h"

namespace vitrine::engine {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int kInputs = 60;
const json kSteps = {{{"analyse", "card"}},
                     {{"analyse", "importance"}},
                     {{"analyse", "broken"}},
                     {{"assert", "importance[1.1] > 1.5"}}};

/// Runs the job and tells of every item that is begun: its ordinal as one line into `pipe`.
int run_job(const fs::path& folder, bool resume, int pipe) {
  auto job = test_job(folder, kSteps, kInputs);
  auto plan = test_plan(*job);
  BatchOptions options;
  options.resume = resume;
  options.workers = 2;
  auto summary = run_batch(*job, *plan, [pipe]() -> Result<std::unique_ptr<JobExecutor>> {
    auto executor = std::make_unique<FakeExecutor>();
    executor->on_item = [pipe](const PlanItem& item) {
      const std::string line = std::to_string(item.ordinal) + "\n";
      if (pipe >= 0 && write(pipe, line.data(), line.size()) < 0) _exit(9);
    };
    return executor;
  }, options);
  return summary ? summary->exit_code() : 1;
}

/// Begins the job in a process of its own and kills it after `items` items and a little more.
/// @return ordinals that were begun, and the exit code (-1: killed)
std::pair<std::vector<std::int64_t>, int> run_and_kill(const fs::path& folder, int items, int delay) {
  std::array<int, 2> ends{};
  if (pipe(ends.data()) != 0) return {{}, -2};
  const pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    _exit(run_job(folder, true, ends[1]));
  }
  close(ends[1]);
  std::string text;
  std::array<char, 1> byte{};
  int lines = 0;
  while (read(ends[0], byte.data(), 1) == 1) {
    text += byte[0];
    if (byte[0] != '\n' || ++lines != items) continue;
    // The worker goes on meanwhile: the kill lands anywhere in computing, writing files or committing.
    volatile int spin = 0;
    for (int i = 0; i < delay; ++i) spin = spin + 1;
    kill(child, SIGKILL);
  }
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  std::vector<std::int64_t> begun;
  std::size_t at = 0;
  for (std::size_t end; (end = text.find('\n', at)) != std::string::npos; at = end + 1)
    begun.push_back(std::stoll(text.substr(at, end - at)));
  return {begun, WIFEXITED(status) ? WEXITSTATUS(status) : -1};
}

json everything(const fs::path& folder) {
  auto store = ResultsStore::open(folder / "test.results" / "results.sqlite");
  json all = json::object();
  const auto items = (*store)->items(1);
  const auto artefacts = (*store)->artefacts(1);
  const auto failures = (*store)->failures(1);
  for (const auto& item : *items) {
    json rows = json::array();
    const auto metrics = (*store)->metrics(1, item.ordinal, 1000);
    for (const auto& m : *metrics)
      rows.push_back({m.name, m.layer.value_or(-1), m.head.value_or(-1), m.position.value_or(-1), m.value});
    all["items"].push_back({item.ordinal, item.status, item.key, rows});
  }
  for (const auto& artefact : *artefacts) {
    std::ifstream file(folder / "test.results" / artefact.path, std::ios::binary);
    all["artefacts"].push_back({artefact.ordinal, artefact.path, std::string(std::istreambuf_iterator<char>(file), {})});
  }
  for (const auto& failure : *failures) all["failures"].push_back({failure.ordinal, failure.message});
  return all;
}

TEST(BatchKilled, TenTimesEndsWithTheResultsOfAnUnbrokenRun) {
  const fs::path base = fs::path(testing::TempDir()) / "vitrine_batch_killed";
  fs::remove_all(base);
  fs::create_directories(base / "whole");
  fs::create_directories(base / "broken");
  ASSERT_EQ(run_job(base / "whole", false, -1), 6);

  std::mt19937 random(20240611);
  std::map<std::int64_t, int> times;
  int kills = 0, code = -1;
  for (int attempt = 0; attempt < 10; ++attempt) {
    const int items = static_cast<int>(random() % 20) + 1;
    const int delay = static_cast<int>(random() % 2'000'000);
    auto [begun, result] = run_and_kill(base / "broken", items, delay);
    for (auto ordinal : begun) ++times[ordinal];
    code = result;
    if (code == -1) ++kills;
  }
  EXPECT_EQ(kills, 10);
  const auto before = times;
  auto [begun, last] = run_and_kill(base / "broken", -1, 0);
  for (auto ordinal : begun) ++times[ordinal];
  EXPECT_EQ(last, 6);
  EXPECT_EQ(everything(base / "broken"), everything(base / "whole"));
  // Each kill may cost at most the items in the hands of the two workers.
  int repeated = 0;
  for (const auto& [ordinal, count] : times) repeated += count - 1;
  EXPECT_LE(repeated, 10 * 2);
  EXPECT_FALSE(begun.empty()) << "the kills came too late to leave anything to resume";
  fs::remove_all(base);
}

/// Begins or resumes the job in a process of its own that the kernel ends in the very write by which any file would
/// grow beyond `bytes`.
/// @return whether it was ended so
bool run_until_a_file_has(const fs::path& folder, std::uintmax_t bytes) {
  const pid_t child = fork();
  if (child == 0) {
    const rlimit size{bytes, bytes}, none{0, 0};
    setrlimit(RLIMIT_CORE, &none);
    setrlimit(RLIMIT_FSIZE, &size);
    signal(SIGXFSZ, SIG_DFL);
    _exit(run_job(folder, true, -1));
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGXFSZ;
}

TEST(BatchKilled, InTheMiddleOfAWriteEndsWithTheResultsOfAnUnbrokenRun) {
  const fs::path base = fs::path(testing::TempDir()) / "vitrine_batch_cut";
  fs::remove_all(base);
  fs::create_directories(base / "whole");
  fs::create_directories(base / "broken");
  ASSERT_EQ(run_job(base / "whole", false, -1), 6);
  const fs::path log = base / "broken" / "test.results" / "results.sqlite-wal";
  std::mt19937 random(7);
  std::error_code none_yet;
  std::uintmax_t reached = 200'000;
  int kills = 0;
  for (int attempt = 0; attempt < 40; ++attempt) {
    const auto now = fs::file_size(log, none_yet);
    if (!none_yet) reached = std::max(reached, now);
    reached += random() % 30'000;
    if (run_until_a_file_has(base / "broken", reached)) ++kills;
  }
  EXPECT_GE(kills, 20);
  EXPECT_EQ(run_job(base / "broken", true, -1), 6);
  EXPECT_EQ(everything(base / "broken"), everything(base / "whole"));
  fs::remove_all(base);
}

}  // namespace
}  // namespace vitrine::engine
