#include "engine/batch/runner.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

#include <fmt/format.h>

#include "engine/batch/page.h"
#include "engine/io/json.h"

namespace vitrine::engine {

namespace fs = std::filesystem;

namespace {

/// Keeps two processes out of one results folder; the kernel lets go when the process ends, however it ends.
class FolderLock {
 public:
  static Result<FolderLock> take(const fs::path& folder) {
    FolderLock lock;
    lock.handle_ = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (lock.handle_ < 0)
      return fail_file(ErrorCode::FileMissing, folder.string(), "expected a folder that can be read");
    if (flock(lock.handle_, LOCK_EX | LOCK_NB) != 0)
      return fail_file(ErrorCode::Usage, folder.string(), "expected no other job in this folder, came a running one");
    return lock;
  }
  FolderLock(FolderLock&& other) noexcept : handle_(std::exchange(other.handle_, -1)) {}
  FolderLock& operator=(FolderLock&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~FolderLock() {
    if (handle_ >= 0) ::close(handle_);
  }

 private:
  FolderLock() = default;
  int handle_ = -1;
};

/// What the workers of one run share.
struct Work {
  const Job& job;
  const Plan& plan;
  ResultsStore& store;
  std::int64_t run;
  const Progress& progress;
  std::vector<bool> settled;                 ///< by ordinal: recorded before this call
  std::vector<std::pair<std::size_t, std::size_t>> groups;  ///< [begin, end) of the items of each group
  std::atomic<std::size_t> next{0};
  std::atomic<std::int64_t> finished{0};
  std::mutex mutex;
  std::optional<Error> stopped;              ///< first reason to stop the whole run

  void stop(Error error) {
    std::lock_guard lock(mutex);
    if (!stopped) stopped = std::move(error);
  }
  [[nodiscard]] bool stopping() {
    std::lock_guard lock(mutex);
    return stopped.has_value() || progress.cancelled();
  }
  Status tell(const std::string& what) {
    std::lock_guard lock(mutex);
    const double total = std::max<double>(1.0, static_cast<double>(plan.items.size()));
    return progress.step(static_cast<double>(finished.load()) / total, what);
  }
};

Result<std::vector<StoredArtefact>> write_artefacts(const Work& work, const PlanItem& item,
                                                    const ItemOutcome& outcome) {
  std::vector<StoredArtefact> stored;
  for (const NewArtefact& artefact : outcome.artefacts) {
    std::string place = artefact.place;
    if (place.empty()) {
      place = fmt::format("artefacts/{}/{:06}_{}", work.run, item.ordinal, artefact.name);
      VITRINE_CHECK(write_file_atomically(work.job.out / place, artefact.bytes));
    }
    stored.push_back({item.ordinal, artefact.name, artefact.kind, place});
  }
  return stored;
}

Result<ItemOutcome> check_item(Work& work, const PlanItem& item) {
  VITRINE_TRY(const Assertion assertion, parse_assertion(item.step.check));
  VITRINE_TRY(const std::string sentence, check_assertion(assertion, [&](const MetricRef& ref) {
                return work.store.lookup(work.run, item, ref);
              }));
  ItemOutcome outcome;
  outcome.verified.how = sentence;
  outcome.verified.ok = true;
  return outcome;
}

Result<ItemOutcome> do_item(Work& work, const PlanItem& item, JobExecutor& executor) {
  if (item.step.kind == StepKind::Assert) return check_item(work, item);
  // A worker is one of the doors where exceptions end.
  try {
    return executor.run(item, work.job.out, work.progress);
  } catch (const std::bad_alloc&) {
    return fail(ErrorCode::DoesNotFit, "memory ran out");
  } catch (const std::exception& defect) {
    return fail(ErrorCode::Internal, fmt::format("defect: {}", defect.what()));
  }
}

/// @error only what must stop the whole run
Status settle_item(Work& work, const PlanItem& item, JobExecutor& executor) {
  VITRINE_CHECK(work.tell(fmt::format("{} {}", item.step.id, item.input_name)));
  auto outcome = do_item(work, item, executor);
  if (outcome) {
    if (auto files = write_artefacts(work, item, *outcome); files) {
      VITRINE_CHECK(work.store.record(work.run, item, *outcome, *files));
      ++work.finished;
      return work.tell(item.step.id);
    } else {
      outcome = tl::unexpected(std::move(files.error()));
    }
  }
  if (outcome.error().code == ErrorCode::Cancelled) return tl::unexpected(std::move(outcome.error()));
  VITRINE_CHECK(work.store.record_failure(work.run, item, outcome.error()));
  ++work.finished;
  return work.tell(item.step.id);
}

void work_on_groups(Work& work, const std::vector<std::size_t>& order, const ExecutorFactory& executors) {
  std::unique_ptr<JobExecutor> executor;
  while (!work.stopping()) {
    const std::size_t turn = work.next.fetch_add(1);
    if (turn >= order.size()) return;
    const auto [begin, end] = work.groups[order[turn]];
    for (std::size_t i = begin; i < end; ++i) {
      if (work.settled[i]) continue;
      if (!executor) {
        auto made = executors();
        if (!made) return work.stop(std::move(made.error()));
        executor = std::move(*made);
      }
      if (auto status = settle_item(work, work.plan.items[i], *executor); !status)
        return work.stop(std::move(status.error()));
      if (work.stopping()) return;
    }
  }
}

void run_groups(Work& work, const std::vector<std::size_t>& order, const ExecutorFactory& executors, int workers) {
  work.next = 0;
  const auto count = std::min<std::size_t>(static_cast<std::size_t>(std::max(1, workers)), order.size());
  std::vector<std::thread> threads;
  for (std::size_t i = 1; i < count; ++i) threads.emplace_back([&] { work_on_groups(work, order, executors); });
  work_on_groups(work, order, executors);
  for (auto& thread : threads) thread.join();
}

Status run_all(Work& work, const ExecutorFactory& executors, int workers) {
  // What is done once for a model comes first, because assertions about an input may speak of it.
  std::vector<std::size_t> of_models, of_inputs;
  for (std::size_t i = 0; i < work.plan.items.size(); ++i) {
    const PlanItem& item = work.plan.items[i];
    if (work.groups.size() <= static_cast<std::size_t>(item.group)) {
      work.groups.emplace_back(i, i);
      (item.input ? of_inputs : of_models).push_back(work.groups.size() - 1);
    }
    work.groups.back().second = i + 1;
  }
  run_groups(work, of_models, executors, workers);
  run_groups(work, of_inputs, executors, workers);
  if (work.stopped) return tl::unexpected(*work.stopped);
  return work.progress.step(1, "done");
}

Result<std::int64_t> choose_run(ResultsStore& store, const Job& job, const Plan& plan, const BatchOptions& options) {
  std::int64_t run = 0;
  if (options.resume) {
    VITRINE_TRY(run, store.find_run(job, plan));
    if (run > 0 && options.retry_failed) VITRINE_CHECK(store.forget_failures(run));
  }
  if (run == 0) {
    VITRINE_TRY(run, store.begin_run(job, plan, options.workers));
  }
  return run;
}

Status summarise(ResultsStore& store, BatchSummary& summary) {
  VITRINE_TRY(const auto items, store.items(summary.run));
  for (const StoredItem& item : items)
    if (item.status == "done") ++summary.done;
  VITRINE_TRY(summary.failures, store.failures(summary.run));
  for (const StoredFailure& failure : summary.failures)
    ++(failure.code == code_name(ErrorCode::AssertionFailed) ? summary.assertions_failed : summary.failed);
  return {};
}

}  // namespace

int BatchSummary::exit_code() const {
  if (failed > 0) return 6;
  return assertions_failed > 0 ? engine::exit_code(ErrorCode::AssertionFailed) : 0;
}

Result<BatchSummary> run_batch(const Job& job, const Plan& plan, const ExecutorFactory& executors,
                               const BatchOptions& options, const Progress& progress) {
  std::error_code failed;
  fs::create_directories(job.out, failed);
  if (failed)
    return fail_file(ErrorCode::FileMissing, job.out.string(),
                     "expected a folder that can be written, came: " + failed.message());
  VITRINE_TRY(const FolderLock lock, FolderLock::take(job.out));
  BatchSummary summary;
  summary.store = job.out / "results.sqlite";
  summary.page = job.out / "report.html";
  summary.total = static_cast<std::int64_t>(plan.items.size());
  VITRINE_TRY(const auto store, ResultsStore::open(summary.store));
  VITRINE_TRY(summary.run, choose_run(*store, job, plan, options));
  fs::create_directories(job.out / "artefacts" / std::to_string(summary.run), failed);
  Work work{job, plan, *store, summary.run, progress, std::vector<bool>(plan.items.size()), {}, {}, {}, {}, {}};
  VITRINE_TRY(const auto before, store->items(summary.run));
  for (const StoredItem& item : before) {
    if (item.status == "planned") continue;
    work.settled[static_cast<std::size_t>(item.ordinal)] = true;
    ++summary.kept;
  }
  work.finished = summary.kept;
  VITRINE_CHECK(run_all(work, executors, options.workers));
  VITRINE_CHECK(summarise(*store, summary));
  VITRINE_TRY(const std::string page, report_page(*store, summary, job, plan));
  VITRINE_CHECK(write_file_atomically(summary.page, page));
  VITRINE_CHECK(store->end_run(summary.run, summary.exit_code() == 0 ? "done" : "done with failures"));
  return summary;
}

}  // namespace vitrine::engine
