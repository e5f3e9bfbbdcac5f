#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "engine/text/best_path.h"
#include "engine/text/fields.h"
#include "engine/text/subword_model.h"

namespace vitrine::engine::text {
namespace {

constexpr double kUnknownPenalty = 10;

class Unigram final : public SubwordModel {
 public:
  Unigram(Vocabulary vocabulary, std::vector<double> scores, std::int64_t unknown,
          bool byte_fallback)
      : SubwordModel(std::move(vocabulary)), scores_(std::move(scores)), unknown_(unknown) {
    double lowest = scores_.empty() ? 0 : scores_.front();
    for (std::size_t i = 0; i < scores_.size(); ++i) {
      lowest = std::min(lowest, scores_[i]);
      trie_.add(this->vocabulary().token(static_cast<std::int64_t>(i)),
                static_cast<std::int64_t>(i));
    }
    unknown_score_ = lowest - kUnknownPenalty;
    if (byte_fallback) bytes_ = byte_tokens(this->vocabulary());
  }

  [[nodiscard]] std::string kind() const override { return "Unigram"; }

  void split(std::string_view piece, std::vector<Part>& out) const override {
    const std::vector<Part> path = best_path(piece, trie_, unknown_, unknown_score_, [this](std::int64_t id, std::size_t) {
      return scores_[static_cast<std::size_t>(id)];
    });
    for (std::size_t i = 0; i < path.size(); ++i) {
      Part part = path[i];
      if (part.id != unknown_) {
        out.push_back(part);
        continue;
      }
      // Neighbouring unknown code points are one unknown token, as in the original library.
      while (i + 1 < path.size() && path[i + 1].id == unknown_) part.end = path[++i].end;
      emit_unknown(piece, part, out);
    }
  }

 private:
  void emit_unknown(std::string_view piece, const Part& part, std::vector<Part>& out) const {
    if (bytes_.empty()) {
      out.push_back(part);
      return;
    }
    for (std::size_t i = part.begin; i < part.end; ++i)
      out.push_back({bytes_[static_cast<unsigned char>(piece[i])], part.begin, part.end});
  }

  PieceTrie trie_;
  std::vector<double> scores_;
  std::int64_t unknown_;
  double unknown_score_ = 0;
  std::vector<std::int64_t> bytes_;
};

}  // namespace

Result<ModelPtr> unigram_from_json(const nlohmann::json& config,
                                   std::vector<std::string>& warnings) {
  const Fields f(config, "model Unigram");
  const auto* vocab = f.find("vocab");
  if (vocab == nullptr || !vocab->is_array()) return f.wrong("vocab", "a list of [piece, score]");
  if (vocab->empty()) return fail(ErrorCode::FileFormat, "model Unigram: the vocab is empty");
  std::vector<std::string> pieces;
  std::vector<double> scores;
  pieces.reserve(vocab->size());
  scores.reserve(vocab->size());
  for (const auto& entry : *vocab) {
    const bool pair =
        entry.is_array() && entry.size() == 2 && entry[0].is_string() && entry[1].is_number();
    if (!pair || !std::isfinite(entry[1].get<double>()))
      return fail(
          ErrorCode::FileFormat,
          fmt::format("model Unigram: expected vocab entry {} to be [piece, score], came {}",
                      pieces.size(), brief(entry)));
    pieces.push_back(entry[0].get<std::string>());
    scores.push_back(entry[1].get<double>());
    if (pieces.back().empty())
      return fail(
          ErrorCode::FileFormat,
          fmt::format("model Unigram: vocab entry {} is an empty piece", pieces.size() - 1));
  }
  VITRINE_TRY(const bool fallback, f.flag_or("byte_fallback", false));
  VITRINE_TRY(const std::int64_t unknown,
              f.whole_or("unk_id", -1, 0, static_cast<std::int64_t>(pieces.size()) - 1));
  if (unknown < 0) return fail(ErrorCode::FileFormat, "model Unigram: there is no unk_id");
  Vocabulary vocabulary = Vocabulary::from_list(std::move(pieces));
  if (vocabulary.count() < scores.size())
    return fail(ErrorCode::FileFormat,
                fmt::format("model Unigram: {} duplicate pieces in the vocab",
                            scores.size() - vocabulary.count()));
  if (fallback && byte_tokens(vocabulary).empty())
    warnings.emplace_back(
        "model: byte_fallback is on, but the vocab lacks byte tokens <0x00> to <0xFF>");
  return std::make_unique<const Unigram>(std::move(vocabulary), std::move(scores), unknown,
                                         fallback);
}

}  // namespace vitrine::engine::text
