#include <array>

#include <fmt/format.h>

#include "engine/io/bytes.h"
#include "engine/io/json.h"
#include "engine/io/mapped_file.h"
#include "engine/text/chat_template.h"

namespace vitrine::engine {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::size_t kMaxTemplates = 32;
constexpr std::array kTokens = {"bos_token", "eos_token", "unk_token", "pad_token", "sep_token", "cls_token", "mask_token"};

bool is_file_at(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

const json& part(const json& object, const std::string& key) {
  static const json kNull;
  const auto found = object.is_object() ? object.find(key) : object.end();
  return object.is_object() && found != object.end() ? *found : kNull;
}

nlohmann::ordered_json chat_variables(const std::vector<ChatMessage>& messages, bool add_generation_prompt,
                                      const std::map<std::string, std::string>& tokens) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const auto& [role, content] : messages) list.push_back({{"role", role}, {"content", content}});
  nlohmann::ordered_json variables = {{"messages", list}, {"tools", nullptr}, {"documents", nullptr}, {"add_generation_prompt", add_generation_prompt}};
  for (const auto& [name, spelling] : tokens) variables[name] = spelling;
  return variables;
}

/// What keeps a template from being used: it cannot be read, or does not know a single message.
std::string problem_of(const std::string& source, const std::map<std::string, std::string>& tokens) {
  const auto parsed = ChatTemplate::parse(source);
  if (!parsed) return parsed.error().message;
  const auto tried = parsed->render(chat_variables({{"user", "Hello"}}, true, tokens));
  const bool refuses = !tried && tried.error().code == ErrorCode::InvalidInput;   // it may want more than one message
  return tried || refuses ? "" : tried.error().message;
}

Status add(ChatTemplates& to, std::string name, const json& source, const std::string& file) {
  if (!source.is_string()) return fail_file(ErrorCode::FileFormat, file, fmt::format("expected a chat template to be a text, came {}", source.type_name()));
  for (const NamedChatTemplate& known : to.templates)
    if (known.name == name) return {};
  if (to.templates.size() == kMaxTemplates)
    return fail_file(ErrorCode::FileLimit, file, fmt::format("has more than {} chat templates", kMaxTemplates));
  const auto text = source.get<std::string>();
  if (text.size() > 8 * ChatTemplate::kMaxBytes || name.size() > 1000)
    return fail_file(ErrorCode::FileLimit, file, fmt::format("a chat template has {} bytes, the limit is {}", text.size(), ChatTemplate::kMaxBytes));
  to.templates.push_back({std::move(name), text, {}});
  return {};
}

/// One text, or a list of `{"name", "template"}`.
Status add_all(ChatTemplates& to, const json& stated, const std::string& file) {
  if (stated.is_null()) return {};
  if (!stated.is_array()) return add(to, "default", stated, file);
  for (const json& row : stated) {
    const json& name = part(row, "name");
    if (!name.is_string()) return fail_file(ErrorCode::FileFormat, file, "expected each chat template of a list to have a name");
    VITRINE_CHECK(add(to, name.get<std::string>(), part(row, "template"), file));
  }
  return {};
}

void add_tokens(ChatTemplates& to, const json& config) {
  for (const char* key : kTokens) {
    const json& token = part(config, key);
    const json& spelling = token.is_object() ? part(token, "content") : token;
    if (spelling.is_string() && spelling.get_ref<const std::string&>().size() < 1000) to.tokens.emplace(key, spelling.get<std::string>());
  }
}

/// The default one first; what each lacks.
ChatTemplates finished(ChatTemplates made) {
  for (std::size_t i = 1; i < made.templates.size(); ++i)
    if (made.templates[i].name == "default") std::swap(made.templates[0], made.templates[i]);
  for (NamedChatTemplate& each : made.templates) each.problem = problem_of(each.source, made.tokens);
  return made;
}

}  // namespace

Result<ChatTemplates> open_chat_templates(const fs::path& folder) {
  ChatTemplates made;
  if (const fs::path own = folder / "chat_template.jinja"; is_file_at(own)) {
    VITRINE_TRY(const auto file, MappedFile::open(own));
    if (file->size() > 8 * ChatTemplate::kMaxBytes)
      return fail_file(ErrorCode::FileLimit, own.string(), fmt::format("has {} bytes, the limit is {}", file->size(), ChatTemplate::kMaxBytes));
    VITRINE_CHECK(add(made, "default", repaired_utf8(as_text(file->bytes())), own.string()));
  }
  if (const fs::path own = folder / "chat_template.json"; is_file_at(own)) {
    VITRINE_TRY(const json object, read_json_file(own));
    VITRINE_CHECK(add_all(made, part(object, "chat_template"), own.string()));
  }
  if (const fs::path config = folder / "tokenizer_config.json"; is_file_at(config)) {
    VITRINE_TRY(const json object, read_json_file(config));
    VITRINE_CHECK(add_all(made, part(object, "chat_template"), config.string()));
    add_tokens(made, object);
  }
  if (const fs::path map = folder / "special_tokens_map.json"; !made.templates.empty() && is_file_at(map)) {
    VITRINE_TRY(const json object, read_json_file(map));
    add_tokens(made, object);
  }
  return finished(std::move(made));
}

Result<ChatTemplates> chat_templates_from_gguf(const json& metadata) {
  ChatTemplates made;
  if (const json& own = part(metadata, "tokenizer.chat_template"); !own.is_null()) VITRINE_CHECK(add_all(made, own, ""));
  constexpr std::string_view prefix = "tokenizer.chat_template.";
  for (const auto& [key, value] : metadata.items())
    if (key.starts_with(prefix) && value.is_string()) VITRINE_CHECK(add(made, key.substr(prefix.size()), value, ""));
  const json& tokens = part(metadata, "tokenizer.ggml.tokens");
  for (const auto& [key, name] : {std::pair{"tokenizer.ggml.bos_token_id", "bos_token"}, {"tokenizer.ggml.eos_token_id", "eos_token"},
                                  {"tokenizer.ggml.padding_token_id", "pad_token"}, {"tokenizer.ggml.unknown_token_id", "unk_token"}}) {
    const json& id = part(metadata, key);
    if (id.is_number_unsigned() && tokens.is_array() && id < tokens.size() && tokens[id.get<std::size_t>()].is_string())
      made.tokens[name] = tokens[id.get<std::size_t>()].get<std::string>();
  }
  return finished(std::move(made));
}

Result<ChatTemplates> chat_templates_from_json(const json& value) {
  ChatTemplates made;
  VITRINE_CHECK(add_all(made, part(value, "templates"), ""));
  add_tokens(made, part(value, "tokens"));
  return finished(std::move(made));
}

json to_json(const ChatTemplates& templates) {
  json list = json::array();
  for (const NamedChatTemplate& each : templates.templates) list.push_back({{"name", each.name}, {"template", each.source}});
  return {{"templates", list}, {"tokens", templates.tokens}};
}

Result<std::string> ChatTemplates::render(const std::vector<ChatMessage>& messages, bool add_generation_prompt,
                                          const std::string& name, const std::string& date) const {
  const NamedChatTemplate* found = nullptr;
  for (const NamedChatTemplate& each : templates)
    if (each.name == (name.empty() ? "default" : name)) found = &each;
  if (found == nullptr && name.empty() && templates.size() == 1) found = &templates.front();
  if (found == nullptr) {
    std::string names;
    for (const NamedChatTemplate& each : templates) names += (names.empty() ? "" : ", ") + printable(each.name, 40);
    return fail(ErrorCode::InvalidInput, templates.empty() ? "the model's files hold no chat template"
                                                           : fmt::format("expected one of the chat templates {}, came '{}'", names, printable(name, 40)));
  }
  VITRINE_TRY(const ChatTemplate parsed, ChatTemplate::parse(found->source));
  return parsed.render(chat_variables(messages, add_generation_prompt, tokens), date);
}

}  // namespace vitrine::engine
