#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "engine/core/error.h"
#include "engine/run/input.h"

namespace vitrine::engine {

/// Most inputs that one job or command line may name.
inline constexpr std::size_t kMaxInputs = 1'000'000;

/// `{"text", "text_pair", "decoder_text", "chat", "chat_date", "image", "audio", "csv", "captions", "tensors"}`; "label", "id" and "do" are passed over.
/// @param folder what relative file names start from
/// @error InvalidInput naming the key that is unknown or of the wrong type
[[nodiscard]] Result<InputItem> input_item_from_json(const nlohmann::json& json, const std::filesystem::path& folder);
[[nodiscard]] nlohmann::json input_item_to_json(const InputItem& item);

/// The lines of a text file without the empty ones. @error FileMissing, FileLimit (256 MiB, a million lines)
[[nodiscard]] Result<std::vector<std::string>> read_text_lines(const std::filesystem::path& path);

/// A JSON-lines file, one input a line. @error FileMissing, FileLimit, FileFormat, InvalidInput with the line
[[nodiscard]] Result<std::vector<InputItem>> read_dataset(const std::filesystem::path& path);

}  // namespace vitrine::engine
