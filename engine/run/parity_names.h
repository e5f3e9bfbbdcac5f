#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "engine/core/error.h"
#include "engine/model/model.h"

namespace vitrine::engine {

/// Where the tensor of a reference dump is found in a run, as one line: `SOURCE [| OPERATION]...`.
///
/// SOURCE: `hook NAME`, `output NAME`, `input NAME`, `pattern BLOCK`, `cross BLOCK`, `map BLOCK`, `map_values BLOCK`,
/// `map_output BLOCK`, `windows BLOCK` (flat token of each window slot), `layers SUFFIX` (that hook of every block of the
/// first tower, put together), `layers SUFFIX of FROM` (what it would be if the sublayer read the hook FROM), or a bare name: the hook or else the output of that name. Operations: parity_tensor.h.
struct ParityExpression {
  std::string kind, name;
  std::vector<std::string> ops;
  std::string tower;                 ///< prefix of the tower that the name spoke of
};

/// What the names of a dump are resolved against.
struct ParityModel {
  std::vector<TowerInfo> towers;
  std::vector<CodebookInfo> codebooks;
  std::set<std::string> hooks;
  nlohmann::json own = nlohmann::json::object();   ///< ModelSpec::outputs: pattern -> expression
  bool hidden_counts_embedding = false;            ///< `hidden.0` is the embedding, `hidden.{i}` block i - 1
};

/// Resolves by the architecture's own table, then by the common one. Patterns hold `{i}` captures; expressions of the
/// common table hold `%`, the prefix of the tower that is named anywhere in `name` (`enc.attn.0`, `attn.text.0`).
/// @return nothing for a name that neither table knows; a bare output name is the last resort
[[nodiscard]] std::optional<ParityExpression> resolve_parity_name(const std::string& name, const ParityModel& model);

/// Matches `pattern` ("hidden.s{s}.b{b}") and returns the captures.
[[nodiscard]] std::optional<std::map<std::string, std::string>> match_pattern(const std::string& pattern,
                                                                             const std::string& name);

}  // namespace vitrine::engine
