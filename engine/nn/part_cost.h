#pragma once

#include <cstdint>
#include <optional>

namespace vitrine::engine {

/// What a part is asked to do: `tokens` new tokens of each of `batch` sequences, after `before` that a cache holds.
struct PartLoad {
  std::int64_t batch = 1, tokens = 1, before = 0;
  std::int64_t memory = 0;           ///< tokens that cross attention reads
  std::int64_t rows = 0, cols = 0;   ///< of the grid that the tokens of a picture are; 0: not known
};

/// How tokens are mixed, between the projections: of each problem and head a matrix on `keys` values.
struct Mixing {
  enum class Form {
    Softmax,                         ///< softmax of scores of queries and keys
    Scan,                            ///< a recurrence over tokens; `heads` channels with a state of `d_value` each
  };
  Form form = Form::Softmax;
  double problems = 1;               ///< batch x windows
  std::int64_t heads = 0, kv_heads = 0, queries = 0, keys = 0, d_key = 0, d_value = 0;
  double pairs = 0;                  ///< query-key pairs of one head that are not hidden
};

/// What a part takes. Values are numbers of elements, whatever their type.
struct PartCost {
  double linear_flops = 0;           ///< products with weights, 2 a multiply-add
  std::optional<Mixing> mixing;
  double in = 0, out = 0;            ///< values that come and go
  double between = 0;                ///< values that one of its products leaves for the next, without those of `mixing`
  double live = 0;                   ///< values that are there at one time at most, without `in` and `out`
  double state = 0;                  ///< values that must be kept for the tokens that come after; of keys and values behind a window none

  /// 2 a multiply-add; of a softmax without the exponentials and what is done to them.
  [[nodiscard]] double flops() const { return linear_flops + (mixing ? mixing_flops(*mixing) : 0); }

  [[nodiscard]] static double mixing_flops(const Mixing& m) {
    const double heads = m.problems * static_cast<double>(m.heads);
    if (m.form == Mixing::Form::Softmax) return 2 * heads * m.pairs * static_cast<double>(m.d_key + m.d_value);
    // Of each state: step times matrix, exponential, step times input, its product, decay, sum, output's product and sum, and the skip.
    return 9 * heads * static_cast<double>(m.queries * m.d_value);
  }
};

}  // namespace vitrine::engine
