#include "engine/text/chat_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <set>

#include <fmt/format.h>
#include <unicode/ucasemap.h>

#include "engine/io/bytes.h"
#include "engine/text/unicode.h"

namespace vitrine::engine::text::chat {
namespace {

bool is_space(char32_t c) { return is_white_space(c) || (c >= 0x1C && c <= 0x1F); }
bool is_space(std::string_view character) { return is_space(decode_utf8(character, 0).c); }

using Casing = std::int32_t (*)(const UCaseMap*, char*, std::int32_t, const char*, std::int32_t, UErrorCode*);

std::string cased(std::string_view text, Casing change) {
  UErrorCode problem = U_ZERO_ERROR;
  UCaseMap* map = ucasemap_open("", 0, &problem);
  if (U_FAILURE(problem) || text.size() > (std::size_t{1} << 28)) return std::string(text);
  std::string out(text.size() * 3 + 8, '\0');
  const auto n = change(map, out.data(), static_cast<std::int32_t>(out.size()), text.data(),
                        static_cast<std::int32_t>(text.size()), &problem);
  ucasemap_close(map);
  if (U_FAILURE(problem)) return std::string(text);
  out.resize(static_cast<std::size_t>(n));
  return out;
}

/// For a long part: where each prefix of it begins again (Knuth, Morris, Pratt 1977).
std::size_t find_long(std::string_view text, std::string_view part, std::size_t from) {
  std::vector<std::uint32_t> back(part.size(), 0);
  for (std::size_t i = 1, k = 0; i < part.size(); ++i) {
    while (k > 0 && part[i] != part[k]) k = back[k - 1];
    if (part[i] == part[k]) ++k;
    back[i] = static_cast<std::uint32_t>(k);
  }
  for (std::size_t i = from, k = 0; i < text.size(); ++i) {
    while (k > 0 && text[i] != part[k]) k = back[k - 1];
    if (text[i] == part[k]) ++k;
    if (k == part.size()) return i + 1 - k;
  }
  return std::string::npos;
}

std::vector<std::string_view> split_spaces(std::string_view text, std::int64_t most, bool from_right) {
  std::vector<std::string_view> out;
  const auto all = characters_of(text);
  const auto span = [&](std::size_t a, std::size_t b) {
    const char* begin = all[a].data();
    return std::string_view(begin, static_cast<std::size_t>(all[b - 1].data() + all[b - 1].size() - begin));
  };
  if (from_right) {
    for (std::size_t end = all.size();;) {
      while (end > 0 && is_space(all[end - 1])) --end;
      if (end == 0) break;
      std::size_t begin = end;
      const bool rest = most >= 0 && static_cast<std::int64_t>(out.size()) == most;
      if (rest) begin = 0;
      while (!rest && begin > 0 && !is_space(all[begin - 1])) --begin;
      out.push_back(span(begin, end));
      if (rest) break;
      end = begin;
    }
    std::reverse(out.begin(), out.end());
    return out;
  }
  for (std::size_t begin = 0;;) {
    while (begin < all.size() && is_space(all[begin])) ++begin;
    if (begin == all.size()) return out;
    std::size_t end = begin;
    const bool rest = most >= 0 && static_cast<std::int64_t>(out.size()) == most;
    if (rest) end = all.size();
    while (!rest && end < all.size() && !is_space(all[end])) ++end;
    out.push_back(span(begin, end));
    begin = end;
  }
}

}  // namespace

std::vector<std::string_view> characters_of(std::string_view text) {
  std::vector<std::string_view> out;
  for (std::size_t i = 0; i < text.size();) {
    const Decoded d = decode_utf8(text, i);
    out.push_back(text.substr(i, d.bytes));
    i += d.bytes;
  }
  return out;
}

std::size_t find_text(std::string_view text, std::string_view part, std::size_t from) {
  constexpr std::size_t kShort = 16;
  if (part.size() <= kShort || text.size() < part.size()) return text.find(part, from);
  return find_long(text, part, from);
}

std::string_view strip(std::string_view text, Sides sides, const std::string* of) {
  std::vector<std::string_view> set;
  if (of != nullptr) set = characters_of(*of);
  std::sort(set.begin(), set.end());
  const auto goes = [&](std::string_view c) {
    return of == nullptr ? is_space(c) : std::binary_search(set.begin(), set.end(), c);
  };
  while (sides.left && !text.empty()) {
    const std::size_t n = decode_utf8(text, 0).bytes;
    if (!goes(text.substr(0, n))) break;
    text.remove_prefix(n);
  }
  while (sides.right && !text.empty()) {
    std::size_t at = text.size() - 1;
    while (at > 0 && text.size() - at < 4 && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U) --at;
    if (decode_utf8(text, at).bytes != text.size() - at) at = text.size() - 1;
    if (!goes(text.substr(at))) break;
    text = text.substr(0, at);
  }
  return text;
}

std::string upper(std::string_view text) { return cased(text, ucasemap_utf8ToUpper); }
std::string lower(std::string_view text) { return cased(text, ucasemap_utf8ToLower); }

std::string capitalised(std::string_view text) {
  if (text.empty()) return {};
  const std::size_t n = decode_utf8(text, 0).bytes;
  return upper(text.substr(0, n)) + lower(text.substr(n));
}

std::string titled(std::string_view text, bool after_letters) {
  std::string out, word;
  bool large = true;
  const auto close = [&] {
    out += lower(word);
    word.clear();
  };
  for (const std::string_view c : characters_of(text)) {
    const char32_t point = decode_utf8(c, 0).c;
    const bool letter = is_word(point) && !is_number(point) && point != U'_';
    const bool cut = after_letters ? is_space(point) || std::string_view("-([{<").find(c) != std::string_view::npos : !letter;
    if (large && !cut) {
      close();
      out += upper(c);
    } else {
      word += c;
    }
    large = cut;
  }
  close();
  return out;
}

std::vector<std::string_view> split(std::string_view text, const std::string* by, std::int64_t most, bool from_right) {
  if (by == nullptr) return split_spaces(text, most, from_right);
  std::vector<std::size_t> cuts;
  for (std::size_t at = find_text(text, *by, 0); at != std::string::npos; at = find_text(text, *by, at + by->size())) cuts.push_back(at);
  if (most >= 0 && cuts.size() > static_cast<std::size_t>(most)) {
    if (from_right) cuts.erase(cuts.begin(), cuts.end() - most);
    else cuts.resize(static_cast<std::size_t>(most));
  }
  std::vector<std::string_view> out;
  std::size_t begin = 0;
  for (const std::size_t cut : cuts) {
    out.push_back(text.substr(begin, cut - begin));
    begin = cut + by->size();
  }
  out.push_back(text.substr(begin));
  return out;
}

std::vector<std::string_view> split_lines(std::string_view text, bool keep_ends) {
  std::vector<std::string_view> out;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < text.size();) {
    const Decoded d = decode_utf8(text, i);
    const bool end = (d.c >= 0x0A && d.c <= 0x0D) || (d.c >= 0x1C && d.c <= 0x1E) || d.c == 0x85 || d.c == 0x2028 || d.c == 0x2029;
    std::size_t after = i + d.bytes;
    if (d.c == 0x0D && after < text.size() && text[after] == '\n') ++after;
    if (end) {
      out.push_back(text.substr(begin, (keep_ends ? after : i) - begin));
      begin = after;
    }
    i = after;
  }
  if (begin < text.size()) out.push_back(text.substr(begin));
  return out;
}

Result<std::string> replaced(std::string_view text, std::string_view old, std::string_view by, std::int64_t most, Budget& budget) {
  if (old.empty()) return fail(ErrorCode::Unsupported, "replaces an empty text, which the interpreter does not do");
  VITRINE_CHECK(budget.spend(text.size() + old.size()));
  std::string out;
  std::size_t begin = 0;
  for (std::size_t at = find_text(text, old, 0); at != std::string::npos && most != 0; --most) {
    VITRINE_CHECK(budget.spend(at - begin + by.size()));
    out.append(text, begin, at - begin).append(by);
    begin = at + old.size();
    at = find_text(text, old, begin);
  }
  VITRINE_CHECK(budget.spend(text.size() - begin));
  return out.append(text, begin, std::string::npos);
}

}  // namespace vitrine::engine::text::chat
