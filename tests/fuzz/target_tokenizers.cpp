#include "engine/io/gguf.h"
#include "engine/io/json.h"
#include "engine/io/bytes.h"
#include "engine/text/charsmap.h"
#include "engine/text/chat_template.h"
#include "engine/text/pattern.h"
#include "engine/text/tokenizer.h"
#include "engine/text/tokenizer_files.h"
#include "tests/fuzz/target.h"

using namespace vitrine;
using namespace vitrine::fuzz;

namespace {

constexpr std::string_view kText = "It's a na\xC3\xAFve  test,\n\t 1234 \xE6\x97\xA5\xE6\x9C\xAC!";

const nlohmann::ordered_json& chat() {
  static const nlohmann::ordered_json variables = {
      {"messages", {{{"role", "system"}, {"content", "Be brief."}}, {{"role", "user"}, {"content", " na\xC3\xAFve? "}},
                    {{"role", "assistant"}, {"content", ""}, {"tool_calls", {{{"function", {{"name", "f"}, {"arguments", {{"x", 1.5}}}}}}}}}}},
      {"tools", {{{"function", {{"name", "f"}, {"strict", true}, {"parameters", nullptr}}}}}}, {"bos_token", "<s>"}, {"eos_token", "</s>"},
      {"add_generation_prompt", true}};
  return variables;
}

}  // namespace

VITRINE_FUZZ_TARGET(chat_template) {
  const auto parsed = engine::ChatTemplate::parse(as_text(bytes));
  if (!parsed) return check_error(parsed.error(), bytes.size());
  engine::ChatLimits limits;
  limits.steps = 3000;
  limits.work_bytes = std::size_t{1} << 20;
  limits.output_bytes = std::size_t{1} << 16;
  const auto text = parsed->render(chat(), "2024-02-29", limits);
  if (!text) return check_error(text.error(), bytes.size());
  require(text->size() <= limits.output_bytes, "more text than was allowed");
  require(engine::is_utf8(*text), "text that is not UTF-8 out of text that is");
  require(*parsed->render(chat(), "2024-02-29", limits) == *text, "the same messages gave another text");
}

VITRINE_FUZZ_TARGET(tokenizer_json) {
  const auto json = engine::parse_json(as_text(bytes), "tokenizer.json");
  if (!json) return check_error(json.error(), bytes.size());
  check_opened_tokenizer(engine::tokenizer_from_json(*json, nlohmann::json(), "tokenizer.json"), bytes.size());
}

VITRINE_FUZZ_TARGET(sentencepiece) {
  check_opened_tokenizer(engine::tokenizer_from_model_file(*file_of(bytes, "a.model"), nlohmann::json()), bytes.size());
}

VITRINE_FUZZ_TARGET(vocab_txt) {
  check_opened_tokenizer(engine::tokenizer_from_vocab_txt(*file_of(bytes, "vocab.txt"), nlohmann::json()), bytes.size());
}

VITRINE_FUZZ_TARGET(merges) {
  // vocab.json, a NUL, merges.txt
  const std::size_t cut = std::min(as_text(bytes).find('\0'), bytes.size());
  const auto merges = file_of(bytes.subspan(std::min(cut + 1, bytes.size())), "merges.txt");
  check_opened_tokenizer(engine::tokenizer_from_merges(*file_of(bytes.first(cut), "vocab.json"), *merges, nlohmann::json()),
                         bytes.size());
}

VITRINE_FUZZ_TARGET(gguf_tokenizer) {
  const auto opened = engine::read_gguf(file_of(bytes, "a.gguf"));
  if (opened) check_opened_tokenizer(engine::tokenizer_from_gguf(opened->metadata(), "a.gguf"), bytes.size());
}

VITRINE_FUZZ_TARGET(charsmap) {
  const auto map = engine::text::Charsmap::from_bytes(as_text(bytes));
  if (!map) return check_error(map.error(), bytes.size());
  const auto text = engine::text::MappedText::of(kText);
  const auto out = map->apply(text);
  require(out.text.size() == out.spans.size(), "a byte without a place in the text");
  for (const auto& span : out.spans) require(span.begin <= span.end && span.end <= kText.size(), "a span outside of the text");
}

VITRINE_FUZZ_TARGET(pattern) {
  const auto pattern = engine::text::Pattern::regex(as_text(bytes), "pattern");
  if (!pattern) return check_error(pattern.error(), bytes.size());
  std::size_t at = 0;
  for (const auto& match : pattern->find(kText)) {
    require(match.begin == at && match.end > match.begin, "matches leave a gap or overlap");
    at = match.end;
  }
  require(at == kText.size(), "matches do not cover the text");
}
