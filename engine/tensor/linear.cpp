#include "engine/tensor/linear.h"

#include <array>
#include <chrono>
#include <map>
#include <mutex>

#include <ATen/core/dispatch/Dispatcher.h>

#include "engine/tensor/aten.h"
#include "engine/tensor/guard.h"

namespace vitrine::engine {

struct PackedLinear::Packed {
  std::once_flag once;
  at::Tensor weight;   // undefined: packing is not available for this weight
};

namespace {

at::Tensor pack(const at::Tensor& weight) {
  static const auto op = c10::Dispatcher::singleton().findSchema({"mkldnn::_reorder_linear_weight", ""});
  if (!op) return {};
  try {
    torch::jit::Stack stack{weight.contiguous(), c10::IValue()};
    op->callBoxed(stack);
    return stack.at(0).toTensor();
  } catch (const std::exception&) {
    return {};
  }
}

at::Tensor run_packed(const at::Tensor& x, const at::Tensor& packed, const at::Tensor& bias, Epilogue epilogue = Epilogue::None) {
  static const auto op = c10::Dispatcher::singleton().findSchemaOrThrow("mkldnn::_linear_pointwise", "");
  torch::jit::Stack stack{x, packed, bias.defined() ? c10::IValue(bias) : c10::IValue(),
                          std::string(epilogue == Epilogue::None ? "none" : epilogue == Epilogue::Relu ? "relu" : "gelu"),
                          c10::List<c10::IValue>(c10::OptionalType::create(c10::NumberType::get())), c10::IValue()};
  if (epilogue == Epilogue::Gelu) stack.back() = std::string("none");
  if (epilogue == Epilogue::GeluTanh) stack.back() = std::string("tanh");
  op.callBoxed(stack);
  return stack.at(0).toTensor();
}

Tensor activated(const Tensor& y, Epilogue epilogue) {
  switch (epilogue) {
    case Epilogue::Gelu: return wrap(at::gelu(raw(y)));
    case Epilogue::GeluTanh: return wrap(at::gelu(raw(y), "tanh"));
    case Epilogue::Relu: return wrap(at::relu(raw(y)));
    case Epilogue::None: break;
  }
  return y;
}

/// Rows are what decides: one (decoding), a few, many.
int row_class(std::int64_t rows) { return rows <= 1 ? 0 : rows <= 8 ? 1 : rows <= 64 ? 2 : 3; }

double best_of(int times, const std::function<void()>& f) {
  double best = 1e9;
  for (int i = 0; i < times; ++i) {
    const auto start = std::chrono::steady_clock::now();
    f();
    best = std::min(best, std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

std::mutex timing_mutex;
std::map<std::pair<int, at::ScalarType>, LinearTiming>& timings() {
  static std::map<std::pair<int, at::ScalarType>, LinearTiming> table;
  return table;
}

bool packed_wins(std::int64_t rows, at::ScalarType type) {
  const std::scoped_lock lock(timing_mutex);
  const int cls = row_class(rows);
  auto [it, fresh] = timings().try_emplace({cls, type});
  if (!fresh) return it->second.packed_wins;
  constexpr std::array<int, 4> kRows{1, 8, 64, 256};
  LinearTiming& t = it->second;
  t.rows = kRows[static_cast<std::size_t>(cls)];
  t.dtype = from_scalar_type(type);
  const InferenceScope no_gradients;
  const at::Tensor x = at::ones({t.rows, 512}, type), w = at::ones({1024, 512}, type);
  const at::Tensor packed = pack(w);
  if (!packed.defined()) return false;
  try {
    const at::Tensor none;
    t.plain_ms = best_of(5, [&] { (void)at::linear(x, w); });
    t.packed_ms = best_of(5, [&] { (void)run_packed(x, packed, none); });
    t.packed_wins = t.packed_ms < 0.95 * t.plain_ms;
  } catch (const std::exception&) {
    t.packed_wins = false;
  }
  return t.packed_wins;
}

}  // namespace

PackedLinear::PackedLinear(Tensor weight, Tensor bias)
    : weight_(std::move(weight)), bias_(std::move(bias)), packed_(std::make_shared<Packed>()) {}

Tensor PackedLinear::differentiable(const Tensor& x) const {
  return wrap(at::linear(raw(x), raw(weight_), bias_.defined() ? c10::optional<at::Tensor>(raw(bias_)) : c10::nullopt));
}

Tensor PackedLinear::operator()(const Tensor& x) const { return then(x, Epilogue::None); }

Tensor PackedLinear::then(const Tensor& x, Epilogue epilogue) const {
  const at::Tensor in = raw(x);
  constexpr std::int64_t kWorthPacking = 64 * 64;
  const std::int64_t rows = in.numel() / std::max<std::int64_t>(1, in.size(-1));
  if (!in.device().is_cpu() || raw(weight_).numel() < kWorthPacking || rows == 0 || at::GradMode::is_enabled() ||
      !packed_wins(rows, in.scalar_type()))
    return activated(differentiable(x), epilogue);
  std::call_once(packed_->once, [&] { packed_->weight = pack(raw(weight_)); });
  if (!packed_->weight.defined()) return activated(differentiable(x), epilogue);
  const at::Tensor flat = in.reshape({rows, in.size(-1)}).contiguous();
  auto shape = in.sizes().vec();
  shape.back() = raw(weight_).size(0);
  return wrap(run_packed(flat, packed_->weight, raw(bias_), epilogue).reshape(shape));
}

std::vector<LinearTiming> linear_timings() {
  const std::scoped_lock lock(timing_mutex);
  std::vector<LinearTiming> all;
  for (const auto& [key, value] : timings()) all.push_back(value);
  return all;
}

}  // namespace vitrine::engine
