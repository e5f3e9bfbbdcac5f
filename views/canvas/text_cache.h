#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <imgui.h>
#include <QFont>
#include <QFontMetricsF>
#include <QImage>

#include "views/canvas/textures.h"

namespace vitrine::views {

struct TextStyle {
  float px = 12;
  bool bold = false;
  bool tabular = false;  ///< every digit as wide as the widest: columns of figures line up
  float max_width = 0;   ///< longer text ends with an ellipsis; 0: as long as it is
};

/// Text drawn by Qt (shaping, every script, font fallback) into texture pages, then used by Dear
/// ImGui draw lists. Dear ImGui's own atlas knows only the characters it was built with, and tokens
/// can hold any.
class TextCache {
 public:
  /// @param textures  where the pages go; outlives this
  explicit TextCache(Textures& textures) : textures_(textures) {}

  /// Forgets every text; call when family or scale changes.
  void configure(const QString& family, float device_ratio);
  /// Width and height in logical pixels.
  [[nodiscard]] ImVec2 measure(std::string_view utf8, const TextStyle& style) const;
  /// Draws at the top-left corner `at`.
  void draw(ImDrawList& list, ImVec2 at, std::string_view utf8,
            const TextStyle& style, ImU32 color);
  /// Draws upwards (turned 90 degrees to the left); `at` is the bottom-left corner of the turned
  /// text.
  void draw_up(ImDrawList& list, ImVec2 at, std::string_view utf8,
               const TextStyle& style, ImU32 color);
  /// Frees pages when many are used; between frames only.
  void begin_frame();
  /// Loads the font of a style before a text asks for it.
  void warm_up(const TextStyle& style) { (void)piece("0.1", style); }

 private:
  struct Piece {
    unsigned texture = 0;
    ImVec2 size, uv0, uv1;
  };
  struct Page {
    unsigned texture = 0;
    int shelf_y = 0, shelf_height = 0, x = 0;
  };

  /// A font and what is asked of it for every text; making them anew costs more than the text
  /// itself.
  struct Face {
    QFont font;
    QFontMetricsF metrics;
    qreal digit = 0;  ///< width of the widest digit
  };

  [[nodiscard]] const Face& face(const TextStyle& style) const;
  [[nodiscard]] QString fitted(std::string_view utf8, const TextStyle& style) const;
  [[nodiscard]] QImage rasterise(const QString& text, const TextStyle& style, ImVec2 size) const;
  const Piece& piece(std::string_view utf8, const TextStyle& style);
  Page& page_for(int width, int height);

  Textures& textures_;
  QString family_ = QStringLiteral("Inter");
  float ratio_ = 1;
  mutable std::unordered_map<int, Face> faces_;  ///< by size in device pixels, negative if bold
  std::unordered_map<std::string, Piece> pieces_;
  std::vector<Page> pages_;
};

}  // namespace vitrine::views
