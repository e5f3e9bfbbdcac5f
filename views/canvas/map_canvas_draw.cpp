#include <algorithm>
#include <cmath>

#include "views/canvas/axis_labels.h"
#include "views/canvas/map_canvas.h"
#include "views/data/ticks.h"

namespace vitrine::views {

namespace {
constexpr std::size_t kTexturesKept = 160;
constexpr double kGridFrom = 9;
constexpr double kNumbersFrom = 34;

/// A picture may take this long over colouring tiles; the rest of them wait for the next.
constexpr qint64 kColouringNs = 3'000'000;

ImVec2 vec(QPointF p) { return {static_cast<float>(p.x()), static_cast<float>(p.y())}; }

double luminance(std::uint32_t c) {
  return 0.2126 * (c & 0xff) + 0.7152 * (c >> 8 & 0xff) + 0.0722 * (c >> 16 & 0xff);
}
}  // namespace

CellInk MapCanvas::ink() const {
  return CellInk({mode(), scale(), diverging() ? settings_.diverging_table : settings_.table, color(theme().surface), settings_.mix,
                  theme().dark});
}

/// The finest whose cells are a pixel at least: of smaller ones some would fall between the pixels.
int MapCanvas::level_for_view() const {
  const double ratio = devicePixelRatioF();
  int level = 0;
  while (level < first_.levels() - 1 && cell_ * ratio * std::pow(2.0, level) < 1) ++level;
  return level;
}

void MapCanvas::draw(ImDrawList& list) {
  ++frame_;
  if (first_.empty()) {
    draw_message(list, "No map to show");
    return;
  }
  // Two ways of colouring side by side would be a picture of neither.
  all_at_once_ = stale_ || grabbing();
  if (stale_) {
    for (const auto& [key, drawn] : drawn_) drop_texture(drawn.texture);
    drawn_.clear();
    stale_ = false;
  }
  ink_ = ink();
  colouring_.invalidate();
  put_off_ = false;
  first_.begin_picture();
  second_.begin_picture();
  list.PushClipRect(vec(plot_.topLeft()), vec(plot_.bottomRight()), true);
  draw_tiles(list);
  draw_grid(list);
  draw_numbers(list);
  list.PopClipRect();
  draw_marks(list);
  if (settings_.labels) {
    draw_row_labels(list);
    draw_col_labels(list);
  }
  if (settings_.color_bar) mode() == MapCompare::Blend ? draw_blend_key(list) : draw_bar(list);
  draw_hover(list);
  first_.end_picture();
  second_.end_picture();
  if (put_off_) QMetaObject::invokeMethod(this, [this] { redraw(); }, Qt::QueuedConnection);
  while (drawn_.size() > kTexturesKept) {
    const auto oldest = std::min_element(
        drawn_.begin(), drawn_.end(),
        [](const auto& a, const auto& b) { return a.second.used < b.second.used; });
    if (oldest->second.used == frame_) break;
    drop_texture(oldest->second.texture);
    drawn_.erase(oldest);
  }
}

void MapCanvas::draw_tiles(ImDrawList& list) {
  // The last pooled row and column may stand for cells past the map.
  const QRectF frame = matrix_rect().intersected(plot_);
  list.PushClipRect(vec(frame.topLeft()), vec(frame.bottomRight()), true);
  map_area_ = exact_area_ = 0;
  const int level = level_for_view();
  const double span = cell_ * std::pow(2.0, level) * MapLayer::kTile;
  const auto first = [&](double origin) {
    return std::max<std::int64_t>(0, static_cast<std::int64_t>(std::floor(origin * cell_ / span)));
  };
  const auto past = [&](double origin, double extent) {
    return static_cast<std::int64_t>(std::ceil((origin * cell_ + extent) / span));
  };
  for (std::int64_t row = first(top_); row < past(top_, plot_.height()); ++row) {
    for (std::int64_t col = first(left_); col < past(left_, plot_.width()); ++col) {
      const TileKey key{level, row, col};
      if (first_.tile_rows(key) == 0 || first_.tile_cols(key) == 0) continue;
      const QRectF tile = tile_rect(key), seen = tile.intersected(frame);
      const double area = seen.width() * seen.height();
      map_area_ += area;
      if (draw_tile(list, key)) exact_area_ += drawn_[key].exact ? area : 0;
      else if (!draw_coarser(list, key)) list.AddRectFilled(vec(tile.topLeft()), vec(tile.bottomRight()), color(theme().surface));
    }
  }
  list.PopClipRect();
}

QRectF MapCanvas::tile_rect(const TileKey& key) const {
  const double step = cell_ * std::pow(2.0, key.level);
  const QPointF at(static_cast<double>(key.col) * MapLayer::kTile * step, static_cast<double>(key.row) * MapLayer::kTile * step);
  return {matrix_rect().topLeft() + at, QSizeF(first_.tile_cols(key) * step, first_.tile_rows(key) * step)};
}

/// The picture of the whole map is always there to fall back on.
bool MapCanvas::may_colour(const TileKey& key) const {
  return all_at_once_ || key.level == first_.levels() - 1 || !colouring_.isValid() || colouring_.nsecsElapsed() < kColouringNs;
}

unsigned MapCanvas::tile_texture(const TileKey& key, bool ask) {
  const auto drawn = drawn_.find(key);
  const unsigned old = drawn != drawn_.end() ? drawn->second.texture : 0;
  if (old != 0) drawn->second.used = frame_;
  const TileView a = first_.tile(key, ask);
  const TileView b = two() ? second_.tile(key, ask) : a;
  if (old != 0 && !drawn->second.stale) return old;
  if (a.data == nullptr || b.data == nullptr) return old;
  if (!may_colour(key)) {
    put_off_ = true;
    return old;
  }
  if (!colouring_.isValid()) colouring_.start();
  std::vector<std::uint32_t> rgba(static_cast<std::size_t>(a.rows) *
                                  static_cast<std::size_t>(a.cols));
  for (int r = 0; r < a.rows; ++r) {
    for (int c = 0; c < a.cols; ++c) {
      rgba[static_cast<std::size_t>(r * a.cols + c)] =
          ink_->of(a.data[r * a.stride + c], b.data[r * b.stride + c]);
    }
  }
  if (old != 0) drop_texture(old);
  const unsigned texture = make_texture(a.cols, a.rows, rgba.data(), false);
  drawn_[key] = {.texture = texture, .used = frame_, .exact = a.exact && b.exact};
  return texture;
}

bool MapCanvas::draw_tile(ImDrawList& list, const TileKey& key) {
  const unsigned texture = tile_texture(key, true);
  if (texture == 0) return false;
  const QRectF at = tile_rect(key);
  list.AddImage(texture_id(texture), vec(at.topLeft()), vec(at.bottomRight()));
  return true;
}

/// The tile's part of the next coarser one that is here.
bool MapCanvas::draw_coarser(ImDrawList& list, const TileKey& key) {
  for (int level = key.level + 1; level < first_.levels(); ++level) {
    const int up = level - key.level;
    const TileKey parent{level, key.row >> up, key.col >> up};
    const unsigned texture = tile_texture(parent, level == first_.levels() - 1);
    if (texture == 0) continue;
    const double pooled = std::pow(2.0, up);
    const auto u = [&](std::int64_t tile, std::int64_t parent_tile, double cells, int size) {
      const double from = static_cast<double>(tile * MapLayer::kTile) / pooled -
                          static_cast<double>(parent_tile * MapLayer::kTile);
      return static_cast<float>((from + cells / pooled) / size);
    };
    const int rows = first_.tile_rows(parent), cols = first_.tile_cols(parent);
    const QRectF at = tile_rect(key);
    list.AddImage(texture_id(texture), vec(at.topLeft()), vec(at.bottomRight()),
                  {u(key.col, parent.col, 0, cols), u(key.row, parent.row, 0, rows)},
                  {u(key.col, parent.col, first_.tile_cols(key), cols),
                   u(key.row, parent.row, first_.tile_rows(key), rows)});
    return true;
  }
  return false;
}

void MapCanvas::draw_grid(ImDrawList& list) {
  const QRectF area = matrix_rect().intersected(plot_);
  if (settings_.grid && cell_ >= kGridFrom) {
    const ImU32 ink = color(theme().background,
                            std::min(theme().dark ? 0.6 : 0.28, (cell_ - kGridFrom) / 30 + 0.1));
    const QRectF whole = matrix_rect();
    const auto lines = [&](double origin, double count, double extent, auto&& draw_line) {
      const double past = std::min(count, std::ceil(origin + extent / cell_) + 1);
      for (double i = std::max(1.0, std::floor(origin)); i < past; ++i) draw_line(i);
    };
    lines(left_, static_cast<double>(first_.cols()), plot_.width(), [&](double i) {
      const auto x = static_cast<float>(std::round(whole.left() + i * cell_));
      list.AddRectFilled({x, static_cast<float>(area.top())},
                         {x + 1, static_cast<float>(area.bottom())}, ink);
    });
    lines(top_, static_cast<double>(first_.rows()), plot_.height(), [&](double i) {
      const auto y = static_cast<float>(std::round(whole.top() + i * cell_));
      list.AddRectFilled({static_cast<float>(area.left()), y},
                         {static_cast<float>(area.right()), y + 1}, ink);
    });
  }
}

void MapCanvas::draw_numbers(ImDrawList& list) {
  const MapCompare show = mode();
  if (!settings_.numbers || cell_ < kNumbersFrom || show == MapCompare::Blend) return;
  const TextStyle style = text_style(0.92, false, true);
  const ColorScale range = scale();
  const int row_end = static_cast<int>(
      std::min<double>(static_cast<double>(first_.rows()), top_ + plot_.height() / cell_ + 1));
  const int col_end = static_cast<int>(
      std::min<double>(static_cast<double>(first_.cols()), left_ + plot_.width() / cell_ + 1));
  for (int row = std::max(0, static_cast<int>(top_)); row < row_end; ++row) {
    for (int col = std::max(0, static_cast<int>(left_)); col < col_end; ++col) {
      const auto a = first_.value(row, col);
      const auto b = two() ? second_.value(row, col) : a;
      if (!a || !b) continue;
      const float v = show == MapCompare::Second       ? *b
                      : show == MapCompare::Difference ? *a - *b
                                                       : *a;
      const bool bright = luminance(ink_->of(*a, *b)) > 128;
      // Next to nothing is left to the colour; the card under the cursor has the exact value.
      if (std::abs(v) < 0.005F * std::max(std::abs(range.lo), std::abs(range.hi))) continue;
      const ImU32 ink = bright ? IM_COL32(12, 12, 14, 235) : IM_COL32(245, 245, 247, 220);
      text_centred(list, vec(cell_centre(row, col)), format_compact(v), style, ink);
    }
  }
}

void MapCanvas::draw_marks(ImDrawList& list) {
  const QRectF area = matrix_rect().intersected(plot_);
  list.AddRect(vec(area.topLeft()), vec(area.bottomRight()), color(theme().line));
  list.PushClipRect({static_cast<float>(area.left()) - 2, static_cast<float>(area.top()) - 2},
                    {static_cast<float>(area.right()) + 2, static_cast<float>(area.bottom()) + 2},
                    true);
  const auto band = [&](int row, int col, const QColor& ink, double alpha) {
    const QPointF c = cell_centre(row, col);
    const double half = cell_ >= 6 ? cell_ / 2 : 0;
    const auto l = static_cast<float>(area.left()), r = static_cast<float>(area.right());
    const auto t = static_cast<float>(area.top()), b = static_cast<float>(area.bottom());
    for (const double side : {-half, half}) {
      const auto y = static_cast<float>(std::round(c.y() + side));
      const auto x = static_cast<float>(std::round(c.x() + side));
      list.AddRectFilled({l, y}, {r, y + 1}, color(ink, alpha));
      list.AddRectFilled({x, t}, {x + 1, b}, color(ink, alpha));
      if (half == 0) break;
    }
  };
  if (hover_row_ >= 0)
    band(hover_row_, hover_col_, theme().dark ? QColor(255, 255, 255) : QColor(0, 0, 0), 0.55);
  if (selected_row_ >= 0) {
    const double half = std::max(cell_ / 2, 3.0);
    const QPointF c = cell_centre(selected_row_, std::max(selected_col_, 0));
    const double x0 = selected_col_ >= 0 ? c.x() - half : area.left();
    const double x1 = selected_col_ >= 0 ? c.x() + half : area.right();
    const ImVec2 a(static_cast<float>(std::round(x0)),
                   static_cast<float>(std::round(c.y() - half)));
    const ImVec2 b(static_cast<float>(std::round(x1)) + 1,
                   static_cast<float>(std::round(c.y() + half)) + 1);
    list.AddRect({a.x - 1, a.y - 1}, {b.x + 1, b.y + 1}, IM_COL32(0, 0, 0, 150), 0, 0, 4);
    list.AddRect(a, b, color(theme().accent), 0, 0, 2);
  }
  list.PopClipRect();
}

void MapCanvas::draw_row_labels(ImDrawList& list) {
  TextStyle style = text_style(0.95);
  style.max_width = row_gutter_;
  const float line = measure("Ag", style).y;
  const QRectF area = matrix_rect().intersected(plot_);
  const auto from = static_cast<std::int64_t>(std::max(0.0, std::ceil(top_ - 0.5 + 4 / cell_)));
  const auto to = static_cast<std::int64_t>(
      std::min(static_cast<double>(first_.rows()) - 1,
               std::floor(top_ + plot_.height() / cell_ - 0.5 - 4 / cell_)));
  for (const std::int64_t i :
       place_labels(from, to, cell_, line - 1, {hover_row_, selected_row_})) {
    const bool strong = i == hover_row_ || i == selected_row_;
    const std::string what = label(row_labels_, i);
    const float wide = measure(what, style).x;
    const auto y = static_cast<float>(cell_centre(static_cast<int>(i), 0).y());
    const ImU32 ink = color(i == selected_row_ ? theme().accent
                            : strong           ? theme().text
                                               : theme().muted);
    text(list, {static_cast<float>(area.left()) - 6 - wide, y - line / 2}, what, style, ink);
  }
  const TextStyle name = text_style(0.9, true);
  const float wide = measure(row_name_, name).x;
  const auto x = static_cast<float>(area.left()) - 6 - row_gutter_ - line - 3;
  text_up(list, {std::max(2.0F, x), static_cast<float>(area.center().y()) + wide / 2}, row_name_,
          name, color(theme().muted));
}

void MapCanvas::draw_col_labels(ImDrawList& list) {
  TextStyle style = text_style(0.95);
  style.max_width = col_gutter_;
  const float line = measure("Ag", style).y;
  const QRectF area = matrix_rect().intersected(plot_);
  const auto from = static_cast<std::int64_t>(std::max(0.0, std::ceil(left_ - 0.5 + 4 / cell_)));
  const auto to = static_cast<std::int64_t>(
      std::min(static_cast<double>(first_.cols()) - 1,
               std::floor(left_ + plot_.width() / cell_ - 0.5 - 4 / cell_)));
  for (const std::int64_t i :
       place_labels(from, to, cell_, line - 1, {hover_col_, selected_col_})) {
    const bool strong = i == hover_col_ || i == selected_col_;
    const auto x = static_cast<float>(cell_centre(0, static_cast<int>(i)).x());
    const ImU32 ink = color(i == selected_col_ ? theme().accent
                            : strong           ? theme().text
                                               : theme().muted);
    text_up(list, {x - line / 2, static_cast<float>(area.top()) - 6}, label(col_labels_, i), style,
            ink);
  }
  const TextStyle name = text_style(0.9, true);
  const float wide = measure(col_name_, name).x;
  const auto y = static_cast<float>(area.top()) - 6 - col_gutter_ - line - 3;
  text(list, {static_cast<float>(area.center().x()) - wide / 2, std::max(2.0F, y)}, col_name_, name,
       color(theme().muted));
}

void MapCanvas::draw_bar(ImDrawList& list) {
  const QRectF area = matrix_rect().intersected(plot_);
  const ColorScale range = scale();
  const ColorTable& table = diverging() ? settings_.diverging_table : settings_.table;
  const auto x = static_cast<float>(area.right()) + 14;
  const auto top = static_cast<float>(area.top());
  const float tall = std::min(static_cast<float>(area.height()), 220.0F);
  const int steps = static_cast<int>(tall);
  for (int i = 0; i < steps; ++i) {
    const auto& rgb = table[static_cast<std::size_t>(255 - i * 255 / std::max(1, steps - 1))];
    const float y = top + static_cast<float>(i);
    list.AddRectFilled({x, y}, {x + 10, y + 1}, pack_rgb(rgb[0], rgb[1], rgb[2]));
  }
  list.AddRect({x, top}, {x + 10, top + static_cast<float>(steps)}, color(theme().line));
  const TextStyle style = text_style(0.85, false, true);
  const float line = measure("0", style).y;
  const auto mark = [&](float t, float value) {
    const float y = top + (1 - t) * static_cast<float>(steps);
    const float shift = t == 0 ? line : t == 1 ? 0 : line / 2;
    text(list, {x + 15, y - shift}, format_compact(value), style, color(theme().muted));
  };
  mark(1, range.hi);
  mark(0, range.lo);
  if (tall > 3 * line) mark(0.5F, range.value(0.5F));
  std::string note = range.log ? "log" : "";
  if (mode() == MapCompare::Difference) note = "difference";
  if (mode() == MapCompare::Second && !second_name_.empty()) note = second_name_;
  text(list, {x, top + static_cast<float>(steps) + 6}, note, text_style(0.85),
       color(theme().muted));
}

void MapCanvas::draw_blend_key(ImDrawList& list) {
  const QRectF area = matrix_rect().intersected(plot_);
  const auto x = static_cast<float>(area.right()) + 14;
  float y = static_cast<float>(area.top());
  const bool dark = theme().dark;
  TextStyle style = text_style(0.88);
  style.max_width = 40;
  const auto entry = [&](float a, float b, const std::string& name) {
    list.AddRectFilled({x, y + 2}, {x + 10, y + 12}, blend_hues(a, b, 0.5F, dark));
    list.AddRect({x, y + 2}, {x + 10, y + 12}, color(theme().line));
    text(list, {x + 15, y}, name, style, color(theme().muted));
    y += 18;
  };
  entry(1, 0, first_name_.empty() ? "first" : first_name_);
  entry(0, 1, second_name_.empty() ? "second" : second_name_);
  entry(1, 1, "both");
}

void MapCanvas::draw_hover(ImDrawList& list) {
  if (hover_row_ < 0) return;
  const MapProbe at = probe(hover_row_, hover_col_);
  HoverCard card;
  card.title = at.query_label + " \u2192 " + at.key_label;
  const auto shown = [](const std::optional<float>& v) {
    return v ? format_value(*v, 6) : std::string("loading");
  };
  if (two()) {
    card.rows.emplace_back(first_name_.empty() ? "first" : first_name_, shown(at.value));
    card.rows.emplace_back(second_name_.empty() ? "second" : second_name_, shown(at.second));
    if (at.value && at.second)
      card.rows.emplace_back("difference", format_value(*at.value - *at.second, 6));
  } else {
    card.rows.emplace_back(unit_.empty() ? "value" : unit_, shown(at.value));
  }
  if (at.rank > 0) {
    card.rows.emplace_back("rank in row",
                           std::to_string(at.rank) + " of " + std::to_string(at.rank_of));
  }
  card.rows.emplace_back(row_name_, std::to_string(at.query));
  card.rows.emplace_back(col_name_, std::to_string(at.key));
  draw_card(list, vec(cursor_), card);
}

}  // namespace vitrine::views
