#include <torch/csrc/autograd/autograd.h>

#include "engine/tensor/aten.h"
#include "engine/tensor/ops.h"

namespace vitrine::engine {

Tensor with_gradient(const Tensor& x) { return wrap(raw(x).detach().clone().requires_grad_(true)); }

std::vector<Tensor> gradients(const Tensor& of, const std::vector<Tensor>& inputs) {
  torch::autograd::variable_list in;
  for (const auto& t : inputs) in.push_back(raw(t));
  const auto out = torch::autograd::grad({at::sum(raw(of))}, in, {}, c10::nullopt, false, /*allow_unused=*/true);
  std::vector<Tensor> result;
  for (const auto& g : out) result.push_back(g.defined() ? wrap(g) : Tensor());
  return result;
}

}  // namespace vitrine::engine
