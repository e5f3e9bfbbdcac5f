#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "engine/core/error.h"
#include "engine/core/progress.h"

namespace vitrine::engine {

/// One compared tensor, metric or check.
struct ParityRow {
  enum class State { Pass, Fail, Unknown };
  std::string name;                  ///< as in the dump, with the variant in front where a case has several
  std::string found;                 ///< what it was compared with: hook, output, map, ...
  State state = State::Unknown;
  double max_abs_diff = -1;          ///< negative: nothing was compared
  double allowed = -1;
  std::string note;                  ///< "first 7 of 16 along axis 0", "12 of 24 rows are padding", why it is unknown
};

struct ParityReport {
  std::string case_name, model, architecture, reference;   ///< reference: library and version that made the dump
  std::vector<ParityRow> rows;
  std::vector<std::string> not_compared;                   ///< metrics of case.json that are not about this program
  double timing_ms = 0;

  [[nodiscard]] bool passed() const;
  [[nodiscard]] double max_abs_diff() const;
};

struct ParityOptions {
  std::optional<double> atol;        ///< instead of what case.json says
};

/// Runs the model of a case on `input.safetensors` and compares with `expected.safetensors`, tensor by tensor.
///
/// Besides the tensors of the dump it checks every mixing map (tile against the expected map to 1e-5, map x values
/// against the mixer's output), the input files beside it (`input.txt`, `input.png`, `input.json`: token ids and pixels)
/// and, where the case states metrics of an `eval.safetensors`, those. Weights that are not in the folder are looked for
/// in the user's model folder by file name and SHA-256.
/// @error FileMissing with the name of the weights that are not at hand; errors of opening; Cancelled
[[nodiscard]] Result<ParityReport> check_parity(const std::filesystem::path& folder, const ParityOptions& options,
                                                const Progress& progress = {});

/// Folder of downloaded models: $VITRINE_MODELS_DIR, or `vitrine/models` under $XDG_DATA_HOME or ~/.local/share.
[[nodiscard]] std::filesystem::path user_models_folder();

}  // namespace vitrine::engine
