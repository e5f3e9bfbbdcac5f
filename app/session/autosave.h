#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "app/session/journal.h"
#include "engine/core/error.h"

namespace vitrine::app {

/// A file beside the session that grows by one line an act, so that a crash costs at most the line being written.
/// While the program runs it holds a lock on the file; a file without one was left behind.
class Autosave {
 public:
  /// Starts `autosave-N.jsonl` in `folder` (created if needed) with what the journal holds already.
  /// @error FileMissing if the folder cannot be written
  static engine::Result<std::unique_ptr<Autosave>> start(const std::filesystem::path& folder, const Journal& journal,
                                                         const std::string& session_path);
  Autosave(const Autosave&) = delete;
  Autosave& operator=(const Autosave&) = delete;
  ~Autosave();

  /// One line; call it after each change of the journal.
  engine::Status performed(const Journal& journal, StepId id);
  engine::Status amended(const Journal& journal, StepId id);
  engine::Status moved(const Journal& journal);          ///< any cursor, including the second closed
  engine::Status discarded(const Journal& journal, StepId id);
  engine::Status renamed(const Journal& journal);        ///< names of branches
  /// The session was saved or is empty: nothing to recover, the file goes.
  void remove();

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  Autosave(std::filesystem::path path, int fd) : path_(std::move(path)), fd_(fd) {}
  engine::Status write_all(const Journal& journal, const std::string& session_path);
  engine::Status append(const nlohmann::json& line);

  std::filesystem::path path_;
  int fd_ = -1;
};

/// A session that was not closed.
struct Recovered {
  std::filesystem::path path;       ///< of the autosave file
  std::string session_path;         ///< of the `.vitrine` file that was open; empty: never saved
  Journal journal;
  std::int64_t time_ms = 0;         ///< of the last act
  bool torn = false;                ///< the last line was cut off and left out
};

/// Autosave files in `folder` that no running program holds and that contain an act, newest first.
/// Files that cannot be read are left alone.
[[nodiscard]] std::vector<Recovered> find_autosaves(const std::filesystem::path& folder);

/// Replays one autosave file. A line that is cut off or refused ends the replay; everything before it counts.
[[nodiscard]] engine::Result<Recovered> read_autosave(const std::filesystem::path& path);

}  // namespace vitrine::app
