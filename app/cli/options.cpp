#include "app/cli/options.h"

#include <algorithm>
#include <charconv>
#include <system_error>

#include <fmt/format.h>

#include "app/cli/program.h"
#include "engine/batch/inputs.h"
#include "engine/core/free_memory.h"
#include "engine/io/json.h"
#include "engine/isolate/readers.h"

namespace vitrine::app {

using engine::ErrorCode;
using engine::fail;
using engine::InputItem;
using engine::Result;

namespace fs = std::filesystem;

bool InputOptions::empty() const {
  return texts.empty() && text_files.empty() && images.empty() && audios.empty() && csvs.empty() && tensors.empty() &&
         datasets.empty() && pairs.empty() && decoder_texts.empty();
}

void add_common_options(CLI::App& command, Context& context) {
  command.add_flag("--json", context.json, "Print the result as JSON");
  command
      .add_option_function<std::uint64_t>(
          "--memory", [](std::uint64_t bytes) { engine::limit_memory(static_cast<std::int64_t>(std::min<std::uint64_t>(bytes, INT64_MAX))); },
          "The process takes no more memory than this (512M, 4G): weights that would not fit stay in their file and are read layer by "
          "layer, and what does not fit even so is refused before it begins, with the number that is missing")
      ->transform(CLI::AsSizeValue(false));
  command.add_flag_callback("--no-isolation", [] { choose_reader(false); },
                            "Read files in this process, not in one that can do nothing else");
  command.add_option("--progress", context.progress_mode, "How progress is shown on standard error")
      ->check(CLI::IsMember({"auto", "json", "none"}));
}

CLI::Option* add_repeated(CLI::App& command, const std::string& name, std::vector<std::string>& values,
                          const std::string& doc) {
  return command.add_option(name, values, doc)->allow_extra_args(false);
}

void add_input_options(CLI::App& command, InputOptions& options) {
  const std::string group = "INPUT";
  add_repeated(command, "--text", options.texts, "A text; with --image a caption")->group(group);
  add_repeated(command, "--text-file", options.text_files, "A file with one text a line")->group(group);
  command.add_option("--text-pair", options.pairs, "Two texts that belong together")
      ->type_name("A B")->allow_extra_args(false)->group(group);
  add_repeated(command, "--decoder-text", options.decoder_texts, "What the decoder has written so far")->group(group);
  command.add_flag("--chat", options.chat, "Put the model's chat template around --text, as a user's message")->group(group);
  command.add_option("--chat-date", options.chat_date, "The day that the chat template writes, where it writes one")
      ->type_name("YYYY-MM-DD")->group(group);
  add_repeated(command, "--image", options.images, "An image file")->group(group);
  add_repeated(command, "--audio", options.audios, "An audio file")->group(group);
  add_repeated(command, "--csv", options.csvs, "A table of numbers")->group(group);
  add_repeated(command, "--tensors", options.tensors, "A safetensors file with the input tensors themselves")
      ->group(group);
  add_repeated(command, "--dataset", options.datasets, "A JSON-lines file with one input a line")->group(group);
}

Result<std::vector<InputItem>> items_of(const InputOptions& options) {
  std::vector<std::string> texts = options.texts;
  for (const std::string& name : options.text_files) {
    VITRINE_TRY(auto lines, engine::read_text_lines(name));
    texts.insert(texts.end(), lines.begin(), lines.end());
  }
  std::vector<InputItem> items;
  if (!options.images.empty()) {
    for (const std::string& image : options.images) {
      InputItem item;
      item.image = image;
      item.captions = texts;
      items.push_back(std::move(item));
    }
  } else {
    for (std::string& text : texts) items.emplace_back().text = std::move(text);
  }
  for (const auto& [first, second] : options.pairs) {
    InputItem& item = items.emplace_back();
    item.text = first;
    item.text_pair = second;
  }
  for (const std::string& name : options.tensors) items.emplace_back().tensors = name;
  for (const std::string& name : options.audios) items.emplace_back().audio = name;
  for (const std::string& name : options.csvs) items.emplace_back().table = name;
  for (const std::string& name : options.datasets) {
    VITRINE_TRY(auto more, engine::read_dataset(name));
    items.insert(items.end(), more.begin(), more.end());
  }
  if (options.chat && texts.empty()) return fail(ErrorCode::Usage, "expected a --text for --chat, came none");
  for (InputItem& item : items) {
    item.chat = options.chat && item.text.has_value();
    if (item.chat) item.chat_date = options.chat_date;
  }
  if (options.decoder_texts.size() > 1)
    return fail(ErrorCode::Usage, "expected one --decoder-text, came several");
  if (!options.decoder_texts.empty())
    for (InputItem& item : items) item.decoder_text = options.decoder_texts.front();
  return items;
}

Result<InputItem> one_item(const InputOptions& options) {
  VITRINE_TRY(auto items, items_of(options));
  if (items.size() != 1)
    return fail(ErrorCode::Usage, fmt::format("expected one input (--text, --image, --tensors, ...), came {}",
                                              items.size()));
  return std::move(items.front());
}

Result<engine::EditList> edits_of(const std::string& text) {
  if (text.empty()) return engine::EditList{};
  std::error_code failed;
  if (text.front() != '[' && text.front() != '{' && text.size() < 4096 && fs::is_regular_file(text, failed)) {
    VITRINE_TRY(auto json, engine::isolate::read_json_file(text));
    return engine::edits_from_json(json);
  }
  return engine::parse_edits(text);
}

Result<std::pair<std::int64_t, std::int64_t>> parse_range(const std::string& text, std::int64_t size) {
  const auto wrong = [&] {
    return fail(ErrorCode::Usage, fmt::format("expected a range A:B inside 0:{}, came '{}'", size, text));
  };
  if (text.empty()) return std::pair<std::int64_t, std::int64_t>{0, size};
  const auto colon = text.find(':');
  if (colon == std::string::npos) return wrong();
  std::int64_t bounds[2] = {0, size};
  const std::string sides[2] = {text.substr(0, colon), text.substr(colon + 1)};
  for (int i = 0; i < 2; ++i) {
    if (sides[i].empty()) continue;
    const char* end = sides[i].data() + sides[i].size();
    const auto [stop, code] = std::from_chars(sides[i].data(), end, bounds[i]);
    if (code != std::errc{} || stop != end) return wrong();
  }
  if (bounds[0] < 0 || bounds[1] > size || bounds[0] >= bounds[1]) return wrong();
  return std::pair{bounds[0], bounds[1]};
}

}  // namespace vitrine::app
