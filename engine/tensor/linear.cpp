#include "engine/tensor/linear.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <map>
#include <mutex>

#include <ATen/core/dispatch/Dispatcher.h>

#include "engine/tensor/aten.h"
#include "engine/tensor/guard.h"
#include "engine/tensor/in_blocks.h"
#include "engine/tensor/streamed.h"

namespace vitrine::engine {

struct PackedLinear::Packed {
  std::once_flag once;
  at::Tensor weight;   // undefined: packing is not available for this weight
  std::once_flag panels_once;
  std::atomic<bool> made{false};   // either of them
  std::unique_ptr<const Bf16Panels> panels;
};

namespace {

constexpr std::int64_t kWorthPacking = 64 * 64;
/// From so many rows on it is quicker to pack a part of a streamed weight for one product than not to.
constexpr std::int64_t kRowsWorthPackingOnce = 65;

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

const std::uint16_t* bits(const at::Tensor& x) { return reinterpret_cast<const std::uint16_t*>(x.const_data_ptr<c10::BFloat16>()); }

std::unique_ptr<const Bf16Panels> panels_of(const at::Tensor& weight, const at::Tensor& bias) {
  const at::Tensor w = weight.contiguous(), b = bias.defined() ? bias.contiguous() : at::Tensor();
  return std::make_unique<const Bf16Panels>(bits(w), b.defined() ? bits(b) : nullptr, w.size(0), w.size(1));
}

/// act(x W^T + b) of every layer. @param x [row, in], contiguous
std::vector<at::Tensor> run_panels(std::span<const Bf16Panels* const> layers, const at::Tensor& x, Epilogue epilogue) {
  std::vector<at::Tensor> out;
  std::vector<Bf16Panels::Job> jobs;
  for (const Bf16Panels* layer : layers) {
    out.push_back(at::empty({x.size(0), layer->out()}, x.options()));
    jobs.push_back({layer, reinterpret_cast<std::uint16_t*>(out.back().mutable_data_ptr<c10::BFloat16>())});
  }
  Bf16Panels::run(jobs, bits(x), x.size(0), epilogue);
  return out;
}

void time_panels(LinearTiming& t, const at::Tensor& x, const at::Tensor& w) {
  if (x.scalar_type() != at::kBFloat16 || !Bf16Panels::available(w.size(1))) return;
  const auto panels = panels_of(w, at::Tensor());
  const Bf16Panels* const only = panels.get();
  t.panels_ms = best_of(5, [&] { (void)run_panels({&only, 1}, x, Epilogue::None); });
  t.panels_win = t.panels_ms < t.plain_ms;
}

/// What is quickest for so many rows.
LinearTiming timing_for(std::int64_t rows, at::ScalarType type) {
  const std::scoped_lock lock(timing_mutex);
  const int cls = row_class(rows);
  auto [it, fresh] = timings().try_emplace({cls, type});
  if (!fresh) return it->second;
  constexpr std::array<int, 4> kRows{1, 8, 64, 256};
  LinearTiming& t = it->second;
  t.rows = kRows[static_cast<std::size_t>(cls)];
  t.dtype = from_scalar_type(type);
  const InferenceScope no_gradients;
  const at::Tensor x = at::ones({t.rows, 512}, type), w = at::ones({1024, 512}, type);
  try {
    t.plain_ms = best_of(5, [&] { (void)at::linear(x, w); });
    const at::Tensor none, packed = pack(w);
    if (packed.defined()) t.packed_ms = best_of(5, [&] { (void)run_packed(x, packed, none); });
    t.packed_wins = packed.defined() && t.packed_ms < 0.95 * t.plain_ms;
  } catch (const std::exception&) {
    t.packed_wins = false;
  }
  time_panels(t, x, w);
  return t;
}

std::int64_t rows_of(const at::Tensor& x) { return x.numel() / std::max<std::int64_t>(1, x.size(-1)); }

/// As [row, in], and the result with the axes of `x` again.
at::Tensor flat(const at::Tensor& x) { return x.reshape({rows_of(x), x.size(-1)}).contiguous(); }
Tensor shaped(const at::Tensor& y, const at::Tensor& x) {
  auto shape = x.sizes().vec();
  shape.back() = y.size(-1);
  return wrap(y.reshape(shape));
}

/// Whether another path than the plain operator may be taken.
bool may_choose(const at::Tensor& x, const at::Tensor& weight) {
  return x.device().is_cpu() && weight.numel() >= kWorthPacking && rows_of(x) > 0 && !at::GradMode::is_enabled();
}

}  // namespace

PackedLinear::PackedLinear(Tensor weight, Tensor bias, bool packs)
    : weight_(std::move(weight)), bias_(std::move(bias)), streamed_(is_streamed(weight_)) {
  if (packs && !streamed_ && !blocks_of(weight_)) packed_ = std::make_shared<Packed>();
}

std::int64_t PackedLinear::packed_bytes() const { return packed_ && weight_.numel() >= kWorthPacking ? weight_.bytes() : 0; }
bool PackedLinear::packed() const { return packed_ && packed_->made; }

Tensor PackedLinear::differentiable(const Tensor& x) const {
  return wrap(at::linear(raw(x), raw(weight_).to(raw(x).scalar_type()), bias_.defined() ? c10::optional<at::Tensor>(raw(bias_)) : c10::nullopt));
}

Tensor PackedLinear::part_by_part(const Tensor& x, Epilogue epilogue) const {
  const at::Tensor in = raw(x), bias = raw(bias_), inputs = flat(in);
  const std::int64_t rows = inputs.size(0), out = weight_.size(0);
  const bool packs = packs_parts(rows) && timing_for(rows, in.scalar_type()).packed_wins;
  at::Tensor y;
  bool activated_already = false;
  for_each_part(weight_, [&](const Tensor& part, int axis, std::int64_t from, std::int64_t to) {
    const at::Tensor w = raw(part).to(in.scalar_type());
    const bool whole = from == 0 && to == weight_.size(axis);
    if (axis == 1 && !whole) {   // the file has the transpose: a part of the inputs for all outputs
      if (!y.defined()) y = bias.defined() ? bias.expand({rows, out}).contiguous() : at::zeros({rows, out}, in.options());
      y.addmm_(inputs.slice(1, from, to), w.t());
      return;
    }
    const at::Tensor own = bias.defined() && !whole ? bias.slice(0, from, to).contiguous() : bias;
    const at::Tensor packed = packs ? pack(w) : at::Tensor();
    activated_already = packed.defined();
    const at::Tensor z = packed.defined() ? run_packed(inputs, packed, own, epilogue)
                                          : at::linear(inputs, w, own.defined() ? c10::optional<at::Tensor>(own) : c10::nullopt);
    if (whole) {
      y = z;
      return;
    }
    if (!y.defined()) y = at::empty({rows, out}, in.options());
    y.slice(1, from, to).copy_(z);
  });
  return activated_already ? shaped(y, in) : activated(shaped(y, in), epilogue);
}

Tensor PackedLinear::operator()(const Tensor& x) const { return then(x, Epilogue::None); }

bool PackedLinear::goes_by_blocks(const Tensor& x) const {
  return blocks_of(weight_) && raw(x).device().is_cpu() && rows_of(raw(x)) > 0 && !at::GradMode::is_enabled();
}

/// nullptr where the layer goes another way for this input.
const Bf16Panels* PackedLinear::panels_for(const Tensor& x_) const {
  if (blocks_of(weight_)) return nullptr;
  const at::Tensor x = raw(x_), weight = raw(weight_), bias = raw(bias_);
  const bool fits = x.scalar_type() == at::kBFloat16 && weight.scalar_type() == at::kBFloat16 && weight.dim() == 2 && x.size(-1) == weight.size(1) &&
                    (!bias.defined() || bias.scalar_type() == at::kBFloat16) && Bf16Panels::available(weight.size(1));
  if (!fits || !packed_ || !may_choose(x, weight) || !timing_for(rows_of(x), at::kBFloat16).panels_win) return nullptr;
  std::call_once(packed_->panels_once, [&] {
    packed_->panels = panels_of(weight, bias);
    packed_->made = true;
  });
  return packed_->panels.get();
}

Tensor PackedLinear::then(const Tensor& x, Epilogue epilogue) const {
  if (goes_by_blocks(x)) return activated(together(std::array{this}, x)[0], epilogue);
  const at::Tensor in = raw(x);
  if (streamed_ && rows_of(in) > 0 && !at::GradMode::is_enabled()) return part_by_part(x, epilogue);
  if (const Bf16Panels* const panels = panels_for(x)) return shaped(run_panels({&panels, 1}, flat(in), epilogue)[0], in);
  // Where panels are to be had no other packed form is made: each is as large as the weight.
  const bool packable = packed_ && may_choose(in, raw(weight_)) && !(in.scalar_type() == at::kBFloat16 && Bf16Panels::available(in.size(-1)));
  if (!packable || !timing_for(rows_of(in), in.scalar_type()).packed_wins) return activated(differentiable(x), epilogue);
  std::call_once(packed_->once, [&] {
    packed_->weight = pack(raw(weight_));
    packed_->made = packed_->weight.defined();
  });
  if (!packed_->weight.defined()) return activated(differentiable(x), epilogue);
  return shaped(run_packed(flat(in), packed_->weight, raw(bias_), epilogue), in);
}

std::vector<Tensor> PackedLinear::together(std::span<const PackedLinear* const> layers, const Tensor& x) {
  if (std::all_of(layers.begin(), layers.end(), [&](const PackedLinear* layer) { return layer->goes_by_blocks(x); })) {
    std::vector<const BlockMatrix*> matrices;
    for (const PackedLinear* layer : layers) matrices.push_back(blocks_of(layer->weight_));
    std::vector<Tensor> out = multiply_in_blocks(matrices, x);
    for (std::size_t i = 0; i < layers.size(); ++i)
      if (layers[i]->bias_.defined()) raw(out[i]).add_(raw(layers[i]->bias_));
    return out;
  }
  std::vector<const Bf16Panels*> panels;
  for (const PackedLinear* layer : layers) panels.push_back(layer->panels_for(x));
  std::vector<Tensor> out;
  if (std::find(panels.begin(), panels.end(), nullptr) == panels.end())
    for (const at::Tensor& y : run_panels(panels, flat(raw(x)), Epilogue::None)) out.push_back(shaped(y, raw(x)));
  else
    for (const PackedLinear* layer : layers) out.push_back((*layer)(x));
  return out;
}

bool packs_parts(std::int64_t rows) { return rows >= kRowsWorthPackingOnce; }

bool packs_for(std::int64_t rows, DType dtype) {
  const LinearTiming t = timing_for(std::max<std::int64_t>(1, rows), scalar_type(dtype));
  return t.panels_ms > 0 ? t.panels_win : t.packed_wins;
}

std::vector<LinearTiming> linear_timings() {
  const std::scoped_lock lock(timing_mutex);
  std::vector<LinearTiming> all;
  for (const auto& [key, value] : timings()) all.push_back(value);
  return all;
}

}  // namespace vitrine::engine
