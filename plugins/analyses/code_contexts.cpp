#include <algorithm>

#include <fmt/format.h>

#include "plugins/analyses/code_corpus.h"

namespace vitrine::plugins {

namespace {

Result<Report> code_contexts(const AnalysisRequest& request) {
  VITRINE_TRY(const auto wanted, codebooks_of(request, false));
  const CodebookInfo& info = request.workspace.model().codebooks()[static_cast<std::size_t>(wanted[0])];
  VITRINE_TRY(const int code, code_of(request, info));
  VITRINE_TRY(const auto corpus, code_corpus(request.workspace.shared_model(), request.progress));
  const auto& book = corpus->books[static_cast<std::size_t>(wanted[0])];
  std::vector<std::pair<float, std::int64_t>> found;   // strength, position
  std::int64_t at_start = 0, out_of_order = 0;
  for (std::size_t i = 0; i < book.codes.size(); ++i) {
    if (i % static_cast<std::size_t>(book.k) != 0 && book.scores[i] > book.scores[i - 1]) ++out_of_order;
    if (book.codes[i] != code) continue;
    const auto position = static_cast<std::int64_t>(i) / book.k;
    if (corpus->start_token && corpus->first[corpus->window_of(position)] == position) ++at_start;
    else found.emplace_back(book.scores[i], position);
  }
  std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  const std::int64_t text_tokens = corpus->positions() - (corpus->start_token ? static_cast<std::int64_t>(corpus->windows.size()) : 0);
  Report report;
  report.picture = PictureKind::Table;
  report.title = fmt::format("Contexts of code {} of {}", code, codebook_title(info));
  describe_corpus(report, request, *corpus);
  report.notes.erase("where");
  Table table{"contexts", {{"context", "", 4}, {"strength", "", 3}, {"window", "", 6}, {"position", "", 6}}, {}};
  const auto count = static_cast<std::size_t>(std::clamp<std::int64_t>(request.params["count"].get<std::int64_t>(), 1, 10000));
  for (std::size_t i = 0; i < std::min(count, found.size()); ++i) {
    const std::size_t w = corpus->window_of(found[i].second);
    table.rows.push_back({corpus->context(found[i].second), static_cast<double>(found[i].first), static_cast<double>(w), static_cast<double>(found[i].second - corpus->first[w])});
  }
  report.tables.push_back(std::move(table));
  report.metrics.push_back({"activations", static_cast<double>(found.size()), "tokens", {}});
  report.metrics.push_back({"share", static_cast<double>(found.size()) / static_cast<double>(std::max<std::int64_t>(1, text_tokens)), "of tokens", {}});
  if (corpus->start_token) report.metrics.push_back({"activations on start tokens", static_cast<double>(at_start), "tokens", {}});
  report.notes["strength"] = "score of the code, LN(a) . c / |c|; the token that it fires on is in brackets";
  report.verified = {"each token's codes are in the order of their scores", static_cast<double>(out_of_order), 0, out_of_order == 0};
  return report;
}

}  // namespace

void register_code_contexts(PluginRegistrar& registrar) {
  registrar.add(make_analysis(corpus_analysis("code_contexts", "Contexts of a code", "Where in the corpus of the model a code is strongest.",
                                              {codebook_param(false), int_param("code", 0, "number of the code"), int_param("count", 20, "how many contexts")}),
                              code_contexts));
}

}  // namespace vitrine::plugins
