#include "tests/bench/counted_operations.h"

#include <string>

#include <ATen/record_function.h>

namespace vitrine::bench {

namespace {

double counted = 0;

double product(const at::Tensor& a, const at::Tensor& b) { return 2.0 * static_cast<double>(a.numel()) * static_cast<double>(b.size(-1)); }

double convolution(const at::Tensor& x, const at::Tensor& weight) {
  const bool patches = x.dim() == 4;
  const double places = patches ? static_cast<double>(x.size(0) * x.size(2) * x.size(3)) / static_cast<double>(weight.size(2) * weight.size(3))
                                : static_cast<double>(x.size(0) * x.size(2));
  return 2 * places * static_cast<double>(weight.numel());
}

std::unique_ptr<at::ObserverContext> begin(const at::RecordFunction& fn) {
  const std::string name = fn.name();
  const auto in = fn.inputs();
  if (name == "aten::mm" || name == "aten::bmm") counted += product(in[0].toTensor(), in[1].toTensor());
  if (name == "aten::addmm") counted += product(in[1].toTensor(), in[2].toTensor());
  if (name == "aten::convolution") counted += convolution(in[0].toTensor(), in[1].toTensor());
  return nullptr;
}

}  // namespace

CountedOperations::CountedOperations() {
  counted = 0;
  handle_ = at::addGlobalCallback(at::RecordFunctionCallback(&begin).needsInputs(true).scopes({at::RecordScope::FUNCTION}));
}
CountedOperations::~CountedOperations() { at::removeCallback(handle_); }
double CountedOperations::done() const { return counted; }

}  // namespace vitrine::bench
