#include "engine/tensor/aten.h"

#include <cstring>
#include <stdexcept>

namespace vitrine::engine {

at::ScalarType scalar_type(DType dtype) {
  switch (dtype) {
    case DType::F32: return at::kFloat;
    case DType::F64: return at::kDouble;
    case DType::F16: return at::kHalf;
    case DType::BF16: return at::kBFloat16;
    case DType::I64: return at::kLong;
    case DType::I32: return at::kInt;
    case DType::I16: return at::kShort;
    case DType::I8: return at::kChar;
    case DType::U8: return at::kByte;
    case DType::Bool: return at::kBool;
  }
  throw std::logic_error("unknown dtype");
}

DType from_scalar_type(at::ScalarType type) {
  switch (type) {
    case at::kFloat: return DType::F32;
    case at::kDouble: return DType::F64;
    case at::kHalf: return DType::F16;
    case at::kBFloat16: return DType::BF16;
    case at::kLong: return DType::I64;
    case at::kInt: return DType::I32;
    case at::kShort: return DType::I16;
    case at::kChar: return DType::I8;
    case at::kByte: return DType::U8;
    case at::kBool: return DType::Bool;
    default: throw std::logic_error("a tensor type that Vitrine does not use");
  }
}

int Tensor::dim() const { return static_cast<int>(box_->value.dim()); }
std::int64_t Tensor::size(int axis) const { return box_->value.size(axis); }
Shape Tensor::shape() const { return box_->value.sizes().vec(); }
std::int64_t Tensor::numel() const { return box_->value.numel(); }
DType Tensor::dtype() const { return from_scalar_type(box_->value.scalar_type()); }
bool Tensor::on_cpu() const { return box_->value.device().is_cpu(); }

std::vector<float> Tensor::to_floats() const {
  const at::Tensor host = raw(*this).detach().to(at::kCPU, at::kFloat).contiguous();
  const float* data = host.const_data_ptr<float>();
  return {data, data + host.numel()};
}

std::vector<std::int64_t> Tensor::to_ints() const {
  const at::Tensor host = raw(*this).detach().to(at::kCPU, at::kLong).contiguous();
  const std::int64_t* data = host.const_data_ptr<std::int64_t>();
  return {data, data + host.numel()};
}

double Tensor::item() const { return raw(*this).to(at::kDouble).item<double>(); }

Tensor Tensor::from_floats(std::span<const float> values, const Shape& shape) {
  at::Tensor t = at::empty(shape, at::kFloat);
  if (static_cast<std::int64_t>(values.size()) != t.numel()) throw std::invalid_argument("values and shape " + shape_text(shape) + " differ in size");
  std::memcpy(t.mutable_data_ptr<float>(), values.data(), values.size() * sizeof(float));
  return wrap(std::move(t));
}

Tensor Tensor::from_ints(std::span<const std::int64_t> values, const Shape& shape) {
  at::Tensor t = at::empty(shape, at::kLong);
  if (static_cast<std::int64_t>(values.size()) != t.numel()) throw std::invalid_argument("values and shape " + shape_text(shape) + " differ in size");
  std::memcpy(t.mutable_data_ptr<std::int64_t>(), values.data(), values.size() * sizeof(std::int64_t));
  return wrap(std::move(t));
}

Tensor Tensor::empty(const Shape& shape, DType dtype) { return wrap(at::empty(shape, scalar_type(dtype))); }

float* Tensor::data_f32() const {
  const at::Tensor& t = box_->value;
  if (!t.is_contiguous() || t.scalar_type() != at::kFloat || !t.device().is_cpu())
    throw std::invalid_argument("expected a contiguous float32 tensor on the CPU");
  return const_cast<float*>(t.const_data_ptr<float>());
}

const void* Tensor::data_id() const { return box_->blocks ? static_cast<const void*>(box_->blocks.get()) : box_->value.const_data_ptr(); }

std::string shape_text(const Shape& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

}  // namespace vitrine::engine
