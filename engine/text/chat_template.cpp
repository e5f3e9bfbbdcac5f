#include "engine/text/chat_template.h"

#include <fmt/format.h>

#include "engine/core/memory.h"
#include "engine/io/bytes.h"
#include "engine/text/chat_evaluator.h"
#include "engine/text/chat_lexer.h"

namespace vitrine::engine {

struct ChatTemplate::Program {
  text::chat::Body body;
};

namespace {

/// The byte is one of the template, which lies inside of another file.
Error placed(Error error) {
  if (error.offset) error.message += fmt::format(", at byte {} of the template", *error.offset);
  error.offset.reset();
  return error;
}

}  // namespace

Result<ChatTemplate> ChatTemplate::parse(std::string_view source) {
  if (source.size() > kMaxBytes)
    return fail(ErrorCode::FileLimit, fmt::format("the template has {} bytes, the limit is {}", source.size(), kMaxBytes));
  if (const auto bad = first_bad_utf8(source))
    return fail(ErrorCode::FileFormat, fmt::format("expected UTF-8 text, at byte {} of the template", *bad));
  return within_memory("", [&]() -> Result<ChatTemplate> {
    auto lexemes = text::chat::lexemes_of(source);
    if (!lexemes) return fail(placed(std::move(lexemes.error())));
    auto body = text::chat::parse_template(*lexemes);
    if (!body) return fail(placed(std::move(body.error())));
    ChatTemplate made;
    made.program_ = std::make_shared<const Program>(Program{std::move(*body)});
    return made;
  });
}

Result<std::string> ChatTemplate::render(const nlohmann::ordered_json& variables, const std::string& date,
                                         const ChatLimits& limits) const {
  return within_memory("", [&]() -> Result<std::string> {
    text::chat::Evaluator evaluator(limits, date);
    auto text = evaluator.run(program_->body, variables);
    if (!text) return fail(placed(std::move(text.error())));
    return text;
  });
}

}  // namespace vitrine::engine
