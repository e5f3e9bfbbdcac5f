#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "engine/core/error.h"
#include "engine/core/progress.h"
#include "engine/run/parity_tensor.h"

namespace vitrine::engine {

/// One model that a case runs: most have one, file-format cases several.
struct ParityVariant {
  std::string label;                            ///< "" or "sharded", "Q4_1"
  std::filesystem::path model, config;          ///< config: empty where the model has its own
  std::map<std::string, HostTensor> expected;
};

/// A reference case as read from its folder.
struct ParityCase {
  std::filesystem::path folder;
  nlohmann::json about;                         ///< case.json; an empty object if there is none
  std::map<std::string, HostTensor> inputs;
  std::vector<ParityVariant> variants;

  /// Stated tolerance of a tensor: `atol_by_tensor` by its name or a component of it, then `atol`, then 1e-4.
  [[nodiscard]] double atol(const std::string& tensor) const;
  /// Prefixes that group inputs of separate runs ("batch.", "p0."); {""} for an ordinary case.
  [[nodiscard]] std::vector<std::string> groups() const;
};

/// @error FileMissing, FileFormat; FileMissing with name and SHA-256 for weights that are nowhere
[[nodiscard]] Result<ParityCase> read_parity_case(const std::filesystem::path& folder, const Progress& progress);

}  // namespace vitrine::engine
