#pragma once

#include <functional>
#include <memory>
#include <string>

#include <nlohmann/json.hpp>

#include "app/jobs/job_queue.h"
#include "app/session/journal.h"
#include "engine/analysis/analysis.h"
#include "engine/core/error.h"
#include "engine/core/progress.h"
#include "engine/model/identify.h"
#include "engine/report/report.h"
#include "engine/run/edit.h"
#include "engine/run/input.h"
#include "views/panels/host.h"

namespace vitrine::app {

/// Everything a computation needs to know; a request carries it whole, so that the order of requests does not matter.
struct RequestContext {
  Cursor cursor = Cursor::Main;
  std::string model;
  engine::InputItem input;
  bool has_input = false;
  engine::EditList edits;
};

/// What the window computes with. Called on the lanes' threads; each lane has its own workspaces.
class Backend {
 public:
  virtual ~Backend() = default;

  [[nodiscard]] virtual engine::Result<views::ModelState> open(Cursor cursor, const std::string& model,
                                                               const engine::Progress& progress) = 0;
  /// What can be shown of a large model before its weights are read: its tensors. Asked before `open`.
  /// @error Unsupported where `open` is as quick
  [[nodiscard]] virtual engine::Result<views::ModelState> glance(Cursor /*cursor*/, const std::string& /*model*/,
                                                                 const engine::Progress& /*progress*/) {
    return engine::fail(engine::ErrorCode::Unsupported, "nothing is shown before the model is open");
  }
  /// What a file is that is neither a session nor weights by its name. Decodes it.
  [[nodiscard]] virtual engine::Result<engine::FileIdentity> identify(const std::string& path) { return engine::identify(path); }
  [[nodiscard]] virtual engine::Result<views::InputState> set_input(const RequestContext& context,
                                                                    const engine::Progress& progress) = 0;
  [[nodiscard]] virtual engine::Result<engine::Report> analyse(
      Lane lane, const RequestContext& context, const std::string& analysis, const nlohmann::json& params,
      const engine::Progress& progress, const std::function<void(const engine::Report&)>& partial) = 0;
  /// Of the weights; slow, computed once.
  [[nodiscard]] virtual engine::Result<std::string> sha256(const std::string& model) = 0;
  /// Constant while the program runs.
  [[nodiscard]] virtual const engine::AnalysisRegistry& analyses() const = 0;
};

/// The real one: models and workspaces of `engine/run`.
/// @param analyses outlives the backend
[[nodiscard]] std::shared_ptr<Backend> make_workspace_backend(const engine::AnalysisRegistry& analyses);

}  // namespace vitrine::app
