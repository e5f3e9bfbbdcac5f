#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "engine/core/error.h"

namespace vitrine::engine {

/// What rendering one chat may cost. Whatever goes beyond is refused in a sentence.
struct ChatLimits {
  std::int64_t steps = 1'000'000;                       ///< statements and parts of expressions
  std::size_t output_bytes = std::size_t{16} << 20;     ///< of the text that comes out
  std::size_t work_bytes = std::size_t{256} << 20;      ///< of texts and lists made or searched, all together
  int depth = 200;                                      ///< of expressions, macros and loops inside each other
};

struct ChatMessage {
  std::string role, content;
};

/// A chat template: the subset of Jinja that published templates use, run by a bounded interpreter
/// that reaches the variables given to it and nothing else. Immutable, thread safe.
///
/// Blocks lose the newline behind them and the spaces before them on their line (trim_blocks,
/// lstrip_blocks), as the library that the templates were written for sets it. Lists and objects
/// cannot be changed, only a `namespace`.
class ChatTemplate {
 public:
  static constexpr std::size_t kMaxBytes = std::size_t{1} << 19;

  /// @error FileFormat or Unsupported (a construct outside of the subset), FileLimit; each names the
  ///        byte of the template
  [[nodiscard]] static Result<ChatTemplate> parse(std::string_view source);

  /// @param variables an object: messages, add_generation_prompt, bos_token, tools, ...
  /// @param date      YYYY-MM-DD; without it `strftime_now` is not defined
  /// @error InvalidInput (the template refuses the messages, or a value is of the wrong type),
  ///        Unsupported, DoesNotFit; each names the byte of the template
  [[nodiscard]] Result<std::string> render(const nlohmann::ordered_json& variables,
                                           const std::string& date = {},
                                           const ChatLimits& limits = {}) const;

 private:
  struct Program;
  std::shared_ptr<const Program> program_;
};

/// One template of a model and what keeps it from being used.
struct NamedChatTemplate {
  std::string name;      ///< "default", "tool_use", ...
  std::string source;
  std::string problem;   ///< one sentence if it can only be shown as text
};

/// The templates that a model's files hold, and the tokens that they name.
struct ChatTemplates {
  std::vector<NamedChatTemplate> templates;      ///< the default one first
  std::map<std::string, std::string> tokens;     ///< "bos_token", "eos_token", ... and their spelling

  /// @param name empty: "default", or the only one
  /// @error InvalidInput if there is none of that name; Unsupported with its problem
  [[nodiscard]] Result<std::string> render(const std::vector<ChatMessage>& messages, bool add_generation_prompt,
                                           const std::string& name = {}, const std::string& date = {}) const;
};

/// Templates of a folder: `chat_template.jinja`, `chat_template.json`, and `chat_template` of
/// `tokenizer_config.json` (a text, or a list of named ones). None is no error.
/// @error FileFormat, FileLimit of these files; a template that cannot be used is none, it says so itself
[[nodiscard]] Result<ChatTemplates> open_chat_templates(const std::filesystem::path& folder);

/// Templates of GGUF metadata: `tokenizer.chat_template` and `tokenizer.chat_template.NAME`.
[[nodiscard]] Result<ChatTemplates> chat_templates_from_gguf(const nlohmann::json& metadata);

/// From their sources as they crossed a border: each is parsed and tried on one message.
/// @error FileFormat, FileLimit
[[nodiscard]] Result<ChatTemplates> chat_templates_from_json(const nlohmann::json& value);
[[nodiscard]] nlohmann::json to_json(const ChatTemplates& templates);

}  // namespace vitrine::engine
