#include "engine/compress/compression.h"

#include <nlohmann/json.hpp>

#include "engine/compress/smaller.h"
#include "engine/compress/verify.h"
#include "engine/io/json.h"
#include "engine/io/report_json.h"
#include "engine/run/workspace.h"

namespace vitrine::engine {

Result<Report> compress_to(const Compression& method, const AnalysisRequest& request, const std::filesystem::path& folder) {
  VITRINE_TRY(const CompressionPlan plan, method.plan(request));
  if (plan.edits.empty()) return fail(ErrorCode::Usage, "the plan takes nothing away; there is nothing to export");
  const Model& original = request.workspace.model();
  VITRINE_TRY(const SmallerModel smaller, cut_out(original, plan.edits));
  VITRINE_CHECK(write_model(original, smaller, folder));
  VITRINE_TRY(const auto reloaded, open_model(folder.string(), {.dtype = original.dtype()}, request.progress));
  std::map<std::string, Tensor> inputs;
  if (request.workspace.has_input()) inputs = request.workspace.input().tensors;
  VITRINE_TRY(Report report, verify_smaller(original, plan.edits, *reloaded, std::move(inputs), request.progress));
  for (const auto& table : plan.report.tables) report.tables.push_back(table);
  for (const auto& [key, text] : plan.report.notes) report.notes["plan: " + key] = text;
  for (std::size_t i = 0; i < smaller.notes.size(); ++i) report.notes["kept " + std::to_string(i)] = smaller.notes[i];
  nlohmann::json form = report_to_json(report);
  form["edits"] = edits_to_json(plan.edits);
  form["method"] = method.info().id;
  form["original"] = original.path().string();
  VITRINE_CHECK(write_file_atomically(folder / "report.json", form.dump(1)));
  report.text = folder.string();
  if (!report.verified.ok)
    return fail(ErrorCode::AssertionFailed, "the exported model differs from the masked one by " + std::to_string(report.verified.max_abs_diff));
  return report;
}

}  // namespace vitrine::engine
