#pragma once

#include <map>

#include <QStatusBar>
#include <QString>

#include "app/jobs/engine_client.h"
#include "views/panels/controls.h"

class QProgressBar;
class QToolButton;

namespace vitrine::app {

/// The lowest line: what was just said; the work in progress with its cancel button; model, device, memory, time of
/// the last request.
class StatusStrip : public QStatusBar {
  Q_OBJECT
 public:
  explicit StatusStrip(EngineClient& client, QWidget* parent = nullptr);
  void set_model(const QString& text) { model_->set_text(text); }
  void retheme();
  /// For tests: the work named now; empty if idle.
  [[nodiscard]] QString work() const;

 signals:
  void cancel_asked();

 private:
  void on_progress(const QString& tag, double fraction, const QString& what);
  void on_pending();
  void refresh();

  EngineClient& client_;
  views::ElidedLabel *what_, *model_, *device_, *memory_, *timing_;
  QProgressBar* bar_;
  QToolButton* cancel_;
  struct Work {
    double fraction = 0;
    QString what;
  };
  std::map<QString, Work> works_;
};

/// "CPU, no GPU found, 2 threads": what the engine found.
[[nodiscard]] QString device_text();
/// Resident memory of this process in bytes; 0 if unknown.
[[nodiscard]] qint64 resident_bytes();

}  // namespace vitrine::app
