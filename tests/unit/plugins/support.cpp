#include "tests/unit/plugins/support.h"

#include <fstream>
#include <sstream>
#include <stdexcept>

#include "engine/io/checkpoint.h"
#include "engine/plugin/loader.h"

namespace vitrine::test {

namespace {

std::filesystem::path path_of(const std::string& file) {
  return std::filesystem::path(VITRINE_SOURCE_DIR) / "tests/golden" / (file.starts_with("analysis/") ? file : "trained/" + file);
}

std::vector<std::string> fields(std::string line) {
  if (line.ends_with('\r')) line.pop_back();
  std::vector<std::string> out;
  std::istringstream in(line);
  for (std::string field; std::getline(in, field, ',');) out.push_back(field);
  if (line.ends_with(',')) out.emplace_back();
  return out;
}

}  // namespace

Golden golden(const std::string& file, const std::string& tensor) {
  const auto opened = open_checkpoint(path_of(file));
  if (!opened) throw std::runtime_error(sentence(opened.error()));
  const TensorEntry* entry = (*opened)->find(tensor);
  if (!entry) throw std::runtime_error(file + " has no " + tensor);
  auto values = (*opened)->read_f32(*entry);
  if (!values) throw std::runtime_error(sentence(values.error()));
  return {entry->shape, std::move(*values)};
}

std::vector<std::map<std::string, std::string>> golden_csv(const std::string& file) {
  std::ifstream in(path_of(file));
  std::string line;
  if (!std::getline(in, line)) throw std::runtime_error("no " + file);
  const auto names = fields(line);
  std::vector<std::map<std::string, std::string>> rows;
  while (std::getline(in, line)) {
    const auto values = fields(line);
    auto& row = rows.emplace_back();
    for (std::size_t i = 0; i < names.size(); ++i) row[names[i]] = i < values.size() ? values[i] : "";
  }
  return rows;
}

nlohmann::json golden_json(const std::string& file) {
  std::ifstream in(path_of(file));
  return nlohmann::json::parse(in);
}

std::shared_ptr<const Model> demo(const std::string& name) {
  auto opened = open_model("demo:" + name);
  if (!opened) throw std::runtime_error(sentence(opened.error()));
  return *opened;
}

InputItem text_input(const std::string& text) {
  InputItem item;
  item.text = text;
  return item;
}

InputItem sample_input(const std::string& demo) {
  InputItem item;
  const auto samples = resources_folder() / "samples";
  if (demo == "vit_digits") item.image = samples / "digit_3.png";
  else if (demo == "crate_digits") item.image = samples / "digit_8.png";
  else if (demo == "codebook_fsm") item.text = "55531334540312";
  else if (demo == "clip_glyphs") item.image = samples / "glyph_small_g.png", item.captions = {"a small letter g", "a digit 7"};
  else item.text = "It was not in her nature to question the veracity";
  return item;
}

const AnalysisRegistry& analyses() {
  static const PluginSet set = load_plugins({{VITRINE_BINARY_DIR "/plugins", PluginOrigin::BuiltIn}});
  for (const auto& plugin : set.plugins)
    if (!plugin.active) throw std::runtime_error(plugin.folder.string() + ": " + plugin.message);
  return set.analyses;
}

Result<Report> analyse(const std::shared_ptr<const Model>& model, const std::string& id, const nlohmann::json& params, const std::optional<InputItem>& input, const EditList& edits) {
  VITRINE_TRY(const auto* analysis, analyses().get(id));
  VITRINE_TRY(const auto checked, check_params((*analysis)->info(), params));
  Workspace workspace(model);
  if (input) VITRINE_CHECK(workspace.set_input(*input));
  const AnalysisRequest request{workspace, edits, checked, {}, {}};
  return (*analysis)->run(request);
}

const Array& array_named(const Report& report, const std::string& name) {
  for (const auto& array : report.arrays) if (array.name == name) return array;
  throw std::runtime_error(report.id + " has no array " + name);
}

double metric_named(const Report& report, const std::string& name) {
  for (const auto& metric : report.metrics) if (metric.name == name) return metric.value;
  throw std::runtime_error(report.id + " has no metric " + name);
}

double number(const Cell& cell) { return std::get<double>(cell); }
std::string words(const Cell& cell) { return std::get<std::string>(cell); }

}  // namespace vitrine::test
