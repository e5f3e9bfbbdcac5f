#pragma once

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "views/canvas/color_scale.h"
#include "views/scene/scene_widget.h"
#include "views/scene/trajectories.h"

namespace vitrine::views {

struct TrajectorySettings {
  enum class Color { Token, Layer };
  Color color = Color::Layer;  ///< by place in the text, or by depth in the model
  ColorTable table = grey_table();
  bool points = true;  ///< a ball at each layer
  bool labels = true;  ///< token names at the last layer
  bool axes = true;
};

/// The way of each token through the layers, in three principal components of the residual stream.
/// A square marks the first layer, a large ball the last.
///
/// Mouse: hover names a point, click selects its token (elsewhere: none). Keys: left and right go
/// to the previous and next token, up and down to the previous and next layer of it, Escape
/// deselects, L toggles labels.
class TrajectoryScene : public SceneWidget {
  Q_OBJECT
 public:
  explicit TrajectoryScene(QWidget* parent = nullptr);

  /// @param report  kind Trajectories, see `read_trajectories`; null or another shape empties the
  /// scene
  void set_report(std::shared_ptr<const engine::Report> report);
  void set_settings(const TrajectorySettings& settings);
  [[nodiscard]] const TrajectorySettings& settings() const { return settings_; }
  /// Tokens left out, e.g. a first token whose norm dwarfs all others.
  void set_hidden_tokens(const std::vector<int>& tokens);
  /// Emits nothing; -1 deselects.
  void set_selected(int token);
  [[nodiscard]] int selected_token() const { return selected_; }

  [[nodiscard]] const Trajectories& trajectories() const { return data_; }
  /// Where a point is drawn; unset if it is hidden or behind the eye.
  [[nodiscard]] std::optional<QPointF> screen_position(int layer, int token) const;
  /// Layer and token of the nearest point within eight pixels.
  [[nodiscard]] std::optional<std::pair<int, int>> pick(QPointF position) const;
  /// Tokens whose names are on screen in the last frame.
  [[nodiscard]] const std::vector<int>& labelled_tokens() const { return labelled_; }

 signals:
  void hovered(int layer, int token);  ///< -1, -1 when nothing is near
  void selected(int token);            ///< -1 when deselected

 protected:
  void build(vtkRenderer& renderer) override;
  void paint_overlay(QPainter& painter) override;
  void clicked(QPointF position) override;
  void pointed(QPointF position) override;
  void leaveEvent(QEvent* event) override;
  void keyPressEvent(QKeyEvent* event) override;

 private:
  void reread();
  void choose(int token);
  void move_token(int step);
  void set_hover(int layer, int token);
  [[nodiscard]] QColor color(int layer, int token) const;
  [[nodiscard]] bool emphasised(int token) const { return selected_ < 0 || token == selected_; }
  void add_axes(vtkRenderer& renderer) const;
  void add_paths(vtkRenderer& renderer, bool strong) const;
  void add_marks(vtkRenderer& renderer, int kind) const;
  void paint_axes(QPainter& painter, std::vector<QRectF>& taken) const;
  void paint_labels(QPainter& painter, std::vector<QRectF>& taken);
  void paint_hover(QPainter& painter) const;
  void paint_key(QPainter& painter, std::vector<QRectF>& taken) const;

  TrajectorySettings settings_;
  std::shared_ptr<const engine::Report> report_;
  std::vector<int> hidden_;
  Trajectories data_;
  int selected_ = -1, layer_ = -1;
  int hover_layer_ = -1, hover_token_ = -1;
  QPointF cursor_;
  std::vector<int> labelled_;
};

}  // namespace vitrine::views
