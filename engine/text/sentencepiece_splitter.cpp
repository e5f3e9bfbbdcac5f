#include <algorithm>
#include <queue>
#include <unordered_map>

#include "engine/text/added_tokens.h"
#include "engine/text/best_path.h"
#include "engine/text/byte_piece.h"
#include "engine/text/sentencepiece.h"
#include "engine/text/unicode.h"

namespace vitrine::engine::text {
namespace {

constexpr float kUnknownPenalty = 10;
constexpr float kSymbolPenalty = 0.1f;

Vocabulary vocabulary_of(const SentencePieceModel& model) {
  std::vector<std::string> spellings;
  spellings.reserve(model.pieces.size());
  for (const SentencePiece& piece : model.pieces) spellings.push_back(piece.text);
  return Vocabulary::from_list(std::move(spellings));
}

/// What both kinds share: which pieces a text may hold, and what becomes of unknown characters.
class Splitter : public SubwordModel {
 public:
  explicit Splitter(const SentencePieceModel& model)
      : SubwordModel(vocabulary_of(model)), unknown_(model.unknown()) {
    if (model.byte_fallback) bytes_.resize(256, unknown_);
    for (std::size_t id = 0; id < model.pieces.size(); ++id) {
      scores_.push_back(model.pieces[id].score);
      types_.push_back(model.pieces[id].type);
      if (model.byte_fallback && model.is(id, PieceType::Byte))
        bytes_[static_cast<std::size_t>(byte_of_piece(model.pieces[id].text))] =
            static_cast<std::int64_t>(id);
    }
  }

 protected:
  [[nodiscard]] PieceType type(std::int64_t id) const {
    return types_[static_cast<std::size_t>(id)];
  }
  [[nodiscard]] float score(std::int64_t id) const { return scores_[static_cast<std::size_t>(id)]; }
  [[nodiscard]] bool in_text(std::int64_t id) const {
    return type(id) == PieceType::Normal || type(id) == PieceType::UserDefined ||
           type(id) == PieceType::Unused;
  }

  /// Appends what the parts of a whole text become: bytes for unknown characters, or one unknown
  /// token for neighbouring ones.
  void emit(std::string_view text, const std::vector<Part>& path, std::vector<Part>& out) const {
    bool after_unknown = false;
    for (const Part& part : path) {
      const bool unknown = part.id == unknown_;
      if (unknown && !bytes_.empty()) {
        for (std::size_t i = part.begin; i < part.end; ++i)
          out.push_back({bytes_[static_cast<unsigned char>(text[i])], part.begin,
                         i + 1 == part.end ? part.end : part.begin});
      } else if (unknown && after_unknown) {
        out.back().end = part.end;
      } else {
        out.push_back(part);
      }
      after_unknown = unknown;
    }
  }

  std::int64_t unknown_;

 private:
  std::vector<float> scores_;
  std::vector<PieceType> types_;
  std::vector<std::int64_t> bytes_;  ///< by byte; empty without byte fallback
};

/// The path of the largest sum. Sums are of single precision, as in the original, so that ties fall
/// the same way.
class UnigramSplitter final : public Splitter {
 public:
  explicit UnigramSplitter(const SentencePieceModel& model) : Splitter(model) {
    bool first = true;
    for (std::size_t i = 0; i < model.pieces.size(); ++i) {
      const auto id = static_cast<std::int64_t>(i);
      if (in_text(id) && type(id) != PieceType::Unused) trie_.add(model.pieces[i].text, id);
      if (type(id) != PieceType::Normal) continue;
      lowest_ = first ? score(id) : std::min(lowest_, score(id));
      highest_ = first ? score(id) : std::max(highest_, score(id));
      first = false;
    }
  }

  [[nodiscard]] std::string kind() const override { return "SentencePiece unigram"; }

  void split(std::string_view text, std::vector<Part>& out) const override {
    // A symbol gains so much that it is always taken.
    const auto gain = [this](std::int64_t id, std::size_t length) {
      return type(id) == PieceType::UserDefined ? static_cast<float>(length) * highest_ - kSymbolPenalty : score(id);
    };
    emit(text, best_path(text, trie_, unknown_, lowest_ - kUnknownPenalty, gain), out);
  }

 private:
  PieceTrie trie_;
  float lowest_ = 0, highest_ = 0;
};

/// A stretch of the text being merged; neighbours by index, -1 at the ends.
struct Stretch {
  int previous = -1, next = -1;
  std::size_t begin = 0, end = 0;  ///< empty: merged into the one before
  bool frozen = false;             ///< a user-defined symbol
};

struct Candidate {
  float score;
  int left, right;
  std::size_t bytes;  ///< of both when it was queued
  bool operator<(const Candidate& o) const {
    return score < o.score || (score == o.score && left > o.left);
  }
};

/// Merges neighbours whose text is a piece, highest score first, then leftmost.
class BpeSplitter final : public Splitter {
 public:
  explicit BpeSplitter(const SentencePieceModel& model) : Splitter(model) {
    for (std::size_t i = 0; i < model.pieces.size(); ++i) {
      const auto id = static_cast<std::int64_t>(i);
      if (!in_text(id)) continue;
      ids_.emplace(vocabulary().token(id), id);
      if (type(id) == PieceType::UserDefined) symbols_.add(model.pieces[i].text, i);
    }
  }

  [[nodiscard]] std::string kind() const override { return "SentencePiece BPE"; }

  void split(std::string_view text, std::vector<Part>& out) const override {
    std::vector<Stretch> stretches = start(text);
    Halves halves;
    merge(text, stretches, halves);
    std::vector<Part> path;
    for (int i = stretches.empty() ? -1 : 0; i >= 0;
         i = stretches[static_cast<std::size_t>(i)].next)
      take(text, stretches[static_cast<std::size_t>(i)], halves, path);
    emit(text, path, out);
  }

 private:
  /// Where an unused piece was made of two: the length of its left half.
  using Halves = std::unordered_map<std::string_view, std::size_t>;

  [[nodiscard]] std::int64_t id_of(std::string_view piece) const {
    const auto it = ids_.find(piece);
    return it == ids_.end() ? -1 : it->second;
  }

  std::vector<Stretch> start(std::string_view text) const {
    std::vector<Stretch> out;
    out.reserve(text.size());
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t symbol = symbols_.longest_at(text, at).second;
      const std::size_t end = at + (symbol > 0 ? symbol : decode_utf8(text, at).bytes);
      const int index = static_cast<int>(out.size());
      out.push_back({index - 1, end < text.size() ? index + 1 : -1, at, end, symbol > 0});
      at = end;
    }
    return out;
  }

  void merge(std::string_view text, std::vector<Stretch>& stretches, Halves& halves) const {
    std::priority_queue<Candidate> queue;
    const auto offer = [&](int left, int right) {
      if (left < 0 || right < 0) return;
      const Stretch& a = stretches[static_cast<std::size_t>(left)];
      const Stretch& b = stretches[static_cast<std::size_t>(right)];
      if (a.frozen || b.frozen) return;
      const std::string_view both = text.substr(a.begin, b.end - a.begin);
      const std::int64_t id = id_of(both);
      if (id < 0) return;
      queue.push({score(id), left, right, both.size()});
      if (type(id) == PieceType::Unused) halves[both] = a.end - a.begin;
    };
    for (int i = 1; i < static_cast<int>(stretches.size()); ++i) offer(i - 1, i);
    while (!queue.empty()) {
      const Candidate c = queue.top();
      queue.pop();
      Stretch& a = stretches[static_cast<std::size_t>(c.left)];
      Stretch& b = stretches[static_cast<std::size_t>(c.right)];
      if (a.begin == a.end || b.begin == b.end || b.end - a.begin != c.bytes) continue;
      a.end = b.end;
      a.next = b.next;
      if (b.next >= 0) stretches[static_cast<std::size_t>(b.next)].previous = c.left;
      b.begin = b.end;
      offer(a.previous, c.left);
      offer(c.left, a.next);
    }
  }

  /// A stretch as a part; an unused piece falls into its halves again.
  void take(std::string_view text, const Stretch& whole, const Halves& halves,
            std::vector<Part>& path) const {
    std::vector<std::pair<std::size_t, std::size_t>> open = {{whole.begin, whole.end}};
    while (!open.empty()) {
      const auto [begin, end] = open.back();
      open.pop_back();
      const std::string_view piece = text.substr(begin, end - begin);
      const std::int64_t id = id_of(piece);
      const auto half = halves.find(piece);
      if (id >= 0 && type(id) == PieceType::Unused && half != halves.end()) {
        open.emplace_back(begin + half->second, end);
        open.emplace_back(begin, begin + half->second);
        continue;
      }
      path.push_back({id < 0 ? unknown_ : id, begin, end});
    }
  }

  std::unordered_map<std::string_view, std::int64_t> ids_;
  WordFinder symbols_;
};

}  // namespace

ModelPtr sentencepiece_splitter(const SentencePieceModel& model) {
  if (model.kind == SentencePieceModel::Kind::Bpe) return std::make_unique<BpeSplitter>(model);
  return std::make_unique<UnigramSplitter>(model);
}

}  // namespace vitrine::engine::text
