#include <algorithm>
#include <map>

#include "plugins/analyses/code_corpus.h"

namespace vitrine::plugins {

namespace {

using Ranges = std::vector<std::pair<std::size_t, std::size_t>>;

Ranges literal_matches(const std::string& text, const std::string& pattern) {
  Ranges found;
  for (std::size_t at = 0; (at = text.find(pattern, at)) != std::string::npos; ++at) found.emplace_back(at, at + pattern.size());
  return found;
}

double ratio(std::int64_t part, std::int64_t whole) { return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 0; }

CodeScore score(int code, std::int64_t hits, std::int64_t activations, std::int64_t wanted) {
  CodeScore s{code, hits, activations, ratio(hits, activations), ratio(hits, wanted), 0};
  if (hits > 0) s.f1 = 2 * s.precision * s.recall / (s.precision + s.recall);
  return s;
}

bool better(const CodeScore& a, const CodeScore& b) { return a.f1 != b.f1 ? a.f1 > b.f1 : a.code < b.code; }

}  // namespace

Result<std::vector<PatternHit>> find_pattern(const CodeCorpus& corpus, const std::string& pattern) {
  if (pattern.empty()) return fail(ErrorCode::Usage, "the pattern is empty; expected a text such as 'the' or an expression such as '[0-9]+'");
  const bool literal = pattern.find_first_of(".^$*+?()[]{}|\\") == std::string::npos;
  text::Pattern compiled = text::Pattern::literal(pattern);
  if (!literal) {
    auto regex = text::Pattern::regex(pattern, "pattern");
    if (!regex) return fail(ErrorCode::Usage, "the pattern '" + pattern + "' is not a regular expression: " + regex.error().message);
    compiled = std::move(*regex);
  }
  std::vector<PatternHit> hits;
  for (std::size_t w = 0; w < corpus.windows.size(); ++w) {
    const CorpusWindow& window = corpus.windows[w];
    Ranges ranges;
    if (literal) {
      ranges = literal_matches(window.text, pattern);
    } else {
      for (const auto& m : compiled.find(window.text)) if (m.matched) ranges.emplace_back(m.begin, m.end);
    }
    std::size_t token = 0;   // ranges end further and further on
    for (const auto& [begin, end] : ranges) {
      while (token < window.bytes.size() && window.bytes[token].second < end) ++token;
      if (token == window.bytes.size()) break;
      std::size_t last = token;   // the last of the tokens that share a character
      while (last + 1 < window.bytes.size() && window.bytes[last + 1] == window.bytes[token]) ++last;
      hits.push_back({corpus.first[w] + static_cast<std::int64_t>(last), window.text.substr(begin, end - begin)});
    }
  }
  return hits;
}

std::vector<CodeScore> score_codes(const std::vector<std::int32_t>& codes, int k, int n_codes, const std::vector<std::int64_t>& positions) {
  std::vector<std::int64_t> anywhere(static_cast<std::size_t>(n_codes), 0), hits(anywhere);
  for (auto code : codes) ++anywhere[static_cast<std::size_t>(code)];
  for (auto p : positions)
    for (int j = 0; j < k; ++j) ++hits[static_cast<std::size_t>(codes[static_cast<std::size_t>(p * k + j)])];
  std::vector<CodeScore> found;
  for (int c = 0; c < n_codes; ++c)
    if (hits[static_cast<std::size_t>(c)] > 0)
      found.push_back(score(c, hits[static_cast<std::size_t>(c)], anywhere[static_cast<std::size_t>(c)], static_cast<std::int64_t>(positions.size())));
  std::sort(found.begin(), found.end(), better);
  return found;
}

ClassMeasures class_measures(const CodeCorpus::Book& book, int n_codes, const std::vector<std::int64_t>& positions, const std::vector<int>& labels, int classes) {
  ClassMeasures out;
  const auto codes = static_cast<std::size_t>(n_codes);
  std::vector<std::int64_t> anywhere(codes, 0), labelled(codes, 0), occurrences(static_cast<std::size_t>(classes), 0);
  std::map<std::pair<int, int>, std::int64_t> together;   // (code, class)
  for (std::size_t i = 0; i < book.codes.size(); i += static_cast<std::size_t>(book.k)) ++anywhere[static_cast<std::size_t>(book.codes[i])];
  for (std::size_t i = 0; i < positions.size(); ++i) {
    const int code = book.codes[static_cast<std::size_t>(positions[i] * book.k)];
    ++labelled[static_cast<std::size_t>(code)];
    ++occurrences[static_cast<std::size_t>(labels[i])];
    ++together[{code, labels[i]}];
  }
  for (auto n : anywhere) out.codes_used += n > 0;
  std::vector<std::pair<std::int64_t, int>> owner(codes, {0, -1});   // how often the code's most frequent class, and which
  out.best.resize(static_cast<std::size_t>(classes));
  for (int c = 0; c < classes; ++c) out.best[static_cast<std::size_t>(c)] = {occurrences[static_cast<std::size_t>(c)], {}, 0};
  for (const auto& [pair, n] : together) {
    const auto code = static_cast<std::size_t>(pair.first), label = static_cast<std::size_t>(pair.second);
    if (n > owner[code].first) owner[code] = {n, pair.second};
    const CodeScore s = score(pair.first, n, anywhere[code], occurrences[label]);
    auto& best = out.best[label];
    if (best.score.hits == 0 || better(s, best.score)) best = {occurrences[label], s, ratio(n, labelled[code])};
  }
  std::int64_t pure = 0;
  std::vector<std::int64_t> own(static_cast<std::size_t>(classes), 0);
  for (const auto& [n, label] : owner) {
    pure += n;
    if (label >= 0) own[static_cast<std::size_t>(label)] += n;
  }
  out.purity = ratio(pure, static_cast<std::int64_t>(positions.size()));
  for (std::size_t c = 0; c < own.size(); ++c) {
    out.recall_of_own_codes += ratio(own[c], occurrences[c]) / classes;
    out.best_code_precision += out.best[c].precision_labelled / classes;
    out.best_code_precision_anywhere += out.best[c].score.precision / classes;
    out.best_code_recall += out.best[c].score.recall / classes;
  }
  return out;
}

}  // namespace vitrine::plugins
