#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/core/error.h"
#include "engine/mixers/map_statistics.h"
#include "engine/tensor/tensor.h"

namespace vitrine::engine {

/// The matrix that a token mixer is, per head, for one input: y = M v. Lazy: nothing is stored but its factors.
class MixingMap {
 public:
  virtual ~MixingMap() = default;

  [[nodiscard]] virtual int batch() const = 0;
  [[nodiscard]] virtual int heads() const = 0;
  [[nodiscard]] virtual std::int64_t rows() const = 0;   ///< output tokens
  [[nodiscard]] virtual std::int64_t cols() const = 0;   ///< input tokens
  /// "dense softmax", "block sparse softmax", "semiseparable", ...
  [[nodiscard]] virtual std::string kind() const = 0;
  /// Whether each row is a probability distribution.
  [[nodiscard]] virtual bool stochastic() const = 0;
  /// M[row0:row1, col0:col1] of one head, [row, col], float32. @cost only the tile
  [[nodiscard]] virtual Result<Tensor> tile(int batch, int head, std::int64_t row0, std::int64_t row1,
                                            std::int64_t col0, std::int64_t col1) const = 0;
  /// Rows, columns, displacements and largest cells of one head. @cost each cell once, memory O(rows + cols); softmax maps
  /// with fused kernels, others from stripes of tiles
  [[nodiscard]] virtual Result<HeadStatistics> statistics(int batch, int head, const StatisticsRequest& request, const Progress& progress = {}) const {
    return tiled_statistics(*this, batch, head, request, progress);
  }
  /// A part of one head pooled by maximum and mean, exactly. @cost each cell of the part once, memory of the picture
  [[nodiscard]] virtual Result<Overview> overview(int batch, int head, const OverviewRequest& request, const Progress& progress = {}) const {
    return tiled_overview(*this, batch, head, request, progress);
  }
  /// Values the map acts on, [batch, head, col, d]; the mixer's own.
  [[nodiscard]] virtual Tensor values() const = 0;
  /// What the mixer really produced for them, [batch, head, row, d]: tile x values must equal it.
  [[nodiscard]] virtual Tensor output() const = 0;
};

/// Largest difference between M v, computed from tiles, and the mixer's own output, over one batch entry.
[[nodiscard]] Result<double> map_residual(const MixingMap& map, int batch, int head);

}  // namespace vitrine::engine
