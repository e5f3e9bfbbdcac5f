#include "views/canvas/canvas_widget.h"

#include <algorithm>
#include <cmath>

#include <backends/imgui_impl_opengl3.h>
#include <QFile>
#include <QKeyEvent>
#include <QMouseEvent>
#include <QOpenGLContext>
#include <QSurfaceFormat>
#include <QWheelEvent>

namespace vitrine::views {

namespace {

QString font_file() {
  const QString own = qEnvironmentVariable("VITRINE_RESOURCES");
  QStringList files;
  if (!own.isEmpty()) files << own + "/fonts/Inter-Regular.otf" << own + "/fonts/Inter-Regular.ttf";
  files << "/usr/share/fonts/opentype/inter/Inter-Regular.otf"
        << "/usr/share/fonts/truetype/inter/Inter-Regular.ttf"
        << "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf";
  for (const QString& file : files) {
    if (QFile::exists(file)) return file;
  }
  return {};
}

/// Index of a key in ImGuiIO::KeysDown: Latin keys as they are, special keys behind them.
int key_slot(int key) { return key < 256 ? key : 256 + (key & 0xff); }

struct KeyPair {
  ImGuiKey_ imgui;
  int qt;
};
constexpr KeyPair kKeys[] = {{ImGuiKey_Tab, Qt::Key_Tab},
                             {ImGuiKey_LeftArrow, Qt::Key_Left},
                             {ImGuiKey_RightArrow, Qt::Key_Right},
                             {ImGuiKey_UpArrow, Qt::Key_Up},
                             {ImGuiKey_DownArrow, Qt::Key_Down},
                             {ImGuiKey_PageUp, Qt::Key_PageUp},
                             {ImGuiKey_PageDown, Qt::Key_PageDown},
                             {ImGuiKey_Home, Qt::Key_Home},
                             {ImGuiKey_End, Qt::Key_End},
                             {ImGuiKey_Insert, Qt::Key_Insert},
                             {ImGuiKey_Delete, Qt::Key_Delete},
                             {ImGuiKey_Backspace, Qt::Key_Backspace},
                             {ImGuiKey_Space, Qt::Key_Space},
                             {ImGuiKey_Enter, Qt::Key_Return},
                             {ImGuiKey_Escape, Qt::Key_Escape},
                             {ImGuiKey_KeyPadEnter, Qt::Key_Enter},
                             {ImGuiKey_A, Qt::Key_A},
                             {ImGuiKey_C, Qt::Key_C},
                             {ImGuiKey_V, Qt::Key_V},
                             {ImGuiKey_X, Qt::Key_X},
                             {ImGuiKey_Y, Qt::Key_Y},
                             {ImGuiKey_Z, Qt::Key_Z}};

int button_slot(Qt::MouseButton button) {
  return button == Qt::LeftButton     ? 0
         : button == Qt::RightButton  ? 1
         : button == Qt::MiddleButton ? 2
                                      : -1;
}

}  // namespace

CanvasWidget::CanvasWidget(QWidget* parent) : QOpenGLWidget(parent) {
  QSurfaceFormat format;
  format.setVersion(3, 3);
  format.setProfile(QSurfaceFormat::CoreProfile);
  format.setDepthBufferSize(24);
  format.setStencilBufferSize(8);
  setFormat(format);
  setMouseTracking(true);
  setFocusPolicy(Qt::StrongFocus);
  imgui_ = ImGui::CreateContext();
  ImGui::SetCurrentContext(imgui_);
  ImGuiIO& io = ImGui::GetIO();
  io.IniFilename = nullptr;
  io.LogFilename = nullptr;
  for (const KeyPair& key : kKeys) io.KeyMap[key.imgui] = key_slot(key.qt);
  apply_style();
}

CanvasWidget::~CanvasWidget() {
  if (bound_ != nullptr) {
    makeCurrent();
    release_gl();
    doneCurrent();
  }
  ImGui::DestroyContext(imgui_);
}

void CanvasWidget::set_theme(const CanvasTheme& theme) {
  theme_ = theme;
  apply_style();
  theme_replaced();
  redraw();
}

void CanvasWidget::redraw() {
  frames_due_ = 2;
  update();
}

void CanvasWidget::apply_style() {
  ImGui::SetCurrentContext(imgui_);
  if (theme_.dark) {
    ImGui::StyleColorsDark();
  } else {
    ImGui::StyleColorsLight();
  }
  ImGuiStyle& style = ImGui::GetStyle();
  style.WindowRounding = style.FrameRounding = style.PopupRounding = style.GrabRounding = 3;
  style.WindowBorderSize = style.PopupBorderSize = 1;
  style.AntiAliasedLinesUseTex = false;
  const auto set = [&](ImGuiCol_ which, const QColor& c, float alpha = 1) {
    style.Colors[which] = {c.redF(), c.greenF(), c.blueF(), alpha};
  };
  set(ImGuiCol_Text, theme_.text);
  set(ImGuiCol_TextDisabled, theme_.muted);
  set(ImGuiCol_WindowBg, theme_.background);
  set(ImGuiCol_PopupBg, theme_.surface);
  set(ImGuiCol_Border, theme_.line);
  set(ImGuiCol_FrameBg, theme_.surface);
  set(ImGuiCol_Separator, theme_.line);
  for (const auto which : {ImGuiCol_CheckMark, ImGuiCol_SliderGrab, ImGuiCol_SliderGrabActive}) {
    set(which, theme_.accent);
  }
  for (const auto which : {ImGuiCol_Header, ImGuiCol_HeaderHovered, ImGuiCol_HeaderActive,
                           ImGuiCol_Button, ImGuiCol_ButtonHovered, ImGuiCol_ButtonActive}) {
    set(which, theme_.accent, 0.35F);
  }
}

void CanvasWidget::load_fonts() {
  static const ImWchar ranges[] = {0x0020, 0x024f, 0x0370, 0x03ff, 0x0400, 0x04ff, 0x2010,
                                   0x2044, 0x2190, 0x21ff, 0x2200, 0x22ff, 0};
  ImGuiIO& io = ImGui::GetIO();
  io.Fonts->Clear();
  const QString file = font_file();
  const auto px = static_cast<float>(theme_.text_px + 1);
  if (file.isEmpty() || io.Fonts->AddFontFromFileTTF(QFile::encodeName(file).constData(), px,
                                                     nullptr, ranges) == nullptr) {
    io.Fonts->AddFontDefault();
  }
}

void CanvasWidget::initializeGL() {
  gl_.initializeOpenGLFunctions();
  ImGui::SetCurrentContext(imgui_);
  load_fonts();
  ImGui_ImplOpenGL3_Init("#version 330 core");
  bound_ = context();
  connect(
      bound_, &QOpenGLContext::aboutToBeDestroyed, this,
      [this] {
        makeCurrent();
        release_gl();
        doneCurrent();
      },
      Qt::DirectConnection);
}

void CanvasWidget::release_gl() {
  if (bound_ == nullptr) return;
  disconnect(bound_, nullptr, this, nullptr);
  bound_ = nullptr;
  ImGui::SetCurrentContext(imgui_);
  ImGui_ImplOpenGL3_Shutdown();
  text_.release(gl_);
  for (const unsigned texture : textures_) gl_.glDeleteTextures(1, &texture);
  textures_.clear();
  textures_lost();
  frames_due_ = 2;
}

void CanvasWidget::paintGL() {
  if (bound_ == nullptr) return;
  ImGui::SetCurrentContext(imgui_);
  const auto ratio = static_cast<float>(devicePixelRatioF());
  ImGuiIO& io = ImGui::GetIO();
  io.DisplaySize = {static_cast<float>(width()), static_cast<float>(height())};
  io.DisplayFramebufferScale = {ratio, ratio};
  io.DeltaTime = 1.0F / 60.0F;
  for (int i = 0; i < 3; ++i) {
    io.MouseDown[i] = held_[i] || just_pressed_[i];
    just_pressed_[i] = false;
  }
  text_.configure(theme_.family, ratio);
  text_.begin_frame(gl_);
  ImGui_ImplOpenGL3_NewFrame();
  ImGui::NewFrame();
  card_ = {};
  draw(*ImGui::GetBackgroundDrawList());
  ImGui::Render();
  io.MouseWheel = io.MouseWheelH = 0;
  const QColor& back = theme_.background;
  gl_.glBindFramebuffer(GL_FRAMEBUFFER, defaultFramebufferObject());
  gl_.glDisable(GL_SCISSOR_TEST);
  gl_.glClearColor(back.redF(), back.greenF(), back.blueF(), 1);
  gl_.glClear(GL_COLOR_BUFFER_BIT | GL_DEPTH_BUFFER_BIT | GL_STENCIL_BUFFER_BIT);
  ImGui_ImplOpenGL3_RenderDrawData(ImGui::GetDrawData());
  ++frames_drawn_;
  if (--frames_due_ > 0)
    QMetaObject::invokeMethod(
        this, [this] { update(); }, Qt::QueuedConnection);
}

bool CanvasWidget::event(QEvent* event) {
  feed(event);
  return QOpenGLWidget::event(event);
}

void CanvasWidget::changeEvent(QEvent* event) {
  QOpenGLWidget::changeEvent(event);
  redraw();
}

void CanvasWidget::feed(QEvent* event) {
  if (imgui_ == nullptr) return;
  ImGui::SetCurrentContext(imgui_);
  ImGuiIO& io = ImGui::GetIO();
  switch (event->type()) {
    case QEvent::MouseMove:
    case QEvent::MouseButtonPress:
    case QEvent::MouseButtonRelease: {
      const auto* mouse = static_cast<QMouseEvent*>(event);
      io.MousePos = {static_cast<float>(mouse->position().x()),
                     static_cast<float>(mouse->position().y())};
      const int slot = button_slot(mouse->button());
      if (slot >= 0 && event->type() != QEvent::MouseMove) {
        held_[slot] = event->type() == QEvent::MouseButtonPress;
        just_pressed_[slot] = just_pressed_[slot] || held_[slot];
      }
      break;
    }
    case QEvent::Wheel: {
      const auto* wheel = static_cast<QWheelEvent*>(event);
      io.MouseWheel += static_cast<float>(wheel->angleDelta().y()) / 120.0F;
      io.MouseWheelH += static_cast<float>(wheel->angleDelta().x()) / 120.0F;
      break;
    }
    case QEvent::KeyPress:
      feed_key(event, true);
      break;
    case QEvent::KeyRelease:
      feed_key(event, false);
      break;
    case QEvent::Leave:
      io.MousePos = {-FLT_MAX, -FLT_MAX};
      break;
    case QEvent::FocusOut:
      std::fill(std::begin(io.KeysDown), std::end(io.KeysDown), false);
      std::fill(std::begin(held_), std::end(held_), false);
      break;
    case QEvent::FocusIn:
    case QEvent::Enter:
    case QEvent::Resize:
      break;
    default:
      return;
  }
  redraw();
}

void CanvasWidget::feed_key(QEvent* event, bool down) {
  ImGuiIO& io = ImGui::GetIO();
  const auto* key = static_cast<QKeyEvent*>(event);
  io.KeysDown[key_slot(key->key())] = down;
  const Qt::KeyboardModifiers mods = key->modifiers();
  io.KeyCtrl = mods.testFlag(Qt::ControlModifier);
  io.KeyShift = mods.testFlag(Qt::ShiftModifier);
  io.KeyAlt = mods.testFlag(Qt::AltModifier);
  io.KeySuper = mods.testFlag(Qt::MetaModifier);
  if (down && !key->text().isEmpty() && key->text().at(0).isPrint()) {
    io.AddInputCharactersUTF8(key->text().toUtf8().constData());
  }
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

void CanvasWidget::drop_texture(unsigned texture) {
  const auto it = std::find(textures_.begin(), textures_.end(), texture);
  if (it == textures_.end()) return;
  gl_.glDeleteTextures(1, &texture);
  textures_.erase(it);
}

}  // namespace vitrine::views
