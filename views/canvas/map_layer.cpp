#include "views/canvas/map_layer.h"

#include <algorithm>
#include <utility>

namespace vitrine::views {

namespace {
std::int64_t halved(std::int64_t n, int level) {
  const std::int64_t block = std::int64_t{1} << level;
  return (n + block - 1) / block;
}

int clipped(std::int64_t n, std::int64_t tile) {
  return static_cast<int>(std::clamp<std::int64_t>(n - tile * MapLayer::kTile, 0, MapLayer::kTile));
}
}  // namespace

void MapLayer::clear() { *this = MapLayer(); }

void MapLayer::set_values(std::int64_t rows, std::int64_t cols, std::vector<float> values) {
  clear();
  pyramid_ = ValuePyramid(rows, cols, std::move(values));
  if (pyramid_.empty()) return;
  rows_ = rows;
  cols_ = cols;
  levels_ = pyramid_.levels();
}

void MapLayer::set_source(TileSource source) {
  clear();
  constexpr std::int64_t kLargest = std::int64_t{1} << 40;
  if (source.rows <= 0 || source.cols <= 0 || source.rows > kLargest || source.cols > kLargest)
    return;
  rows_ = source.rows;
  cols_ = source.cols;
  levels_ = 1;
  while (halved(std::max(rows_, cols_), levels_ - 1) > kTile) ++levels_;
  source_ = std::move(source);
}

int MapLayer::tile_rows(const TileKey& key) const {
  return clipped(halved(rows_, key.level), key.row);
}
int MapLayer::tile_cols(const TileKey& key) const {
  return clipped(halved(cols_, key.level), key.col);
}

void MapLayer::begin_picture() { showing_.clear(); }

void MapLayer::end_picture() {
  if (!source_ || !source_->drop_tile) return;
  for (auto it = asked_.begin(); it != asked_.end();) {
    if (it->level == levels_ - 1 || showing_.contains(*it)) {
      ++it;
      continue;
    }
    const TileKey key = *it;
    it = asked_.erase(it);
    source_->drop_tile(key);
  }
}

bool MapLayer::put_tile(const TileKey& key, std::vector<float> values, bool exact) {
  if (!source_ || key.level < 0 || key.level >= levels_ || key.row < 0 || key.col < 0) return false;
  const auto size =
      static_cast<std::size_t>(tile_rows(key)) * static_cast<std::size_t>(tile_cols(key));
  if (size == 0 || values.size() != size) return false;
  if (exact) asked_.erase(key);
  if (const auto it = tiles_.find(key); it != tiles_.end()) {
    if (it->second.exact && !exact) return false;
    it->second.values = std::move(values);
    it->second.exact = exact;
    return true;
  }
  ages_.push_front(key);
  tiles_.emplace(key, Kept{std::move(values), ages_.begin(), exact});
  while (tiles_.size() > kTilesKept) {
    tiles_.erase(ages_.back());
    ages_.pop_back();
  }
  return true;
}

bool MapLayer::put_row(std::int64_t row, std::vector<float> values) {
  if (row < 0 || row >= rows_ || static_cast<std::int64_t>(values.size()) != cols_) return false;
  row_index_ = row;
  row_values_ = std::move(values);
  return true;
}

TileView MapLayer::tile(const TileKey& key, bool ask_for_it) {
  if (empty() || key.level < 0 || key.level >= levels_) return {};
  TileView view{.rows = tile_rows(key), .cols = tile_cols(key)};
  if (view.rows == 0 || view.cols == 0) return view;
  if (!source_) {
    const PyramidLevel& level = pyramid_.level(key.level);
    view.stride = level.cols;
    view.data = level.values.data() + key.row * kTile * level.cols + key.col * kTile;
    return view;
  }
  auto it = tiles_.find(key);
  if (ask_for_it && (it == tiles_.end() || !it->second.exact)) {
    showing_.insert(key);
    if (source_->request_tile && asked_.insert(key).second) {
      const auto ask = source_->request_tile;
      ask(key);
      it = tiles_.find(key);
    }
  }
  if (it == tiles_.end()) return view;
  ages_.splice(ages_.begin(), ages_, it->second.age);
  view.stride = view.cols;
  view.data = it->second.values.data();
  view.exact = it->second.exact;
  return view;
}

std::optional<float> MapLayer::value(std::int64_t row, std::int64_t col) {
  if (row < 0 || col < 0 || row >= rows_ || col >= cols_) return std::nullopt;
  if (source_ && row == row_index_) return row_values_[static_cast<std::size_t>(col)];
  const TileView view = tile({0, row / kTile, col / kTile});
  if (view.data == nullptr) return std::nullopt;
  return view.data[(row % kTile) * view.stride + col % kTile];
}

std::span<const float> MapLayer::row(std::int64_t row) {
  if (row < 0 || row >= rows_) return {};
  if (!source_) {
    return {pyramid_.level(0).values.data() + row * cols_, static_cast<std::size_t>(cols_)};
  }
  if (row == row_index_) return row_values_;
  if (source_->request_row && row != row_asked_) {
    row_asked_ = row;
    const auto ask = source_->request_row;
    ask(row);
    if (row == row_index_) return row_values_;
  }
  return {};
}

std::span<const float> MapLayer::overview() {
  if (empty()) return {};
  if (!source_) return pyramid_.level(0).values;
  const TileView view = tile({levels_ - 1, 0, 0});
  if (view.data == nullptr) return {};
  return {view.data, static_cast<std::size_t>(view.rows) * static_cast<std::size_t>(view.cols)};
}

}  // namespace vitrine::views
