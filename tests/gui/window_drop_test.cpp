// Every hostile file of the reference set is dropped on the real window: one sentence says what is wrong, the session is as it
// was, the window never stands still, and a good model dropped afterwards opens.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <regex>

#include <sys/stat.h>

#include <QDir>
#include <QDropEvent>
#include <QElapsedTimer>
#include <QMimeData>
#include <QUrl>

#include "app/window/banner.h"
#include "engine/isolate/reader.h"
#include "engine/model/model.h"
#include "real_window.h"

using namespace vitrine;
using namespace vitrine::test;
namespace fs = std::filesystem;
using nlohmann::json;

namespace {

constexpr double kStill = 50;   // ms

bool quiet_machine() { return qEnvironmentVariableIsSet("VITRINE_QUIET_MACHINE"); }

fs::path set_folder() {
  const fs::path shared = fs::path(VITRINE_SOURCE_DIR "/../shared/golden/files/bad");
  return fs::exists(shared / "index.jsonl") ? shared : fs::path(VITRINE_SOURCE_DIR "/tests/golden/files/bad");
}

/// Those of this process: VITRINE_SHARD is "2/3" for the second of three, VITRINE_DROP_ONLY a pattern of the kind.
std::vector<json> rows() {
  int shard = 1, shards = 1;
  static_cast<void>(std::sscanf(qEnvironmentVariable("VITRINE_SHARD", "1/1").toUtf8().constData(), "%d/%d", &shard, &shards));
  const std::regex only(qEnvironmentVariable("VITRINE_DROP_ONLY", ".*").toStdString());
  std::vector<json> out;
  std::ifstream in(set_folder() / "index.jsonl");
  int number = 0;
  for (std::string line; std::getline(in, line);)
    if (!line.empty() && number++ % shards == shard - 1) {
      json row = json::parse(line);
      const bool there = fs::exists(set_folder() / row["file"].get<std::string>()) || row.contains("setup");
      if (there && std::regex_search(row["kind"].get<std::string>(), only)) out.push_back(std::move(row));
    }
  return out;
}

void drop(app::MainWindow& window, const fs::path& path) {
  QMimeData data;
  data.setUrls({QUrl::fromLocalFile(QString::fromStdString(path.string()))});
  QDragEnterEvent enter(QPoint(400, 300), Qt::CopyAction, &data, Qt::LeftButton, {});
  QCoreApplication::sendEvent(&window, &enter);
  QVERIFY(enter.isAccepted());
  QDropEvent event(QPointF(400, 300), Qt::CopyAction, &data, Qt::LeftButton, {});
  QCoreApplication::sendEvent(&window, &event);
}

bool mentions_all(const std::string& sentence, const json& words) {
  return std::all_of(words.begin(), words.end(), [&](const json& word) {
    return std::regex_search(sentence, std::regex(word.get<std::string>(), std::regex::icase | std::regex::ECMAScript));
  });
}

/// What a row needs around its file, made in a copy of its folder.
fs::path prepared(const json& row, const fs::path& scratch) {
  const fs::path file = set_folder() / row["file"].get<std::string>();
  if (!row.contains("setup")) return file;
  const fs::path folder = scratch / fs::path(row["kind"].get<std::string>()).filename();
  fs::create_directories(folder);
  std::error_code ignored;
  fs::copy(file.parent_path(), folder, fs::copy_options::recursive, ignored);
  for (const auto& part : row["setup"]) {
    const fs::path name = folder / part[1].get<std::string>();
    if (part[0] == "symlink") fs::create_symlink(part[2].get<std::string>(), name, ignored);
    if (part[0] == "hardlink") fs::create_hard_link(folder / part[2].get<std::string>(), name, ignored);
    if (part[0] == "mkdir") fs::create_directories(name, ignored);
    if (part[0] == "fifo") ::mkfifo(name.c_str(), 0600);
  }
  return folder / file.filename();
}

class DropTest : public QObject {
  Q_OBJECT
 private slots:
  void every_hostile_file_is_one_sentence();
};

void DropTest::every_hostile_file_is_one_sentence() {
  engine::isolate::use_reader({engine::isolate::reader_program()});   // as the program does
  QTemporaryDir scratch;
  QDir::setCurrent(scratch.path());
  RealWindow window;
  VITRINE_DO(window.open_demo(QStringLiteral("vit_digits")));
  QVERIFY(window.settle({"input"}));
  if (quiet_machine()) QVERIFY(wait_for([&] { return window->client().pending() == 0; }));
  const auto home = window->keeper().journal().at();
  const auto journal = window->keeper().journal().to_json();
  QStringList wrong;
  std::vector<double> gaps, opening_gaps;
  int refused = 0, opened = 0;
  const auto all = rows();
  QVERIFY(!all.empty());
  for (const json& row : all) {
    const fs::path file = prepared(row, scratch.path().toStdString());
    const QString name = QString::fromStdString(row["kind"].get<std::string>());
    const QString before = window->banner().sentence();
    QElapsedTimer clock;
    clock.start();
    window->gaps().reset();
    drop(*window, file);
    const bool came = wait_for([&] { return !window->banner().sentence().isEmpty() && window->banner().sentence() != before; }, 3000);
    const double gap = window->gaps().largest_ms();
    const std::string sentence = window->banner().sentence().toStdString();
    const bool same = window->keeper().journal().to_json() == journal;
    if (!came || !mentions_all(sentence, row["must_mention"])) wrong << name + ": " + QString::fromStdString(sentence).left(200);
    else if (sentence.find('\n') != std::string::npos) wrong << name + ": more than one line";
    else if (row["expect"] == "refuse" && !same) wrong << name + ": the session is another";
    same ? ++refused : ++opened;
    (same ? gaps : opening_gaps).push_back(gap);
    if (qEnvironmentVariableIsSet("VITRINE_DROP_TALK"))
      qInfo("%s: %.0f ms, gap %.0f ms, %s", qPrintable(name), clock.elapsed() * 1.0, gap, sentence.substr(0, 160).c_str());
    if (same) continue;
    window->keeper().discard(window->keeper().journal().at());
    const bool back = wait_for([&] { return window->host().model() && window->host().model()->takes_image; }, 10'000);
    // What its panels compute in the background is waited for only where pauses are measured.
    if (!back || !window.settle({"input"}) || (quiet_machine() && !wait_for([&] { return window->client().pending() == 0; })))
      wrong << name + ": the model before it does not come back";
    QVERIFY2(window->keeper().journal().at() == home, qPrintable(name));
  }
  // How long the window stood still depends on what else the machine does: it is told, and held to its limit on a quiet
  // one. Where a file opens, all panels are laid out and painted anew; that is told apart.
  const auto at = [](std::vector<double>& v, std::size_t percent) {
    std::sort(v.begin(), v.end());
    return v.empty() ? 0 : v[std::min(v.size() - 1, v.size() * percent / 100)];
  };
  qInfo("%zu files dropped: %d refused (gap of the event loop: half below %.1f ms, 99 %% below %.1f ms, longest %.1f ms), %d opened with a warning (%.1f, %.1f, %.1f ms)",
        all.size(), refused, at(gaps, 50), at(gaps, 99), at(gaps, 100), opened, at(opening_gaps, 50), at(opening_gaps, 99), at(opening_gaps, 100));
  for (const QString& what : wrong) qInfo("  %s", qPrintable(what));
  QVERIFY2(wrong.isEmpty(), qPrintable(QStringLiteral("%1 of %2 rows").arg(wrong.size()).arg(all.size())));
  if (quiet_machine()) QVERIFY2(at(gaps, 100) <= kStill, "the window stood still");
  window->banner().dismiss();
  drop(*window, *vitrine::engine::demo_folder("lm_text"));
  QVERIFY(wait_for([&] { return window->host().model() && window->host().model()->takes_text; }));
  QVERIFY(window->banner().sentence().isEmpty());
  QVERIFY2(QDir(scratch.path()).entryList({QStringLiteral("PWNED")}).isEmpty(), "code of a file was run");
}

}  // namespace

int main(int argc, char** argv) {
  return run_real(argc, argv, [] { return std::make_unique<DropTest>(); });
}
#include "window_drop_test.moc"
