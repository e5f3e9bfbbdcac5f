#include "engine/text/added_tokens.h"

#include <algorithm>

#include <fmt/format.h>

#include "engine/text/fields.h"

namespace vitrine::engine::text {
namespace {

constexpr std::size_t kMaxContent = 16384;

char32_t code_point_before(std::string_view text, std::size_t at) {
  std::size_t k = at - 1;
  while (k > 0 && (static_cast<unsigned char>(text[k]) & 0xC0) == 0x80) --k;
  return decode_utf8(text, k).c;
}

Result<AddedToken> read_token(const nlohmann::json& entry) {
  const Fields f(entry, "added token");
  VITRINE_CHECK(f.require_object());
  AddedToken t;
  VITRINE_TRY(t.content, f.text("content"));
  if (f.find("id") == nullptr) return f.wrong("id", "a whole number");
  VITRINE_TRY(t.id, f.whole_or("id", 0, 0, INT32_MAX));
  VITRINE_TRY(t.special, f.flag_or("special", false));
  VITRINE_TRY(t.single_word, f.flag_or("single_word", false));
  VITRINE_TRY(t.lstrip, f.flag_or("lstrip", false));
  VITRINE_TRY(t.rstrip, f.flag_or("rstrip", false));
  VITRINE_TRY(t.normalized, f.flag_or("normalized", !t.special));
  if (t.content.empty())
    return fail(ErrorCode::FileFormat,
                fmt::format("the added token with id {} has empty content", t.id));
  if (t.content.find('\0') != std::string::npos)
    return fail(ErrorCode::FileFormat,
                fmt::format("the added token with id {} has a zero byte in its content", t.id));
  if (t.content.size() > kMaxContent)
    return fail(ErrorCode::FileLimit,
                fmt::format("the added token with id {} has {} bytes of content, the limit is {}",
                            t.id, t.content.size(), kMaxContent));
  return t;
}

Status check_id(const AddedToken& t, const Vocabulary& vocabulary, std::int64_t limit) {
  if (t.id > limit)
    return fail(
        ErrorCode::FileLimit,
        fmt::format("the added token '{}' has the id {}, far outside the vocabulary (limit {})",
                    t.content, t.id, limit));
  const std::string& there = vocabulary.token(t.id);
  if (!there.empty() && there != t.content)
    return fail(ErrorCode::FileFormat,
                fmt::format("the added token '{}' has the id {}, which is '{}' in the vocab",
                            t.content, t.id, there));
  const std::int64_t known = vocabulary.id_of(t.content);
  if (known >= 0 && known != t.id)
    return fail(ErrorCode::FileFormat,
                fmt::format("the added token '{}' has the id {}, but {} in the vocab", t.content,
                            t.id, known));
  return {};
}

std::size_t count_prefixes(const std::vector<AddedToken>& tokens) {
  std::vector<std::string_view> sorted;
  sorted.reserve(tokens.size());
  for (const AddedToken& t : tokens) sorted.push_back(t.content);
  std::sort(sorted.begin(), sorted.end());
  std::size_t n = 0;
  for (std::size_t i = 1; i < sorted.size(); ++i) n += sorted[i].starts_with(sorted[i - 1]) ? 1 : 0;
  return n;
}

}  // namespace

void WordFinder::add(std::string_view word, std::size_t value) {
  if (word.empty()) return;
  std::uint32_t node = 0;
  for (const char c : word) {
    const auto key = std::uint64_t{node} << 8 | static_cast<unsigned char>(c);
    const auto [it, fresh] = next_.try_emplace(key, static_cast<std::uint32_t>(values_.size()));
    if (fresh) values_.push_back(-1);
    node = it->second;
  }
  values_[node] = static_cast<std::int64_t>(value);
}

std::pair<std::size_t, std::size_t> WordFinder::longest_at(std::string_view text,
                                                           std::size_t at) const {
  std::pair<std::size_t, std::size_t> best{0, 0};
  std::uint32_t node = 0;
  for (std::size_t i = at; i < text.size(); ++i) {
    const auto it = next_.find(std::uint64_t{node} << 8 | static_cast<unsigned char>(text[i]));
    if (it == next_.end()) break;
    node = it->second;
    if (values_[node] >= 0) best = {static_cast<std::size_t>(values_[node]), i + 1 - at};
  }
  return best;
}

Result<AddedTokens> AddedTokens::from_json(const nlohmann::json& list, const Vocabulary& vocabulary,
                                           const Normalizer& normalizer,
                                           std::vector<std::string>& warnings) {
  std::vector<AddedToken> tokens;
  if (!list.is_null()) {
    if (!list.is_array())
      return fail(ErrorCode::FileFormat, "expected added_tokens to be a list, came " + brief(list));
    const std::int64_t limit = largest_sane_id(vocabulary.count() + list.size());
    std::map<std::int64_t, std::string> taken;
    for (const auto& entry : list) {
      VITRINE_TRY(AddedToken t, read_token(entry));
      VITRINE_CHECK(check_id(t, vocabulary, limit));
      const auto [it, fresh] = taken.try_emplace(t.id, t.content);
      if (!fresh)
        return fail(ErrorCode::FileFormat,
                    fmt::format("the added tokens '{}' and '{}' have the same id {}", it->second,
                                t.content, t.id));
      tokens.push_back(std::move(t));
    }
  }
  if (const std::size_t n = count_prefixes(tokens); n > 0)
    warnings.push_back(
        fmt::format("added tokens: {} begin with another one (prefix); the longest is taken", n));
  return from_list(std::move(tokens), normalizer);
}

AddedTokens AddedTokens::from_list(std::vector<AddedToken> tokens, const Normalizer& normalizer) {
  AddedTokens out;
  out.tokens_ = std::move(tokens);
  for (std::size_t i = 0; i < out.tokens_.size(); ++i) {
    const AddedToken& t = out.tokens_[i];
    out.by_id_[t.id] = i;
    out.by_content_[t.content] = i;
    if (t.normalized) {
      out.normalized_.add(normalizer.apply(MappedText::of(t.content)).text, i);
    } else {
      out.verbatim_.add(t.content, i);
    }
  }
  return out;
}

bool AddedTokens::glued(std::string_view text, std::size_t begin, std::size_t end) const {
  return (begin > 0 && is_word(code_point_before(text, begin))) ||
         (end < text.size() && is_word(decode_utf8(text, end).c));
}

void AddedTokens::cut(MappedText&& whole, const WordFinder& finder, std::vector<Piece>& out) const {
  const std::string_view text = whole.text;
  std::size_t done = 0, at = 0;
  while (!finder.empty() && at < text.size()) {
    const auto [index, length] = finder.longest_at(text, at);
    if (length == 0) {
      ++at;
      continue;
    }
    const AddedToken& t = tokens_[index];
    std::size_t begin = at, end = at + length;
    at = end;
    if (t.single_word && glued(text, begin, end)) continue;
    if (t.lstrip) {
      while (begin > done) {
        std::size_t k = begin - 1;
        while (k > done && (static_cast<unsigned char>(text[k]) & 0xC0) == 0x80) --k;
        if (!is_white_space(decode_utf8(text, k).c)) break;
        begin = k;
      }
    }
    if (t.rstrip) {
      while (end < text.size()) {
        const Decoded d = decode_utf8(text, end);
        if (!is_white_space(d.c)) break;
        end += d.bytes;
      }
    }
    begin = std::max(begin, done);
    if (begin > done) out.push_back({whole.slice(done, begin), -1});
    if (end > begin) out.push_back({whole.slice(begin, end), t.id});
    done = std::max(done, end);
    at = std::max(at, end);
  }
  if (done == 0) {
    if (!text.empty()) out.push_back({std::move(whole), -1});
  } else if (done < text.size()) {
    out.push_back({whole.slice(done, text.size()), -1});
  }
}

std::vector<Piece> AddedTokens::extract(MappedText text, const Normalizer& normalizer) const {
  std::vector<Piece> verbatim, out;
  cut(std::move(text), verbatim_, verbatim);
  for (Piece& piece : verbatim) {
    if (piece.token >= 0) {
      out.push_back(std::move(piece));
    } else {
      cut(normalizer.apply(std::move(piece.text)), normalized_, out);
    }
  }
  return out;
}

const AddedToken* AddedTokens::find(std::int64_t id) const {
  const auto it = by_id_.find(id);
  return it == by_id_.end() ? nullptr : &tokens_[it->second];
}

std::int64_t AddedTokens::id_of(std::string_view content) const {
  const auto it = by_content_.find(content);
  return it == by_content_.end() ? -1 : tokens_[it->second].id;
}

}  // namespace vitrine::engine::text
