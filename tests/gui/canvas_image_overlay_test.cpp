#include <QSignalSpy>

#include "canvas_fixture.h"
#include "views/canvas/image_overlay_canvas.h"

using namespace vitrine;
using namespace vitrine::test;
using views::ImageOverlayCanvas;

namespace {
engine::Report overlay(int layer, int head) {
  engine::Report report = head_report("vit.attn", layer, head);
  report.picture = engine::PictureKind::ImageOverlay;
  report.grid = engine::PatchGrid{8, 8, 1};
  const QImage digit =
      QImage::fromData(golden_bytes("digit.png")).convertToFormat(QImage::Format_RGB888);
  engine::Picture8 picture{digit.width(), digit.height(), {}};
  for (int y = 0; y < digit.height(); ++y) {
    picture.rgb.insert(picture.rgb.end(), digit.constScanLine(y),
                       digit.constScanLine(y) + 3 * digit.width());
  }
  report.image = picture;
  return report;
}

views::ImageOverlaySettings coloured() {
  views::ImageOverlaySettings settings;
  settings.table = sequential();
  return settings;
}
}  // namespace

class CanvasImageOverlayTest : public QObject {
  Q_OBJECT
 private slots:
  void the_strongest_patch_has_the_top_colour() {
    ImageOverlayCanvas canvas;
    auto settings = coloured();
    settings.opacity = 1;
    settings.grid = false;
    canvas.set_settings(settings);
    const auto report = overlay(3, 1);
    canvas.set_report(share(report));
    canvas.set_query(0);
    show(canvas, 560, 600);
    settle();
    const auto row = report.arrays[0].values.begin();
    const int best = static_cast<int>(std::max_element(row + 1, row + 65) - row);
    const auto top = sequential()[255];
    const QColor seen =
        canvas.grab_frame().pixelColor(canvas.token_rect(best).center().toPoint());
    QVERIFY2(near(seen, QColor(top[0], top[1], top[2])), qPrintable(seen.name()));
    QCOMPARE(canvas.scale().hi, *std::max_element(row + 1, row + 65));
  }

  void point_at_a_patch_and_at_cls() {
    ImageOverlayCanvas canvas;
    canvas.set_settings(coloured());
    const auto report = overlay(2, 0);
    canvas.set_report(share(report));
    show(canvas, 560, 620);
    settle();
    QSignalSpy hovered(&canvas, &ImageOverlayCanvas::hovered);
    QTest::mouseMove(&canvas, canvas.token_rect(1 + 3 * 8 + 4).center().toPoint());
    settle();
    QCOMPARE(hovered.last(), QVariantList({29}));
    QCOMPARE(canvas.shown_query(), 29);
    settle();
    save(canvas.grab_frame(), "overlay_patch_dark");
    QTest::mouseMove(&canvas, canvas.token_rect(0).center().toPoint());
    settle();
    QCOMPARE(canvas.shown_query(), 0);
    save(canvas.grab_frame(), "overlay_cls_dark");
  }

  void a_kept_patch_is_read_against_others_and_shift_compares() {
    ImageOverlayCanvas canvas;
    canvas.set_theme(views::CanvasTheme::light_default());
    canvas.set_settings(coloured());
    const auto a = overlay(2, 0), b = overlay(4, 2);
    canvas.set_report(share(a));
    canvas.set_compare(share(b));
    canvas.set_names("2.0", "4.2");
    show(canvas, 560, 620);
    QSignalSpy selected(&canvas, &ImageOverlayCanvas::query_selected),
        flipped(&canvas, &ImageOverlayCanvas::flipped);
    QTest::mouseClick(&canvas, Qt::LeftButton, {}, canvas.token_rect(20).center().toPoint());
    QCOMPARE(selected.last(), QVariantList({20}));
    QTest::mouseMove(&canvas, canvas.token_rect(45).center().toPoint());
    QCOMPARE(canvas.shown_query(), 20);
    const auto probe = canvas.probe(20, 45);
    QCOMPARE(probe.value, a.arrays[0].values[20 * 65 + 45]);
    QCOMPARE(*probe.second, b.arrays[0].values[20 * 65 + 45]);
    settle();
    save(canvas.grab_frame(), "overlay_kept_light");
    const QImage before = canvas.grab_frame();
    QTest::keyPress(&canvas, Qt::Key_Shift);
    QCOMPARE(flipped.last(), QVariantList({true}));
    settle();
    QVERIFY(canvas.grab_frame() != before);
    save(canvas.grab_frame(), "overlay_second_light");
    QTest::keyRelease(&canvas, Qt::Key_Shift);
    QTest::keyClick(&canvas, Qt::Key_Down);
    QCOMPARE(selected.last(), QVariantList({28}));
    QTest::keyClick(&canvas, Qt::Key_Home);
    QCOMPARE(selected.last(), QVariantList({0}));
    QTest::keyClick(&canvas, Qt::Key_Escape);
    QCOMPARE(selected.last(), QVariantList({-1}));
  }

  void wrong_reports_are_survived() {
    ImageOverlayCanvas canvas;
    show(canvas, 300, 260);
    auto report = overlay(0, 0);
    report.grid = engine::PatchGrid{9, 8, 1};
    canvas.set_report(share(report));
    QCOMPARE(canvas.shown_query(), -1);
    report = overlay(0, 0);
    report.image->rgb.resize(5);
    canvas.set_report(share(report));
    settle();
    report.image.reset();
    canvas.set_report(share(report));
    settle();
    canvas.set_report(nullptr);
    QTest::keyClick(&canvas, Qt::Key_Down);
    settle();
  }
};

QTEST_MAIN(CanvasImageOverlayTest)
#include "canvas_image_overlay_test.moc"
