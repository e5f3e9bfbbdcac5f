#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "engine/report/report.h"
#include "views/canvas/map_canvas.h"

namespace vitrine::views {

/// A slice of a tensor on a map canvas: whole where it is small; else the pooled picture that came with the statistics,
/// and finer tiles as they are looked at.
class TensorMap : public MapCanvas {
  Q_OBJECT
 public:
  /// A square of values that is on the screen and not here: rows and columns of the slice, `pool` of them to a cell.
  struct Wanted {
    TileKey key;
    std::int64_t row0 = 0, row1 = 0, col0 = 0, col1 = 0, pool = 1;
  };
  explicit TensorMap(QWidget* parent = nullptr) : MapCanvas(parent) {}
  /// A report of the analysis `tensor`; null empties the canvas.
  void show(std::shared_ptr<const engine::Report> report);
  /// Colours up to four standard deviations, so that one far value does not make all others one colour; or all the way.
  void set_full_range(bool full);

 signals:
  void wanted(const vitrine::views::TensorMap::Wanted& tile);

 private:
  void ask(const TileKey& key);
  void set_range();
  std::shared_ptr<const engine::Report> report_;
  bool full_ = false;
  std::int64_t rows_ = 0, cols_ = 0;
  int overview_level_ = 0;
  ValuePyramid overview_;
  std::uint64_t serial_ = 0;
};

}  // namespace vitrine::views
