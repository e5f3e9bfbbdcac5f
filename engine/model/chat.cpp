#include "engine/model/chat.h"

#include "engine/io/checkpoint.h"
#include "engine/isolate/readers.h"

namespace vitrine::engine {

Result<ChatTemplates> chat_templates_of(const Model& model) {
  const std::filesystem::path& path = model.path();
  if (model.checkpoint().format() == "gguf") return isolate::chat_templates_from_gguf(model.checkpoint().metadata(), path.string());
  std::error_code ignored;
  return isolate::open_chat_templates(std::filesystem::is_directory(path, ignored) ? path : path.parent_path());
}

}  // namespace vitrine::engine
