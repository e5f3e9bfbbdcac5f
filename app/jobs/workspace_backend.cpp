#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include "app/jobs/backend.h"
#include "app/jobs/model_state.h"
#include "engine/io/tensor_list.h"
#include "engine/isolate/readers.h"
#include "engine/model/model.h"
#include "engine/run/workspace.h"

namespace vitrine::app {

namespace {

using engine::Model;
using engine::Progress;
using engine::Result;
using engine::Workspace;

constexpr std::uintmax_t kGlanceFrom = 96'000'000;   ///< bytes; less is read before anybody would look

/// Of a file, or of all files of a folder.
std::uintmax_t bytes_at(const std::filesystem::path& path) {
  std::error_code ignored;
  std::uintmax_t bytes = 0;
  const auto add = [&](const std::filesystem::path& file) {
    const auto size = std::filesystem::file_size(file, ignored);
    if (!ignored) bytes += size;
  };
  if (!std::filesystem::is_directory(path, ignored)) add(path);
  else
    for (std::filesystem::directory_iterator it(path, ignored), end; !ignored && it != end; it.increment(ignored))
      if (it->is_regular_file(ignored)) add(it->path());
  return bytes;
}

using Weights = std::shared_ptr<const engine::Checkpoint>;

/// What became of the file that was looked into last.
struct Glanced {
  std::string model;
  Result<Weights> file = nullptr;
};

/// A workspace of one lane for one cursor. Touched by that lane's thread only.
struct Slot {
  std::string model;
  std::optional<engine::InputItem> input;
  std::unique_ptr<Workspace> workspace;
};

class WorkspaceBackend : public Backend {
 public:
  explicit WorkspaceBackend(const engine::AnalysisRegistry& analyses) : analyses_(analyses) {}

  Result<views::ModelState> open(Cursor cursor, const std::string& model, const Progress& progress) override {
    Glanced glanced = std::exchange(glanced_[static_cast<int>(cursor)], {});
    if (glanced.model != model) glanced.file = nullptr;
    VITRINE_TRY(auto file, std::move(glanced.file));
    VITRINE_TRY(const auto opened, model_of(model, progress, std::move(file)));
    Slot& slot = slots_[static_cast<int>(Lane::File)][static_cast<int>(cursor)];
    slot = Slot{model, {}, std::make_unique<Workspace>(opened)};
    views::ModelState state = model_state(*opened);
    state.path = model;
    state.card = card(*slot.workspace, progress);
    state.tensors = engine::tensor_list(Weights(opened, &opened->checkpoint()));
    return state;
  }

  Result<views::ModelState> glance(Cursor cursor, const std::string& model, const Progress& progress) override {
    if (model.rfind("demo:", 0) == 0 || bytes_at(model) < kGlanceFrom) return Backend::glance(cursor, model, progress);
    // `open` comes next: neither the file nor what is wrong with it is asked for twice.
    Glanced& glanced = glanced_[static_cast<int>(cursor)] = {model, engine::isolate::open_checkpoint(model, progress)};
    VITRINE_TRY(const auto file, glanced.file);
    VITRINE_TRY(const auto opened, engine::tensors_alone(model, file, "its weights are still being read"));
    Workspace workspace(opened);
    views::ModelState state = model_state(*opened);
    state.path = model;
    state.opening = true;
    state.card = card(workspace, progress);
    state.tensors = engine::tensor_list(file);
    return state;
  }

  Result<views::InputState> set_input(const RequestContext& context, const Progress& progress) override {
    VITRINE_TRY(Slot* slot, slot_for(Lane::Prompt, context, progress));
    return input_state(slot->workspace->input());
  }

  Result<engine::Report> analyse(Lane lane, const RequestContext& context, const std::string& id, const nlohmann::json& params,
                                 const Progress& progress,
                                 const std::function<void(const engine::Report&)>& partial) override {
    VITRINE_TRY(const auto* found, analyses_.get(id));
    const engine::Analysis& analysis = **found;
    VITRINE_TRY(auto checked, engine::check_params(analysis.info(), params));
    if (analysis.info().needs_input && !context.has_input)
      return engine::fail(engine::ErrorCode::InvalidInput, "'" + analysis.info().title + "' needs an input, and none is given");
    VITRINE_CHECK(progress.step(0, analysis.info().title));
    VITRINE_TRY(Slot* slot, slot_for(lane, context, progress));
    VITRINE_CHECK(engine::check_runs(analysis.info(), slot->workspace->model()));
    return analysis.run({*slot->workspace, context.edits, std::move(checked), progress, partial});
  }

  Result<std::string> sha256(const std::string& model) override {
    VITRINE_TRY(const auto opened, model_of(model, {}));
    return opened->sha256();
  }

  const engine::AnalysisRegistry& analyses() const override { return analyses_; }

 private:
  /// Shared between lanes and cursors; forgotten when no workspace holds it any more.
  /// @param file its weights, where they have been opened already
  Result<std::shared_ptr<const Model>> model_of(const std::string& name, const Progress& progress, Weights file = nullptr) {
    {
      std::lock_guard lock(mutex_);
      if (auto known = models_[name].lock()) return known;
    }
    VITRINE_TRY(auto opened, engine::open_model(name, {.tensors_alone = true, .checkpoint = std::move(file)}, progress));
    std::lock_guard lock(mutex_);
    models_[name] = opened;
    return opened;
  }

  Result<Slot*> slot_for(Lane lane, const RequestContext& context, const Progress& progress) {
    Slot& slot = slots_[static_cast<int>(lane)][static_cast<int>(context.cursor)];
    if (!slot.workspace || slot.model != context.model) {
      VITRINE_TRY(const auto opened, model_of(context.model, progress));
      slot = Slot{context.model, {}, std::make_unique<Workspace>(opened)};
    }
    if (context.has_input && slot.input != context.input) {
      slot.input.reset();
      VITRINE_CHECK(slot.workspace->set_input(context.input));
      slot.input = context.input;
    }
    return &slot;
  }

  engine::Report card(Workspace& workspace, const Progress& progress) const {
    return at_once("model_card", workspace, progress).value_or(engine::Report{});
  }

  /// An analysis whose answer comes with the model.
  std::optional<engine::Report> at_once(const char* id, Workspace& workspace, const Progress& progress) const {
    const auto* analysis = analyses_.find(id);
    if (!analysis) return {};
    auto params = engine::check_params((*analysis)->info(), nlohmann::json::object());
    if (!params) return {};
    auto report = (*analysis)->run({workspace, {}, *params, progress, {}});
    return report ? std::optional(std::move(*report)) : std::nullopt;
  }

  const engine::AnalysisRegistry& analyses_;
  Slot slots_[kLanes][2];
  std::mutex mutex_;
  std::map<std::string, std::weak_ptr<const Model>> models_;
  Glanced glanced_[2];   ///< by cursor; touched by the lane of files alone
};

}  // namespace

std::shared_ptr<Backend> make_workspace_backend(const engine::AnalysisRegistry& analyses) {
  return std::make_shared<WorkspaceBackend>(analyses);
}

}  // namespace vitrine::app
