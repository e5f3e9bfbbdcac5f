#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "engine/core/error.h"
#include "engine/core/progress.h"

namespace vitrine::app {

/// What every command of one invocation shares: how to print, how to show progress, how to be stopped.
class Context {
 public:
  bool json = false;
  std::string progress_mode = "auto";   ///< auto, json, none

  /// Set by the parser: the chosen command. Returns the exit code.
  std::function<engine::Result<int>()> command;
  std::string command_name;

  /// Said when the work is cancelled: what was kept.
  std::string kept = "nothing was written";

  /// Progress of the running command; Ctrl-C cancels it. The first call decides how it is shown.
  [[nodiscard]] const engine::Progress& progress();

  /// Ends a progress bar so that text can follow.
  void clear_progress();

  /// One line for a person on standard error.
  void note(const std::string& line);
  /// Results: a text or a JSON value on standard output.
  void print(const std::string& text);
  void print(const nlohmann::json& value);

  /// Prints the sentence (and with --json the object) and returns the exit code.
  int report_error(const engine::Error& error);

 private:
  std::unique_ptr<engine::Progress> progress_;
  std::shared_ptr<class ProgressView> view_;
};

/// `{"vitrine", "command", "model", "inputs", "result", "verified", "timing_ms"}`, and "forecast" where there was one.
struct Envelope {
  std::string command;
  nlohmann::json model;                                  ///< null: none
  nlohmann::json inputs = nlohmann::json::array();
  nlohmann::json result;
  nlohmann::json verified;                               ///< null: {"how": "not checked"}
  double timing_ms = 0;
  nlohmann::json forecast;                               ///< `{"peak_bytes", "time_ms"}`; null: none
};
[[nodiscard]] nlohmann::json to_json(const Envelope& envelope);

/// Installs the handler that makes Ctrl-C cancel `progress`; a second Ctrl-C ends the process at once.
void cancel_on_interrupt(const engine::Progress& progress);

}  // namespace vitrine::app
