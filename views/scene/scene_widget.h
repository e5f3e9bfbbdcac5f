#pragma once

#include <array>
#include <memory>
#include <optional>

#include <QPointF>

#include "views/canvas/canvas_theme.h"
#include "views/canvas/gl_widget.h"

class QPainter;
class vtkRenderer;

namespace vitrine::views {

/// VTK inside a Qt widget, drawn only when something changed. Drag orbits, middle or right drag
/// pans, wheel zooms. Keys: R resets the view, + and - zoom, Ctrl with arrows orbits.
class SceneWidget : public GlWidget {
  Q_OBJECT
 public:
  explicit SceneWidget(QWidget* parent = nullptr);
  ~SceneWidget() override;

  void set_theme(const CanvasTheme& theme);
  [[nodiscard]] const CanvasTheme& theme() const { return theme_; }
  /// The whole scene from the side it opened with.
  void reset_view();
  void orbit(double right_degrees, double up_degrees);
  void zoom(double factor);

 signals:
  void view_changed();

 protected:
  /// Adds actors to an empty renderer; called again after `rebuild`.
  virtual void build(vtkRenderer& renderer) = 0;
  /// Paints over the finished picture, in logical pixels.
  virtual void paint_overlay(QPainter& painter) = 0;
  /// A press and release without a drag.
  virtual void clicked(QPointF position) = 0;
  virtual void pointed(QPointF position) = 0;

  /// Asks for `build` before the next frame.
  void rebuild();
  /// The box that `reset_view` fills the widget with; a view that was never moved follows it.
  void set_bounds(const std::array<float, 3>& low, const std::array<float, 3>& high);
  /// Where a point of the scene is drawn: x, y in logical pixels, and depth (smaller is nearer);
  /// unset behind the eye.
  [[nodiscard]] std::optional<std::array<double, 3>> project(
      const std::array<float, 3>& point) const;
  [[nodiscard]] bool dragging() const { return dragging_; }

  void initialize_gl() override;
  void resize_gl(int width, int height) override;
  void paint_gl() override;
  void paint_over(QPainter& painter) override { paint_overlay(painter); }
  void mousePressEvent(QMouseEvent* event) override;
  void mouseMoveEvent(QMouseEvent* event) override;
  void mouseReleaseEvent(QMouseEvent* event) override;
  void wheelEvent(QWheelEvent* event) override;
  void keyPressEvent(QKeyEvent* event) override;

 private:
  struct Vtk;
  void pan(QPointF by);
  void camera_moved();
  void frame_bounds();

  CanvasTheme theme_ = CanvasTheme::dark_default();
  std::unique_ptr<Vtk> vtk_;
  bool stale_ = true, pressed_ = false, dragging_ = false;
  bool framed_ = true;  ///< the view was not moved since the last reset
  std::array<float, 3> low_{-1, -1, -1}, high_{1, 1, 1};
  QPointF press_, last_;
};

}  // namespace vitrine::views
