#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "plugins/analyses/code_corpus.h"

namespace vitrine::plugins {

namespace {

constexpr std::size_t kMaxClasses = 4096;

Result<Report> code_purity(const AnalysisRequest& request) {
  VITRINE_TRY(const auto wanted, codebooks_of(request, true));
  const std::string pattern = request.params["pattern"];
  VITRINE_TRY(const auto corpus, code_corpus(request.workspace.shared_model(), request.progress));
  VITRINE_TRY(const auto hits, find_pattern(*corpus, pattern));
  std::map<std::string, int> classes;
  for (const auto& hit : hits) classes.emplace(hit.text, 0);
  if (classes.empty()) return fail(ErrorCode::InvalidInput, "the pattern '" + pattern + "' matches nothing in the corpus");
  if (classes.size() > kMaxClasses)
    return fail(ErrorCode::DoesNotFit, fmt::format("the pattern has {} different matches, of which at most {} can be told apart", classes.size(), kMaxClasses));
  int number = 0;
  std::vector<std::string> names;
  for (auto& [text, id] : classes) { id = number++; names.push_back(text); }
  std::vector<std::int64_t> positions;
  std::vector<int> labels;
  for (const auto& hit : hits) { positions.push_back(hit.position); labels.push_back(classes.at(hit.text)); }
  Report report;
  report.picture = PictureKind::Table;
  report.title = "Codes as names of '" + pattern + "'";
  describe_corpus(report, request, *corpus);
  Table books{"codebooks", {{"codebook", "", 4}, {"purity", "share", 3}, {"recall of own codes", "share", 3}, {"best code precision", "share", 3}, {"precision anywhere", "share", 3}, {"best code recall", "share", 3}, {"codes used", "", 6}}, {}};
  Table best{"best codes", {{"codebook", "", 4}, {"class", "", 4}, {"code", "", 6}, {"precision", "share", 3}, {"precision anywhere", "share", 3}, {"recall", "share", 3}, {"F1", "", 3}, {"occurrences", "", 6}}, {}};
  const auto titles = codebook_titles(request.workspace.model());
  for (int b : wanted) {
    VITRINE_CHECK(request.progress.step(1, "purity"));
    const auto& title = titles[static_cast<std::size_t>(b)];
    const auto m = class_measures(corpus->books[static_cast<std::size_t>(b)], request.workspace.model().codebooks()[static_cast<std::size_t>(b)].codes, positions, labels, number);
    books.rows.push_back({title, m.purity, m.recall_of_own_codes, m.best_code_precision, m.best_code_precision_anywhere, m.best_code_recall, static_cast<double>(m.codes_used)});
    for (std::size_t c = 0; c < m.best.size(); ++c)
      best.rows.push_back({title, names[c], static_cast<double>(m.best[c].score.code), m.best[c].precision_labelled, m.best[c].score.precision, m.best[c].score.recall, m.best[c].score.f1, static_cast<double>(m.best[c].occurrences)});
  }
  report.tables = {std::move(books), std::move(best)};
  report.metrics.push_back({"classes", static_cast<double>(number), "", {}});
  report.metrics.push_back({"labelled tokens", static_cast<double>(positions.size()), "tokens", {}});
  report.notes["classes"] = "every different text that the pattern matches is a class";
  report.notes["purity"] = "share of matching tokens that are of the most frequent class of their best code";
  report.verified = {"counted over real activations of the unedited model", -1, -1, true};
  return report;
}

}  // namespace

void register_code_purity(PluginRegistrar& registrar) {
  registrar.add(make_analysis(corpus_analysis("code_purity", "Codes as names", "How well the codes of each codebook tell apart what a pattern matches, such as the states of a machine.",
                                              {text_param("pattern", "..", "regular expression; each different match is a class"), codebook_param(true)}),
                              code_purity));
}

}  // namespace vitrine::plugins
