#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/core/error.h"
#include "engine/report/report.h"
#include "engine/tensor/tensor.h"

namespace vitrine::engine {

class Model;

/// What a user gave: any combination that the model takes.
struct InputItem {
  std::optional<std::string> text;
  std::optional<std::string> text_pair;
  std::vector<std::string> captions;               ///< several texts against one image (CLIP)
  std::optional<std::filesystem::path> image;
  std::optional<std::filesystem::path> tensors;    ///< safetensors with input_ids, pixel_values, ...
  std::optional<std::string> decoder_text;         ///< encoder-decoders
  bool chat = false;                               ///< the text is a user's message: the model's chat template goes around it
  std::string chat_date;                           ///< YYYY-MM-DD for templates that write today's date; empty: theirs
  std::optional<std::filesystem::path> audio;
  std::optional<std::filesystem::path> table;      ///< CSV

  friend bool operator==(const InputItem&, const InputItem&) = default;
};

/// An input as one tower of the model sees it.
struct TowerInput {
  std::string tower;                               ///< "", "encoder.", "decoder.", "text.", "vision."
  std::vector<TokenLabel> tokens;                  ///< one per position (CLS and patches for images)
  std::optional<PatchGrid> grid;
};

/// Ready to run: tensors by the names of the contract, and what each position means to a person.
struct PreparedInput {
  InputItem item;
  std::map<std::string, Tensor> tensors;           ///< input_ids [batch, token], attention_mask, pixel_values [batch, channel, row, col], ...
  std::vector<TowerInput> towers;
  std::optional<Picture8> image;                   ///< the crop the model sees
  std::string summary;                             ///< "12 tokens", "224 x 224 image, 256 patches"
};

/// Tokenises, decodes and preprocesses as the model's own files say.
/// @error InvalidInput with what the model takes; FileFormat, FileMissing for the image
[[nodiscard]] Result<PreparedInput> prepare(const Model& model, const InputItem& item);

}  // namespace vitrine::engine
