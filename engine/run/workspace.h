#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/core/error.h"
#include "engine/core/progress.h"
#include "engine/model/model.h"
#include "engine/run/edit.h"
#include "engine/run/evaluate.h"
#include "engine/run/input.h"
#include "engine/run/run.h"

namespace vitrine::engine {

/// A model with an input, and the runs made of them. Used from one thread at a time (the engine thread).
class Workspace {
 public:
  explicit Workspace(std::shared_ptr<const Model> model);
  ~Workspace();
  Workspace(Workspace&&) noexcept;

  [[nodiscard]] const Model& model() const;
  [[nodiscard]] std::shared_ptr<const Model> shared_model() const;
  /// Prepares and remembers an input; runs of the one before are dropped.
  Status set_input(const InputItem& item);
  [[nodiscard]] bool has_input() const;
  [[nodiscard]] const PreparedInput& input() const;

  /// The run without edits, made once per input.
  Result<std::shared_ptr<const Run>> base(const Progress& progress = {});
  /// A run with edits; the last few are kept, and the base run's residuals are reused.
  Result<std::shared_ptr<const Run>> with_edits(const EditList& edits, const Progress& progress = {});

  /// The evaluation set beside the model, if it has one. @error FileMissing if not
  Result<std::shared_ptr<const EvalSet>> eval_set();
  /// The unedited model on it, measured once per limit.
  Result<EvalResult> base_evaluation(std::int64_t limit = 0, const Progress& progress = {});

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace vitrine::engine
