#pragma once

#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include "app/cli/context.h"
#include "engine/core/error.h"
#include "engine/run/edit.h"
#include "engine/run/input.h"

namespace vitrine::app {

inline constexpr const char* kModelHelp = "A folder, a file or demo:NAME; with @patch=N behind it a vision transformer gets patches of N x N pixels";

/// The INPUT options of a command, as given.
struct InputOptions {
  std::vector<std::string> texts, text_files, images, audios, csvs, tensors, datasets, decoder_texts;
  std::vector<std::pair<std::string, std::string>> pairs;
  bool chat = false;
  std::string chat_date;

  [[nodiscard]] bool empty() const;
};

/// Adds `--json` and `--progress` to a command.
void add_common_options(CLI::App& command, Context& context);
void add_input_options(CLI::App& command, InputOptions& options);

/// Adds an option that takes one value each time and may be repeated.
CLI::Option* add_repeated(CLI::App& command, const std::string& name, std::vector<std::string>& values,
                          const std::string& doc);

/// Makes items of the options. Images together with texts become one item per image with the texts as captions.
/// @error InvalidInput, FileMissing, FileFormat (`--text-file`, `--dataset`), Usage (`--chat` without a text)
[[nodiscard]] engine::Result<std::vector<engine::InputItem>> items_of(const InputOptions& options);

/// The same where the command takes exactly one. @error Usage if there are none or more
[[nodiscard]] engine::Result<engine::InputItem> one_item(const InputOptions& options);

/// Edits from a file of that name or from the text itself. @error Usage, FileFormat
[[nodiscard]] engine::Result<engine::EditList> edits_of(const std::string& text);

/// "A:B" with either side optional. @error Usage
[[nodiscard]] engine::Result<std::pair<std::int64_t, std::int64_t>> parse_range(const std::string& text,
                                                                               std::int64_t size);

}  // namespace vitrine::app
