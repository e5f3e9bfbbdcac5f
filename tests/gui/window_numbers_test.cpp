#include <cmath>

#include <QComboBox>
#include <QHeaderView>
#include <QPushButton>
#include <QRegularExpression>
#include <QTableView>

#include "command_line.h"
#include "real_window.h"
#include "views/figure/figure_view.h"
#include "views/panels/code_grid.h"
#include "views/panels/metric_list.h"
#include "views/panels/part_tree.h"

using namespace vitrine;
using test::RealWindow;
using Kind = views::PartRef::Kind;

namespace {

struct Case {
  const char* demo;
  const char* sample;                    ///< entry of the menu of samples
  std::vector<views::PartRef> off;       ///< check boxes to click
  const char* edits;                     ///< the same for the command line
};

const std::vector<Case>& cases() {
  static const std::vector<Case> kCases = {
      {"vit_digits", "Digit 8", {{Kind::Head, "", 0, 1}, {Kind::Head, "", 3, 2}, {Kind::Mlp, "", 4, 0}}, "head:0.1=zero,head:3.2=zero,mlp:4=zero"},
      {"lm_text", "A repeated sentence", {{Kind::Head, "", 2, 1}, {Kind::Head, "", 2, 3}}, "head:2.1=zero,head:2.3=zero"},
      {"codebook_fsm", "Another walk", {{Kind::Attention, "", 1, 0}}, "attn:1=zero"},
      {"mamba_text", "Wickham", {{Kind::Head, "", 1, 0}, {Kind::Head, "", 2, 1}}, "head:1.0=zero,head:2.1=zero"},
      {"clip_glyphs", "Letter g", {{Kind::Head, "vision.", 1, 2}, {Kind::Head, "text.", 0, 0}}, "head:vision.1.2=zero,head:text.0.0=zero"},
  };
  return kCases;
}

/// The words of the command line for the input that the window shows.
QStringList input_words(const views::InputState& input) {
  QStringList words;
  if (!input.image_path.empty()) words << "--image" << QString::fromStdString(input.image_path);
  for (const auto& caption : input.captions) words << "--text" << QString::fromStdString(caption);
  if (input.captions.empty() && !input.text.empty()) words << "--text" << QString::fromStdString(input.text);
  return words;
}

QString number_differs(const QString& shown, const nlohmann::json& exact) {
  return exact.is_number() ? test::differs(shown, exact.get<double>())
                           : shown == QStringLiteral("–") ? QString() : shown + QStringLiteral(" is shown for a number that there is not");
}

/// Each cell on the screen against the command line's table; empty if all are equal.
QString table_differs(const QTableView* view, const nlohmann::json& table) {
  if (!view || !view->isVisible()) return QStringLiteral("the table is not on the screen");
  const QAbstractItemModel& model = *view->model();
  const auto& rows = table["rows"];
  if (model.rowCount() == 0 || model.rowCount() != static_cast<int>(rows.size()))
    return QStringLiteral("%1 rows on the screen, %2 on the command line").arg(model.rowCount()).arg(rows.size());
  int compared = 0;
  for (int r = 0; r < model.rowCount(); ++r)
    for (int c = 0; c < model.columnCount(); ++c) {
      if (view->isColumnHidden(c)) continue;
      const QString shown = model.index(r, c).data().toString();
      const auto& exact = rows[static_cast<std::size_t>(r)][static_cast<std::size_t>(c)];
      const QString where = QStringLiteral("row %1, %2: ").arg(r).arg(model.headerData(c, Qt::Horizontal).toString());
      if (exact.is_string()) {
        QString words = QString::fromStdString(exact.get<std::string>());
        if (words.startsWith(QLatin1Char(' '))) words[0] = QChar(0x00b7);
        if (shown != words) return where + QStringLiteral("'%1' on the screen, '%2' on the command line").arg(shown, words);
      } else if (const QString problem = number_differs(shown, exact); !problem.isEmpty()) {
        return where + problem;
      }
      ++compared;
    }
  return compared > model.rowCount() ? QString() : QStringLiteral("only names are on the screen");
}

/// Value and value before of each metric; what is measured anew each time is left out.
QString metrics_differ(const views::MetricList& list, const nlohmann::json& report) {
  std::size_t compared = 0;
  for (int i = 0; i < static_cast<int>(list.metrics().size()); ++i) {
    const auto& name = list.metrics()[static_cast<std::size_t>(i)].name;
    if (name == "latency_ms") continue;
    if (const QString problem = test::differs(list.value_text(i), test::metric(report, name)); !problem.isEmpty())
      return QString::fromStdString(name) + QStringLiteral(": ") + problem;
    if (const QString before = list.before_text(i); !before.isEmpty())
      if (const QString problem = test::differs(before, test::metric_before(report, name)); !problem.isEmpty())
        return QString::fromStdString(name) + QStringLiteral(" before: ") + problem;
    ++compared;
  }
  return compared >= report["metrics"].size() ? QString() : QStringLiteral("%1 of %2 metrics are shown").arg(compared).arg(report["metrics"].size());
}

}  // namespace

/// What stands in the window is what the command line prints for the same model, input and edits, to the last digit.
class WindowNumbersTest : public QObject {
  Q_OBJECT
 private slots:
  void pruning_shows_the_numbers_of_the_command_line_data();
  void pruning_shows_the_numbers_of_the_command_line();
  void the_ranking_shows_the_numbers_of_the_command_line_data();
  void the_ranking_shows_the_numbers_of_the_command_line();
  void a_forced_code_shows_the_numbers_of_the_command_line();

 private:
  static const Case& row() { return cases()[static_cast<std::size_t>(QTest::currentDataTag() ? row_of(QTest::currentDataTag()) : 0)]; }
  static int row_of(const char* tag) {
    for (std::size_t i = 0; i < cases().size(); ++i)
      if (std::string(cases()[i].demo) == tag) return static_cast<int>(i);
    return 0;
  }
  static void add_rows() {
    QTest::addColumn<int>("index");
    for (std::size_t i = 0; i < cases().size(); ++i) QTest::newRow(cases()[i].demo) << static_cast<int>(i);
  }
  static QString open(RealWindow& window, const Case& one);
  static QString predictions_differ(RealWindow& window, const QString& model, const QStringList& words, int token = -1);
};

QString WindowNumbersTest::open(RealWindow& window, const Case& one) {
  if (QString problem = window.open_demo(QLatin1String(one.demo)); !problem.isEmpty()) return problem;
  if (QString problem = test::press(QKeySequence(QStringLiteral("Ctrl+3"))); !problem.isEmpty()) return problem;
  if (!window.settle({"input", "pruning"})) return QStringLiteral("the panels did not come to rest");
  const auto* before = window->host().input();
  if (QString problem = test::choose(window.in<QPushButton>("input", "samples"), QLatin1String(one.sample)); !problem.isEmpty()) return problem;
  return window.settle({"input", "pruning"}) && before ? QString() : QStringLiteral("the panels did not come to rest");
}

QString WindowNumbersTest::predictions_differ(RealWindow& window, const QString& model, const QStringList& words, int token) {
  const auto report = test::analyse("predictions", model, words + QStringList{"--set", "k=10", "--set", QStringLiteral("position=%1").arg(token)});
  if (QString problem = table_differs(window.in<QTableView>("input", "predictions"), report["tables"][0]); !problem.isEmpty()) return problem;
  const QString kl = test::line_text(window.in<QWidget>("input", "kl"));
  return test::differs(QString(kl).remove(QStringLiteral("KL ")), test::metric(report, "kl_divergence"));
}

void WindowNumbersTest::pruning_shows_the_numbers_of_the_command_line_data() { add_rows(); }

void WindowNumbersTest::pruning_shows_the_numbers_of_the_command_line() {
  const Case& one = row();
  const QString model = QStringLiteral("demo:") + QLatin1String(one.demo);
  RealWindow window;
  VITRINE_DO(open(window, one));
  auto* parts = window.in<views::PartTree>("pruning", "parts");
  for (const auto& part : one.off) VITRINE_DO(test::click_check_box(parts, parts->item_of(part)));
  QVERIFY(window.settle({"input", "pruning"}));
  QCOMPARE(window.refusals(), QStringList());
  const QStringList words = input_words(*window->host().input()) + QStringList{"--edit", QLatin1String(one.edits)};
  VITRINE_DO(predictions_differ(window, model, words));
  const auto effect = test::analyse("pruning_effect", model, words + QStringList{"--set", "latency=false"});
  VITRINE_DO(metrics_differ(*window.in<views::MetricList>("pruning", "effect"), effect));
  VITRINE_DO(table_differs(window.in<QTableView>("pruning", "top"), effect["tables"][0]));
}

void WindowNumbersTest::the_ranking_shows_the_numbers_of_the_command_line_data() { add_rows(); }

void WindowNumbersTest::the_ranking_shows_the_numbers_of_the_command_line() {
  const Case& one = row();
  const QString model = QStringLiteral("demo:") + QLatin1String(one.demo);
  RealWindow window;
  VITRINE_DO(open(window, one));
  VITRINE_DO(test::choose_from(window.in<QComboBox>("importance", "method"), QStringLiteral("Gradient")));
  VITRINE_DO(test::choose_from(window.in<QComboBox>("importance", "on"), QStringLiteral("Probability")));
  QVERIFY(window.settle({"importance"}));
  QCOMPARE(window.panel("importance")->sentence(), QString());
  const QString tower = QString::fromStdString(window->host().selection().head.tower);
  const auto report = test::analyse("head_importance", model, input_words(*window->host().input()) +
                                    QStringList{"--set", "method=gradient", "--set", "on=probability", "--set", "tower=" + tower});
  VITRINE_DO(table_differs(window.in<QTableView>("importance", "ranking"), report["tables"][0]));

  auto* heat = window.in<views::FigureView>("importance", "heat");
  const auto& array = report["arrays"][0];
  const int layers = array["shape"][0], heads = array["shape"][1];
  const auto plot = heat->display_list().plot;
  QVERIFY(plot.has_value());
  for (const auto& [layer, head] : {std::pair{0, heads - 1}, std::pair{layers - 1, 0}}) {
    VITRINE_DO(test::point_at(heat, {plot->x + (head + 0.5) * plot->w / heads, plot->y + (layer + 0.5) * plot->h / layers}));
    const QRegularExpression says(QStringLiteral("^layer %1 · head %2: (?:[^0-9]* )?([-\u2212]?[0-9][0-9.]*(?:e[-\u2212]?[0-9]+)?)(?: [^,]*)?(?:, rank .*)?$").arg(layer).arg(head));
    QRegularExpressionMatch match;
    QVERIFY2(test::wait_for([&] { return (match = says.match(test::line_text(window.in<QWidget>("importance", "note")))).hasMatch(); }, 5000),
             qPrintable(test::line_text(window.in<QWidget>("importance", "note"))));
    VITRINE_DO(number_differs(match.captured(1), array["values"][static_cast<std::size_t>(layer * heads + head)]));
  }
}

void WindowNumbersTest::a_forced_code_shows_the_numbers_of_the_command_line() {
  constexpr int kToken = 2;
  const QString model = QStringLiteral("demo:codebook_fsm");
  RealWindow window;
  VITRINE_DO(window.open_demo(QStringLiteral("codebook_fsm")));
  VITRINE_DO(window.show_panel(QStringLiteral("codebook")));
  QVERIFY(window.settle({"input", "codebook"}));
  const QStringList input = input_words(*window->host().input());
  auto* grid = window.in<views::CodeGrid>("codebook", "codes");
  const auto codes = test::analyse("codes", model, input);
  const auto& chosen = codes["arrays"][0];
  const int books = chosen["shape"][0], tokens = chosen["shape"][1];
  QCOMPARE(grid->model()->rowCount(), books);
  QCOMPARE(grid->model()->columnCount(), tokens);
  for (int b = 0; b < books; ++b)
    for (int t = 0; t < tokens; ++t)
      VITRINE_DO(number_differs(grid->model()->index(b, t).data().toString(), chosen["values"][static_cast<std::size_t>(b * tokens + t)]));

  // A click on a code chooses its token as well: the predictions are those after it.
  VITRINE_DO(test::click_item(grid, grid->model()->index(0, kToken)));
  QVERIFY(window.settle({"input", "codebook"}));
  const QString code = grid->model()->index(0, kToken).data().toString();
  const QStringList which = {"--set", "codebook=0", "--set", "code=" + code};
  VITRINE_DO(table_differs(window.in<QTableView>("codebook", "contexts"), test::analyse("code_contexts", model, input + which + QStringList{"--set", "count=20"})["tables"][0]));
  VITRINE_DO(table_differs(window.in<QTableView>("codebook", "effect"), test::analyse("code_effect", model, input + which)["tables"][0]));

  VITRINE_DO(test::click(window.in<QPushButton>("codebook", "force")));
  QVERIFY(window.settle({"input", "codebook"}));
  const QStringList forced = input + QStringList{"--edit", QStringLiteral("code:0.0.%1=force").arg(code)};
  VITRINE_DO(predictions_differ(window, model, forced, kToken));
  VITRINE_DO(window.show_panel(QStringLiteral("pruning")));
  QVERIFY(window.settle({"pruning"}));
  VITRINE_DO(metrics_differ(*window.in<views::MetricList>("pruning", "effect"),
                            test::analyse("pruning_effect", model, forced + QStringList{"--set", "latency=false"})));
}

int main(int argc, char** argv) {
  return test::run_real(argc, argv, [] { return std::make_unique<WindowNumbersTest>(); });
}
#include "window_numbers_test.moc"
