#include "engine/nn/patch_resize.h"

#include <vector>

#include "engine/tensor/ops.h"

namespace vitrine::engine {

namespace {

/// Singular values below this share of the largest are none.
constexpr double kNothing = 1e-12;

/// @param x [m, n] @return [n, m]
Tensor pseudo_inverse(const Tensor& x) {
  const Svd parts = svd(x);
  const Tensor none = parts.s * 0.0;
  const Tensor inverse = where(greater(parts.s, kNothing * amax(parts.s, 0).item()), (none + 1.0) / parts.s, none);
  return matmul(transpose(parts.vt, 0, 1) * unsqueeze(inverse, 0), transpose(parts.u, 0, 1));
}

}  // namespace

Tensor resized_patches(const Tensor& kernel, std::int64_t rows, std::int64_t cols) {
  const std::int64_t old_rows = kernel.size(2), old_cols = kernel.size(3), old_size = old_rows * old_cols, size = rows * cols;
  if (rows == old_rows && cols == old_cols) return kernel;
  // Row i: what becomes of a patch that is 1 at pixel i and 0 elsewhere.
  std::vector<float> each(static_cast<std::size_t>(old_size * old_size), 0.0F);
  for (std::int64_t i = 0; i < old_size; ++i) each[static_cast<std::size_t>(i * (old_size + 1))] = 1;
  const Tensor pixels = to(Tensor::from_floats(each, {old_size, 1, old_rows, old_cols}), DType::F64);
  const Tensor resize = reshape(interpolate(pixels, rows, cols, Interpolation::Bilinear), {old_size, size});
  const Tensor flat = reshape(to(kernel, DType::F64), {kernel.size(0) * kernel.size(1), old_size});
  return to(reshape(matmul(flat, transpose(pseudo_inverse(resize), 0, 1)), {kernel.size(0), kernel.size(1), rows, cols}), kernel.dtype());
}

}  // namespace vitrine::engine
