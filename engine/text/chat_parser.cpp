#include <algorithm>

#include <fmt/format.h>

#include "engine/io/bytes.h"
#include "engine/text/chat_expression_parser.h"

namespace vitrine::engine::text::chat {
namespace {

using Words = std::initializer_list<std::string_view>;

/// Statements: everything between `{%` and `%}`, and what lies between two of them.
class Parser {
 public:
  explicit Parser(const std::vector<Lexeme>& lexemes) : in_(lexemes) {}

  Result<Body> run() {
    VITRINE_TRY(Body body, body_until({}));
    return body;
  }

 private:
  [[nodiscard]] bool ends(Words words) const {
    return in_.is(TokenKind::BlockBegin) && in_.next().kind == TokenKind::Name &&
           std::find(words.begin(), words.end(), in_.next().text) != words.end();
  }

  /// Up to the block that begins with one of `words` (none: the end); the block itself is left.
  Result<Body> body_until(Words words) {
    const ExpressionParser::Level deeper(in_.level);
    VITRINE_CHECK(in_.check_level());
    Body body;
    while (!in_.is(TokenKind::End)) {
      if (ends(words)) return body;
      VITRINE_TRY(Statement statement, this->statement());
      body.push_back(std::move(statement));
    }
    if (words.size() > 0) return in_.expected(fmt::format("'{}'", *(words.end() - 1)));
    return body;
  }

  Result<Statement> statement() {
    Statement made;
    made.at = in_.now().at;
    if (in_.is(TokenKind::Data)) {
      made.text = in_.now().text;
      in_.advance();
      return made;
    }
    if (in_.is(TokenKind::OutputBegin)) {
      made.kind = StatementKind::Output;
      in_.advance();
      VITRINE_TRY(made.value, in_.any());
      if (!in_.is(TokenKind::OutputEnd)) return in_.expected("'}}'");
      in_.advance();
      return made;
    }
    in_.advance();
    const Lexeme word = in_.now();
    VITRINE_TRY(const std::string name, in_.expect_name());
    VITRINE_CHECK(block(name, word, made));
    return made;
  }

  Status block(const std::string& name, const Lexeme& word, Statement& made) {
    if (name == "if") return if_block(made);
    if (name == "for") return for_block(made);
    if (name == "set") return set_block(made);
    if (name == "macro") return macro_block(made);
    if (name == "with") return with_block(made);
    if (name == "generation") {
      made.kind = StatementKind::Plain;
      return rest_of(made, {"endgeneration"});
    }
    if ((name == "break" || name == "continue") && loops_ > 0) {
      made.kind = name == "break" ? StatementKind::Break : StatementKind::Continue;
      return end_of_block();
    }
    static constexpr std::string_view kOthers[] = {"include", "import", "from", "extends", "block", "call", "filter", "do", "autoescape", "trans", "debug"};
    const bool known = std::find(std::begin(kOthers), std::end(kOthers), name) != std::end(kOthers);
    return fail_file(known ? ErrorCode::Unsupported : ErrorCode::FileFormat, {},
                     fmt::format("the block '{}' is not one that {}", printable(name, 40), known ? "the interpreter knows" : "there is here"), word.at);
  }

  Status end_of_block() {
    if (!in_.is(TokenKind::BlockEnd)) return in_.expected("'%}'");
    in_.advance();
    return {};
  }

  /// The body, its end word and what closes it.
  Status rest_of(Statement& made, Words words) {
    VITRINE_CHECK(end_of_block());
    VITRINE_TRY(made.body, body_until(words));
    in_.advance();
    in_.advance();
    return end_of_block();
  }

  Status if_block(Statement& made) {
    made.kind = StatementKind::If;
    for (;;) {
      VITRINE_TRY(ExpressionPtr condition, in_.any());
      VITRINE_CHECK(end_of_block());
      VITRINE_TRY(Body body, body_until({"elif", "else", "endif"}));
      made.branches.emplace_back(std::move(condition), std::move(body));
      in_.advance();
      const std::string word = in_.now().text;
      in_.advance();
      if (word == "endif") return end_of_block();
      if (word == "elif") continue;
      VITRINE_CHECK(end_of_block());
      VITRINE_TRY(Body otherwise, body_until({"endif"}));
      made.branches.emplace_back(nullptr, std::move(otherwise));
      in_.advance();
      in_.advance();
      return end_of_block();
    }
  }

  /// Names of one target or of several, `with_dots` also `namespace.name`.
  Status targets(std::vector<std::string>& names, bool with_dots) {
    const bool bracket = in_.take_operator("(");
    do {
      if (!names.empty() && !in_.is(TokenKind::Name)) break;
      VITRINE_TRY(std::string name, in_.expect_name());
      static constexpr std::string_view kWords[] = {"true", "false", "none", "True", "False", "None", "loop"};
      if (std::find(std::begin(kWords), std::end(kWords), name) != std::end(kWords))
        return in_.wrong(fmt::format("'{}' cannot be set", name));
      if (with_dots && names.empty() && in_.take_operator(".")) {
        VITRINE_TRY(const std::string attribute, in_.expect_name());
        name += "." + attribute;
      }
      names.push_back(std::move(name));
    } while (in_.take_operator(","));
    return bracket ? in_.expect_operator(")") : Status{};
  }

  Status for_block(Statement& made) {
    made.kind = StatementKind::For;
    VITRINE_CHECK(targets(made.targets, false));
    if (!in_.take_name("in")) return in_.expected("'in'");
    VITRINE_TRY(made.value, in_.one(false));
    if (in_.take_name("if")) {
      VITRINE_TRY(made.condition, in_.one());
    }
    if (in_.is_name("recursive")) return in_.wrong("a loop is recursive, which the interpreter does not do", ErrorCode::Unsupported);
    VITRINE_CHECK(end_of_block());
    ++loops_;
    auto body = body_until({"else", "endfor"});
    --loops_;
    if (!body) return tl::unexpected(std::move(body.error()));
    made.body = std::move(*body);
    in_.advance();
    const bool otherwise = in_.now().text == "else";
    in_.advance();
    if (!otherwise) return end_of_block();
    VITRINE_CHECK(end_of_block());
    VITRINE_TRY(made.otherwise, body_until({"endfor"}));
    in_.advance();
    in_.advance();
    return end_of_block();
  }

  Status set_block(Statement& made) {
    VITRINE_CHECK(targets(made.targets, true));
    if (in_.take_operator("=")) {
      made.kind = StatementKind::Set;
      VITRINE_TRY(made.value, in_.any());
      return end_of_block();
    }
    if (in_.is_operator("|")) return in_.wrong("a filter is on a 'set' block, which the interpreter does not do", ErrorCode::Unsupported);
    made.kind = StatementKind::SetBlock;
    return apart(made, {"endset"});
  }

  Status macro_block(Statement& made) {
    made.kind = StatementKind::Macro;
    VITRINE_TRY(made.text, in_.expect_name());
    VITRINE_CHECK(in_.expect_operator("("));
    while (!in_.is_operator(")")) {
      Parameter parameter;
      VITRINE_TRY(parameter.name, in_.expect_name());
      if (in_.take_operator("=")) {
        VITRINE_TRY(parameter.otherwise, in_.one());
      } else if (!made.parameters.empty() && made.parameters.back().otherwise) {
        return in_.wrong("a parameter without a value follows one with a value");
      }
      made.parameters.push_back(std::move(parameter));
      if (!in_.take_operator(",") && !in_.is_operator(")")) return in_.expected("',' or ')'");
    }
    in_.advance();
    return apart(made, {"endmacro"});
  }

  /// A body that the loops around it do not reach into.
  Status apart(Statement& made, Words words) {
    const int outer = std::exchange(loops_, 0);
    const Status rest = rest_of(made, words);
    loops_ = outer;
    return rest;
  }

  Status with_block(Statement& made) {
    made.kind = StatementKind::With;
    while (!in_.is(TokenKind::BlockEnd)) {
      Parameter parameter;
      VITRINE_TRY(parameter.name, in_.expect_name());
      VITRINE_CHECK(in_.expect_operator("="));
      VITRINE_TRY(parameter.otherwise, in_.one());
      made.parameters.push_back(std::move(parameter));
      if (!in_.take_operator(",") && !in_.is(TokenKind::BlockEnd)) return in_.expected("',' or '%}'");
    }
    return rest_of(made, {"endwith"});
  }

  ExpressionParser in_;
  int loops_ = 0;
};

}  // namespace

Result<Body> parse_template(const std::vector<Lexeme>& lexemes) { return Parser(lexemes).run(); }

}  // namespace vitrine::engine::text::chat
