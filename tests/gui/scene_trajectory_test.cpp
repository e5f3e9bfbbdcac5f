#include <set>

#include <QSignalSpy>

#include "canvas_fixture.h"
#include "views/scene/trajectory_scene.h"

using namespace vitrine;
using namespace vitrine::test;
using views::TrajectoryScene;

namespace {
std::shared_ptr<const engine::Report> trajectory_report() {
  engine::Report report;
  report.picture = engine::PictureKind::Trajectories;
  report.arrays.push_back(golden_array("lm.trajectory"));
  report.arrays[0].axes = {{"layer", "", {"embedding", "block 0", "block 1", "block 2", "block 3"}},
                           {"token", "", {}},
                           {"component", "", {}}};
  for (const std::string& text : lm_tokens()) report.tokens.push_back({text, -1, -1, -1, false});
  const auto explained = golden_array("lm.explained");
  for (int i = 0; i < 3; ++i) {
    report.metrics.push_back({"explained variance " + std::to_string(i + 1),
                              explained.values[static_cast<std::size_t>(i)], "", std::nullopt});
  }
  return share(std::move(report));
}

views::TrajectorySettings coloured() {
  views::TrajectorySettings settings;
  settings.table = sequential();
  return settings;
}

int different_from_background(const QImage& image, const QColor& background) {
  int count = 0;
  for (int y = 0; y < image.height(); ++y) {
    for (int x = 0; x < image.width(); ++x) count += !near(image.pixelColor(x, y), background, 6);
  }
  return count;
}
}  // namespace

class SceneTrajectoryTest : public QObject {
  Q_OBJECT
 private slots:
  void the_last_layer_is_where_it_is_projected() {
    TrajectoryScene scene;
    scene.set_settings(coloured());
    scene.set_hidden_tokens({0});
    scene.set_report(trajectory_report());
    show(scene, 1000, 760);
    settle();
    const QImage image = scene.grab_frame();
    save(image, "scene_dark");
    QVERIFY(different_from_background(image, scene.theme().background) > 5000);
    int bright = 0;
    for (int token = 1; token < 37; ++token) {
      const auto at = scene.screen_position(4, token);
      QVERIFY(at.has_value());
      bright += image.pixelColor(at->toPoint()).green() > 120;
    }
    QVERIFY2(bright > 30, qPrintable(QString::number(bright)));
    QVERIFY(!scene.screen_position(4, 0).has_value());
    QCOMPARE(QString::fromStdString(scene.trajectories().axis_names[0]),
             QStringLiteral("PC 1 (17 %)"));
  }

  void labels_never_overlap_and_the_selected_one_is_there() {
    TrajectoryScene scene;
    scene.set_settings(coloured());
    scene.set_hidden_tokens({0});
    scene.set_report(trajectory_report());
    show(scene, 1000, 760);
    settle();
    for (int token = 1; token < 37; ++token) {
      scene.set_selected(token);
      (void)scene.grab_frame();
      const auto& shown = scene.labelled_tokens();
      QVERIFY2(std::find(shown.begin(), shown.end(), token) != shown.end(),
               qPrintable(QString::number(token)));
      QCOMPARE(std::set<int>(shown.begin(), shown.end()).size(), shown.size());
    }
  }

  void hover_click_and_keys_select() {
    TrajectoryScene scene;
    auto settings = coloured();
    scene.set_settings(settings);
    scene.set_theme(views::CanvasTheme::light_default());
    scene.set_hidden_tokens({0});
    scene.set_report(trajectory_report());
    show(scene, 1000, 760);
    settle();
    save(scene.grab_frame(), "scene_light");
    QSignalSpy selected(&scene, &TrajectoryScene::selected),
        hovered(&scene, &TrajectoryScene::hovered);
    const QPointF at = *scene.screen_position(4, 22);
    const int expected = scene.pick(at)->second;
    QTest::mouseMove(&scene, at.toPoint());
    settle();
    QCOMPARE(hovered.last().at(1).toInt(), expected);
    QTest::mouseClick(&scene, Qt::LeftButton, {}, at.toPoint());
    QCOMPARE(selected.last(), QVariantList({expected}));
    settle();
    save(scene.grab_frame(), "scene_selected_light");
    QTest::keyClick(&scene, Qt::Key_Right);
    QCOMPARE(selected.last(), QVariantList({expected + 1}));
    scene.set_theme(views::CanvasTheme::dark_default());
    settings.color = views::TrajectorySettings::Color::Token;
    scene.set_settings(settings);
    QTest::keyClick(&scene, Qt::Key_Down);
    QTest::keyClick(&scene, Qt::Key_Down);
    QTest::mouseMove(&scene, QPoint(4, 4));
    settle();
    save(scene.grab_frame(), "scene_selected_dark");
    QTest::keyClick(&scene, Qt::Key_Escape);
    QCOMPARE(selected.last(), QVariantList({-1}));
    scene.set_selected(1);
    QTest::keyClick(&scene, Qt::Key_Left);
    QCOMPARE(scene.selected_token(), 1);
  }

  void drag_orbits_wheel_zooms_and_r_resets() {
    TrajectoryScene scene;
    scene.set_settings(coloured());
    scene.set_hidden_tokens({0});
    scene.set_report(trajectory_report());
    show(scene, 800, 640);
    settle();
    const QPointF before = *scene.screen_position(2, 5);
    QSignalSpy selected(&scene, &TrajectoryScene::selected);
    QTest::mousePress(&scene, Qt::LeftButton, {}, {400, 300});
    QTest::mouseMove(&scene, {460, 330});
    QTest::mouseMove(&scene, {520, 350});
    settle();
    QTest::mouseRelease(&scene, Qt::LeftButton, {}, {520, 350});
    QVERIFY((*scene.screen_position(2, 5) - before).manhattanLength() > 5);
    QCOMPARE(selected.size(), 0);
    save(scene.grab_frame(), "scene_orbited_dark");
    scene.zoom(2);
    QTest::keyClick(&scene, Qt::Key_R);
    QVERIFY((*scene.screen_position(2, 5) - before).manhattanLength() < 1e-6);
  }

  void resize_and_a_new_parent_are_survived() {
    QWidget home;
    auto* scene = new TrajectoryScene(&home);
    scene->set_settings(coloured());
    scene->set_hidden_tokens({0});
    scene->set_report(trajectory_report());
    scene->resize(500, 400);
    show(home, 600, 500);
    settle();
    const int first =
        different_from_background(scene->grab_frame(), scene->theme().background);
    QVERIFY(first > 1000);
    scene->resize(300, 460);
    settle();
    QCOMPARE(scene->grab_frame().size(), QSize(300, 460));
    scene->setParent(nullptr);
    show(*scene, 700, 560);
    settle();
    QVERIFY(different_from_background(scene->grab_frame(), scene->theme().background) > 1000);
    delete scene;
  }

  void empty_and_degenerate_reports_are_survived() {
    TrajectoryScene scene;
    show(scene, 400, 300);
    settle();
    save(scene.grab_frame(), "scene_empty");
    QTest::keyClick(&scene, Qt::Key_Right);
    scene.set_report(share(engine::Report{}));
    engine::Report report;
    report.arrays.push_back({"x", "", {}, {2, 2, 3}, {1, 1, 1, NAN, 0, 0, 1, 1, 1, 1, 1, 1}});
    scene.set_report(share(std::move(report)));
    settle();
    (void)scene.grab_frame();
    QVERIFY(!scene.screen_position(0, 1).has_value());
    QVERIFY(scene.screen_position(1, 1).has_value());
    scene.set_report(nullptr);
    settle();
  }
};

QTEST_MAIN(SceneTrajectoryTest)
#include "scene_trajectory_test.moc"
