#include "engine/model/identify.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <set>

#include <fmt/format.h>

#include "engine/core/memory.h"
#include "engine/io/audio.h"
#include "engine/io/bytes.h"
#include "engine/io/content.h"
#include "engine/io/csv.h"
#include "engine/io/image.h"
#include "engine/io/json.h"
#include "engine/io/mapped_file.h"
#include "engine/io/npy.h"
#include "engine/io/plugin_manifest.h"
#include "engine/io/quantised.h"
#include "engine/io/tensor_list.h"
#include "engine/isolate/reader.h"
#include "engine/model/config_check.h"
#include "engine/model/identity_answer.h"
#include "engine/model/tokenizer_notes.h"
#include "engine/text/tokenizer.h"

namespace vitrine::engine {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

bool has_any(const json& object, std::initializer_list<const char*> keys) {
  return std::any_of(keys.begin(), keys.end(), [&](const char* key) { return object.contains(key); });
}

/// What a JSON object describes, by its keys; the name decides what keys leave open.
FileKind json_kind(const json& object, const std::string& name) {
  if (object.contains("vitrine_session")) return FileKind::Session;
  if (object.contains("vitrine_job")) return FileKind::Job;
  if (has_any(object, {"pre_tokenizer", "post_processor", "added_tokens"}) || name == "tokenizer.json")
    return FileKind::Tokenizer;
  if (has_any(object, {"provides", "build_id", "abi"}) || name == "manifest.json") return FileKind::PluginManifest;
  if (has_any(object, {"image_mean", "image_processor_type", "do_resize"})) return FileKind::Preprocessor;
  if (object.contains("picture") && object.contains("verified")) return FileKind::Report;
  return FileKind::Config;
}

std::string plural(std::size_t n, std::string_view what) { return fmt::format("{} {}{}", n, what, n == 1 ? "" : "s"); }

std::string tensors_sentence(const Checkpoint& checkpoint) {
  double values = 0;
  std::set<std::string_view> types;
  const auto tensors = tensor_list(checkpoint);
  for (std::size_t i = 0; i < tensors->size(); ++i) {
    const ListedTensor entry = tensors->at(i);
    values += static_cast<double>(entry.numel());
    types.insert(entry.dtype);
  }
  std::string list;
  for (const std::string_view type : types) list.append(list.empty() ? "" : ", ").append(type);
  return fmt::format("{} with {:.0f} values{}{}", plural(tensors->size(), "tensor"), values,
                     list.empty() ? "" : " of type ", list);
}

void take_checkpoint(FileIdentity& identity, std::shared_ptr<const Checkpoint> checkpoint) {
  identity.format = checkpoint->format();
  for (const auto& warning : checkpoint->warnings()) identity.warnings.push_back(warning);
  identity.details["metadata"] = checkpoint->metadata();
  identity.checkpoint = std::move(checkpoint);
}

/// What is stored in parts, how, and how far it is from a float matrix beside it.
Status take_quantised(FileIdentity& identity, const std::shared_ptr<const Checkpoint>& checkpoint, const json& config) {
  VITRINE_TRY(const auto matrices, find_quantised(checkpoint, config));
  json list = json::array();
  std::map<std::string, int> layouts;
  for (const QuantisedMatrix& matrix : matrices) {
    ++layouts[matrix.layout];
    json row = {{"name", matrix.entry.name}, {"shape", matrix.entry.shape}, {"layout", matrix.layout}, {"parts", matrix.parts}};
    if (!matrix.reference.empty()) {
      VITRINE_TRY(const QuantisationError error, error_of(*checkpoint, matrix));
      row["error"] = {{"rms", error.rms}, {"max_abs", error.max_abs}, {"relative", error.relative}};
      identity.warnings.push_back(fmt::format("'{}' is dequantised with an rms error of {:.3g} ({:.2g} of the float matrix beside it)",
                                              printable(error.name), error.rms, error.relative));
    }
    list.push_back(std::move(row));
  }
  for (const auto& [layout, count] : layouts) identity.warnings.push_back(fmt::format("{} stored as {}", plural(static_cast<std::size_t>(count), "weight"), layout));
  if (!list.empty()) identity.details["quantised"] = std::move(list);
  return {};
}

Result<FileIdentity> weights(const fs::path& path) {
  VITRINE_TRY(auto checkpoint, open_checkpoint(path));
  FileIdentity identity;
  if (const Status taken = take_quantised(identity, checkpoint, json()); !taken)
    identity.warnings.push_back("not dequantised: " + sentence(taken.error()));
  identity.kind = FileKind::Weights;
  identity.sentence = fmt::format("{} weights: {}", checkpoint->format(), tensors_sentence(*checkpoint));
  take_checkpoint(identity, std::move(checkpoint));
  return identity;
}

Result<FileIdentity> config(const json& object, const std::string& name, std::string_view named_elsewhere) {
  FileIdentity identity;
  identity.kind = FileKind::Config;
  identity.format = "json";
  VITRINE_TRY(identity.warnings, check_config(object, name, {named_elsewhere, {}}));
  std::string what(named_elsewhere);
  for (const char* key : {"model_type", "architecture", "_class_name"})
    if (what.empty() && object.contains(key) && object[key].is_string()) what = object[key].get<std::string>();
  identity.details["config"] = object;
  identity.sentence = fmt::format("a model configuration ({})", printable(what));
  return identity;
}

Result<FileIdentity> tokenizer(const json& object, const std::string& name) {
  VITRINE_TRY(const auto opened, tokenizer_from_json(object, json(), name));
  FileIdentity identity;
  identity.kind = FileKind::Tokenizer;
  identity.format = "json";
  identity.warnings = tokenizer_notes(object);
  identity.details = {{"kind", opened->kind()}, {"vocab_size", opened->vocab_size()}};
  identity.sentence = fmt::format("a {} tokenizer of {} tokens", opened->kind(), opened->vocab_size());
  return identity;
}

Result<FileIdentity> plugin_manifest(const fs::path& path, json object) {
  VITRINE_TRY(const Manifest manifest, read_manifest(path, PluginOrigin::BuiltIn));
  FileIdentity identity;
  identity.kind = FileKind::PluginManifest;
  identity.format = "json";
  identity.warnings = manifest.warnings;
  if (manifest.id.starts_with("vitrine."))
    identity.warnings.push_back("the id '" + manifest.id + "' is reserved for the plugins that come with the program");
  for (std::string& twin : twins_beside(manifest)) identity.warnings.push_back(std::move(twin));
  identity.details = std::move(object);
  identity.sentence = fmt::format("the manifest of the plugin {} {} ({}), which provides {}", manifest.id, manifest.version,
                                  plugin_kind_name(manifest.kind), plural(manifest.provides.size(), "thing"));
  return identity;
}

Result<FileIdentity> json_file(const fs::path& path, std::string_view text) {
  const std::string name = path.string();
  VITRINE_TRY(json object, parse_json(text, name));
  if (!object.is_object())
    return fail_file(ErrorCode::FileFormat, name,
                     fmt::format("expected a JSON object, came a {}", object.type_name()), 0);
  FileIdentity identity;
  identity.kind = json_kind(object, path.filename().string());
  identity.format = "json";
  switch (identity.kind) {
    case FileKind::Tokenizer: return tokenizer(object, name);
    case FileKind::Config: return config(object, name, {});
    case FileKind::PluginManifest: return plugin_manifest(path, std::move(object));
    case FileKind::Preprocessor: {
      VITRINE_CHECK(ImagePreprocess::from_json(object));
      break;
    }
    default: break;
  }
  identity.sentence = kind_name(identity.kind);
  identity.details = std::move(object);
  return identity;
}

bool has_image_name(const fs::path& path) {
  constexpr std::array kNames = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".svg"};
  std::string extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(), [](unsigned char c) { return std::tolower(c); });
  return std::find(kNames.begin(), kNames.end(), extension) != kNames.end();
}

Result<FileIdentity> image(const fs::path& path, Content content) {
  FileIdentity identity;
  VITRINE_TRY(const Image8 decoded, decode_image(path, 3, &identity.warnings));
  identity.kind = FileKind::Image;
  switch (content) {
    case Content::Png: identity.format = "png"; break;
    case Content::Jpeg: identity.format = "jpeg"; break;
    case Content::Webp: identity.format = "webp"; break;
    case Content::Bmp: identity.format = "bmp"; break;
    case Content::Gif: identity.format = "gif"; break;
    default: identity.format = "tiff"; break;
  }
  identity.details = {{"width", decoded.width}, {"height", decoded.height}};
  identity.sentence = fmt::format("a {} image of {} x {} pixels", identity.format, decoded.width, decoded.height);
  return identity;
}

bool has_sound_content(std::span<const std::byte> bytes) {
  const std::string_view text = as_text(bytes.first(std::min<std::size_t>(bytes.size(), 12)));
  return text.starts_with("fLaC") || (text.starts_with("RIFF") && text.ends_with("WAVE"));
}

Result<FileIdentity> sound(const fs::path& path, std::span<const std::byte> bytes) {
  FileIdentity identity;
  VITRINE_TRY(const Audio decoded, decode_audio(bytes, path.string(), &identity.warnings));
  identity.kind = FileKind::Audio;
  identity.format = decoded.format;
  identity.details = {{"rate_hz", decoded.rate}, {"channels", decoded.channels}, {"bits", decoded.bits}, {"seconds", decoded.seconds()}};
  identity.sentence = fmt::format("a {} sound of {:.3g} s, {} at {} Hz", decoded.format, decoded.seconds(),
                                  plural(static_cast<std::size_t>(decoded.channels), "channel"), decoded.rate);
  return identity;
}

Result<FileIdentity> table(const fs::path& path, std::span<const std::byte> bytes) {
  VITRINE_TRY(const CsvTable read, read_csv(as_text(bytes), path.string()));
  FileIdentity identity;
  identity.kind = FileKind::Table;
  identity.format = "csv";
  identity.details = {{"columns", read.columns}, {"rows", read.rows.size()}};
  identity.sentence = fmt::format("a table of {} and {}", plural(read.rows.size(), "row"), plural(read.columns.size(), "column"));
  return identity;
}

Result<FileIdentity> array(const fs::path& path) {
  VITRINE_TRY(const NpyHeader header, read_npy_header(path));
  FileIdentity identity;
  identity.kind = FileKind::Array;
  identity.format = "npy";
  identity.details = {{"descr", header.descr}, {"shape", header.shape}};
  identity.sentence =
      fmt::format("a npy array of type {} and {}", printable(header.descr), plural(header.shape.size(), "axis"));
  return identity;
}

Result<FileIdentity> vocabulary(const fs::path& path) {
  VITRINE_TRY(const auto opened, open_tokenizer(path));
  FileIdentity identity;
  const bool text = path.extension() == ".txt";
  identity.kind = text ? FileKind::Vocabulary : FileKind::Tokenizer;
  identity.format = text ? "text" : "sentencepiece";
  identity.warnings = opened->warnings();
  identity.details = {{"kind", opened->kind()}, {"vocab_size", opened->vocab_size()}};
  identity.sentence = fmt::format("a {} {} of {} tokens", opened->kind(), text ? "vocabulary" : "tokenizer", opened->vocab_size());
  return identity;
}

/// The class that a reference case beside the configuration names; empty if there is none.
std::string case_class(const fs::path& folder) {
  std::error_code problem;
  if (!fs::exists(folder / "case.json", problem)) return {};
  const auto object = read_json_file(folder / "case.json");
  if (!object || !object->is_object()) return {};
  const auto found = object->find("class");
  return found != object->end() && found->is_string() ? found->get<std::string>() : std::string{};
}

Result<FileIdentity> folder(const fs::path& path) {
  FileIdentity identity;
  identity.kind = FileKind::ModelFolder;
  std::error_code problem;
  std::string what = "no configuration";
  if (fs::exists(path / "config.json", problem)) {
    VITRINE_TRY(const json object, read_json_file(path / "config.json"));
    auto part = config(object, (path / "config.json").string(), case_class(path));
    // Weights of an architecture that is not known can still be looked at; a broken configuration is refused.
    if (!part && part.error().code != ErrorCode::Unsupported) return tl::unexpected(std::move(part.error()));
    what = part ? part->sentence : "a configuration of an unknown architecture";
    identity.warnings = part ? std::move(part->warnings) : std::vector{sentence(part.error())};
    identity.details["config"] = object;
  }
  if (fs::exists(path / "tokenizer.json", problem)) {
    VITRINE_TRY(const json object, read_json_file(path / "tokenizer.json"));
    VITRINE_TRY(const auto part, tokenizer(object, (path / "tokenizer.json").string()));
    what += ", " + part.sentence;
    identity.details["tokenizer"] = part.details;
    identity.warnings.insert(identity.warnings.end(), part.warnings.begin(), part.warnings.end());
  }
  VITRINE_TRY(auto checkpoint, open_checkpoint(path));
  VITRINE_CHECK(take_quantised(identity, checkpoint, identity.details.value("config", json())));
  identity.sentence =
      fmt::format("a model folder: {}, {} weights: {}", what, checkpoint->format(), tensors_sentence(*checkpoint));
  take_checkpoint(identity, std::move(checkpoint));
  return identity;
}

Result<FileIdentity> identify_at(const fs::path& path) {
  std::error_code problem;
  const auto status = fs::status(path, problem);
  if (!fs::exists(status)) return fail_file(ErrorCode::FileMissing, path.string(), "no such file or folder");
  if (fs::is_directory(status)) return folder(path);
  const std::string name = path.filename().string();
  if (name.ends_with(".index.json")) return weights(path);
  VITRINE_TRY(const auto file, MappedFile::open(path));
  const Content content = content_of(file->bytes());
  const bool torch_name = name.ends_with(".pt") || name.ends_with(".pth") || name.ends_with(".bin");
  if (content == Content::Npy && !torch_name) return array(path);
  if (is_image_content(content) || has_image_name(path)) return image(path, content);
  const bool weights_name = name.ends_with(".safetensors") || name.ends_with(".gguf") || name.ends_with(".onnx");
  if (name.ends_with(".json") || (content == Content::Json && !weights_name)) {
    if (content == Content::LfsPointer || content == Content::Html || content == Content::Zip)
      return fail_file(ErrorCode::FileFormat, path.string(),
                       fmt::format("expected JSON, came {}", describe_content(file->bytes())), 0);
    // A vocabulary may begin with "[PAD]", as JSON does not.
    if (name.ends_with(".txt") && !parse_json(as_text(file->bytes()), path.string())) return vocabulary(path);
    return json_file(path, as_text(file->bytes()));
  }
  if (has_sound_content(file->bytes()) || name.ends_with(".wav") || name.ends_with(".flac")) return sound(path, file->bytes());
  if (name.ends_with(".csv")) return table(path, file->bytes());
  const bool torch_content = content == Content::Zip || content == Content::Pickle;
  if ((name.ends_with(".model") || name.ends_with(".txt")) && !torch_content) return vocabulary(path);
  if (content == Content::Empty && !weights_name && !torch_name)
    return fail_file(ErrorCode::FileFormat, path.string(), "the file is empty", 0);
  return weights(path);
}

}  // namespace

std::string kind_name(FileKind kind) {
  switch (kind) {
    case FileKind::ModelFolder: return "a model folder";
    case FileKind::Weights: return "model weights";
    case FileKind::Config: return "a model configuration";
    case FileKind::Tokenizer: return "a tokenizer";
    case FileKind::Vocabulary: return "a vocabulary";
    case FileKind::Preprocessor: return "an image preprocessing configuration";
    case FileKind::Image: return "an image";
    case FileKind::Array: return "an array";
    case FileKind::PluginManifest: return "a plugin manifest";
    case FileKind::Session: return "a Vitrine session";
    case FileKind::Job: return "a Vitrine batch job";
    case FileKind::Audio: return "a sound";
    case FileKind::Table: return "a table";
    case FileKind::Report: return "a Vitrine report";
  }
  return "a file";
}

Result<FileIdentity> identify(const fs::path& path) {
  if (isolate::reader_in_use()) return identify_apart(path);
  return within_memory(path.native(), [&] { return identify_at(path); });
}

}  // namespace vitrine::engine
