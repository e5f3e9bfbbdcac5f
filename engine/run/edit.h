#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "engine/core/error.h"

namespace vitrine::engine {

enum class EditOp { Zero, Mean, Resample, Scale, Replace, Add, ForceCode, Drop, Quantise, Subsample };

/// An intervention as data: where, on what part, and what.
/// Short forms: `head:5.1=zero`, `mlp:3=mean`, `attn:3=zero`, `layer:7=drop`, `neuron:4.113=zero`, `code:2.0.57=force`.
struct Edit {
  std::string site;                        ///< hook name, e.g. "blocks.5.attn.hook_z"
  std::vector<std::int64_t> heads;         ///< empty: all
  std::vector<std::int64_t> tokens;        ///< empty: all
  std::vector<std::int64_t> neurons;       ///< empty: all
  std::vector<std::int64_t> codes;         ///< ForceCode: the codes to force (first k)
  EditOp op = EditOp::Zero;
  double scale = 0;                        ///< Scale; Subsample: the share of keys that a query keeps
  std::vector<float> value;                ///< Replace, Add: one, or as many as the last axes have, broadcast over the others; Mean: optional given mean
  int bits = 8;                            ///< Quantise
  std::uint64_t seed = 0;                  ///< Subsample: which keys

  friend bool operator==(const Edit&, const Edit&) = default;
};

using EditList = std::vector<Edit>;

/// Accepts the JSON list, a JSON object, or the comma-separated short forms.
/// @error Usage naming the piece that is wrong
[[nodiscard]] Result<EditList> parse_edits(const std::string& text);
[[nodiscard]] Result<EditList> edits_from_json(const nlohmann::json& json);
[[nodiscard]] nlohmann::json edits_to_json(const EditList& edits);
/// The short form where there is one ("head 5.1 zeroed"), for people.
[[nodiscard]] std::string describe(const Edit& edit);

}  // namespace vitrine::engine
