#include "views/canvas/gl_widget.h"

#include <cmath>
#include <cstring>

#include <QOffscreenSurface>
#include <QOpenGLContext>
#include <QOpenGLFramebufferObject>
#include <QOpenGLFunctions>
#include <QPainter>
#include <QSurfaceFormat>
#include <QTimer>

#ifndef GL_BGRA
#define GL_BGRA 0x80E1
#endif
#ifndef GL_PACK_INVERT_MESA
#define GL_PACK_INVERT_MESA 0x8758
#endif
#ifndef GL_UNSIGNED_INT_8_8_8_8_REV
#define GL_UNSIGNED_INT_8_8_8_8_REV 0x8367
#endif

namespace vitrine::views {

GlWidget::GlWidget(QWidget* parent) : QWidget(parent) {
  setAttribute(Qt::WA_OpaquePaintEvent);
  // Context and shaders take tens of milliseconds: a first picture of nothing, one widget a turn of the event loop,
  // keeps them out of the first frame that somebody waits for.
  QTimer::singleShot(0, this, [this] {
    if (context_) return;
    draw_frame();
    due_ = true;
  });
}

GlWidget::~GlWidget() {
  if (make_current()) target_.reset();
  done_current();
}

void GlWidget::draw_later() {
  due_ = true;
  update();
}

bool GlWidget::make_current() { return context_ && context_->makeCurrent(surface_.get()); }

void GlWidget::done_current() {
  if (context_) context_->doneCurrent();
}

unsigned GlWidget::frame_buffer() const { return target_ ? target_->handle() : 0; }

bool GlWidget::start() {
  if (context_) return make_current();
  if (failed_) return false;
  QSurfaceFormat format;
  format.setVersion(3, 3);
  format.setProfile(QSurfaceFormat::CoreProfile);
  auto context = std::make_unique<QOpenGLContext>();
  context->setFormat(format);
  auto surface = std::make_unique<QOffscreenSurface>();
  surface->setFormat(format);
  surface->create();
  failed_ = !context->create() || context->format().version() < qMakePair(3, 3) || !context->makeCurrent(surface.get());
  if (failed_) return false;
  context_ = std::move(context);
  surface_ = std::move(surface);
  turns_over_ = context_->hasExtension(QByteArrayLiteral("GL_MESA_pack_invert"));
  initialize_gl();
  return true;
}

void GlWidget::draw_frame() {
  if (size().isEmpty() || !start()) return;
  const double ratio = devicePixelRatioF();
  const QSize pixels(std::max(1, static_cast<int>(std::lround(width() * ratio))),
                     std::max(1, static_cast<int>(std::lround(height() * ratio))));
  if (!target_ || target_->size() != pixels || drawn_size_ != size()) {
    if (!target_ || target_->size() != pixels)
      target_ = std::make_unique<QOpenGLFramebufferObject>(pixels, QOpenGLFramebufferObject::CombinedDepthStencil);
    drawn_size_ = size();
    resize_gl(width(), height());
  }
  due_ = false;
  target_->bind();
  context_->functions()->glViewport(0, 0, pixels.width(), pixels.height());
  paint_gl();
  read_back();
  picture_.setDevicePixelRatio(ratio);
  done_current();
}

void GlWidget::read_back() {
  const QSize pixels = target_->size();
  if (picture_.size() != pixels) {
    picture_ = QImage(pixels, QImage::Format_RGB32);
    upside_down_ = turns_over_ ? QImage() : QImage(pixels, QImage::Format_RGB32);
  }
  QOpenGLFunctions& gl = *context_->functions();
  gl.glBindFramebuffer(GL_FRAMEBUFFER, target_->handle());
  gl.glPixelStorei(GL_PACK_ALIGNMENT, 4);
  const auto read_into = [&](QImage& image) {
    gl.glReadPixels(0, 0, pixels.width(), pixels.height(), GL_BGRA, GL_UNSIGNED_INT_8_8_8_8_REV, image.bits());
  };
  if (turns_over_) {
    gl.glPixelStorei(GL_PACK_INVERT_MESA, 1);
    return read_into(picture_);
  }
  read_into(upside_down_);
  const auto row = static_cast<std::size_t>(picture_.bytesPerLine());
  for (int y = 0; y < pixels.height(); ++y)
    std::memcpy(picture_.scanLine(pixels.height() - 1 - y), upside_down_.constScanLine(y), row);
}

void GlWidget::paintEvent(QPaintEvent*) {
  if (due_ || drawn_size_ != size() || picture_.devicePixelRatio() != devicePixelRatioF()) draw_frame();
  QPainter painter(this);
  if (failed_) {
    painter.fillRect(rect(), palette().window());
    painter.setPen(palette().color(QPalette::PlaceholderText));
    painter.drawText(rect(), Qt::AlignCenter | Qt::TextWordWrap, tr("This picture needs OpenGL 3.3, and the machine has none."));
    return;
  }
  painter.drawImage(QPointF(0, 0), picture_);
  painter.setRenderHints(QPainter::Antialiasing | QPainter::TextAntialiasing);
  paint_over(painter);
}

QImage GlWidget::grab_frame() {
  draw_frame();
  QImage image = picture_.copy();
  if (image.isNull()) return image;
  QPainter painter(&image);
  painter.setFont(font());
  painter.setRenderHints(QPainter::Antialiasing | QPainter::TextAntialiasing);
  paint_over(painter);
  return image;
}

}  // namespace vitrine::views
