#include "views/panels/frame.h"

#include <QAbstractButton>
#include <QAction>
#include <QEvent>
#include <QFileDialog>
#include <QHBoxLayout>
#include <QLabel>
#include <QMenu>
#include <QPainter>
#include <QShortcut>
#include <QShowEvent>
#include <QStackedLayout>
#include <QTimer>
#include <QToolButton>
#include <QVBoxLayout>

#include "views/panels/controls.h"
#include "views/panels/export.h"
#include "views/panels/folders.h"
#include "views/panels/style.h"

namespace vitrine::views {

/// Two pixels that are always there, so that nothing moves when work starts.
class ProgressLine : public QWidget {
 public:
  explicit ProgressLine(QWidget* parent) : QWidget(parent) { setFixedHeight(2); }
  void set(double fraction) {
    fraction_ = fraction;
    update();
  }

 protected:
  void paintEvent(QPaintEvent*) override {
    if (fraction_ < 0 || fraction_ >= 1) return;
    QPainter painter(this);
    const Shades s = shades(*this);
    painter.fillRect(rect(), s.line);
    painter.fillRect(QRectF(0, 0, width() * std::max(fraction_, 0.04), height()), s.accent);
  }

 private:
  double fraction_ = -1;
};

FramedPanel::FramedPanel(Host& host, QWidget* parent) : Panel(host, parent) {
  build();
  connect(&host, &Host::model_changed, this, [this] {
    drop_all();
    model_opened();
    schedule_refresh();
  });
  connect(&host, &Host::input_changed, this, [this] {
    if (follows_.input) schedule_refresh();
  });
  connect(&host, &Host::edits_changed, this, [this] {
    if (follows_.edits) schedule_refresh();
  });
  connect(&host, &Host::selection_changed, this, [this] {
    selection_moved();
    if (follows_.selection) schedule_refresh();
  });
  connect(&host, &Host::view_changed, this, [this](const QString& panel) {
    if (panel == id()) settings_changed(this->host().view_settings(panel));
  });
  connect(&host, &Host::theme_changed, this, [this] { theme_moved(); });
  connect(&host, &Host::report, this, &FramedPanel::on_report);
  connect(&host, &Host::failed, this, &FramedPanel::on_failed);
  connect(&host, &Host::progress, this, [this](const QString& tag, double fraction, const QString& what) {
    if (tag.startsWith(id() + "/") && awaits(tag.mid(id().size() + 1))) set_progress(fraction, what);
  });
}

FramedPanel::~FramedPanel() = default;

void FramedPanel::build() {
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(kGrid, kGrid, kGrid, kGrid);
  column->setSpacing(kGrid / 2);

  bar_ = new QHBoxLayout;
  bar_->setSpacing(kGrid);
  export_ = icon_button("export", tr("Export what this panel shows (figure or data)"), this);
  export_->setObjectName("export");
  export_->setPopupMode(QToolButton::InstantPopup);
  export_menu_ = new QMenu(export_);
  export_->setMenu(export_menu_);
  connect(export_menu_, &QMenu::aboutToShow, this, &FramedPanel::fill_export_menu);
  bar_->addStretch(1);
  bar_->addWidget(export_, 0, Qt::AlignTop);
  column->addLayout(bar_);

  line_ = new ProgressLine(this);
  column->addWidget(line_);

  auto* middle = new QWidget(this);
  stack_ = new QStackedLayout(middle);
  stack_->setContentsMargins(0, 0, 0, 0);
  notice_ = new QWidget(middle);
  auto* around = new QVBoxLayout(notice_);
  around->addStretch(1);
  notice_text_ = new QLabel(notice_);
  notice_text_->setObjectName("notice");
  notice_text_->setWordWrap(true);
  notice_text_->setAlignment(Qt::AlignCenter);
  notice_text_->setTextInteractionFlags(Qt::TextSelectableByMouse);
  around->addWidget(notice_text_);
  around->addStretch(2);
  stack_->addWidget(notice_);
  column->addWidget(middle, 1);

  auto* foot = new QHBoxLayout;
  foot->setSpacing(6);
  verified_mark_ = new QLabel(this);
  verified_mark_->setFixedWidth(14);
  verified_ = new ElidedLabel(this);
  verified_->setObjectName("verified");
  busy_ = new QLabel(this);
  busy_->setForegroundRole(QPalette::PlaceholderText);
  foot->addWidget(verified_mark_);
  foot->addWidget(verified_, 1);
  foot->addWidget(busy_);
  column->addLayout(foot);
}

void FramedPanel::set_controls(QWidget* bar) {
  bar_->insertWidget(0, bar, 1);
  bar_->takeAt(1);
}

void FramedPanel::set_body(QWidget* body) {
  body_ = body;
  stack_->addWidget(body);
}

void FramedPanel::show_body() {
  if (body_) stack_->setCurrentWidget(body_);
}

void FramedPanel::show_empty(const QString& sentence) {
  notice_text_->setText(sentence);
  notice_text_->setForegroundRole(QPalette::PlaceholderText);
  notice_text_->setStyleSheet({});
  stack_->setCurrentWidget(notice_);
  show_verified(nullptr);
}

void FramedPanel::show_error(const QString& sentence) {
  show_empty(sentence);
  notice_text_->setStyleSheet(QString("color: %1").arg(shades(*this).bad.name()));
}

void FramedPanel::show_verified(const engine::Report* report) {
  if (!report || report->verified.how.empty()) {
    verified_mark_->clear();
    verified_->set_text({});
    return;
  }
  const engine::Verified& verified = report->verified;
  const Shades s = shades(*this);
  // The number first: a narrow panel cuts the words.
  const QString how = QString::fromStdString(verified.how);
  QString text = how;
  if (verified.max_abs_diff == 0) {
    text = tr("no difference: %1").arg(how);
  } else if (verified.max_abs_diff > 0) {
    text = tr("differs by %1").arg(QString::number(verified.max_abs_diff, 'g', 2));
    if (verified.tolerance >= 0) text += tr(" (allowed %1)").arg(QString::number(verified.tolerance, 'g', 2));
    text += ": " + how;
  }
  const bool unchecked = !verified.ok && verified.max_abs_diff < 0;
  verified_mark_->setText(verified.ok ? QStringLiteral("✓") : unchecked ? QStringLiteral("·") : QStringLiteral("✗"));
  verified_mark_->setStyleSheet(
      QString("color: %1").arg((verified.ok ? s.good : unchecked ? s.muted : s.bad).name()));
  verified_->set_text(text);
}

void FramedPanel::set_progress(double fraction, const QString& what) {
  line_->set(fraction);
  busy_->setText(fraction >= 0 && fraction < 1 ? what : QString());
}

QString FramedPanel::sentence() const {
  return stack_->currentWidget() == notice_ ? notice_text_->text() : QString();
}

QString FramedPanel::verified_text() const { return verified_->text(); }

std::set<QString> FramedPanel::waiting() const {
  std::set<QString> tags;
  for (const auto& [slot, open] : open_) tags.insert(id() + "/" + slot);
  return tags;
}

/// Behind other tabs a dock counts as visible, but nothing of it can be seen.
bool FramedPanel::in_front() const { return isVisible() && !visibleRegion().isEmpty(); }

void FramedPanel::schedule_refresh() {
  stale_ = true;
  if (scheduled_ || !in_front()) return;
  scheduled_ = true;
  QTimer::singleShot(0, this, [this] {
    scheduled_ = false;
    if (!stale_ || !in_front()) return;
    stale_ = false;
    const ModelState* model = this->host().model();
    if (!needs_run() || !model || model->cannot_run.empty()) return refresh();
    drop_all();
    show_empty(tr("Nothing runs here: %1. The panel Tensors shows what the file holds.").arg(QString::fromStdString(model->cannot_run)));
  });
}

void FramedPanel::showEvent(QShowEvent* event) {
  Panel::showEvent(event);
  if (!scoped_) scope_accelerators();
  if (stale_) schedule_refresh();
}

bool FramedPanel::event(QEvent* event) {
  // A tab that comes to the front is only moved and painted.
  if (event->type() == QEvent::Paint && stale_) schedule_refresh();
  return Panel::event(event);
}

void FramedPanel::scope_accelerators() {
  scoped_ = true;
  // The export button is made first; the keyboard reaches it after the controls of the bar.
  QWidget* last = nullptr;
  if (bar_->count() > 1)
    for (QWidget* control : bar_->itemAt(0)->widget() ? bar_->itemAt(0)->widget()->findChildren<QWidget*>() : QList<QWidget*>())
      if ((control->focusPolicy() & Qt::TabFocus) && control->window() == window()) last = control;
  if (last) setTabOrder(last, export_);
  const auto add = [this](const QString& text, auto&& act) {
    const QKeySequence keys = QKeySequence::mnemonic(text);
    if (keys.isEmpty()) return false;
    auto* shortcut = new QShortcut(keys, this);
    shortcut->setContext(Qt::WidgetWithChildrenShortcut);
    connect(shortcut, &QShortcut::activated, this, act);
    return true;
  };
  for (QAbstractButton* button : findChildren<QAbstractButton*>())
    if (add(button->text(), [button] { button->animateClick(); })) button->setShortcut({});
  for (QLabel* label : findChildren<QLabel*>()) {
    QWidget* buddy = label->buddy();
    if (buddy && add(label->text(), [buddy] { buddy->setFocus(Qt::ShortcutFocusReason); })) {
      const QString keys = QKeySequence::mnemonic(label->text()).toString(QKeySequence::NativeText);
      label->setToolTip(tr("%1 moves the keyboard here").arg(keys));
      label->setBuddy(nullptr);
      label->setText(label->text().remove('&'));
    }
  }
}

void FramedPanel::changeEvent(QEvent* event) {
  Panel::changeEvent(event);
  if (event->type() != QEvent::PaletteChange) return;
  for (QToolButton* button : findChildren<QToolButton*>())
    if (const QVariant icon = button->property("icon_name"); icon.isValid())
      button->setIcon(themed_icon(icon.toString(), palette()));
  theme_moved();
}

void FramedPanel::ask(const QString& slot, const std::string& analysis, const nlohmann::json& params, bool edited,
                      Pace pace) {
  open_[slot] = {analysis};
  set_progress(0, tr("computing"));
  host().request(id() + "/" + slot, analysis, params, edited, pace);
}

void FramedPanel::drop(const QString& slot) {
  if (open_.erase(slot) > 0) host().cancel(id() + "/" + slot);
  if (open_.empty()) set_progress(-1);
}

void FramedPanel::drop_all() {
  while (!open_.empty()) drop(QString(open_.begin()->first));
}

void FramedPanel::on_report(const QString& tag, const std::shared_ptr<const engine::Report>& report) {
  if (!report || !tag.startsWith(id() + "/")) return;
  const QString slot = tag.mid(id().size() + 1);
  const auto found = open_.find(slot);
  if (found == open_.end() || (!report->id.empty() && report->id != found->second.analysis)) return;
  if (report->fraction_done >= 1) {
    open_.erase(found);
    if (open_.empty()) set_progress(-1);
  } else {
    set_progress(report->fraction_done, tr("%1 %").arg(static_cast<int>(report->fraction_done * 100)));
  }
  answered(slot, report);
}

void FramedPanel::on_failed(const QString& tag, const QString& sentence) {
  if (!tag.startsWith(id() + "/")) return;
  const QString slot = tag.mid(id().size() + 1);
  if (open_.erase(slot) == 0) return;
  if (open_.empty()) set_progress(-1);
  refused(slot, sentence);
}

void FramedPanel::refused(const QString&, const QString& sentence) { show_error(sentence); }

void FramedPanel::save_view(const nlohmann::json& settings) {
  host().act({{"do", "set_view"}, {"panel", id().toStdString()}, {"settings", settings}});
}

void FramedPanel::fill_export_menu() {
  export_menu_->clear();
  export_wanted();
  const auto all = reports();
  if (all.empty()) {
    export_menu_->addAction(open_.empty() ? tr("Nothing to export yet") : tr("Being computed: nothing to export yet"))->setEnabled(false);
    return;
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all.size() > 1) export_menu_->addSection(QString::fromStdString(all[i]->title));
    for (const char* ending : {"svg", "pdf", "png"})
      export_menu_->addAction(tr("Figure as %1…").arg(QString(ending).toUpper()), this,
                              [this, i, ending] { ask_and_export(i, ending, true); });
    export_menu_->addAction(tr("Data as CSV…"), this, [this, i] { ask_and_export(i, "csv", false); });
    if (!all[i]->arrays.empty())
      export_menu_->addAction(tr("Data as npy…"), this, [this, i] { ask_and_export(i, "npy", false); });
  }
}

void FramedPanel::ask_and_export(std::size_t index, const QString& ending, bool figure) {
  const QString name = reports().size() > index ? QString::fromStdString(reports()[index]->id) : id();
  const QString path = QFileDialog::getSaveFileName(this, tr("Export"), in_last_folder(name + "." + ending),
                                                    QString("%1 (*.%2)").arg(ending.toUpper(), ending));
  if (path.isEmpty()) return;
  remember_folder_of(path);
  const engine::Status done = figure ? export_figure_to(path, index) : export_data_to(path, index);
  host().tell(done ? tr("Wrote %1").arg(path) : QString::fromStdString(engine::sentence(done.error())));
}

engine::Status FramedPanel::export_figure_to(const QString& path, std::size_t index) const {
  const auto all = reports();
  if (index >= all.size()) return engine::fail(engine::ErrorCode::Usage, "this panel shows nothing to export");
  return write_figure(*all[index], figure_options(index), path);
}

engine::Status FramedPanel::export_data_to(const QString& path, std::size_t index) const {
  const auto all = reports();
  if (index >= all.size()) return engine::fail(engine::ErrorCode::Usage, "this panel shows nothing to export");
  return write_data(*all[index], path);
}

}  // namespace vitrine::views
