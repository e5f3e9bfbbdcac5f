#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "engine/core/error.h"
#include "engine/core/progress.h"
#include "engine/io/checkpoint.h"
#include "engine/io/image.h"
#include "engine/text/chat_template.h"
#include "engine/text/tokenizer.h"

/// The readers of strangers' files as the program calls them: each asks the reader process where one is in use
/// (`use_reader`), and is the reader of the same name of engine/io or engine/text where none is.
namespace vitrine::engine::isolate {

[[nodiscard]] Result<std::shared_ptr<const Checkpoint>> open_checkpoint(const std::filesystem::path& path,
                                                                        const Progress& progress = {});

[[nodiscard]] Result<nlohmann::json> read_json_file(const std::filesystem::path& path,
                                                    std::size_t max_bytes = std::size_t{64} << 20);

[[nodiscard]] Result<Image8> decode_image(const std::filesystem::path& path, int channels = 3,
                                          std::vector<std::string>* warnings = nullptr);

/// A tokenizer runs in this process. The reader opens it first, under its limits; only if that went well this
/// process does, from the same bytes.
[[nodiscard]] Result<std::shared_ptr<const Tokenizer>> open_tokenizer(const std::filesystem::path& folder,
                                                                      const Progress& progress = {});
[[nodiscard]] Result<std::shared_ptr<const Tokenizer>> tokenizer_from_gguf(const nlohmann::json& metadata,
                                                                           const std::string& file_name);

/// Templates are found, parsed and tried on a message by the reader; only then by this process, from what came back.
[[nodiscard]] Result<ChatTemplates> open_chat_templates(const std::filesystem::path& folder);
[[nodiscard]] Result<ChatTemplates> chat_templates_from_gguf(const nlohmann::json& metadata, const std::string& file_name);

/// What stands between a file and the program on this machine: "seccomp", "Landlock 7", ...; empty without a reader.
/// @error if the reader cannot be started
[[nodiscard]] Result<std::vector<std::string>> protections();

}  // namespace vitrine::engine::isolate
