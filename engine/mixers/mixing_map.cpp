#include "engine/mixers/mixing_map.h"

#include "engine/tensor/guard.h"
#include "engine/tensor/ops.h"

namespace vitrine::engine {

Result<double> map_residual(const MixingMap& map, int batch, int head) {
  VITRINE_TRY(const Tensor m, map.tile(batch, head, 0, map.rows(), 0, map.cols()));
  return guard([&] {
    const Tensor v = to(select(select(map.values(), 0, batch), 0, head), DType::F32);
    const Tensor y = to(select(select(map.output(), 0, batch), 0, head), DType::F32);
    return max_abs(matmul(m, v) - y);
  });
}

}  // namespace vitrine::engine
