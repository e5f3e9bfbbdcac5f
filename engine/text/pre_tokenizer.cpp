#include "engine/text/pre_tokenizer.h"

#include <fmt/format.h>

#include "engine/text/byte_alphabet.h"
#include "engine/text/fields.h"

namespace vitrine::engine::text {
namespace {

constexpr int kMaxDepth = 16;
constexpr const char* kWhere = "pre_tokenizer";
constexpr std::string_view kGpt2 =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr std::string_view kLlama3 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kQwen2 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

/// Ranges of code points of one class; class 0 is dropped, `alone(class)` cuts every code point
/// out.
template <class Classify, class Alone>
std::vector<Match> by_class(std::string_view text, Classify&& classify, Alone&& alone) {
  std::vector<Match> out;
  int previous = 0;
  for (std::size_t at = 0; at < text.size();) {
    const Decoded d = decode_utf8(text, at);
    const int k = classify(d.c);
    if (k != 0) {
      if (k == previous && !alone(k) && !out.empty()) {
        out.back().end = at + d.bytes;
      } else {
        out.push_back({at, at + d.bytes, true});
      }
    }
    previous = k;
    at += d.bytes;
  }
  return out;
}

std::vector<Match> cut_bert(std::string_view text) {
  return by_class(
      text, [](char32_t c) { return is_white_space(c)   ? 0
                                    : is_punctuation(c) ? 2
                                                        : 1; },
      [](int k) { return k == 2; });
}
std::vector<Match> cut_words(std::string_view text) {
  return by_class(
      text, [](char32_t c) { return is_word(c)          ? 1
                                    : is_white_space(c) ? 0
                                                        : 2; },
      [](int) { return false; });
}
std::vector<Match> cut_at_space(std::string_view text) {
  return by_class(
      text, [](char32_t c) { return is_white_space(c) ? 0 : 1; }, [](int) { return false; });
}
std::vector<Match> cut_digits(std::string_view text, bool each) {
  return by_class(
      text, [](char32_t c) { return is_number(c) ? 2 : 1; },
      [each](int k) { return each && k == 2; });
}

/// Alternating matched and unmatched ranges of code points that satisfy `is`.
template <class Is>
std::vector<Match> find_each(std::string_view text, Is&& is) {
  std::vector<Match> out;
  for (std::size_t at = 0; at < text.size();) {
    const Decoded d = decode_utf8(text, at);
    const bool hit = is(d.c);
    if (!hit && !out.empty() && !out.back().matched) {
      out.back().end = at + d.bytes;
    } else {
      out.push_back({at, at + d.bytes, hit});
    }
    at += d.bytes;
  }
  return out;
}

}  // namespace

void PreTokenizer::add_cut(Cut cut) {
  steps_.emplace_back([cut = std::move(cut)](MappedText&& in, std::vector<Piece>& out) {
    for (const Match& m : cut(in.text))
      if (m.end > m.begin) out.push_back({in.slice(m.begin, m.end), -1});
  });
}

void PreTokenizer::add_bytes() {
  byte_level_ = true;
  steps_.emplace_back([](MappedText&& in, std::vector<Piece>& out) {
    MappedText bytes;
    bytes.text.reserve(in.text.size() * 2);
    bytes.spans.reserve(in.text.size() * 2);
    for (std::size_t i = 0; i < in.text.size(); ++i)
      bytes.push(visible_of_byte(static_cast<unsigned char>(in.text[i])), in.spans[i]);
    out.push_back({std::move(bytes), -1});
  });
}

Status PreTokenizer::add_regex(std::string_view source) {
  VITRINE_TRY(const Pattern pattern, Pattern::regex(source, kWhere));
  add_cut([pattern](std::string_view text) { return pattern.find(text); });
  return {};
}

Status PreTokenizer::add_split(const nlohmann::json& config) {
  const Fields f(config, "pre_tokenizer Split");
  const nlohmann::json* pattern = f.find("pattern");
  if (pattern == nullptr || !pattern->is_object())
    return f.wrong("pattern", "{\"String\": ...} or {\"Regex\": ...}");
  VITRINE_TRY(const std::string name, f.text("behavior"));
  VITRINE_TRY(const SplitBehaviour behaviour, split_behaviour(name, f.where()));
  VITRINE_TRY(const bool invert, f.flag_or("invert", false));
  const Fields p(*pattern, "pre_tokenizer Split pattern");
  Pattern what;
  if (p.find("Regex") != nullptr) {
    VITRINE_TRY(const std::string source, p.text("Regex"));
    VITRINE_TRY(what, Pattern::regex(source, f.where()));
  } else {
    VITRINE_TRY(const std::string literal, p.text("String"));
    what = Pattern::literal(literal);
  }
  add_cut([what, behaviour, invert](std::string_view text) {
    std::vector<Match> found = what.find(text);
    if (invert)
      for (Match& m : found) m.matched = !m.matched;
    return apply_behaviour(std::move(found), behaviour);
  });
  return {};
}

Status PreTokenizer::add_metaspace(const nlohmann::json& config) {
  const Fields f(config, "pre_tokenizer Metaspace");
  VITRINE_TRY(const std::string mark, f.text_or("replacement", "\u2581"));
  if (count_code_points(mark) != 1) return f.wrong("replacement", "one character");
  VITRINE_TRY(const bool old_prefix, f.flag_or("add_prefix_space", true));
  VITRINE_TRY(const std::string scheme,
              f.text_or("prepend_scheme", old_prefix ? "always" : "never"));
  VITRINE_TRY(const bool split, f.flag_or("split", true));
  if (scheme != "always" && scheme != "first" && scheme != "never")
    return f.wrong("prepend_scheme", "always, first or never");
  steps_.emplace_back([mark, scheme, split](MappedText&& in, std::vector<Piece>& out) {
    MappedText marked;
    for (std::size_t i = 0; i < in.text.size(); ++i) {
      if (in.text[i] == ' ') {
        marked.text += mark;
      } else {
        marked.text.push_back(in.text[i]);
      }
      marked.spans.resize(marked.text.size(), in.spans[i]);
    }
    const bool first = !marked.spans.empty() && marked.spans.front().begin == 0;
    const bool starts = marked.text.compare(0, mark.size(), mark) == 0;
    if (!starts && (scheme == "always" || (scheme == "first" && first))) marked.prepend(mark);
    if (!split) {
      out.push_back({std::move(marked), -1});
      return;
    }
    for (const Match& m :
         apply_behaviour(Pattern::literal(mark).find(marked.text), SplitBehaviour::MergedWithNext))
      out.push_back({marked.slice(m.begin, m.end), -1});
  });
  return {};
}

Status PreTokenizer::add(const nlohmann::json& config, int depth) {
  if (config.is_null()) return {};
  if (depth > kMaxDepth)
    return fail(ErrorCode::FileLimit,
                fmt::format("pre_tokenizer: nested deeper than {} levels", kMaxDepth));
  const Fields f(config, kWhere);
  VITRINE_CHECK(f.require_object());
  VITRINE_TRY(const std::string type, f.text("type"));
  if (type == "Sequence") {
    const nlohmann::json* list = f.find("pretokenizers");
    if (list == nullptr || !list->is_array()) return f.wrong("pretokenizers", "a list");
    for (const auto& part : *list) VITRINE_CHECK(add(part, depth + 1));
    return {};
  }
  if (type == "Split") return add_split(config);
  if (type == "Metaspace") return add_metaspace(config);
  if (type == "ByteLevel") {
    VITRINE_TRY(const bool prefix, f.flag_or("add_prefix_space", true));
    VITRINE_TRY(const bool use_regex, f.flag_or("use_regex", true));
    if (prefix) {
      steps_.emplace_back([](MappedText&& in, std::vector<Piece>& out) {
        if (!in.text.starts_with(' ')) in.prepend(" ");
        out.push_back({std::move(in), -1});
      });
    }
    if (use_regex) VITRINE_CHECK(add_regex(kGpt2));
    add_bytes();
  } else if (type == "BertPreTokenizer") {
    add_cut(cut_bert);
  } else if (type == "Whitespace") {
    add_cut(cut_words);
  } else if (type == "WhitespaceSplit") {
    add_cut(cut_at_space);
  } else if (type == "Digits") {
    VITRINE_TRY(const bool each, f.flag_or("individual_digits", false));
    add_cut([each](std::string_view text) { return cut_digits(text, each); });
  } else if (type == "Punctuation") {
    VITRINE_TRY(const std::string name, f.text_or("behavior", "Isolated"));
    VITRINE_TRY(const SplitBehaviour behaviour, split_behaviour(name, kWhere));
    add_cut([behaviour](std::string_view text) {
      return apply_behaviour(find_each(text, is_punctuation), behaviour);
    });
  } else if (type == "CharDelimiterSplit") {
    VITRINE_TRY(const std::string delimiter, f.text("delimiter"));
    if (count_code_points(delimiter) != 1) return f.wrong("delimiter", "one character");
    const Pattern what = Pattern::literal(delimiter);
    add_cut([what](std::string_view text) {
      return apply_behaviour(what.find(text), SplitBehaviour::Removed);
    });
  } else {
    return fail(ErrorCode::Unsupported, "pre_tokenizer: unknown type '" + type + "'");
  }
  return {};
}

Result<PreTokenizer> PreTokenizer::from_json(const nlohmann::json& config) {
  PreTokenizer out;
  VITRINE_CHECK(out.add(config, 0));
  return out;
}

Result<PreTokenizer> PreTokenizer::from_gguf(const std::string& name) {
  PreTokenizer out;
  if (name == "smollm" || name == "starcoder" || name == "refact" || name == "command-r" ||
      name == "codeshell") {
    out.add_cut([](std::string_view text) { return cut_digits(text, true); });
    VITRINE_CHECK(out.add_regex(kGpt2));
  } else if (name == "gpt-2" || name == "gpt2" || name == "mpt" || name == "olmo" ||
             name == "phi-2" || name == "jina-en" || name == "roberta-bpe") {
    VITRINE_CHECK(out.add_regex(kGpt2));
  } else if (name == "llama-bpe" || name == "llama3" || name == "llama-v3") {
    VITRINE_CHECK(out.add_regex(kLlama3));
  } else if (name == "qwen2" || name == "stablelm2" || name == "megrez") {
    VITRINE_CHECK(out.add_regex(kQwen2));
  } else {
    return fail(
        ErrorCode::Unsupported,
        fmt::format(
            "tokenizer.ggml.pre is '{}', which is not known; there are smollm, starcoder, refact, "
            "command-r, gpt-2, mpt, olmo, llama-bpe and qwen2",
            name));
  }
  out.add_bytes();
  return out;
}

void PreTokenizer::apply(std::vector<Piece>& pieces) const {
  for (const Step& step : steps_) {
    std::vector<Piece> next;
    next.reserve(pieces.size());
    for (Piece& piece : pieces) {
      if (piece.token >= 0) {
        next.push_back(std::move(piece));
      } else if (!piece.text.text.empty()) {
        step(std::move(piece.text), next);
      }
    }
    pieces = std::move(next);
  }
}

}  // namespace vitrine::engine::text
