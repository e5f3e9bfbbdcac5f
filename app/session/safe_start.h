#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>

namespace vitrine::app {

/// Remembers which file was being opened when the program ended without leaving: after two such ends the file is not
/// opened by itself again. While a file is being opened, and until its first numbers are on the screen, a marker of this
/// process lies in the folder, locked; a marker without a lock was left by a crash. One thread.
class SafeStart {
 public:
  static constexpr int kCrashes = 2;

  /// Counts what was left behind. @param folder empty: nothing is remembered
  explicit SafeStart(std::filesystem::path folder = {});
  /// Leaving in good order is no crash.
  ~SafeStart();
  SafeStart(const SafeStart&) = delete;
  SafeStart& operator=(const SafeStart&) = delete;

  /// Files that were being opened at `kCrashes` ends or more.
  [[nodiscard]] std::set<std::string> held() const;
  void begin(const std::string& file);
  /// What was begun is open and at rest: it has no crashes any more.
  void rest();
  [[nodiscard]] bool begun() const { return !file_.empty(); }

 private:
  void count_left_behind();
  void read_counts();
  void write_counts() const;
  void drop_marker();

  std::filesystem::path folder_, marker_;
  std::map<std::string, int> crashes_;
  std::string file_;
  int fd_ = -1;
};

}  // namespace vitrine::app
