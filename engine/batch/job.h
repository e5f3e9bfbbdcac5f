#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "engine/core/error.h"
#include "engine/run/edit.h"
#include "engine/run/input.h"

namespace vitrine::engine {

enum class StepKind { Analyse, Figure, Compress, Assert };

[[nodiscard]] std::string step_kind_name(StepKind kind);

/// One thing to do with a model and an input.
struct JobStep {
  StepKind kind = StepKind::Analyse;
  std::string id;                ///< its name in metrics and assertions; default: the analysis or method
  std::string name;              ///< analysis (Analyse, Figure) or method (Compress)
  nlohmann::json params = nlohmann::json::object();
  EditList edits;                ///< in force while it runs
  std::string format = "svg";    ///< Figure: svg, pdf or png
  double width_mm = 160;         ///< Figure
  std::string check;             ///< Assert: "head_importance[5.1] > 0.6"
};

/// What a job needs done, unfolded: for every model and input the steps, in order.
struct JobSection {
  std::string model;
  std::vector<InputItem> inputs; ///< empty: the steps need no input
  std::vector<JobStep> steps;
};

struct Job {
  std::string name;
  std::filesystem::path folder;  ///< of the job file: relative names start here
  std::filesystem::path out;     ///< folder of the results
  std::vector<JobSection> sections;
  nlohmann::json source;         ///< the file as it was read
};

/// Reads a job file. The file is untrusted: sizes are bounded and what is not known is refused.
///
/// Either `{"name", "out", "models", "inputs", "edits", "steps"}`: every step for every model and input;
/// or `{"name", "out", "commands"}`: the commands of a session in their order. See README.md.
/// @error FileMissing, FileFormat, FileLimit, InvalidInput: one sentence naming the place ("steps[2]: ...")
[[nodiscard]] Result<Job> read_job(const std::filesystem::path& path);
[[nodiscard]] Result<Job> job_from_json(const nlohmann::json& json, const std::filesystem::path& folder,
                                        const std::string& default_name);

/// Whether a parsed JSON looks like a job (for `inspect`).
[[nodiscard]] bool looks_like_job(const nlohmann::json& json);

}  // namespace vitrine::engine
