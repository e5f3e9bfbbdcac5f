#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <imgui.h>
#include <QImage>
#include <QWidget>

#include "views/canvas/canvas_theme.h"
#include "views/canvas/text_cache.h"
#include "views/canvas/textures.h"

namespace vitrine::views {

/// A card beside the cursor: a name, then pairs of what and how much.
struct HoverCard {
  std::string title;
  std::vector<std::pair<std::string, std::string>> rows;
  std::string footer;
  unsigned picture = 0;  ///< a texture shown under the title, `picture_width` x `picture_height`
  float picture_width = 0, picture_height = 0;
};

/// Dear ImGui's draw lists inside a Qt widget, drawn by the processor (`draw_lists`): as quick and as exact without a
/// graphics card. Input stays with Qt's events.
///
/// Draws only when something changed (`redraw`).
class CanvasWidget : public QWidget {
  Q_OBJECT
 public:
  explicit CanvasWidget(QWidget* parent = nullptr);
  ~CanvasWidget() override;

  void set_theme(const CanvasTheme& theme);
  [[nodiscard]] const CanvasTheme& theme() const { return theme_; }
  /// Frames drawn so far; stays the same while nothing changes.
  [[nodiscard]] std::uint64_t frames_drawn() const { return frames_drawn_; }
  /// The card in the last frame; without title and rows where none was drawn.
  [[nodiscard]] const HoverCard& card() const { return card_; }
  /// A fresh picture, as it is or would be on screen, in device pixels.
  [[nodiscard]] QImage grab_frame();

 protected:
  /// Draws everything, in logical pixels from the top-left corner.
  virtual void draw(ImDrawList& list) = 0;
  /// The theme was replaced.
  virtual void theme_replaced() {}

  /// Asks for a new picture; `update` alone shows the last one again.
  void redraw();
  /// The picture being drawn is asked for by `grab_frame`: it has to be whole.
  [[nodiscard]] bool grabbing() const { return grabbing_; }

  [[nodiscard]] ImU32 color(const QColor& color, double alpha = 1) const;
  [[nodiscard]] TextStyle text_style(double scale = 1, bool bold = false,
                                     bool tabular = false) const;
  [[nodiscard]] ImVec2 measure(std::string_view utf8, const TextStyle& style) const;
  void text(ImDrawList& list, ImVec2 at, std::string_view utf8, const TextStyle& style,
            ImU32 color);
  void text_up(ImDrawList& list, ImVec2 at, std::string_view utf8, const TextStyle& style,
               ImU32 color);
  /// Centred in both directions on `at`.
  void text_centred(ImDrawList& list, ImVec2 at, std::string_view utf8, const TextStyle& style,
                    ImU32 color);
  /// A message in the middle of the widget, for when there is nothing to draw.
  void draw_message(ImDrawList& list, std::string_view utf8);
  /// Draws a card near `cursor`, inside the widget and never under the cursor.
  void draw_card(ImDrawList& list, ImVec2 cursor, const HoverCard& card);

  /// @param rgba  width * height, 0xAABBGGRR; `smooth` interpolates when enlarged
  /// @return      texture name; give it back with drop_texture
  [[nodiscard]] unsigned make_texture(int width, int height, const std::uint32_t* rgba,
                                      bool smooth);
  void drop_texture(unsigned texture);
  [[nodiscard]] static ImTextureID texture_id(unsigned texture) {
    return reinterpret_cast<ImTextureID>(static_cast<std::uintptr_t>(texture));
  }

  bool event(QEvent* event) override;
  void changeEvent(QEvent* event) override;
  void paintEvent(QPaintEvent* event) override;

 private:
  void draw_frame();

  CanvasTheme theme_ = CanvasTheme::dark_default();
  Textures textures_;
  TextCache text_{textures_};
  ImGuiContext* imgui_ = nullptr;
  QImage picture_;
  QSize drawn_size_;   ///< logical pixels
  bool due_ = true, grabbing_ = false;
  std::uint64_t frames_drawn_ = 0;
  HoverCard card_;
};

/// Packs a colour for `make_texture`.
[[nodiscard]] constexpr std::uint32_t pack_rgb(std::uint8_t r, std::uint8_t g, std::uint8_t b,
                                               std::uint8_t a = 255) {
  return static_cast<std::uint32_t>(r) | static_cast<std::uint32_t>(g) << 8 |
         static_cast<std::uint32_t>(b) << 16 | static_cast<std::uint32_t>(a) << 24;
}

}  // namespace vitrine::views
