#include "engine/run/workspace.h"

#include <deque>
#include <map>

namespace vitrine::engine {

struct Workspace::State {
  std::shared_ptr<const Model> model;
  std::optional<PreparedInput> input;
  std::shared_ptr<const Run> base;
  std::deque<std::shared_ptr<const Run>> recent;
  std::shared_ptr<const EvalSet> eval;
  std::map<std::int64_t, EvalResult> base_evaluations;
};

namespace {
constexpr std::size_t kKept = 6;
}

Workspace::Workspace(std::shared_ptr<const Model> model) : state_(std::make_unique<State>()) { state_->model = std::move(model); }
Workspace::~Workspace() = default;
Workspace::Workspace(Workspace&&) noexcept = default;

const Model& Workspace::model() const { return *state_->model; }
std::shared_ptr<const Model> Workspace::shared_model() const { return state_->model; }

Status Workspace::set_input(const InputItem& item) {
  VITRINE_TRY(PreparedInput prepared, prepare(*state_->model, item));
  state_->input = std::move(prepared);
  state_->base.reset();
  state_->recent.clear();
  return {};
}

bool Workspace::has_input() const { return state_->input.has_value(); }
const PreparedInput& Workspace::input() const { return *state_->input; }

Result<std::shared_ptr<const Run>> Workspace::base(const Progress& progress) {
  if (!state_->input) return fail(ErrorCode::InvalidInput, "there is no input yet");
  if (!state_->base) {
    VITRINE_TRY(state_->base, run_model(*state_->model, {.inputs = state_->input->tensors}, progress));
  }
  return state_->base;
}

Result<std::shared_ptr<const Run>> Workspace::with_edits(const EditList& edits, const Progress& progress) {
  if (edits.empty()) return base(progress);
  for (const auto& run : state_->recent) if (run->edits == edits) return run;
  VITRINE_TRY(const auto parent, base(progress));
  VITRINE_TRY(auto run, run_model(*state_->model, {.inputs = state_->input->tensors, .edits = edits, .parent = parent}, progress));
  state_->recent.push_front(run);
  if (state_->recent.size() > kKept) state_->recent.pop_back();
  return run;
}

Result<std::shared_ptr<const EvalSet>> Workspace::eval_set() {
  if (!state_->eval) {
    VITRINE_TRY(state_->eval, open_eval_set(*state_->model));
  }
  return state_->eval;
}

Result<EvalResult> Workspace::base_evaluation(std::int64_t limit, const Progress& progress) {
  auto it = state_->base_evaluations.find(limit);
  if (it == state_->base_evaluations.end()) {
    VITRINE_TRY(const auto set, eval_set());
    VITRINE_TRY(EvalResult measured, evaluate(*state_->model, *set, {}, progress, limit));
    it = state_->base_evaluations.emplace(limit, std::move(measured)).first;
  }
  return it->second;
}

}  // namespace vitrine::engine
