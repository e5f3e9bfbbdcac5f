#include "engine/text/normalizer.h"

#include <memory>

#include <fmt/format.h>

#include "engine/text/charsmap.h"
#include "engine/text/fields.h"
#include "engine/text/pattern.h"

namespace vitrine::engine::text {
namespace {

constexpr int kMaxDepth = 16;
constexpr double kMaxGrowth = 256;

template <class F>
MappedText each_code_point(const MappedText& in, F&& f) {
  MappedText out;
  out.text.reserve(in.text.size());
  out.spans.reserve(in.spans.size());
  for (std::size_t at = 0; at < in.text.size();) {
    const Decoded d = decode_utf8(in.text, at);
    f(out, d.c, in.spans[at]);
    at += d.bytes;
  }
  return out;
}

MappedText normalise(const MappedText& in, NormalForm form) {
  return in.rewritten(normal_form(in.text, form));
}

bool is_ascii(const std::string& s) {
  for (const char c : s)
    if (static_cast<unsigned char>(c) >= 0x80) return false;
  return true;
}

MappedText clean(const MappedText& in) {
  return each_code_point(in, [](MappedText& out, char32_t c, Span span) {
    const bool space = c == '\t' || c == '\n' || c == '\r' || is_white_space(c);
    const bool control = c != '\t' && c != '\n' && c != '\r' && is_control(c);
    if (c == 0 || c == 0xFFFD || control) return;
    out.push(space ? U' ' : c, span);
  });
}

MappedText space_ideographs(const MappedText& in) {
  return each_code_point(in, [](MappedText& out, char32_t c, Span span) {
    const bool cjk = is_cjk_ideograph(c);
    if (cjk) out.push(' ', span);
    out.push(c, span);
    if (cjk) out.push(' ', span);
  });
}

MappedText drop(const MappedText& in, bool (*unwanted)(char32_t)) {
  return each_code_point(in, [unwanted](MappedText& out, char32_t c, Span span) {
    if (!unwanted(c)) out.push(c, span);
  });
}

MappedText lower(const MappedText& in) {
  return each_code_point(in, [](MappedText& out, char32_t c, Span span) {
    const Lower l = to_lower(c);
    for (int i = 0; i < l.count; ++i) out.push(l.c[i], span);
  });
}

MappedText strip(const MappedText& in, bool left, bool right) {
  std::size_t begin = 0, end = 0;
  bool seen = false;
  for (std::size_t at = 0; at < in.text.size();) {
    const Decoded d = decode_utf8(in.text, at);
    const bool space = is_white_space(d.c);
    if (!seen && !space) {
      begin = at;
      seen = true;
    }
    at += d.bytes;
    if (!space) end = at;
  }
  if (!seen) return left || right ? MappedText{} : in;
  return in.slice(left ? begin : 0, right ? end : in.text.size());
}

MappedText replace(const MappedText& in, const Pattern& pattern, const std::string& content) {
  MappedText out;
  for (const Match& m : pattern.find(in.text)) {
    if (m.matched) {
      out.text += content;
      out.spans.resize(out.text.size(), in.spans[m.end - 1]);
    } else {
      const auto first = in.spans.begin();
      out.text.append(in.text, m.begin, m.end - m.begin);
      out.spans.insert(out.spans.end(), first + static_cast<std::ptrdiff_t>(m.begin),
                       first + static_cast<std::ptrdiff_t>(m.end));
    }
  }
  return out;
}

}  // namespace

Status Normalizer::add_bert(const nlohmann::json& config) {
  const Fields f(config, "normalizer BertNormalizer");
  VITRINE_TRY(const bool clean_text, f.flag_or("clean_text", true));
  VITRINE_TRY(const bool cjk, f.flag_or("handle_chinese_chars", true));
  VITRINE_TRY(const bool lowercase, f.flag_or("lowercase", true));
  VITRINE_TRY(const bool accents, f.flag_or("strip_accents", lowercase));
  if (clean_text) steps_.emplace_back(clean);
  if (cjk) steps_.emplace_back(space_ideographs);
  if (accents) {
    steps_.emplace_back([](const MappedText& in) {
      return is_ascii(in.text) ? in : drop(normalise(in, NormalForm::Nfd), is_nonspacing_mark);
    });
  }
  if (lowercase) steps_.emplace_back(lower);
  return {};
}

Status Normalizer::add_replace(const nlohmann::json& config) {
  const Fields f(config, "normalizer Replace");
  const nlohmann::json* pattern = f.find("pattern");
  if (pattern == nullptr || !pattern->is_object())
    return f.wrong("pattern", "{\"String\": ...} or {\"Regex\": ...}");
  VITRINE_TRY(const std::string content, f.text("content"));
  const Fields p(*pattern, "normalizer Replace pattern");
  Pattern what;
  if (p.find("Regex") != nullptr) {
    VITRINE_TRY(const std::string source, p.text("Regex"));
    VITRINE_TRY(what, Pattern::regex(source, "normalizer Replace"));
  } else {
    VITRINE_TRY(const std::string literal, p.text("String"));
    if (literal.empty())
      return fail(ErrorCode::FileFormat,
                  "normalizer Replace: the String pattern is empty and would match everywhere");
    what = Pattern::literal(literal);
  }
  const double factor =
      static_cast<double>(content.size()) / static_cast<double>(what.least_bytes());
  if (factor > 1) growth_ *= factor;
  if (growth_ > kMaxGrowth)
    return fail(
        ErrorCode::FileLimit,
        fmt::format(
            "normalizer: the Replace steps could make a text {:.3g} times longer, the limit is {}",
            growth_, kMaxGrowth));
  steps_.emplace_back([what, content](const MappedText& in) { return replace(in, what, content); });
  return {};
}

Status Normalizer::add(const nlohmann::json& config, int depth) {
  if (config.is_null()) return {};
  if (depth > kMaxDepth)
    return fail(ErrorCode::FileLimit,
                fmt::format("normalizer: nested deeper than {} levels", kMaxDepth));
  const Fields f(config, "normalizer");
  VITRINE_CHECK(f.require_object());
  VITRINE_TRY(const std::string type, f.text("type"));
  const auto form = [this](NormalForm n) -> Status {
    steps_.emplace_back(
        [n](const MappedText& in) { return is_ascii(in.text) ? in : normalise(in, n); });
    return {};
  };
  if (type == "Sequence") {
    const nlohmann::json* list = f.find("normalizers");
    if (list == nullptr || !list->is_array()) return f.wrong("normalizers", "a list");
    for (const auto& part : *list) VITRINE_CHECK(add(part, depth + 1));
    return {};
  }
  if (type == "BertNormalizer") return add_bert(config);
  if (type == "Replace") return add_replace(config);
  if (type == "NFC") return form(NormalForm::Nfc);
  if (type == "NFD") return form(NormalForm::Nfd);
  if (type == "NFKC") return form(NormalForm::Nfkc);
  if (type == "NFKD") return form(NormalForm::Nfkd);
  if (type == "Lowercase") {
    steps_.emplace_back(lower);
  } else if (type == "StripAccents") {
    steps_.emplace_back([](const MappedText& in) { return drop(in, is_mark); });
  } else if (type == "Strip") {
    VITRINE_TRY(const bool left, f.flag_or("strip_left", true));
    VITRINE_TRY(const bool right, f.flag_or("strip_right", true));
    steps_.emplace_back([left, right](const MappedText& in) { return strip(in, left, right); });
  } else if (type == "Prepend") {
    VITRINE_TRY(const std::string prefix, f.text("prepend"));
    steps_.emplace_back([prefix](const MappedText& in) {
      MappedText out = in;
      out.prepend(prefix);
      return out;
    });
  } else if (type == "Precompiled") {
    VITRINE_TRY(const std::string encoded, f.text("precompiled_charsmap"));
    VITRINE_TRY(auto map, Charsmap::from_base64(encoded));
    const auto shared = std::make_shared<const Charsmap>(std::move(map));
    steps_.emplace_back([shared](const MappedText& in) { return shared->apply(in); });
  } else {
    return fail(ErrorCode::Unsupported, "normalizer: unknown type '" + type + "'");
  }
  return {};
}

Result<Normalizer> Normalizer::from_json(const nlohmann::json& config) {
  Normalizer out;
  VITRINE_CHECK(out.add(config, 0));
  return out;
}

MappedText Normalizer::apply(MappedText text) const {
  for (const Step& step : steps_) text = step(text);
  return text;
}

}  // namespace vitrine::engine::text
