// What the processor draws, against what OpenGL draws from the same lists.
#include <backends/imgui_impl_opengl3.h>
#include <functional>
#include <imgui.h>
#include <memory>
#include <random>
#include <QOffscreenSurface>
#include <QOpenGLContext>
#include <QOpenGLExtraFunctions>
#include <QOpenGLFramebufferObject>
#include <QSurfaceFormat>
#include <QTest>

#include "canvas_fixture.h"
#include "views/canvas/draw_lists.h"

using namespace vitrine;
using namespace vitrine::test;

namespace {

constexpr int kWidth = 640, kHeight = 480;

struct Texel {
  int width, height;
  bool smooth;
  std::vector<std::uint32_t> rgba;
};

Texel random_texel(int width, int height, bool smooth) {
  std::mt19937 random(static_cast<unsigned>(width));
  Texel out{width, height, smooth, {}};
  for (int i = 0; i < width * height; ++i) out.rgba.push_back(0xFF000000U | static_cast<std::uint32_t>(random()));
  return out;
}

using Names = std::vector<ImTextureID>;
using Scene = std::function<void(ImDrawList&, const Names&)>;

const ImDrawData& finished(const Scene& scene, const Names& names) {
  ImGui::NewFrame();
  scene(*ImGui::GetBackgroundDrawList(), names);
  ImGui::Render();
  return *ImGui::GetDrawData();
}

ImTextureID id_of(unsigned name) { return reinterpret_cast<ImTextureID>(static_cast<std::uintptr_t>(name)); }

/// One context of Dear ImGui for both, so that the lists are the same.
struct ImGuiHere {
  ImGuiHere() {
    ImGui::CreateContext();
    ImGuiIO& io = ImGui::GetIO();
    io.IniFilename = nullptr;
    io.DisplaySize = {kWidth, kHeight};
    io.BackendFlags |= ImGuiBackendFlags_RendererHasVtxOffset;
    ImGui::GetStyle().AntiAliasedLinesUseTex = false;
    io.Fonts->Build();
  }
  ~ImGuiHere() { ImGui::DestroyContext(); }
};

QImage by_processor(const Scene& scene, const std::vector<Texel>& pictures) {
  const ImGuiHere imgui;
  views::Textures textures;
  Names names;
  for (const Texel& t : pictures) names.push_back(id_of(textures.add(t.width, t.height, t.rgba.data(), t.smooth)));
  QImage image(kWidth, kHeight, QImage::Format_RGB32);
  image.fill(QColor(20, 40, 60));
  views::draw_lists(finished(scene, names), textures, {reinterpret_cast<std::uint32_t*>(image.bits()), kWidth, kHeight, image.bytesPerLine() / 4});
  return image;
}

unsigned upload(QOpenGLFunctions& gl, const Texel& t) {
  unsigned name = 0;
  gl.glGenTextures(1, &name);
  gl.glBindTexture(GL_TEXTURE_2D, name);
  for (const unsigned filter : {GL_TEXTURE_MIN_FILTER, GL_TEXTURE_MAG_FILTER}) gl.glTexParameteri(GL_TEXTURE_2D, filter, t.smooth ? GL_LINEAR : GL_NEAREST);
  for (const unsigned wrap : {GL_TEXTURE_WRAP_S, GL_TEXTURE_WRAP_T}) gl.glTexParameteri(GL_TEXTURE_2D, wrap, GL_CLAMP_TO_EDGE);
  gl.glTexImage2D(GL_TEXTURE_2D, 0, GL_RGBA8, t.width, t.height, 0, GL_RGBA, GL_UNSIGNED_BYTE, t.rgba.data());
  return name;
}

/// Null without OpenGL 3.3.
QImage by_opengl(const Scene& scene, const std::vector<Texel>& pictures) {
  QSurfaceFormat format;
  format.setVersion(3, 3);
  format.setProfile(QSurfaceFormat::CoreProfile);
  QOpenGLContext context;
  context.setFormat(format);
  QOffscreenSurface surface;
  surface.setFormat(format);
  surface.create();
  if (!context.create() || context.format().version() < qMakePair(3, 3) || !context.makeCurrent(&surface)) return {};
  QOpenGLFunctions& gl = *context.functions();
  const ImGuiHere imgui;
  ImGui_ImplOpenGL3_Init("#version 330 core");
  QOpenGLFramebufferObject target(kWidth, kHeight);
  target.bind();
  gl.glViewport(0, 0, kWidth, kHeight);
  gl.glClearColor(20 / 255.0F, 40 / 255.0F, 60 / 255.0F, 1);
  gl.glClear(GL_COLOR_BUFFER_BIT);
  ImGui_ImplOpenGL3_NewFrame();
  Names names;
  for (const Texel& t : pictures) names.push_back(id_of(upload(gl, t)));
  ImDrawData frame = finished(scene, names);
  ImGui_ImplOpenGL3_RenderDrawData(&frame);
  const QImage image = target.toImage().convertToFormat(QImage::Format_RGB32);
  ImGui_ImplOpenGL3_Shutdown();
  return image;
}

struct Apart {
  int most = 0, pixels = 0;   ///< pixels that differ by more than two levels
};

Apart difference(const QImage& a, const QImage& b) {
  Apart out;
  for (int y = 0; y < kHeight; ++y)
    for (int x = 0; x < kWidth; ++x) {
      const QRgb p = a.pixel(x, y), q = b.pixel(x, y);
      const int here = std::max({std::abs(qRed(p) - qRed(q)), std::abs(qGreen(p) - qGreen(q)), std::abs(qBlue(p) - qBlue(q))});
      out.most = std::max(out.most, here);
      out.pixels += here > 2;
    }
  return out;
}

}  // namespace

class CanvasRasterTest : public QObject {
  Q_OBJECT

  static void same(const char* what, const Scene& scene, const std::vector<Texel>& pictures, int pixels_apart) {
    const QImage gl = by_opengl(scene, pictures), own = by_processor(scene, pictures);
    if (gl.isNull()) QSKIP("needs OpenGL 3.3");
    save(own, qPrintable(QStringLiteral("raster_") + QLatin1String(what)));
    save(gl, qPrintable(QStringLiteral("raster_%1_gl").arg(QLatin1String(what))));
    const Apart apart = difference(gl, own);
    QVERIFY2(apart.pixels <= pixels_apart, qPrintable(QStringLiteral("%1: %2 pixels, by up to %3").arg(QLatin1String(what)).arg(apart.pixels).arg(apart.most)));
  }

 private slots:
  void tiles_are_those_of_opengl() {
    // Enlarged, reduced, cut by the clip rectangle, a part of a coarser one.
    same("tiles", [](ImDrawList& list, const Names& names) {
      list.PushClipRect({13, 9}, {601, 455});
      list.AddImage(names[0], {-70.3F, -31.7F}, {299.1F, 250.9F});
      list.AddImage(names[0], {300, 20}, {364.4F, 84.6F});
      list.AddImage(names[0], {320.2F, 100.7F}, {620.9F, 470.1F}, {0.25F, 0.5F}, {0.375F, 0.625F});
      list.AddImage(names[0], {10, 260}, {266, 516});
      list.PopClipRect();
    }, {random_texel(256, 256, false)}, 0);
  }

  void smooth_pictures_are_those_of_opengl() {
    same("smooth", [](ImDrawList& list, const Names& names) {
      list.AddImage(names[0], {10.5F, 20.2F}, {500.7F, 430.9F});
      list.AddImage(names[0], {520, 20}, {632, 120}, {0.1F, 0.2F}, {0.9F, 0.7F}, IM_COL32(255, 200, 100, 160));
    }, {random_texel(24, 18, true)}, 0);
  }

  void shapes_are_those_of_opengl() {
    same("shapes", [](ImDrawList& list, const Names&) {
      std::mt19937 random(11);
      const auto at = [&] { return ImVec2(static_cast<float>(random() % 6400) / 10, static_cast<float>(random() % 4800) / 10); };
      for (int i = 0; i < 60; ++i) {
        const ImU32 color = static_cast<ImU32>(random());
        list.AddLine(at(), at(), color, 1.0F + static_cast<float>(i % 4));
        list.AddBezierCubic(at(), at(), at(), at(), color, 1.5F);
        list.AddCircleFilled(at(), static_cast<float>(3 + i), color);
        list.AddRect(at(), at(), color, 4, 0, 2);
        list.AddRectFilledMultiColor(at(), at(), color, ~color, color * 3, color * 7);
      }
    }, {}, 800);   // of 307,200: edges that pass through the centre of a pixel
  }
};

QTEST_MAIN(CanvasRasterTest)
#include "canvas_raster_test.moc"
