// Files whose reader misbehaves, dropped on the real window while a model is open: each costs its own request and nothing
// else. How long the window stood still is told, and held to its limit on a machine that does nothing else.
#include <algorithm>
#include <filesystem>
#include <fstream>

#include <QDir>
#include <QTemporaryDir>

#include "app/jobs/gap_meter.h"
#include "app/window/banner.h"
#include "engine/io/safetensors.h"
#include "engine/isolate/reader.h"
#include "real_window.h"

using namespace vitrine;
using test::RealWindow;

class WindowIsolationTest : public QObject {
  Q_OBJECT
 private slots:
  void initTestCase();
  void init();
  void a_reader_that_misbehaves_costs_only_its_own_file_data();
  void a_reader_that_misbehaves_costs_only_its_own_file();
  void a_large_file_is_read_by_its_reader_alone();
  void others_are_answered_while_a_reader_hangs();
  void a_good_model_opens_after_bad_ones();
  void cleanupTestCase();

 private:
  QString open_and_wait(const QString& path);
  std::shared_ptr<const engine::Report> ask_predictions();

  QTemporaryDir folder_;
  std::unique_ptr<RealWindow> window_;
  std::vector<double> all_gaps_;
};

namespace {

constexpr double kStill = 50;            // ms
constexpr int kPatience = 600;           // ms
constexpr int kDeadline = 20000;         // ms

/// A sound file; what its reader does with it stands in the name.
QString write(const QTemporaryDir& folder, const QString& act) {
  const std::vector<float> values{1, 2, 3, 4};
  const QString path = folder.filePath(act + QStringLiteral(".safetensors"));
  if (!engine::write_safetensors(path.toStdString(), {{"w", {2, 2}, values}})) return {};
  return path;
}

void use_fake_reader(int patience) {
  engine::isolate::use_reader({VITRINE_FAKE_READER, std::chrono::milliseconds(patience)});
}

bool quiet_machine() { return qEnvironmentVariableIsSet("VITRINE_QUIET_MACHINE"); }

}  // namespace

void WindowIsolationTest::initTestCase() {
  QDir::setCurrent(folder_.path());
  use_fake_reader(kPatience);
  window_ = std::make_unique<RealWindow>();
  VITRINE_DO(window_->open_demo(QStringLiteral("vit_digits")));
  QVERIFY(window_->settle({"input", "attention"}));
}

void WindowIsolationTest::init() { use_fake_reader(kPatience); }

/// @return the sentence with which the file was refused; empty if nothing was said
QString WindowIsolationTest::open_and_wait(const QString& path) {
  const auto before = window_->refusals().size();
  (*window_)->banner().dismiss();
  (*window_)->open_path(path);
  const bool came = test::wait_for([&] { return window_->refusals().size() > before; }, kDeadline);
  return came ? window_->refusals().last() : QString();
}

/// What the open model predicts, asked as a panel does; nullptr if no answer came.
std::shared_ptr<const engine::Report> WindowIsolationTest::ask_predictions() {
  std::shared_ptr<const engine::Report> answer;
  const QString tag = QStringLiteral("predictions of the test");
  const auto connection = connect(&(*window_)->host(), &views::Host::report, this, [&](const QString& of, const auto& report) {
    if (of == tag) answer = report;
  });
  (*window_)->host().request(tag, "predictions", {{"k", 10}}, true);
  static_cast<void>(test::wait_for([&] { return answer != nullptr; }, kDeadline));
  disconnect(connection);
  return answer;
}

void WindowIsolationTest::a_reader_that_misbehaves_costs_only_its_own_file_data() {
  QTest::addColumn<QString>("sentence");
  QTest::newRow("segfault") << "the reader ended by signal 11";
  QTest::newRow("abort") << "the reader ended by signal 6";
  QTest::newRow("exit") << "ended with exit code 5";
  QTest::newRow("hang") << "was not read within 600 ms";
  QTest::newRow("spin") << "was given up";
  QTest::newRow("hangup") << "closed its channel";
  QTest::newRow("memory") << "memory ended after";
  QTest::newRow("rooms") << "that are left for it";
  QTest::newRow("garbage") << "the reader answered nonsense";
  QTest::newRow("empty") << "the reader answered nonsense";
  QTest::newRow("beyond") << "lies in memory that it was not given";
  QTest::newRow("range") << "reach past the end";
  QTest::newRow("overflow") << "reach past the end";
  QTest::newRow("shape") << "its shape and type do not fit";
  QTest::newRow("count") << "counts";
  QTest::newRow("socket") << "signal 31";
  QTest::newRow("write") << "it was not possible";
  QTest::newRow("outside") << "outside the folder";
}

void WindowIsolationTest::a_reader_that_misbehaves_costs_only_its_own_file() {
  QFETCH(QString, sentence);
  RealWindow& window = *window_;
  const QString path = write(folder_, QString::fromLatin1(QTest::currentDataTag()));
  const auto journal = window->keeper().journal().to_json();
  const auto before = ask_predictions();
  QVERIFY(before && !before->tables.empty());
  std::vector<double> gaps;
  for (int i = 0; i < (quiet_machine() ? 7 : 1); ++i) {
    window->gaps().reset();
    const QString said = open_and_wait(path);
    QVERIFY2(said.contains(sentence) && !said.contains(QLatin1Char('\n')), qPrintable(said));
    QTest::qWait(30);
    gaps.push_back(window->gaps().largest_ms());
    QCOMPARE(window->banner().sentence(), said);
    QVERIFY(window->keeper().journal().to_json() == journal);
    QVERIFY(window->host().model() && window->host().model()->takes_image);
  }
  const auto after = ask_predictions();
  QVERIFY(after && after->tables.at(0).rows == before->tables.at(0).rows);
  QVERIFY2(!QDir(folder_.path()).exists(QStringLiteral("PWNED")), "a reader created something");
  std::sort(gaps.begin(), gaps.end());
  all_gaps_.insert(all_gaps_.end(), gaps.begin(), gaps.end());
  qInfo("%zu times: the event loop stood still for %.1f ms (median), %.1f ms (longest)", gaps.size(), gaps[gaps.size() / 2], gaps.back());
  if (quiet_machine()) QVERIFY2(gaps.back() <= kStill, "the window stood still");
}

/// What is shown of a large file before it is open comes from its reader as well, which is asked once.
void WindowIsolationTest::a_large_file_is_read_by_its_reader_alone() {
  const QString path = write(folder_, QStringLiteral("segfault"));
  const std::string header = R"({"w":{"dtype":"U8","shape":[200000000],"data_offsets":[0,200000000]}} )";
  const std::uint64_t length = header.size();
  std::ofstream(path.toStdString(), std::ios::binary).write(reinterpret_cast<const char*>(&length), sizeof length) << header;
  std::filesystem::resize_file(path.toStdString(), sizeof length + length + 200'000'000);
  bool shown = false;
  const auto connection = connect(&(*window_)->host(), &views::Host::model_changed, this, [&] {
    const auto* model = (*window_)->host().model();
    shown |= model && model->path == path.toStdString();
  });
  QVERIFY(open_and_wait(path).contains(QStringLiteral("the reader ended by signal 11")));
  disconnect(connection);
  QVERIFY2(!shown, "the window read it without the reader");
}

void WindowIsolationTest::others_are_answered_while_a_reader_hangs() {
  use_fake_reader(5000);
  const auto refused = window_->refusals().size();
  (*window_)->open_path(write(folder_, QStringLiteral("hang")));
  QVERIFY((*window_)->host().settling());
  const auto answer = ask_predictions();
  QVERIFY(answer && !answer->tables.empty());
  QVERIFY2((*window_)->host().settling() && window_->refusals().size() == refused, "the answer came only after the reader had ended");
  QVERIFY(test::wait_for([&] { return window_->refusals().size() > refused; }, kDeadline));
}

void WindowIsolationTest::a_good_model_opens_after_bad_ones() {
  for (const char* act : {"segfault", "garbage", "socket"}) QVERIFY(!open_and_wait(write(folder_, QString::fromLatin1(act))).isEmpty());
  (*window_)->open_path(QStringLiteral("demo:lm_text"));
  QVERIFY(test::wait_for([&] { return (*window_)->host().model() && (*window_)->host().model()->takes_text; }, 60000));
  QVERIFY((*window_)->banner().sentence().isEmpty());
}

void WindowIsolationTest::cleanupTestCase() {
  if (!all_gaps_.empty()) qInfo("longest of all %zu: %.1f ms", all_gaps_.size(), *std::max_element(all_gaps_.begin(), all_gaps_.end()));
  window_.reset();
  QDir::setCurrent(QDir::rootPath());
}

int main(int argc, char** argv) {
  return test::run_real(argc, argv, [] { return std::make_unique<WindowIsolationTest>(); });
}
#include "window_isolation_test.moc"
