#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <QObject>
#include <QString>

#include "app/session/autosave.h"
#include "app/session/journal.h"
#include "app/session/session_file.h"
#include "app/session/state.h"

namespace vitrine::app {

/// The session that is open: journal, file, autosave. Every change goes through here, so that none is lost.
class SessionKeeper : public QObject {
  Q_OBJECT
 public:
  /// @param autosave_folder empty: no autosave
  explicit SessionKeeper(std::filesystem::path autosave_folder = {}, QObject* parent = nullptr);
  /// What was not saved stays in the autosave folder, to be offered at the next start.
  ~SessionKeeper() override;

  [[nodiscard]] const Journal& journal() const { return document_.journal; }
  [[nodiscard]] const SessionDocument& document() const { return document_; }
  [[nodiscard]] SessionState state(Cursor cursor = Cursor::Main) const;
  /// Acts since the session was saved or opened.
  [[nodiscard]] bool dirty() const { return dirty_; }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  /// Acts of one kind within this time become one step (typing, dragging).
  static constexpr int kCoalesceMs = 1500;
  engine::Result<StepId> perform(const Command& command, Cursor cursor = Cursor::Main);
  void discard(StepId id);
  void undo(Cursor cursor = Cursor::Main);
  void redo(Cursor cursor = Cursor::Main);
  void go_to(StepId id, Cursor cursor = Cursor::Main);
  engine::Status name_branch(StepId id, const std::string& name);
  void compare_with(StepId id);
  void close_second();

  void set_model_sha256(const std::string& hash) { document_.model_sha256 = hash; }
  /// Off: acts are written only when the program ends with something unsaved.
  void set_autosave(bool on);
  void set_layout(const nlohmann::json& layout) { document_.layout = layout; }

  /// An empty session; what was not saved stays in its autosave file.
  void start_new();
  engine::Status open(const std::filesystem::path& path);
  engine::Status save(const std::filesystem::path& path);
  /// Continues a session that a crash or a close without saving left behind; its autosave file is taken over.
  void continue_from(Recovered recovered);
  /// Sessions left behind, newest first.
  [[nodiscard]] std::vector<Recovered> left_behind() const;

 signals:
  /// Steps or cursors changed.
  void changed();
  /// Another session: everything starts again.
  void replaced();
  void dirty_changed(bool dirty);
  /// Autosave does not work; said once, and again after it has worked in between.
  void autosave_failed(const QString& sentence);

 private:
  void touched();
  void set_dirty(bool dirty);
  void restart_autosave();
  void write(const engine::Status& status);
  void write_move() { if (autosave_) write(autosave_->moved(document_.journal)); }

  SessionDocument document_;
  std::filesystem::path path_, folder_;
  std::unique_ptr<Autosave> autosave_;
  std::filesystem::path broken_autosave_;   ///< holds what was written before it failed; goes when a whole one is there
  bool dirty_ = false, autosave_on_ = true, autosave_broken_ = false;
};

}  // namespace vitrine::app
