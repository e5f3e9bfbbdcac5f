#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include <QObject>
#include <QString>

#include "app/jobs/job_queue.h"
#include "engine/core/error.h"

namespace vitrine::app {

/// How long one request took, in milliseconds.
struct Latency {
  QString tag;
  double queue_ms = 0;       ///< from asking to the start of the computation
  double compute_ms = 0;
  double delivery_ms = 0;    ///< from the end of the computation until the answer was handled on the UI thread
  [[nodiscard]] double total_ms() const { return queue_ms + compute_ms + delivery_ms; }
};

/// The UI thread's side of the job queue: answers, growing answers and progress arrive as calls on the thread that
/// this object lives in, never after a newer request with the same tag. One thread calls it.
class EngineClient : public QObject {
  Q_OBJECT
 public:
  static constexpr std::size_t kRing = 1024;

  /// Hands a piece of work to the UI thread while the job runs; dropped if the job is stale by then.
  /// At most one per `kPartialEvery` is delivered.
  using Post = std::function<void(std::function<void()>)>;
  static constexpr std::chrono::milliseconds kPartialEvery{40};

  explicit EngineClient(QObject* parent = nullptr);
  ~EngineClient() override;

  /// @param work   on a lane's thread: Result<T>(const Progress&, const Post&)
  /// @param expected_ms what it took the last time; 0: unknown
  /// @param answer on this thread, once, with the result or the error; not called for stale or cancelled requests
  template <class Work, class Answer>
  void submit(const QString& tag, Priority priority, Lane lane, Work work, Answer answer, double expected_ms = 0) {
    using R = std::invoke_result_t<Work, const engine::Progress&, const Post&>;
    auto result = std::make_shared<std::optional<R>>();
    submit_job(
        tag, priority, lane,
        [result, work = std::move(work)](const engine::Progress& progress, const Post& post) {
          result->emplace(work(progress, post));
        },
        [result, answer = std::move(answer)](const QString& thrown) {
          if (!thrown.isEmpty() || !result->has_value())
            answer(R(engine::fail(engine::ErrorCode::Internal,
                                  "the computation ended with a defect: " + thrown.toStdString())));
          else
            answer(std::move(**result));
        },
        expected_ms);
  }

  void cancel(const QString& tag);
  void cancel_prefix(const QString& prefix);
  /// Requests that were neither answered nor cancelled.
  [[nodiscard]] int pending() const { return static_cast<int>(open_.size()); }
  [[nodiscard]] bool pending(const QString& tag) const { return open_.count(tag) > 0; }
  [[nodiscard]] std::vector<QString> pending_tags() const;
  /// The last `kRing` answered requests, oldest first.
  [[nodiscard]] std::vector<Latency> latencies() const;

 signals:
  void progress(const QString& tag, double fraction, const QString& what);
  void answered(const vitrine::app::Latency& latency);
  void pending_changed();

 private:
  using Inner = std::function<void(const engine::Progress&, const Post&)>;
  void submit_job(const QString& tag, Priority priority, Lane lane, Inner work,
                  std::function<void(const QString& thrown)> answer, double expected_ms);
  [[nodiscard]] bool current(const QString& tag, std::uint64_t serial) const;
  void record(Latency latency);

  std::map<QString, std::uint64_t> open_;   ///< tag -> serial of the request that counts
  std::uint64_t next_serial_ = 1;
  std::vector<Latency> ring_;
  std::size_t ring_next_ = 0;
  std::unique_ptr<JobQueue> queue_;         ///< last: its threads stop before anything else goes
};

}  // namespace vitrine::app
