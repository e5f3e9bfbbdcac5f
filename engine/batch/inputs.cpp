#include "engine/batch/inputs.h"

#include <fstream>
#include <system_error>

#include <fmt/format.h>

#include "engine/io/json.h"

namespace vitrine::engine {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kMaxListBytes = std::size_t{256} << 20;

Result<std::string> text_field(const nlohmann::json& value, const std::string& key) {
  if (!value.is_string())
    return fail(ErrorCode::InvalidInput, fmt::format("expected '{}' to be a string, came {}", key, value.type_name()));
  return value.get<std::string>();
}

}  // namespace

Result<std::vector<std::string>> read_text_lines(const fs::path& path) {
  std::error_code failed;
  const auto bytes = fs::file_size(path, failed);
  if (failed || !fs::is_regular_file(path, failed))
    return fail_file(ErrorCode::FileMissing, path.string(), "expected a readable text file, came none");
  if (bytes > kMaxListBytes)
    return fail_file(ErrorCode::FileLimit, path.string(),
                     fmt::format("expected at most {} bytes, came {}", kMaxListBytes, bytes));
  std::ifstream file(path, std::ios::binary);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (!line.empty()) lines.push_back(std::move(line));
    if (lines.size() > kMaxInputs)
      return fail_file(ErrorCode::FileLimit, path.string(), fmt::format("expected at most {} items", kMaxInputs));
  }
  return lines;
}

Result<InputItem> input_item_from_json(const nlohmann::json& line, const fs::path& folder) {
  if (!line.is_object())
    return fail(ErrorCode::InvalidInput, fmt::format("expected an object with an input, came {}", line.type_name()));
  InputItem item;
  const auto file = [&](const std::string& name) {
    const fs::path path(name);
    return path.is_absolute() ? path : folder / path;
  };
  for (const auto& [key, value] : line.items()) {
    if (key == "text" || key == "text_pair" || key == "decoder_text" || key == "image" || key == "tensors") {
      VITRINE_TRY(auto text, text_field(value, key));
      if (key == "text") item.text = text;
      else if (key == "text_pair") item.text_pair = text;
      else if (key == "decoder_text") item.decoder_text = text;
      else if (key == "image") item.image = file(text);
      else item.tensors = file(text);
    } else if (key == "captions") {
      if (!value.is_array())
        return fail(ErrorCode::InvalidInput, fmt::format("expected 'captions' to be a list, came {}", value.type_name()));
      for (const auto& caption : value) {
        VITRINE_TRY(auto text, text_field(caption, key));
        item.captions.push_back(std::move(text));
      }
    } else if (key == "audio" || key == "csv") {
      VITRINE_TRY(const auto name, text_field(value, key));
      (key == "audio" ? item.audio : item.table) = file(name);
    } else if (key == "chat") {
      if (!value.is_boolean())
        return fail(ErrorCode::InvalidInput, fmt::format("expected 'chat' to be true or false, came {}", value.type_name()));
      item.chat = value.get<bool>();
    } else if (key == "chat_date") {
      VITRINE_TRY(item.chat_date, text_field(value, key));
    } else if (key != "label" && key != "id" && key != "do") {
      return fail(ErrorCode::InvalidInput,
                  fmt::format("expected text, text_pair, decoder_text, chat, chat_date, image, audio, csv, captions, tensors, label or id, "
                              "came '{}'", key));
    }
  }
  if (item == InputItem{}) return fail(ErrorCode::InvalidInput, "expected an input, came an object without one");
  return item;
}

nlohmann::json input_item_to_json(const InputItem& item) {
  nlohmann::json json = nlohmann::json::object();
  if (item.text) json["text"] = *item.text;
  if (item.text_pair) json["text_pair"] = *item.text_pair;
  if (item.decoder_text) json["decoder_text"] = *item.decoder_text;
  if (item.image) json["image"] = item.image->string();
  if (item.tensors) json["tensors"] = item.tensors->string();
  if (!item.captions.empty()) json["captions"] = item.captions;
  if (item.chat) json["chat"] = true;
  if (!item.chat_date.empty()) json["chat_date"] = item.chat_date;
  if (item.audio) json["audio"] = item.audio->string();
  if (item.table) json["csv"] = item.table->string();
  return json;
}

Result<std::vector<InputItem>> read_dataset(const fs::path& path) {
  VITRINE_TRY(auto lines, read_text_lines(path));
  std::vector<InputItem> items;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    VITRINE_TRY(auto json, parse_json(lines[i], path.string()));
    auto item = input_item_from_json(json, path.parent_path());
    if (!item) {
      auto error = std::move(item.error());
      error.message = fmt::format("line {}: {}", i + 1, error.message);
      if (error.file.empty()) error.file = path.string();
      return tl::unexpected(std::move(error));
    }
    items.push_back(std::move(*item));
  }
  return items;
}

}  // namespace vitrine::engine
