#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "engine/core/error.h"
#include "engine/io/checkpoint.h"
#include "engine/model/spec.h"

namespace vitrine::engine {

/// An architecture file, as data: how it is recognised, its definitions, its specification and its weight names.
///
/// `{"id", "title", "source", "detect": [{"model_type": [..]} | {"timm": [prefix..]} | {"keys": [..], "values": {..}} |
///   {"gguf": [..]} | {"tensors": [..]}], "config_from_gguf" | "config_from_tensors": {key: expr}, "variants": {name: {..}},
///   "let": ["d = hidden_size", ..], "spec": {..template..}, "weights" | "weights_gguf" | "weights_onnx": {..}, "prefixes": [..],
///   "ignore": [..]}`. The template language is that of engine/model/expression.h.
struct Architecture {
  std::string id, title, source;
  nlohmann::json form;
  std::filesystem::path file;
};

class ArchitectureRegistry {
 public:
  /// Adds every `*.json` of a folder. @error the first file that is wrong; the others are still added
  Status add_folder(const std::filesystem::path& folder);
  Status add_file(const std::filesystem::path& file);
  [[nodiscard]] const std::vector<Architecture>& all() const { return all_; }

  /// A configuration with its architecture: what a checkpoint and a config.json together say.
  struct Match {
    const Architecture* architecture = nullptr;
    nlohmann::json config;
  };
  /// @param config the parsed config.json, or null
  /// @error Unsupported naming what the configuration calls itself and what is known
  [[nodiscard]] Result<Match> match(const nlohmann::json& config, const Checkpoint& file) const;

 private:
  std::vector<Architecture> all_;
};

/// Those of the program: `plugins/*/architectures` beside the resources. Loaded once.
[[nodiscard]] ArchitectureRegistry& architectures();

/// The architecture's specification for a configuration.
struct Expanded {
  ModelSpec spec;
  nlohmann::json weights;
  std::vector<std::string> prefixes, ignore;
};
[[nodiscard]] Result<Expanded> expand_architecture(const Architecture& architecture, const nlohmann::json& config, const Checkpoint& file);

}  // namespace vitrine::engine
