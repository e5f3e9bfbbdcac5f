#include <atomic>
#include <future>
#include <stdexcept>
#include <thread>

#include <QCoreApplication>
#include <QSignalSpy>
#include <QTest>

#include "app/jobs/engine_client.h"
#include "app/jobs/gap_meter.h"
#include "app/jobs/lane_priority.h"
#include "engine/tensor/parallel.h"

using namespace vitrine;
using app::EngineClient;
using app::Lane;
using app::Priority;
using engine::Progress;
using engine::Result;

namespace {

/// Work that holds its lane until it is let go.
struct Gate {
  std::promise<void> open;
  std::shared_future<void> opened = open.get_future().share();
};

auto answer_into(std::vector<int>& out) {
  return [&out](Result<int> r) { out.push_back(r ? *r : -1); };
}

}  // namespace

class JobsTest : public QObject {
  Q_OBJECT
 private slots:
  void answers_arrive_on_this_thread();
  void a_newer_request_replaces_a_stale_one();
  void visible_goes_before_hidden();
  void the_slow_lane_gives_way();
  void three_lanes_go_in_their_order();
  void computing_stands_back_behind_drawing();
  void exceptions_become_sentences();
  void partial_answers_are_never_stale();
  void cancelled_requests_are_not_answered();
  void latencies_are_measured();
  void a_running_job_does_not_hold_up_the_end();
};

void JobsTest::answers_arrive_on_this_thread() {
  EngineClient client;
  std::thread::id worked, answered;
  client.submit("a", Priority::Visible, Lane::Prompt,
                [&](const Progress&, const EngineClient::Post&) -> Result<int> { worked = std::this_thread::get_id(); return 7; },
                [&](Result<int> r) { answered = std::this_thread::get_id(); QCOMPARE(*r, 7); });
  QTRY_COMPARE(client.pending(), 0);
  QCOMPARE(answered, std::this_thread::get_id());
  QVERIFY(worked != answered);
}

void JobsTest::a_newer_request_replaces_a_stale_one() {
  EngineClient client;
  std::vector<int> answers;
  std::atomic<bool> first_stopped = false, running = false;
  client.submit("same", Priority::Visible, Lane::Prompt,
                [&](const Progress& progress, const EngineClient::Post&) -> Result<int> {
                  running = true;
                  while (progress.step(0.5)) std::this_thread::yield();
                  first_stopped = true;
                  return 1;
                },
                answer_into(answers));
  QTRY_VERIFY(running);
  for (int i = 2; i <= 5; ++i)
    client.submit("same", Priority::Visible, Lane::Prompt,
                  [i](const Progress&, const EngineClient::Post&) -> Result<int> { return i; }, answer_into(answers));
  QTRY_COMPARE(client.pending(), 0);
  QCOMPARE(answers, std::vector<int>{5});
  QVERIFY(first_stopped);
}

void JobsTest::visible_goes_before_hidden() {
  EngineClient client;
  Gate gate;
  std::vector<int> order;
  client.submit("gate", Priority::State, Lane::Prompt,
                [f = gate.opened](const Progress&, const EngineClient::Post&) -> Result<int> { f.wait(); return 0; }, answer_into(order));
  const auto queue = [&](int value, Priority priority) {
    client.submit(QString::number(value), priority, Lane::Prompt,
                  [value](const Progress&, const EngineClient::Post&) -> Result<int> { return value; }, answer_into(order));
  };
  queue(1, Priority::Background);
  queue(2, Priority::Hidden);
  queue(3, Priority::Visible);
  queue(4, Priority::Visible);
  queue(5, Priority::State);
  gate.open.set_value();
  QTRY_COMPARE(client.pending(), 0);
  QCOMPARE(order, (std::vector<int>{0, 5, 3, 4, 2, 1}));
}

/// While a sweep runs, each prompt request finds it standing still.
void JobsTest::the_slow_lane_gives_way() {
  EngineClient client;
  std::atomic<int> steps = 0;
  std::atomic<bool> stop = false;
  client.submit("sweep", Priority::Visible, Lane::Slow,
                [&](const Progress& progress, const EngineClient::Post&) -> Result<int> {
                  while (!stop && progress.step(0.1)) ++steps;
                  return 0;
                },
                [](Result<int>) {});
  QTRY_VERIFY(steps > 100);
  for (int i = 0; i < 20; ++i) {
    int moved = -1;
    client.submit("prompt", Priority::Visible, Lane::Prompt,
                  [&](const Progress&, const EngineClient::Post&) -> Result<int> {
                    const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(5);
                    while (std::chrono::steady_clock::now() < until) {}
                    const int before = steps;
                    const auto then = std::chrono::steady_clock::now() + std::chrono::milliseconds(10);
                    while (std::chrono::steady_clock::now() < then) {}
                    return steps - before;
                  },
                  [&](Result<int> r) { moved = *r; });
    QTRY_VERIFY(moved >= 0);
    QVERIFY2(moved <= 1, qPrintable(QString::number(moved)));
  }
  const int before = steps;
  QTRY_VERIFY(steps > before + 100);
  stop = true;
  QTRY_COMPARE(client.pending(), 0);
}

/// A slow request does not wait for the end of a sweep.
void JobsTest::three_lanes_go_in_their_order() {
  EngineClient client;
  std::atomic<bool> sweeping = false, stop = false;
  std::vector<int> order;
  client.submit("sweep", Priority::Visible, Lane::Sweep,
                [&](const Progress& progress, const EngineClient::Post&) -> Result<int> {
                  while (!stop && progress.step(0.1)) sweeping = true;
                  return 2;
                },
                answer_into(order));
  QTRY_VERIFY(sweeping);
  client.submit("slow", Priority::Visible, Lane::Slow, [](const Progress&, const EngineClient::Post&) -> Result<int> { return 1; },
                answer_into(order));
  QTRY_COMPARE(order, std::vector<int>{1});
  stop = true;
  QTRY_COMPARE(order, (std::vector<int>{1, 2}));
}

void JobsTest::computing_stands_back_behind_drawing() {
#ifndef __linux__
  QSKIP("threads have no priority of their own here");
#endif
  const int own = app::standing_back();
  if (own >= 19) QSKIP("nothing is further back than this");
  EngineClient client;
  for (const Lane lane : {Lane::Prompt, Lane::Slow, Lane::Sweep, Lane::File}) {
    std::atomic<int> least = 100, helpers = 0;
    client.submit("priority", Priority::Visible, lane,
                  [&](const Progress&, const EngineClient::Post&) -> Result<int> {
                    const auto lane_thread = std::this_thread::get_id();
                    engine::parallel_for(64, 1, [&](std::int64_t, std::int64_t) {
                      const int here = app::standing_back();
                      for (int seen = least; here < seen && !least.compare_exchange_weak(seen, here);) {}
                      helpers += std::this_thread::get_id() != lane_thread;
                    });
                    return 0;
                  },
                  [](Result<int>) {});
    QTRY_COMPARE(client.pending(), 0);
    QVERIFY2(least > own, qPrintable(QString::number(least)));
    if (std::thread::hardware_concurrency() > 1) QVERIFY(helpers > 0);
  }
  QCOMPARE(app::standing_back(), own);
}

void JobsTest::exceptions_become_sentences() {
  EngineClient client;
  QString sentence;
  client.submit("throws", Priority::Visible, Lane::Prompt,
                [](const Progress&, const EngineClient::Post&) -> Result<int> { throw std::runtime_error("size mismatch"); },
                [&](Result<int> r) { sentence = QString::fromStdString(engine::sentence(r.error())); });
  QTRY_VERIFY(sentence.contains("size mismatch"));
  int next = 0;
  client.submit("after", Priority::Visible, Lane::Prompt, [](const Progress&, const EngineClient::Post&) -> Result<int> { return 3; },
                [&](Result<int> r) { next = *r; });
  QTRY_COMPARE(next, 3);
}

void JobsTest::partial_answers_are_never_stale() {
  EngineClient client;
  std::vector<int> seen;
  std::atomic<bool> posted = false;
  const auto job = [&](int value) {
    return [&, value](const Progress&, const EngineClient::Post& post) -> Result<int> {
      post([&seen, value] { seen.push_back(value); });
      posted = true;
      return value * 10;
    };
  };
  client.submit("p", Priority::Visible, Lane::Prompt, job(1), [&](Result<int> r) { seen.push_back(*r); });
  while (!posted) std::this_thread::yield();
  client.submit("p", Priority::Visible, Lane::Prompt, job(2), [&](Result<int> r) { seen.push_back(*r); });
  QTRY_COMPARE(client.pending(), 0);
  QCOMPARE(seen, (std::vector<int>{2, 20}));
}

void JobsTest::cancelled_requests_are_not_answered() {
  EngineClient client;
  std::vector<int> answers;
  Gate gate;
  for (const char* tag : {"A:x", "A:y", "B:z"})
    client.submit(tag, Priority::Visible, Lane::Prompt,
                  [f = gate.opened](const Progress&, const EngineClient::Post&) -> Result<int> { f.wait(); return 1; }, answer_into(answers));
  client.cancel_prefix("A:");
  QCOMPARE(client.pending(), 1);
  gate.open.set_value();
  QTRY_COMPARE(client.pending(), 0);
  QCOMPARE(answers.size(), std::size_t{1});
}

void JobsTest::latencies_are_measured() {
  EngineClient client;
  for (int i = 0; i < 5; ++i) {
    client.submit("t", Priority::Visible, Lane::Prompt,
                  [](const Progress&, const EngineClient::Post&) -> Result<int> {
                    const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(10);
                    while (std::chrono::steady_clock::now() < until) {}
                    return 1;
                  },
                  [](Result<int>) {});
    QTRY_COMPARE(client.pending(), 0);
  }
  const auto ring = client.latencies();
  QCOMPARE(ring.size(), std::size_t{5});
  for (const auto& latency : ring) {
    QVERIFY(latency.compute_ms >= 10);
    QVERIFY(latency.queue_ms >= 0 && latency.delivery_ms >= 0);
    QVERIFY(latency.total_ms() >= latency.compute_ms);
  }
}

void JobsTest::a_running_job_does_not_hold_up_the_end() {
  auto client = std::make_unique<EngineClient>();
  std::atomic<bool> running = false;
  client->submit("endless", Priority::Visible, Lane::Slow,
                 [&](const Progress& progress, const EngineClient::Post&) -> Result<int> {
                   running = true;
                   while (progress.step(0)) {}
                   return 0;
                 },
                 [](Result<int>) { QFAIL("answered after its client was gone"); });
  QTRY_VERIFY(running);
  client.reset();
  QCoreApplication::processEvents();
}

QTEST_MAIN(JobsTest)
#include "window_jobs_test.moc"
