#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include <QObject>
#include <QString>

#include <nlohmann/json.hpp>

#include "views/canvas/map_layer.h"
#include "views/panels/host.h"

namespace vitrine::views {

class MapCanvas;

/// Feeds a map canvas with a map that is too large to hold: asks for the tiles that show, first sampled, then exact.
class MapTiles : public QObject {
  Q_OBJECT
 public:
  /// Maps of more tokens a side than this are looked at by tiles.
  static constexpr std::int64_t kWholeUpTo = 2048;

  /// @param tag begins the tags of all requests; unique in the program
  /// @param second the map that the first is compared with
  MapTiles(Host& host, MapCanvas& canvas, QString tag, bool second);

  /// Shows the map of rows x cols that `params` (of the analysis `attention_tile`) name; another one replaces it.
  void show(std::int64_t rows, std::int64_t cols, std::vector<std::string> row_labels, std::vector<std::string> col_labels,
            nlohmann::json params);
  /// Drops what is under way; answers that come anyway are not shown.
  void stop();
  [[nodiscard]] bool showing() const { return rows_ > 0; }
  /// Tiles asked for and not yet there exactly.
  [[nodiscard]] int pending() const { return static_cast<int>(pending_.size()); }

 signals:
  /// The whole map in one tile: sampled first, then exact.
  void overview(std::shared_ptr<const vitrine::engine::Report> report);
  void pending_changed(int tiles);
  void refused(const QString& sentence);

 private:
  void ask(const TileKey& key);
  void forget(const TileKey& key);
  void ask_row(std::int64_t row);
  void answered(const QString& tag, const std::shared_ptr<const engine::Report>& report);
  void failed(const QString& tag, const QString& sentence);
  [[nodiscard]] QString tag_of(const TileKey& key, bool sampled) const;
  [[nodiscard]] QString row_tag() const { return tag_ + "/row"; }

  Host& host_;
  MapCanvas& canvas_;
  QString tag_;
  bool second_;
  std::int64_t rows_ = 0, cols_ = 0;
  int top_ = 0;
  nlohmann::json params_;
  std::map<QString, TileKey> pending_, sampled_;   ///< by tag
  std::int64_t row_ = -1;                          ///< asked for, -1: none
};

}  // namespace vitrine::views
