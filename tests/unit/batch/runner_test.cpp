#include "engine/batch/runner.h"

#include <atomic>
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

#include "engine/batch/store.h"
#include "tests/unit/batch/fake_executor.h"

namespace vitrine::engine {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

class Batch : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(testing::TempDir()) /
              (std::string("vitrine_") + testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  Result<BatchSummary> run(const json& steps, int inputs, const BatchOptions& options = {}) {
    VITRINE_TRY(const Job job, test_job(folder_, steps, inputs));
    VITRINE_TRY(const Plan plan, test_plan(job));
    return run_batch(job, plan, [this]() -> Result<std::unique_ptr<JobExecutor>> {
      auto executor = std::make_unique<FakeExecutor>();
      executor->on_item = [this](const PlanItem&) {
        if (++items_ == cancel_at_) progress_.cancel();
      };
      return executor;
    }, options, progress_);
  }

  fs::path folder_;
  Progress progress_;
  std::atomic<int> items_{0};
  int cancel_at_ = -1;
};

const json kSteps = {{{"analyse", "card"}}, {{"analyse", "importance"}}};

TEST_F(Batch, RecordsEveryItemWithItsNumbersAndFiles) {
  auto summary = run(kSteps, 3);
  ASSERT_TRUE(summary) << summary.error().message;
  EXPECT_EQ(summary->total, 2 * (1 + 3));
  EXPECT_EQ(summary->done, summary->total);
  EXPECT_EQ(summary->exit_code(), 0);
  auto store = ResultsStore::open(summary->store);
  ASSERT_TRUE(store);
  EXPECT_EQ((*store)->metrics(summary->run, 1, 100)->size(), 13u);
  const auto artefacts = (*store)->artefacts(summary->run);
  ASSERT_EQ(artefacts->size(), 8u);
  for (const auto& artefact : *artefacts) EXPECT_TRUE(fs::exists(folder_ / "test.results" / artefact.path));
  EXPECT_TRUE(fs::exists(summary->page));
}

TEST_F(Batch, GivesTheSameNumbersWithFourWorkers) {
  auto one = run(kSteps, 20);
  BatchOptions options;
  options.workers = 4;
  auto four = run(kSteps, 20, options);
  ASSERT_TRUE(one && four);
  EXPECT_NE(one->run, four->run);
  auto store = ResultsStore::open(one->store);
  for (std::int64_t i = 0; i < one->total; ++i)
    EXPECT_EQ(*(*store)->metrics(one->run, i, 100), *(*store)->metrics(four->run, i, 100));
}

TEST_F(Batch, ListsFailedItemsAndGoesOn) {
  auto summary = run({{{"analyse", "broken"}}, {{"analyse", "throws"}}, {{"analyse", "importance"}}}, 2);
  ASSERT_TRUE(summary);
  EXPECT_EQ(summary->failed, 8);
  EXPECT_EQ(summary->done, 4);
  EXPECT_EQ(summary->exit_code(), 6);
  EXPECT_EQ(summary->failures[0].message, "expected attention, came none");
}

TEST_F(Batch, ChecksAssertionsAgainstTheirOwnModelAndInput) {
  auto summary = run({{{"analyse", "importance"}}, {{"assert", "importance[2.3] > 2.29"}},
                      {{"assert", "importance.accuracy == 0.5"}}, {{"assert", "max(importance) < 1"}}}, 2);
  ASSERT_TRUE(summary);
  EXPECT_EQ(summary->failed, 0);
  EXPECT_EQ(summary->assertions_failed, 4);
  EXPECT_EQ(summary->exit_code(), 5);
}

TEST_F(Batch, AnAssertionSeesWhatWasDoneOnceForTheModel) {
  auto summary = run({{{"analyse", "card"}}, {{"analyse", "importance"}}, {{"assert", "card.accuracy == 0.5"}}}, 2);
  ASSERT_TRUE(summary);
  EXPECT_EQ(summary->exit_code(), 0);
}

TEST_F(Batch, ContinuesACancelledRunWithoutRepeating) {
  cancel_at_ = 5;
  auto stopped = run(kSteps, 10);
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, ErrorCode::Cancelled);
  progress_ = Progress();
  cancel_at_ = -1;
  const int before = items_;
  BatchOptions options;
  options.resume = true;
  auto summary = run(kSteps, 10, options);
  ASSERT_TRUE(summary) << summary.error().message;
  EXPECT_EQ(summary->run, 1);
  EXPECT_EQ(summary->done, 22);
  EXPECT_EQ(summary->kept + (items_ - before), 22);
  EXPECT_GE(summary->kept, 4);
}

TEST_F(Batch, ResumingAnotherJobIsRefused) {
  ASSERT_TRUE(run(kSteps, 2));
  BatchOptions options;
  options.resume = true;
  auto other = run(kSteps, 3, options);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().message, "expected the job that this store was begun with, came another one");
}

TEST_F(Batch, RetriesFailedItemsOnlyWhenAsked) {
  const json steps = {{{"analyse", "broken"}}};
  ASSERT_TRUE(run(steps, 1));
  items_ = 0;
  BatchOptions options;
  options.resume = true;
  ASSERT_TRUE(run(steps, 1, options));
  EXPECT_EQ(items_, 0);
  options.retry_failed = true;
  auto summary = run(steps, 1, options);
  EXPECT_EQ(items_, 2);
  EXPECT_EQ(summary->failures.size(), 2u);
}

TEST_F(Batch, RefusesAStoreOfAnotherKind) {
  fs::create_directories(folder_ / "test.results");
  std::ofstream(folder_ / "test.results" / "results.sqlite") << std::string(4096, 'x');
  auto summary = run(kSteps, 1);
  ASSERT_FALSE(summary);
  EXPECT_EQ(summary.error().code, ErrorCode::FileFormat);
}

/// A store that is cut off, overwritten in places, or another program's is refused in one sentence and left as it is.
TEST_F(Batch, RefusesABrokenStoreInOneSentence) {
  ASSERT_TRUE(run(kSteps, 2));
  const auto path = folder_ / "test.results" / "results.sqlite";
  std::ifstream in(path, std::ios::binary);
  const std::string good((std::istreambuf_iterator<char>(in)), {});
  ASSERT_GT(good.size(), 8192U);
  const auto spoiled = [&](std::size_t from, std::size_t count, char with) {
    std::string bytes = good;
    std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(from), count, with);
    return bytes;
  };
  const std::pair<const char*, std::string> rows[] = {
      {"cut in the header", good.substr(0, 50)},   {"cut in a page", good.substr(0, 5000)},   {"header of another kind", spoiled(0, 16, 'x')},
      {"page size", spoiled(16, 2, '\x7f')},        {"first page", spoiled(100, 3900, '\xff')}, {"schema", spoiled(2000, 2000, '\0')},
      {"text", "{\"vitrine\": 1}"},                {"nul", std::string(8192, '\0')}};
  for (const auto& [name, bytes] : rows) {
    for (const auto& item : fs::directory_iterator(path.parent_path()))
      if (item.path() != path && item.path().filename().string().starts_with("results.sqlite")) fs::remove(item.path());
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
    const auto opened = ResultsStore::open(path);
    ASSERT_FALSE(opened) << name;
    EXPECT_EQ(exit_code(opened.error().code), 3) << name << ": " << sentence(opened.error());
    EXPECT_EQ(sentence(opened.error()).find('\n'), std::string::npos) << name;
    EXPECT_NE(sentence(opened.error()).find("results.sqlite"), std::string::npos) << name << ": " << sentence(opened.error());
  }
}

}  // namespace
}  // namespace vitrine::engine
