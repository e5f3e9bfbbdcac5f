#include <QSignalSpy>

#include "canvas_fixture.h"
#include "views/canvas/token_lines_canvas.h"

using namespace vitrine;
using namespace vitrine::test;
using views::TokenLinesCanvas;

class CanvasTokenLinesTest : public QObject {
  Q_OBJECT
 private slots:
  void hover_isolates_the_lines_of_a_token() {
    TokenLinesCanvas lines;
    const auto report = head_report("lm.attn", 2, 1);
    lines.set_report(share(report));
    show(lines, 620, 760);
    settle();
    const auto& v = report.arrays[0].values;
    float largest = 0;
    for (const float x : v) largest = std::max(largest, x);
    const int expected = static_cast<int>(
        std::count_if(v.begin(), v.end(), [&](float x) { return x >= 0.02F * largest; }));
    (void)lines.grab_frame();
    QCOMPARE(lines.lines_drawn(), expected);
    save(lines.grab_frame(), "lines_dark");
    QSignalSpy hovered(&lines, &TokenLinesCanvas::hovered);
    QTest::mouseMove(&lines, lines.token_rect(TokenLinesCanvas::Query, 19).center().toPoint());
    settle();
    QCOMPARE(hovered.last(), QVariantList({0, 19}));
    int own = 0;
    for (std::size_t k = 0; k < 37; ++k) own += v[19 * 37 + k] >= 0.004F * largest;
    (void)lines.grab_frame();
    QCOMPARE(lines.lines_drawn(), own);
    save(lines.grab_frame(), "lines_isolated_dark");
  }

  void click_pins_keys_move_and_escape_frees() {
    TokenLinesCanvas lines;
    lines.set_theme(views::CanvasTheme::light_default());
    lines.set_report(share(head_report("lm.attn", 2, 1)));
    lines.set_compare(share(head_report("lm.attn", 0, 0)));
    lines.set_names("2.1", "0.0");
    show(lines, 620, 760);
    settle();
    save(lines.grab_frame(), "lines_two_light");
    QSignalSpy pinned(&lines, &TokenLinesCanvas::pinned);
    QTest::mouseClick(&lines, Qt::LeftButton, {},
                      lines.token_rect(TokenLinesCanvas::Key, 9).center().toPoint());
    QCOMPARE(pinned.last(), QVariantList({1, 9}));
    QTest::keyClick(&lines, Qt::Key_Down);
    QCOMPARE(pinned.last(), QVariantList({1, 10}));
    QTest::keyClick(&lines, Qt::Key_Left);
    QCOMPARE(pinned.last(), QVariantList({0, 10}));
    QCOMPARE(QString::fromStdString(lines.token_label(0, 10)), QStringLiteral("to"));
    QTest::mouseMove(&lines, QPoint(300, 10));
    settle();
    save(lines.grab_frame(), "lines_pinned_light");
    QTest::keyClick(&lines, Qt::Key_Escape);
    QCOMPARE(pinned.last(), QVariantList({-1, -1}));
  }

  void two_hundred_tokens_scroll() {
    TokenLinesCanvas lines;
    engine::Report report;
    engine::Array array;
    array.shape = {200, 200};
    array.values.assign(40000, 0.005F);
    for (std::size_t i = 0; i < 200; ++i) array.values[i * 200 + i / 2] = 1;
    report.arrays.push_back(array);
    lines.set_report(share(std::move(report)));
    show(lines, 520, 480);
    settle();
    save(lines.grab_frame(), "lines_200");
    const double before = lines.token_rect(0, 0).top();
    QWheelEvent wheel(QPointF(200, 200), lines.mapToGlobal(QPointF(200, 200)), {}, {0, -360}, {},
                      {}, Qt::NoScrollPhase, false);
    QCoreApplication::sendEvent(&lines, &wheel);
    QVERIFY(lines.token_rect(0, 0).top() < before - 50);
    QTest::keyClick(&lines, Qt::Key_End);
    QCOMPARE(lines.pinned_token(), 199);
    QVERIFY(lines.token_rect(0, 199).bottom() <= 480);
  }

  void empty_reports_are_survived() {
    TokenLinesCanvas lines;
    show(lines, 300, 200);
    lines.set_report(share(engine::Report{}));
    lines.set_report(nullptr);
    QTest::keyClick(&lines, Qt::Key_Down);
    settle();
    QCOMPARE(lines.pinned_token(), -1);
  }
};

QTEST_MAIN(CanvasTokenLinesTest)
#include "canvas_token_lines_test.moc"
