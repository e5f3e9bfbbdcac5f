#include "engine/text/charsmap.h"

#include <memory>

#include <fmt/format.h>
#include <unicode/brkiter.h>
#include <unicode/unistr.h>

namespace vitrine::engine::text {
namespace {

constexpr std::size_t kMaxGraphemeBytes = 6;
/// The longest that a compatibility form can be is 33 bytes; a text must not grow without a bound.
constexpr std::size_t kMaxReplacement = 256;

tl::unexpected<Error> refuse(const std::string& what) {
  return fail(ErrorCode::FileFormat, "normalizer Precompiled: the charsmap " + what);
}

int base64_value(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+') return 62;
  return c == '/' ? 63 : -1;
}

Result<std::string> decode_base64(std::string_view in) {
  while (!in.empty() && in.back() == '=') in.remove_suffix(1);
  std::string out;
  out.reserve(in.size() * 3 / 4);
  std::uint32_t bits = 0;
  int held = 0;
  for (std::size_t i = 0; i < in.size(); ++i) {
    const int v = base64_value(in[i]);
    if (v < 0) return refuse(fmt::format("is not base64 at character {}", i));
    bits = (bits << 6 | static_cast<std::uint32_t>(v)) & 0xFFFFFFu;
    held += 6;
    if (held >= 8) {
      held -= 8;
      out.push_back(static_cast<char>(static_cast<unsigned char>(bits >> held & 0xFFu)));
    }
  }
  return out;
}

std::uint32_t u32_at(std::string_view s, std::size_t at) {
  std::uint32_t v = 0;
  for (std::size_t i = 4; i-- > 0;) v = v << 8 | static_cast<unsigned char>(s[at + i]);
  return v;
}

bool has_leaf(std::uint32_t unit) { return (unit >> 8 & 1) == 1; }
bool is_value(std::uint32_t unit) { return unit >> 31 == 1; }
std::uint32_t value_of(std::uint32_t unit) { return unit & 0x7FFFFFFFu; }
std::uint32_t label_of(std::uint32_t unit) { return unit & (0x80000000u | 0xFFu); }
std::uint32_t offset_of(std::uint32_t unit) { return (unit >> 10) << ((unit & (1u << 9)) >> 6); }

}  // namespace

Result<Charsmap> Charsmap::from_base64(std::string_view text) {
  VITRINE_TRY(const std::string bytes, decode_base64(text));
  return from_bytes(bytes);
}

Result<Charsmap> Charsmap::from_bytes(std::string_view bytes) {
  if (bytes.size() < 8)
    return refuse(fmt::format("has {} bytes, expected at least 8", bytes.size()));
  const std::uint32_t trie_bytes = u32_at(bytes, 0);
  if (trie_bytes == 0 || trie_bytes % 4 != 0 || trie_bytes > bytes.size() - 4)
    return refuse(
        fmt::format("says its trie has {} bytes, the data has {}", trie_bytes, bytes.size() - 4));
  Charsmap map;
  map.trie_.reserve(trie_bytes / 4);
  for (std::size_t at = 4; at < 4 + std::size_t{trie_bytes}; at += 4)
    map.trie_.push_back(u32_at(bytes, at));
  map.replacements_ = std::string(bytes.substr(4 + std::size_t{trie_bytes}));
  if (map.replacements_.empty() || map.replacements_.back() != '\0')
    return refuse("does not end in a zero-terminated replacement");
  if (is_value(map.trie_[0]) || offset_of(map.trie_[0]) >= map.trie_.size())
    return refuse("has a trie whose root points outside it");
  for (std::uint32_t at = 0; at < map.trie_.size(); ++at) {
    const std::uint32_t unit = map.trie_[at];
    if (is_value(unit) || !has_leaf(unit)) continue;
    const std::uint32_t leaf = at ^ offset_of(unit);
    if (leaf >= map.trie_.size())
      return refuse(fmt::format("has a trie unit {} that points to unit {} of {}", at, leaf,
                                map.trie_.size()));
    const std::uint32_t begins = value_of(map.trie_[leaf]);
    if (begins >= map.replacements_.size())
      return refuse(fmt::format("has a trie unit {} whose replacement begins at byte {} of {}", at,
                                begins, map.replacements_.size()));
    const std::string_view head =
        std::string_view(map.replacements_).substr(begins, kMaxReplacement + 1);
    if (head.find('\0') == std::string_view::npos)
      return refuse(fmt::format("has a trie unit {} whose replacement is longer than {} bytes", at,
                                kMaxReplacement));
  }
  return map;
}

std::pair<std::size_t, std::string_view> Charsmap::longest(std::string_view text) const {
  std::pair<std::size_t, std::string_view> best{0, {}};
  std::uint32_t node = offset_of(trie_[0]);
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c == 0) break;
    node ^= c;
    if (node >= trie_.size() || label_of(trie_[node]) != c) break;
    const std::uint32_t unit = trie_[node];
    node ^= offset_of(unit);
    if (!has_leaf(unit)) continue;
    if (node >= trie_.size()) break;
    const std::uint32_t at = value_of(trie_[node]);
    if (at >= replacements_.size()) break;
    best = {i + 1, std::string_view(replacements_.c_str() + at)};
  }
  return best;
}

bool Charsmap::lookup(std::string_view key, std::string_view& replacement) const {
  std::uint32_t node = offset_of(trie_[0]);
  for (const char ch : key) {
    const auto c = static_cast<unsigned char>(ch);
    if (c == 0) break;
    node ^= c;
    if (node >= trie_.size() || label_of(trie_[node]) != c) return false;
    const std::uint32_t unit = trie_[node];
    node ^= offset_of(unit);
    if (!has_leaf(unit)) continue;
    if (node >= trie_.size()) return false;
    const std::uint32_t at = value_of(trie_[node]);
    if (at >= replacements_.size()) return false;
    replacement = std::string_view(replacements_.c_str() + at);
    return true;
  }
  return false;
}

MappedText Charsmap::apply(const MappedText& in) const {
  UErrorCode status = U_ZERO_ERROR;
  std::unique_ptr<icu::BreakIterator> graphemes(
      icu::BreakIterator::createCharacterInstance(icu::Locale::getRoot(), status));
  const icu::UnicodeString wide = icu::UnicodeString::fromUTF8(in.text);
  if (graphemes) graphemes->setText(wide);
  MappedText out;
  out.text.reserve(in.text.size());
  out.spans.reserve(in.text.size());
  std::size_t at = 0;
  int unit = 0;
  while (at < in.text.size()) {
    const int next = graphemes ? graphemes->following(unit) : wide.moveIndex32(unit, 1);
    const int stop = next == icu::BreakIterator::DONE ? wide.length() : next;
    std::size_t end = at;
    while (unit < stop && end < in.text.size()) {
      const Decoded d = decode_utf8(in.text, end);
      end += d.bytes;
      unit += d.c > 0xFFFF ? 2 : 1;
    }
    std::string_view to;
    const auto put = [&](std::size_t begin, std::size_t stop_at) {
      if (lookup(std::string_view(in.text).substr(begin, stop_at - begin), to)) {
        for (std::size_t i = 0; i < to.size();) {
          const Decoded d = decode_utf8(to, i);
          out.push(d.c, in.spans[begin]);
          i += d.bytes;
        }
        return true;
      }
      return false;
    };
    if (end - at >= kMaxGraphemeBytes || !put(at, end)) {
      for (std::size_t i = at; i < end;) {
        const Decoded d = decode_utf8(in.text, i);
        if (!put(i, i + d.bytes)) out.push(d.c, in.spans[i]);
        i += d.bytes;
      }
    }
    at = end;
  }
  return out;
}

}  // namespace vitrine::engine::text
