#include <QListView>
#include <QTableView>

#include "app/window/journal_view.h"
#include "app/window/screenshot.h"
#include "real_window.h"
#include "views/panels/part_tree.h"

using namespace vitrine;
using test::RealWindow;

/// Two branches of one model beside each other, and what stays prompt while a ranking fills in.
class WindowBranchesTest : public QObject {
  Q_OBJECT
 private slots:
  void two_branches_stand_side_by_side_each_with_its_numbers();
  void a_switched_head_is_answered_while_a_ranking_fills_in();
};

namespace {

QString zero(RealWindow& window, int layer, int head) {
  auto* parts = window.in<views::PartTree>("pruning", "parts");
  return test::click_check_box(parts, parts->item_of({views::PartRef::Kind::Head, "", layer, head}));
}

}  // namespace

void WindowBranchesTest::two_branches_stand_side_by_side_each_with_its_numbers() {
  RealWindow window;
  VITRINE_DO(window.open_demo(QStringLiteral("lm_text")));
  VITRINE_DO(window.show_panel(QStringLiteral("pruning")));
  QVERIFY(window.settle({"input", "pruning"}));
  VITRINE_DO(zero(window, 0, 0));
  QVERIFY(window.settle({"input"}));
  const QStringList left = test::rows_on_screen(*window.in<QAbstractItemView>("input", "predictions"));
  VITRINE_DO(test::press(QKeySequence(QStringLiteral("Ctrl+Z"))));
  VITRINE_DO(zero(window, 3, 1));
  VITRINE_DO(zero(window, 2, 1));
  QVERIFY(window.settle({"input"}));
  const QStringList right = test::rows_on_screen(*window.in<QAbstractItemView>("input", "predictions"));
  QVERIFY(left != right);
  auto* list = window->journal().findChild<QListView*>(QStringLiteral("journal_list"));
  VITRINE_DO(test::click_item(list, list->model()->index(3, 0)));
  VITRINE_DO(test::press(QKeySequence(QStringLiteral("Ctrl+D"))));
  QTRY_VERIFY_WITH_TIMEOUT(window->second_host() && window->second_host()->input(), 60000);
  QVERIFY(window.settle({"input", "b_input", "attention", "b_attention"}));
  QCOMPARE(test::rows_on_screen(*window.in<QAbstractItemView>("input", "predictions")), right);
  QCOMPARE(test::rows_on_screen(*window.in<QAbstractItemView>("b_input", "predictions")), left);
  QVERIFY(app::write_picture(*window, QStringLiteral(VITRINE_SHOTS "/real_two_branches.png")).isEmpty());
  VITRINE_DO(test::press(QKeySequence(QStringLiteral("Ctrl+T"))));
  QVERIFY(app::write_picture(*window, QStringLiteral(VITRINE_SHOTS "/real_two_branches_light.png")).isEmpty());
  VITRINE_DO(test::press(QKeySequence(QStringLiteral("Ctrl+D"))));
  QTRY_VERIFY(!window->second_host());
  QCOMPARE(test::rows_on_screen(*window.in<QAbstractItemView>("input", "predictions")), right);
}

void WindowBranchesTest::a_switched_head_is_answered_while_a_ranking_fills_in() {
  RealWindow window;
  VITRINE_DO(window.open_demo(QStringLiteral("vit_digits")));
  VITRINE_DO(test::press(QKeySequence(QStringLiteral("Ctrl+3"))));
  QVERIFY(window.settle({"input", "pruning"}));
  VITRINE_DO(test::choose_from(window.in<QComboBox>("importance", "method"), QStringLiteral("Mean")));
  auto* predictions = window.in<QTableView>("input", "predictions");
  for (int i = 0; i < 20; ++i) {
    const QStringList before = test::rows_on_screen(*predictions);
    VITRINE_DO(zero(window, i / 4, i % 4));
    QVERIFY(test::wait_for([&] { return test::rows_on_screen(*predictions) != before; }, 20000));
  }
}

int main(int argc, char** argv) {
  return test::run_real(argc, argv, [] { return std::make_unique<WindowBranchesTest>(); });
}
#include "window_branches_test.moc"
