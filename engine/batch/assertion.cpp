#include "engine/batch/assertion.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <numeric>

#include <fmt/format.h>

#include "engine/io/bytes.h"

namespace vitrine::engine {

namespace {

constexpr std::size_t kMaxLength = 500;

/// Reads the text from left to right.
class Reader {
 public:
  explicit Reader(const std::string& text) : text_(text) {}

  void skip() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
  }
  [[nodiscard]] bool done() {
    skip();
    return at_ >= text_.size();
  }
  bool take(std::string_view word) {
    skip();
    if (text_.compare(at_, word.size(), word) != 0) return false;
    at_ += word.size();
    return true;
  }
  [[nodiscard]] tl::unexpected<Error> wrong(const std::string& expected) {
    skip();
    const std::string came = at_ < text_.size() ? "'" + printable(text_.substr(at_), 20) + "'" : std::string("the end");
    return fail(ErrorCode::Usage, fmt::format("expected {} in the check '{}', came {} (character {})", expected,
                                              printable(text_), came, at_ + 1));
  }
  std::optional<double> number() {
    skip();
    // from_chars would also take "inf" and "nan", which may begin a name.
    if (at_ >= text_.size() || !(std::isdigit(static_cast<unsigned char>(text_[at_])) || text_[at_] == '-')) return {};
    double value = 0;
    const auto [stop, code] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), value);
    if (code != std::errc{}) return {};
    at_ = static_cast<std::size_t>(stop - text_.data());
    return value;
  }
  std::optional<int> whole() {
    int value = 0;
    const auto [stop, code] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), value);
    if (code != std::errc{} || value < 0) return {};
    at_ = static_cast<std::size_t>(stop - text_.data());
    return value;
  }
  std::string name() {
    skip();
    const std::size_t begin = at_;
    while (at_ < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[at_])) || text_[at_] == '_' ||
                                  text_[at_] == '.' || text_[at_] == '-'))
      ++at_;
    return text_.substr(begin, at_ - begin);
  }

 private:
  const std::string& text_;
  std::size_t at_ = 0;
};

Status read_index(Reader& reader, MetricRef& ref) {
  if (!reader.take("[")) return {};
  if (reader.take("@")) {
    ref.position = reader.whole();
    if (!ref.position) return reader.wrong("a position");
  } else {
    reader.skip();
    ref.layer = reader.whole();
    if (!ref.layer) return reader.wrong("a layer");
    if (reader.take(".")) {
      ref.head = reader.whole();
      if (!ref.head) return reader.wrong("a head");
    }
  }
  if (!reader.take("]")) return reader.wrong("']'");
  return {};
}

Result<AssertionTerm> read_term(Reader& reader) {
  AssertionTerm term;
  if (auto number = reader.number()) {
    term.number = *number;
    return term;
  }
  MetricRef ref;
  ref.name = reader.name();
  if (ref.name.empty()) return reader.wrong("a number or the name of a result");
  static constexpr std::array kReductions = {"min", "max", "mean", "sum", "count"};
  const bool reduction = std::find(kReductions.begin(), kReductions.end(), ref.name) != kReductions.end();
  if (reduction && reader.take("(")) {
    ref.reduce = ref.name;
    ref.name = reader.name();
    if (ref.name.empty()) return reader.wrong("the name of a result");
    VITRINE_CHECK(read_index(reader, ref));
    if (!reader.take(")")) return reader.wrong("')'");
  } else {
    VITRINE_CHECK(read_index(reader, ref));
  }
  term.ref = std::move(ref);
  return term;
}

std::string text_of(const MetricRef& ref) {
  std::string text = ref.name;
  if (ref.position) text += fmt::format("[@{}]", *ref.position);
  else if (ref.layer && ref.head) text += fmt::format("[{}.{}]", *ref.layer, *ref.head);
  else if (ref.layer) text += fmt::format("[{}]", *ref.layer);
  return ref.reduce.empty() ? text : fmt::format("{}({})", ref.reduce, text);
}

Result<double> value_of(const AssertionTerm& term, const MetricLookup& lookup, std::string& shown) {
  if (!term.ref) {
    shown = fmt::format("{}", term.number);
    return term.number;
  }
  const std::string name = text_of(*term.ref);
  VITRINE_TRY(const std::vector<double> values, lookup(*term.ref));
  double value = 0;
  if (term.ref->reduce == "count") {
    value = static_cast<double>(values.size());
  } else if (values.empty()) {
    return fail(ErrorCode::InvalidInput, fmt::format("expected a result '{}' of a step before, came none", name));
  } else if (term.ref->reduce.empty() && values.size() != 1) {
    return fail(ErrorCode::InvalidInput,
                fmt::format("expected one number for '{}', came {}; use min(), max(), mean() or an index", name,
                            values.size()));
  } else if (term.ref->reduce == "min") {
    value = *std::min_element(values.begin(), values.end());
  } else if (term.ref->reduce == "max") {
    value = *std::max_element(values.begin(), values.end());
  } else {
    value = std::accumulate(values.begin(), values.end(), 0.0);
    if (term.ref->reduce == "mean") value /= static_cast<double>(values.size());
  }
  shown = fmt::format("{} = {}", name, value);
  return value;
}

bool holds(double a, double b, const std::string& op, double tolerance) {
  if (op == ">") return a > b;
  if (op == ">=") return a >= b;
  if (op == "<") return a < b;
  if (op == "<=") return a <= b;
  const bool equal = std::abs(a - b) <= tolerance;
  return op == "==" ? equal : !equal && !std::isnan(a) && !std::isnan(b);
}

}  // namespace

Result<Assertion> parse_assertion(const std::string& text) {
  if (text.size() > kMaxLength)
    return fail(ErrorCode::Usage, fmt::format("expected a check of at most {} characters, came {}", kMaxLength,
                                              text.size()));
  Assertion assertion;
  assertion.text = text;
  Reader reader(assertion.text);
  VITRINE_TRY(assertion.left, read_term(reader));
  for (const char* op : {">=", "<=", "==", "!=", ">", "<"}) {
    if (!reader.take(op)) continue;
    assertion.op = op;
    break;
  }
  if (assertion.op.empty()) return reader.wrong("one of > >= < <= == !=");
  VITRINE_TRY(assertion.right, read_term(reader));
  if (reader.take("+-")) {
    auto tolerance = reader.number();
    if (!tolerance || *tolerance < 0) return reader.wrong("a tolerance");
    assertion.tolerance = *tolerance;
  }
  if (!reader.done()) return reader.wrong("the end");
  if (!assertion.left.ref && !assertion.right.ref) return reader.wrong("the name of a result on one side");
  return assertion;
}

Result<std::string> check_assertion(const Assertion& assertion, const MetricLookup& lookup) {
  std::string left, right;
  VITRINE_TRY(const double a, value_of(assertion.left, lookup, left));
  VITRINE_TRY(const double b, value_of(assertion.right, lookup, right));
  std::string sentence = fmt::format("{} {} {}", left, assertion.op, right);
  if (assertion.tolerance > 0) sentence += fmt::format(" +- {}", assertion.tolerance);
  if (!holds(a, b, assertion.op, assertion.tolerance))
    return fail(ErrorCode::AssertionFailed, "expected " + assertion.text + ", came " + sentence);
  return sentence;
}

}  // namespace vitrine::engine
