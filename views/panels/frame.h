#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>

#include <nlohmann/json.hpp>

#include <QPointer>

#include "engine/core/error.h"
#include "views/data/layout.h"
#include "views/panels/panel.h"

class QHBoxLayout;
class QLabel;
class QMenu;
class QStackedLayout;
class QToolButton;
class QVBoxLayout;

namespace vitrine::views {

class ElidedLabel;
class ProgressLine;

/// The frame that all panels share: a bar of controls with the export menu at its end, a thin progress line, the body
/// (or a sentence when it is empty or failed), and a foot that says how the numbers were checked.
///
/// It also keeps the books on requests: a derived panel asks by slot, and is handed only the answers that it still
/// waits for. Nothing is asked while the panel is hidden; it catches up when it is shown.
class FramedPanel : public Panel {
  Q_OBJECT
 public:
  explicit FramedPanel(Host& host, QWidget* parent = nullptr);
  ~FramedPanel() override;

  /// Writes the figure of `reports()[index]`; the format follows the ending (svg, pdf, png).
  engine::Status export_figure_to(const QString& path, std::size_t index = 0) const;
  /// Writes the numbers of `reports()[index]`; the format follows the ending (csv, npy).
  engine::Status export_data_to(const QString& path, std::size_t index = 0) const;
  /// Tags of what was asked and not yet answered.
  [[nodiscard]] std::set<QString> waiting() const;
  [[nodiscard]] QString sentence() const;          ///< what the empty or failed state says; "" while the body shows
  [[nodiscard]] QString verified_text() const;

  QSize sizeHint() const override { return {520, 420}; }

 protected:
  /// Whether there is nothing to show for a file that cannot run; then the panel says so by itself.
  [[nodiscard]] virtual bool needs_run() const { return true; }
  /// Everything may have changed: ask for what is now needed. Called once per turn of the event loop, only when shown.
  virtual void refresh() = 0;
  /// An answer (also a growing one, `fraction_done < 1`).
  virtual void answered(const QString& slot, std::shared_ptr<const engine::Report> report) = 0;
  /// A refusal; the default shows the sentence in place of the body.
  virtual void refused(const QString& slot, const QString& sentence);
  virtual void model_opened() {}
  virtual void selection_moved() {}
  virtual void theme_moved() {}
  /// The export menu is about to show what `reports` gives.
  virtual void export_wanted() {}
  virtual void settings_changed(const nlohmann::json&) {}

  void schedule_refresh();
  void ask(const QString& slot, const std::string& analysis, const nlohmann::json& params = nlohmann::json::object(),
           bool edited = true, Pace pace = Pace::Prompt);
  void drop(const QString& slot);
  void drop_all();
  [[nodiscard]] bool awaits(const QString& slot) const { return open_.count(slot) > 0; }
  /// Which host changes lead to `refresh`.
  struct Follows {
    bool input = true, edits = true, selection = false;
  };
  void set_follows(Follows follows) { follows_ = follows; }

  void set_controls(QWidget* bar);
  void set_body(QWidget* body);
  void show_body();
  void show_empty(const QString& sentence);
  void show_error(const QString& sentence);
  void show_verified(const engine::Report* report);
  void set_progress(double fraction, const QString& what = {});
  /// Records a change of this panel's settings as a command.
  void save_view(const nlohmann::json& settings);

  /// How `reports()[index]` is drawn in a file: as on the screen where the panel lets a person choose.
  virtual FigureOptions figure_options(std::size_t) const { return {}; }

  bool event(QEvent* event) override;
  void showEvent(QShowEvent* event) override;
  void changeEvent(QEvent* event) override;

 private:
  void build();
  [[nodiscard]] bool in_front() const;
  /// Alt and a letter belong to the panel that has the focus: the same letter may serve in another panel.
  void scope_accelerators();
  void fill_export_menu();
  void ask_and_export(std::size_t index, const QString& ending, bool figure);
  void on_report(const QString& tag, const std::shared_ptr<const engine::Report>& report);
  void on_failed(const QString& tag, const QString& sentence);

  struct Open {
    std::string analysis;
  };
  std::map<QString, Open> open_;
  Follows follows_;
  bool stale_ = true, scheduled_ = false, scoped_ = false;
  QHBoxLayout* bar_ = nullptr;
  QStackedLayout* stack_ = nullptr;
  QWidget* body_ = nullptr;
  QWidget* notice_ = nullptr;
  QLabel* notice_text_ = nullptr;
  QLabel* verified_mark_ = nullptr;
  ElidedLabel* verified_ = nullptr;
  QLabel* busy_ = nullptr;
  ProgressLine* line_ = nullptr;
  QToolButton* export_ = nullptr;
  QMenu* export_menu_ = nullptr;
};

}  // namespace vitrine::views
