#include "engine/text/chat_expression_parser.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "engine/io/bytes.h"

namespace vitrine::engine::text::chat {
namespace {

constexpr int kMaxLevel = 60;
constexpr int kMaxDepth = 150;

std::string spelled(const Lexeme& lexeme) {
  switch (lexeme.kind) {
    case TokenKind::OutputEnd: return "'}}'";
    case TokenKind::BlockEnd: return "'%}'";
    case TokenKind::End: return "the end of the template";
    case TokenKind::Text: return "a text";
    default: return "'" + printable(lexeme.text, 40) + "'";
  }
}

}  // namespace

bool ExpressionParser::take_operator(std::string_view text) {
  if (!is_operator(text)) return false;
  advance();
  return true;
}

bool ExpressionParser::take_name(std::string_view text) {
  if (!is_name(text)) return false;
  advance();
  return true;
}

Status ExpressionParser::expect_operator(std::string_view text) {
  if (take_operator(text)) return {};
  return expected(fmt::format("'{}'", text));
}

Result<std::string> ExpressionParser::expect_name() {
  if (!is(TokenKind::Name)) return expected("a name");
  std::string name = now().text;
  advance();
  return name;
}

tl::unexpected<Error> ExpressionParser::wrong(const std::string& message, ErrorCode code) const {
  return fail_file(code, {}, message, now().at);
}

tl::unexpected<Error> ExpressionParser::expected(const std::string& what) const {
  return wrong(fmt::format("expected {}, came {}", what, spelled(now())));
}

Status ExpressionParser::check_level() const {
  if (level <= kMaxLevel) return {};
  return wrong(fmt::format("parts of the template nest deeper than {}", kMaxLevel), ErrorCode::FileLimit);
}

std::unique_ptr<Expression> ExpressionParser::make(ExpressionKind kind) const {
  auto made = std::make_unique<Expression>();
  made->kind = kind;
  made->at = now().at;
  return made;
}

Result<ExpressionPtr> ExpressionParser::done(std::unique_ptr<Expression> made) const {
  for (const auto& part : made->parts)
    if (part) made->depth = std::max(made->depth, part->depth + 1);
  for (const auto& [name, part] : made->named) made->depth = std::max(made->depth, part->depth + 1);
  if (made->depth > kMaxDepth)
    return fail_file(ErrorCode::FileLimit, {}, fmt::format("an expression has more than {} parts inside each other", kMaxDepth), made->at);
  return ExpressionPtr(std::move(made));
}

Result<ExpressionPtr> ExpressionParser::any() {
  VITRINE_TRY(ExpressionPtr first, one());
  if (!is_operator(",")) return first;
  auto tuple = make(ExpressionKind::Tuple);
  tuple->parts.push_back(std::move(first));
  while (take_operator(",")) {
    if (is(TokenKind::BlockEnd) || is(TokenKind::OutputEnd) || is_operator(")")) break;
    VITRINE_TRY(ExpressionPtr part, one());
    tuple->parts.push_back(std::move(part));
  }
  return done(std::move(tuple));
}

Result<ExpressionPtr> ExpressionParser::one(bool conditional) {
  const Level deeper(level);
  VITRINE_CHECK(check_level());
  VITRINE_TRY(ExpressionPtr value, disjunction());
  while (conditional && is_name("if")) {
    auto made = make(ExpressionKind::Conditional);
    advance();
    VITRINE_TRY(ExpressionPtr condition, disjunction());
    ExpressionPtr otherwise;
    if (take_name("else")) {
      VITRINE_TRY(otherwise, one());
    }
    made->parts.push_back(std::move(value));
    made->parts.push_back(std::move(condition));
    made->parts.push_back(std::move(otherwise));
    VITRINE_TRY(value, done(std::move(made)));
  }
  return value;
}

Result<ExpressionPtr> ExpressionParser::chain(ExpressionKind kind, std::string_view word, Parse part) {
  VITRINE_TRY(ExpressionPtr first, (this->*part)());
  const auto more = [&] { return kind == ExpressionKind::Concat ? is_operator(word) : is_name(word); };
  if (!more()) return first;
  auto made = make(kind);
  made->parts.push_back(std::move(first));
  while (more()) {
    advance();
    VITRINE_TRY(ExpressionPtr value, (this->*part)());
    made->parts.push_back(std::move(value));
  }
  return done(std::move(made));
}

Result<ExpressionPtr> ExpressionParser::binary(std::initializer_list<std::string_view> operators, Parse part) {
  VITRINE_TRY(ExpressionPtr left, (this->*part)());
  while (is(TokenKind::Operator) && std::find(operators.begin(), operators.end(), now().text) != operators.end()) {
    auto made = make(ExpressionKind::Binary);
    made->name = now().text;
    advance();
    VITRINE_TRY(ExpressionPtr right, (this->*part)());
    made->parts.push_back(std::move(left));
    made->parts.push_back(std::move(right));
    VITRINE_TRY(left, done(std::move(made)));
  }
  return left;
}

Result<ExpressionPtr> ExpressionParser::disjunction() { return chain(ExpressionKind::Or, "or", &ExpressionParser::conjunction); }
Result<ExpressionPtr> ExpressionParser::conjunction() { return chain(ExpressionKind::And, "and", &ExpressionParser::negation); }

Result<ExpressionPtr> ExpressionParser::negation() {
  if (!is_name("not")) return comparison();
  const Level deeper(level);
  VITRINE_CHECK(check_level());
  auto made = make(ExpressionKind::Not);
  advance();
  VITRINE_TRY(ExpressionPtr value, negation());
  made->parts.push_back(std::move(value));
  return done(std::move(made));
}

Result<ExpressionPtr> ExpressionParser::comparison() {
  VITRINE_TRY(ExpressionPtr first, sum());
  auto made = make(ExpressionKind::Compare);
  for (;;) {
    static constexpr std::string_view kOperators[] = {"==", "!=", "<", "<=", ">", ">="};
    std::string op;
    if (is(TokenKind::Operator) && std::find(std::begin(kOperators), std::end(kOperators), now().text) != std::end(kOperators)) op = now().text;
    else if (is_name("in")) op = "in";
    else if (is_name("not") && next().kind == TokenKind::Name && next().text == "in") op = "not in";
    else break;
    advance();
    if (op == "not in") advance();
    if (first) made->parts.push_back(std::move(first));
    made->operators.push_back(std::move(op));
    VITRINE_TRY(ExpressionPtr value, sum());
    made->parts.push_back(std::move(value));
  }
  if (first) return first;
  return done(std::move(made));
}

Result<ExpressionPtr> ExpressionParser::sum() { return binary({"+", "-"}, &ExpressionParser::joined); }
Result<ExpressionPtr> ExpressionParser::joined() { return chain(ExpressionKind::Concat, "~", &ExpressionParser::product); }
Result<ExpressionPtr> ExpressionParser::product() { return binary({"*", "/", "//", "%"}, &ExpressionParser::power); }
Result<ExpressionPtr> ExpressionParser::power() { return binary({"**"}, &ExpressionParser::signed_value); }
Result<ExpressionPtr> ExpressionParser::signed_value() { return signed_plain(true); }

Result<ExpressionPtr> ExpressionParser::signed_plain(bool filters) {
  const Level deeper(level);
  VITRINE_CHECK(check_level());
  ExpressionPtr value;
  if (is_operator("-") || is_operator("+")) {
    auto made = make(is_operator("-") ? ExpressionKind::Negate : ExpressionKind::Plus);
    advance();
    VITRINE_TRY(ExpressionPtr part, signed_plain(false));
    made->parts.push_back(std::move(part));
    VITRINE_TRY(value, done(std::move(made)));
  } else {
    VITRINE_TRY(value, primary());
  }
  VITRINE_TRY(value, behind(std::move(value)));
  return filters ? filters_behind(std::move(value)) : Result<ExpressionPtr>(std::move(value));
}

Result<ExpressionPtr> ExpressionParser::primary() {
  switch (now().kind) {
    case TokenKind::Name: return name_or_word();
    case TokenKind::Whole:
    case TokenKind::Float: return number();
    case TokenKind::Text: {
      auto made = make(ExpressionKind::Literal);
      std::string text;
      for (; is(TokenKind::Text); advance()) text += now().text;
      made->literal = text_value(std::move(text));
      return done(std::move(made));
    }
    default: break;
  }
  if (is_operator("[")) return list();
  if (is_operator("{")) return dict();
  if (is_operator("(")) return bracketed();
  return expected("a value");
}

Result<ExpressionPtr> ExpressionParser::name_or_word() {
  const std::string& word = now().text;
  auto made = make(ExpressionKind::Literal);
  if (word == "true" || word == "True") made->literal = {true};
  else if (word == "false" || word == "False") made->literal = {false};
  else if (word == "none" || word == "None") made->literal = {None{}};
  else {
    made->kind = ExpressionKind::Name;
    made->name = word;
  }
  advance();
  return done(std::move(made));
}

Result<ExpressionPtr> ExpressionParser::number() {
  auto made = make(ExpressionKind::Literal);
  const std::string& digits = now().text;
  const char* end = digits.data() + digits.size();
  if (is(TokenKind::Whole)) {
    std::int64_t value = 0;
    if (std::from_chars(digits.data(), end, value).ec != std::errc{}) return wrong("a number does not fit 64 bits", ErrorCode::Unsupported);
    made->literal = {value};
  } else {
    double value = 0;
    if (std::from_chars(digits.data(), end, value).ec != std::errc{}) return wrong("a number is outside of double", ErrorCode::Unsupported);
    made->literal = {value};
  }
  advance();
  return done(std::move(made));
}

Result<ExpressionPtr> ExpressionParser::list() {
  auto made = make(ExpressionKind::List);
  advance();
  while (!is_operator("]")) {
    VITRINE_TRY(ExpressionPtr part, one());
    made->parts.push_back(std::move(part));
    if (!take_operator(",") && !is_operator("]")) return expected("',' or ']'");
  }
  advance();
  return done(std::move(made));
}

Result<ExpressionPtr> ExpressionParser::dict() {
  auto made = make(ExpressionKind::Dict);
  advance();
  while (!is_operator("}")) {
    VITRINE_TRY(ExpressionPtr key, one());
    VITRINE_CHECK(expect_operator(":"));
    VITRINE_TRY(ExpressionPtr value, one());
    made->parts.push_back(std::move(key));
    made->parts.push_back(std::move(value));
    if (!take_operator(",") && !is_operator("}")) return expected("',' or '}'");
  }
  advance();
  return done(std::move(made));
}

Result<ExpressionPtr> ExpressionParser::bracketed() {
  advance();
  if (is_operator(")")) {
    auto made = make(ExpressionKind::Tuple);
    advance();
    return done(std::move(made));
  }
  VITRINE_TRY(ExpressionPtr value, any());
  VITRINE_CHECK(expect_operator(")"));
  return value;
}

Result<ExpressionPtr> ExpressionParser::behind(ExpressionPtr object) {
  for (;;) {
    if (is_operator(".")) {
      auto made = make(ExpressionKind::Attribute);
      advance();
      if (is(TokenKind::Whole)) {
        made->kind = ExpressionKind::Item;
        VITRINE_TRY(ExpressionPtr place, number());
        made->parts.push_back(std::move(object));
        made->parts.push_back(std::move(place));
      } else {
        VITRINE_TRY(made->name, expect_name());
        made->parts.push_back(std::move(object));
      }
      VITRINE_TRY(object, done(std::move(made)));
    } else if (is_operator("[")) {
      VITRINE_TRY(object, subscript(std::move(object)));
    } else if (is_operator("(")) {
      VITRINE_TRY(object, call(std::move(object)));
    } else {
      return object;
    }
  }
}

Result<ExpressionPtr> ExpressionParser::subscript(ExpressionPtr object) {
  auto made = make(ExpressionKind::Item);
  advance();
  made->parts.push_back(std::move(object));
  std::size_t colons = 0;
  ExpressionPtr bounds[3];
  while (!is_operator("]")) {
    if (take_operator(":")) {
      if (++colons > 2) return expected("']'");
      continue;
    }
    if (bounds[colons]) return expected("':' or ']'");
    VITRINE_TRY(bounds[colons], any());
  }
  if (colons == 0 && !bounds[0]) return expected("an index");
  advance();
  if (colons == 0) {
    made->parts.push_back(std::move(bounds[0]));
  } else {
    made->kind = ExpressionKind::Slice;
    for (ExpressionPtr& bound : bounds) made->parts.push_back(std::move(bound));
  }
  return done(std::move(made));
}

Result<ExpressionPtr> ExpressionParser::call(ExpressionPtr object) {
  auto made = make(ExpressionKind::Call);
  made->parts.push_back(std::move(object));
  VITRINE_CHECK(arguments(*made));
  return done(std::move(made));
}

Status ExpressionParser::arguments(Expression& call) {
  VITRINE_CHECK(expect_operator("("));
  while (!is_operator(")")) {
    if (is_operator("*") || is_operator("**")) return wrong("arguments are unpacked with '*', which the interpreter does not do", ErrorCode::Unsupported);
    if (is(TokenKind::Name) && next().kind == TokenKind::Operator && next().text == "=") {
      std::string name = now().text;
      advance();
      advance();
      VITRINE_TRY(ExpressionPtr value, one());
      call.named.emplace_back(std::move(name), std::move(value));
    } else {
      if (!call.named.empty()) return wrong("an argument without a name follows one with a name");
      VITRINE_TRY(ExpressionPtr value, one());
      call.parts.push_back(std::move(value));
    }
    if (!take_operator(",") && !is_operator(")")) return expected("',' or ')'");
  }
  advance();
  return {};
}

Result<ExpressionPtr> ExpressionParser::filters_behind(ExpressionPtr object) {
  for (;;) {
    if (is_operator("|")) {
      auto made = make(ExpressionKind::Filter);
      advance();
      VITRINE_TRY(made->name, expect_name());
      if (!known_filter(made->name)) return fail_file(ErrorCode::Unsupported, {}, fmt::format("the filter '{}' is not one that the interpreter knows", printable(made->name)), made->at);
      made->parts.push_back(std::move(object));
      if (is_operator("(")) VITRINE_CHECK(arguments(*made));
      VITRINE_TRY(object, done(std::move(made)));
    } else if (is_name("is")) {
      VITRINE_TRY(object, test_behind(std::move(object)));
    } else if (is_operator("(")) {
      VITRINE_TRY(object, call(std::move(object)));
    } else {
      return object;
    }
  }
}

Result<ExpressionPtr> ExpressionParser::test_behind(ExpressionPtr object) {
  auto made = make(ExpressionKind::Test);
  advance();
  std::unique_ptr<Expression> negated;
  if (is_name("not")) {
    negated = make(ExpressionKind::Not);
    advance();
  }
  VITRINE_TRY(made->name, expect_name());
  if (!known_test(made->name)) return fail_file(ErrorCode::Unsupported, {}, fmt::format("the test 'is {}' is not one that the interpreter knows", printable(made->name)), made->at);
  made->parts.push_back(std::move(object));
  const bool word = is(TokenKind::Name) && !is_name("else") && !is_name("or") && !is_name("and") && !is_name("if") && !is_name("is") && !is_name("in") && !is_name("not");
  const bool value = is(TokenKind::Text) || is(TokenKind::Whole) || is(TokenKind::Float) || is_operator("[") || is_operator("{");
  if (is_operator("(")) {
    VITRINE_CHECK(arguments(*made));
  } else if (word || value) {
    VITRINE_TRY(ExpressionPtr argument, primary());
    VITRINE_TRY(argument, behind(std::move(argument)));
    made->parts.push_back(std::move(argument));
  }
  VITRINE_TRY(ExpressionPtr test, done(std::move(made)));
  if (!negated) return test;
  negated->parts.push_back(std::move(test));
  return done(std::move(negated));
}

}  // namespace vitrine::engine::text::chat
