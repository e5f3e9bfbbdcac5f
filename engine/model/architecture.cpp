#include "engine/model/architecture.h"

#include <algorithm>

#include "engine/io/json.h"
#include "engine/model/expression.h"
#include "engine/model/model.h"
#include "engine/model/weight_map.h"

namespace vitrine::engine {

using nlohmann::json;

namespace {

/// Facts about the file that an expression may ask for.
void add_file_functions(Scope& scope, const Checkpoint& file) {
  scope.functions["has"] = [&file](const std::vector<json>& a) -> Result<json> {
    return json(a.size() == 1 && a[0].is_string() && file.find(a[0].get<std::string>()) != nullptr);
  };
  scope.functions["dim"] = [&file](const std::vector<json>& a) -> Result<json> {
    if (a.size() != 2 || !a[0].is_string() || !a[1].is_number_integer()) return fail(ErrorCode::FileFormat, "dim('tensor', axis)");
    const TensorEntry* e = file.find(a[0].get<std::string>());
    const auto axis = a[1].get<std::int64_t>();
    if (!e || axis < 0 || axis >= static_cast<std::int64_t>(e->shape.size())) return json();
    return json(e->shape[static_cast<std::size_t>(axis)]);
  };
  scope.functions["count"] = [&file](const std::vector<json>& a) -> Result<json> {
    if (a.size() != 1 || !a[0].is_string()) return fail(ErrorCode::FileFormat, "count('name with {i}')");
    std::int64_t n = 0;
    while (n < 10000 && file.find(fill_name(a[0].get<std::string>(), {{"i", std::to_string(n)}}))) ++n;
    return json(n);
  };
}

bool any_equals(const json& list, const json& value) {
  return std::any_of(list.begin(), list.end(), [&](const json& item) { return item == value; });
}

bool rule_matches(const json& rule, const json& config, const Checkpoint& file) {
  if (rule.contains("model_type") && !(config.is_object() && any_equals(rule["model_type"], config.value("model_type", json())))) return false;
  if (rule.contains("class")) {
    const json classes = config.is_object() ? config.value("architectures", json::array()) : json::array();
    if (!classes.is_array() || std::none_of(classes.begin(), classes.end(), [&](const json& c) { return any_equals(rule["class"], c); })) return false;
  }
  if (rule.contains("timm")) {
    const json name = config.is_object() ? config.value("architecture", json()) : json();
    if (!name.is_string()) return false;
    const auto& text = name.get_ref<const std::string&>();
    if (std::none_of(rule["timm"].begin(), rule["timm"].end(), [&](const json& p) { return text.starts_with(p.get<std::string>()); })) return false;
  }
  if (rule.contains("keys")) {
    if (!config.is_object()) return false;
    for (const auto& key : rule["keys"]) if (!config.contains(key.get<std::string>())) return false;
  }
  if (rule.contains("values")) {
    if (!config.is_object()) return false;
    for (const auto& [key, value] : rule["values"].items()) if (config.value(key, json()) != value) return false;
  }
  if (rule.contains("gguf") && !any_equals(rule["gguf"], file.metadata().is_object() ? file.metadata().value("general.architecture", json()) : json())) return false;
  if (rule.contains("tensors"))
    for (const auto& name : rule["tensors"]) if (!file.find(name.get<std::string>())) return false;
  return true;
}

Result<json> config_from(const json& form, const json& source, const Checkpoint& file) {
  Scope scope;
  scope.config = &source;
  add_file_functions(scope, file);
  return expand(form, scope);
}

std::string known(const std::vector<Architecture>& all) {
  std::string names;
  for (const auto& a : all) names += (names.empty() ? "" : ", ") + a.id;
  return names;
}

}  // namespace

Status ArchitectureRegistry::add_file(const std::filesystem::path& file) {
  VITRINE_TRY(json form, read_json_file(file));
  Architecture a{form.value("id", std::string()), form.value("title", std::string()), form.value("source", std::string()), {}, file};
  if (a.id.empty() || !form.contains("detect") || !form.contains("spec"))
    return fail_file(ErrorCode::FileFormat, file.string(), "an architecture needs id, detect and spec");
  if (std::any_of(all_.begin(), all_.end(), [&](const auto& b) { return b.id == a.id; }))
    return fail_file(ErrorCode::FileFormat, file.string(), "duplicate architecture id '" + a.id + "'");
  a.form = std::move(form);
  all_.push_back(std::move(a));
  return {};
}

Status ArchitectureRegistry::add_folder(const std::filesystem::path& folder) {
  std::error_code ignored;
  std::vector<std::filesystem::path> files;
  for (const auto& item : std::filesystem::directory_iterator(folder, ignored))
    if (item.path().extension() == ".json") files.push_back(item.path());
  std::sort(files.begin(), files.end());
  Status first;
  for (const auto& file : files)
    if (Status s = add_file(file); !s && first) first = s;
  return first;
}

Result<ArchitectureRegistry::Match> ArchitectureRegistry::match(const json& config, const Checkpoint& file) const {
  for (const auto& a : all_)
    for (const auto& rule : a.form["detect"]) {
      if (!rule_matches(rule, config, file)) continue;
      Match m{&a, config.is_object() ? config : json::object()};
      if (!config.is_object() && a.form.contains("config_from_gguf") && file.format() == "gguf") {
        VITRINE_TRY(m.config, config_from(a.form["config_from_gguf"], file.metadata(), file));
      } else if (!config.is_object() && a.form.contains("config_from_tensors")) {
        VITRINE_TRY(m.config, config_from(a.form["config_from_tensors"], file.metadata(), file));
      }
      return m;
    }
  std::string said = "nothing that says what it is";
  if (config.is_object()) {
    const json type = config.contains("model_type") ? config["model_type"] : config.value("architecture", config.value("architectures", json()));
    said = "model_type or architecture " + type.dump();
  } else if (file.metadata().is_object() && file.metadata().contains("general.architecture")) {
    said = "architecture " + file.metadata()["general.architecture"].dump();
  }
  return fail(ErrorCode::Unsupported, "expected a model of a known architecture (" + known(all_) + "), came " + said);
}

ArchitectureRegistry& architectures() {
  static ArchitectureRegistry registry = [] {
    ArchitectureRegistry r;
    std::error_code ignored;
    for (const auto& root : {resources_folder() / ".." / "plugins", resources_folder() / "plugins"})
      for (const auto& group : std::filesystem::directory_iterator(root, ignored))
        if (std::filesystem::is_directory(group.path() / "architectures", ignored)) (void)r.add_folder(group.path() / "architectures");
    return r;
  }();
  return registry;
}

Result<Expanded> expand_architecture(const Architecture& architecture, const json& config, const Checkpoint& file) {
  const json& form = architecture.form;
  json merged = config;
  if (config.is_object() && config.contains("model_args")) {   // timm and paper code: named defaults, then arguments
    const json variants = form.value("variants", json::object());
    const auto name = config.value("architecture", std::string());
    json flat = variants.value(name, variants.value("default", json::object()));
    flat.update(config);
    if (config["model_args"].is_object()) flat.update(config["model_args"]);
    merged = std::move(flat);
  }
  Scope scope;
  scope.config = &merged;
  add_file_functions(scope, file);
  for (const auto& line : form.value("let", json::array())) {
    const auto text = line.get<std::string>();
    const std::size_t equals = text.find(" = ");
    if (equals == std::string::npos) return fail(ErrorCode::FileFormat, "architecture " + architecture.id + ": a definition needs ' = ': " + text);
    VITRINE_TRY(scope.names[text.substr(0, equals)], evaluate(text.substr(equals + 3), scope));
  }
  VITRINE_TRY(json spec_form, expand(form["spec"], scope));
  Expanded out;
  VITRINE_TRY(out.spec, spec_from_json(spec_form));
  out.spec.architecture = architecture.id;
  if (out.spec.title.empty() || out.spec.title == out.spec.architecture) out.spec.title = architecture.title;
  const char* key = file.format() == "gguf" && form.contains("weights_gguf") ? "weights_gguf"
                    : file.format() == "onnx" && form.contains("weights_onnx") ? "weights_onnx" : "weights";
  VITRINE_TRY(out.weights, expand(form.value(key, json::object()), scope));
  out.prefixes = form.value("prefixes", std::vector<std::string>());
  out.ignore = form.value("ignore", std::vector<std::string>());
  return out;
}

}  // namespace vitrine::engine
