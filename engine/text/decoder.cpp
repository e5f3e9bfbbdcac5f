#include "engine/text/decoder.h"

#include <charconv>

#include <fmt/format.h>

#include "engine/text/byte_alphabet.h"
#include "engine/text/fields.h"
#include "engine/text/pattern.h"
#include "engine/text/unicode.h"

namespace vitrine::engine::text {
namespace {

constexpr int kMaxDepth = 8;
using Tokens = std::vector<std::string>;

std::string replace_all(std::string_view in, const Pattern& what, std::string_view with) {
  std::string out;
  for (const Match& m : what.find(in))
    out += m.matched ? with : in.substr(m.begin, m.end - m.begin);
  return out;
}
std::string replace_all(std::string_view in, std::string what, std::string_view with) {
  return replace_all(in, Pattern::literal(std::move(what)), with);
}

/// Python's str.strip(): white space and the four ASCII separators.
std::string trim(std::string_view in) {
  std::size_t begin = in.size(), end = 0;
  for (std::size_t at = 0; at < in.size();) {
    const Decoded d = decode_utf8(in, at);
    if (!is_white_space(d.c) && (d.c < 0x1C || d.c > 0x1F)) {
      begin = std::min(begin, at);
      end = at + d.bytes;
    }
    at += d.bytes;
  }
  return begin < end ? std::string(in.substr(begin, end - begin)) : std::string();
}

Tokens decode_bytes(const Tokens& tokens, const std::string& word_end) {
  std::string bytes;
  for (const std::string& t : tokens) {
    const auto exact = bytes_of_visible(t);
    bytes += exact ? *exact : t;
  }
  std::string out = repair_utf8(bytes);
  if (!word_end.empty()) out = trim(replace_all(out, word_end, " "));
  return {out};
}

std::string clean_up(std::string s) {
  static const std::vector<std::pair<std::string, std::string>> kRules = {
      {" .", "."},   {" ?", "?"},     {" !", "!"},    {" ,", ","},
      {" ' ", "'"},  {" n't", "n't"}, {" 'm", "'m"},  {" do not", " don't"},
      {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
  for (const auto& [from, to] : kRules)
    if (s.find(from) != std::string::npos) s = replace_all(s, from, to);
  return s;
}

Tokens decode_word_piece(Tokens tokens, const std::string& prefix, bool cleanup) {
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (i > 0)
      tokens[i] = tokens[i].starts_with(prefix) ? tokens[i].substr(prefix.size()) : " " + tokens[i];
    if (cleanup) tokens[i] = clean_up(std::move(tokens[i]));
  }
  return tokens;
}

Tokens decode_fallback(const Tokens& tokens) {
  Tokens out;
  std::string held;
  const auto flush = [&] {
    if (held.empty()) return;
    std::string repaired = repair_utf8(held);
    if (repaired == held) {
      out.push_back(std::move(repaired));
    } else {
      for (std::size_t i = 0; i < held.size(); ++i) out.emplace_back("\uFFFD");
    }
    held.clear();
  };
  for (const std::string& t : tokens) {
    unsigned value = 0;
    const char* digits = t.data() + 3;
    const bool shaped = t.size() == 6 && t.starts_with("<0x") && t.back() == '>';
    if (shaped && std::from_chars(digits, digits + 2, value, 16).ptr == digits + 2) {
      held.push_back(static_cast<char>(static_cast<unsigned char>(value)));
      continue;
    }
    flush();
    out.push_back(t);
  }
  flush();
  return out;
}

Tokens decode_metaspace(Tokens tokens, const std::string& mark, bool prepended) {
  for (std::size_t i = 0; i < tokens.size(); ++i)
    tokens[i] = replace_all(tokens[i], mark, i == 0 && prepended ? "" : " ");
  return tokens;
}

Tokens fuse(const Tokens& tokens) {
  std::string all;
  for (const std::string& t : tokens) all += t;
  return {all};
}

std::string strip(std::string s, const std::string& c, std::int64_t left, std::int64_t right) {
  while (left-- > 0 && s.starts_with(c)) s.erase(0, c.size());
  while (right-- > 0 && s.ends_with(c)) s.erase(s.size() - c.size());
  return s;
}

}  // namespace

Status Decoder::add_text_step(const std::string& type, const nlohmann::json& config) {
  const Fields f(config, "decoder " + type);
  if (type == "Strip") {
    VITRINE_TRY(const std::string c, f.text("content"));
    if (c.empty()) return f.wrong("content", "one character");
    VITRINE_TRY(const std::int64_t left, f.whole_or("start", 0, 0, INT32_MAX));
    VITRINE_TRY(const std::int64_t right, f.whole_or("stop", 0, 0, INT32_MAX));
    steps_.emplace_back([c, left, right](Tokens t) {
      for (std::string& s : t) s = strip(std::move(s), c, left, right);
      return t;
    });
    return {};
  }
  const auto* pattern = f.find("pattern");
  if (pattern == nullptr || !pattern->is_object())
    return f.wrong("pattern", "{\"String\": ...} or {\"Regex\": ...}");
  VITRINE_TRY(const std::string content, f.text("content"));
  const Fields p(*pattern, "decoder Replace pattern");
  Pattern what;
  if (p.find("Regex") != nullptr) {
    VITRINE_TRY(const std::string source, p.text("Regex"));
    VITRINE_TRY(what, Pattern::regex(source, f.where()));
  } else {
    VITRINE_TRY(const std::string literal, p.text("String"));
    what = Pattern::literal(literal);
  }
  steps_.emplace_back([what, content](Tokens t) {
    for (std::string& s : t) s = replace_all(s, what, content);
    return t;
  });
  return {};
}

Status Decoder::add(const nlohmann::json& config, const std::string& word_end, int depth) {
  if (config.is_null()) return {};
  if (depth > kMaxDepth)
    return fail(ErrorCode::FileLimit,
                fmt::format("decoder: nested deeper than {} levels", kMaxDepth));
  const Fields f(config, "decoder");
  VITRINE_CHECK(f.require_object());
  VITRINE_TRY(const std::string type, f.text("type"));
  if (type == "Sequence") {
    const auto* list = f.find("decoders");
    if (list == nullptr || !list->is_array()) return f.wrong("decoders", "a list");
    for (const auto& part : *list) VITRINE_CHECK(add(part, word_end, depth + 1));
    return {};
  }
  if (type == "Strip" || type == "Replace") return add_text_step(type, config);
  if (type == "ByteLevel") {
    steps_.emplace_back([word_end](const Tokens& t) { return decode_bytes(t, word_end); });
  } else if (type == "WordPiece") {
    VITRINE_TRY(const std::string prefix, f.text_or("prefix", "##"));
    VITRINE_TRY(const bool cleanup, f.flag_or("cleanup", true));
    steps_.emplace_back(
        [prefix, cleanup](Tokens t) { return decode_word_piece(std::move(t), prefix, cleanup); });
  } else if (type == "BPEDecoder") {
    VITRINE_TRY(const std::string suffix, f.text_or("suffix", "</w>"));
    steps_.emplace_back([suffix](Tokens t) {
      for (std::size_t i = 0; i < t.size(); ++i)
        t[i] = replace_all(t[i], suffix, i + 1 == t.size() ? "" : " ");
      return t;
    });
  } else if (type == "Metaspace") {
    VITRINE_TRY(const std::string mark, f.text_or("replacement", "\u2581"));
    VITRINE_TRY(const bool old_prefix, f.flag_or("add_prefix_space", true));
    VITRINE_TRY(const std::string scheme,
                f.text_or("prepend_scheme", old_prefix ? "always" : "never"));
    steps_.emplace_back([mark, scheme](Tokens t) {
      return decode_metaspace(std::move(t), mark, scheme != "never");
    });
  } else if (type == "ByteFallback") {
    steps_.emplace_back(decode_fallback);
  } else if (type == "Fuse") {
    steps_.emplace_back(fuse);
  } else {
    return fail(ErrorCode::Unsupported, "unknown decoder type '" + type + "'");
  }
  return {};
}

Result<Decoder> Decoder::from_json(const nlohmann::json& config, const std::string& word_end) {
  Decoder out;
  VITRINE_CHECK(out.add(config, word_end, 0));
  return out;
}

std::string Decoder::apply(std::vector<std::string> tokens) const {
  for (const Step& step : steps_) tokens = step(std::move(tokens));
  std::string out;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (steps_.empty() && i > 0) out += ' ';
    out += tokens[i];
  }
  return out;
}

}  // namespace vitrine::engine::text
