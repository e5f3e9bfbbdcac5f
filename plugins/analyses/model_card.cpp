#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "engine/io/tensor_list.h"
#include "engine/model/build.h"
#include "plugins/analyses/common.h"

namespace vitrine::plugins {

namespace {

std::string size_text(double bytes) {
  const char* units[] = {"B", "KB", "MB", "GB", "TB"};
  int u = 0;
  while (bytes >= 1000 && u < 4) { bytes /= 1000; ++u; }
  return u == 0 ? fmt::format("{:.0f} B", bytes) : fmt::format("{:.1f} {}", bytes, units[u]);
}

void add_file_facts(Table& table, const Model& model) {
  const Checkpoint& file = model.checkpoint();
  std::uint64_t bytes = 0;
  const auto tensors = tensor_list(file);
  for (std::size_t i = 0; i < tensors->size(); ++i) bytes += tensors->at(i).bytes;
  table.rows.push_back({std::string("format"), file.format() + fmt::format(", {} tensors, {}", tensors->size(), size_text(static_cast<double>(bytes)))});
  int shown = 0;
  if (file.metadata().is_object())
    for (const auto& [key, value] : file.metadata().items()) {
      if (!value.is_primitive() || shown >= 12 || key.starts_with("tokenizer.")) continue;
      const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
      table.rows.push_back({"file: " + key, text.size() > 120 ? text.substr(0, 117) + "..." : text});
      ++shown;
    }
  for (const auto& warning : file.warnings()) table.rows.push_back({std::string("warning"), warning});
  for (const auto& warning : model.parts().warnings) table.rows.push_back({std::string("warning"), warning});
  const auto counted = [&](const char* what, const std::vector<std::string>& names) {
    if (!names.empty()) table.rows.push_back({std::string(what), fmt::format("{}: {}{}", names.size(), names[0], names.size() > 1 ? ", …" : "")});
  };
  counted("missing tensors", model.weight_problems().missing);
  counted("tensors of another shape", model.weight_problems().wrong_shape);
  if (!model.weight_problems().unexpected.empty())
    table.rows.push_back({std::string("unused tensors"), fmt::format("{}: {}{}", model.weight_problems().unexpected.size(), model.weight_problems().unexpected[0], model.weight_problems().unexpected.size() > 1 ? ", …" : "")});
}

Result<Report> card(const AnalysisRequest& request) {
  const Model& model = request.workspace.model();
  Report report;
  report.picture = PictureKind::Table;
  report.title = model.name();
  report.subtitle = model.spec().title;
  Table table{"model", {{"fact", "", 4}, {"value", "", 6}}, {}};
  const bool runs = model.cannot_run().empty();
  table.rows.push_back({std::string("architecture"), model.spec().title.empty() ? std::string("not known") : model.spec().title});
  if (!runs) table.rows.push_back({std::string("cannot run"), model.cannot_run()});
  table.rows.push_back({std::string("parameters"), fmt::format("{:.2f} M", static_cast<double>(model.parameter_count()) / 1e6)});
  for (const auto& t : model.towers()) {
    const std::string where_ = t.prefix.empty() ? "" : t.prefix.substr(0, t.prefix.size() - 1) + ": ";
    std::string heads = t.mixers.empty() ? "no mixers" : fmt::format("{} × {} {}", t.layers, max_heads(t), t.mixers[0].kind == "mamba" ? "channels" : "heads");
    if (!t.mixers.empty() && t.mixers[0].kv_heads != t.mixers[0].heads && t.mixers[0].kv_heads > 0) heads += fmt::format(" ({} key-value heads)", t.mixers[0].kv_heads);
    table.rows.push_back({where_ + "layers × heads", heads});
    table.rows.push_back({where_ + "d_model", static_cast<double>(t.d_model)});
    if (!t.mixers.empty()) table.rows.push_back({where_ + "token mixer", t.mixers[0].kind});
  }
  if (!model.codebooks().empty()) table.rows.push_back({std::string("codebooks"), fmt::format("{}, up to {} codes", model.codebooks().size(), model.codebooks().back().codes)});
  if (model.tokenizer()) table.rows.push_back({std::string("tokenizer"), fmt::format("{}, {} tokens", model.tokenizer()->kind(), model.tokenizer()->vocab_size())});
  if (!model.class_labels().empty()) table.rows.push_back({std::string("classes"), static_cast<double>(model.class_labels().size())});
  table.rows.push_back({std::string("dtype"), std::string(dtype_name(model.dtype()))});
  add_file_facts(table, model);
  report.tables.push_back(std::move(table));
  if (!runs) {
    report.metrics.push_back({"values", static_cast<double>(model.parameter_count()), "", {}});
    report.verified = {"values counted from the shapes in the file's header", -1, -1, true};
    return report;
  }
  RunRequest run;
  if (request.workspace.has_input()) run.inputs = request.workspace.input().tensors;
  VITRINE_TRY(const Forecast f, forecast(model, run));
  report.metrics.push_back({"parameters", static_cast<double>(model.parameter_count()), "", {}});
  report.metrics.push_back({"weights", static_cast<double>(f.weights_bytes), "bytes", {}});
  report.metrics.push_back({"forecast peak memory", static_cast<double>(f.peak_bytes), "bytes", {}});
  report.metrics.push_back({"forecast time", 1000 * f.seconds, "ms", {}});
  report.verified = {"parameters counted from the tensors that are used; memory and time are forecasts", -1, -1, true};
  return report;
}

}  // namespace

void register_model_card(PluginRegistrar& registrar) {
  AnalysisInfo info{"model_card", "Model card", "What the model is: architecture, size, heads, forecast, and what the file says about itself.", "", {}};
  info.needs_pass = info.needs_input = false;
  registrar.add(make_analysis(std::move(info), card));
}

}  // namespace vitrine::plugins
