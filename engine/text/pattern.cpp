#include "engine/text/pattern.h"

#include <algorithm>

#include <fmt/format.h>
#include <re2/re2.h>

#include "engine/io/bytes.h"
#include "engine/text/unicode.h"

namespace vitrine::engine::text {
namespace {

constexpr std::size_t kMaxPattern = 16384;
constexpr std::string_view kLookahead = R"((?!\S))";
/// White_Space of Unicode; RE2's own \s knows ASCII only.
constexpr std::string_view kSpaces =
    R"(\t-\r \x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000})";
constexpr std::string_view kWord = R"(\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc})";

/// Rewrites one pattern from the tokenizer dialect into RE2's.
class Translator {
 public:
  Translator(std::string_view source, const std::string& where) : source_(source), where_(where) {}

  Result<std::string> run() {
    while (at_ < source_.size()) VITRINE_CHECK(step());
    if (in_class_) return refuse("an unclosed class");
    return out_;
  }
  [[nodiscard]] bool has_tail() const { return has_tail_; }

 private:
  struct Group {
    bool repeats = false;  ///< something inside repeats without bound
  };

  tl::unexpected<Error> refuse(const std::string& what) const {
    return fail(ErrorCode::Unsupported,
                fmt::format("{}: the regex pattern '{}' has {} at character {}", where_,
                            printable(source_, 60), what, at_));
  }
  [[nodiscard]] bool ahead(std::string_view s) const { return source_.substr(at_, s.size()) == s; }
  void copy(std::size_t n) {
    out_ += source_.substr(at_, n);
    at_ += n;
  }

  Status step() {
    const char c = source_[at_];
    if (c == '\\') return escape();
    if (in_class_) return inside_class(c);
    switch (c) {
      case '[':
        in_class_ = true;
        copy(source_.substr(at_ + 1, 1) == "^" ? 2 : 1);
        if (at_ < source_.size() && source_[at_] == ']') return refuse("an empty class");
        closed_repeats_ = false;
        return {};
      case '(':
        return open();
      case ')':
        closed_repeats_ = !groups_.empty() && groups_.back().repeats;
        if (groups_.empty()) return refuse("a ')' without its '('");
        groups_.pop_back();
        if (closed_repeats_ && !groups_.empty()) groups_.back().repeats = true;
        copy(1);
        return {};
      case '*':
      case '+':
      case '{':
        return repeat(c);
      default:
        closed_repeats_ = false;
        copy(1);
        return {};
    }
  }

  Status inside_class(char c) {
    if (c == '[' && !ahead("[:")) return refuse("a class inside a class");
    if (ahead("&&")) return refuse("a class intersection");
    if (c == ']') in_class_ = false;
    copy(1);
    return {};
  }

  Status open() {
    if (ahead(kLookahead)) return refuse("a lookahead that does not follow \\s+");
    for (const std::string_view s : {"(?=", "(?!", "(?<=", "(?<!", "(?>"})
      if (ahead(s)) return refuse("a lookaround");
    groups_.push_back({});
    closed_repeats_ = false;
    if (ahead("(?")) {
      copy(2);
      return {};
    }
    out_ += "(?:";
    ++at_;
    return {};
  }

  Status repeat(char c) {
    std::size_t length = 1;
    bool unbounded = true;
    if (c == '{') {
      const std::size_t close = source_.find('}', at_);
      if (close == std::string_view::npos) return refuse("an unclosed '{'");
      length = close - at_ + 1;
      unbounded = source_[close - 1] == ',';
    }
    if (closed_repeats_ && (unbounded || c == '{')) return refuse("a repetition of a repetition");
    if (!groups_.empty() && (unbounded || c == '{')) groups_.back().repeats = true;
    copy(length);
    if (at_ < source_.size() && source_[at_] == '+') return refuse("a possessive repetition");
    closed_repeats_ = false;
    return {};
  }

  Status escape() {
    if (!in_class_ && ahead(R"(\s+(?!\S))")) return tail();
    closed_repeats_ = false;
    if (at_ + 1 >= source_.size()) return refuse("a trailing backslash");
    const char c = source_[at_ + 1];
    const auto put = [&](std::string_view set, bool negated) -> Status {
      if (in_class_ && negated) return refuse("a negated set inside a class");
      out_ += in_class_ ? std::string(set) : fmt::format("[{}{}]", negated ? "^" : "", set);
      at_ += 2;
      return {};
    };
    switch (c) {
      case 's':
        return put(kSpaces, false);
      case 'S':
        return put(kSpaces, true);
      case 'd':
        return put(R"(\p{Nd})", false);
      case 'D':
        return put(R"(\p{Nd})", true);
      case 'w':
        return put(kWord, false);
      case 'W':
        return put(kWord, true);
      default:
        break;
    }
    if (c >= '1' && c <= '9') return refuse("a back reference");
    if (c == 'b' || c == 'B' || c == 'h' || c == 'X' || c == 'R' || c == 'G' || c == 'K')
      return refuse(fmt::format("'\\{}'", c));
    const bool braced = (c == 'p' || c == 'P' || c == 'x') && source_.substr(at_ + 2, 1) == "{";
    const std::size_t close = braced ? source_.find('}', at_) : at_ + 1;
    if (close == std::string_view::npos) return refuse("an unclosed '{'");
    copy(close - at_ + 1);
    return {};
  }

  /// `\s+(?!\S)` alone between bars of the outermost level: a group whose end the caller moves.
  Status tail() {
    const std::size_t length = 3 + kLookahead.size();
    const bool starts = at_ == 0 || source_[at_ - 1] == '|';
    const bool ends = at_ + length == source_.size() || source_[at_ + length] == '|';
    if (has_tail_ || !starts || !ends || !groups_.empty())
      return refuse("a lookahead inside an alternative");
    const std::string_view rest = source_.substr(at_ + length);
    if (rest != R"(|\s+)" && rest != R"(|\s)")
      return refuse("something other than a last alternative \\s+ after the lookahead");
    has_tail_ = true;
    out_ += fmt::format("([{}]+)", kSpaces);
    at_ += length;
    return {};
  }

  std::string_view source_;
  const std::string& where_;
  std::string out_ = "(?m)";
  std::size_t at_ = 0;
  bool in_class_ = false, has_tail_ = false, closed_repeats_ = false;
  std::vector<Group> groups_;
};

std::vector<Match> find_literal(std::string_view text, std::string_view literal) {
  std::vector<Match> out;
  std::size_t last = 0;
  for (std::size_t at = literal.empty() ? std::string_view::npos : text.find(literal);
       at != std::string_view::npos; at = text.find(literal, last)) {
    if (at > last) out.push_back({last, at, false});
    last = at + literal.size();
    out.push_back({at, last, true});
  }
  if (last < text.size()) out.push_back({last, text.size(), false});
  return out;
}

std::size_t start_of_last_code_point(std::string_view text, std::size_t end) {
  std::size_t at = end - 1;
  while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) --at;
  return at;
}

}  // namespace

Pattern Pattern::literal(std::string text) {
  Pattern p;
  p.literal_ = std::move(text);
  return p;
}

Result<Pattern> Pattern::regex(std::string_view source, const std::string& where) {
  if (source.empty()) return fail(ErrorCode::FileFormat, where + ": the regex pattern is empty");
  if (source.size() > kMaxPattern)
    return fail(ErrorCode::FileLimit,
                fmt::format("{}: the regex pattern has {} bytes, the limit is {}", where,
                            source.size(), kMaxPattern));
  Translator translator(source, where);
  VITRINE_TRY(const std::string translated, translator.run());
  re2::RE2::Options options;
  options.set_log_errors(false);
  auto compiled = std::make_shared<const re2::RE2>(translated, options);
  if (!compiled->ok())
    return fail(ErrorCode::Unsupported,
                fmt::format("{}: the regex pattern '{}' cannot be used: {}", where,
                            printable(source, 60), printable(compiled->error())));
  Pattern p;
  p.regex_ = std::move(compiled);
  p.has_tail_ = translator.has_tail();
  return p;
}

std::vector<Match> Pattern::find(std::string_view text) const {
  if (!regex_) return find_literal(text, literal_);
  std::vector<Match> out;
  const re2::StringPiece input(text.data(), text.size());
  std::size_t at = 0, last = 0;
  const auto emit = [&](std::size_t begin, std::size_t end) {
    if (begin > last) out.push_back({last, begin, false});
    out.push_back({begin, end, true});
    last = end;
  };
  re2::StringPiece groups[2];
  while (at < text.size() &&
         regex_->Match(input, at, text.size(), re2::RE2::UNANCHORED, groups, has_tail_ ? 2 : 1)) {
    const auto begin = static_cast<std::size_t>(groups[0].data() - text.data());
    std::size_t end = begin + groups[0].size();
    if (has_tail_ && groups[1].data() != nullptr && end < text.size()) {
      // The run is followed by something visible: the lookahead gives back one code point, unless
      // it is all.
      const std::size_t cut = start_of_last_code_point(text, end);
      if (cut > begin) end = cut;
    }
    if (end == begin) {
      at = begin >= text.size() ? text.size() : begin + decode_utf8(text, begin).bytes;
      continue;
    }
    emit(begin, end);
    at = end;
  }
  if (last < text.size()) out.push_back({last, text.size(), false});
  return out;
}

Result<SplitBehaviour> split_behaviour(const std::string& name, const std::string& where) {
  if (name == "Removed") return SplitBehaviour::Removed;
  if (name == "Isolated") return SplitBehaviour::Isolated;
  if (name == "MergedWithPrevious") return SplitBehaviour::MergedWithPrevious;
  if (name == "MergedWithNext") return SplitBehaviour::MergedWithNext;
  if (name == "Contiguous") return SplitBehaviour::Contiguous;
  return fail(
      ErrorCode::Unsupported,
      fmt::format("{}: unknown behavior '{}'; there are Removed, Isolated, MergedWithPrevious, "
                  "MergedWithNext and Contiguous",
                  where, name));
}

std::vector<Match> apply_behaviour(std::vector<Match> matches, SplitBehaviour behaviour) {
  std::vector<Match> out;
  const auto join_into = [&out](const Match& m, bool join) {
    if (join && !out.empty()) {
      out.back() = {std::min(out.back().begin, m.begin), std::max(out.back().end, m.end),
                    m.matched};
    } else {
      out.push_back(m);
    }
  };
  bool previous = false;
  switch (behaviour) {
    case SplitBehaviour::Isolated:
      return matches;
    case SplitBehaviour::Removed:
      std::copy_if(matches.begin(), matches.end(), std::back_inserter(out),
                   [](const Match& m) { return !m.matched; });
      return out;
    case SplitBehaviour::Contiguous:
      for (const Match& m : matches) join_into(m, !out.empty() && out.back().matched == m.matched);
      return out;
    case SplitBehaviour::MergedWithPrevious:
      for (const Match& m : matches) {
        join_into(m, m.matched && !previous);
        previous = m.matched;
      }
      return out;
    case SplitBehaviour::MergedWithNext:
      std::reverse(matches.begin(), matches.end());
      for (const Match& m : matches) {
        join_into(m, m.matched && !previous);
        previous = m.matched;
      }
      std::reverse(out.begin(), out.end());
      return out;
  }
  return matches;
}

}  // namespace vitrine::engine::text
