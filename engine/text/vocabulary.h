#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "engine/core/error.h"

namespace vitrine::engine::text {

/// Tokens and their ids, both ways. Ids may have holes; a hole has an empty spelling.
class Vocabulary {
 public:
  Vocabulary() = default;
  Vocabulary(const Vocabulary&) = delete;
  Vocabulary& operator=(const Vocabulary&) = delete;
  Vocabulary(Vocabulary&&) = default;
  Vocabulary& operator=(Vocabulary&&) = default;

  /// From {"token": id, ...}.
  /// @error FileFormat; FileLimit if an id lies far outside the number of tokens
  [[nodiscard]] static Result<Vocabulary> from_json(const nlohmann::json& map,
                                                    std::vector<std::string>& warnings);
  /// From a list of spellings in the order of their ids. A spelling that comes twice keeps its
  /// first id.
  [[nodiscard]] static Vocabulary from_list(std::vector<std::string> tokens);

  /// -1 if there is none of that spelling.
  [[nodiscard]] std::int64_t id_of(std::string_view token) const {
    const auto it = ids_.find(token);
    return it == ids_.end() ? -1 : it->second;
  }
  [[nodiscard]] const std::string& token(std::int64_t id) const;
  /// One more than the largest id.
  [[nodiscard]] std::int64_t size() const { return static_cast<std::int64_t>(tokens_.size()); }
  /// How many tokens there are, holes not counted.
  [[nodiscard]] std::size_t count() const { return ids_.size(); }
  [[nodiscard]] std::size_t longest_bytes() const { return longest_; }

 private:
  void index();

  std::vector<std::string> tokens_;
  std::unordered_map<std::string_view, std::int64_t> ids_;
  std::size_t longest_ = 0;
};

/// The largest id that a vocabulary of `count` tokens may use: holes are allowed, absurd ones are
/// not.
[[nodiscard]] std::int64_t largest_sane_id(std::size_t count);

}  // namespace vitrine::engine::text
