#include "views/scene/scene_widget.h"

#include <algorithm>
#include <cmath>

#include <vtkCallbackCommand.h>
#include <vtkCamera.h>
#include <vtkGenericOpenGLRenderWindow.h>
#include <vtkMatrix4x4.h>
#include <vtkNew.h>
#include <vtkOpenGLState.h>
#include <vtkRenderer.h>
#include <QKeyEvent>
#include <QMouseEvent>
#include <QOpenGLContext>
#include <QOpenGLExtraFunctions>
#include <QRectF>
#include <QWheelEvent>

namespace vitrine::views {

namespace {
constexpr double kDragStart = 4;
constexpr double kDegreesPerPixel = 0.4;
constexpr double kViewAngle = 28;
constexpr double kNearest = 0.4, kFarthest = 40;
}  // namespace

struct SceneWidget::Vtk {
  vtkSmartPointer<vtkGenericOpenGLRenderWindow> window;
  vtkSmartPointer<vtkRenderer> renderer;
  vtkNew<vtkCamera> camera;
};

SceneWidget::SceneWidget(QWidget* parent) : GlWidget(parent), vtk_(std::make_unique<Vtk>()) {
  setMouseTracking(true);
  setFocusPolicy(Qt::StrongFocus);
  setMinimumSize(160, 120);
  vtk_->camera->SetViewAngle(kViewAngle);
  reset_view();
}

SceneWidget::~SceneWidget() {
  if (!vtk_->window || !make_current()) return;
  vtk_->renderer->RemoveAllViewProps();
  vtk_->window->Finalize();
  vtk_->window->RemoveRenderer(vtk_->renderer);
  vtk_->renderer = nullptr;
  vtk_->window = nullptr;
  done_current();
}

void SceneWidget::set_theme(const CanvasTheme& theme) {
  theme_ = theme;
  rebuild();
}

void SceneWidget::rebuild() {
  stale_ = true;
  draw_later();
}

void SceneWidget::camera_moved() {
  framed_ = false;
  draw_later();
  emit view_changed();
}

void SceneWidget::set_bounds(const std::array<float, 3>& low, const std::array<float, 3>& high) {
  low_ = low;
  high_ = high;
  if (framed_) frame_bounds();
}

void SceneWidget::reset_view() {
  vtkCamera& camera = *vtk_->camera;
  camera.SetFocalPoint(0, 0, 0);
  camera.SetPosition(3.3, 2.3, 4.9);
  camera.SetViewUp(0, 1, 0);
  frame_bounds();
  camera_moved();
  framed_ = true;
}

/// Goes as near as leaves every corner of the box, and a label beside it, inside the widget.
void SceneWidget::frame_bounds() {
  vtkCamera& camera = *vtk_->camera;
  camera.SetClippingRange(0.05, 100);
  const double side = std::min(90.0, width() * 0.14), above = std::min(44.0, height() * 0.1);
  const QRectF inside = QRectF(rect()).adjusted(side, above, -side, -above);
  const auto fits = [&](double distance) {
    camera.Dolly(camera.GetDistance() / distance);
    for (int corner = 0; corner < 8; ++corner) {
      const auto at = project({corner & 1 ? high_[0] : low_[0], corner & 2 ? high_[1] : low_[1],
                               corner & 4 ? high_[2] : low_[2]});
      if (!at || !inside.contains(QPointF((*at)[0], (*at)[1]))) return false;
    }
    return true;
  };
  double near = kNearest, far = kFarthest;
  for (int i = 0; i < 30; ++i) {
    const double middle = std::sqrt(near * far);
    (fits(middle) ? far : near) = middle;
  }
  camera.Dolly(camera.GetDistance() / far);
  camera.SetClippingRange(0.05, 100);
}

void SceneWidget::orbit(double right_degrees, double up_degrees) {
  vtk_->camera->Azimuth(-right_degrees);
  vtk_->camera->Elevation(up_degrees);
  vtk_->camera->OrthogonalizeViewUp();
  camera_moved();
}

void SceneWidget::zoom(double factor) {
  const double distance = std::clamp(vtk_->camera->GetDistance() / factor, kNearest, kFarthest);
  vtk_->camera->Dolly(vtk_->camera->GetDistance() / distance);
  vtk_->camera->SetClippingRange(0.05, 100);
  camera_moved();
}

void SceneWidget::pan(QPointF by) {
  vtkCamera& camera = *vtk_->camera;
  const double per_pixel = 2 * camera.GetDistance() * std::tan(camera.GetViewAngle() * M_PI / 360) /
                           std::max(1, height());
  double focal[3], position[3];
  camera.GetFocalPoint(focal);
  camera.GetPosition(position);
  const vtkMatrix4x4& view = *camera.GetViewTransformMatrix();
  for (int i = 0; i < 3; ++i) {
    const double move =
        (-by.x() * view.GetElement(0, i) + by.y() * view.GetElement(1, i)) * per_pixel;
    focal[i] += move;
    position[i] += move;
  }
  camera.SetFocalPoint(focal);
  camera.SetPosition(position);
  camera_moved();
}

std::optional<std::array<double, 3>> SceneWidget::project(const std::array<float, 3>& point) const {
  const double aspect = static_cast<double>(std::max(1, width())) / std::max(1, height());
  const vtkMatrix4x4& m = *vtk_->camera->GetCompositeProjectionTransformMatrix(aspect, -1, 1);
  double out[4];
  for (int r = 0; r < 4; ++r) {
    out[r] = m.GetElement(r, 0) * point[0] + m.GetElement(r, 1) * point[1] +
             m.GetElement(r, 2) * point[2] + m.GetElement(r, 3);
  }
  if (out[3] <= 1e-6) return std::nullopt;
  return std::array{(out[0] / out[3] + 1) / 2 * width(), (1 - out[1] / out[3]) / 2 * height(),
                    out[3]};
}

void SceneWidget::initialize_gl() {
  auto& vtk = *vtk_;
  vtk.window = vtkSmartPointer<vtkGenericOpenGLRenderWindow>::New();
  vtk.window->SetOwnContext(0);
  vtk.window->SetMapped(1);
  vtk.window->SetSupportsOpenGL(1);
  vtk.window->SetIsDirect(1);
  vtk.window->SetForceMaximumHardwareLineWidth(1);
  vtk.window->SetFrameBlitModeToNoBlit();
  vtk.window->SetMultiSamples(4);
  vtk.window->SetReadyForRendering(true);
  vtkNew<vtkCallbackCommand> answer;
  answer->SetClientData(this);
  answer->SetCallback([](vtkObject* caller, unsigned long event, void* data, void*) {
    auto* self = static_cast<SceneWidget*>(data);
    const bool current = QOpenGLContext::currentContext() == self->context();
    if (event == vtkCommand::WindowMakeCurrentEvent && !current) self->make_current();
    if (event == vtkCommand::WindowIsCurrentEvent) {
      static_cast<vtkGenericOpenGLRenderWindow*>(caller)->SetIsCurrent(current);
    }
  });
  vtk.window->AddObserver(vtkCommand::WindowMakeCurrentEvent, answer);
  vtk.window->AddObserver(vtkCommand::WindowIsCurrentEvent, answer);
  vtk.renderer = vtkSmartPointer<vtkRenderer>::New();
  vtk.renderer->SetActiveCamera(vtk.camera);
  vtk.window->AddRenderer(vtk.renderer);
  vtk.window->OpenGLInit();
}

void SceneWidget::resize_gl(int width, int height) {
  const double ratio = devicePixelRatioF();
  vtk_->window->SetSize(std::max(1, static_cast<int>(width * ratio)),
                        std::max(1, static_cast<int>(height * ratio)));
  if (framed_) frame_bounds();
}

void SceneWidget::paint_gl() {
  auto& vtk = *vtk_;
  if (stale_) {
    stale_ = false;
    vtk.renderer->RemoveAllViewProps();
    const QColor& back = theme_.background;
    // Opaque: half-covered pixels at the edges of lines would else be mixed with black.
    vtk.renderer->SetBackground(back.redF(), back.greenF(), back.blueF());
    vtk.renderer->SetBackgroundAlpha(1);
    build(*vtk.renderer);
  }
  vtkOpenGLState& state = *vtk.window->GetState();
  state.Reset();
  state.Push();
  state.vtkglDepthFunc(GL_LEQUAL);
  vtk.window->Render();
  QOpenGLExtraFunctions& gl = *context()->extraFunctions();
  gl.glBindFramebuffer(GL_DRAW_FRAMEBUFFER, frame_buffer());
  vtk.window->BlitDisplayFramebuffer();
  state.Pop();
  gl.glBindFramebuffer(GL_FRAMEBUFFER, frame_buffer());
  gl.glDisable(GL_DEPTH_TEST);
  gl.glDisable(GL_SCISSOR_TEST);
  gl.glDisable(GL_CULL_FACE);
  gl.glUseProgram(0);
  gl.glBindVertexArray(0);
}

void SceneWidget::mousePressEvent(QMouseEvent* event) {
  pressed_ = true;
  dragging_ = false;
  press_ = last_ = event->position();
}

void SceneWidget::mouseMoveEvent(QMouseEvent* event) {
  const QPointF at = event->position();
  if (pressed_) {
    dragging_ = dragging_ || (at - press_).manhattanLength() > kDragStart;
    const QPointF by = at - last_;
    if (dragging_) {
      const bool shift = event->modifiers().testFlag(Qt::ShiftModifier);
      const bool turn = event->buttons().testFlag(Qt::LeftButton) && !shift;
      turn ? orbit(by.x() * kDegreesPerPixel, by.y() * kDegreesPerPixel) : pan(by);
    }
  }
  last_ = at;
  pointed(at);
}

void SceneWidget::mouseReleaseEvent(QMouseEvent* event) {
  const bool click = pressed_ && !dragging_ && event->button() == Qt::LeftButton;
  pressed_ = dragging_ = false;
  if (click) clicked(event->position());
}

void SceneWidget::wheelEvent(QWheelEvent* event) {
  zoom(std::pow(1.15, event->angleDelta().y() / 120.0));
  event->accept();
}

void SceneWidget::keyPressEvent(QKeyEvent* event) {
  const bool turn = event->modifiers().testFlag(Qt::ControlModifier);
  switch (event->key()) {
    case Qt::Key_R:
      reset_view();
      break;
    case Qt::Key_Plus:
    case Qt::Key_Equal:
      zoom(1.15);
      break;
    case Qt::Key_Minus:
      zoom(1 / 1.15);
      break;
    case Qt::Key_Left:
      turn ? orbit(-10, 0) : event->ignore();
      break;
    case Qt::Key_Right:
      turn ? orbit(10, 0) : event->ignore();
      break;
    case Qt::Key_Up:
      turn ? orbit(0, -10) : event->ignore();
      break;
    case Qt::Key_Down:
      turn ? orbit(0, 10) : event->ignore();
      break;
    default:
      event->ignore();
  }
}

}  // namespace vitrine::views
