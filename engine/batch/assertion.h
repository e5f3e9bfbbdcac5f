#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/core/error.h"

namespace vitrine::engine {

/// One number among the results of the steps before: `head_importance[5.1]`, `pruning_effect.accuracy`, `max(entropy)`.
struct MetricRef {
  std::string name;                ///< "step" or "step.metric"
  std::optional<int> layer, head;  ///< [L.H] or [L]: both or the layer only
  std::optional<int> position;     ///< [@p]
  std::string reduce;              ///< "", "min", "max", "mean", "sum" or "count"
};

/// One side of a comparison: a number or a reference.
struct AssertionTerm {
  double number = 0;
  std::optional<MetricRef> ref;
};

struct Assertion {
  AssertionTerm left, right;
  std::string op;                  ///< > >= < <= == !=
  double tolerance = 0;            ///< of == and !=: `a == b +- t`
  std::string text;
};

/// Values that a reference stands for, in the order of the store; empty: there is no such metric.
using MetricLookup = std::function<Result<std::vector<double>>(const MetricRef&)>;

/// `TERM OP TERM [+- NUMBER]`. @error Usage: what was expected, at which character
[[nodiscard]] Result<Assertion> parse_assertion(const std::string& text);

/// @return the sentence with the numbers ("head_importance[5.1] = 0.43 > 0.6")
/// @error AssertionFailed with that sentence; InvalidInput if a metric does not exist or is many numbers
[[nodiscard]] Result<std::string> check_assertion(const Assertion& assertion, const MetricLookup& lookup);

}  // namespace vitrine::engine
