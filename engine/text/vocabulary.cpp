#include "engine/text/vocabulary.h"

#include <algorithm>

#include <fmt/format.h>

#include "engine/text/fields.h"

namespace vitrine::engine::text {

std::int64_t largest_sane_id(std::size_t count) {
  return static_cast<std::int64_t>(count) * 4 + 1'000'000;
}

Result<Vocabulary> Vocabulary::from_json(const nlohmann::json& map,
                                         std::vector<std::string>& warnings) {
  if (!map.is_object())
    return fail(ErrorCode::FileFormat, "expected the vocab to be an object, came " + brief(map));
  if (map.empty()) return fail(ErrorCode::FileFormat, "the vocab is empty");
  const std::int64_t limit = largest_sane_id(map.size());
  std::int64_t largest = 0;
  for (const auto& [token, value] : map.items()) {
    std::int64_t id = 0;
    if (!whole_within(value, 0, INT64_MAX, id))
      return fail(ErrorCode::FileFormat,
                  fmt::format("vocab: expected the id of '{}' to be a whole number from 0, came {}",
                              token, brief(value)));
    if (id > limit)
      return fail(ErrorCode::FileLimit,
                  fmt::format("vocab: the id {} of '{}' is far outside {} tokens (limit {})", id,
                              token, map.size(), limit));
    if (token.empty())
      return fail(ErrorCode::FileFormat, fmt::format("vocab: the token with id {} is empty", id));
    largest = std::max(largest, id);
  }
  Vocabulary out;
  out.tokens_.resize(static_cast<std::size_t>(largest) + 1);
  for (const auto& [token, value] : map.items()) {
    std::string& slot = out.tokens_[static_cast<std::size_t>(value.get<std::int64_t>())];
    if (!slot.empty())
      return fail(ErrorCode::FileFormat,
                  fmt::format("vocab: the id {} is used twice, by '{}' and '{}'",
                              value.get<std::int64_t>(), slot, token));
    slot = token;
  }
  if (out.tokens_.size() > map.size())
    warnings.push_back(fmt::format("vocab: {} ids up to {} have no token (a gap)",
                                   out.tokens_.size() - map.size(), largest));
  out.index();
  return out;
}

Vocabulary Vocabulary::from_list(std::vector<std::string> tokens) {
  Vocabulary out;
  out.tokens_ = std::move(tokens);
  out.index();
  return out;
}

void Vocabulary::index() {
  ids_.reserve(tokens_.size());
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    if (tokens_[i].empty()) continue;
    ids_.try_emplace(tokens_[i], static_cast<std::int64_t>(i));
    longest_ = std::max(longest_, tokens_[i].size());
  }
}

const std::string& Vocabulary::token(std::int64_t id) const {
  static const std::string kNone;
  if (id < 0 || static_cast<std::size_t>(id) >= tokens_.size()) return kNone;
  return tokens_[static_cast<std::size_t>(id)];
}

}  // namespace vitrine::engine::text
