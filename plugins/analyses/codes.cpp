#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "engine/tensor/guard.h"
#include "engine/tensor/ops.h"
#include "plugins/analyses/codebooks.h"

namespace vitrine::plugins {

namespace {

/// Tokens that chose the same codes must have the same output, whatever they came from.
/// @return largest difference between outputs [token, width] of tokens with equal rows of `codes` [token, k]
double spread_of_equal_codes(const std::vector<std::int64_t>& codes, std::size_t k, const std::vector<float>& outputs, std::size_t width) {
  std::map<std::vector<std::int64_t>, std::size_t> first;
  double worst = 0;
  for (std::size_t t = 0; t * k < codes.size(); ++t) {
    std::vector<std::int64_t> chosen(codes.begin() + static_cast<std::ptrdiff_t>(t * k), codes.begin() + static_cast<std::ptrdiff_t>((t + 1) * k));
    std::sort(chosen.begin(), chosen.end());
    const auto [it, is_new] = first.emplace(std::move(chosen), t);
    for (std::size_t i = 0; !is_new && i < width; ++i)
      worst = std::max(worst, static_cast<double>(std::abs(outputs[t * width + i] - outputs[it->second * width + i])));
  }
  return worst;
}

std::string joined(const std::vector<std::int64_t>& codes, std::size_t begin, std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += (i ? " " : "") + std::to_string(codes[begin + i]);
  return text;
}

Result<Report> codes(const AnalysisRequest& request) {
  VITRINE_TRY(const auto wanted, codebooks_of(request, true));
  const auto& books = request.workspace.model().codebooks();
  RunRequest run{.inputs = request.workspace.input().tensors, .edits = request.edits, .capture_maps = false, .keep_residuals = false};
  for (int b : wanted)
    for (const char* hook : {"hook_codes", "hook_scores", "hook_out"}) run.taps.push_back(codebook_hook(books[static_cast<std::size_t>(b)], hook));
  VITRINE_TRY(const auto made, run_model(request.workspace.model(), run, request.progress));
  Report report;
  report.picture = PictureKind::Matrix;
  report.title = "Codes";
  describe_input(report, request.workspace, "");
  Table table{"codes", {{"codebook", "", 4}, {"position", "", 4}, {"token", "", 4}, {"code", "", 6}, {"codes", "", 4}, {"score", "", 4}}, {}};
  std::vector<float> first;
  std::vector<std::string> titles, tokens;
  double worst = 0;
  for (int b : wanted) {
    const CodebookInfo& book = books[static_cast<std::size_t>(b)];
    const auto tap = made->taps.find(codebook_hook(book, "hook_codes"));
    if (tap == made->taps.end()) continue;   // of a tower that this input does not feed, or of a dropped layer
    VITRINE_CHECK(guard([&] {
      const auto chosen = select(tap->second, 0, 0).to_ints();
      const auto scores = select(made->taps.at(codebook_hook(book, "hook_scores")), 0, 0).to_floats();
      const Tensor out = select(made->taps.at(codebook_hook(book, "hook_out")), 0, 0);
      const auto k = static_cast<std::size_t>(tap->second.size(2));
      worst = std::max(worst, spread_of_equal_codes(chosen, k, out.to_floats(), static_cast<std::size_t>(out.size(1))));
      titles.push_back(codebook_title(book));
      if (tokens.empty()) tokens = token_texts(request.workspace, "", tap->second.size(1));
      for (std::size_t t = 0; t < tokens.size(); ++t) {
        first.push_back(static_cast<float>(chosen[t * k]));
        table.rows.push_back({titles.back(), static_cast<double>(t), tokens[t], static_cast<double>(chosen[t * k]), joined(chosen, t * k, k), static_cast<double>(scores[t * k])});
      }
    }));
  }
  if (titles.empty()) return fail(ErrorCode::Unsupported, "none of the codebooks asked for was run for this input");
  const std::vector<std::int64_t> shape{static_cast<std::int64_t>(titles.size()), static_cast<std::int64_t>(tokens.size())};
  report.arrays.push_back(make_array("code", "code", {{"codebook", "", titles}, {"token", "", tokens}}, shape, std::move(first)));
  report.tables.push_back(std::move(table));
  report.notes["score"] = "LN(a) . c / |c| of the best code; the table lists all codes that a token chose, best first";
  const bool changed = std::any_of(request.edits.begin(), request.edits.end(), [](const Edit& e) { return e.site.find("codebook") != std::string::npos && e.site.ends_with("hook_out"); });
  if (changed) report.verified = {"not checked: an edit changes what a codebook hands on", -1, -1, false};
  else report.verified = {"tokens with equal codes leave the codebook equal", worst, 1e-6, worst <= 1e-6};
  report.timing_ms = made->milliseconds;
  return report;
}

}  // namespace

void register_codes(PluginRegistrar& registrar) {
  AnalysisInfo info{"codes", "Codes", "Which codes of each codebook fire on each token.", "Tamkin et al. 2023, arXiv:2310.17230", {codebook_param(true)}};
  info.needs_codebooks = true;
  registrar.add(make_analysis(std::move(info), codes));
}

}  // namespace vitrine::plugins
