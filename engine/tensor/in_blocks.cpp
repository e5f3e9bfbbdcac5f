#include "engine/tensor/in_blocks.h"

#include <stdexcept>
#include <string>

#include "engine/tensor/aten.h"

namespace vitrine::engine {

Tensor in_blocks(std::shared_ptr<const BlockMatrix> matrix, DType dtype) {
  const at::Tensor shape = at::empty({1}, scalar_type(dtype)).expand({matrix->out(), matrix->in()});
  return Tensor(std::make_shared<const Tensor::Box>(Tensor::Box{shape, std::move(matrix)}));
}

const BlockMatrix* blocks_of(const Tensor& x) { return x.defined() ? x.box()->blocks.get() : nullptr; }

at::Tensor unfolded(const Tensor::Box& box) {
  at::Tensor values = at::empty(box.value.sizes(), at::kFloat);
  box.blocks->unfold(values.mutable_data_ptr<float>());
  return values.to(box.value.scalar_type());
}

Tensor plain(const Tensor& x) { return blocks_of(x) ? wrap(raw(x)) : x; }

Tensor rows_in_blocks(const Tensor& table, const Tensor& ids) {
  const BlockMatrix& matrix = *blocks_of(table);
  const at::Tensor numbers = raw(ids).to(at::kLong).contiguous();
  auto shape = numbers.sizes().vec();
  shape.push_back(matrix.in());
  at::Tensor rows = at::empty(shape, at::kFloat);
  float* to = rows.mutable_data_ptr<float>();
  for (std::int64_t i = 0; i < numbers.numel(); ++i, to += matrix.in()) {
    const std::int64_t id = numbers.const_data_ptr<std::int64_t>()[i];
    if (id < 0 || id >= matrix.out()) throw std::out_of_range("row " + std::to_string(id) + " of a table of " + std::to_string(matrix.out()));
    matrix.unfold_row(id, to);
  }
  return wrap(rows.to(table.box()->value.scalar_type()));
}

std::vector<Tensor> multiply_in_blocks(std::span<const BlockMatrix* const> matrices, const Tensor& x) {
  const at::Tensor given = raw(x);
  auto shape = given.sizes().vec();
  const at::Tensor in = given.to(at::kFloat).reshape({-1, given.size(-1)}).contiguous();
  std::vector<at::Tensor> made;
  std::vector<BlockMatrix::Job> jobs;
  for (const BlockMatrix* matrix : matrices) {
    if (matrix->in() != given.size(-1))
      throw std::invalid_argument("a matrix of " + std::to_string(matrix->in()) + " inputs is multiplied by " + std::to_string(given.size(-1)));
    made.push_back(at::empty({in.size(0), matrix->out()}, in.options()));
    jobs.push_back({matrix, made.back().mutable_data_ptr<float>()});
  }
  BlockMatrix::multiply(jobs, in.const_data_ptr<float>(), in.size(0));
  std::vector<Tensor> out;
  for (const at::Tensor& y : made) {
    shape.back() = y.size(1);
    out.push_back(wrap(y.to(given.scalar_type()).reshape(shape)));
  }
  return out;
}

}  // namespace vitrine::engine
