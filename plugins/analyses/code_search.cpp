#include <algorithm>
#include <cmath>
#include <set>

#include <fmt/format.h>

#include "plugins/analyses/code_corpus.h"

namespace vitrine::plugins {

namespace {

std::vector<std::int64_t> positions_of(const std::vector<PatternHit>& hits) {
  std::set<std::int64_t> unique;
  for (const auto& hit : hits) unique.insert(hit.position);
  return {unique.begin(), unique.end()};
}

/// Every code of a codebook fires on k codes a token, so the hits of all its codes must add up.
struct Sum {
  double worst = 0;
  void add(const std::vector<CodeScore>& scores, int k, std::size_t positions) {
    std::int64_t hits = 0;
    for (const auto& s : scores) hits += s.hits;
    worst = std::max(worst, std::abs(static_cast<double>(hits) - static_cast<double>(positions) * k));
  }
};

Result<Report> code_search(const AnalysisRequest& request) {
  VITRINE_TRY(const auto wanted, codebooks_of(request, true));
  const std::string pattern = request.params["pattern"];
  VITRINE_TRY(const auto corpus, code_corpus(request.workspace.shared_model(), request.progress));
  VITRINE_TRY(const auto hits, find_pattern(*corpus, pattern));
  const auto positions = positions_of(hits);
  std::vector<std::pair<int, CodeScore>> found;
  Sum sum;
  for (int b : wanted) {
    VITRINE_CHECK(request.progress.step(1, "search"));
    const auto& book = corpus->books[static_cast<std::size_t>(b)];
    const auto scores = score_codes(book.codes, book.k, request.workspace.model().codebooks()[static_cast<std::size_t>(b)].codes, positions);
    sum.add(scores, book.k, positions.size());
    for (const auto& s : scores) found.emplace_back(b, s);
  }
  std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.second.f1 > b.second.f1; });
  Report report;
  report.picture = PictureKind::Table;
  report.title = "Codes that fire on '" + pattern + "'";
  describe_corpus(report, request, *corpus);
  Table table{"codes", {{"codebook", "", 4}, {"code", "", 6}, {"precision", "share", 3}, {"recall", "share", 3}, {"F1", "", 3}, {"activations", "", 6}, {"hits", "", 6}}, {}};
  const auto titles = codebook_titles(request.workspace.model());
  const auto count = static_cast<std::size_t>(std::clamp<std::int64_t>(request.params["count"].get<std::int64_t>(), 1, 10000));
  for (std::size_t i = 0; i < std::min(count, found.size()); ++i) {
    const auto& [b, s] = found[i];
    table.rows.push_back({titles[static_cast<std::size_t>(b)], static_cast<double>(s.code), s.precision, s.recall, s.f1, static_cast<double>(s.activations), static_cast<double>(s.hits)});
  }
  report.tables.push_back(std::move(table));
  report.metrics.push_back({"matches", static_cast<double>(hits.size()), "", {}});
  report.metrics.push_back({"matching tokens", static_cast<double>(positions.size()), "tokens", {}});
  report.metrics.push_back({"codes found", static_cast<double>(found.size()), "", {}});
  report.notes["precision"] = "activations on matching tokens / activations anywhere";
  report.notes["recall"] = "activations on matching tokens / matching tokens";
  report.verified = {"hits of all codes of a codebook against k a matching token", sum.worst, 0, sum.worst == 0};
  return report;
}

}  // namespace

void register_code_search(PluginRegistrar& registrar) {
  registrar.add(make_analysis(corpus_analysis("code_search", "Search for codes", "Codes that fire where a text pattern matches in the corpus of the model.",
                                              {text_param("pattern", "", "text or regular expression"), codebook_param(true), int_param("count", 100, "how many codes")}),
                              code_search));
}

}  // namespace vitrine::plugins
