#include <fmt/format.h>

#include "engine/core/memory.h"
#include "engine/text/fields.h"
#include "engine/text/pipeline.h"

namespace vitrine::engine {
namespace {

using text::brief;
using text::Fields;

constexpr std::int64_t kMaxLength = 1'000'000'000;

const nlohmann::json& part(const nlohmann::json& file, const char* key) {
  static const nlohmann::json kNull;
  const auto it = file.find(key);
  return it == file.end() ? kNull : *it;
}

Status check_version(const nlohmann::json& file) {
  const auto& v = part(file, "version");
  if (v.is_null() || v == "1.0") return {};
  return fail(ErrorCode::Unsupported,
              "expected version \"1.0\" of the tokenizer file, came " + brief(v));
}

/// The stored truncation is never applied, but a file that contradicts itself is not trusted.
Status check_truncation(const nlohmann::json& config) {
  if (config.is_null()) return {};
  const Fields f(config, "truncation");
  VITRINE_CHECK(f.require_object());
  VITRINE_TRY(const std::int64_t length, f.whole_or("max_length", 512, 0, INT64_MAX));
  VITRINE_TRY(const std::int64_t stride, f.whole_or("stride", 0, 0, INT64_MAX));
  if (stride > 0 && stride >= length)
    return fail(
        ErrorCode::FileFormat,
        fmt::format("truncation: the stride {} is not smaller than max_length {}", stride, length));
  return {};
}

Result<std::int64_t> padding_id(const nlohmann::json& config, std::int64_t ids) {
  if (config.is_null()) return -1;
  const Fields f(config, "padding");
  VITRINE_CHECK(f.require_object());
  if (const auto* strategy = f.find("strategy"); strategy != nullptr && strategy->is_object()) {
    const Fields fixed(*strategy, "padding strategy");
    VITRINE_TRY([[maybe_unused]] const std::int64_t n, fixed.whole_or("Fixed", 0, 0, kMaxLength));
  }
  VITRINE_TRY([[maybe_unused]] const std::int64_t multiple,
              f.whole_or("pad_to_multiple_of", 1, 1, kMaxLength));
  return f.whole_or("pad_id", -1, 0, ids - 1);
}

/// The spelling of a special token in tokenizer_config.json: a text, or an object with its content.
std::string special_in(const nlohmann::json& config, const char* key) {
  if (!config.is_object()) return {};
  const auto& v = part(config, key);
  if (v.is_string()) return v.get<std::string>();
  if (v.is_object() && v.contains("content") && v["content"].is_string())
    return v["content"].get<std::string>();
  return {};
}

std::int64_t special_id(const text::Stages& s, const nlohmann::json& config, const char* key,
                        std::initializer_list<const char*> usual) {
  const auto id_of = [&s](const std::string& token) {
    const std::int64_t added = s.added.id_of(token);
    return added >= 0 ? added : s.model->vocabulary().id_of(token);
  };
  const std::string stated = special_in(config, key);
  if (!stated.empty()) return id_of(stated);
  if (config.is_object()) return -1;
  for (const char* token : usual)
    if (const std::int64_t id = id_of(token); id >= 0) return id;
  return -1;
}

std::int64_t length_in(const nlohmann::json& config) {
  if (!config.is_object()) return 0;
  std::int64_t n = 0;
  return text::whole_within(part(config, "model_max_length"), 1, kMaxLength, n) ? n : 0;
}

Result<std::shared_ptr<const Tokenizer>> build(const nlohmann::json& file,
                                               const nlohmann::json& config) {
  if (!file.is_object())
    return fail(ErrorCode::FileFormat,
                "expected the tokenizer file to be a JSON object, came " + brief(file));
  VITRINE_CHECK(check_version(file));
  const auto& model = part(file, "model");
  if (model.is_null()) return fail(ErrorCode::FileFormat, "the tokenizer file has no model");
  text::Stages s;
  VITRINE_TRY(s.model, text::model_from_json(model, s.warnings));
  VITRINE_TRY(s.normalizer, text::Normalizer::from_json(part(file, "normalizer")));
  VITRINE_TRY(s.added,
              text::AddedTokens::from_json(part(file, "added_tokens"), s.model->vocabulary(),
                                           s.normalizer, s.warnings));
  VITRINE_TRY(s.pre, text::PreTokenizer::from_json(part(file, "pre_tokenizer")));
  const std::int64_t ids = std::max(s.model->vocabulary().size(), s.added.largest_id() + 1);
  VITRINE_TRY(s.post, text::PostProcessor::from_json(part(file, "post_processor"), ids));
  VITRINE_TRY(s.decoder, text::Decoder::from_json(part(file, "decoder"), s.model->word_end()));
  VITRINE_CHECK(check_truncation(part(file, "truncation")));
  VITRINE_TRY(const std::int64_t stored_pad, padding_id(part(file, "padding"), ids));
  s.pad = special_id(s, config, "pad_token", {"[PAD]", "<pad>"});
  if (s.pad < 0) s.pad = stored_pad;
  s.eos = special_id(s, config, "eos_token", {"</s>", "<|endoftext|>", "<|eot_id|>", "<eos>"});
  s.max_length = length_in(config);
  return std::make_shared<const text::PipelineTokenizer>(std::move(s));
}

}  // namespace

Result<std::shared_ptr<const Tokenizer>> tokenizer_from_json(const nlohmann::json& tokenizer,
                                                             const nlohmann::json& config,
                                                             const std::string& file_name) {
  auto result = within_memory(file_name, [&] { return build(tokenizer, config); });
  if (!result && result.error().file.empty()) result.error().file = file_name;
  return result;
}

}  // namespace vitrine::engine
