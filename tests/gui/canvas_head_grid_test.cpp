#include <QSignalSpy>

#include "canvas_fixture.h"
#include "views/canvas/head_grid_canvas.h"

using namespace vitrine;
using namespace vitrine::test;
using views::HeadGridCanvas;

namespace {
std::shared_ptr<const engine::Report> grid_report(const std::string& name) {
  engine::Report report;
  report.picture = engine::PictureKind::MatrixGrid;
  report.arrays.push_back(golden_array(name));
  return share(std::move(report));
}

std::shared_ptr<const engine::Report> stats(int layers, int heads) {
  engine::Report report;
  for (const char* what : {"entropy", "first_token"}) {
    engine::Array array;
    array.name = what;
    array.unit = std::string(what) == "entropy" ? "nats" : "";
    array.shape = {layers, heads};
    for (int i = 0; i < layers * heads; ++i) array.values.push_back(0.125F * static_cast<float>(i));
    report.arrays.push_back(array);
  }
  return share(std::move(report));
}

views::HeadGridSettings coloured(bool own = true) { return {sequential(), own, false}; }
}  // namespace

class CanvasHeadGridTest : public QObject {
  Q_OBJECT
 private slots:
  void a_thumbnail_shows_its_own_head() {
    HeadGridCanvas grid;
    grid.set_settings(coloured(false));
    const auto report = grid_report("lm.attn");
    grid.set_report(report);
    show(grid, 660, 660);
    settle();
    const QImage image = grid.grab_frame();
    const auto& values = report->arrays[0].values;
    const auto scale = views::ColorScale::fit(values, false);
    const auto table = sequential();
    for (int layer = 0; layer < 4; ++layer) {
      for (int head = 0; head < 4; ++head) {
        const QRectF at = grid.head_rect(layer, head);
        for (const auto& [q, k] :
             {std::pair(0, 0), std::pair(20, 19), std::pair(36, 0), std::pair(9, 30)}) {
          const QPointF point(at.left() + (k + 0.5) / 37 * at.width(),
                              at.top() + (q + 0.5) / 37 * at.height());
          const float value =
              values[static_cast<std::size_t>(((layer * 4 + head) * 37 + q) * 37 + k)];
          const auto& rgb = table[static_cast<std::size_t>(scale.index(value))];
          QVERIFY2(near(image.pixelColor(
                            QPoint(static_cast<int>(point.x()), static_cast<int>(point.y()))),
                        QColor(rgb[0], rgb[1], rgb[2]), 3),
                   qPrintable(QStringLiteral("%1.%2 [%3, %4]").arg(layer).arg(head).arg(q).arg(k)));
        }
      }
    }
  }

  void click_shift_click_and_ctrl_click_do_their_work() {
    HeadGridCanvas grid;
    grid.set_settings(coloured());
    grid.set_report(grid_report("vit.attn"));
    grid.set_stats(stats(6, 4));
    show(grid, 560, 760);
    QSignalSpy selected(&grid, &HeadGridCanvas::selected),
        compared(&grid, &HeadGridCanvas::compared);
    QSignalSpy pruned(&grid, &HeadGridCanvas::prune_toggled),
        hovered(&grid, &HeadGridCanvas::hovered);
    const auto point = [&](int layer, int head) {
      return grid.head_rect(layer, head).center().toPoint();
    };
    QTest::mouseClick(&grid, Qt::LeftButton, {}, point(2, 1));
    QTest::mouseClick(&grid, Qt::LeftButton, Qt::ShiftModifier, point(4, 3));
    QTest::mouseClick(&grid, Qt::LeftButton, Qt::ControlModifier, point(5, 0));
    QCOMPARE(selected.size(), 1);
    QCOMPARE(selected.last(), QVariantList({2, 1}));
    QCOMPARE(compared.last(), QVariantList({4, 3}));
    QCOMPARE(pruned.last(), QVariantList({5, 0}));
    grid.set_pruned({{5, 0}, {5, 1}, {0, 2}});
    grid.set_brushed({{1, 0}, {1, 1}, {3, 2}});
    QTest::mouseMove(&grid, point(3, 3));
    settle();
    QCOMPARE(hovered.last(), QVariantList({3, 3}));
    save(grid.grab_frame(), "heads_dark");
    grid.set_theme(views::CanvasTheme::light_default());
    settle();
    save(grid.grab_frame(), "heads_light");
    QTest::keyClick(&grid, Qt::Key_Right);
    QTest::keyClick(&grid, Qt::Key_Up);
    QCOMPARE(selected.last(), QVariantList({1, 2}));
    QTest::keyClick(&grid, Qt::Key_Delete);
    QCOMPARE(pruned.last(), QVariantList({1, 2}));
    QTest::keyClick(&grid, Qt::Key_C);
    QCOMPARE(compared.last(), QVariantList({1, 2}));
  }

  void the_current_head_is_outlined_in_the_accent_colour() {
    HeadGridCanvas grid;
    grid.set_settings(coloured());
    grid.set_report(grid_report("lm.attn"));
    grid.set_current(1, 2);
    show(grid, 660, 660);
    settle();
    const QRectF at = grid.head_rect(1, 2);
    const QColor edge = grid.grab_frame().pixelColor(
        QPoint(static_cast<int>(at.center().x()), static_cast<int>(at.top()) - 2));
    save(grid.grab_frame(), "heads_current");
    QVERIFY2(near(edge, grid.theme().accent, 30), qPrintable(edge.name()));
  }

  void layers_without_maps_and_missing_heads_are_shown_as_such() {
    HeadGridCanvas grid;
    grid.set_settings(coloured());
    auto report = std::make_shared<engine::Report>(*grid_report("lm.attn"));
    auto& values = report->arrays[0].values;
    const std::size_t map = 37 * 37;
    std::fill(values.begin() + 4 * map, values.begin() + 8 * map, NAN);
    std::fill(values.begin() + 11 * map, values.begin() + 12 * map, NAN);
    grid.set_report(report);
    grid.set_current(0, 1);
    show(grid, 560, 560);
    QVERIFY(!grid.has_head(1, 0));
    QVERIFY(!grid.has_head(2, 3));
    QSignalSpy selected(&grid, &HeadGridCanvas::selected);
    QTest::mouseClick(&grid, Qt::LeftButton, {}, grid.head_rect(1, 1).center().toPoint());
    QCOMPARE(selected.size(), 0);
    QTest::keyClick(&grid, Qt::Key_Down);
    QCOMPARE(selected.last(), QVariantList({2, 1}));
    settle();
    save(grid.grab_frame(), "heads_empty_layer");
  }

  void a_thousand_heads_scroll() {
    HeadGridCanvas grid;
    grid.set_settings(coloured());
    engine::Report report;
    engine::Array array;
    array.shape = {32, 32, 48, 48};
    const auto lm = golden_array("lm.attn");
    array.values.resize(static_cast<std::size_t>(array.numel()), 0.0F);
    for (std::size_t h = 0; h < 1024; ++h) {
      for (std::size_t q = 0; q < 37; ++q) {
        for (std::size_t k = 0; k < 37; ++k) {
          array.values[h * 2304 + q * 48 + k] = lm.values[(h % 16) * 1369 + q * 37 + k];
        }
      }
    }
    report.arrays.push_back(std::move(array));
    grid.set_report(share(std::move(report)));
    show(grid, 700, 500);
    settle();
    save(grid.grab_frame(), "heads_32x32");
    QVERIFY(grid.head_rect(31, 31).top() > 500);
    grid.set_current(31, 30);
    QTest::keyClick(&grid, Qt::Key_Right);
    QVERIFY(QRectF(0, 0, 700, 500).contains(grid.head_rect(31, 31)));
    settle();
    QWheelEvent wheel(QPointF(300, 300), grid.mapToGlobal(QPointF(300, 300)), {}, {0, 240}, {}, {},
                      Qt::NoScrollPhase, false);
    const double before = grid.head_rect(0, 0).top();
    QCoreApplication::sendEvent(&grid, &wheel);
    QVERIFY(grid.head_rect(0, 0).top() > before);
  }

  void empty_reports_are_survived() {
    HeadGridCanvas grid;
    show(grid, 300, 200);
    settle();
    QTest::keyClick(&grid, Qt::Key_Down);
    grid.set_report(share(engine::Report{}));
    grid.set_current(3, 3);
    QCOMPARE(grid.current(), (views::HeadPlace{-1, -1}));
    settle();
  }
};

QTEST_MAIN(CanvasHeadGridTest)
#include "canvas_head_grid_test.moc"
