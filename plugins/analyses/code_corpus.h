#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/text/pattern.h"
#include "plugins/analyses/codebooks.h"

namespace vitrine::plugins {

/// A window of the corpus as text, and the bytes of it that each token stands for.
struct CorpusWindow {
  std::vector<std::int64_t> ids;
  std::string text;
  std::vector<std::pair<std::size_t, std::size_t>> bytes;   ///< begin and end per token; empty for a start token
};

/// Decodes a window token by token. Tokens that only together make a character share its bytes.
/// @param tokenizer nullptr: ids are written as numbers, without gaps if all are digits
/// @param start_token the first token is not part of the text
[[nodiscard]] CorpusWindow decode_window(std::vector<std::int64_t> ids, const Tokenizer* tokenizer, bool start_token, bool digits);

/// Codes that a model without edits chooses on its corpus: the windows of its evaluation set, else `corpus.jsonl` or
/// `corpus.txt` beside its weights.
struct CodeCorpus {
  struct Book {
    int k = 1;
    std::vector<std::int32_t> codes;   ///< [position, k], best first
    std::vector<float> scores;         ///< the same shape
  };
  std::string source;                  ///< "64 windows of eval.safetensors, 8192 tokens"
  std::vector<CorpusWindow> windows;
  std::vector<std::int64_t> first;     ///< running position of the first token of each window, and the end
  bool start_token = false;            ///< every window begins with one that is not text
  std::vector<Book> books;             ///< in the order of `Model::codebooks()`

  [[nodiscard]] std::int64_t positions() const { return first.empty() ? 0 : first.back(); }
  /// Window of a running position.
  [[nodiscard]] std::size_t window_of(std::int64_t position) const;
  /// The token in brackets, between some of the text around it.
  [[nodiscard]] std::string context(std::int64_t position) const;
};

/// Kept per model, the last two of them.
/// @cost one pass of the model over the corpus the first time; at most 128 MB of codes, a longer corpus is cut
/// @error Unsupported if the model has no codebooks; FileMissing if it has no corpus
[[nodiscard]] Result<std::shared_ptr<const CodeCorpus>> code_corpus(const std::shared_ptr<const Model>& model, const Progress& progress);

/// An analysis of the corpus: needs codebooks, but no input.
[[nodiscard]] AnalysisInfo corpus_analysis(const char* id, const char* title, const char* summary, std::vector<ParamInfo> params);
/// Subtitle, and what a reader must know of the corpus.
void describe_corpus(Report& report, const AnalysisRequest& request, const CodeCorpus& corpus);

/// A match of a pattern and the token that holds its last byte.
struct PatternHit {
  std::int64_t position = 0;
  std::string text;
};
/// A text that the user typed: a regular expression, or itself if it has no special characters (overlapping matches count then).
/// @error Usage naming what is wrong in the expression
[[nodiscard]] Result<std::vector<PatternHit>> find_pattern(const CodeCorpus& corpus, const std::string& pattern);

/// How well a code says where something is.
struct CodeScore {
  int code = 0;
  std::int64_t hits = 0, activations = 0;   ///< on the positions; anywhere
  double precision = 0, recall = 0, f1 = 0;
};
/// Every code that fires on one of `positions` (sorted, unique), best F1 first, ties by number.
[[nodiscard]] std::vector<CodeScore> score_codes(const std::vector<std::int32_t>& codes, int k, int n_codes, const std::vector<std::int64_t>& positions);

/// How well the codes of a codebook stand for classes (states of a machine, words). All from 0 to 1, means over the classes.
struct ClassMeasures {
  int codes_used = 0;                  ///< anywhere in the corpus
  double purity = 0;                   ///< share of labelled tokens whose best code belongs to their class: its most frequent one
  double recall_of_own_codes = 0;      ///< share of a class's tokens on one of the codes that belong to it
  double best_code_precision = 0;      ///< of the code with the best F1: among the labelled tokens
  double best_code_precision_anywhere = 0, best_code_recall = 0;
  struct Best { std::int64_t occurrences = 0; CodeScore score; double precision_labelled = 0; };
  std::vector<Best> best;              ///< per class
};
/// @param labels class of each of `positions`, 0 .. classes - 1; uses the first of the k codes
[[nodiscard]] ClassMeasures class_measures(const CodeCorpus::Book& book, int n_codes, const std::vector<std::int64_t>& positions, const std::vector<int>& labels, int classes);

}  // namespace vitrine::plugins
