#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "engine/core/error.h"
#include "engine/core/progress.h"
#include "engine/mixers/key_geometry.h"

namespace vitrine::engine {

class MixingMap;

struct StatisticsRequest {
  bool columns = true;                   ///< mass that each key receives
  bool profile = false;                  ///< mass by displacement
  int top_k = 1;                         ///< largest weights of a row that are kept, with their keys; 0 to 64
  KeyGrid grid;
  std::vector<std::vector<float>> key_sets;   ///< each [cols]: weights (0 or 1) of keys whose mass is wanted
};

/// What is asked of a map most often, without the map. Rows of maps that are no distributions count by magnitude,
/// divided by their sum.
struct HeadStatistics {
  std::int64_t rows = 0, cols = 0;
  std::vector<float> entropy;            ///< [row], nats
  std::vector<float> distance;           ///< [row], expected distance of the key: tokens, or patches (Euclidean)
  std::vector<float> top;                ///< [row, top_k] largest weights in order; of equal ones the earlier key first
  std::vector<std::int32_t> top_key;     ///< [row, top_k], -1 where fewer keys have any
  std::vector<std::vector<float>> mass;  ///< [set][row]
  std::vector<float> received;           ///< [col] sum over queries; empty if not asked
  /// Sum over queries of the mass at each displacement (key - query), [2 height - 1, 2 width - 1]; empty if not asked.
  std::vector<float> profile;
  std::int64_t profile_rows = 0, profile_cols = 0;

  /// Room for what is asked of a map of rows x cols.
  HeadStatistics(std::int64_t rows, std::int64_t cols, const StatisticsRequest& request);
};

/// @error Usage if grid or sets do not fit the map, or more than 64 largest weights are asked for
[[nodiscard]] Status check_statistics(std::int64_t rows, std::int64_t cols, const StatisticsRequest& request);

/// The same from tiles, for maps without a quicker way. @cost each cell once; memory of a stripe of rows
[[nodiscard]] Result<HeadStatistics> tiled_statistics(const MixingMap& map, int batch, int head, const StatisticsRequest& request,
                                                      const Progress& progress);

/// How `n` cells in a row become fewer: `out` runs as even as possible (cell i belongs to i * out / n), or, with `block` > 0,
/// runs of that many, the last one shorter.
struct Pooling {
  std::int64_t n = 0, out = 0, block = 0;

  [[nodiscard]] std::int64_t size() const { return block > 0 ? (n + block - 1) / block : out; }
  [[nodiscard]] std::int64_t cell_of(std::int64_t i) const { return block > 0 ? i / block : i * out / n; }
  [[nodiscard]] std::int64_t begin(std::int64_t cell) const { return block > 0 ? std::min(n, cell * block) : (cell * n + out - 1) / out; }
};

/// A part of a map, pooled.
struct OverviewRequest {
  std::int64_t row0 = 0, row1 = 0, col0 = 0, col1 = 0;
  std::int64_t out_rows = 0, out_cols = 0;   ///< at most the part's own; not used with `block`
  std::int64_t block = 0;                    ///< cells a side that become one; 0: by out_rows and out_cols
  bool sampled = false;                      ///< one cell of each, the one in its middle, stands for all: a first picture

  [[nodiscard]] Pooling rows() const { return {row1 - row0, out_rows, block}; }
  [[nodiscard]] Pooling cols() const { return {col1 - col0, out_cols, block}; }
};

struct Overview {
  std::int64_t rows = 0, cols = 0;
  std::vector<float> most;               ///< [row, col] the value of largest magnitude, with its sign
  std::vector<float> mean;               ///< [row, col] mean magnitude

  explicit Overview(const OverviewRequest& request)
      : rows(request.rows().size()), cols(request.cols().size()), most(static_cast<std::size_t>(rows * cols)), mean(most.size()) {}
};

/// @error Usage if the part is not inside the map or smaller than what it is pooled to
[[nodiscard]] Status check_overview(std::int64_t rows, std::int64_t cols, const OverviewRequest& request);
/// From tiles, for maps without a quicker way. @cost each cell once; memory of a stripe of rows
[[nodiscard]] Result<Overview> tiled_overview(const MixingMap& map, int batch, int head, const OverviewRequest& request, const Progress& progress);

}  // namespace vitrine::engine
