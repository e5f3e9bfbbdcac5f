#include "engine/io/json.h"

#include <charconv>
#include <limits>

#include <fmt/format.h>

#include "engine/core/memory.h"
#include "engine/io/bytes.h"
#include "engine/io/mapped_file.h"

namespace vitrine::engine {
namespace {

using nlohmann::json;

constexpr std::size_t kSpareBytes = std::size_t{192} << 20;

/// How many of the bytes from `at` on stand for themselves in a string, whether or not they are UTF-8.
std::size_t plain_length(std::string_view text, std::size_t at) {
  constexpr std::uint64_t kOnes = 0x0101010101010101, kHigh = 0x8080808080808080;
  const std::size_t begin = at;
  for (; text.size() - at >= 8; at += 8) {
    const auto eight = load_le<std::uint64_t>(text.data() + at);
    const std::uint64_t quote = eight ^ (kOnes * '"'), slash = eight ^ (kOnes * '\\');
    // The high bit of a byte is set if it is a quote, a back slash or below 0x20; of later ones it may be as well.
    if ((((quote - kOnes) & ~quote) | ((slash - kOnes) & ~slash) | ((eight - kOnes * 0x20) & ~eight)) & kHigh) break;
  }
  while (at < text.size() && text[at] != '"' && text[at] != '\\' && static_cast<unsigned char>(text[at]) >= 0x20) ++at;
  return at - begin;
}

/// Why the text cannot be JSON at all.
std::optional<Error> wrong_encoding(std::string_view text, const std::string& file_name) {
  const auto wrong = [&](const char* why) { return Error{ErrorCode::FileFormat, why, file_name, 0, {}}; };
  if (text.empty()) return wrong("expected JSON, the file is empty");
  if (text.starts_with("\xEF\xBB\xBF")) return wrong("expected JSON, came a byte order mark (BOM) before it");
  const bool wide = text.size() > 1 && (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF") ||
                                        (text[0] == '\0') != (text[1] == '\0'));
  if (wide) return wrong("expected JSON in UTF-8, came UTF-16 or UTF-32 text");
  return std::nullopt;
}

/// Recursive descent with a depth bound; `problem_` holds the first thing that went wrong.
class JsonParser {
 public:
  JsonParser(std::string_view text, const std::string& file, std::size_t max_depth)
      : text_(text), file_(file), max_depth_(max_depth), budget_(text.size() + kSpareBytes) {}

  /// Goes to the next member of the object that the text is, behind its colon.
  Result<bool> member(std::string& name, std::size_t& name_at) {
    skip_space();
    if (members_ == 0) {
      if (!next_is('{')) return told(expected("a JSON object"));
      ++at_;
      skip_space();
    }
    bool more = !next_is('}');
    if (members_++ > 0 && more) {
      if (!next_is(',')) return told(expected("',' or '}'"));
      ++at_;
      skip_space();
    }
    name_at = at_;
    if (more) return told(key(name));
    ++at_;
    return told(!at_end());
  }
  Result<json> member_value() {
    budget_ = text_.size() + kSpareBytes;   // the one before is the caller's
    json out;
    if (!value(out, 1)) return tl::unexpected(std::move(problem_));
    return out;
  }
  [[nodiscard]] std::string_view rest() const { return text_.substr(at_); }
  void skip(std::size_t bytes) { at_ += std::min(bytes, text_.size() - at_); }

  Result<json> parse() {
    json root;
    skip_space();
    if (!value(root, 0) || !at_end()) return tl::unexpected(std::move(problem_));
    return root;
  }

 private:
  Result<bool> told(bool whether) { return problem_.message.empty() ? Result<bool>(whether) : fail(std::move(problem_)); }
  bool at_end() {
    skip_space();
    return at_ >= text_.size() ||
           refuse(fmt::format("expected the end of the JSON text, came {} after the end of the value", here()));
  }
  bool refuse(std::string message, ErrorCode code = ErrorCode::FileFormat) {
    problem_ = Error{code, std::move(message), file_, at_, {}};
    return false;
  }
  [[nodiscard]] std::string here() const {
    if (at_ >= text_.size()) return "the end of the file";
    return fmt::format("'{}'", printable(text_.substr(at_, 1)));
  }
  bool expected(std::string_view what) { return refuse(fmt::format("JSON: expected {}, came {}", what, here())); }

  void skip_space() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\r' || text_[at_] == '\t'))
      ++at_;
  }
  bool spend(std::size_t bytes) {
    if (bytes > budget_)
      return refuse("JSON text that unfolds to more than 192 MB beyond its size", ErrorCode::FileLimit);
    budget_ -= bytes;
    return true;
  }
  [[nodiscard]] bool next_is(char c) const { return at_ < text_.size() && text_[at_] == c; }

  bool value(json& out, std::size_t depth) {
    ask_memory();
    if (at_ >= text_.size()) return expected("a value");
    switch (text_[at_]) {
      case '{': return object(out, depth + 1);
      case '[': return array(out, depth + 1);
      case '"': {
        std::string s;
        if (!string(s) || !spend(48 + s.size())) return false;
        out = std::move(s);
        return true;
      }
      case 't': out = true; return word("true");
      case 'f': out = false; return word("false");
      case 'n': out = nullptr; return word("null");
      default: return number(out);
    }
  }

  bool word(std::string_view w) {
    if (text_.substr(at_, w.size()) != w) return expected(fmt::format("'{}'", w));
    at_ += w.size();
    return true;
  }

  bool deep(std::size_t depth) {
    return depth <= max_depth_ ||
           refuse(fmt::format("JSON nested more than {} levels deep", max_depth_), ErrorCode::FileLimit);
  }

  bool object(json& out, std::size_t depth) {
    if (!deep(depth) || !spend(64)) return false;
    out = json::object();
    auto& members = out.get_ref<json::object_t&>();
    ++at_;
    skip_space();
    if (next_is('}')) return ++at_, true;
    while (true) {
      skip_space();
      const std::size_t name_at = at_;
      std::string name;
      if (!key(name) || !spend(112 + name.size())) return false;
      json member;
      if (!value(member, depth)) return false;
      const std::string shown = printable(name);
      if (!members.emplace(std::move(name), std::move(member)).second) {
        at_ = name_at;
        return refuse(duplicate_key(shown));
      }
      skip_space();
      if (next_is('}')) return ++at_, true;
      if (!next_is(',')) return expected("',' or '}'");
      ++at_;
    }
  }

  /// A key and its colon.
  bool key(std::string& name) {
    name.clear();
    if (!next_is('"')) return expected("a key in double quotes");
    if (!string(name)) return false;
    skip_space();
    if (!next_is(':')) return expected("':' after a key");
    ++at_;
    skip_space();
    return true;
  }

  bool array(json& out, std::size_t depth) {
    if (!deep(depth) || !spend(64)) return false;
    out = json::array();
    auto& items = out.get_ref<json::array_t&>();
    ++at_;
    skip_space();
    if (next_is(']')) return ++at_, true;
    while (true) {
      skip_space();
      if (!spend(32)) return false;
      json item;
      if (!value(item, depth)) return false;
      items.push_back(std::move(item));
      skip_space();
      if (next_is(']')) return ++at_, true;
      if (!next_is(',')) return expected("',' or ']'");
      ++at_;
    }
  }

  bool string(std::string& out) {
    ++at_;
    while (at_ < text_.size()) {
      const std::size_t begin = at_;
      at_ += plain_length(text_, at_);
      const std::string_view part = text_.substr(begin, at_ - begin);
      if (const auto bad = first_bad_utf8(part)) {
        at_ = begin + *bad;
        return refuse("JSON string that is not UTF-8");
      }
      out += part;
      if (at_ >= text_.size()) break;
      if (text_[at_] == '"') return ++at_, true;
      if (text_[at_] != '\\') return refuse(fmt::format("JSON string with a raw control character {}", here()));
      if (!escape(out)) return false;
    }
    return refuse("JSON ends inside a string");
  }

  bool hex4(unsigned& unit) {
    if (at_ + 4 > text_.size()) return refuse("JSON ends inside an escape");
    const auto [stop, problem] = std::from_chars(text_.data() + at_, text_.data() + at_ + 4, unit, 16);
    if (problem != std::errc{} || stop != text_.data() + at_ + 4)
      return expected("four hexadecimal digits after \\u");
    at_ += 4;
    return true;
  }

  bool escape(std::string& out) {
    const std::size_t begin = at_++;
    if (at_ >= text_.size()) return refuse("JSON ends inside an escape");
    const char c = text_[at_++];
    constexpr std::string_view from = "\"\\/bfnrt", to = "\"\\/\b\f\n\r\t";
    if (const auto i = from.find(c); i != std::string_view::npos) return out += to[i], true;
    if (c != 'u') {
      --at_;
      return expected("one of \"\\/bfnrtu after a back slash");
    }
    unsigned unit = 0, low = 0;
    if (!hex4(unit)) return false;
    const auto lone = [&] {
      at_ = begin;
      return refuse(
          fmt::format("JSON string with the lone surrogate escape \\u{:04x}, which is no UTF-16 character", unit));
    };
    if (unit >= 0xDC00 && unit <= 0xDFFF) return lone();
    if (unit >= 0xD800 && unit <= 0xDBFF) {
      if (text_.substr(at_, 2) != "\\u") return lone();
      at_ += 2;
      if (!hex4(low)) return false;
      if (low < 0xDC00 || low > 0xDFFF) return lone();
      unit = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
    }
    append_utf8(out, unit);
    return true;
  }

  static void append_utf8(std::string& out, unsigned c) {
    const auto put = [&](unsigned b) { out += static_cast<char>(b); };
    if (c < 0x80) return put(c);
    if (c < 0x800) return put(0xC0 | c >> 6), put(0x80 | (c & 0x3F));
    if (c < 0x10000) return put(0xE0 | c >> 12), put(0x80 | (c >> 6 & 0x3F)), put(0x80 | (c & 0x3F));
    put(0xF0 | c >> 18), put(0x80 | (c >> 12 & 0x3F)), put(0x80 | (c >> 6 & 0x3F)), put(0x80 | (c & 0x3F));
  }

  bool digits() {
    const std::size_t begin = at_;
    while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') ++at_;
    return at_ > begin || expected("a digit of a number");
  }

  bool number(json& out) {
    const std::size_t begin = at_;
    const bool negative = next_is('-');
    if (negative) ++at_;
    for (std::string_view name : {"NaN", "Infinity", "nan", "inf"})
      if (text_.substr(at_, name.size()) == name) return refuse(fmt::format("'{}' is not a JSON number", name));
    if (at_ >= text_.size() || text_[at_] < '0' || text_[at_] > '9') return expected("a value");
    const bool leading_zero = next_is('0');
    if (!digits()) return false;
    if (leading_zero && at_ - begin > (negative ? 2U : 1U)) return refuse("JSON number with a leading zero");
    bool integer = !(leading_zero && negative);
    if (next_is('.')) {
      integer = false;
      ++at_;
      if (!digits()) return false;
    }
    if (next_is('e') || next_is('E')) {
      integer = false;
      ++at_;
      if (next_is('+') || next_is('-')) ++at_;
      if (!digits()) return false;
    }
    return convert(text_.substr(begin, at_ - begin), integer, negative, begin, out);
  }

  bool convert(std::string_view s, bool integer, bool negative, std::size_t begin, json& out) {
    const char* first = s.data();
    const char* last = first + s.size();
    if (integer && negative) {
      std::int64_t v = 0;
      if (std::from_chars(first, last, v).ec == std::errc{}) return out = v, true;
    } else if (integer) {
      std::uint64_t v = 0;
      if (std::from_chars(first, last, v).ec == std::errc{}) return out = v, true;
    }
    double v = 0;
    if (std::from_chars(first, last, v).ec == std::errc::result_out_of_range) {
      const bool tiny =
          s.find("e-") != s.npos || s.find("E-") != s.npos || s.substr(negative ? 1 : 0).starts_with("0.");
      if (!tiny) {
        at_ = begin;
        return refuse(fmt::format("JSON number {} is outside of the range of double precision", printable(s, 32)));
      }
      v = 0;
    }
    out = v;
    return true;
  }

  std::string_view text_;
  const std::string& file_;
  std::size_t max_depth_, budget_;
  std::size_t at_ = 0, members_ = 0;
  Error problem_;
};

}  // namespace

std::string duplicate_key(std::string_view shown) {
  return fmt::format("duplicate key: '{}' stands twice in one JSON object", shown);
}

struct JsonMembers::State {
  State(std::string_view text, const std::string& name)
      : file_name(name), encoding(wrong_encoding(text, file_name)), parser(text, file_name, kJsonDepth) {}
  std::string file_name;
  std::optional<Error> encoding;
  JsonParser parser;
  std::string key;
  std::size_t key_at = 0;
};

JsonMembers::JsonMembers(std::string_view text, const std::string& file_name)
    : state_(std::make_unique<State>(text, file_name)) {}
JsonMembers::~JsonMembers() = default;

Result<bool> JsonMembers::next() {
  if (state_->encoding) return fail(*state_->encoding);
  return state_->parser.member(state_->key, state_->key_at);
}
const std::string& JsonMembers::key() const { return state_->key; }
std::size_t JsonMembers::key_at() const { return state_->key_at; }
std::string_view JsonMembers::rest() const { return state_->parser.rest(); }
void JsonMembers::skip(std::size_t bytes) { state_->parser.skip(bytes); }
Result<json> JsonMembers::value() { return state_->parser.member_value(); }

Result<json> parse_json(std::string_view text, const std::string& file_name, std::size_t max_depth) {
  if (auto wrong = wrong_encoding(text, file_name)) return fail(std::move(*wrong));
  return JsonParser(text, file_name, max_depth).parse();
}

Result<json> read_json_file(const std::filesystem::path& path, std::size_t max_bytes) {
  VITRINE_TRY(const auto file, MappedFile::open(path));
  if (file->size() > max_bytes)
    return fail_file(ErrorCode::FileLimit, path.string(),
                     fmt::format("expected JSON of at most {} bytes, came {}", max_bytes, file->size()));
  auto parsed = parse_json(as_text(file->bytes()), path.string());
  VITRINE_CHECK(file->check_whole());
  return parsed;
}

std::optional<double> json_number(const json& value) {
  if (value.is_number()) return value.get<double>();
  if (!value.is_object() || value.size() != 1 || !value.contains("__float__")) return std::nullopt;
  const json& word = value["__float__"];
  if (word == "Infinity") return std::numeric_limits<double>::infinity();
  if (word == "-Infinity") return -std::numeric_limits<double>::infinity();
  if (word == "NaN") return std::numeric_limits<double>::quiet_NaN();
  return std::nullopt;
}

}  // namespace vitrine::engine
