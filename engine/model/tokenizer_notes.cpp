#include "engine/model/tokenizer_notes.h"

#include <algorithm>
#include <optional>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/io/bytes.h"

namespace vitrine::engine {
namespace {

using nlohmann::json;
using Ids = std::unordered_map<std::string, std::uint64_t>;

/// All ids of the model's vocabulary and the added tokens.
Ids ids_of(const json& tokenizer, const json& vocabulary) {
  Ids ids;
  if (vocabulary.is_object())
    for (const auto& [token, id] : vocabulary.items())
      if (id.is_number_unsigned()) ids.emplace(token, id.get<std::uint64_t>());
  if (const auto added = tokenizer.find("added_tokens"); added != tokenizer.end() && added->is_array())
    for (const json& token : *added)
      if (token.is_object() && token.contains("content") && token["content"].is_string() && token.contains("id") &&
          token["id"].is_number_unsigned())
        ids.emplace(token["content"].get<std::string>(), token["id"].get<std::uint64_t>());
  return ids;
}

void note_gaps(const Ids& ids, std::vector<std::string>& notes) {
  std::unordered_set<std::uint64_t> seen;
  std::uint64_t most = 0;
  for (const auto& [token, id] : ids) {
    seen.insert(id);
    most = std::max(most, id);
  }
  if (!ids.empty() && seen.size() <= most)
    notes.push_back(
        fmt::format("the vocabulary has a gap: {} ids up to {} stand for no token", most + 1 - seen.size(), most));
}

std::optional<std::pair<std::string, std::string>> parts_of(const json& merge) {
  if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string())
    return std::pair{merge[0].get<std::string>(), merge[1].get<std::string>()};
  if (!merge.is_string()) return std::nullopt;
  const std::string text = merge.get<std::string>();
  const auto space = text.find(' ');
  if (space == std::string::npos) return std::nullopt;
  return std::pair{text.substr(0, space), text.substr(space + 1)};
}

void note_merges(const json& merges, std::vector<std::string>& notes) {
  std::unordered_map<std::string, std::size_t> made_at;
  std::unordered_set<std::string> seen;
  std::vector<std::pair<std::string, std::string>> all;
  std::size_t twice = 0, early = 0;
  for (const json& merge : merges) {
    auto parts = parts_of(merge);
    if (!parts) continue;
    twice += seen.insert(parts->first + '\n' + parts->second).second ? 0 : 1;
    made_at.emplace(parts->first + parts->second, all.size());
    all.push_back(std::move(*parts));
  }
  for (std::size_t i = 0; i < all.size(); ++i)
    for (const std::string& part : {all[i].first, all[i].second})
      if (const auto made = made_at.find(part); made != made_at.end() && made->second > i) {
        ++early;
        break;
      }
  if (twice > 0) notes.push_back(fmt::format("{} merges stand twice: the duplicate never applies", twice));
  if (early > 0)
    notes.push_back(
        fmt::format("{} merges are listed before the merge that makes one of their parts: the order is odd", early));
}

void note_missing_tokens(const json& model, const Ids& ids, std::vector<std::string>& notes) {
  if (const auto unknown = model.find("unk_token"); unknown != model.end() && unknown->is_string() &&
                                                    !ids.contains(unknown->get<std::string>()))
    notes.push_back(fmt::format("unk_token '{}' is not in the vocabulary", printable(unknown->get<std::string>())));
  if (model.value("byte_fallback", json(false)) != true) return;
  int missing = 0;
  for (int byte = 0; byte < 256; ++byte) missing += ids.contains(fmt::format("<0x{:02X}>", byte)) ? 0 : 1;
  if (missing > 0) notes.push_back(fmt::format("byte_fallback is on, {} of the 256 byte tokens are missing", missing));
}

void note_prefixes(const json& tokenizer, std::vector<std::string>& notes) {
  const auto added = tokenizer.find("added_tokens");
  if (added == tokenizer.end() || !added->is_array()) return;
  std::set<std::string> contents;
  for (const json& token : *added)
    if (token.is_object() && token.contains("content") && token["content"].is_string())
      contents.insert(token["content"].get<std::string>());
  // In sorted order whatever a token begins follows it directly.
  for (auto token = contents.begin(); token != contents.end(); ++token) {
    const auto next = std::next(token);
    if (token->empty() || next == contents.end() || !next->starts_with(*token)) continue;
    notes.push_back(fmt::format("the added token '{}' is a prefix of '{}': the longest that fits is taken",
                                printable(*token), printable(*next)));
    return;
  }
}

}  // namespace

std::vector<std::string> tokenizer_notes(const json& tokenizer) {
  std::vector<std::string> notes;
  const auto model = tokenizer.find("model");
  if (model == tokenizer.end() || !model->is_object()) return notes;
  const json vocabulary = model->value("vocab", json());
  const Ids ids = ids_of(tokenizer, vocabulary);
  if (vocabulary.is_object()) {
    note_gaps(ids, notes);
    note_missing_tokens(*model, ids, notes);
  }
  if (const auto merges = model->find("merges"); merges != model->end() && merges->is_array())
    note_merges(*merges, notes);
  note_prefixes(tokenizer, notes);
  return notes;
}

}  // namespace vitrine::engine
