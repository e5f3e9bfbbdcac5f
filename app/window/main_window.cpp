#include "app/window/main_window.h"

#include <algorithm>
#include <utility>

#include <QApplication>
#include <QCloseEvent>
#include <QDockWidget>
#include <QDragEnterEvent>
#include <QFileInfo>
#include <QMenuBar>
#include <QMimeData>
#include <QStackedWidget>
#include <QToolBar>
#include <QToolButton>
#include <QUrl>
#include <QVBoxLayout>

#include "app/window/banner.h"
#include "app/window/icons.h"
#include "app/window/journal_view.h"
#include "app/window/kept.h"
#include "app/window/library.h"
#include "app/window/start_page.h"
#include "app/window/status_strip.h"
#include "app/window/theme.h"
#include "app/window/workbench.h"
#include "engine/tensor/guard.h"
#include "views/panels/looks.h"

namespace vitrine::app {

MainWindow::MainWindow(WindowServices services, QWidget* parent)
    : QMainWindow(parent), services_(std::move(services)), keeper_(services_.autosave_folder),
      host_(keeper_, client_, services_.backend, Cursor::Main), actions_(this), settings_(Settings::load()),
      safe_(services_.autosave_folder) {
  host_.hold(safe_.held());
  setObjectName(QStringLiteral("main_window"));
  setAcceptDrops(true);
  setWindowIcon(program_icon());
  build();
  connect_session();
  apply_settings(settings_);
  refresh_title();
  refresh_actions();
}

MainWindow::~MainWindow() {
  // Panels and hosts go before the client they ask.
  for (const QString& id : std::vector<QString>(bench_->ids())) bench_->remove(id);
  second_.reset();
  wait_until_kept();
}

void MainWindow::build() {
  make_file_actions();
  make_edit_actions();
  make_view_actions();
  make_help_actions();
  auto* body = new QWidget;
  auto* column = new QVBoxLayout(body);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(0);
  banner_ = new Banner;
  stack_ = new QStackedWidget;
  start_ = new StartPage;
  bench_ = new Workbench;
  stack_->addWidget(start_);
  stack_->addWidget(bench_);
  column->addWidget(banner_);
  column->addWidget(stack_, 1);
  setCentralWidget(body);
  status_ = new StatusStrip(client_);
  setStatusBar(status_);
  build_docks();
  build_menus();
  build_tool_bar();
  connect(start_, &StartPage::open_asked, this, &MainWindow::open_path);
  connect(start_, &StartPage::file_dialog_asked, this, &MainWindow::ask_open_file);
  connect(start_, &StartPage::folder_dialog_asked, this, &MainWindow::ask_open_folder);
  connect(status_, &StatusStrip::cancel_asked, this, [this] { actions_.find(QStringLiteral("stop"))->trigger(); });
  connect(bench_, &Workbench::visibility_changed, this, [this] {
    host_.set_visible_panels(bench_->visible_ids());
  });
}

void MainWindow::build_docks() {
  for (auto& panel : services_.make_panels(host_)) {
    views::Panel* made = panel.release();
    bench_->add(made->id(), made->title(), made);
  }
  const auto action = [this](const char* id) { return actions_.find(QLatin1String(id)); };
  journal_ = new JournalView(keeper_, {action("undo"), action("redo"), action("branch"), action("compare")});
  bench_->add(QStringLiteral("journal"), QStringLiteral("Journal"), journal_);
  connect(journal_, &JournalView::name_asked, this, &MainWindow::ask_branch_name);
  connect(journal_, &JournalView::compare_asked, this, [this](StepId id) { keeper_.compare_with(id); });
  int number = 1;
  for (const QString& id : bench_->ids())
    actions_.add(QStringLiteral("show_") + id, QStringLiteral("Panels"), bench_->dock(id)->windowTitle(),
                 number <= 9 ? QKeySequence(QStringLiteral("Alt+%1").arg(number++)) : QKeySequence(), [this, id] { bench_->raise_dock(id); });
  bench_->apply_preset(QStringLiteral("Text"));
}

void MainWindow::build_menus() {
  QMenu* menus[] = {menuBar()->addMenu(QStringLiteral("&File")), menuBar()->addMenu(QStringLiteral("&Edit")),
                    menuBar()->addMenu(QStringLiteral("&View")), menuBar()->addMenu(QStringLiteral("&Run")),
                    menuBar()->addMenu(QStringLiteral("&Help"))};
  const auto fill = [&](QMenu* menu, std::initializer_list<const char*> ids) {
    for (const char* id : ids) {
      if (QAction* action = actions_.find(QLatin1String(id)))
        menu->addAction(action);
      else
        menu->addSeparator();
    }
  };
  fill(menus[0], {"open_file", "open_folder"});
  for (const char* kind : {"Recent", "Demo models", "Downloaded models"}) {
    QMenu* sub = menus[0]->addMenu(QLatin1String(kind));
    connect(sub, &QMenu::aboutToShow, this, [this, sub, kind] { fill_model_menu(sub, QLatin1String(kind)); });
  }
  fill(menus[0], {"-", "new_session", "save", "save_as", "-", "save_job", "save_picture", "-", "close_model", "quit"});
  fill(menus[1], {"undo", "redo", "-", "clear_edits", "-", "branch", "compare", "-", "settings"});
  fill(menus[2], {"palette", "-"});
  for (const auto& preset : layout_presets()) menus[2]->addAction(actions_.find(QStringLiteral("layout_") + preset.name));
  fill(menus[2], {"reset_layout", "-"});
  for (const QString& id : bench_->ids()) menus[2]->addAction(actions_.find(QStringLiteral("show_") + id));
  fill(menus[2], {"-", "next_panel", "previous_panel", "-", "theme", "full_screen"});
  fill(menus[3], {"stop"});
  fill(menus[4], {"shortcuts", "plugins", "about"});
}

void MainWindow::fill_model_menu(QMenu* menu, const QString& kind) {
  menu->clear();
  const auto models = kind == QLatin1String("Recent") ? recent_models()
                      : kind == QLatin1String("Demo models") ? demo_models() : downloaded_models();
  for (const auto& model : models)
    menu->addAction(model.title, this, [this, path = QString::fromStdString(model.model)] { open_path(path); })
        ->setStatusTip(model.detail);
  if (models.empty()) menu->addAction(QStringLiteral("None"))->setEnabled(false);
  if (kind == QLatin1String("Recent") && !models.empty()) {
    menu->addSeparator();
    menu->addAction(QStringLiteral("Clear the list"), this, [this] {
      clear_recent();
      start_->refresh();
    });
  }
}

void MainWindow::build_tool_bar() {
  tools_ = addToolBar(QStringLiteral("Tools"));
  tools_->setObjectName(QStringLiteral("tools"));
  tools_->setMovable(false);
  tools_->setIconSize({18, 18});
  tools_->setContextMenuPolicy(Qt::PreventContextMenu);
  for (const char* id : {"open_file", "save", "-", "undo", "redo", "compare", "-"}) {
    if (QAction* action = actions_.find(QLatin1String(id)))
      tools_->addAction(action);
    else
      tools_->addSeparator();
  }
  for (const auto& preset : layout_presets()) {
    tools_->addAction(actions_.find(QStringLiteral("layout_") + preset.name));
  }
  auto* spring = new QWidget;
  spring->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Preferred);
  tools_->addWidget(spring);
  tools_->addAction(actions_.find(QStringLiteral("palette")));
  tools_->addAction(actions_.find(QStringLiteral("theme")));
  if (auto* find = qobject_cast<QToolButton*>(tools_->widgetForAction(actions_.find(QStringLiteral("palette")))))
    find->setToolButtonStyle(Qt::ToolButtonTextBesideIcon);
}

void MainWindow::connect_session() {
  connect(&keeper_, &SessionKeeper::changed, this, [this] {
    refresh_actions();
    follow_second();
  });
  connect(&keeper_, &SessionKeeper::replaced, this, &MainWindow::on_session_replaced);
  connect(&keeper_, &SessionKeeper::dirty_changed, this, &MainWindow::refresh_title);
  connect(&keeper_, &SessionKeeper::autosave_failed, banner_, &Banner::show_error);
  connect(&host_, &WindowHost::acted, this, [this] {
    frames_.acted();
    banner_->acted();
  });
  connect(&host_, &views::Host::report, this, [this](const QString& tag, const std::shared_ptr<const engine::Report>& report) {
    if (report) frames_.delivered(tag, report->fraction_done >= 1);
  });
  connect(&host_, &WindowHost::refused, banner_, &Banner::show_error);
  connect(&host_, &WindowHost::told, this, [this](const QString& sentence) { status_->showMessage(sentence, 8000); });
  connect(&host_, &views::Host::model_changed, this, &MainWindow::on_model_changed);
  connect(&host_, &views::Host::view_changed, this, [this](const QString& panel) {
    if (panel == QLatin1String("analyses")) raise_analysed();
  });
  connect(&host_, &views::Host::input_changed, banner_, &Banner::settle);
  connect(&host_, &WindowHost::held, this, &MainWindow::offer_held);
  connect(&host_, &WindowHost::opening, this, [this](const QString& model) { safe_.begin(model.toStdString()); });
  connect(&client_, &EngineClient::pending_changed, this, &MainWindow::note_rest);
  connect(banner_, &Banner::accepted, this, [this] {
    if (auto act = std::exchange(offered_, nullptr)) act();
  });
}

/// What was being opened is on the screen with its first numbers: the program did not end over it.
void MainWindow::note_rest() {
  if (safe_.begun() && !busy()) safe_.rest();
}

/// A journal names a model that was being opened at two crashes: it waits for a hand.
void MainWindow::offer_held(const QString& model) {
  banner_->show_offer(QStringLiteral("%1 was being opened when the program ended twice, so it is not opened by itself.").arg(model),
                      QStringLiteral("&Open it all the same"));
  offered_ = [this, model] { host_.release(model.toStdString()); };
}

void MainWindow::on_model_changed() {
  const auto* model = host_.model();
  const bool open = model != nullptr;
  if (!open && start_->isHidden()) start_->refresh();
  stack_->setCurrentWidget(open ? static_cast<QWidget*>(bench_) : start_);
  refresh_title();
  refresh_actions();
  if (!open) {
    status_->set_model({});
    return;
  }
  banner_->dismiss();
  if (!model->opening) {
    QStringList notes;
    if (!model->cannot_run.empty()) notes << QStringLiteral("Opened for its tensors, it cannot run: %1").arg(QString::fromStdString(model->cannot_run));
    for (std::size_t i = 0; i < std::min<std::size_t>(model->warnings.size(), 3); ++i) notes << QString::fromStdString(model->warnings[i]);
    if (model->warnings.size() > 3) notes << QStringLiteral("%1 more warnings are on the model card").arg(model->warnings.size() - 3);
    if (!notes.isEmpty()) banner_->show_note(QStringLiteral("%1: %2").arg(QString::fromStdString(model->name), notes.join(QStringLiteral("; "))));
  }
  remember_recent(QString::fromStdString(model->path));
  status_->set_model(model->cannot_run.empty() ? QStringLiteral("%1, %2, %3").arg(QString::fromStdString(model->name), QString::fromStdString(model->architecture),
                                                                                   QString::fromStdString(model->dtype))
                                               : QStringLiteral("%1, tensors alone").arg(QString::fromStdString(model->name)));
  choose_preset_for_model();
  if (!model->opening) check_hash();
}

void MainWindow::choose_preset_for_model() {
  const auto* model = host_.model();
  if (preset_chosen_ || !model) return;
  bench_->apply_preset(!model->cannot_run.empty() ? QStringLiteral("Tensors") : !model->codebooks.empty() ? QStringLiteral("Codebook")
                       : model->takes_image ? QStringLiteral("Image") : QStringLiteral("Text"));
  refresh_actions();
}

/// A session names the weights it was made with; others under the same name are told of.
void MainWindow::check_hash() {
  client_.submit(
      QStringLiteral("A:@sha"), Priority::Background, Lane::Sweep,
      [backend = services_.backend, model = host_.model()->path](const engine::Progress&, const EngineClient::Post&) {
        return backend->sha256(model);
      },
      [this](engine::Result<std::string> hash) {
        if (!hash || !host_.model()) return;
        const std::string known = keeper_.document().model_sha256;
        if (!known.empty() && known != *hash && !keeper_.dirty())
          banner_->show_error(QStringLiteral("%1 is not the file that this session was made with: its numbers may differ")
                                  .arg(QString::fromStdString(host_.model()->path)));
        keeper_.set_model_sha256(*hash);
      });
}

void MainWindow::on_session_replaced() {
  const auto& layout = keeper_.document().layout;
  const auto preset = layout.find("preset");
  preset_chosen_ = preset != layout.end() && preset->is_string();
  if (preset_chosen_) bench_->apply_preset(QString::fromStdString(preset->get<std::string>()));
  if (!keeper_.path().empty()) remember_recent(QString::fromStdString(keeper_.path().string()));
  follow_second();
  const auto docks = layout.find("docks");
  if (docks != layout.end() && docks->is_string())
    bench_->restore_docks(QByteArray::fromBase64(QByteArray::fromStdString(docks->get<std::string>())));
  QStringList raised;
  if (const auto names = layout.find("raised"); names != layout.end() && names->is_array())
    for (const auto& name : *names)
      if (name.is_string()) raised << QString::fromStdString(name.get<std::string>());
  bench_->raise_tabs(raised);
  const auto views = [&layout](const char* key) {
    return KeptViews::from_json(layout.is_object() ? layout.value(key, nlohmann::json()) : nlohmann::json());
  };
  host_.set_kept_views(views("views"));
  if (second_) second_->set_kept_views(views("views_b"));
  raise_analysed();
  refresh_title();
  refresh_actions();
}

nlohmann::json MainWindow::layout() const {
  nlohmann::json out = {{"preset", bench_->preset().toStdString()}, {"docks", bench_->saveState().toBase64().toStdString()},
                        {"views", host_.kept_views().to_json()}};
  if (second_) out["views_b"] = second_->kept_views().to_json();
  return out;
}

/// Where the journal stands at an analysis, its report is in front.
void MainWindow::raise_analysed() {
  const Step* here = keeper_.journal().find(keeper_.journal().at());
  if (here && here->command.is_object() && here->command.value("do", "") == "analyse") bench_->raise_tabs({QStringLiteral("analyses")});
}

/// Docks of the second branch exist while there is one.
void MainWindow::follow_second() {
  const bool wanted = keeper_.journal().second().has_value();
  if (wanted == (second_ != nullptr)) return;
  if (wanted) {
    second_ = std::make_unique<WindowHost>(keeper_, client_, services_.backend, Cursor::Second);
    connect(second_.get(), &WindowHost::refused, banner_, &Banner::show_error);
    for (auto& panel : services_.make_panels(*second_)) {
      views::Panel* made = panel.release();
      bench_->add(QStringLiteral("b_") + made->id(), QStringLiteral("B: ") + made->title(), made);
    }
    preset_before_compare_ = bench_->preset() == QLatin1String("Compare") ? QString() : bench_->preset();
    mark_first(true);
    bench_->apply_preset(QStringLiteral("Compare"), false);
  } else {
    mark_first(false);
    for (const QString& id : std::vector<QString>(bench_->ids()))
      if (id.startsWith(QLatin1String("b_"))) bench_->remove(id);
    second_.reset();
    bench_->apply_preset(preset_before_compare_.isEmpty() ? QStringLiteral("Text") : preset_before_compare_);
  }
  refresh_actions();
}

/// Beside "B: Attention" the other one is "A: Attention".
void MainWindow::mark_first(bool on) {
  for (const QString& id : bench_->ids())
    if (bench_->dock(QStringLiteral("b_") + id)) {
      QString title = bench_->dock(id)->windowTitle();
      if (title.startsWith(QLatin1String("A: "))) title.remove(0, 3);
      bench_->dock(id)->setWindowTitle(on ? QStringLiteral("A: ") + title : title);
    }
}

void MainWindow::refresh_title() {
  const QString session = keeper_.path().empty() ? QStringLiteral("unsaved session")
                                                 : QFileInfo(QString::fromStdString(keeper_.path().string())).fileName();
  setWindowTitle(host_.model() ? QStringLiteral("%1 – %2[*] – Vitrine").arg(QString::fromStdString(host_.model()->name), session)
                               : QStringLiteral("Vitrine[*]"));
  setWindowModified(keeper_.dirty());
}

void MainWindow::refresh_actions() {
  const Journal& journal = keeper_.journal();
  const auto enable = [this](const char* id, bool on) { actions_.find(QLatin1String(id))->setEnabled(on); };
  enable("undo", journal.can_undo());
  enable("redo", journal.can_redo());
  enable("clear_edits", !host_.edits().empty());
  enable("save", journal.steps().size() > 1);
  enable("save_as", journal.steps().size() > 1);
  enable("branch", journal.at() != 0);
  enable("compare", journal.steps().size() > 1);
  enable("save_job", host_.model() != nullptr);
  enable("close_model", host_.model() != nullptr);
  actions_.find(QStringLiteral("compare"))->setChecked(journal.second().has_value());
  for (const auto& preset : layout_presets()) {
    QAction* action = actions_.find(QStringLiteral("layout_") + preset.name);
    action->setChecked(host_.model() && bench_->preset() == preset.name);
    action->setEnabled(host_.model() != nullptr);
  }
}

void MainWindow::set_theme(bool dark) {
  settings_.dark = dark;
  apply_window_theme(*qApp, dark);
  refresh_icons();
  banner_->retheme();
  status_->retheme();
  emit host_.theme_changed();
  if (second_) emit second_->theme_changed();
}

void MainWindow::refresh_icons() {
  const std::pair<const char*, const char*> icons[] = {{"open_file", "open"}, {"save", "save"}, {"undo", "undo"},
                                                       {"redo", "redo"}, {"branch", "branch"}, {"compare", "compare"},
                                                       {"palette", "search"}, {"theme", "theme"}, {"save_job", "job"}};
  for (const auto& [id, icon] : icons) {
    QAction* action = actions_.find(QLatin1String(id));
    action->setIcon(window_icon(QLatin1String(icon), qApp->palette()));
    action->setIconVisibleInMenu(false);
  }
}

void MainWindow::apply_settings(const Settings& settings) {
  settings_ = settings;
  keeper_.set_autosave(settings.autosave);
  host_.set_samples(settings.samples);
  views::set_default_color_map(settings.color_map.toStdString());
  if (settings.threads > 0 && settings.threads != engine::threads()) engine::set_threads(settings.threads);
  set_theme(settings.dark);
}

bool MainWindow::busy() const {
  for (const QString& tag : client_.pending_tags())
    if (!tag.endsWith(QLatin1String("@sha"))) return true;
  return host_.settling();
}

bool MainWindow::event(QEvent* event) {
  const bool handled = QMainWindow::event(event);
  if (event->type() == QEvent::UpdateRequest) frames_.painted();
  return handled;
}

void MainWindow::dragEnterEvent(QDragEnterEvent* event) {
  if (event->mimeData()->hasUrls()) event->acceptProposedAction();
}

void MainWindow::dropEvent(QDropEvent* event) {
  for (const QUrl& url : event->mimeData()->urls())
    if (url.isLocalFile()) {
      open_path(url.toLocalFile());
      return;
    }
  banner_->show_error(QStringLiteral("Expected a file or folder of this machine, came something else"));
}

void MainWindow::keyPressEvent(QKeyEvent* event) {
  if (event->key() == Qt::Key_Escape && !banner_->isHidden())
    banner_->dismiss();
  else
    QMainWindow::keyPressEvent(event);
}

/// Nothing is asked: what was not saved stays in its autosave file and is offered at the next start.
void MainWindow::closeEvent(QCloseEvent* event) {
  if (!keeper_.journal().second()) bench_->keep_arrangement();
  keep(QStringLiteral("window"), saveGeometry());
  event->accept();
}

}  // namespace vitrine::app
