#include <algorithm>
#include <cstdlib>
#include <fstream>

#include <malloc.h>

#include <fmt/format.h>
#include <openssl/evp.h>

#include "engine/core/free_memory.h"
#include "engine/io/json.h"
#include "engine/io/quantised.h"
#include "engine/io/tensor_list.h"
#include "engine/isolate/readers.h"
#include "engine/model/architecture.h"
#include "engine/model/build.h"
#include "engine/model/config_check.h"
#include "engine/model/model.h"
#include "engine/model/weight_map.h"
#include "engine/tensor/in_blocks.h"

namespace vitrine::engine {

using nlohmann::json;
namespace fs = std::filesystem;

namespace {

/// Models that are not worth asking the system about memory for. bytes
constexpr std::int64_t kSmall = std::int64_t{16} << 20;

std::optional<fs::path> beside(const fs::path& model, const char* name) {
  std::error_code ignored;
  const fs::path folder = fs::is_directory(model, ignored) ? model : model.parent_path();
  if (fs::is_regular_file(folder / name, ignored)) return folder / name;
  return std::nullopt;
}

Result<json> find_config(const fs::path& model, const OpenOptions& options, const Checkpoint& file) {
  if (options.config) return isolate::read_json_file(*options.config);
  if (file.format() == "gguf") return json();
  if (const auto path = beside(model, "config.json")) return isolate::read_json_file(*path);
  return json();
}

std::vector<std::string> labels_of(const json& config) {
  std::vector<std::string> labels;
  const json map = config.is_object() ? config.value("id2label", json()) : json();
  if (!map.is_object() || map.size() > 100000) return labels;
  for (std::size_t i = 0; i < map.size(); ++i) {
    auto it = map.find(std::to_string(i));
    if (it == map.end()) return {};
    labels.push_back(it->is_string() ? it->get<std::string>() : it->dump());
  }
  return labels;
}

/// Id of the token that `add_bos_token` of tokenizer_config.json puts first; -1 if it does not.
std::int64_t beginning_token(const fs::path& path, const Model::Parts& parts) {
  const auto file = beside(path, "tokenizer_config.json");
  if (!file || !parts.tokenizer || parts.checkpoint->format() == "gguf") return -1;
  const auto config = isolate::read_json_file(*file);
  if (!config || !config->is_object() || config->value("add_bos_token", json()) != json(true)) return -1;
  const json bos = config->value("bos_token", json());
  const json text = bos.is_object() ? bos.value("content", json()) : bos;
  return text.is_string() ? parts.tokenizer->id_of(text.get<std::string>()) : -1;
}

/// `max_seq_length` of a sentence encoder: its library cuts longer texts.
std::int64_t stated_length(const fs::path& path) {
  const auto file = beside(path, "sentence_bert_config.json");
  if (!file) return 0;
  const auto config = isolate::read_json_file(*file);
  if (!config || !config->is_object()) return 0;
  const json length = config->value("max_seq_length", json());
  return length.is_number_integer() && length >= 2 && length <= 1'000'000 ? length.get<std::int64_t>() : 0;
}

/// The folder's tokenizer and preprocessing; a broken one is a warning, since tensors can still be run.
void open_companions(const fs::path& path, Model::Parts& parts) {
  std::error_code ignored;
  const fs::path folder = fs::is_directory(path, ignored) ? path : path.parent_path();
  if (parts.spec.input.value("text", false)) {
    auto tokenizer = parts.checkpoint->format() == "gguf" ? isolate::tokenizer_from_gguf(parts.checkpoint->metadata(), path.string()) : isolate::open_tokenizer(folder);
    if (tokenizer) parts.tokenizer = *tokenizer;
    else if (tokenizer.error().code != ErrorCode::FileMissing) parts.warnings.push_back(sentence(tokenizer.error()));
  }
  parts.prepend_id = beginning_token(path, parts);
  parts.cut_tokens = stated_length(path);
  if (!parts.spec.input.value("image", false)) return;
  json how = parts.spec.input.value("preprocess", json());
  if (const auto file = beside(path, "preprocessor_config.json")) {
    if (auto read = isolate::read_json_file(*file)) how = *read;
    else parts.warnings.push_back(sentence(read.error()));
  } else if (parts.config.is_object() && parts.config.contains("pretrained_cfg")) {
    how = parts.config["pretrained_cfg"];
  }
  if (!how.is_object()) return;
  for (const char* key : {"size", "channels"})   // what the model itself requires wins over a default of its family
    if (parts.spec.input.contains("force_" + std::string(key))) how[key] = parts.spec.input["force_" + std::string(key)];
  if (auto preprocess = ImagePreprocess::from_json(how)) parts.preprocess = *preprocess;
  else parts.warnings.push_back(sentence(preprocess.error()));
}

std::string name_of(const std::string& model, const fs::path& path, const json& config) {
  if (model.starts_with("demo:")) return model;
  const int patch = parse_model_name(model).patch;
  const std::string with = patch > 0 ? fmt::format("@patch={}", patch) : "";
  if (config.is_object() && config.value("name", json()).is_string()) return config["name"].get<std::string>() + with;
  fs::path p = path;
  if (p.filename().empty()) p = p.parent_path();
  return (fs::is_directory(p) ? p.filename().string() : p.stem().string()) + with;
}

/// The folder or file of a name. @error FileMissing for a demo that there is not
Result<fs::path> place_of(const std::string& model) {
  const std::string place = parse_model_name(model).place;
  if (place.starts_with("demo:")) return demo_folder(place.substr(5));
  return fs::path(place);
}

/// The configuration that lies beside the weights, checked. @error one that is broken: it is not guessed around
Status read_config(const std::string& model, const OpenOptions& options, Model::Parts& parts) {
  if (const auto own = beside(parts.path, "vitrine.json"); own && !options.config) {
    VITRINE_TRY(parts.config, isolate::read_json_file(*own));
    parts.own_spec = true;
    return {};
  }
  VITRINE_TRY(parts.config, find_config(parts.path, options, *parts.checkpoint));
  if (parts.config.is_object() && parts.config.contains("model_type")) {
    auto checked = check_config(parts.config, model);
    if (checked) parts.warnings = std::move(*checked);
    // An architecture that is not known is found out again where the names are asked for, with all that are known.
    else if (checked.error().code != ErrorCode::Unsupported) return tl::unexpected(std::move(checked.error()));
  }
  auto plain = dequantised(parts.checkpoint, parts.config);
  if (plain) parts.checkpoint = std::move(*plain);
  else if (options.tensors_alone) parts.warnings.push_back("not dequantised: " + sentence(plain.error()));
  else return tl::unexpected(std::move(plain.error()));
  return {};
}

/// What the model is made of, by its own file or by the architecture that its configuration or tensors name.
Result<Expanded> expand(Model::Parts& parts) {
  if (parts.own_spec) {
    Expanded own;
    VITRINE_TRY(own.spec, spec_from_json(parts.config.value("spec", json::object())));
    own.weights = parts.config.value("tied", json::object());
    return own;
  }
  VITRINE_TRY(auto match, architectures().match(parts.config, *parts.checkpoint));
  parts.config = match.config;
  return expand_architecture(*match.architecture, match.config, *parts.checkpoint);
}

/// Other patches than those that the weights were made for. @error Unsupported, Usage
Status resize_patches(ModelSpec& spec, int patch) {
  bool any = false;
  for (TowerSpec& tower : spec.towers) {
    json& params = tower.stem.params;
    if (tower.stem.part != "patch_embedding" || param_or<std::string>(params, "kind", "conv") != "conv" || tower.staged || !params.contains("patch")) continue;
    const auto image = param_or(params, "image", std::vector<int>{});
    if (patch < 1 || image.size() != 2 || patch > std::min(image[0], image[1]))
      return fail(ErrorCode::Usage, fmt::format("expected patches of 1 pixel to the picture's side, came {}", patch));
    params["stored_patch"] = params["patch"];
    params["patch"] = {patch, patch};
    any = true;
  }
  if (!any) return fail(ErrorCode::Unsupported, "patches can be resized where a convolution makes them and their number stays the same from layer to layer; this model has none such");
  return {};
}

/// The same weights without a model around them, because of `why`.
/// @param wanted what was expected of the file; nullptr if nothing is known
Result<std::shared_ptr<const Model>> tensors_of(const std::string& model, const Model::Parts& failed, const Expanded* wanted,
                                                const Error& why) {
  auto parts = std::make_shared<Model::Parts>();
  parts->path = failed.path;
  parts->checkpoint = failed.checkpoint;
  parts->dtype = failed.dtype;
  parts->config = failed.config;
  parts->warnings = failed.warnings;
  parts->cannot_run = why.message;
  parts->name = name_of(model, parts->path, parts->config);
  if (wanted) {
    parts->spec.architecture = wanted->spec.architecture;
    parts->spec.title = wanted->spec.title;
    Model::Parts scratch;
    MappedWeights weights(parts->checkpoint, wanted->weights, wanted->prefixes, parts->dtype, MappedWeights::Read::ShapesAlone);
    static_cast<void>(build_model(wanted->spec, weights, scratch));
    parts->problems = {weights.missing(), weights.unused(wanted->ignore), weights.wrong_shape()};
  }
  const auto tensors = tensor_list(parts->checkpoint);
  for (std::size_t i = 0; i < tensors->size(); ++i) parts->parameters += tensors->at(i).numel();
  return std::make_shared<const Model>(std::move(parts));
}

/// Decides whether weights are read and packed, read alone, or stay in their file.
/// @error DoesNotFit if what cannot stay there is more than what is free
Status find_room(const OpenOptions& options, Model::Parts& parts) {
  constexpr std::int64_t kForPasses = std::int64_t{64} << 20;
  const auto list = tensor_list(parts.checkpoint);
  std::int64_t values = 0;
  for (std::size_t i = 0; i < list->size(); ++i) values += list->at(i).numel();
  const auto held = [&](const TensorEntry& entry) {
    return block_codec(*parts.checkpoint, entry) ? static_cast<std::int64_t>(entry.bytes) : entry.numel() * byte_size(options.dtype);
  };
  std::int64_t bytes = values * byte_size(options.dtype);
  if (parts.checkpoint->format() == "gguf" && bytes >= kSmall) {
    bytes = 0;
    for (const TensorEntry& entry : parts.checkpoint->tensors()) bytes += held(entry);
  }
  if (options.stream) {
    parts.stream = std::make_shared<WeightStream>();
    return {};
  }
  if (bytes < kSmall) return {};
  const std::int64_t left = free_memory();
  parts.packs = 2 * bytes + kForPasses <= left;
  if (bytes + kForPasses <= left) return {};
  std::int64_t needed = WeightStream::kMostResident + WeightStream::kMostScratch;
  for (const TensorEntry& entry : parts.checkpoint->tensors())
    if (!stream_type(*parts.checkpoint, entry)) needed += held(entry);
  if (needed > left) {
    const auto gigabytes = [](std::int64_t n) { return static_cast<double>(n) / 1e9; };
    return fail(ErrorCode::DoesNotFit,
                fmt::format("the weights take {:.2f} GB of memory, and {:.2f} GB if those that can be read layer by layer stay in the file; {:.2f} GB are free: {:.2f} GB are missing",
                            gigabytes(bytes), gigabytes(needed), gigabytes(left), gigabytes(needed - left)));
  }
  parts.stream = std::make_shared<WeightStream>();
  return {};
}

}  // namespace

Result<std::shared_ptr<const Model>> open_model(const std::string& model, const OpenOptions& options, const Progress& progress) {
  VITRINE_TRY(const fs::path path, place_of(model));
  const int patch = options.patch != 0 ? options.patch : parse_model_name(model).patch;
  auto in_file = [&](Error e) {
    if (e.file.empty()) e.file = model;
    return fail(std::move(e));
  };
  VITRINE_CHECK(progress.step(0, "reading the file"));
  auto parts = std::make_shared<Model::Parts>();
  parts->checkpoint = options.checkpoint;
  if (!parts->checkpoint) {
    VITRINE_TRY(parts->checkpoint, isolate::open_checkpoint(path, progress));
  }
  parts->path = path;
  parts->dtype = options.dtype;
  VITRINE_CHECK(read_config(model, options, *parts));
  auto expanded = expand(*parts);
  if (!expanded) return options.tensors_alone ? tensors_of(model, *parts, nullptr, expanded.error()) : in_file(expanded.error());
  if (patch != 0)
    if (const Status resized = resize_patches(expanded->spec, patch); !resized) return in_file(resized.error());
  VITRINE_CHECK(progress.step(0.1, "reading weights"));
  if (const Status room = find_room(options, *parts); !room)
    return options.tensors_alone ? tensors_of(model, *parts, &*expanded, room.error()) : in_file(room.error());
  MappedWeights weights(parts->checkpoint, expanded->weights, expanded->prefixes, options.dtype, MappedWeights::Read::Values, parts->stream);
  if (Status built = build_model(expanded->spec, weights, *parts); !built)
    return options.tensors_alone ? tensors_of(model, *parts, &*expanded, built.error()) : in_file(built.error());
  weights.done();
  parts->in_file = parts->stream || std::any_of(parts->weights.begin(), parts->weights.end(), [](const auto& item) { return blocks_of(item.second) != nullptr; });
  parts->parameters = weights.parameters();
  if (parts->parameters * byte_size(options.dtype) >= kSmall) malloc_trim(0);   // what was turned or widened lay between what stays
  parts->problems.missing = weights.missing();
  parts->problems.unexpected = weights.unused(expanded->ignore);
  parts->name = name_of(model, path, parts->config);
  parts->class_labels = labels_of(parts->config);
  open_companions(path, *parts);
  VITRINE_CHECK(progress.step(1, "opened"));
  return std::make_shared<const Model>(std::move(parts));
}

Result<std::shared_ptr<const Model>> tensors_alone(const std::string& model, std::shared_ptr<const Checkpoint> file, std::string why) {
  Model::Parts parts;
  parts.path = model;
  parts.checkpoint = std::move(file);
  return tensors_of(model, parts, nullptr, Error{ErrorCode::Unsupported, std::move(why), {}, {}, {}});
}

Result<std::unique_ptr<MappedWeights>> open_weights(const std::string& model) {
  Model::Parts parts;
  VITRINE_TRY(parts.path, place_of(model));
  VITRINE_TRY(parts.checkpoint, isolate::open_checkpoint(parts.path));
  VITRINE_CHECK(read_config(model, {}, parts));
  VITRINE_TRY(const Expanded expanded, expand(parts));
  return std::make_unique<MappedWeights>(parts.checkpoint, expanded.weights, expanded.prefixes, DType::F32);
}

fs::path resources_folder() {
  if (const char* set = std::getenv("VITRINE_RESOURCES")) return set;
  std::error_code ignored;
  const fs::path program = fs::read_symlink("/proc/self/exe", ignored);
  if (const fs::path installed = program.parent_path() / ".." / "share" / "vitrine"; fs::is_directory(installed, ignored)) return installed;
  return VITRINE_BUILD_RESOURCES;
}

Result<fs::path> demo_folder(const std::string& name) {
  const auto names = demo_names();
  if (std::find(names.begin(), names.end(), name) != names.end()) return resources_folder() / "models" / name;
  std::string known;
  for (const auto& n : names) known += (known.empty() ? "" : ", ") + n;
  return fail(ErrorCode::Usage, "no demo model '" + name + "'; there are: " + known);
}

std::vector<std::string> demo_names() {
  std::vector<std::string> names;
  std::error_code ignored;
  for (const auto& item : fs::directory_iterator(resources_folder() / "models", ignored))
    if (fs::is_directory(item.path(), ignored)) names.push_back(item.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

std::string Model::sha256() const {
  std::string hex;
  for (const auto& file : parts_->checkpoint->files()) {
    std::ifstream in(file, std::ios::binary);
    std::vector<char> buffer(1 << 20);
    EVP_MD_CTX* context = EVP_MD_CTX_new();
    EVP_DigestInit_ex(context, EVP_sha256(), nullptr);
    while (in.read(buffer.data(), static_cast<std::streamsize>(buffer.size())) || in.gcount() > 0)
      EVP_DigestUpdate(context, buffer.data(), static_cast<std::size_t>(in.gcount()));
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int length = 0;
    EVP_DigestFinal_ex(context, digest, &length);
    EVP_MD_CTX_free(context);
    constexpr char kHex[] = "0123456789abcdef";
    if (!hex.empty()) hex += ",";
    for (unsigned int i = 0; i < length; ++i) { hex += kHex[digest[i] >> 4]; hex += kHex[digest[i] & 15]; }
  }
  return hex;
}

}  // namespace vitrine::engine
