#include <algorithm>
#include <cstring>

#include <nlohmann/json.hpp>

#include "tests/fuzz/mutators.h"

namespace vitrine::fuzz {
namespace {

using nlohmann::json;

/// All values of a document, each with the one that holds it.
struct Place {
  json* value = nullptr;
  json* holder = nullptr;
};

void collect(json& value, json* holder, int depth, std::vector<Place>& out) {
  if (out.size() > 2000 || depth > 80) return;
  out.push_back({&value, holder});
  if (value.is_structured())
    for (json& part : value) collect(part, &value, depth + 1, out);
}

json odd_value(Dice& dice, const std::vector<std::string>& words) {
  switch (dice.below(12)) {
    case 0: return nullptr;
    case 1: return dice.one_in(2);
    case 2: return static_cast<std::int64_t>(dice.odd_number());
    case 3: return dice.odd_number();
    case 4: return -1;
    case 5: return 1e308;
    case 6: return 0.5;
    case 7: return json::object();
    case 8: return json::array();
    case 9: return std::string(dice.below(40), 'a');
    default: return words.empty() ? json("") : json(words[dice.below(words.size())]);
  }
}

void change_number(json& value, Dice& dice) {
  if (value.is_number_float()) {
    value = value.get<double>() * (dice.one_in(2) ? -1.0 : 1e30);
    return;
  }
  const auto old = value.get<std::int64_t>();
  switch (dice.below(4)) {
    case 0: value = static_cast<std::uint64_t>(old) + 1; break;
    case 1: value = static_cast<std::int64_t>(static_cast<std::uint64_t>(old) - 1); break;
    case 2: value = static_cast<std::uint64_t>(old) * 2; break;
    default: value = dice.odd_number(); break;
  }
}

void rename_key(json& holder, Dice& dice, const std::vector<std::string>& words) {
  auto it = holder.begin();
  std::advance(it, static_cast<std::ptrdiff_t>(dice.below(holder.size())));
  json value = *it;
  std::string key = words.empty() || dice.one_in(3) ? it.key() + "x" : words[dice.below(words.size())];
  if (dice.one_in(2)) holder.erase(it);
  holder[key] = std::move(value);
}

void change(const std::vector<Place>& places, Dice& dice, const std::vector<std::string>& words) {
  const Place at = places[dice.below(places.size())];
  const Place other = places[dice.below(places.size())];
  json& value = *at.value;
  switch (dice.below(9)) {
    case 0: value = odd_value(dice, words); return;
    case 1: {
      json copy = *other.value;
      value = std::move(copy);
      return;
    }
    case 2:
      if (value.is_array() && !value.empty()) value.erase(dice.below(value.size()));
      else if (value.is_object() && !value.empty()) value.erase(value.begin());
      return;
    case 3: {
      json copy = *other.value;
      if (value.is_array()) value.push_back(std::move(copy));
      else if (value.is_object()) value[words.empty() ? "k" : words[dice.below(words.size())]] = std::move(copy);
      return;
    }
    case 4:
      for (std::size_t n = 1 + dice.below(20); n > 0; --n) value = json::array({std::move(value)});
      return;
    case 5:
      if (value.is_object() && !value.empty()) rename_key(value, dice, words);
      return;
    case 6:
      if (value.is_string() && !words.empty()) value = words[dice.below(words.size())];
      return;
    default:
      if (value.is_number()) change_number(value, dice);
      return;
  }
}

const std::vector<std::string>& common_words() {
  static const std::vector<std::string> words = {
      "type", "id", "content", "model", "vocab", "merges", "normalizer", "pattern", "Regex", "String", "behavior",
      "text", "edits", "do", "open_model", "set_input", "analyse", "do_lower_case", "special", "weight_map", "", "\x01",
      "\xF0\x9F\x98\x80", "hidden_size", "vocab_size", "num_attention_heads", "model_type", "rope_scaling", "Sequence"};
  return words;
}

}  // namespace

std::string mutated_json(const std::string& text, Dice& dice, const std::vector<std::string>& words) {
  json root = json::parse(text, nullptr, false);
  if (root.is_discarded()) return {};
  for (std::size_t n = 1 + dice.below(4); n > 0; --n) {
    std::vector<Place> places;
    collect(root, nullptr, 0, places);
    change(places, dice, words);
  }
  return root.dump(dice.one_in(8) ? 1 : -1, ' ', dice.one_in(8), json::error_handler_t::replace);
}

void mutate_bytes(Buffer& bytes, std::size_t max_size, Dice&, const ByteMutation& plain) { plain(bytes, max_size); }

void mutate_json(Buffer& bytes, std::size_t max_size, Dice& dice, const ByteMutation& plain) {
  if (dice.one_in(2)) return plain(bytes, max_size);
  const std::string text = mutated_json(std::string(bytes.begin(), bytes.end()), dice, common_words());
  if (text.empty() || text.size() > max_size) return plain(bytes, max_size);
  bytes.assign(text.begin(), text.end());
}

void mutate_safetensors(Buffer& bytes, std::size_t max_size, Dice& dice, const ByteMutation& plain) {
  static const std::vector<std::string> words = {
      "dtype", "shape", "data_offsets", "__metadata__", "BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0", "I16",
      "U16", "F16", "BF16", "I32", "U32", "F32", "F64", "I64", "U64", "C64", "F4", "F6_E2M3", "format", "pt", ""};
  std::uint64_t length = 0;
  if (bytes.size() < 8 || dice.one_in(4)) return plain(bytes, max_size);
  std::memcpy(&length, bytes.data(), 8);
  if (length > bytes.size() - 8) return plain(bytes, max_size);
  const auto data = bytes.begin() + 8 + static_cast<std::ptrdiff_t>(length);
  Buffer header(bytes.begin() + 8, data), rest(data, bytes.end());
  if (dice.one_in(3)) {
    plain(header, std::min(max_size, header.size() + 64));
  } else {
    const std::string text = mutated_json(std::string(header.begin(), header.end()), dice, words);
    if (text.empty()) return plain(bytes, max_size);
    header.assign(text.begin(), text.end());
  }
  if (dice.one_in(4)) rest.resize(dice.below(64));
  if (8 + header.size() + rest.size() > max_size) return plain(bytes, max_size);
  length = dice.one_in(32) ? dice.odd_number() : header.size();
  bytes.resize(8);
  std::memcpy(bytes.data(), &length, 8);
  bytes.insert(bytes.end(), header.begin(), header.end());
  bytes.insert(bytes.end(), rest.begin(), rest.end());
}

}  // namespace vitrine::fuzz
