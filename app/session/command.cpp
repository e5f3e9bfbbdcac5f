#include "app/session/command.h"

#include <cctype>
#include <filesystem>
#include <string_view>
#include <vector>

#include "engine/run/edit.h"

namespace vitrine::app {

namespace {

using engine::ErrorCode;
using engine::fail;
using nlohmann::json;

struct Key {
  std::string_view name;
  enum class Kind { Text, Texts, Edits, Object, Flag } kind;
  bool required;
};

struct Form {
  std::string_view verb;
  std::vector<Key> keys;
};

const std::vector<Form>& forms() {
  using K = Key::Kind;
  static const std::vector<Form> kForms = {
      {"open_model", {{"model", K::Text, true}}},
      {"set_input",
       {{"text", K::Text, false},
        {"text_pair", K::Text, false},
        {"image", K::Text, false},
        {"captions", K::Texts, false},
        {"tensors", K::Text, false},
        {"decoder_text", K::Text, false},
        {"chat", K::Flag, false},
        {"chat_date", K::Text, false},
        {"audio", K::Text, false},
        {"csv", K::Text, false}}},
      {"edit", {{"edits", K::Edits, true}}},
      {"remove_edits", {{"edits", K::Edits, true}}},
      {"set_edits", {{"edits", K::Edits, true}}},
      {"clear_edits", {}},
      {"set_view", {{"panel", K::Text, true}, {"settings", K::Object, true}}},
      {"analyse", {{"analysis", K::Text, true}, {"params", K::Object, false}, {"edited", K::Flag, false}}},
      {"compress", {{"method", K::Text, true}, {"params", K::Object, false}, {"out", K::Text, true}}},
  };
  return kForms;
}

std::string where(std::string_view verb, std::string_view key) {
  return "command '" + std::string(verb) + "': '" + std::string(key) + "'";
}

engine::Status check_text(const json& value, std::string_view verb, std::string_view key) {
  if (!value.is_string())
    return fail(ErrorCode::Usage, where(verb, key) + ": expected a text, came " + value.type_name());
  const auto& text = value.get_ref<const std::string&>();
  if (text.size() > kMaxCommandText)
    return fail(ErrorCode::Usage, where(verb, key) + ": expected at most " + std::to_string(kMaxCommandText) +
                                      " bytes, came " + std::to_string(text.size()));
  if (text.find('\0') != std::string::npos && key != "text" && key != "text_pair")
    return fail(ErrorCode::Usage, where(verb, key) + ": expected a name or path, came a zero byte");
  return {};
}

engine::Status check_list(const json& value, std::string_view verb, std::string_view key) {
  if (!value.is_array())
    return fail(ErrorCode::Usage, where(verb, key) + ": expected a list, came " + value.type_name());
  if (value.size() > kMaxCommandItems)
    return fail(ErrorCode::Usage, where(verb, key) + ": expected at most " + std::to_string(kMaxCommandItems) +
                                      " items, came " + std::to_string(value.size()));
  return {};
}

engine::Status check_value(const json& value, std::string_view verb, const Key& key) {
  switch (key.kind) {
    case Key::Kind::Text:
      return check_text(value, verb, key.name);
    case Key::Kind::Texts:
      VITRINE_CHECK(check_list(value, verb, key.name));
      for (const auto& item : value) VITRINE_CHECK(check_text(item, verb, key.name));
      return {};
    case Key::Kind::Edits: {
      VITRINE_CHECK(check_list(value, verb, key.name));
      if (auto edits = engine::edits_from_json(value); !edits) return fail(edits.error());
      return {};
    }
    case Key::Kind::Object:
      if (value.is_object()) return {};
      return fail(ErrorCode::Usage, where(verb, key.name) + ": expected an object, came " + value.type_name());
    case Key::Kind::Flag:
      if (value.is_boolean()) return {};
      return fail(ErrorCode::Usage, where(verb, key.name) + ": expected true or false, came " + value.type_name());
  }
  return {};
}

std::string shortened(const std::string& text, std::size_t limit = 48) {
  std::string out;
  for (char c : text) out += (c == '\n' || c == '\t' || c == '\r') ? ' ' : c;
  if (out.size() <= limit) return out;
  std::size_t cut = limit;
  while (cut > 0 && (static_cast<unsigned char>(out[cut]) & 0xC0) == 0x80) --cut;
  return out.substr(0, cut) + "…";
}

std::string sentence_case(std::string text) {
  if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') text[0] = static_cast<char>(text[0] - 'a' + 'A');
  return text;
}

std::string text_or_empty(const json& command, const char* key) {
  auto it = command.find(key);
  return it != command.end() && it->is_string() ? it->get<std::string>() : std::string();
}

/// "Zeroed head 5.1"; several edits of one kind are counted: "Zeroed head 5.1 and 5 more".
std::string describe_edits(const json& command, const std::string& one, const std::string& many) {
  auto edits = engine::edits_from_json(command.value("edits", json::array()));
  if (!edits) return one;
  if (edits->empty()) return many + " nothing";
  std::string text = one.empty() ? sentence_case(engine::describe(edits->front()))
                                 : one + " " + engine::describe(edits->front());
  if (edits->size() > 1) text += " and " + std::to_string(edits->size() - 1) + " more";
  return text;
}

std::string describe_input(const json& command) {
  std::string what;
  const auto add = [&](const std::string& piece) { what += (what.empty() ? "" : ", ") + piece; };
  if (auto text = text_or_empty(command, "text"); !text.empty()) add("“" + shortened(text) + "”");
  if (auto text = text_or_empty(command, "text_pair"); !text.empty()) add("“" + shortened(text, 24) + "”");
  if (auto text = text_or_empty(command, "decoder_text"); !text.empty()) add("decoder “" + shortened(text, 24) + "”");
  for (const char* key : {"image", "tensors"})
    if (auto path = text_or_empty(command, key); !path.empty())
      add(std::filesystem::path(path).filename().string());
  if (auto it = command.find("captions"); it != command.end() && it->is_array() && !it->empty())
    add(std::to_string(it->size()) + (it->size() == 1 ? " caption" : " captions"));
  return "Input " + (what.empty() ? std::string("cleared") : what);
}

/// "importance" as its tab says it; a panel that is not known here by its id.
std::string panel_title(std::string id) {
  if (id == "importance") return "Head importance";
  if (id == "diff") return "Checkpoint diff";
  if (id == "trajectory") return "Trajectories";
  if (!id.empty()) id[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(id[0])));
  return id;
}

std::string describe_settings(const json& command) {
  std::string keys;
  const json settings = command.value("settings", json::object());
  for (const auto& [key, value] : settings.items()) {
    if (keys.size() > 40) return panel_title(text_or_empty(command, "panel")) + ": " + keys + ", …";
    keys += (keys.empty() ? "" : ", ") + key + " " + shortened(value.is_string() ? value.get<std::string>() : value.dump(-1, ' ', false, json::error_handler_t::replace), 16);
  }
  return panel_title(text_or_empty(command, "panel")) + ": " + keys;
}

}  // namespace

engine::Status check_command(const Command& command) {
  if (!command.is_object())
    return fail(ErrorCode::Usage, std::string("expected a command object, came ") + command.type_name());
  const std::string verb = text_or_empty(command, "do");
  const Form* form = nullptr;
  for (const auto& candidate : forms())
    if (candidate.verb == verb) form = &candidate;
  if (!form) {
    std::string known;
    for (const auto& candidate : forms()) known += (known.empty() ? "" : ", ") + std::string(candidate.verb);
    return fail(ErrorCode::Usage, "no command '" + shortened(verb) + "'; there are: " + known);
  }
  for (const auto& key : form->keys)
    if (key.required && !command.contains(key.name))
      return fail(ErrorCode::Usage, where(verb, key.name) + " is missing");
  for (const auto& [name, value] : command.items()) {
    if (name == "do") continue;
    const Key* key = nullptr;
    for (const auto& candidate : form->keys)
      if (candidate.name == name) key = &candidate;
    if (!key) return fail(ErrorCode::Usage, where(verb, shortened(name)) + " is not a key of this command");
    VITRINE_CHECK(check_value(value, verb, *key));
  }
  return {};
}

std::string describe_command(const Command& command) {
  const std::string verb = text_or_empty(command, "do");
  if (verb == "open_model") {
    const std::string model = text_or_empty(command, "model");
    const bool demo = model.rfind("demo:", 0) == 0;
    std::filesystem::path path(model);
    return "Opened " + (demo ? model : (path.has_filename() ? path : path.parent_path()).filename().string());
  }
  if (verb == "set_input") return describe_input(command);
  if (verb == "edit") return describe_edits(command, "", "Edited");
  if (verb == "remove_edits") return describe_edits(command, "Took back", "Took back");
  if (verb == "set_edits") return describe_edits(command, "Edits set:", "Edits set to");
  if (verb == "clear_edits") return "Took back all edits";
  if (verb == "set_view") return describe_settings(command);
  if (verb == "analyse") return "Analysed " + text_or_empty(command, "analysis");
  if (verb == "compress")
    return "Compressed by " + text_or_empty(command, "method") + " into " +
           std::filesystem::path(text_or_empty(command, "out")).filename().string();
  return verb;
}

nlohmann::json input_to_json(const engine::InputItem& item) {
  json out = json::object();
  if (item.text) out["text"] = *item.text;
  if (item.text_pair) out["text_pair"] = *item.text_pair;
  if (item.decoder_text) out["decoder_text"] = *item.decoder_text;
  if (item.image) out["image"] = item.image->string();
  if (item.tensors) out["tensors"] = item.tensors->string();
  if (!item.captions.empty()) out["captions"] = item.captions;
  if (item.chat) out["chat"] = true;
  if (!item.chat_date.empty()) out["chat_date"] = item.chat_date;
  if (item.audio) out["audio"] = item.audio->string();
  if (item.table) out["csv"] = item.table->string();
  return out;
}

engine::Result<engine::InputItem> input_from_json(const nlohmann::json& given) {
  if (!given.is_object())
    return fail(ErrorCode::Usage, std::string("expected an input object, came ") + given.type_name());
  json command = given;
  command["do"] = "set_input";
  VITRINE_CHECK(check_command(command));
  engine::InputItem item;
  for (const auto& [key, value] : given.items()) {
    if (key == "text") item.text = value.get<std::string>();
    if (key == "text_pair") item.text_pair = value.get<std::string>();
    if (key == "decoder_text") item.decoder_text = value.get<std::string>();
    if (key == "image") item.image = value.get<std::string>();
    if (key == "tensors") item.tensors = value.get<std::string>();
    if (key == "chat") item.chat = value.get<bool>();
    if (key == "chat_date") item.chat_date = value.get<std::string>();
    if (key == "audio") item.audio = value.get<std::string>();
    if (key == "csv") item.table = value.get<std::string>();
    if (key == "captions") item.captions = value.get<std::vector<std::string>>();
  }
  return item;
}

Command open_model_command(const std::string& model) { return {{"do", "open_model"}, {"model", model}}; }

Command set_input_command(const engine::InputItem& item) {
  Command command = input_to_json(item);
  command["do"] = "set_input";
  return command;
}

}  // namespace vitrine::app
