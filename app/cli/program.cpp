#include "app/cli/program.h"

#include <fmt/format.h>

#include "engine/core/version.h"
#include "engine/isolate/reader.h"
#include "engine/isolate/readers.h"
#include "engine/tensor/guard.h"

namespace vitrine::app {

using engine::ErrorCode;
using engine::fail;

namespace {

std::string protection_text() {
  if (!engine::isolate::reader_in_use()) return "are read by the program itself (--no-isolation)";
  const auto names = engine::isolate::protections();
  if (!names) return "are not read: " + sentence(names.error());
  return fmt::format("are read by a process of their own ({}, limits on memory and time)", fmt::join(*names, ", "));
}

}  // namespace

std::string version_text() {
  return fmt::format("vitrine {}\nlibtorch {}\ndevice cpu, {} threads\nbuild {}\nfiles {}", engine::version(),
                     engine::torch_version(), engine::threads(), engine::build_id(), protection_text());
}

void choose_reader(bool apart) {
  if (apart) engine::isolate::use_reader({engine::isolate::reader_program()});
  else engine::isolate::use_no_reader();
}

nlohmann::json model_json(const engine::Model& model) {
  return {{"path", model.path().string()}, {"sha256", model.sha256()}, {"architecture", model.spec().architecture}};
}

const engine::PluginSet& plugins() {
  static const engine::PluginSet set = engine::load_plugins();
  return set;
}

engine::Result<std::shared_ptr<const engine::Model>> open_model_of(Context& context, const std::string& model,
                                                                 const std::string& dtype, bool tensors_alone) {
  engine::OpenOptions options;
  options.dtype = dtype == "bf16" ? engine::DType::BF16 : engine::DType::F32;
  options.tensors_alone = tensors_alone;
  auto opened = engine::open_model(model, options, context.progress());
  if (!opened) return opened;
  if (!(*opened)->cannot_run().empty()) context.note("vitrine: " + model + ": opened for its tensors, it cannot run: " + (*opened)->cannot_run());
  const engine::WeightProblems& problems = (*opened)->weight_problems();
  if (!problems.missing.empty())
    context.note(fmt::format("vitrine: {}: the file lacks {} tensors ({}{})", model, problems.missing.size(), problems.missing.front(),
                             problems.missing.size() > 1 ? ", ..." : ""));
  for (const std::string& what : problems.wrong_shape) context.note("vitrine: " + model + ": " + what);
  if (!problems.unexpected.empty())
    context.note(fmt::format("vitrine: {}: {} tensors of the file are not used ({}{})", model, problems.unexpected.size(),
                             problems.unexpected.front(), problems.unexpected.size() > 1 ? ", ..." : ""));
  for (const std::string& warning : (*opened)->checkpoint().warnings()) context.note("vitrine: " + model + ": " + warning);
  return opened;
}

engine::Status check_needs(const engine::AnalysisInfo& info, const engine::Model& model, bool has_input) {
  VITRINE_CHECK(engine::check_runs(info, model));
  if (info.needs_input && !has_input)
    return fail(ErrorCode::Usage, fmt::format("expected an input (--text, --image, ...) for '{}', came none", info.id));
  if (info.needs_codebooks && model.codebooks().empty())
    return fail(ErrorCode::InvalidInput, fmt::format("expected a model with codebooks for '{}', came {}", info.id, model.name()));
  return {};
}

nlohmann::json verified_json(const engine::Verified& verified) {
  nlohmann::json json = {{"how", verified.how.empty() ? "not checked" : verified.how}, {"ok", verified.ok}};
  json["max_abs_diff"] = verified.max_abs_diff >= 0 ? nlohmann::json(verified.max_abs_diff) : nlohmann::json(nullptr);
  return json;
}

double Stopwatch::milliseconds() const {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start_).count();
}

}  // namespace vitrine::app
