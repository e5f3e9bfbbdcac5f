#pragma once

#include "engine/core/error.h"

namespace vitrine::engine {

class Model;

/// As long as it lives, a pass over a model whose weights may stay in their file (`WeightStream`, `in_blocks`): pages of streamed
/// ones leave the process with it. Costs nothing for other models.
class StreamedPass {
 public:
  explicit StreamedPass(const Model& model) : model_(model) {}
  ~StreamedPass();
  StreamedPass(const StreamedPass&) = delete;
  StreamedPass& operator=(const StreamedPass&) = delete;

  /// To be asked before results are used. @error FileFormat if a file became shorter, so that zeros stood for its values
  [[nodiscard]] Status check() const;

 private:
  const Model& model_;
};

}  // namespace vitrine::engine
