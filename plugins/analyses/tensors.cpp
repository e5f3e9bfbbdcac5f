#include <algorithm>

#include <fmt/format.h>

#include "engine/core/name_match.h"
#include "engine/io/tensor_list.h"
#include "plugins/analyses/tensor_choice.h"

namespace vitrine::plugins {

namespace {

void add_problems(Report& report, const Model& model) {
  const WeightProblems& problems = model.weight_problems();
  Table table{"problems", {{"what", "", 4}, {"tensor", "", 4}}, {}};
  for (const auto& name : problems.missing) table.rows.push_back({std::string("missing"), name});
  for (const auto& name : problems.wrong_shape) table.rows.push_back({std::string("wrong shape"), name});
  for (const auto& name : problems.unexpected) table.rows.push_back({std::string("unexpected"), name});
  if (!table.rows.empty()) report.tables.push_back(std::move(table));
  if (!model.cannot_run().empty()) report.text = "This file cannot run: " + model.cannot_run();
}

Result<Report> tensors(const AnalysisRequest& request) {
  const Model& model = request.workspace.model();
  const Checkpoint& file = model.checkpoint();
  const auto filter = request.params.value("filter", std::string());
  Report report;
  report.picture = PictureKind::Table;
  report.subtitle = fmt::format("{} · {}", model.name(), file.format());
  Table table{"tensors", {{"name", "", 4}, {"dtype", "", 4}, {"shape", "", 4}, {"values", "", 9}, {"bytes", "bytes", 9}}, {}};
  const auto tensors = tensor_list(file);
  table.rows.reserve(filter.empty() ? tensors->size() : 0);
  double values = 0, bytes = 0;
  for (std::size_t i = 0; i < tensors->size(); ++i) {
    const ListedTensor entry = tensors->at(i);
    std::string name(entry.name);
    if (!filter.empty() && !name_matches(name, filter)) continue;
    const auto count = static_cast<double>(entry.numel());
    table.rows.push_back({std::move(name), std::string(entry.dtype), shape_words({entry.shape.begin(), entry.shape.end()}), count, static_cast<double>(entry.bytes)});
    values += count;
    bytes += static_cast<double>(entry.bytes);
  }
  report.metrics = {{"tensors", static_cast<double>(table.rows.size()), "", {}}, {"values", values, "", {}}, {"bytes", bytes, "bytes", {}}};
  report.tables.push_back(std::move(table));
  add_problems(report, model);
  for (std::size_t i = 0; i < std::min<std::size_t>(file.warnings().size(), 20); ++i) report.notes[fmt::format("warning {}", i + 1)] = file.warnings()[i];
  report.verified = {"names, types and ranges as the file's header states them, each range inside the file", -1, -1, true};
  return report;
}

}  // namespace

void register_tensors(PluginRegistrar& registrar) {
  AnalysisInfo info{"tensors", "Tensors of the file",
                    "Every tensor of the weights file with type, shape and size, and what is missing, unexpected or of another shape.", "",
                    {text_param("filter", "", "words of the name, or a pattern with * and ?; empty: all")}};
  info.needs_pass = info.needs_input = false;
  registrar.add(make_analysis(std::move(info), tensors));
}

}  // namespace vitrine::plugins
