#include "app/window/status_strip.h"

#include <unistd.h>

#include <QFile>
#include <QProgressBar>
#include <QTimer>
#include <QToolButton>

#include "app/window/icons.h"
#include "engine/cuda/device.h"
#include "engine/tensor/guard.h"
#include "views/panels/style.h"

namespace vitrine::app {

namespace {

/// Work shorter than this never flickers through the strip.
constexpr int kShowAfterMs = 250;

/// As wide as its text where there is room; a narrow window cuts it instead of growing.
views::ElidedLabel* cell(QStatusBar* bar, const QString& name) {
  auto* label = new views::ElidedLabel;
  label->setAccessibleDescription(name);
  label->setSizePolicy(QSizePolicy::Preferred, QSizePolicy::Fixed);
  label->setMinimumWidth(48);
  label->setContentsMargins(8, 0, 8, 0);
  bar->addPermanentWidget(label);
  return label;
}

/// Tags are "A:panel/slot"; a person reads the panel.
QString readable(const QString& tag) {
  QString name = tag.mid(2).section(QLatin1Char('/'), 0, 0).section(QLatin1Char(':'), 0, 0);
  if (name == QLatin1String("@model")) return QStringLiteral("Opening the model");
  if (name == QLatin1String("@input")) return QStringLiteral("Preparing the input");
  if (name.startsWith(QLatin1Char('@'))) return QStringLiteral("Working");
  if (!name.isEmpty()) name[0] = name[0].toUpper();
  return name;
}

}  // namespace

QString device_text() {
  const auto& device = engine::cuda::find_device();
  const int threads = engine::threads();
  return QStringLiteral("%1, %2 %3").arg(QString::fromStdString(device.summary())).arg(threads).arg(threads == 1 ? "thread" : "threads");
}

qint64 resident_bytes() {
  QFile file(QStringLiteral("/proc/self/statm"));
  if (!file.open(QIODevice::ReadOnly)) return 0;
  return file.readAll().split(' ').value(1).toLongLong() * ::sysconf(_SC_PAGESIZE);
}

StatusStrip::StatusStrip(EngineClient& client, QWidget* parent) : QStatusBar(parent), client_(client) {
  setSizeGripEnabled(false);
  what_ = cell(this, QStringLiteral("Work in progress"));
  bar_ = new QProgressBar;
  bar_->setRange(0, 1000);
  bar_->setTextVisible(false);
  bar_->setFixedSize(120, 6);
  addPermanentWidget(bar_);
  cancel_ = new QToolButton;
  cancel_->setAutoRaise(true);
  cancel_->setToolTip(QStringLiteral("Stop what is being computed (Ctrl+.)"));
  cancel_->setAccessibleName(QStringLiteral("Stop"));
  addPermanentWidget(cancel_);
  timing_ = cell(this, QStringLiteral("Time of the last answer: computing, and from asking to showing"));
  model_ = cell(this, QStringLiteral("Model and number format"));
  device_ = cell(this, QStringLiteral("Where the numbers are computed"));
  memory_ = cell(this, QStringLiteral("Memory that this program holds"));
  device_->set_text(device_text());
  connect(cancel_, &QToolButton::clicked, this, &StatusStrip::cancel_asked);
  connect(&client_, &EngineClient::progress, this, &StatusStrip::on_progress);
  connect(&client_, &EngineClient::pending_changed, this, &StatusStrip::on_pending);
  connect(&client_, &EngineClient::answered, this, [this](const Latency& latency) {
    if (latency.tag.contains(QLatin1String("@sha"))) return;
    timing_->set_text(QStringLiteral("%1 %2, shown after %3")
                         .arg(readable(latency.tag), views::quantity_text(latency.compute_ms, QStringLiteral("ms"), 3),
                              views::quantity_text(latency.total_ms(), QStringLiteral("ms"), 3)));
  });
  auto* clock = new QTimer(this);
  connect(clock, &QTimer::timeout, this, [this] {
    memory_->set_text(views::quantity_text(static_cast<double>(resident_bytes()), QStringLiteral("bytes")));
  });
  clock->start(2000);
  memory_->set_text(views::quantity_text(static_cast<double>(resident_bytes()), QStringLiteral("bytes")));
  retheme();
  refresh();
}

void StatusStrip::retheme() { cancel_->setIcon(window_icon(QStringLiteral("close"), palette())); }

void StatusStrip::on_progress(const QString& tag, double fraction, const QString& what) {
  works_[tag] = {fraction, what};
  refresh();
}

void StatusStrip::on_pending() {
  std::erase_if(works_, [&](const auto& work) { return !client_.pending(work.first); });
  if (client_.pending() == 0) {
    refresh();
    return;
  }
  QTimer::singleShot(kShowAfterMs, this, [this] {
    for (const auto& tag : client_.pending_tags()) works_.try_emplace(tag);
    refresh();
  });
}

void StatusStrip::refresh() {
  std::erase_if(works_, [&](const auto& work) { return !client_.pending(work.first); });
  const bool busy = !works_.empty();
  bar_->setVisible(busy);
  cancel_->setVisible(busy);
  if (!busy) {
    what_->set_text({});
    what_->hide();
    return;
  }
  const auto& [tag, work] = *works_.begin();
  QString text = readable(tag);
  if (!work.what.isEmpty()) text += QStringLiteral(": ") + work.what;
  if (works_.size() > 1) text += QStringLiteral(" and %1 more").arg(works_.size() - 1);
  what_->set_text(text);
  what_->show();
  bar_->setRange(0, work.fraction > 0 ? 1000 : 0);
  bar_->setValue(static_cast<int>(work.fraction * 1000));
}

QString StatusStrip::work() const { return what_->isHidden() ? QString() : what_->text(); }

}  // namespace vitrine::app
