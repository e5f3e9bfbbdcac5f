#pragma once

#include "engine/core/error.h"
#include "engine/model/model.h"
#include "engine/text/chat_template.h"

namespace vitrine::engine {

/// The chat templates of a model's files, read when they are asked for; none is no error.
/// @error as the reader of tokenizer_config.json, chat_template.jinja or the GGUF metadata
[[nodiscard]] Result<ChatTemplates> chat_templates_of(const Model& model);

}  // namespace vitrine::engine
