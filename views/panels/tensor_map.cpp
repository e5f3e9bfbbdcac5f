#include "views/panels/tensor_map.h"

#include <algorithm>
#include <charconv>

#include <QTimer>

#include "views/panels/looks.h"

namespace vitrine::views {

namespace {

std::int64_t note(const engine::Report& report, const char* name) {
  const auto found = report.notes.find(name);
  std::int64_t value = 0;
  if (found != report.notes.end()) std::from_chars(found->second.data(), found->second.data() + found->second.size(), value);
  return value;
}

const engine::Array* values_of(const engine::Report& report) {
  for (const auto& array : report.arrays)
    if (array.name == "values" && array.shape.size() == 2 && array.shape[0] > 0 && array.shape[1] > 0) return &array;
  return nullptr;
}

/// One tile of a level that is held whole.
std::vector<float> cut(const PyramidLevel& level, const TileKey& key) {
  const std::int64_t r0 = key.row * MapLayer::kTile, c0 = key.col * MapLayer::kTile;
  const std::int64_t r1 = std::min(level.rows, r0 + MapLayer::kTile), c1 = std::min(level.cols, c0 + MapLayer::kTile);
  std::vector<float> out;
  for (std::int64_t r = r0; r < r1; ++r)
    out.insert(out.end(), level.values.begin() + r * level.cols + c0, level.values.begin() + r * level.cols + c1);
  return out;
}

}  // namespace

void TensorMap::show(std::shared_ptr<const engine::Report> report) {
  ++serial_;
  const engine::Array* values = report ? values_of(*report) : nullptr;
  const std::int64_t pool = values ? note(*report, "pool") : 0;
  MapSettings look = settings();
  look.diverging = values && std::any_of(values->values.begin(), values->values.end(), [](float v) { return v < 0; });
  set_settings(look);
  if (pool <= 1) return set_report(values ? std::move(report) : nullptr);
  rows_ = note(*report, "rows");
  cols_ = note(*report, "cols");
  overview_level_ = 0;
  while ((std::int64_t{1} << overview_level_) < pool) ++overview_level_;
  overview_ = ValuePyramid(values->shape[0], values->shape[1], values->values);
  TileSource source;
  source.rows = rows_;
  source.cols = cols_;
  source.request_tile = [this](const TileKey& key) {
    // A canvas asks while it draws: the answer comes after.
    QTimer::singleShot(0, this, [this, key, serial = serial_] {
      if (serial == serial_) ask(key);
    });
  };
  set_report(nullptr);
  set_source(std::move(source));
}

void TensorMap::ask(const TileKey& key) {
  if (const int held = key.level - overview_level_; held >= 0) {
    if (held < overview_.levels()) set_tile(key, cut(overview_.level(held), key));
    return;
  }
  const std::int64_t pool = std::int64_t{1} << key.level, edge = MapLayer::kTile * pool;
  emit wanted({key, key.row * edge, std::min(rows_, (key.row + 1) * edge), key.col * edge, std::min(cols_, (key.col + 1) * edge), pool});
}

}  // namespace vitrine::views
