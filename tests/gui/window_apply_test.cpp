#include <cmath>

#include <QDir>
#include <QFile>
#include <QPushButton>
#include <QRegularExpression>
#include <QSlider>
#include <QTableView>

#include "app/window/banner.h"
#include "command_line.h"
#include "real_window.h"
#include "views/panels/metric_list.h"

using namespace vitrine;
using test::RealWindow;

/// A quarter of the heads and neurons taken out with the sliders, applied, and the smaller model opened again.
class WindowApplyTest : public QObject {
  Q_OBJECT
 private slots:
  void apply_writes_a_smaller_model_that_opens_and_equals_the_masked_one();
};

namespace {

QString metric_text(RealWindow& window, const std::string& name) {
  const auto* list = window.in<views::MetricList>("pruning", "effect");
  for (int i = 0; i < static_cast<int>(list->metrics().size()); ++i)
    if (list->metrics()[static_cast<std::size_t>(i)].name == name) return list->value_text(i);
  return {};
}

/// Label and shown probability of each row.
std::map<QString, double> probabilities(RealWindow& window) {
  std::map<QString, double> out;
  const QAbstractItemModel& model = *window.in<QTableView>("input", "predictions")->model();
  for (int r = 0; r < model.rowCount(); ++r) out[model.index(r, 0).data().toString()] = model.index(r, 1).data().toString().toDouble();
  return out;
}

}  // namespace

void WindowApplyTest::apply_writes_a_smaller_model_that_opens_and_equals_the_masked_one() {
  QTemporaryDir folder;
  const QString out = folder.filePath(QStringLiteral("smaller"));
  RealWindow window;
  VITRINE_DO(window.open_demo(QStringLiteral("vit_digits")));
  VITRINE_DO(test::press(QKeySequence(QStringLiteral("Ctrl+3"))));
  QVERIFY(window.settle({"input", "pruning"}));
  const QString image = QString::fromStdString(window->host().input()->image_path);
  for (const char* name : {"percent_heads", "percent_neurons"}) {
    auto* slider = window.in<QSlider>("pruning", QLatin1String(name));
    // At the handle: a click into the groove would jump by a page.
    VITRINE_DO(test::click(slider, QPoint(4, slider->height() / 2)));
    VITRINE_DO(test::press(QKeySequence(Qt::Key_Home)));
    for (int i = 0; i < 5; ++i) VITRINE_DO(test::press(QKeySequence(Qt::Key_PageUp)));
    QCOMPARE(slider->value(), 25);
  }
  QVERIFY(test::wait_for([&] {
    const auto counted = engine::edits_to_json(window->host().edits()).dump();
    return counted.find("mlp.hook_post") != std::string::npos && counted.find("hook_z") != std::string::npos;
  }));
  QVERIFY(window.settle({"input", "pruning"}));
  const auto masked = probabilities(window);
  const QString masked_parameters = metric_text(window, "parameters"), masked_accuracy = metric_text(window, "accuracy");
  QVERIFY(!masked_parameters.isEmpty() && !masked_accuracy.isEmpty());

  auto* note = window.in<QWidget>("pruning", "note");
  const QString note_before = test::line_text(note);
  VITRINE_DO(test::answer_file_dialog(out, [&] { return test::click(window.in<QPushButton>("pruning", "apply")); }));
  QVERIFY(test::wait_for([&] { return test::line_text(note) != note_before; }));
  QVERIFY2(test::line_text(note).startsWith(QStringLiteral("Exported to ") + out), qPrintable(test::line_text(note)));
  QVERIFY2(window.panel("pruning")->verified_text().contains(QStringLiteral("difference")), qPrintable(window.panel("pruning")->verified_text()));
  QVERIFY(QFile::exists(QDir(out).filePath(QStringLiteral("report.json"))));

  VITRINE_DO(test::answer_file_dialog(out, [] { return test::press(QKeySequence(QStringLiteral("Ctrl+Shift+O"))); }));
  QVERIFY(test::wait_for([&] { return window->host().model() && window->host().model()->path == out.toStdString(); }));
  QCOMPARE(window->banner().sentence(), QString());
  QVERIFY(window->host().edits().empty());
  QVERIFY(test::wait_for([&] { return window->host().input() != nullptr; }));
  QVERIFY(window.settle({"input", "pruning"}));
  QCOMPARE(metric_text(window, "parameters"), masked_parameters);
  const auto cut = probabilities(window);
  QCOMPARE(cut.size(), masked.size());
  for (const auto& [label, probability] : masked)
    QVERIFY2(cut.contains(label) && std::abs(cut.at(label) - probability) <= 2e-4,
             qPrintable(QStringLiteral("%1: masked %2, cut %3").arg(label).arg(probability).arg(cut.contains(label) ? cut.at(label) : -1)));

  QString problem;
  const auto verified = test::command_line({"verify", out, "--against", "demo:vit_digits", "--image", image}, &problem);
  QVERIFY2(verified.is_object(), qPrintable(problem));
}

int main(int argc, char** argv) {
  return test::run_real(argc, argv, [] { return std::make_unique<WindowApplyTest>(); });
}
#include "window_apply_test.moc"
