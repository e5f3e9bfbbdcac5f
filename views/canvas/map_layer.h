#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "views/canvas/value_pyramid.h"

namespace vitrine::views {

/// A square of 256 x 256 pooled cells; each of them stands for 2^level x 2^level cells of the map.
/// It covers rows [row * 256, (row + 1) * 256) of its level, cut at the edge; the same for columns.
struct TileKey {
  int level = 0;
  std::int64_t row = 0, col = 0;
  friend auto operator<=>(const TileKey&, const TileKey&) = default;
};

/// A map too large to hold. Requests come on the UI thread and may be answered later, in any order,
/// or never (nothing waits). A pooled cell is the value farthest from zero of its block.
struct TileSource {
  std::int64_t rows = 0, cols = 0;
  std::vector<std::string> row_labels, col_labels;    ///< empty, or one each
  std::string row_name = "query", col_name = "key";   ///< of the axes
  std::function<void(const TileKey&)> request_tile;   ///< answer with MapCanvas::set_tile
  std::function<void(const TileKey&)> drop_tile;      ///< optional; a tile that was asked for shows no more
  std::function<void(std::int64_t row)> request_row;  ///< optional; answer with MapCanvas::set_row
};

/// Values of a tile, row-major with `stride`; `data` is null while they are not here.
struct TileView {
  const float* data = nullptr;
  int rows = 0, cols = 0;
  std::int64_t stride = 0;
  bool exact = true;   ///< false: a sample
};

/// One matrix of a map canvas: held whole with its halvings, or asked for tile by tile (at most 48
/// MiB kept).
class MapLayer {
 public:
  static constexpr std::int64_t kTile = 256;
  static constexpr std::size_t kTilesKept = 192;

  void clear();
  void set_values(std::int64_t rows, std::int64_t cols, std::vector<float> values);
  void set_source(TileSource source);
  /// Ignored unless `values` has the tile's size. One that is not `exact` stays asked for.
  bool put_tile(const TileKey& key, std::vector<float> values, bool exact = true);
  bool put_row(std::int64_t row, std::vector<float> values);

  [[nodiscard]] bool empty() const { return rows_ == 0 || cols_ == 0; }
  [[nodiscard]] bool tiled() const { return source_.has_value(); }
  [[nodiscard]] std::int64_t rows() const { return rows_; }
  [[nodiscard]] std::int64_t cols() const { return cols_; }
  [[nodiscard]] int levels() const { return levels_; }
  [[nodiscard]] int tile_rows(const TileKey& key) const;
  [[nodiscard]] int tile_cols(const TileKey& key) const;

  /// Between the two, tiles that show are asked for; what was asked for before and does not show is dropped at the end.
  void begin_picture();
  void end_picture();
  /// The tile; asks the source for it if it is not here exactly and `ask`.
  TileView tile(const TileKey& key, bool ask = true);
  /// The exact value of a cell, if it is here; asks for it otherwise.
  std::optional<float> value(std::int64_t row, std::int64_t col);
  /// A whole row, or empty if it is not here; asks for it otherwise.
  std::span<const float> row(std::int64_t row);
  /// All values, if the matrix is held whole; otherwise what the coarsest tile shows.
  [[nodiscard]] std::span<const float> overview();

 private:
  struct Kept {
    std::vector<float> values;
    std::list<TileKey>::iterator age;
    bool exact = true;
  };

  std::int64_t rows_ = 0, cols_ = 0;
  int levels_ = 0;
  ValuePyramid pyramid_;
  std::optional<TileSource> source_;
  std::map<TileKey, Kept> tiles_;
  std::list<TileKey> ages_;  ///< most recently used first
  std::set<TileKey> asked_, showing_;
  std::int64_t row_index_ = -1, row_asked_ = -1;
  std::vector<float> row_values_;
};

}  // namespace vitrine::views
