#include <cmath>

#include <QFile>
#include <QListView>
#include <QListWidget>
#include <QPlainTextEdit>
#include <QSpinBox>
#include <QToolButton>
#include <QTreeWidget>
#include <QXmlStreamReader>

#include "app/window/banner.h"
#include "app/window/journal_view.h"
#include "app/window/screenshot.h"
#include "command_line.h"
#include "real_window.h"
#include "views/canvas/map_canvas.h"
#include "views/panels/metric_list.h"
#include "views/panels/part_tree.h"
#include "views/panels/token_chips.h"

using namespace vitrine;
using test::RealWindow;

namespace {

const QString kModel = QStringLiteral("demo:lm_text");
const QString kText = QStringLiteral("Elizabeth was happy, and Elizabeth was");
constexpr int kLayer = 2, kHead = 1;

/// What a person reads after each act.
struct Screen {
  QStringList predictions, effect, edits;
  QString kl, text;
  friend bool operator==(const Screen&, const Screen&) = default;
};

std::vector<std::string> token_texts(const nlohmann::json& report) {
  std::vector<std::string> out;
  for (const auto& token : report["tokens"]) out.push_back(token["text"]);
  return out;
}

QString chip_token(const std::string& text) { return views::chip_text({.text = text}); }
/// Beside an axis the space that belongs to a token is left out.
QString axis_token(const std::string& text) { return QString::fromStdString(text).trimmed(); }

QByteArray content(const QString& path) {
  QFile file(path);
  return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
}

}  // namespace

/// One person's afternoon with one model, act by act. Each slot goes on where the one before ended.
class WindowStoryTest : public QObject {
  Q_OBJECT
 private slots:
  void init() {
    if (broken_) QSKIP("an act before this one failed");
  }
  void cleanup() {
    if (!QTest::currentTestFailed()) return;
    broken_ = true;
    if (window_) app::write_picture(**window_, QStringLiteral(VITRINE_SHOTS "/story_where_it_failed.png"));
  }
  void cleanupTestCase() { window_.reset(); }

  void a_click_on_the_start_page_opens_the_model();
  void typing_a_text_shows_its_tokens_and_its_attention();
  void undo_in_the_text_field_is_the_windows_undo();
  void the_card_under_the_pointer_says_what_the_report_says();
  void switching_off_a_head_changes_the_numbers();
  void undo_brings_back_the_numbers_before();
  void another_head_after_undo_is_a_second_branch();
  void a_double_click_in_the_journal_goes_back_to_the_first_branch();
  void the_exported_figure_has_a_cell_for_every_pair_of_tokens();
  void the_exported_numbers_are_the_reports();
  void the_figure_is_exported_as_it_is_looked_at();
  void saving_takes_the_star_from_the_title();
  void the_saved_file_opens_with_the_same_text_edits_and_numbers();

 private:
  template <class W>
  W* in(const char* panel, const char* name) {
    return window_->in<W>(QLatin1String(panel), QLatin1String(name));
  }
  [[nodiscard]] QStringList journal_texts() { return (*window_)->journal().texts(); }
  Screen read();
  QString zero_by_check_box(int layer, int head);
  QString write_export(const QString& entry, const QString& path);

  bool broken_ = false;
  QString sample_;
  QTemporaryDir folder_;
  std::unique_ptr<RealWindow> window_;
  nlohmann::json attention_;          ///< what the command line says of the head that is looked at
  QStringList journal_;
  Screen plain_, without_first_, without_second_;
};

/// Pruning is the panel in front, so that both tables of predictions and the metrics are on the screen.
Screen WindowStoryTest::read() {
  Screen screen;
  if (!window_->settle({"input", "pruning"})) QTest::qFail("the panels did not come to rest", __FILE__, __LINE__);
  screen.predictions = test::rows_on_screen(*in<QAbstractItemView>("input", "predictions"));
  screen.kl = test::line_text(in<QWidget>("input", "kl"));
  screen.text = in<QPlainTextEdit>("input", "text")->toPlainText();
  const auto* effect = in<views::MetricList>("pruning", "effect");
  for (int i = 0; i < static_cast<int>(effect->metrics().size()); ++i)
    if (effect->metrics()[static_cast<std::size_t>(i)].name != "latency_ms")   // measured anew each time
      screen.effect << views::metric_name(effect->metrics()[static_cast<std::size_t>(i)].name) + ": " + effect->value_text(i) + " " +
                           effect->before_text(i) + " " + effect->change(i);
  auto* edits = in<QListWidget>("pruning", "edits");
  for (int i = 0; i < edits->count(); ++i)
    if (const QWidget* row = edits->itemWidget(edits->item(i)))
      for (const QWidget* part : row->findChildren<QWidget*>())
        if (const QString text = test::line_text(part); !text.isEmpty()) screen.edits << text;
  return screen;
}

QString WindowStoryTest::zero_by_check_box(int layer, int head) {
  auto* parts = in<views::PartTree>("pruning", "parts");
  if (!parts) return QStringLiteral("there is no tree of parts");
  return test::click_check_box(parts, parts->item_of({views::PartRef::Kind::Head, "", layer, head}));
}

QString WindowStoryTest::write_export(const QString& entry, const QString& path) {
  return test::answer_file_dialog(path, [&] { return test::choose(in<QToolButton>("attention", "export"), entry); });
}

void WindowStoryTest::a_click_on_the_start_page_opens_the_model() {
  window_ = std::make_unique<RealWindow>();
  VITRINE_DO(window_->open_demo(QStringLiteral("lm_text")));
  QVERIFY(window_->settle({"input", "attention"}));
  QVERIFY2((*window_)->windowTitle().contains(QStringLiteral("lm_text")), qPrintable((*window_)->windowTitle()));
  sample_ = in<QPlainTextEdit>("input", "text")->toPlainText();
  QVERIFY2(!sample_.isEmpty(), "the demo comes with a text");
}

void WindowStoryTest::typing_a_text_shows_its_tokens_and_its_attention() {
  attention_ = test::analyse("attention", kModel,
                             {"--text", kText, "--set", QStringLiteral("layer=%1").arg(kLayer), "--set", QStringLiteral("head=%1").arg(kHead)});
  const auto tokens = token_texts(attention_);
  QVERIFY(tokens.size() > 5);
  VITRINE_DO(test::write_over(in<QPlainTextEdit>("input", "text"), kText));
  QCOMPARE(in<QPlainTextEdit>("input", "text")->toPlainText(), kText);
  auto* chips = in<views::TokenChips>("input", "chips0");
  QVERIFY(chips && chips->isVisible());
  QTRY_COMPARE_WITH_TIMEOUT(chips->tokens().size(), tokens.size(), 20000);
  for (std::size_t i = 0; i < tokens.size(); ++i) QCOMPARE(views::chip_text(chips->tokens()[i]), chip_token(tokens[i]));

  auto* head = in<QSpinBox>("attention", "head");
  VITRINE_DO(test::write_over(head, QStringLiteral("%1.%2").arg(kLayer).arg(kHead)));
  VITRINE_DO(test::press(QKeySequence(Qt::Key_Return)));
  QVERIFY(window_->settle({"input", "attention"}));
  auto* map = in<views::MapCanvas>("attention", "map");
  QVERIFY(map && map->isVisible());
  QCOMPARE(journal_texts().size(), 4);   // start, the model, its sample, the whole sentence
  const auto last = static_cast<int>(tokens.size()) - 1;
  QVERIFY2(map->probe(last, last).value && !map->probe(last + 1, 0).value, "the map is as large as the text");
}

void WindowStoryTest::undo_in_the_text_field_is_the_windows_undo() {
  auto* field = in<QPlainTextEdit>("input", "text");
  VITRINE_DO(test::click(field));
  VITRINE_DO(test::press(QKeySequence(QStringLiteral("Ctrl+Z"))));
  QTRY_COMPARE(field->toPlainText(), sample_);
  QTRY_VERIFY(in<views::TokenChips>("input", "chips0")->tokens().size() != token_texts(attention_).size());
  // Typed and not yet sent: undo takes back the letters, not the act before them.
  VITRINE_DO(test::press(QKeySequence(Qt::CTRL | Qt::Key_End)));
  VITRINE_DO(test::type(QStringLiteral(" and")));
  VITRINE_DO(test::press(QKeySequence(QStringLiteral("Ctrl+Z"))));
  QTRY_COMPARE(field->toPlainText(), sample_);
  auto* list = (*window_)->journal().findChild<QListView*>(QStringLiteral("journal_list"));
  VITRINE_DO(test::click_item(list, list->model()->index(3, 0), true));
  QTRY_COMPARE(field->toPlainText(), kText);
  QVERIFY(window_->settle({"input", "attention"}));
}

void WindowStoryTest::the_card_under_the_pointer_says_what_the_report_says() {
  auto* map = in<views::MapCanvas>("attention", "map");
  const auto& values = attention_["arrays"][0]["values"];
  const auto tokens = token_texts(attention_);
  const auto n = tokens.size();
  const std::pair<std::size_t, std::size_t> cells[] = {{n - 1, 0}, {n - 1, n / 2}, {n / 2, n / 2}, {n - 2, 1}};
  for (const auto& [query, key] : cells) {
    VITRINE_DO(test::point_at(map, map->cell_centre(static_cast<int>(query), static_cast<int>(key))));
    const QString title = axis_token(tokens[query]) + QStringLiteral(" → ") + axis_token(tokens[key]);
    QTRY_COMPARE(QString::fromStdString(map->card().title), title);
    std::map<std::string, QString> rows;
    for (const auto& [what, how_much] : map->card().rows) rows[what] = QString::fromStdString(how_much);
    const double exact = values[query * n + key].get<double>();
    const QString problem = test::differs(rows["probability"], exact);
    QVERIFY2(problem.isEmpty(), qPrintable(title + ": " + problem));
    std::size_t rank = 1, of = 0;
    for (std::size_t k = 0; k < n; ++k) {
      const auto& other = values[query * n + k];
      of += other.is_number();
      rank += other.is_number() && other.get<double>() > exact;
    }
    QCOMPARE(rows["rank in row"], QStringLiteral("%1 of %2").arg(rank).arg(of));
    QCOMPARE(rows["query"], QString::number(query));
    QCOMPARE(rows["key"], QString::number(key));
  }
}

void WindowStoryTest::switching_off_a_head_changes_the_numbers() {
  VITRINE_DO(window_->show_panel(QStringLiteral("pruning")));
  plain_ = read();
  QVERIFY(plain_.edits.isEmpty());
  QCOMPARE(plain_.kl, QString());
  VITRINE_DO(zero_by_check_box(kLayer, kHead));
  without_first_ = read();
  QCOMPARE(without_first_.edits.size(), 1);
  QVERIFY2(without_first_.kl.startsWith(QStringLiteral("KL ")), qPrintable(without_first_.kl));
  QVERIFY(without_first_.predictions != plain_.predictions);
  QVERIFY(without_first_.effect != plain_.effect);
  QCOMPARE(without_first_.text, kText);
  QVERIFY(app::write_picture(**window_, QStringLiteral(VITRINE_SHOTS "/story_without_a_head.png")).isEmpty());
}

void WindowStoryTest::undo_brings_back_the_numbers_before() {
  VITRINE_DO(test::press(QKeySequence(QStringLiteral("Ctrl+Z"))));
  const Screen after = read();
  QCOMPARE(after.edits, plain_.edits);
  QCOMPARE(after.predictions, plain_.predictions);
  QCOMPARE(after.effect, plain_.effect);
  QVERIFY(after == plain_);
}

void WindowStoryTest::another_head_after_undo_is_a_second_branch() {
  VITRINE_DO(zero_by_check_box(3, 1));
  without_second_ = read();
  QCOMPARE(without_second_.edits.size(), 1);
  QVERIFY(without_second_.edits != without_first_.edits);
  QVERIFY(without_second_.kl != without_first_.kl);
  auto* list = (*window_)->journal().findChild<QListView*>(QStringLiteral("journal_list"));
  QVERIFY(list && list->isVisible());
  const auto* model = qobject_cast<const app::JournalModel*>(list->model());
  const int second = model->rowCount() - 1, first = second - 1;
  QCOMPARE(model->row(first).parent_row, 3);
  QCOMPARE(model->row(second).parent_row, 3);
  QVERIFY2(model->row(first).lane != model->row(second).lane, "the branches are drawn beside each other");
  QVERIFY(!model->row(first).on_path && model->row(second).on_path);
}

void WindowStoryTest::a_double_click_in_the_journal_goes_back_to_the_first_branch() {
  auto* list = (*window_)->journal().findChild<QListView*>(QStringLiteral("journal_list"));
  const int last = list->model()->rowCount() - 1;
  VITRINE_DO(test::click_item(list, list->model()->index(last - 1, 0), true));
  const Screen first = read();
  QCOMPARE(first.edits, without_first_.edits);
  QCOMPARE(first.predictions, without_first_.predictions);
  QVERIFY(first == without_first_);
  VITRINE_DO(test::click_item(list, list->model()->index(last, 0), true));
  QVERIFY(read() == without_second_);
}

void WindowStoryTest::the_exported_figure_has_a_cell_for_every_pair_of_tokens() {
  // The head that is looked at lies before the one that is off: its map is the unedited model's.
  QVERIFY(window_->settle({"attention"}));
  const QString path = folder_.filePath(QStringLiteral("attention.svg"));
  VITRINE_DO(write_export(QStringLiteral("Figure as SVG"), path));
  QTRY_VERIFY(QFile::exists(path));
  const auto tokens = token_texts(attention_);
  std::size_t cells = 0;
  QStringList words;
  QXmlStreamReader svg(content(path));
  while (!svg.atEnd()) {
    if (svg.readNext() != QXmlStreamReader::StartElement) continue;
    if (svg.name() == QLatin1String("text")) words << svg.readElementText();
    else if (svg.name() == QLatin1String("rect") && svg.attributes().value(QLatin1String("class")) == QLatin1String("cell")) ++cells;
  }
  QVERIFY2(!svg.hasError(), qPrintable(svg.errorString()));
  QCOMPARE(cells, tokens.size() * tokens.size());
  std::map<QString, int> wanted;
  for (const auto& token : tokens) wanted[axis_token(token)] += 2;   // a row and a column
  for (const auto& [label, count] : wanted) {
    const auto found = words.count(label);
    QVERIFY2(found == count, qPrintable(QStringLiteral("'%1' stands %2 times, not %3, among: %4").arg(label).arg(found).arg(count).arg(words.join(QStringLiteral(" | ")))));
  }
}

void WindowStoryTest::the_exported_numbers_are_the_reports() {
  const QString path = folder_.filePath(QStringLiteral("attention.csv"));
  VITRINE_DO(write_export(QStringLiteral("Data as CSV"), path));
  QTRY_VERIFY(QFile::exists(path));
  const auto& values = attention_["arrays"][0]["values"];
  const auto n = token_texts(attention_).size();
  const QList<QByteArray> lines = content(path).trimmed().split('\n');
  QCOMPARE(static_cast<std::size_t>(lines.size()), n * n + 1);
  for (std::size_t i = 0; i < n * n; ++i) {
    const QByteArray& line = lines[static_cast<qsizetype>(i) + 1];
    const QByteArray number = line.mid(line.lastIndexOf(',') + 1);
    QVERIFY2(line.startsWith(QByteArray::number(i / n) + ","), line.constData());
    if (values[i].is_null()) {
      QVERIFY2(number.isEmpty(), line.constData());
      continue;
    }
    QVERIFY2(number.toFloat() == values[i].get<float>(), line + " but " + QByteArray::fromStdString(values[i].dump()));
  }
}

void WindowStoryTest::the_figure_is_exported_as_it_is_looked_at() {
  auto* mode = in<QWidget>("attention", "mode");
  VITRINE_DO(test::click(mode, QPoint(8, mode->height() / 2)));
  VITRINE_DO(test::press(QKeySequence(Qt::Key_Right)));
  auto* lines = in<QWidget>("attention", "lines");
  QVERIFY(lines && lines->isVisible());
  const QString path = folder_.filePath(QStringLiteral("lines.svg"));
  VITRINE_DO(write_export(QStringLiteral("Figure as SVG"), path));
  QTRY_VERIFY(QFile::exists(path));
  const QByteArray svg = content(path);
  QCOMPARE(svg.count("class=\"cell\""), 0);
  QVERIFY(svg.count("<polyline") > 3);
  QVERIFY(svg.contains(">happy<"));
  VITRINE_DO(test::press(QKeySequence(QStringLiteral("Ctrl+Z"))));
  QTRY_VERIFY(in<QWidget>("attention", "map")->isVisible());
}

void WindowStoryTest::saving_takes_the_star_from_the_title() {
  QVERIFY((*window_)->isWindowModified());
  journal_ = journal_texts();
  const QString path = folder_.filePath(QStringLiteral("story.vitrine"));
  VITRINE_DO(test::answer_file_dialog(path, [] { return test::press(QKeySequence(QStringLiteral("Ctrl+S"))); }));
  QTRY_VERIFY(!(*window_)->isWindowModified());
  QVERIFY(QFile::exists(path));
  (*window_)->close();
  QVERIFY(!(*window_)->isVisible());
  window_.reset();
}

void WindowStoryTest::the_saved_file_opens_with_the_same_text_edits_and_numbers() {
  window_ = std::make_unique<RealWindow>();
  const QString path = folder_.filePath(QStringLiteral("story.vitrine"));
  VITRINE_DO(test::answer_file_dialog(path, [] { return test::press(QKeySequence(QStringLiteral("Ctrl+O"))); }));
  QTRY_VERIFY_WITH_TIMEOUT((*window_)->host().model() && (*window_)->host().input(), 60000);
  VITRINE_DO(window_->show_panel(QStringLiteral("pruning")));
  const Screen again = read();
  QCOMPARE(again.text, kText);
  QCOMPARE(again.edits, without_second_.edits);
  QCOMPARE(again.predictions, without_second_.predictions);
  QCOMPARE(again.effect, without_second_.effect);
  QVERIFY(again == without_second_);
  QCOMPARE(journal_texts(), journal_);
  QCOMPARE((*window_)->banner().sentence(), QString());
  VITRINE_DO(test::press(QKeySequence(QStringLiteral("Ctrl+Z"))));
  QVERIFY(read() == plain_);
}

int main(int argc, char** argv) {
  return test::run_real(argc, argv, [] { return std::make_unique<WindowStoryTest>(); });
}
#include "window_story_test.moc"
