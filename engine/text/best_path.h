#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <vector>

#include "engine/text/piece_trie.h"
#include "engine/text/subword_model.h"
#include "engine/text/unicode.h"

namespace vitrine::engine::text {

/// The pieces of `text` (valid UTF-8) whose scores sum to most; of equal sums the path found first stays.
///
/// @tparam Score  what sums are kept in; ties fall as in the original library only at its own precision
/// @param gain    Score(id, length in bytes): what a piece adds
/// @param unknown taken, with `unknown_score`, for a code point that is no piece of its own
/// @cost O(bytes of text x bytes of the longest piece)
template <class Score, class Gain>
std::vector<Part> best_path(std::string_view text, const PieceTrie& trie, std::int64_t unknown, Score unknown_score,
                            Gain gain) {
  struct Best {
    Score score = 0;
    std::size_t from = 0;
    std::int64_t id = -1;  ///< -1: not reached
  };
  std::vector<Best> best(text.size() + 1);
  const auto offer = [&](std::size_t from, std::size_t to, std::int64_t id, Score sum) {
    if (best[to].id < 0 || sum > best[to].score) best[to] = {sum, from, id};
  };
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t one = decode_utf8(text, at).bytes;
    const Score here = best[at].score;
    bool single = false;
    trie.prefixes(text.substr(at), [&](std::int64_t id, std::size_t length) {
      offer(at, at + length, id, here + gain(id, length));
      single = single || length == one;
    });
    if (!single) offer(at, at + one, unknown, here + unknown_score);
    at += one;
  }
  std::vector<Part> path;
  for (std::size_t at = text.size(); at > 0; at = best[at].from)
    path.push_back({best[at].id, best[at].from, at});
  std::reverse(path.begin(), path.end());
  return path;
}

}  // namespace vitrine::engine::text
