#include "views/canvas/canvas_widget.h"

#include <algorithm>
#include <cmath>

#include <QEvent>
#include <QPainter>
#include <QTimer>

#include "views/canvas/draw_lists.h"

namespace vitrine::views {

namespace {

/// What a canvas may draw differently after.
bool changes_the_picture(QEvent::Type type) {
  switch (type) {
    case QEvent::MouseMove:
    case QEvent::MouseButtonPress:
    case QEvent::MouseButtonRelease:
    case QEvent::Wheel:
    case QEvent::KeyPress:
    case QEvent::KeyRelease:
    case QEvent::Leave:
    case QEvent::Enter:
    case QEvent::FocusIn:
    case QEvent::FocusOut:
    case QEvent::Resize: return true;
    default: return false;
  }
}

/// Text is drawn by Qt (`TextCache`); a context wants an atlas all the same.
ImFontAtlas& no_glyphs() {
  static ImFontAtlas atlas;
  if (!atlas.IsBuilt()) {
    atlas.AddFontDefault();
    atlas.Build();
  }
  return atlas;
}

}  // namespace

CanvasWidget::CanvasWidget(QWidget* parent) : QWidget(parent) {
  setAttribute(Qt::WA_OpaquePaintEvent);
  setMouseTracking(true);
  setFocusPolicy(Qt::StrongFocus);
  imgui_ = ImGui::CreateContext(&no_glyphs());
  ImGui::SetCurrentContext(imgui_);
  ImGuiIO& io = ImGui::GetIO();
  io.IniFilename = nullptr;
  io.LogFilename = nullptr;
  io.BackendFlags |= ImGuiBackendFlags_RendererHasVtxOffset;
  ImGui::GetStyle().AntiAliasedLinesUseTex = false;
  // Fonts take tens of milliseconds: one widget a turn of the event loop keeps them out of the first picture.
  QTimer::singleShot(0, this, [this] {
    text_.configure(theme_.family, static_cast<float>(devicePixelRatioF()));
    for (const bool bold : {false, true})
      for (const bool tabular : {false, true}) text_.warm_up(text_style(1, bold, tabular));
  });
}

CanvasWidget::~CanvasWidget() { ImGui::DestroyContext(imgui_); }

void CanvasWidget::set_theme(const CanvasTheme& theme) {
  theme_ = theme;
  theme_replaced();
  redraw();
}

void CanvasWidget::redraw() {
  due_ = true;
  update();
}

void CanvasWidget::draw_frame() {
  if (size().isEmpty()) return;
  const double ratio = devicePixelRatioF();
  const QSize pixels(std::max(1, static_cast<int>(std::lround(width() * ratio))),
                     std::max(1, static_cast<int>(std::lround(height() * ratio))));
  if (picture_.size() != pixels) picture_ = QImage(pixels, QImage::Format_RGB32);
  picture_.setDevicePixelRatio(ratio);
  drawn_size_ = size();
  due_ = false;
  ImGui::SetCurrentContext(imgui_);
  ImGuiIO& io = ImGui::GetIO();
  io.DisplaySize = {static_cast<float>(width()), static_cast<float>(height())};
  io.DisplayFramebufferScale = {static_cast<float>(ratio), static_cast<float>(ratio)};
  io.DeltaTime = 1.0F / 60.0F;
  text_.configure(theme_.family, static_cast<float>(ratio));
  text_.begin_frame();
  ImGui::NewFrame();
  card_ = {};
  draw(*ImGui::GetBackgroundDrawList());
  ImGui::Render();
  picture_.fill(theme_.background);
  draw_lists(*ImGui::GetDrawData(), textures_,
             {reinterpret_cast<std::uint32_t*>(picture_.bits()), pixels.width(), pixels.height(),
              static_cast<std::ptrdiff_t>(picture_.bytesPerLine() / sizeof(std::uint32_t))});
  ++frames_drawn_;
}

void CanvasWidget::paintEvent(QPaintEvent*) {
  if (due_ || drawn_size_ != size() || picture_.devicePixelRatio() != devicePixelRatioF()) draw_frame();
  QPainter(this).drawImage(QPointF(0, 0), picture_);
}

QImage CanvasWidget::grab_frame() {
  grabbing_ = true;
  draw_frame();
  grabbing_ = false;
  return picture_;
}

bool CanvasWidget::event(QEvent* event) {
  if (changes_the_picture(event->type())) redraw();
  return QWidget::event(event);
}

void CanvasWidget::changeEvent(QEvent* event) {
  QWidget::changeEvent(event);
  redraw();
}

ImU32 CanvasWidget::color(const QColor& c, double alpha) const {
  return pack_rgb(static_cast<std::uint8_t>(c.red()), static_cast<std::uint8_t>(c.green()),
                  static_cast<std::uint8_t>(c.blue()),
                  static_cast<std::uint8_t>(std::lround(std::clamp(alpha, 0.0, 1.0) * c.alpha())));
}

TextStyle CanvasWidget::text_style(double scale, bool bold, bool tabular) const {
  return {static_cast<float>(theme_.text_px * scale), bold, tabular, 0};
}

ImVec2 CanvasWidget::measure(std::string_view utf8, const TextStyle& style) const {
  return text_.measure(utf8, style);
}

void CanvasWidget::text(ImDrawList& list, ImVec2 at, std::string_view utf8, const TextStyle& style,
                        ImU32 color) {
  text_.draw(list, at, utf8, style, color);
}

void CanvasWidget::text_up(ImDrawList& list, ImVec2 at, std::string_view utf8,
                           const TextStyle& style, ImU32 color) {
  text_.draw_up(list, at, utf8, style, color);
}

void CanvasWidget::text_centred(ImDrawList& list, ImVec2 at, std::string_view utf8,
                                const TextStyle& style, ImU32 color) {
  const ImVec2 size = measure(utf8, style);
  text(list, {at.x - size.x / 2, at.y - size.y / 2}, utf8, style, color);
}

void CanvasWidget::draw_message(ImDrawList& list, std::string_view utf8) {
  TextStyle style = text_style();
  style.max_width = static_cast<float>(std::max(40, width() - 24));
  text_centred(list, {static_cast<float>(width()) / 2, static_cast<float>(height()) / 2}, utf8,
               style, color(theme_.muted));
}

unsigned CanvasWidget::make_texture(int width, int height, const std::uint32_t* rgba, bool smooth) {
  return textures_.add(width, height, rgba, smooth);
}

void CanvasWidget::drop_texture(unsigned texture) { textures_.drop(texture); }

}  // namespace vitrine::views
