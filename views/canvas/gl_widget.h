#pragma once

#include <memory>

#include <QImage>
#include <QWidget>

class QOffscreenSurface;
class QOpenGLContext;
class QOpenGLFramebufferObject;
class QPainter;

namespace vitrine::views {

/// A widget whose picture is drawn by OpenGL 3.3 off screen and read back into an image.
///
/// A `QOpenGLWidget` would make Qt compose the whole window on the GPU for each repaint of any part of it; where GL is
/// done in software that costs tens of milliseconds for a blinking caret. Here the window stays a plain one, and GL is
/// only busy when this widget's own picture changes (`draw_later`). The context lives as long as the widget.
class GlWidget : public QWidget {
  Q_OBJECT
 public:
  explicit GlWidget(QWidget* parent = nullptr);
  ~GlWidget() override;

  /// A fresh picture, as it is or would be on screen, in device pixels.
  [[nodiscard]] QImage grab_frame();
  [[nodiscard]] QOpenGLContext* context() const { return context_.get(); }

 protected:
  /// Once, with the context current.
  virtual void initialize_gl() = 0;
  /// Before the first picture and when the size changed; logical pixels.
  virtual void resize_gl(int /*width*/, int /*height*/) {}
  virtual void paint_gl() = 0;
  /// Over the finished picture, in logical pixels; also when only this is repainted.
  virtual void paint_over(QPainter& /*painter*/) {}

  /// Asks for a new picture; `update` alone shows the last one again.
  void draw_later();
  /// False if the machine has no such GL. Derived destructors call it before they give their GL objects back.
  bool make_current();
  void done_current();
  [[nodiscard]] unsigned frame_buffer() const;

  void paintEvent(QPaintEvent* event) override;

 private:
  bool start();
  void draw_frame();
  void read_back();

  std::unique_ptr<QOffscreenSurface> surface_;
  std::unique_ptr<QOpenGLContext> context_;
  std::unique_ptr<QOpenGLFramebufferObject> target_;
  QImage upside_down_, picture_;
  QSize drawn_size_;      ///< logical pixels
  bool turns_over_ = false;   ///< GL reads back from the top row down
  bool failed_ = false, due_ = true;
};

}  // namespace vitrine::views
