#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <QMainWindow>

#include "app/jobs/backend.h"
#include "app/jobs/engine_client.h"
#include "app/jobs/gap_meter.h"
#include "app/jobs/session_keeper.h"
#include "app/jobs/window_host.h"
#include "app/session/safe_start.h"
#include "app/window/actions.h"
#include "app/window/frame_clock.h"
#include "app/window/pages.h"
#include "engine/plugin/loader.h"
#include "views/panels/panel.h"

class QMenu;
class QStackedWidget;
class QToolBar;

namespace vitrine::app {

class Banner;
class CommandPalette;
class JournalView;
class StartPage;
class StatusStrip;
class Workbench;

using PanelFactory = std::function<std::vector<std::unique_ptr<views::Panel>>(views::Host&)>;

/// What a window is made with; tests give their own.
struct WindowServices {
  std::shared_ptr<Backend> backend;
  PanelFactory make_panels;
  std::vector<engine::PluginStatus> plugins;
  std::filesystem::path autosave_folder;   ///< empty: no autosave, and no memory of crashes
};

/// The window: menus, tool bar, docks, journal, status. It owns the session and the engine's client; panels only see
/// their host.
class MainWindow : public QMainWindow {
  Q_OBJECT
 public:
  explicit MainWindow(WindowServices services, QWidget* parent = nullptr);
  ~MainWindow() override;

  /// A model, a session, or for the open model a text or picture; whatever it is, by its name and content.
  void open_path(const QString& path);
  void open_model(const QString& model, const engine::InputItem& input = {});
  /// As the program starts: a file that was being opened at two crashes is offered instead.
  void open_at_start(const QString& model, const engine::InputItem& input);
  void open_session(const QString& path);
  void save_session(const QString& path);
  void save_job(const QString& path);
  /// Offers what a crash left behind, if anything.
  void offer_recovery();
  void set_theme(bool dark);

  [[nodiscard]] WindowHost& host() { return host_; }
  [[nodiscard]] WindowHost* second_host() { return second_.get(); }
  [[nodiscard]] SessionKeeper& keeper() { return keeper_; }
  [[nodiscard]] EngineClient& client() { return client_; }
  [[nodiscard]] Workbench& bench() { return *bench_; }
  [[nodiscard]] Banner& banner() { return *banner_; }
  [[nodiscard]] JournalView& journal() { return *journal_; }
  [[nodiscard]] const ActionTable& actions() const { return actions_; }
  [[nodiscard]] GapMeter& gaps() { return gaps_; }
  [[nodiscard]] const FrameClock& frames() const { return frames_; }
  /// Something is being opened or computed.
  [[nodiscard]] bool busy() const;

 protected:
  bool event(QEvent* event) override;
  void dragEnterEvent(QDragEnterEvent* event) override;
  void dropEvent(QDropEvent* event) override;
  void closeEvent(QCloseEvent* event) override;
  void keyPressEvent(QKeyEvent* event) override;

 private:
  void build();
  void make_file_actions();
  void make_edit_actions();
  void make_view_actions();
  void make_help_actions();
  void build_menus();
  void build_tool_bar();
  void build_docks();
  void fill_model_menu(QMenu* menu, const QString& kind);
  void connect_session();
  void refresh_title();
  void refresh_actions();
  void refresh_icons();
  void on_model_changed();
  void check_hash();
  void open_identified(const QString& path, engine::Result<engine::FileIdentity> what);
  void take_picture(const QString& path, const std::vector<std::string>& warnings);
  void take_text(const QString& path);
  void offer_held(const QString& model);
  void note_rest();
  void on_session_replaced();
  void follow_second();
  void mark_first(bool on);
  void choose_preset_for_model();
  void raise_analysed();
  void apply_settings(const Settings& settings);
  nlohmann::json layout() const;

  void ask_open_file();
  void ask_open_folder();
  void ask_save(bool as);
  void ask_save_job();
  void ask_save_picture();
  void ask_branch_name(StepId id);
  void toggle_compare(StepId id);
  void close_model();
  void show_palette();
  void show_page(QDialog* page);

  WindowServices services_;
  SessionKeeper keeper_;
  EngineClient client_;
  WindowHost host_;
  std::unique_ptr<WindowHost> second_;
  ActionTable actions_;
  GapMeter gaps_;
  FrameClock frames_;
  Settings settings_;
  QStackedWidget* stack_ = nullptr;
  StartPage* start_ = nullptr;
  Workbench* bench_ = nullptr;
  Banner* banner_ = nullptr;
  StatusStrip* status_ = nullptr;
  JournalView* journal_ = nullptr;
  QToolBar* tools_ = nullptr;
  SafeStart safe_;
  std::vector<Recovered> recovered_;
  std::function<void()> offered_;       ///< what the button of the banner does
  bool preset_chosen_ = false;          ///< by the user or the session: a model does not change it
  QString preset_before_compare_;
};

}  // namespace vitrine::app
