#include "engine/text/chat_library.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>

#include <fmt/format.h>

#include "engine/io/bytes.h"
#include "engine/text/chat_syntax.h"
#include "engine/text/chat_text.h"

namespace vitrine::engine::text::chat {
namespace {

constexpr std::int64_t kMaxRange = 100'000;
constexpr std::array<std::string_view, 30> kTests = {
    "!=", "<", "<=", "==", ">", ">=", "boolean", "callable", "defined", "divisibleby", "eq", "equalto", "even", "false", "float",
    "ge", "gt", "in", "integer", "iterable", "le", "lt", "mapping", "ne", "none", "number", "odd", "sequence", "string", "true"};
constexpr std::array<std::string_view, 6> kMoreTests = {"greaterthan", "lessthan", "lower", "sameas", "undefined", "upper"};

Result<std::int64_t> whole_of(const Value& value) {
  const auto number = number_of(value);
  if (!number || !number->whole) return wrong_type("a whole number", value);
  return number->i;
}

std::optional<bool> kind_test(std::string_view name, const Value& v) {
  const auto number = number_of(v);
  const bool truth = std::holds_alternative<bool>(v.v);
  if (name == "defined") return !v.undefined();
  if (name == "undefined") return v.undefined();
  if (name == "none") return v.none();
  if (name == "boolean") return truth;
  if (name == "true" || name == "false") return truth && std::get<bool>(v.v) == (name == "true");
  if (name == "number") return number.has_value();
  if (name == "integer") return number && number->whole && !truth;
  if (name == "float") return number && !number->whole;
  if (name == "string") return v.text() != nullptr;
  if (name == "mapping") return v.dict() != nullptr;
  if (name == "callable") return v.callable() != nullptr;
  const bool list = v.list() != nullptr;
  if (name == "iterable") return list || v.text() != nullptr || v.dict() != nullptr || v.undefined();
  if (name == "sequence") return (list && v.list()->kind <= ListKind::Tuple) || v.text() != nullptr || v.dict() != nullptr || v.undefined();
  return std::nullopt;
}

std::string_view operator_of(std::string_view test) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 9> kNames = {{{"eq", "=="}, {"equalto", "=="}, {"ne", "!="},
      {"lt", "<"}, {"lessthan", "<"}, {"gt", ">"}, {"greaterthan", ">"}, {"le", "<="}, {"ge", ">="}}};
  for (const auto& [name, op] : kNames)
    if (name == test) return op;
  return test;
}

Result<bool> compared(std::string_view op, const Value& a, const Value& b, Budget& budget) {
  if (op == "==" || op == "!=") {
    VITRINE_TRY(const bool same, equal(a, b, budget));
    return same == (op == "==");
  }
  VITRINE_TRY(const int sign, order(a, b, budget));
  return op == "<" ? sign < 0 : op == "<=" ? sign <= 0 : op == ">" ? sign > 0 : sign >= 0;
}

tl::unexpected<Error> too_large() { return fail(ErrorCode::DoesNotFit, "makes a whole number that does not fit 64 bits"); }

std::int64_t floor_mod(std::int64_t a, std::int64_t b) {
  const std::int64_t rest = b == -1 ? 0 : a % b;
  return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

Result<Value> whole_power(std::int64_t base, std::int64_t exponent) {
  if (exponent < 0) return Value{std::pow(static_cast<double>(base), static_cast<double>(exponent))};
  std::int64_t out = 1;
  for (; exponent > 0; exponent /= 2) {
    if (exponent % 2 == 1 && __builtin_mul_overflow(out, base, &out)) return too_large();
    if (exponent > 1 && __builtin_mul_overflow(base, base, &base)) return too_large();
  }
  return Value{out};
}

Result<Value> whole_operation(std::string_view op, std::int64_t a, std::int64_t b) {
  std::int64_t out = 0;
  bool over = false;
  if (op == "+") over = __builtin_add_overflow(a, b, &out);
  else if (op == "-") over = __builtin_sub_overflow(a, b, &out);
  else if (op == "*") over = __builtin_mul_overflow(a, b, &out);
  else if (op == "**") return whole_power(a, b);
  else if (b == 0) return fail(ErrorCode::InvalidInput, "divides by zero");
  else if (op == "/") return Value{static_cast<double>(a) / static_cast<double>(b)};
  else if (op == "%") return Value{floor_mod(a, b)};
  else if (a == INT64_MIN && b == -1) over = true;
  else out = (a - floor_mod(a, b)) / b;
  if (over) return too_large();
  return Value{out};
}

Result<Value> number_operation(std::string_view op, const Number& a, const Number& b) {
  if (a.whole && b.whole) return whole_operation(op, a.i, b.i);
  if (op == "+") return Value{a.d + b.d};
  if (op == "-") return Value{a.d - b.d};
  if (op == "*") return Value{a.d * b.d};
  if (op == "**") return Value{std::pow(a.d, b.d)};
  if (b.d == 0) return fail(ErrorCode::InvalidInput, "divides by zero");
  if (op == "/") return Value{a.d / b.d};
  const double floor = std::floor(a.d / b.d);
  return Value{op == "//" ? floor : a.d - floor * b.d};
}

Result<Value> repeated(const Value& what, std::int64_t times, Budget& budget) {
  const auto n = static_cast<std::size_t>(std::clamp<std::int64_t>(times, 0, std::int64_t{1} << 40));
  const std::size_t size = what.text() != nullptr ? what.text()->size() : what.list()->items.size() * sizeof(Value);
  VITRINE_CHECK(budget.spend(std::min<std::size_t>(size, std::size_t{1} << 20) * n));
  VITRINE_CHECK(budget.spend(size));
  if (const std::string* text = what.text()) {
    VITRINE_CHECK(budget.spend(n * text->size()));
    std::string out;
    for (std::size_t i = 0; i < n && !text->empty(); ++i) out += *text;
    return text_value(std::move(out));
  }
  std::vector<Value> items;
  for (std::size_t i = 0; i < n && size > 0; ++i) items.insert(items.end(), what.list()->items.begin(), what.list()->items.end());
  return list_value(std::move(items), budget, what.list()->kind);
}

bool repeats(const Value& value) { return value.text() != nullptr || (value.list() != nullptr && value.list()->kind <= ListKind::Tuple); }

}  // namespace

const Value* Arguments::find(std::size_t place, std::string_view name) const {
  if (place < places.size()) return &places[place];
  for (const auto& [key, value] : named)
    if (key == name) return &value;
  return nullptr;
}

Status Arguments::fit(std::string_view of, std::initializer_list<std::string_view> names) const {
  if (places.size() > names.size())
    return fail(ErrorCode::InvalidInput, fmt::format("'{}' takes at most {} arguments, came {}", of, names.size(), places.size()));
  for (const auto& [key, value] : named)
    if (std::find(names.begin(), names.end(), key) == names.end())
      return fail(ErrorCode::Unsupported, fmt::format("'{}' has no argument '{}' that the interpreter knows", of, printable(key, 40)));
  return {};
}

Result<std::string> Arguments::text(std::size_t place, std::string_view name, const char* otherwise) const {
  const Value* value = find(place, name);
  if (value == nullptr && otherwise != nullptr) return std::string(otherwise);
  if (value == nullptr) return fail(ErrorCode::InvalidInput, fmt::format("expected an argument '{}', came none", name));
  if (value->text() == nullptr) return wrong_type(fmt::format("'{}' to be a text", name), *value);
  return *value->text();
}

Result<std::int64_t> Arguments::whole(std::size_t place, std::string_view name, std::int64_t otherwise) const {
  const Value* value = find(place, name);
  if (value == nullptr || value->none()) return otherwise;
  return whole_of(*value);
}

bool Arguments::flag(std::size_t place, std::string_view name, bool otherwise) const {
  const Value* value = find(place, name);
  return value == nullptr ? otherwise : truth_of(*value);
}

bool known_test(std::string_view name) {
  return std::find(kTests.begin(), kTests.end(), name) != kTests.end() || std::find(kMoreTests.begin(), kMoreTests.end(), name) != kMoreTests.end();
}

Result<bool> apply_test(std::string_view name, const Value& subject, const Arguments& arguments, Budget& budget) {
  if (const auto plain = kind_test(name, subject)) {
    VITRINE_CHECK(arguments.fit(name, {}));
    return *plain;
  }
  if (name == "lower" || name == "upper") {
    const std::string* text = subject.text();
    if (text == nullptr) return wrong_type("a text", subject);
    VITRINE_CHECK(budget.spend(12 * text->size()));
    const std::string up = upper(*text), down = lower(*text);
    return *text == (name == "lower" ? down : up) && up != down;
  }
  if (name == "odd" || name == "even") {
    VITRINE_TRY(const std::int64_t n, whole_of(subject));
    return (n % 2 != 0) == (name == "odd");
  }
  VITRINE_CHECK(arguments.fit(name, {"other"}));
  const Value* other = arguments.find(0, "other");
  if (other == nullptr) return fail(ErrorCode::InvalidInput, fmt::format("the test '{}' needs a value", name));
  if (name == "in") return contains(*other, subject, budget);
  if (name == "sameas") {
    if (subject.v.index() != other->v.index()) return false;
    return equal(subject, *other, budget);
  }
  if (name == "divisibleby") {
    VITRINE_TRY(const std::int64_t n, whole_of(subject));
    VITRINE_TRY(const std::int64_t by, whole_of(*other));
    if (by == 0) return fail(ErrorCode::InvalidInput, "divides by zero");
    return floor_mod(n, by) == 0;
  }
  return compared(operator_of(name), subject, *other, budget);
}

Result<Value> range_of(const Arguments& arguments, Budget& budget) {
  if (arguments.places.empty() || arguments.places.size() > 3 || !arguments.named.empty())
    return fail(ErrorCode::InvalidInput, "'range' takes one to three whole numbers");
  std::int64_t numbers[3] = {0, 0, 1};
  for (std::size_t i = 0; i < arguments.places.size(); ++i) {
    VITRINE_TRY(numbers[i], whole_of(arguments.places[i]));
  }
  if (arguments.places.size() == 1) std::swap(numbers[0], numbers[1]);
  const auto [from, to, step] = numbers;
  if (step == 0) return fail(ErrorCode::InvalidInput, "'range' has a step of 0");
  std::vector<Value> items;
  for (std::int64_t i = from; step > 0 ? i < to : i > to;) {
    if (static_cast<std::int64_t>(items.size()) == kMaxRange)
      return fail(ErrorCode::DoesNotFit, fmt::format("'range' has more than {} numbers", kMaxRange));
    items.push_back({i});
    if (__builtin_add_overflow(i, step, &i)) break;
  }
  return list_value(std::move(items), budget);
}

Result<std::string> date_text(std::string_view date, std::string_view format) {
  namespace ch = std::chrono;
  const auto year = parse_decimal(date.substr(0, 4)), month = parse_decimal(date.size() == 10 ? date.substr(5, 2) : ""),
             day = parse_decimal(date.size() == 10 ? date.substr(8, 2) : "");
  const bool dashes = date.size() == 10 && date[4] == '-' && date[7] == '-';
  const ch::year_month_day when = !dashes || !year || !month || !day ? ch::year_month_day{} :
      ch::year_month_day(ch::year(static_cast<int>(*year)), ch::month(static_cast<unsigned>(*month)), ch::day(static_cast<unsigned>(*day)));
  if (!when.ok()) return fail(ErrorCode::Usage, fmt::format("expected a date YYYY-MM-DD, came '{}'", printable(date, 40)));
  static constexpr const char* kMonths[] = {"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"};
  static constexpr const char* kDays[] = {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};
  const ch::sys_days in_days(when);
  const std::string month_name = kMonths[*month - 1], day_name = kDays[ch::weekday(in_days).c_encoding()];
  std::string out;
  for (std::size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%') {
      out += format[i];
      continue;
    }
    const bool plain = ++i < format.size() && format[i] == '-';
    if (plain) ++i;
    const char c = i < format.size() ? format[i] : '\0';
    const auto two = [&](std::uint64_t n) { return plain ? fmt::format("{}", n) : fmt::format("{:02}", n); };
    if (c == 'd') out += two(*day);
    else if (c == 'm') out += two(*month);
    else if (c == 'y') out += two(*year % 100);
    else if (c == 'Y') out += fmt::format("{}", *year);
    else if (c == 'B') out += month_name;
    else if (c == 'b') out += month_name.substr(0, 3);
    else if (c == 'A') out += day_name;
    else if (c == 'a') out += day_name.substr(0, 3);
    else if (c == 'H' || c == 'M' || c == 'S') out += two(0);
    else if (c == '%') out += '%';
    else return fail(ErrorCode::Unsupported, fmt::format("writes a date with '%{}', which the interpreter does not know", printable(format.substr(std::min(i, format.size()), 1))));
  }
  return out;
}

Result<Value> operate(std::string_view op, const Value& a, const Value& b, Budget& budget) {
  if (a.undefined()) return not_defined(a);
  if (b.undefined()) return not_defined(b);
  const auto x = number_of(a), y = number_of(b);
  if (x && y) return number_operation(op, *x, *y);
  if (op == "+" && a.text() != nullptr && b.text() != nullptr) {
    VITRINE_CHECK(budget.spend(a.text()->size() + b.text()->size()));
    return text_value(*a.text() + *b.text());
  }
  if (op == "+" && a.list() != nullptr && b.list() != nullptr && a.list()->kind == b.list()->kind && a.list()->kind <= ListKind::Tuple) {
    VITRINE_CHECK(budget.spend((a.list()->items.size() + b.list()->items.size()) * sizeof(Value)));
    std::vector<Value> items = a.list()->items;
    items.insert(items.end(), b.list()->items.begin(), b.list()->items.end());
    return list_value(std::move(items), budget, a.list()->kind);
  }
  if (op == "*" && x && x->whole && repeats(b)) return repeated(b, x->i, budget);
  if (op == "*" && y && y->whole && repeats(a)) return repeated(a, y->i, budget);
  if (op == "%" && a.text() != nullptr) return fail(ErrorCode::Unsupported, "formats a text with '%', which the interpreter does not do");
  return fail(ErrorCode::InvalidInput, fmt::format("'{}' has no meaning between {} and {}", op, kind_of(a), kind_of(b)));
}

}  // namespace vitrine::engine::text::chat
