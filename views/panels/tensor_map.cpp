#include "views/panels/tensor_map.h"

#include <algorithm>
#include <charconv>
#include <cmath>

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
  report_ = report;
  set_range();
  if (pool <= 1) return set_report(values ? std::move(report) : nullptr);
  rows_ = note(*report, "rows");
  cols_ = note(*report, "cols");
  overview_level_ = 0;
  while ((std::int64_t{1} << overview_level_) < pool) ++overview_level_;
  overview_ = ValuePyramid(values->shape[0], values->shape[1], values->values);
  TileSource source;
  source.rows = rows_;
  source.cols = cols_;
  source.row_name = values->axes[0].name;
  source.col_name = values->axes[1].name;
  source.request_tile = [this](const TileKey& key) {
    // A canvas asks while it draws: the answer comes after.
    QTimer::singleShot(0, this, [this, key, serial = serial_] {
      if (serial == serial_) ask(key);
    });
  };
  set_report(nullptr);
  set_source(std::move(source));
}

void TensorMap::set_full_range(bool full) {
  full_ = full;
  set_range();
}

void TensorMap::set_range() {
  MapSettings look = settings();
  const auto metric = [&](const char* name) {
    for (const auto& m : report_->metrics)
      if (m.name == name) return m.value;
    return 0.0;
  };
  look.lo = look.hi = std::nullopt;
  look.diverging = report_ && metric("min") < 0;
  if (report_ && !full_) {
    const double far = 4 * metric("std"), lo = metric("min"), hi = metric("max");
    const double most = std::max(std::abs(lo), std::abs(hi));
    if (look.diverging && far > 0 && far < most) {
      look.lo = static_cast<float>(-far);
      look.hi = static_cast<float>(far);
    } else if (!look.diverging && far > 0 && metric("mean") + far < hi) {
      look.lo = static_cast<float>(lo);
      look.hi = static_cast<float>(metric("mean") + far);
    }
  }
  set_settings(look);
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
