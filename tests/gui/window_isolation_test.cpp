#include <QDir>
#include <QTemporaryDir>

#include "app/jobs/gap_meter.h"
#include "engine/io/safetensors.h"
#include "engine/isolate/reader.h"
#include "real_window.h"

using namespace vitrine;
using test::RealWindow;

/// Files whose reader misbehaves, opened in the real window: each costs its own request, and the session goes on.
class WindowIsolationTest : public QObject {
  Q_OBJECT
 private slots:
  void a_reader_that_misbehaves_costs_only_its_own_file_data();
  void a_reader_that_misbehaves_costs_only_its_own_file();
  void a_good_model_opens_after_bad_ones();
};

namespace {

/// A sound file; what its reader does with it stands in the name.
QString write(const QTemporaryDir& folder, const QString& act) {
  const std::vector<float> values{1, 2, 3, 4};
  const QString path = folder.filePath(act + QStringLiteral(".safetensors"));
  if (!engine::write_safetensors(path.toStdString(), {{"w", {2, 2}, values}})) return {};
  return path;
}

void use_fake_reader() {
  engine::isolate::use_reader({VITRINE_FAKE_READER, std::chrono::milliseconds(1500)});
}

/// Opens it and waits for the refusal; the longest time in which the window handled nothing, or -1.
double gap_while_refused(RealWindow& window, const QString& path) {
  const auto before = window.refusals().size();
  window->gaps().reset();
  window->open_model(path, {});
  if (!test::wait_for([&] { return window.refusals().size() > before; }, 20000)) return -1;
  return window->gaps().largest_ms();
}

}  // namespace

void WindowIsolationTest::a_reader_that_misbehaves_costs_only_its_own_file_data() {
  QTest::addColumn<QString>("sentence");
  QTest::newRow("segfault") << "the reader ended by signal 11";
  QTest::newRow("hang") << "was not read within 1500 ms";
  QTest::newRow("spin") << "was given up";
  QTest::newRow("memory") << "memory ended after";
  QTest::newRow("rooms") << "that are left for it";
  QTest::newRow("garbage") << "the reader answered nonsense";
  QTest::newRow("range") << "reach past the end";
  QTest::newRow("socket") << "signal 31";
}

void WindowIsolationTest::a_reader_that_misbehaves_costs_only_its_own_file() {
  QFETCH(QString, sentence);
  const QTemporaryDir folder;
  const QString path = write(folder, QString::fromLatin1(QTest::currentDataTag()));
  use_fake_reader();
  RealWindow window;
  // Another program may take the processor for a moment; a window that waits for its reader stands still each time.
  double gap = 1e9;
  for (int i = 0; i < 3 && gap > 50; ++i) {
    gap = gap_while_refused(window, path);
    QVERIFY2(gap >= 0, "nothing was said");
    QVERIFY2(window.refusals().last().contains(sentence), qPrintable(window.refusals().last()));
  }
  QVERIFY2(gap <= 50, qPrintable(QStringLiteral("no event was handled for %1 ms").arg(gap)));
}

void WindowIsolationTest::a_good_model_opens_after_bad_ones() {
  const QTemporaryDir folder;
  use_fake_reader();
  RealWindow window;
  for (const char* act : {"segfault", "garbage", "socket"})
    QVERIFY(gap_while_refused(window, write(folder, QString::fromLatin1(act))) >= 0);
  window->open_model(QStringLiteral("demo:vit_digits"), {});
  QVERIFY(test::wait_for([&] { return window->host().model() != nullptr; }, 60000));
}

int main(int argc, char** argv) {
  return test::run_real(argc, argv, [] { return std::make_unique<WindowIsolationTest>(); });
}
#include "window_isolation_test.moc"
