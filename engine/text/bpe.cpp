#include <queue>

#include <fmt/format.h>

#include "engine/text/fields.h"
#include "engine/text/subword_model.h"
#include "engine/text/unicode.h"

namespace vitrine::engine::text {
namespace {

struct Merge {
  std::uint32_t rank = 0;
  std::uint32_t id = 0;
};
using MergeTable = std::unordered_map<std::uint64_t, Merge>;

std::uint64_t pair_key(std::int64_t a, std::int64_t b) {
  return static_cast<std::uint64_t>(a) << 32 | static_cast<std::uint64_t>(b);
}

/// A symbol of the word being merged; neighbours by index, -1 at the ends.
struct Symbol {
  std::int64_t id = 0;
  int previous = -1, next = -1;
  std::size_t begin = 0, end = 0;
  bool alive = true;
};

struct Candidate {
  std::uint32_t rank;
  int at;
  std::uint32_t id;
  std::int64_t left, right;  ///< what the two symbols were when it was queued
  bool operator<(const Candidate& o) const { return rank != o.rank ? rank > o.rank : at > o.at; }
};

class Bpe final : public SubwordModel {
 public:
  Bpe(Vocabulary vocabulary, MergeTable merges, BpeOptions options)
      : SubwordModel(std::move(vocabulary)),
        merges_(std::move(merges)),
        options_(std::move(options)),
        unknown_(this->vocabulary().id_of(options_.unknown)) {
    if (options_.byte_fallback) bytes_ = byte_tokens(this->vocabulary());
  }

  [[nodiscard]] std::string kind() const override { return "BPE"; }
  [[nodiscard]] std::string word_end() const override { return options_.word_end; }
  [[nodiscard]] std::string continuation() const override { return options_.continuing_prefix; }

  void split(std::string_view piece, std::vector<Part>& out) const override {
    if (options_.ignore_merges) {
      const std::int64_t whole = vocabulary().id_of(piece);
      if (whole >= 0) {
        out.push_back({whole, 0, piece.size()});
        return;
      }
    }
    std::vector<Symbol> symbols = start(piece);
    merge(symbols);
    for (const Symbol& s : symbols)
      if (s.alive) out.push_back({s.id, s.begin, s.end});
  }

 private:
  std::vector<Symbol> start(std::string_view piece) const {
    std::vector<Symbol> symbols;
    symbols.reserve(piece.size());
    bool last_unknown = false;
    const auto add = [&](std::int64_t id, std::size_t begin, std::size_t end) {
      const int at = static_cast<int>(symbols.size());
      if (at > 0) symbols.back().next = at;
      symbols.push_back({id, at - 1, -1, begin, end, true});
    };
    std::string spelling;
    for (std::size_t at = 0; at < piece.size();) {
      const std::size_t end = at + decode_utf8(piece, at).bytes;
      std::string_view key = piece.substr(at, end - at);
      const bool first = at == 0, last = end == piece.size();
      if ((!first && !options_.continuing_prefix.empty()) || (last && !options_.word_end.empty())) {
        spelling.clear();
        if (!first) spelling += options_.continuing_prefix;
        spelling += key;
        if (last) spelling += options_.word_end;
        key = spelling;
      }
      const std::int64_t id = vocabulary().id_of(key);
      if (id >= 0) {
        add(id, at, end);
      } else if (!bytes_.empty()) {
        for (std::size_t i = at; i < end; ++i)
          add(bytes_[static_cast<unsigned char>(piece[i])], i, i + 1);
      } else if (unknown_ >= 0) {
        if (last_unknown && options_.fuse_unknown) {
          symbols.back().end = end;
        } else {
          add(unknown_, at, end);
        }
      }
      last_unknown = id < 0 && bytes_.empty();
      at = end;
    }
    return symbols;
  }

  void merge(std::vector<Symbol>& symbols) const {
    std::priority_queue<Candidate> queue;
    const auto offer = [&](int left) {
      if (left < 0) return;
      const Symbol& a = symbols[static_cast<std::size_t>(left)];
      if (a.next < 0) return;
      const Symbol& b = symbols[static_cast<std::size_t>(a.next)];
      const auto it = merges_.find(pair_key(a.id, b.id));
      if (it != merges_.end()) queue.push({it->second.rank, left, it->second.id, a.id, b.id});
    };
    for (int i = 0; i + 1 < static_cast<int>(symbols.size()); ++i) offer(i);
    while (!queue.empty()) {
      const Candidate c = queue.top();
      queue.pop();
      Symbol& a = symbols[static_cast<std::size_t>(c.at)];
      if (!a.alive || a.id != c.left || a.next < 0) continue;
      Symbol& b = symbols[static_cast<std::size_t>(a.next)];
      if (b.id != c.right) continue;
      b.alive = false;
      a.id = c.id;
      a.end = b.end;
      a.next = b.next;
      if (b.next >= 0) symbols[static_cast<std::size_t>(b.next)].previous = c.at;
      offer(a.previous);
      offer(c.at);
    }
  }

  MergeTable merges_;
  BpeOptions options_;
  std::int64_t unknown_ = -1;
  std::vector<std::int64_t> bytes_;
};

Result<std::vector<std::pair<std::string, std::string>>> read_merges(const nlohmann::json& list) {
  if (!list.is_array())
    return fail(ErrorCode::FileFormat, "expected merges to be a list, came " + brief(list));
  std::vector<std::pair<std::string, std::string>> out;
  out.reserve(list.size());
  for (std::size_t i = 0; i < list.size(); ++i) {
    const auto& m = list[i];
    const auto wrong = [&] {
      return fail(ErrorCode::FileFormat,
                  fmt::format("merges: expected merge {} to be two parts, came {}", i, brief(m)));
    };
    if (m.is_array()) {
      if (m.size() != 2 || !m[0].is_string() || !m[1].is_string()) return wrong();
      out.emplace_back(m[0].get<std::string>(), m[1].get<std::string>());
    } else if (m.is_string()) {
      const auto& s = m.get_ref<const std::string&>();
      const std::size_t space = s.find(' ');
      if (space == std::string::npos || s.find(' ', space + 1) != std::string::npos) return wrong();
      out.emplace_back(s.substr(0, space), s.substr(space + 1));
    } else {
      return wrong();
    }
    if (out.back().first.empty() || out.back().second.empty())
      return fail(ErrorCode::FileFormat, fmt::format("merges: merge {} has an empty part", i));
  }
  return out;
}

/// A part that only a later merge makes can never be there when its merge is due.
std::size_t out_of_order(const std::vector<std::pair<std::string, std::string>>& merges,
                         const std::unordered_map<std::string, std::size_t>& made_by) {
  std::size_t late = 0;
  for (std::size_t i = 0; i < merges.size(); ++i) {
    for (const std::string* part : {&merges[i].first, &merges[i].second}) {
      const auto it = made_by.find(*part);
      if (it != made_by.end() && it->second >= i) {
        ++late;
        break;
      }
    }
  }
  return late;
}

}  // namespace

std::vector<std::int64_t> byte_tokens(const Vocabulary& vocabulary) {
  std::vector<std::int64_t> out;
  for (int b = 0; b < 256; ++b) {
    const std::int64_t id = vocabulary.id_of(fmt::format("<0x{:02X}>", b));
    if (id < 0) return {};
    out.push_back(id);
  }
  return out;
}

Result<ModelPtr> make_bpe(Vocabulary vocabulary,
                          const std::vector<std::pair<std::string, std::string>>& merges,
                          BpeOptions options, std::vector<std::string>& warnings) {
  MergeTable table;
  table.reserve(merges.size());
  std::unordered_map<std::string, std::size_t> made_by;
  made_by.reserve(merges.size());
  std::size_t duplicates = 0;
  for (std::size_t i = 0; i < merges.size(); ++i) {
    const auto& [left, right] = merges[i];
    const bool drop =
        !options.continuing_prefix.empty() && right.starts_with(options.continuing_prefix);
    const std::string joined =
        left + (drop ? right.substr(options.continuing_prefix.size()) : right);
    const std::int64_t a = vocabulary.id_of(left), b = vocabulary.id_of(right),
                       c = vocabulary.id_of(joined);
    for (const auto& [id, name] :
         {std::pair{a, &left}, std::pair{b, &right}, std::pair{c, &joined}})
      if (id < 0)
        return fail(
            ErrorCode::FileFormat,
            fmt::format("merges: merge {} ('{}' '{}') needs '{}', which is not in the vocab", i,
                        left, right, *name));
    if (!table
             .insert_or_assign(pair_key(a, b),
                               Merge{static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(c)})
             .second)
      ++duplicates;
    made_by.try_emplace(joined, i);
  }
  if (duplicates > 0) warnings.push_back(fmt::format("merges: {} duplicate merges", duplicates));
  if (const std::size_t late = out_of_order(merges, made_by); late > 0)
    warnings.push_back(fmt::format(
        "merges: {} are listed before the merge that makes one of their parts (order)", late));
  if (!options.unknown.empty() && vocabulary.id_of(options.unknown) < 0) {
    warnings.push_back(
        fmt::format("model: the unk_token '{}' is not in the vocab", options.unknown));
    options.unknown.clear();
  }
  if (options.byte_fallback && byte_tokens(vocabulary).empty())
    warnings.push_back(
        "model: byte_fallback is on, but the vocab lacks byte tokens <0x00> to <0xFF>");
  return std::make_unique<const Bpe>(std::move(vocabulary), std::move(table), std::move(options));
}

Result<ModelPtr> bpe_from_json(const nlohmann::json& config, std::vector<std::string>& warnings) {
  const Fields f(config, "model BPE");
  BpeOptions options;
  VITRINE_TRY(options.unknown, f.text_or("unk_token", ""));
  VITRINE_TRY(options.continuing_prefix, f.text_or("continuing_subword_prefix", ""));
  VITRINE_TRY(options.word_end, f.text_or("end_of_word_suffix", ""));
  VITRINE_TRY(options.fuse_unknown, f.flag_or("fuse_unk", false));
  VITRINE_TRY(options.byte_fallback, f.flag_or("byte_fallback", false));
  VITRINE_TRY(options.ignore_merges, f.flag_or("ignore_merges", false));
  if (const auto* dropout = f.find("dropout"); dropout != nullptr) {
    if (!dropout->is_number() || dropout->get<double>() < 0 || dropout->get<double>() > 1)
      return f.wrong("dropout", "a number from 0 to 1");
    if (dropout->get<double>() > 0)
      warnings.emplace_back("model: dropout is left off, so that results repeat");
  }
  const auto* vocab = f.find("vocab");
  if (vocab == nullptr) return f.wrong("vocab", "an object");
  const auto* list = f.find("merges");
  if (list == nullptr) return f.wrong("merges", "a list");
  VITRINE_TRY(Vocabulary vocabulary, Vocabulary::from_json(*vocab, warnings));
  VITRINE_TRY(const auto merges, read_merges(*list));
  return make_bpe(std::move(vocabulary), merges, std::move(options), warnings);
}

}  // namespace vitrine::engine::text
