#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/model/model.h"
#include "engine/run/parity.h"
#include "engine/run/parity_case.h"
#include "engine/run/parity_names.h"
#include "engine/run/run.h"

namespace vitrine::engine {

/// Names of a dump that speak of the whole evaluation set: `eval.…`, `counts.…`.
[[nodiscard]] bool is_of_eval_set(const std::string& name);

/// One model of a case and one group of its inputs: runs it once and compares what the dump holds of that group.
class ParityRun {
 public:
  ParityRun(const Model& model, const ParityCase& on, const ParityVariant& variant, std::string group,
            const ParityOptions& options, std::vector<ParityRow>& rows, bool eval_set = false);

  /// @param maps whether the mixing maps are captured and checked as well
  Status go(const Progress& progress, bool maps = true);

 private:
  using Names = std::vector<std::string>;
  struct Found {
    HostTensor tensor;
    std::string where;
    int token_axis = -1;
    bool first_of_heads = false;
  };

  [[nodiscard]] std::string shown(const std::string& name) const;
  [[nodiscard]] double atol(const std::string& name, const HostTensor& expected) const;
  [[nodiscard]] const HostTensor* input(const std::string& name) const;
  [[nodiscard]] const HostTensor* mask_of(const ParityExpression& expression) const;
  [[nodiscard]] const MixerInfo* mixer(const std::string& block, bool cross) const;
  void plan_taps(const ParityExpression& expression, std::vector<std::string>& taps, std::vector<std::string>& patterns) const;
  Result<std::map<std::string, Tensor>> run_inputs() const;
  Result<Found> find(const ParityExpression& expression) const;
  Result<Found> find_source(const ParityExpression& expression) const;
  Result<Found> find_map(const ParityExpression& expression) const;
  Result<Found> find_rope(const ParityExpression& expression) const;
  Result<Found> find_windows(const ParityExpression& expression) const;
  Result<HostTensor> find_layers(const ParityExpression& expression) const;
  Result<HostTensor> reread(int layer, const std::string& suffix, const std::string& from) const;
  void compare(const std::string& name, const HostTensor& expected);
  void compare_map_of(const std::string& name, const ParityExpression& expression, const HostTensor& expected);
  Status compare_generation(const Progress& progress);
  Status compare_greedy(const std::string& key, const std::vector<std::int64_t>& prompt, const HostTensor& ids,
                        const HostTensor* margins, const Progress& progress);
  void compare_top(const std::string& stem);
  void compare_weight(const std::string& name, const HostTensor& expected);
  [[nodiscard]] std::string last_block(const std::string& stage) const;
  void check_maps();

  bool eval_set_;
  const Model& model_;
  const ParityCase& case_;
  const ParityVariant& variant_;
  std::string group_;
  const ParityOptions& options_;
  std::vector<ParityRow>& rows_;
  ParityModel names_;
  std::map<std::string, HostTensor> inputs_, expected_;
  /// The fast run, whose outputs, hooks and lazy maps are compared; and the one that stores whole patterns.
  std::shared_ptr<const Run> run_, patterns_;
};

}  // namespace vitrine::engine
