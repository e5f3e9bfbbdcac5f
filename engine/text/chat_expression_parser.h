#pragma once

#include <vector>

#include "engine/text/chat_syntax.h"

namespace vitrine::engine::text::chat {

/// Reads expressions from lexemes; the parser of statements stands on it.
/// @error FileFormat, Unsupported, FileLimit with a byte of the template
class ExpressionParser {
 public:
  explicit ExpressionParser(const std::vector<Lexeme>& lexemes) : lexemes_(lexemes) {}

  [[nodiscard]] const Lexeme& now() const { return lexemes_[at_]; }
  [[nodiscard]] const Lexeme& next() const { return lexemes_[std::min(at_ + 1, lexemes_.size() - 1)]; }
  void advance() { if (at_ + 1 < lexemes_.size()) ++at_; }
  [[nodiscard]] bool is(TokenKind kind) const { return now().kind == kind; }
  [[nodiscard]] bool is_operator(std::string_view text) const { return is(TokenKind::Operator) && now().text == text; }
  [[nodiscard]] bool is_name(std::string_view text) const { return is(TokenKind::Name) && now().text == text; }
  bool take_operator(std::string_view text);
  bool take_name(std::string_view text);
  [[nodiscard]] Status expect_operator(std::string_view text);
  [[nodiscard]] Result<std::string> expect_name();
  [[nodiscard]] tl::unexpected<Error> wrong(const std::string& message, ErrorCode code = ErrorCode::FileFormat) const;
  [[nodiscard]] tl::unexpected<Error> expected(const std::string& what) const;

  /// Everything, also `a, b` without brackets.
  [[nodiscard]] Result<ExpressionPtr> any();
  /// One value, with `x if y else z` where `conditional`.
  [[nodiscard]] Result<ExpressionPtr> one(bool conditional = true);

  /// One level deeper while it lives.
  class Level {
   public:
    explicit Level(int& level) : level_(level) { ++level_; }
    ~Level() { --level_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;

   private:
    int& level_;
  };
  int level = 0;
  [[nodiscard]] Status check_level() const;

 private:
  using Parse = Result<ExpressionPtr> (ExpressionParser::*)();
  [[nodiscard]] std::unique_ptr<Expression> make(ExpressionKind kind) const;
  [[nodiscard]] Result<ExpressionPtr> done(std::unique_ptr<Expression> made) const;
  Result<ExpressionPtr> chain(ExpressionKind kind, std::string_view word, Parse part);
  Result<ExpressionPtr> binary(std::initializer_list<std::string_view> operators, Parse part);
  Result<ExpressionPtr> disjunction();
  Result<ExpressionPtr> conjunction();
  Result<ExpressionPtr> negation();
  Result<ExpressionPtr> comparison();
  Result<ExpressionPtr> sum();
  Result<ExpressionPtr> joined();
  Result<ExpressionPtr> product();
  Result<ExpressionPtr> power();
  Result<ExpressionPtr> signed_value();
  Result<ExpressionPtr> signed_plain(bool filters);
  Result<ExpressionPtr> primary();
  Result<ExpressionPtr> name_or_word();
  Result<ExpressionPtr> number();
  Result<ExpressionPtr> list();
  Result<ExpressionPtr> dict();
  Result<ExpressionPtr> bracketed();
  Result<ExpressionPtr> behind(ExpressionPtr object);
  Result<ExpressionPtr> subscript(ExpressionPtr object);
  Result<ExpressionPtr> call(ExpressionPtr object);
  Result<ExpressionPtr> filters_behind(ExpressionPtr object);
  Result<ExpressionPtr> test_behind(ExpressionPtr object);
  Status arguments(Expression& call);

  const std::vector<Lexeme>& lexemes_;
  std::size_t at_ = 0;
};

}  // namespace vitrine::engine::text::chat
