#include "views/canvas/canvas_widget.h"

#include <algorithm>
#include <cmath>

#include <backends/imgui_impl_opengl3.h>
#include <QEvent>
#include <QOpenGLContext>

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

}  // namespace

CanvasWidget::CanvasWidget(QWidget* parent) : GlWidget(parent) {
  setMouseTracking(true);
  setFocusPolicy(Qt::StrongFocus);
  imgui_ = ImGui::CreateContext();
  ImGui::SetCurrentContext(imgui_);
  ImGuiIO& io = ImGui::GetIO();
  io.IniFilename = nullptr;
  io.LogFilename = nullptr;
  // Text is drawn by Qt (`TextCache`): ImGui's own font is the small built-in one.
  ImGui::GetStyle().AntiAliasedLinesUseTex = false;
}

CanvasWidget::~CanvasWidget() {
  if (make_current()) {
    ImGui::SetCurrentContext(imgui_);
    ImGui_ImplOpenGL3_Shutdown();
    text_.release(gl_);
    for (const unsigned texture : textures_) gl_.glDeleteTextures(1, &texture);
    done_current();
  }
  ImGui::DestroyContext(imgui_);
}

void CanvasWidget::set_theme(const CanvasTheme& theme) {
  theme_ = theme;
  theme_replaced();
  redraw();
}

void CanvasWidget::redraw() { draw_later(); }

void CanvasWidget::initialize_gl() {
  gl_.initializeOpenGLFunctions();
  ImGui::SetCurrentContext(imgui_);
  ImGui_ImplOpenGL3_Init("#version 330 core");
}

void CanvasWidget::paint_gl() {
  ImGui::SetCurrentContext(imgui_);
  const auto ratio = static_cast<float>(devicePixelRatioF());
  ImGuiIO& io = ImGui::GetIO();
  io.DisplaySize = {static_cast<float>(width()), static_cast<float>(height())};
  io.DisplayFramebufferScale = {ratio, ratio};
  io.DeltaTime = 1.0F / 60.0F;
  text_.configure(theme_.family, ratio);
  text_.begin_frame(gl_);
  ImGui_ImplOpenGL3_NewFrame();
  ImGui::NewFrame();
  card_ = {};
  draw(*ImGui::GetBackgroundDrawList());
  if (warming_up()) draw_one_of_each(*ImGui::GetBackgroundDrawList());
  ImGui::Render();
  const QColor& back = theme_.background;
  gl_.glBindFramebuffer(GL_FRAMEBUFFER, frame_buffer());
  gl_.glDisable(GL_SCISSOR_TEST);
  gl_.glClearColor(back.redF(), back.greenF(), back.blueF(), 1);
  gl_.glClear(GL_COLOR_BUFFER_BIT);
  ImGui_ImplOpenGL3_RenderDrawData(ImGui::GetDrawData());
  ++frames_drawn_;
}

/// Each kind of texture and of text once.
void CanvasWidget::draw_one_of_each(ImDrawList& list) {
  const std::uint32_t white = 0xffffffff;
  for (const bool smooth : {false, true}) {
    const unsigned texture = make_texture(1, 1, &white, smooth);
    list.AddImage(texture_id(texture), {0, 0}, {8, 8});
  }
  for (const bool bold : {false, true})
    for (const bool tabular : {false, true}) {
      text(list, {0, 0}, "0.1", text_style(1, bold, tabular), white);
      text_up(list, {0, 8}, "0.1", text_style(1, bold, tabular), white);
    }
}

bool CanvasWidget::event(QEvent* event) {
  if (changes_the_picture(event->type())) redraw();
  return GlWidget::event(event);
}

void CanvasWidget::changeEvent(QEvent* event) {
  GlWidget::changeEvent(event);
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
  text_.draw(gl_, list, at, utf8, style, color);
}

void CanvasWidget::text_up(ImDrawList& list, ImVec2 at, std::string_view utf8,
                           const TextStyle& style, ImU32 color) {
  text_.draw_up(gl_, list, at, utf8, style, color);
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
  unsigned texture = 0;
  gl_.glGenTextures(1, &texture);
  gl_.glBindTexture(GL_TEXTURE_2D, texture);
  gl_.glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, smooth ? GL_LINEAR : GL_NEAREST);
  gl_.glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MAG_FILTER, smooth ? GL_LINEAR : GL_NEAREST);
  gl_.glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_WRAP_S, GL_CLAMP_TO_EDGE);
  gl_.glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_WRAP_T, GL_CLAMP_TO_EDGE);
  gl_.glTexImage2D(GL_TEXTURE_2D, 0, GL_RGBA8, width, height, 0, GL_RGBA, GL_UNSIGNED_BYTE, rgba);
  textures_.push_back(texture);
  return texture;
}

void CanvasWidget::begin_opaque(ImDrawList& list) {
  list.AddCallback([](const ImDrawList*, const ImDrawCmd*) { QOpenGLContext::currentContext()->functions()->glDisable(GL_BLEND); }, nullptr);
}

void CanvasWidget::end_opaque(ImDrawList& list) { list.AddCallback(ImDrawCallback_ResetRenderState, nullptr); }

void CanvasWidget::drop_texture(unsigned texture) {
  const auto it = std::find(textures_.begin(), textures_.end(), texture);
  if (it == textures_.end()) return;
  gl_.glDeleteTextures(1, &texture);
  textures_.erase(it);
}

}  // namespace vitrine::views
