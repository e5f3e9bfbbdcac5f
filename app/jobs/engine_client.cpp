#include "app/jobs/engine_client.h"


#include <QMetaObject>

namespace vitrine::app {

namespace {

double milliseconds(std::chrono::steady_clock::duration d) {
  return std::chrono::duration<double, std::milli>(d).count();
}

/// Lets one call through per interval. Used by one thread.
class Throttle {
 public:
  bool pass() {
    const auto now = std::chrono::steady_clock::now();
    if (now - last_ < EngineClient::kPartialEvery) return false;
    last_ = now;
    return true;
  }

 private:
  std::chrono::steady_clock::time_point last_{};
};

}  // namespace

EngineClient::EngineClient(QObject* parent) : QObject(parent), queue_(std::make_unique<JobQueue>()) {}

EngineClient::~EngineClient() { queue_.reset(); }

bool EngineClient::current(const QString& tag, std::uint64_t serial) const {
  auto it = open_.find(tag);
  return it != open_.end() && it->second == serial;
}

void EngineClient::submit_job(const QString& tag, Priority priority, Lane lane, Inner work,
                              std::function<void(const QString& thrown)> answer, double expected_ms) {
  const std::uint64_t serial = next_serial_++;
  open_[tag] = serial;
  const auto to_ui = [this](std::function<void()> call) {
    QMetaObject::invokeMethod(this, std::move(call), Qt::QueuedConnection);
  };
  auto partials = std::make_shared<Throttle>();
  const Post post = [this, to_ui, partials, tag, serial](std::function<void()> call) {
    if (!partials->pass()) return;
    to_ui([this, tag, serial, call = std::move(call)] {
      if (current(tag, serial)) call();
    });
  };
  auto steps = std::make_shared<Throttle>();
  Job job;
  job.tag = tag.toStdString();
  job.priority = priority;
  job.lane = lane;
  job.expected_ms = expected_ms;
  job.work = [work = std::move(work), post](const engine::Progress& progress) { work(progress, post); };
  job.listener = [this, to_ui, steps, tag, serial](double fraction, std::string_view what) {
    if (!steps->pass()) return;
    const QString text = QString::fromUtf8(what.data(), static_cast<qsizetype>(what.size()));
    to_ui([this, tag, serial, fraction, text] {
      if (current(tag, serial)) emit progress(tag, fraction, text);
    });
  };
  job.done = [this, to_ui, tag, serial, answer = std::move(answer)](const JobTimes& times, const std::string& thrown) {
    to_ui([this, tag, serial, times, answer, thrown = QString::fromStdString(thrown)] {
      if (!current(tag, serial)) return;
      open_.erase(tag);
      answer(thrown);
      record({tag, milliseconds(times.started - times.submitted), milliseconds(times.finished - times.started),
              milliseconds(std::chrono::steady_clock::now() - times.finished)});
      emit pending_changed();
    });
  };
  queue_->submit(std::move(job));
  emit pending_changed();
}

void EngineClient::cancel(const QString& tag) {
  queue_->cancel(tag.toStdString());
  if (open_.erase(tag) > 0) emit pending_changed();
}

void EngineClient::cancel_prefix(const QString& prefix) {
  queue_->cancel_prefix(prefix.toStdString());
  const auto erased = std::erase_if(open_, [&](const auto& entry) { return entry.first.startsWith(prefix); });
  if (erased > 0) emit pending_changed();
}

std::vector<QString> EngineClient::pending_tags() const {
  std::vector<QString> tags;
  for (const auto& [tag, serial] : open_) tags.push_back(tag);
  return tags;
}

void EngineClient::record(Latency latency) {
  emit answered(latency);
  if (ring_.size() < kRing) {
    ring_.push_back(std::move(latency));
    return;
  }
  ring_[ring_next_] = std::move(latency);
  ring_next_ = (ring_next_ + 1) % kRing;
}

std::vector<Latency> EngineClient::latencies() const {
  std::vector<Latency> out(ring_.begin() + static_cast<std::ptrdiff_t>(ring_next_), ring_.end());
  out.insert(out.end(), ring_.begin(), ring_.begin() + static_cast<std::ptrdiff_t>(ring_next_));
  return out;
}

}  // namespace vitrine::app
