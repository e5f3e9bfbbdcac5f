#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "engine/run/edit.h"
#include "views/panels/host.h"

namespace vitrine::views {

/// A thing that can be switched off: a head, all heads of a layer, or an MLP.
struct PartRef {
  enum class Kind { Head, Attention, Mlp } kind = Kind::Head;
  std::string tower;
  int layer = 0;
  int head = 0;                 ///< Head only
  friend auto operator<=>(const PartRef&, const PartRef&) = default;
};

/// The intervention that switches a part off by zero.
[[nodiscard]] engine::Edit edit_for(const ModelState& model, const PartRef& part);

/// Parts that the edits switch off (zero, mean or drop over all tokens), each head by itself; an edit over all heads of
/// a layer gives `Attention` and every head.
[[nodiscard]] std::set<PartRef> parts_off(const ModelState& model, const engine::EditList& edits);

/// The command that switches `parts` off (or on again), leaving everything else as it is; null if nothing changes.
[[nodiscard]] nlohmann::json switch_parts(const ModelState& model, const engine::EditList& edits,
                                          const std::set<PartRef>& parts, bool off);

/// The command that forces code `code` of a codebook everywhere.
[[nodiscard]] nlohmann::json force_code(const ModelState& model, int codebook, int code);

/// "2.1", with the tower before it where there are several.
[[nodiscard]] std::string head_name(const ModelState& model, const HeadRef& head);
/// Reads "2.1" of `tower`. Nothing if it is not of that form.
[[nodiscard]] std::optional<HeadRef> parse_head(const std::string& name, const std::string& tower);

[[nodiscard]] const TowerState* find_tower(const ModelState& model, const std::string& prefix);

}  // namespace vitrine::views
