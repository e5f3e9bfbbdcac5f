#pragma once

#include <memory>
#include <vector>

#include <QWidget>

#include "engine/report/report.h"
#include "views/panels/host.h"

namespace vitrine::views {

/// One dockable panel. It knows the host and nothing of other panels.
class Panel : public QWidget {
  Q_OBJECT
 public:
  Panel(Host& host, QWidget* parent = nullptr) : QWidget(parent), host_(host) {}
  virtual QString id() const = 0;          ///< stable: layouts and tests use it
  virtual QString title() const = 0;
  /// What is on screen now, for figure and data export; empty if there is nothing.
  virtual std::vector<std::shared_ptr<const engine::Report>> reports() const { return {}; }

 protected:
  using Reports = std::vector<std::shared_ptr<const engine::Report>>;
  /// The answer of `reports` for a panel that shows one or none.
  static Reports one_or_none(const std::shared_ptr<const engine::Report>& report) { return report ? Reports{report} : Reports{}; }
  Host& host() const { return host_; }

 private:
  Host& host_;
};

}  // namespace vitrine::views
