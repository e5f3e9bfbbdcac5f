#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "engine/core/error.h"
#include "engine/core/progress.h"
#include "engine/core/registry.h"
#include "engine/report/report.h"
#include "engine/run/edit.h"

namespace vitrine::engine {

class Model;
class Workspace;

/// One parameter of an analysis, enough to build a form or check a command line.
struct ParamInfo {
  std::string name;
  enum class Type { Int, Float, Bool, Text, Choice } type = Type::Int;
  nlohmann::json fallback;              ///< default value
  std::vector<std::string> choices;     ///< for Choice
  std::string doc;
};

struct AnalysisInfo {
  std::string id;                       ///< snake_case, as on the command line
  std::string title;
  std::string summary;                  ///< one sentence
  std::string source;                   ///< paper, arXiv id
  std::vector<ParamInfo> params;
  bool needs_pass = true;               ///< false: it looks at the tensors of the file and works where a model cannot run
  bool needs_input = true;
  bool needs_eval_set = false;
  bool needs_codebooks = false;
  bool slow = false;                    ///< a sweep over many runs: computed beside the prompt work, which goes first
};

struct AnalysisRequest {
  Workspace& workspace;                 ///< the model with an input, and its cached runs
  EditList edits;                       ///< interventions in force
  nlohmann::json params;                ///< checked against `info().params`, defaults filled in
  Progress progress;
  std::function<void(const Report&)> partial;  ///< may be empty; called with growing reports
};

/// Something that can be computed about a model and an input. Stateless.
class Analysis {
 public:
  virtual ~Analysis() = default;
  [[nodiscard]] virtual const AnalysisInfo& info() const = 0;
  [[nodiscard]] virtual Result<Report> run(const AnalysisRequest& request) const = 0;
};

using AnalysisRegistry = Registry<std::shared_ptr<const Analysis>>;

/// @error Unsupported where the model cannot run and the analysis needs it to
[[nodiscard]] Status check_runs(const AnalysisInfo& info, const Model& model);

/// Fills in defaults and refuses unknown names, wrong types and values that are not among the choices.
[[nodiscard]] Result<nlohmann::json> check_params(const AnalysisInfo& info, const nlohmann::json& given);

/// Parses `k=v` pairs by the types that `info` states.
[[nodiscard]] Result<nlohmann::json> params_from_pairs(const AnalysisInfo& info, const std::vector<std::string>& pairs);

}  // namespace vitrine::engine
