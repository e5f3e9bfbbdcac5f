#pragma once

#include <memory>

#include <QStackedWidget>

#include <nlohmann/json.hpp>

#include "engine/report/report.h"
#include "views/panels/looks.h"

namespace vitrine::views {

class MapCanvas;
class TokenLinesCanvas;
class ImageOverlayCanvas;

/// How one map is drawn; kept as the settings of the attention panel.
struct AttentionLook {
  std::string map = default_color_map();
  bool manual = false;
  double lo = 0, hi = 1;
  bool log = false;
  bool hide_first = false;
  friend bool operator==(const AttentionLook&, const AttentionLook&) = default;
};

/// The three drawings of a map [query, key] behind one interface. A canvas is made when it is first shown.
class AttentionView : public QStackedWidget {
  Q_OBJECT
 public:
  enum Mode { Matrix = 0, Lines = 1, Overlay = 2 };

  explicit AttentionView(QWidget* parent = nullptr);
  /// Draws what was handed in by the other setters.
  void set_mode(Mode mode);
  [[nodiscard]] Mode mode() const { return mode_; }
  void set_reports(std::shared_ptr<const engine::Report> first, std::shared_ptr<const engine::Report> second);
  /// The matrix is fed tile by tile through `map`; what reports hold is not drawn in it.
  void set_tiled(bool tiled) { tiled_ = tiled; }
  void set_names(const QString& first, const QString& second);
  void set_look(const AttentionLook& look, bool diverging);
  void set_selection(int query, int key);
  void follow_theme();
  [[nodiscard]] MapCanvas* map() const { return map_; }
  [[nodiscard]] TokenLinesCanvas* lines() const { return lines_; }
  [[nodiscard]] ImageOverlayCanvas* overlay() const { return overlay_; }

 signals:
  void chosen(int query, int key);             ///< -1: that side stays as it is
  void pointed(const QString& description);    ///< empty: nothing is pointed at

 private:
  void make_map();
  void make_lines();
  void make_overlay();
  void fill();

  Mode mode_ = Matrix;
  MapCanvas* map_ = nullptr;
  TokenLinesCanvas* lines_ = nullptr;
  ImageOverlayCanvas* overlay_ = nullptr;
  std::shared_ptr<const engine::Report> first_, second_;
  QString names_[2];
  AttentionLook look_;
  bool diverging_ = false, tiled_ = false;
  int query_ = -1, key_ = -1;
};

}  // namespace vitrine::views
