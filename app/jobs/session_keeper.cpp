#include "app/jobs/session_keeper.h"

#include <system_error>
#include <utility>

#include <QDateTime>

namespace vitrine::app {

namespace fs = std::filesystem;

SessionKeeper::SessionKeeper(fs::path autosave_folder, QObject* parent)
    : QObject(parent), folder_(std::move(autosave_folder)) {}

SessionKeeper::~SessionKeeper() {
  if (dirty_ && !autosave_on_) {
    autosave_on_ = true;
    restart_autosave();
  }
  if (autosave_ && !dirty_) autosave_->remove();
}

SessionState SessionKeeper::state(Cursor cursor) const { return state_at(document_.journal, document_.journal.at(cursor)); }

void SessionKeeper::set_dirty(bool dirty) {
  if (dirty == dirty_) return;
  dirty_ = dirty;
  emit dirty_changed(dirty);
}

void SessionKeeper::set_autosave(bool on) {
  if (on == autosave_on_) return;
  autosave_on_ = on;
  if (!on && autosave_) autosave_->remove();
  autosave_.reset();
  if (on && document_.journal.steps().size() > 1) restart_autosave();
}

void SessionKeeper::touched() {
  set_dirty(true);
  emit changed();
}

void SessionKeeper::write(const engine::Status& status) {
  if (status) return;
  // The next act tries again with the whole journal in a file of its own.
  if (autosave_) broken_autosave_ = autosave_->path();
  autosave_.reset();
  if (std::exchange(autosave_broken_, true)) return;
  emit autosave_failed(QString::fromStdString("Autosave is off: " + engine::sentence(status.error())));
}

void SessionKeeper::restart_autosave() {
  autosave_.reset();
  if (folder_.empty() || !autosave_on_) return;
  auto started = Autosave::start(folder_, document_.journal, path_.string());
  if (!started) return write(engine::Status(engine::fail(started.error())));
  autosave_ = std::move(*started);
  autosave_broken_ = false;
  if (broken_autosave_.empty()) return;
  std::error_code ignored;
  fs::remove(std::exchange(broken_autosave_, {}), ignored);
}

engine::Result<StepId> SessionKeeper::perform(const Command& command, Cursor cursor) {
  Journal& journal = document_.journal;
  const std::int64_t now = QDateTime::currentMSecsSinceEpoch();
  const Step* here = journal.find(journal.at(cursor));
  const bool soon = here && now - here->time_ms < kCoalesceMs;
  const std::size_t before = journal.steps().size();
  VITRINE_TRY(const StepId id, soon ? journal.amend(command, now, cursor) : journal.perform(command, now, cursor));
  if (!autosave_) {
    restart_autosave();
  } else if (journal.steps().size() > before) {
    write(autosave_->performed(journal, id));
    if (cursor == Cursor::Second) write_move();
  } else {
    write(autosave_->amended(journal, id));
    write_move();
  }
  touched();
  return id;
}

void SessionKeeper::discard(StepId id) {
  if (!document_.journal.discard(id)) return;
  if (autosave_) write(autosave_->discarded(document_.journal, id));
  touched();
}

void SessionKeeper::undo(Cursor cursor) {
  if (!document_.journal.undo(cursor)) return;
  write_move();
  touched();
}

void SessionKeeper::redo(Cursor cursor) {
  if (!document_.journal.redo(cursor)) return;
  write_move();
  touched();
}

void SessionKeeper::go_to(StepId id, Cursor cursor) {
  if (document_.journal.at(cursor) == id || !document_.journal.go_to(id, cursor)) return;
  write_move();
  touched();
}

engine::Status SessionKeeper::name_branch(StepId id, const std::string& name) {
  if (name.empty())
    document_.journal.remove_name(document_.journal.name_of(id));
  else
    VITRINE_CHECK(document_.journal.name_branch(id, name));
  if (autosave_) write(autosave_->renamed(document_.journal));
  touched();
  return {};
}

void SessionKeeper::compare_with(StepId id) {
  if (!document_.journal.set_second(id)) return;
  write_move();
  touched();
}

void SessionKeeper::close_second() {
  if (!document_.journal.second()) return;
  document_.journal.close_second();
  write_move();
  touched();
}

void SessionKeeper::start_new() {
  if (autosave_ && !dirty_) autosave_->remove();
  autosave_.reset();
  document_ = {};
  path_.clear();
  set_dirty(false);
  emit replaced();
}

engine::Status SessionKeeper::open(const fs::path& path) {
  VITRINE_TRY(auto document, read_session(path));
  if (autosave_ && !dirty_) autosave_->remove();
  autosave_.reset();
  document_ = std::move(document);
  path_ = path;
  set_dirty(false);
  emit replaced();
  return {};
}

namespace {

/// What panels keep of their colours, gathered for people and other programs; the journal has it as well.
nlohmann::json colour_ranges(const SessionState& state) {
  nlohmann::json out = nlohmann::json::object();
  for (const auto& [panel, settings] : state.views)
    for (const char* key : {"range", "min", "max", "log", "map", "colour_map", "symmetric"})
      if (settings.contains(key)) out[panel][key] = settings[key];
  return out;
}

}  // namespace

engine::Status SessionKeeper::save(const fs::path& path) {
  document_.colour_ranges = colour_ranges(state());
  VITRINE_CHECK(write_session(path, document_));
  path_ = path;
  if (auto before = std::move(autosave_)) {
    restart_autosave();
    before->remove();
  }
  set_dirty(false);
  emit changed();
  return {};
}

void SessionKeeper::continue_from(Recovered recovered) {
  if (autosave_ && !dirty_) autosave_->remove();
  document_ = {};
  document_.journal = std::move(recovered.journal);
  path_ = recovered.session_path;
  restart_autosave();
  if (autosave_) {
    std::error_code ignored;
    fs::remove(recovered.path, ignored);
  }
  set_dirty(true);
  emit replaced();
}

std::vector<Recovered> SessionKeeper::left_behind() const {
  return folder_.empty() ? std::vector<Recovered>{} : find_autosaves(folder_);
}

}  // namespace vitrine::app
