#pragma once

#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>

#include "engine/isolate/child_process.h"

namespace vitrine::engine::isolate {

/// Has one reader started before it is needed, which waits for its order. Started by a thread of its own that lives as long
/// as the program: a process that dies with its parent dies with the thread that started it (PR_SET_PDEATHSIG). Thread safe.
class SpareReader {
 public:
  /// The one of this process.
  static SpareReader& instance();

  /// Keeps one of this program waiting from now on; an empty path: none.
  void keep(const std::filesystem::path& program);
  /// The one that waits, if it is of this program and has not ended, else a new one.
  /// @error Internal if no process can be started
  [[nodiscard]] Result<ChildProcess> take(const std::filesystem::path& program);
  /// Whether one waits.
  [[nodiscard]] bool waits() const;

 private:
  struct Waiting {
    ChildProcess child;
    std::filesystem::path program, folder;   ///< the folder that relative names are looked up in
  };
  SpareReader() = default;
  void work();
  [[nodiscard]] static std::unique_ptr<Waiting> start(const std::filesystem::path& program);

  mutable std::mutex guard_;
  std::condition_variable changed_;
  bool works_ = false;
  std::filesystem::path program_;   ///< of which one is to wait; empty: none
  std::unique_ptr<Waiting> waiting_;
};

}  // namespace vitrine::engine::isolate
