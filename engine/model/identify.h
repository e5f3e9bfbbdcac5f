#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "engine/core/error.h"
#include "engine/io/checkpoint.h"

namespace vitrine::engine {

enum class FileKind {
  ModelFolder, Weights, Config, Tokenizer, Vocabulary, Preprocessor, Image, Array, PluginManifest, Session, Job,
  Audio, Table, Report,
};

/// What a file or folder is, after the reader it belongs to has opened it.
struct FileIdentity {
  FileKind kind = FileKind::Weights;
  std::string format;                              ///< "safetensors", "gguf", "onnx", "json", "png", "npy", ...
  std::string sentence;                            ///< one line for a person
  std::vector<std::string> warnings;               ///< what a user must see although it opened
  nlohmann::json details = nlohmann::json::object(); ///< what the file says about itself
  std::shared_ptr<const Checkpoint> checkpoint;    ///< of weights and model folders; else nullptr
};

/// Opens any file that Vitrine reads with the reader for it: by content first, then by name. A folder is a model: its
/// configuration, tokenizer and weights are opened, and one that is broken refuses the folder. Where a reader process
/// is in use (engine/isolate), it does all of that.
/// @error as the reader; FileFormat if it is nothing that is known
/// @cost  headers only for weights; an image is decoded
[[nodiscard]] Result<FileIdentity> identify(const std::filesystem::path& path);

/// "a model folder", "a configuration", ...
[[nodiscard]] std::string kind_name(FileKind kind);

}  // namespace vitrine::engine
