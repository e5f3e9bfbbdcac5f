#pragma once

#include "engine/cuda/block_program.h"
#include "engine/cuda/head_view.h"

namespace vitrine::engine::cuda {

inline constexpr int kMostCodes = 8;   ///< chosen for one token

/// The k codes of largest dot product with each token, largest first; of equal ones the lower number first.
/// Codes of unit length make it the cosine choice of Tamkin, Taufeeque and Goodman, arXiv:2310.17230, section 2.
/// Grid: y over blocks of kSide tokens.
struct CodebookAssignment {
  const float* x = nullptr;        ///< [token, width]
  const float* codes = nullptr;    ///< [code, width]
  std::int64_t tokens = 0, n_codes = 0;
  int width = 0, k = 1;            ///< k from 1 to kMostCodes and n_codes
  std::int64_t* chosen = nullptr;  ///< [token, k]
  float* score = nullptr;          ///< [token, k]

  struct Leaders {
    float score[kMostCodes];
    std::int64_t code[kMostCodes];
    int count;

    VITRINE_HD void offer(float s, std::int64_t c, int most) {
      if (count == most && !ahead(s, c, count - 1)) return;
      int at = count < most ? count++ : most - 1;
      for (; at > 0 && ahead(s, c, at - 1); --at) score[at] = score[at - 1], code[at] = code[at - 1];
      score[at] = s;
      code[at] = c;
    }
    VITRINE_HD bool ahead(float s, std::int64_t c, int i) const { return s > score[i] || (s == score[i] && c < code[i]); }
  };
  struct Shared {
    DotShared dots;
    Leaders leaders[kSide][kSide];
  };
  struct State {
    float sum = 0;
    Leaders leaders;
  };

  template <typename Block>
  VITRINE_HD void run(Block& block) const {
    Shared& shared = block.shared;
    const CodebookAssignment s = *this;
    const std::int64_t row0 = static_cast<std::int64_t>(block.index.y) * kSide;
    for (std::int64_t col0 = 0; col0 < n_codes; col0 += kSide) {
      tile_of_dots(block, shared.dots, x, width, row0, tokens, codes, width, col0, n_codes, width);
      block.each([=](int thread, State& state) {
        const std::int64_t code = col0 + thread % kSide;
        if (code < s.n_codes) state.leaders.offer(state.sum, code, s.k);
      });
    }
    block.each([&shared](int thread, State& state) { shared.leaders[thread / kSide][thread % kSide] = state.leaders; });
    block.each([=, &shared](int thread, State& state) {
      const std::int64_t token = row0 + thread / kSide;
      if (thread % kSide != 0 || token >= s.tokens) return;
      for (int other = 1; other < kSide; ++other) {
        const Leaders& theirs = shared.leaders[thread / kSide][other];
        for (int i = 0; i < theirs.count; ++i) state.leaders.offer(theirs.score[i], theirs.code[i], s.k);
      }
      for (int i = 0; i < s.k; ++i) {
        s.chosen[token * s.k + i] = state.leaders.code[i];
        s.score[token * s.k + i] = state.leaders.score[i];
      }
    });
  }
};

}  // namespace vitrine::engine::cuda
