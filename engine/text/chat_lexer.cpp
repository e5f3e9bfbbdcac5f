#include "engine/text/chat_lexer.h"

#include <algorithm>
#include <array>
#include <optional>

#include <fmt/format.h>

#include "engine/io/bytes.h"
#include "engine/text/chat_text.h"
#include "engine/text/unicode.h"

namespace vitrine::engine::text::chat {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool begins_name(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

/// Newlines are one character; where each byte was is kept for messages.
class Source {
 public:
  explicit Source(std::string_view source) {
    for (std::size_t i = 0; i < source.size(); ++i) {
      if (source[i] != '\r') {
        text_ += source[i];
        continue;
      }
      text_ += '\n';
      if (i + 1 < source.size() && source[i + 1] == '\n') {
        ++i;
        dropped_.push_back(text_.size());
      }
    }
    if (text_.ends_with('\n')) text_.pop_back();
  }
  [[nodiscard]] std::string_view text() const { return text_; }
  [[nodiscard]] std::size_t original(std::size_t at) const {
    return at + static_cast<std::size_t>(std::upper_bound(dropped_.begin(), dropped_.end(), at) - dropped_.begin());
  }

 private:
  std::string text_;
  std::vector<std::size_t> dropped_;
};

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(source), text_(source_.text()) {}

  Result<std::vector<Lexeme>> run() {
    while (at_ < text_.size()) VITRINE_CHECK(next_piece());
    push(TokenKind::End, {}, text_.size());
    return std::move(out_);
  }

 private:
  tl::unexpected<Error> wrong(std::size_t at, std::string message, ErrorCode code = ErrorCode::FileFormat) const {
    return fail_file(code, {}, std::move(message), source_.original(at));
  }
  void push(TokenKind kind, std::string text, std::size_t at) { out_.push_back({kind, std::move(text), source_.original(at)}); }
  [[nodiscard]] bool here(std::string_view what) const { return text_.substr(at_).starts_with(what); }

  /// The next `{{`, `{%` or `{#`.
  [[nodiscard]] std::size_t next_tag(std::size_t from) const {
    for (std::size_t at = text_.find('{', from); at != std::string_view::npos; at = text_.find('{', at + 1))
      if (at + 1 < text_.size() && (text_[at + 1] == '{' || text_[at + 1] == '%' || text_[at + 1] == '#')) return at;
    return text_.size();
  }

  /// Data before a tag at `end`, as the sign of the tag and the start of its line say.
  void push_data(std::size_t end, char sign, bool output) {
    std::string_view data = text_.substr(at_, end - at_);
    if (sign == '-') {
      data = strip(data, {false, true}, nullptr);
    } else if (sign != '+' && !output) {
      const std::size_t line = data.rfind('\n') + 1;   // npos + 1 is 0
      if ((line > 0 || line_starts_) && strip(data.substr(line), {true, true}, nullptr).empty()) data = data.substr(0, line);
    }
    if (!data.empty()) push(TokenKind::Data, std::string(data), at_);
  }

  Status next_piece() {
    const std::size_t tag = next_tag(at_);
    if (tag == text_.size()) {
      push(TokenKind::Data, std::string(text_.substr(at_)), at_);
      at_ = tag;
      return {};
    }
    const char kind = text_[tag + 1];
    const char after = tag + 2 < text_.size() ? text_[tag + 2] : '\0';
    const char sign = after == '-' || after == '+' ? after : '\0';
    if (kind == '{' && sign == '+') return wrong(tag, "a '+' cannot follow '{{'");
    push_data(tag, sign, kind == '{');
    at_ = tag + 2 + (sign != '\0' ? 1 : 0);
    line_starts_ = false;
    if (kind == '#') return comment(tag);
    if (kind == '%' && raw_begins()) return raw(tag);
    push(kind == '{' ? TokenKind::OutputBegin : TokenKind::BlockBegin, {}, tag);
    return inside(kind == '{', tag);
  }

  void skip_spaces() {
    const std::size_t before = text_.size() - at_;
    at_ += before - strip(text_.substr(at_), {true, false}, nullptr).size();
  }

  /// Behind the end of a tag: `-` takes all white space, a block takes one newline.
  void after_end(char sign, bool output) {
    if (sign == '-') skip_spaces();
    else if (sign != '+' && !output && here("\n")) ++at_;
    line_starts_ = at_ > 0 && text_[at_ - 1] == '\n';
  }

  /// The sign before an end, if `what` ends here.
  [[nodiscard]] std::optional<char> ends_here(std::string_view what) const {
    if (here(what)) return '\0';
    if ((here("-") || (here("+") && what != "}}")) && text_.substr(at_ + 1).starts_with(what)) return text_[at_];
    return std::nullopt;
  }

  Status comment(std::size_t begin) {
    for (; at_ < text_.size(); ++at_) {
      const auto sign = ends_here("#}");
      if (!sign) continue;
      at_ += *sign == '\0' ? 2 : 3;
      after_end(*sign, false);
      return {};
    }
    return wrong(begin, "a comment has no '#}'");
  }

  bool raw_begins() {
    const std::size_t before = at_;
    skip_spaces();
    if (here("raw")) {
      at_ += 3;
      skip_spaces();
      if (here("-%}") || here("%}")) {
        const bool strips = here("-");
        at_ += strips ? 3 : 2;
        if (strips) skip_spaces();
        line_starts_ = text_[at_ - 1] == '\n';
        return true;
      }
    }
    at_ = before;
    return false;
  }

  Status raw(std::size_t begin) {
    for (std::size_t tag = text_.find("{%", at_); tag != std::string_view::npos; tag = text_.find("{%", tag + 1)) {
      const std::size_t data = at_;
      at_ = tag + 2;
      const char sign = here("-") || here("+") ? text_[at_++] : '\0';
      skip_spaces();
      if (here("endraw")) {
        at_ += 6;
        skip_spaces();
        if (const auto end = ends_here("%}")) {
          const std::size_t after = at_ + (*end == '\0' ? 2 : 3);
          at_ = data;
          push_data(tag, sign, false);
          at_ = after;
          after_end(*end, false);
          return {};
        }
      }
      at_ = data;
    }
    return wrong(begin, "'raw' has no 'endraw'");
  }

  Status inside(bool output, std::size_t begin) {
    const std::string_view end = output ? "}}" : "%}";
    std::string open;
    while (at_ < text_.size()) {
      if (const auto sign = ends_here(end); sign && open.empty()) {
        push(output ? TokenKind::OutputEnd : TokenKind::BlockEnd, {}, at_);
        at_ += *sign == '\0' ? 2 : 3;
        after_end(*sign, output);
        return {};
      }
      const std::size_t before = at_;
      skip_spaces();
      if (at_ == before) VITRINE_CHECK(lexeme(open));
    }
    return wrong(begin, fmt::format("a tag has no '{}'", end));
  }

  Status lexeme(std::string& open) {
    const char c = text_[at_];
    const std::size_t begin = at_;
    if (is_digit(c)) return number();
    if (c == '"' || c == '\'') return text_literal(c);
    if (begins_name(c)) {
      while (at_ < text_.size() && (begins_name(text_[at_]) || is_digit(text_[at_]))) ++at_;
      push(TokenKind::Name, std::string(text_.substr(begin, at_ - begin)), begin);
      return {};
    }
    static constexpr std::array kLong = {"//", "**", "==", "!=", ">=", "<="};
    for (const char* op : kLong)
      if (here(op)) {
        at_ += 2;
        push(TokenKind::Operator, op, begin);
        return {};
      }
    if (std::string_view("+-*/%~[](){}<>=.,:|").find(c) == std::string_view::npos)
      return wrong(begin, fmt::format("expected a name, a value or an operator, came '{}'", printable(text_.substr(begin, decode_utf8(text_, begin).bytes))));
    if (c == '(' || c == '[' || c == '{') open += c == '(' ? ')' : c == '[' ? ']' : '}';
    if (c == ')' || c == ']' || c == '}') {
      if (open.empty() || open.back() != c) return wrong(begin, fmt::format("'{}' closes nothing", c));
      open.pop_back();
    }
    ++at_;
    push(TokenKind::Operator, std::string(1, c), begin);
    return {};
  }

  void digits() {
    while (at_ < text_.size() && (is_digit(text_[at_]) || (text_[at_] == '_' && at_ + 1 < text_.size() && is_digit(text_[at_ + 1])))) ++at_;
  }

  Status number() {
    const std::size_t begin = at_;
    if (here("0x") || here("0b") || here("0o") || here("0X") || here("0B") || here("0O"))
      return wrong(begin, "a number is not in decimal digits, which the interpreter does not read", ErrorCode::Unsupported);
    digits();
    bool whole = true;
    const bool place = begin > 0 && text_[begin - 1] == '.';   // of `list.0.1`, no fraction
    if (!place && here(".") && at_ + 1 < text_.size() && is_digit(text_[at_ + 1])) {
      whole = false;
      ++at_;
      digits();
    }
    if (!place && (here("e") || here("E"))) {
      const std::size_t before = at_++;
      if (here("+") || here("-")) ++at_;
      if (at_ < text_.size() && is_digit(text_[at_])) {
        whole = false;
        digits();
      } else {
        at_ = before;
      }
    }
    std::string spelling(text_.substr(begin, at_ - begin));
    std::erase(spelling, '_');
    push(whole ? TokenKind::Whole : TokenKind::Float, std::move(spelling), begin);
    return {};
  }

  Status text_literal(char quote) {
    const std::size_t begin = at_++;
    std::string value;
    while (at_ < text_.size() && text_[at_] != quote) {
      if (text_[at_] == '\\') {
        VITRINE_CHECK(escape(value));
      } else {
        value += text_[at_++];
      }
    }
    if (at_ == text_.size()) return wrong(begin, fmt::format("a text has no closing {}", quote));
    ++at_;
    push(TokenKind::Text, std::move(value), begin);
    return {};
  }

  /// `\n`, `\x41`, ...; an unknown one stays as it is, backslash and all.
  Status escape(std::string& value) {
    const std::size_t begin = at_++;
    if (at_ == text_.size()) return wrong(begin, "a text ends in a backslash");
    const char c = text_[at_++];
    constexpr std::string_view from = "\\'\"abfnrtv", to = "\\'\"\a\b\f\n\r\t\v";
    if (const auto i = from.find(c); i != std::string_view::npos) {
      value += to[i];
    } else if (c == '\n') {
      return {};
    } else if (c == 'x' || c == 'u' || c == 'U') {
      return code_point(value, begin, c == 'x' ? 2 : c == 'u' ? 4 : 8);
    } else if ((c >= '0' && c <= '7') || c == 'N') {
      return wrong(begin, "an escape is an octal number or a name, which the interpreter does not read", ErrorCode::Unsupported);
    } else {
      value += '\\';
      value += c;
    }
    return {};
  }

  Status code_point(std::string& value, std::size_t begin, std::size_t digits) {
    char32_t point = 0;
    for (std::size_t i = 0; i < digits; ++i, ++at_) {
      const char c = at_ < text_.size() ? text_[at_] : '\0';
      const auto place = std::string_view("0123456789abcdef").find(static_cast<char>(c >= 'A' && c <= 'F' ? c + 32 : c));
      if (place == std::string_view::npos) return wrong(begin, fmt::format("expected {} hexadecimal digits in an escape", digits));
      point = point * 16 + static_cast<char32_t>(place);
    }
    if (point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF)) return wrong(begin, "an escape is no character");
    append_utf8(value, point);
    return {};
  }

  Source source_;
  std::string_view text_;
  std::size_t at_ = 0;
  bool line_starts_ = true;   ///< whether the data from here on begins a line
  std::vector<Lexeme> out_;
};

}  // namespace

Result<std::vector<Lexeme>> lexemes_of(std::string_view source) { return Lexer(source).run(); }

}  // namespace vitrine::engine::text::chat
