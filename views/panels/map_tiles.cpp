#include "views/panels/map_tiles.h"

#include <algorithm>

#include "views/canvas/map_canvas.h"

namespace vitrine::views {

MapTiles::MapTiles(Host& host, MapCanvas& canvas, QString tag, bool second)
    : QObject(&canvas), host_(host), canvas_(canvas), tag_(std::move(tag)), second_(second) {
  connect(&host_, &Host::report, this, &MapTiles::answered);
  connect(&host_, &Host::failed, this, &MapTiles::failed);
}

QString MapTiles::tag_of(const TileKey& key, bool sampled) const {
  return QStringLiteral("%1/%2.%3.%4%5").arg(tag_).arg(key.level).arg(key.row).arg(key.col).arg(sampled ? QStringLiteral(".sampled") : QString());
}

void MapTiles::stop() {
  for (const auto* tags : {&pending_, &sampled_})
    for (const auto& [tag, key] : *tags) host_.cancel(tag);
  if (row_ >= 0) host_.cancel(row_tag());
  pending_.clear();
  sampled_.clear();
  row_ = -1;
  rows_ = cols_ = 0;
}

void MapTiles::show(std::int64_t rows, std::int64_t cols, std::vector<std::string> row_labels, std::vector<std::string> col_labels, nlohmann::json params) {
  stop();
  rows_ = rows;
  cols_ = cols;
  params_ = std::move(params);
  TileSource source;
  source.rows = rows;
  source.cols = cols;
  source.row_labels = std::move(row_labels);
  source.col_labels = std::move(col_labels);
  source.request_tile = [this](const TileKey& key) { ask(key); };
  source.drop_tile = [this](const TileKey& key) { forget(key); };
  source.request_row = [this](std::int64_t row) { ask_row(row); };
  top_ = 0;
  while ((std::max(rows, cols) - 1) >> top_ >= MapLayer::kTile) ++top_;
  if (second_) canvas_.set_compare_source(std::move(source));
  else canvas_.set_source(std::move(source));
  ask({top_, 0, 0});
}

void MapTiles::ask(const TileKey& key) {
  if (!showing() || pending_.count(tag_of(key, false)) > 0) return;
  nlohmann::json params = params_;
  params["level"] = key.level;
  params["row"] = key.row;
  params["col"] = key.col;
  // Exact tiles of coarse levels visit every cell below them; samples come at once.
  if (key.level > 1) {
    params["sampled"] = true;
    sampled_[tag_of(key, true)] = key;
    host_.request(tag_of(key, true), "attention_tile", params);
    params["sampled"] = false;
  }
  pending_[tag_of(key, false)] = key;
  host_.request(tag_of(key, false), "attention_tile", params, true, key.level > 1 ? Pace::CanWait : Pace::Prompt);
  emit pending_changed(pending());
}

/// Nobody looks at it any more: what is under way for it would keep others waiting.
void MapTiles::forget(const TileKey& key) {
  const QString exact = tag_of(key, false), sampled = tag_of(key, true);
  if (sampled_.erase(sampled) > 0) host_.cancel(sampled);
  if (pending_.erase(exact) == 0) return;
  host_.cancel(exact);
  emit pending_changed(pending());
}

void MapTiles::ask_row(std::int64_t row) {
  if (!showing()) return;
  row_ = row;
  nlohmann::json params = params_;
  params["query"] = row;
  host_.request(row_tag(), "attention_row", params);
}

void MapTiles::answered(const QString& tag, const std::shared_ptr<const engine::Report>& report) {
  if (!tag.startsWith(tag_) || !showing() || report->arrays.empty()) return;
  if (tag == row_tag()) return canvas_.set_row(std::exchange(row_, -1), report->arrays[0].values, second_);
  const bool sampled = sampled_.count(tag) > 0;
  auto& asked = sampled ? sampled_ : pending_;
  const auto it = asked.find(tag);
  if (it == asked.end()) return;
  const TileKey key = it->second;
  asked.erase(it);
  // A sample that comes after the exact tile would undo it.
  if (sampled && pending_.count(tag_of(key, false)) == 0) return;
  canvas_.set_tile(key, report->arrays[0].values, second_, !sampled);
  if (key.level == top_) emit overview(report);
  emit pending_changed(pending());
}

void MapTiles::failed(const QString& tag, const QString& sentence) {
  if (sampled_.erase(tag) > 0) return;
  if (pending_.erase(tag) == 0) return;
  emit pending_changed(pending());
  emit refused(sentence);
}

}  // namespace vitrine::views
