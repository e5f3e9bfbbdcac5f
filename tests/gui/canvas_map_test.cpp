#include <QElapsedTimer>
#include <QHBoxLayout>
#include <QSignalSpy>

#include "canvas_fixture.h"
#include "views/canvas/map_canvas.h"

using namespace vitrine;
using namespace vitrine::test;
using views::MapCanvas;
using views::MapCompare;
using views::MapSettings;

namespace {
MapSettings coloured() {
  MapSettings settings;
  settings.table = sequential();
  settings.diverging_table = two_sided();
  return settings;
}

QColor at(const QImage& image, QPointF point) { return image.pixelColor(point.toPoint()); }

engine::Report big_report(int n) {
  engine::Report report;
  engine::Array array;
  array.shape = {n, n};
  array.values.assign(static_cast<std::size_t>(n) * static_cast<std::size_t>(n), 0.0F);
  for (int r = 0; r < n; ++r) {
    for (int c = 0; c <= r; ++c) {
      array.values[static_cast<std::size_t>(r) * static_cast<std::size_t>(n) +
                   static_cast<std::size_t>(c)] = 1.0F / (1.0F + static_cast<float>((r - c) % 97));
    }
  }
  report.arrays.push_back(array);
  return report;
}
}  // namespace

class CanvasMapTest : public QObject {
  Q_OBJECT
 private slots:
  void every_cell_has_the_colour_of_its_value() {
    MapCanvas map;
    map.set_settings(coloured());
    const auto report = head_report("lm.attn", 2, 1);
    map.set_report(share(report));
    show(map, 900, 860);
    settle();
    const QImage image = map.grab_frame();
    save(image, "map_dark");
    const auto scale = map.scale();
    const auto table = sequential();
    const auto& array = report.arrays[0];
    int checked = 0;
    for (int q = 0; q < 37; ++q) {
      for (int k = 0; k < 37; ++k) {
        const float value = array.values[static_cast<std::size_t>(q * 37 + k)];
        const auto& rgb = table[static_cast<std::size_t>(scale.index(value))];
        QVERIFY2(near(at(image, map.cell_centre(q, k)), QColor(rgb[0], rgb[1], rgb[2])),
                 qPrintable(QStringLiteral("cell %1, %2").arg(q).arg(k)));
        ++checked;
      }
    }
    QCOMPARE(checked, 37 * 37);
  }

  void hover_tells_value_tokens_and_rank() {
    MapCanvas map;
    map.set_settings(coloured());
    const auto report = head_report("lm.attn", 3, 1);
    map.set_report(share(report));
    show(map, 900, 860);
    QSignalSpy hovered(&map, &MapCanvas::hovered);
    QTest::mouseMove(&map, map.cell_centre(20, 7).toPoint());
    settle();
    QCOMPARE(hovered.last(), QVariantList({20, 7}));
    const auto probe = map.probe(20, 7);
    const auto& values = report.arrays[0].values;
    QCOMPARE(*probe.value, values[20 * 37 + 7]);
    int larger = 0;
    for (int k = 0; k < 37; ++k)
      larger += values[static_cast<std::size_t>(20 * 37 + k)] > values[20 * 37 + 7];
    QCOMPARE(probe.rank, larger + 1);
    QCOMPARE(probe.rank_of, 37);
    QCOMPARE(QString::fromStdString(probe.key_label),
             QString::fromStdString(lm_tokens()[7]).trimmed());
    save(map.grab_frame(), "map_hover_dark");
    QEvent leave(QEvent::Leave);
    QCoreApplication::sendEvent(&map, &leave);
    QCOMPARE(hovered.last(), QVariantList({-1, -1}));
  }

  void click_and_arrows_select() {
    MapCanvas map;
    map.set_settings(coloured());
    map.set_theme(views::CanvasTheme::light_default());
    map.set_report(share(head_report("lm.attn", 2, 1)));
    show(map, 900, 860);
    QSignalSpy selected(&map, &MapCanvas::selected);
    QTest::mouseClick(&map, Qt::LeftButton, {}, map.cell_centre(9, 3).toPoint());
    QCOMPARE(selected.last(), QVariantList({9, 3}));
    QTest::keyClick(&map, Qt::Key_Down);
    QTest::keyClick(&map, Qt::Key_Right, Qt::ShiftModifier);
    QCOMPARE(selected.last(), QVariantList({10, 13}));
    QTest::keyClick(&map, Qt::Key_End);
    QCOMPARE(selected.last(), QVariantList({10, 36}));
    settle();
    save(map.grab_frame(), "map_light_selected");
    QTest::keyClick(&map, Qt::Key_Escape);
    QCOMPARE(map.selected_query(), -1);
  }

  void wheel_zooms_to_the_cursor_and_f_fits() {
    MapCanvas map;
    map.set_settings(coloured());
    map.set_report(share(head_report("lm.attn", 2, 1)));
    show(map, 900, 860);
    const double before = map.cell_size();
    const QPointF point = map.cell_centre(12, 5);
    for (int i = 0; i < 6; ++i) {
      QWheelEvent wheel(point, map.mapToGlobal(point), {}, {0, 120}, {}, {}, Qt::NoScrollPhase,
                        false);
      QCoreApplication::sendEvent(&map, &wheel);
    }
    QVERIFY(map.cell_size() > 2.5 * before);
    QVERIFY((map.cell_centre(12, 5) - point).manhattanLength() < 1e-6);
    settle();
    save(map.grab_frame(), "map_zoomed_dark");
    const QPointF from = map.plot_rect().center();
    const QPointF was = map.cell_centre(12, 5);
    QTest::mousePress(&map, Qt::LeftButton, {}, from.toPoint());
    QTest::mouseMove(&map, (from + QPointF(-60, -40)).toPoint());
    QTest::mouseRelease(&map, Qt::LeftButton, {}, (from + QPointF(-60, -40)).toPoint());
    QVERIFY(map.cell_centre(12, 5).x() < was.x() - 50);
    QCOMPARE(map.selected_query(), -1);
    QTest::keyClick(&map, Qt::Key_F);
    QCOMPARE(map.cell_size(), before);
  }

  void two_heads_flip_blend_and_differ() {
    MapCanvas map;
    auto settings = coloured();
    map.set_settings(settings);
    const auto a = head_report("lm.attn", 2, 1), b = head_report("lm.attn", 0, 0);
    map.set_report(share(a));
    map.set_compare(share(b));
    map.set_names("2.1", "0.0");
    show(map, 900, 860);
    settle();
    QSignalSpy flipped(&map, &MapCanvas::flipped);
    const auto colour_of = [&](float v) {
      const auto& rgb = settings.table[static_cast<std::size_t>(map.scale().index(v))];
      return QColor(rgb[0], rgb[1], rgb[2]);
    };
    const std::size_t cell = 5 * 37 + 4;
    QVERIFY(near(at(map.grab_frame(), map.cell_centre(5, 4)),
                 colour_of(a.arrays[0].values[cell])));
    QTest::keyPress(&map, Qt::Key_Space);
    QVERIFY(near(at(map.grab_frame(), map.cell_centre(5, 4)),
                 colour_of(b.arrays[0].values[cell])));
    QTest::keyRelease(&map, Qt::Key_Space);
    QCOMPARE(flipped.size(), 2);
    QVERIFY(!near(colour_of(a.arrays[0].values[cell]), colour_of(b.arrays[0].values[cell]), 20));
    settings.compare = MapCompare::Blend;
    map.set_settings(settings);
    settle();
    save(map.grab_frame(), "map_blend_dark");
    map.set_theme(views::CanvasTheme::light_default());
    settings.compare = MapCompare::Difference;
    map.set_settings(settings);
    QTest::mouseMove(&map, map.cell_centre(30, 12).toPoint());
    settle();
    save(map.grab_frame(), "map_difference_light");
    QCOMPARE(*map.probe(5, 4).second, b.arrays[0].values[cell]);
  }

  void log_range_separates_small_values() {
    MapCanvas map;
    auto settings = coloured();
    settings.log = true;
    map.set_settings(settings);
    map.set_report(share(head_report("vit.attn", 1, 0)));
    show(map, 700, 640);
    settle();
    save(map.grab_frame(), "map_vit_log_dark");
    QVERIFY(map.scale().unit(1e-3F) > 0.2F);
  }

  void draws_nothing_while_nothing_changes() {
    MapCanvas map;
    map.set_report(share(head_report("lm.attn", 0, 0)));
    show(map, 500, 460);
    settle();
    const auto frames = map.frames_drawn();
    QTest::qWait(150);
    QCOMPARE(map.frames_drawn(), frames);
    map.set_selection(1, 1);
    settle();
    QVERIFY(map.frames_drawn() > frames);
    QVERIFY(map.frames_drawn() <= frames + 3);
  }

  void several_canvases_and_a_reparented_one_stay_right() {
    QWidget window;
    auto* row = new QHBoxLayout(&window);
    auto* left = new MapCanvas;
    auto* right = new MapCanvas;
    row->addWidget(left);
    row->addWidget(right);
    for (auto* map : {left, right}) map->set_settings(coloured());
    left->set_report(share(head_report("lm.attn", 2, 1)));
    right->set_report(share(head_report("lm.attn", 0, 0)));
    show(window, 1300, 640);
    settle();
    save(window.grab().toImage(), "map_two");
    const auto check = [&](MapCanvas& map) {
      const QImage image = map.grab_frame();
      for (int k = 0; k < 37; ++k)
        QVERIFY(near(at(image, map.cell_centre(k, k)), *map.cell_color(k, k)));
    };
    check(*left);
    check(*right);
    right->setParent(nullptr);
    show(*right, 640, 600);
    settle();
    check(*right);
    check(*left);
    delete right;
  }

  void two_thousand_tokens_stay_quick_and_no_cell_is_lost() {
    MapCanvas map;
    map.set_settings(coloured());
    auto report = big_report(2048);
    for (auto& v : report.arrays[0].values) v *= 0.05F;
    report.arrays[0].values[2048 * 1001 + 1500] = 1.0F;
    for (int i = 0; i < 2048; ++i)
      report.tokens.push_back({"token " + std::to_string(i), -1, -1, -1, false});
    QElapsedTimer loading;
    loading.start();
    map.set_report(share(std::move(report)));
    QVERIFY2(loading.elapsed() < 500, qPrintable(QString::number(loading.elapsed())));
    show(map, 1000, 900);
    settle();
    const QImage image = map.grab_frame();
    save(image, "map_2048_dark");
    const auto top = sequential()[255];
    const QPointF at_cell = map.cell_centre(1001, 1500);
    bool found = false;
    for (int dx = -2; dx <= 2; ++dx) {
      for (int dy = -2; dy <= 2; ++dy) {
        found |= near(at(image, at_cell + QPointF(dx, dy)), QColor(top[0], top[1], top[2]), 8);
      }
    }
    QVERIFY2(found, "a single bright cell must survive zooming out");
    QElapsedTimer timer;
    timer.start();
    for (int i = 0; i < 10; ++i) {
      map.zoom(1.3, at_cell);
      (void)map.grab_frame();
    }
    QVERIFY2(timer.elapsed() < 5000, qPrintable(QString::number(timer.elapsed())));
    QVERIFY(near(at(map.grab_frame(), map.cell_centre(1001, 1500)),
                 QColor(top[0], top[1], top[2])));
  }

  void a_huge_map_is_asked_for_tile_by_tile() {
    MapCanvas map;
    auto settings = coloured();
    settings.hi = 1.0F;
    settings.lo = 0.0F;
    map.set_settings(settings);
    std::vector<views::TileKey> asked;
    std::vector<std::int64_t> rows;
    views::TileSource source;
    source.rows = source.cols = 50176;
    source.request_tile = [&](const views::TileKey& key) { asked.push_back(key); };
    source.request_row = [&](std::int64_t row) { rows.push_back(row); };
    map.set_source(source);
    show(map, 800, 760);
    settle();
    QVERIFY(!asked.empty() && asked.size() < 40);
    const auto answer = [&](float value) {
      const auto keys = std::exchange(asked, {});
      for (const auto& key : keys) {
        const auto span = std::int64_t{1} << key.level;
        const auto count = (50176 + span - 1) / span;
        const auto side = [&](std::int64_t tile) {
          return static_cast<std::size_t>(std::min<std::int64_t>(256, count - tile * 256));
        };
        map.set_tile(key, std::vector<float>(side(key.row) * side(key.col), value));
      }
    };
    answer(0.5F);
    settle();
    const auto half = sequential()[128];
    QVERIFY(near(at(map.grab_frame(), map.plot_rect().center()),
                 QColor(half[0], half[1], half[2])));
    for (int i = 0; i < 40; ++i) map.zoom(1.4, map.plot_rect().center());
    settle();
    QVERIFY(near(at(map.grab_frame(), map.plot_rect().center() + QPointF(3, 3)),
                 QColor(half[0], half[1], half[2])));
    QVERIFY(!asked.empty() && asked.back().level == 0);
    answer(0.25F);
    settle();
    const auto cell = *map.cell_at(map.plot_rect().center());
    QCOMPARE(*map.probe(cell.first, cell.second).value, 0.25F);
    QCOMPARE(rows.back(), cell.first);
    std::vector<float> row(50176, 0.0F);
    row[0] = 0.9F;
    row[static_cast<std::size_t>(cell.second)] = 0.25F;
    map.set_row(cell.first, row);
    QCOMPARE(map.probe(cell.first, cell.second).rank, 2);
  }

  void pooled_cells_end_where_the_map_ends() {
    // Of 513 cells the last pooled one stands for three that are not there.
    for (int side = 260; side < 300; side += 3) {
      MapCanvas map;
      map.set_settings(coloured());
      views::TileSource source;
      source.rows = source.cols = 513;
      source.request_tile = [&](const views::TileKey& key) {
        const auto count = static_cast<std::size_t>((513 + (1 << key.level) - 1) >> key.level);
        map.set_tile(key, std::vector<float>(count * count, 1.0F));
      };
      map.set_source(source);
      show(map, side, side);
      const QImage image = map.grab_frame();
      const QPointF past = map.cell_centre(512, 512) + QPointF(map.cell_size(), map.cell_size()) / 2;
      const QPoint inside(static_cast<int>(past.x()) - 20, static_cast<int>(past.y()) - 20);
      QVERIFY(!near(image.pixelColor(inside), map.theme().background));
      QVERIFY2(near(image.pixelColor(inside.x(), static_cast<int>(std::ceil(past.y() - 0.5))), map.theme().background), qPrintable(QString::number(side)));
      QVERIFY2(near(image.pixelColor(static_cast<int>(std::ceil(past.x() - 0.5)), inside.y()), map.theme().background), qPrintable(QString::number(side)));
    }
  }

  void tokens_of_every_script_are_labelled() {
    MapCanvas map;
    map.set_settings(coloured());
    engine::Report report;
    report.arrays.push_back({"pattern",
                             "probability",
                             {{"query", "", {}}, {"key", "", {}}},
                             {7, 7},
                             std::vector<float>(49, 0.1F)});
    for (const char* text :
         {"caf\u00e9", " \u0437\u0434\u0440\u0430\u0432", "\u03c8\u03c5\u03c7\u03ae",
          "\u0645\u0631\u062d\u0628\u0627", "\u2192\u221e", "\n", "\xff\xfe"}) {
      report.tokens.push_back({text, -1, -1, -1, false});
    }
    map.set_report(share(std::move(report)));
    show(map, 460, 420);
    settle();
    save(map.grab_frame(), "map_scripts");
    int inked = 0;
    const QImage image = map.grab_frame();
    for (int x = 20; x < static_cast<int>(map.cell_centre(3, 0).x() - map.cell_size() / 2) - 4;
         ++x) {
      inked += !near(image.pixelColor(x, static_cast<int>(map.cell_centre(3, 0).y())),
                     map.theme().background, 30);
    }
    QVERIFY2(inked > 3, "an Arabic token must leave ink on its row");
  }

  void empty_and_wrong_reports_are_survived() {
    MapCanvas map;
    show(map, 300, 200);
    settle();
    save(map.grab_frame(), "map_empty");
    map.set_report(share(engine::Report{}));
    engine::Report wrong;
    wrong.arrays.push_back({"x", "", {}, {3, 3}, {1.0F}});
    map.set_report(share(wrong));
    engine::Report nan;
    nan.arrays.push_back({"x", "", {}, {2, 2}, {NAN, 1.0F, 0.5F, NAN}});
    map.set_report(share(nan));
    settle();
    QVERIFY(near(*map.cell_color(0, 0), map.theme().surface));
    QTest::keyClick(&map, Qt::Key_Down);
    QTest::mouseMove(&map, map.cell_centre(0, 0).toPoint());
    settle();
    map.set_report(nullptr);
    settle();
    QCOMPARE(map.cell_at(QPointF(50, 50)), std::nullopt);
  }
};

QTEST_MAIN(CanvasMapTest)
#include "canvas_map_test.moc"
