#include <algorithm>
#include <utility>

#include <QApplication>
#include <QDialog>
#include <QDateTime>
#include <QFile>
#include <QFileDialog>
#include <QFileInfo>
#include <QInputDialog>

#include "app/session/job_export.h"
#include "app/window/banner.h"
#include "app/window/journal_view.h"
#include "app/window/library.h"
#include "app/window/main_window.h"
#include "app/window/palette.h"
#include "app/window/screenshot.h"
#include "app/window/workbench.h"
#include "engine/io/json.h"
#include "views/panels/folders.h"

namespace vitrine::app {

namespace {

const QString kFile = QStringLiteral("File");
const QString kEdit = QStringLiteral("Edit");
const QString kView = QStringLiteral("View");
const QString kRun = QStringLiteral("Run");
const QString kHelp = QStringLiteral("Help");

QString ending_of(const QString& path) { return QFileInfo(path).suffix().toLower(); }

/// Text files are read whole up to the size that a command may have.
engine::Result<std::string> read_text(const QString& path) {
  QFile file(path);
  if (!file.open(QIODevice::ReadOnly))
    return engine::fail_file(engine::ErrorCode::FileMissing, path.toStdString(), "cannot be read: " + file.errorString().toStdString());
  if (file.size() > static_cast<qint64>(kMaxCommandText))
    return engine::fail_file(engine::ErrorCode::FileLimit, path.toStdString(),
                             "expected a text of at most " + std::to_string(kMaxCommandText) + " bytes, came " + std::to_string(file.size()));
  return QString::fromUtf8(file.readAll()).toStdString();
}

}  // namespace

void MainWindow::make_file_actions() {
  actions_.add("open_file", kFile, "&Open file…", QKeySequence("Ctrl+O"), [this] { ask_open_file(); });
  actions_.add("open_folder", kFile, "Open &folder…", QKeySequence("Ctrl+Shift+O"), [this] { ask_open_folder(); });
  actions_.add("new_session", kFile, "&New session", QKeySequence("Ctrl+N"), [this] { keeper_.start_new(); });
  actions_.add("save", kFile, "&Save session", QKeySequence("Ctrl+S"), [this] { ask_save(false); });
  actions_.add("save_as", kFile, "Save session &as…", QKeySequence("Ctrl+Shift+S"), [this] { ask_save(true); });
  actions_.add("save_job", kFile, "Save as batch &job…", QKeySequence("Ctrl+Shift+J"), [this] { ask_save_job(); });
  actions_.add("save_picture", kFile, "Save &picture of the window…", QKeySequence("Ctrl+Shift+P"), [this] { ask_save_picture(); });
  actions_.add("close_model", kFile, "&Close model", QKeySequence("Ctrl+W"), [this] { close_model(); });
  actions_.add("quit", kFile, "&Quit", QKeySequence("Ctrl+Q"), [this] { close(); });
}

void MainWindow::make_edit_actions() {
  actions_.add("undo", kEdit, "&Undo", QKeySequence("Ctrl+Z"), [this] {
    frames_.acted();
    keeper_.undo();
  });
  actions_.add("redo", kEdit, "&Redo", QKeySequence("Ctrl+Shift+Z"), [this] {
    frames_.acted();
    keeper_.redo();
  });
  actions_.add("clear_edits", kEdit, "Take back all &edits", QKeySequence("Ctrl+Shift+X"),
               [this] { host_.act({{"do", "clear_edits"}}); });
  actions_.add("branch", kEdit, "&Name this branch…", QKeySequence("Ctrl+B"), [this] { ask_branch_name(keeper_.journal().at()); });
  actions_.add("compare", kEdit, "Two branches &side by side", QKeySequence("Ctrl+D"), [this] { toggle_compare(journal_->chosen()); })
      ->setCheckable(true);
  actions_.add("settings", kEdit, "Se&ttings…", QKeySequence("Ctrl+,"), [this] {
    auto* page = new SettingsPage(settings_, this);
    connect(page, &SettingsPage::changed, this, &MainWindow::apply_settings);
    show_page(page);
  });
}

void MainWindow::make_view_actions() {
  actions_.add("palette", kView, "&Find", QKeySequence("Ctrl+K"), [this] { show_palette(); });
  int number = 1;
  for (const auto& preset : layout_presets())
    actions_
        .add("layout_" + preset.name, kView, preset.name, QKeySequence(QStringLiteral("Ctrl+%1").arg(number++)),
             [this, name = preset.name] {
               preset_chosen_ = true;
               bench_->apply_preset(name);
               refresh_actions();
             })
        ->setCheckable(true);
  actions_.add("reset_layout", kView, "Reset this &layout", {}, [this] { bench_->apply_preset(bench_->preset(), false); });
  actions_.add("next_panel", kView, "Next panel", QKeySequence("F6"), [this] { bench_->focus_next_dock(1); });
  actions_.add("previous_panel", kView, "Previous panel", QKeySequence("Shift+F6"), [this] { bench_->focus_next_dock(-1); });
  actions_.add("theme", kView, "&Dark or light", QKeySequence("Ctrl+T"), [this] {
    set_theme(!settings_.dark);
    settings_.save();
  });
  actions_.add("full_screen", kView, "F&ull screen", QKeySequence("F11"), [this] { setWindowState(windowState() ^ Qt::WindowFullScreen); });
  actions_.add("stop", kRun, "&Stop what is being computed", QKeySequence("Ctrl+."), [this] {
    for (const QString& tag : client_.pending_tags()) {
      if (tag.contains(QLatin1Char('@'))) continue;
      WindowHost* host = tag.startsWith(QLatin1String("B:")) && second_ ? second_.get() : &host_;
      host->cancel(tag.mid(2));
      emit host->failed(tag.mid(2), QStringLiteral("Stopped"));
    }
  });
}

void MainWindow::make_help_actions() {
  actions_.add("shortcuts", kHelp, "&Keyboard", QKeySequence("F1"), [this] { show_page(new ShortcutSheet(actions_, this)); });
  actions_.add("plugins", kHelp, "&Plugins", {}, [this] { show_page(new PluginPage(services_.plugins, this)); });
  actions_.add("about", kHelp, "&About Vitrine", {}, [this] { show_page(new AboutPage(this)); });
}

void MainWindow::show_page(QDialog* page) {
  page->setAttribute(Qt::WA_DeleteOnClose);
  page->show();
  page->raise();
}

void MainWindow::show_palette() {
  std::vector<PaletteEntry> entries;
  for (const auto& row : actions_.rows())
    entries.push_back({plain_text(*row.action), row.group, row.action->shortcut().toString(QKeySequence::NativeText), row.id,
                       row.action->isEnabled(), [action = row.action] { action->trigger(); }});
  for (const auto& [id, analysis] : services_.backend->analyses().entries())
    entries.push_back({QString::fromStdString(analysis->info().title), QStringLiteral("Analysis"), {},
                       QString::fromStdString(id + " " + analysis->info().summary),
                       host_.model() && (!analysis->info().needs_pass || host_.model()->cannot_run.empty()), [this, id = id] {
                         host_.act({{"do", "set_view"}, {"panel", "analyses"}, {"settings", {{"analysis", id}, {"run", false}}}});
                         emit host_.view_changed(QStringLiteral("analyses"));
                         bench_->raise_dock(QStringLiteral("analyses"));
                       }});
  const auto models = [&](const std::vector<LibraryModel>& list, const QString& group) {
    for (const auto& model : list)
      entries.push_back({QStringLiteral("Open ") + model.title, group, {}, QString::fromStdString(model.model) + model.detail, true,
                         [this, path = QString::fromStdString(model.model)] { open_path(path); }});
  };
  models(demo_models(), QStringLiteral("Demo model"));
  models(downloaded_models(), QStringLiteral("Downloaded model"));
  models(recent_models(), QStringLiteral("Recent"));
  auto* palette = new CommandPalette(std::move(entries), this);
  palette->setAttribute(Qt::WA_DeleteOnClose);
  palette->show();
}

/// By its name where the name says enough; a file that says no more than "picture" or "text" is looked into first.
void MainWindow::open_path(const QString& path) {
  static const QStringList kWeights = {"safetensors", "gguf", "onnx", "pt", "pth", "bin", "npz", "npy", "index.json"};
  const QFileInfo file(path);
  if (ending_of(path) == QLatin1String("vitrine")) return open_session(path);
  if (!file.isFile() || kWeights.contains(ending_of(path)) || path.endsWith(QLatin1String(".index.json"))) return open_model(path);
  if (ending_of(path) == QLatin1String("txt") && host_.model() && host_.model()->takes_text) return take_text(path);
  client_.submit(
      QStringLiteral("A:@open"), Priority::State, Lane::File,
      [backend = services_.backend, name = path.toStdString()](const engine::Progress&, const EngineClient::Post&) { return backend->identify(name); },
      [this, path](engine::Result<engine::FileIdentity> what) { open_identified(path, std::move(what)); });
}

void MainWindow::open_identified(const QString& path, engine::Result<engine::FileIdentity> what) {
  if (!what) return banner_->show_error(QString::fromStdString(engine::sentence(what.error())));
  QString with;
  for (std::size_t i = 0; i < std::min<std::size_t>(what->warnings.size(), 4); ++i) with += QStringLiteral("; ") + QString::fromStdString(what->warnings[i]);
  switch (what->kind) {
    case engine::FileKind::Weights:
    case engine::FileKind::ModelFolder:
    case engine::FileKind::Array: return open_model(path);
    case engine::FileKind::Session: return open_session(path);
    case engine::FileKind::Image: return take_picture(path, what->warnings);
    case engine::FileKind::Job:
      return banner_->show_note(QStringLiteral("%1 is a batch job; run it with: vitrine batch %1%2").arg(path, with));
    default: break;
  }
  banner_->show_note(QStringLiteral("%1: %2; open the folder that it belongs to%3").arg(path, QString::fromStdString(what->sentence), with));
}

void MainWindow::take_picture(const QString& path, const std::vector<std::string>& warnings) {
  const auto* model = host_.model();
  QString with;
  for (std::size_t i = 0; i < std::min<std::size_t>(warnings.size(), 4); ++i) with += QStringLiteral("; ") + QString::fromStdString(warnings[i]);
  if (!model || !model->takes_image)
    return banner_->show_error(QStringLiteral("%1: expected a model that takes pictures, %2%3")
                                   .arg(path, model ? QStringLiteral("the open one does not") : QStringLiteral("none is open"), with));
  engine::InputItem item = keeper_.state().input;
  item.image = path.toStdString();
  host_.act(set_input_command(item));
  if (!with.isEmpty()) banner_->show_note(path + QStringLiteral(": ") + with.mid(2));
}

void MainWindow::take_text(const QString& path) {
  auto text = read_text(path);
  if (!text) return banner_->show_error(QString::fromStdString(engine::sentence(text.error())));
  engine::InputItem item;
  item.text = std::move(*text);
  host_.act(set_input_command(item));
}

void MainWindow::open_at_start(const QString& model, const engine::InputItem& input) {
  if (!host_.holds(model.toStdString())) return open_model(model, input);
  offer_held(model);
  offered_ = [this, model, input] { open_model(model, input); };
}

void MainWindow::open_model(const QString& model, const engine::InputItem& input) {
  host_.act(open_model_command(model.toStdString()));
  if (!input_to_json(input).empty()) host_.act(set_input_command(input));
}

void MainWindow::open_session(const QString& path) {
  if (auto opened = keeper_.open(path.toStdString()); !opened)
    banner_->show_error(QString::fromStdString(engine::sentence(opened.error())));
}

void MainWindow::save_session(const QString& path) {
  keeper_.set_layout(layout());
  if (auto saved = keeper_.save(path.toStdString()); !saved) {
    banner_->show_error(QString::fromStdString(engine::sentence(saved.error())));
    return;
  }
  remember_recent(path);
  refresh_title();
  host_.tell(QStringLiteral("Saved %1").arg(path));
}

void MainWindow::save_job(const QString& path) {
  const auto job = job_from_session(keeper_.state(), QFileInfo(path).completeBaseName().toStdString(), host_.shown());
  const auto written = job ? engine::write_file_atomically(path.toStdString(), job->dump(2) + "\n") : engine::Status(engine::fail(job.error()));
  if (!written)
    banner_->show_error(QString::fromStdString(engine::sentence(written.error())));
  else
    host_.tell(QStringLiteral("Saved %1; run it with: vitrine batch %1").arg(path));
}

void MainWindow::offer_recovery() {
  recovered_ = keeper_.left_behind();
  if (recovered_.empty()) return;
  const Recovered& newest = recovered_.front();
  const SessionState state = state_at(newest.journal, newest.journal.at());
  const auto acts = newest.journal.steps().size() - 1;
  banner_->show_offer(QStringLiteral("A session was closed without being saved: %1, %2 %3, %4.")
                          .arg(state.model.empty() ? QStringLiteral("no model") : QFileInfo(QString::fromStdString(state.model)).fileName())
                          .arg(acts)
                          .arg(acts == 1 ? QStringLiteral("act") : QStringLiteral("acts"),
                               QDateTime::fromMSecsSinceEpoch(newest.time_ms).toString(QStringLiteral("d MMMM, HH:mm"))),
                      QStringLiteral("&Continue it"));
  offered_ = [this] {
    if (recovered_.empty()) return;
    Recovered chosen = std::move(recovered_.front());
    recovered_.clear();
    keeper_.continue_from(std::move(chosen));
  };
}

void MainWindow::ask_open_file() {
  const QString path = QFileDialog::getOpenFileName(
      this, QStringLiteral("Open"), views::last_folder(),
      QStringLiteral("Everything Vitrine opens (*.vitrine *.safetensors *.gguf *.onnx *.pt *.pth *.bin *.npz *.npy *.json *.png *.jpg *.jpeg "
                     "*.webp *.bmp *.gif *.txt);;All files (*)"));
  if (path.isEmpty()) return;
  views::remember_folder_of(path);
  open_path(path);
}

void MainWindow::ask_open_folder() {
  const QString path = QFileDialog::getExistingDirectory(this, QStringLiteral("Open a model folder"),
                                                         views::last_folder());
  if (path.isEmpty()) return;
  views::remember_folder_of(path);
  open_path(path);
}

void MainWindow::ask_save(bool as) {
  QString path = QString::fromStdString(keeper_.path().string());
  if (as || path.isEmpty())
    path = QFileDialog::getSaveFileName(this, QStringLiteral("Save the session"), path.isEmpty() ? views::last_folder() : path,
                                        QStringLiteral("Vitrine sessions (*.vitrine)"));
  if (path.isEmpty()) return;
  views::remember_folder_of(path);
  if (ending_of(path) != QLatin1String("vitrine")) path += QStringLiteral(".vitrine");
  save_session(path);
}

void MainWindow::ask_save_job() {
  QString path = QFileDialog::getSaveFileName(this, QStringLiteral("Save as batch job"), views::last_folder(), QStringLiteral("Jobs (*.json)"));
  if (path.isEmpty()) return;
  views::remember_folder_of(path);
  if (ending_of(path) != QLatin1String("json")) path += QStringLiteral(".json");
  save_job(path);
}

void MainWindow::ask_save_picture() {
  QString path = QFileDialog::getSaveFileName(this, QStringLiteral("Save a picture of the window"), views::last_folder(), QStringLiteral("PNG (*.png)"));
  if (path.isEmpty()) return;
  views::remember_folder_of(path);
  if (ending_of(path) != QLatin1String("png")) path += QStringLiteral(".png");
  if (const QString problem = write_picture(*this, path); !problem.isEmpty()) banner_->show_error(problem);
}

void MainWindow::ask_branch_name(StepId id) {
  if (id == 0) return;
  auto* ask = new QInputDialog(this);
  ask->setWindowTitle(QStringLiteral("Name this branch"));
  ask->setLabelText(QStringLiteral("Name (empty takes it away)"));
  ask->setTextValue(QString::fromStdString(keeper_.journal().name_of(id)));
  connect(ask, &QInputDialog::textValueSelected, this, [this, id](const QString& name) {
    if (auto named = keeper_.name_branch(id, name.trimmed().toStdString()); !named)
      banner_->show_error(QString::fromStdString(engine::sentence(named.error())));
  });
  show_page(ask);
}

/// Beside the present branch: the chosen step, or where it is the present one, this branch before its first edit.
void MainWindow::toggle_compare(StepId id) {
  const Journal& journal = keeper_.journal();
  if (journal.second()) {
    keeper_.close_second();
    return;
  }
  if (id == journal.at())
    for (StepId step : journal.path(id)) {
      const std::string verb = journal.find(step)->command.value("do", "");
      if (verb == "open_model" || verb == "set_input") id = step;
    }
  keeper_.compare_with(id);
}

void MainWindow::close_model() { keeper_.go_to(0); }

}  // namespace vitrine::app
