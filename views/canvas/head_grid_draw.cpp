#include <algorithm>
#include <cmath>

#include "views/canvas/axis_labels.h"
#include "views/canvas/head_grid_canvas.h"
#include "views/canvas/value_pyramid.h"
#include "views/data/ticks.h"

namespace vitrine::views {

namespace {
constexpr float kLeft = 46, kTop = 42, kRight = 12;
constexpr int kLargestAtlas = 8192;
constexpr float kMagnified = 208;

ImVec2 vec(QPointF p) { return {static_cast<float>(p.x()), static_cast<float>(p.y())}; }

void dashed(ImDrawList& list, ImVec2 a, ImVec2 b, ImU32 ink, float thick) {
  constexpr float kDash = 5, kSpace = 3;
  const float dx = b.x - a.x, dy = b.y - a.y, length = std::abs(dx) + std::abs(dy);
  for (float t = 0; t < length; t += kDash + kSpace) {
    const float u = t / length, v = std::min(1.0F, (t + kDash) / length);
    list.AddLine({a.x + dx * u, a.y + dy * u}, {a.x + dx * v, a.y + dy * v}, ink, thick);
  }
}
}  // namespace

std::vector<std::uint32_t> HeadGridCanvas::coloured(int layer, int head, int halvings, int& rows,
                                                    int& cols) const {
  const float* from = values(layer, head);
  PyramidLevel level{queries_, keys_, {from, from + static_cast<std::ptrdiff_t>(queries_) * keys_}};
  for (int i = 0; i < halvings; ++i) level = halve(level);
  rows = static_cast<int>(level.rows);
  cols = static_cast<int>(level.cols);
  const ColorScale scale = range(layer, head);
  std::vector<std::uint32_t> rgba;
  rgba.reserve(level.values.size());
  for (const float v : level.values) {
    const int i = scale.index(v);
    const auto& rgb = (signed_ ? settings_.diverging_table : settings_.table)[static_cast<std::size_t>(std::max(i, 0))];
    rgba.push_back(i < 0 ? color(theme().surface) : pack_rgb(rgb[0], rgb[1], rgb[2]));
  }
  return rgba;
}

void HeadGridCanvas::make_atlas() {
  const double pixels = cell_ * devicePixelRatioF();
  int halvings = 0;
  while (halvings < 12 && (std::max(queries_, keys_) >> halvings) > 2 * pixels) ++halvings;
  const int count = layers_ * heads_;
  const int across = static_cast<int>(std::ceil(std::sqrt(count)));
  const auto side = [&] { return ((std::max(queries_, keys_) >> halvings) + 3) * across; };
  while (side() > kLargestAtlas && halvings < 16) ++halvings;
  const bool smooth = (std::max(queries_, keys_) >> halvings) > pixels;
  if (!atlas_stale_ && halvings == atlas_halvings_ && smooth == atlas_smooth_) return;
  if (atlas_ != 0) drop_texture(atlas_);
  atlas_stale_ = false;
  atlas_halvings_ = halvings;
  atlas_smooth_ = smooth;
  atlas_cols_ = across;
  const auto halved = [&](int n) { return (n + (1 << halvings) - 1) >> halvings; };
  thumb_rows_ = halved(queries_);
  thumb_cols_ = halved(keys_);
  const int wide = across * (thumb_cols_ + 2),
            tall = (count + across - 1) / across * (thumb_rows_ + 2);
  std::vector<std::uint32_t> pixels_out(
      static_cast<std::size_t>(wide) * static_cast<std::size_t>(tall), 0);
  for (int i = 0; i < count; ++i) {
    if (exists_[static_cast<std::size_t>(i)] == 0) continue;
    int rows = 0, cols = 0;
    const auto thumb = coloured(i / heads_, i % heads_, halvings, rows, cols);
    const int x0 = i % across * (thumb_cols_ + 2), y0 = i / across * (thumb_rows_ + 2);
    for (int y = -1; y <= rows; ++y) {
      for (int x = -1; x <= cols; ++x) {
        const int sy = std::clamp(y, 0, rows - 1), sx = std::clamp(x, 0, cols - 1);
        pixels_out[static_cast<std::size_t>(y0 + y + 1) * static_cast<std::size_t>(wide) +
                   static_cast<std::size_t>(x0 + x + 1)] =
            thumb[static_cast<std::size_t>(sy * cols + sx)];
      }
    }
  }
  atlas_ = make_texture(wide, tall, pixels_out.data(), smooth);
}

void HeadGridCanvas::make_magnifier() {
  if (!magnifier_stale_ && magnifier_ != 0) return;
  if (magnifier_ != 0) drop_texture(magnifier_);
  int rows = 0, cols = 0, halvings = 0;
  while ((std::max(queries_, keys_) >> halvings) > 1024) ++halvings;
  const auto rgba = coloured(hover_.first, hover_.second, halvings, rows, cols);
  magnifier_ =
      make_texture(cols, rows, rgba.data(), static_cast<float>(std::max(rows, cols)) > kMagnified);
  magnifier_stale_ = false;
}

void HeadGridCanvas::draw(ImDrawList& list) {
  if (layers_ == 0) {
    draw_message(list, "No heads to show");
    return;
  }
  make_atlas();
  list.PushClipRect({kLeft - 4, kTop - 4},
                    {static_cast<float>(width()) - 6, static_cast<float>(height()) - 6}, true);
  draw_heads(list);
  draw_outlines(list);
  list.PopClipRect();
  draw_labels(list);
  draw_scrollbars(list);
  draw_hover(list);
}

void HeadGridCanvas::draw_heads(ImDrawList& list) {
  const QRectF visible(0, 0, width(), height());
  for (int layer = 0; layer < layers_; ++layer) {
    bool any = false;
    for (int head = 0; head < heads_; ++head) any = any || has_head(layer, head);
    if (!any) {
      const QRectF at = head_rect(layer, 0);
      text(list, {static_cast<float>(at.left()) + 2, static_cast<float>(at.center().y()) - 8},
           "no map in this layer", text_style(0.95), color(theme().muted));
      continue;
    }
    for (int head = 0; head < heads_; ++head) {
      if (head_rect(layer, head).intersects(visible)) draw_head(list, layer, head);
    }
  }
}

void HeadGridCanvas::draw_head(ImDrawList& list, int layer, int head) {
  const QRectF at = head_rect(layer, head);
  const ImVec2 a = vec(at.topLeft()), b = vec(at.bottomRight());
  if (!has_head(layer, head)) {
    list.AddRect(a, b, color(theme().line, 0.5));
    return;
  }
  const int i = layer * heads_ + head;
  const float wide = static_cast<float>(atlas_cols_ * (thumb_cols_ + 2));
  const int rows_down = (layers_ * heads_ + atlas_cols_ - 1) / atlas_cols_;
  const float tall = static_cast<float>(rows_down * (thumb_rows_ + 2));
  const float x = static_cast<float>(i % atlas_cols_ * (thumb_cols_ + 2) + 1);
  const float y = static_cast<float>(i / atlas_cols_ * (thumb_rows_ + 2) + 1);
  list.AddImage(
      texture_id(atlas_), a, b, {x / wide, y / tall},
      {(x + static_cast<float>(thumb_cols_)) / wide, (y + static_cast<float>(thumb_rows_)) / tall});
  if (pruned_.contains({layer, head})) {
    list.AddRectFilled(a, b, color(theme().background, 0.78));
    const float in = static_cast<float>(cell_) * 0.12F;
    list.AddLine({a.x + in, b.y - in}, {b.x - in, a.y + in}, color(theme().text, 0.85), 1.6F);
    list.AddRect(a, b, color(theme().line));
  }
}

void HeadGridCanvas::draw_outlines(ImDrawList& list) {
  const ImU32 accent = color(theme().accent);
  const auto box = [&](HeadPlace place, float grow) {
    const QRectF r = head_rect(place.first, place.second).adjusted(-grow, -grow, grow, grow);
    return std::pair(vec(r.topLeft()), vec(r.bottomRight()));
  };
  for (const HeadPlace& place : brushed_) {
    if (!has_head(place.first, place.second)) continue;
    const auto [a, b] = box(place, 1);
    list.AddRect(a, b, color(theme().accent, 0.85));
    list.AddTriangleFilled({b.x - 9, a.y}, {b.x, a.y}, {b.x, a.y + 9}, accent);
  }
  if (compared_.first >= 0) {
    const auto [a, b] = box(compared_, 1);
    list.AddRect(a, b, IM_COL32(0, 0, 0, 120), 0, 0, 3.5F);
    dashed(list, a, {b.x, a.y}, accent, 2);
    dashed(list, {b.x, a.y}, b, accent, 2);
    dashed(list, b, {a.x, b.y}, accent, 2);
    dashed(list, {a.x, b.y}, a, accent, 2);
  }
  if (current_.first >= 0) {
    const auto [a, b] = box(current_, 2);
    list.AddRect(a, b, accent, 0, 0, 3);
    const auto [c, d] = box(current_, -0.5F);
    list.AddRect(c, d, color(theme().background));
  }
  if (hover_.first >= 0 && hover_ != current_) {
    const auto [a, b] = box(hover_, 1);
    list.AddRect(a, b, color(theme().text, 0.8), 0, 0, 1);
  }
}

void HeadGridCanvas::draw_labels(ImDrawList& list) {
  const TextStyle style = text_style(0.95, false, true), title = text_style(0.9, true);
  const float line = measure("0", style).y;
  const double step = head_rect(0, 1).left() - head_rect(0, 0).left();
  const auto marked = [&](bool layer, std::int64_t i) {
    const auto of = [&](HeadPlace p) { return layer ? p.first : p.second; };
    return of(hover_) == i ? theme().text : of(current_) == i ? theme().accent : theme().muted;
  };
  for (const auto i : place_labels(0, heads_ - 1, step, 26)) {
    const double x = head_rect(0, static_cast<int>(i)).center().x();
    if (x < kLeft || x > width() - 8) continue;
    text_centred(list, {static_cast<float>(x), kTop - 6 - line / 2}, std::to_string(i), style,
                 color(marked(false, i)));
  }
  for (const auto i : place_labels(0, layers_ - 1, step, line)) {
    const double y = head_rect(static_cast<int>(i), 0).center().y();
    if (y < kTop || y > height() - 8) continue;
    const std::string what = std::to_string(i);
    text(list, {kLeft - 9 - measure(what, style).x, static_cast<float>(y) - line / 2}, what, style,
         color(marked(true, i)));
  }
  const float grid_right = std::min(static_cast<float>(head_rect(0, heads_ - 1).right()),
                                    static_cast<float>(width()) - kRight);
  const float grid_bottom = std::min(static_cast<float>(head_rect(layers_ - 1, 0).bottom()),
                                     static_cast<float>(height()) - kRight);
  const auto& axes = report_->arrays.front().axes;
  const std::string across = axes.size() > 1 && !axes[1].name.empty() ? axes[1].name : "head";
  text_centred(list, {(kLeft + grid_right) / 2, 11}, across, title, color(theme().muted));
  text_up(list, {4, (kTop + grid_bottom) / 2 + measure("layer", title).x / 2}, "layer", title,
          color(theme().muted));
}

void HeadGridCanvas::draw_scrollbars(ImDrawList& list) {
  const float shown_x = static_cast<float>(width()) - kLeft - kRight,
              shown_y = static_cast<float>(height()) - kTop - kRight;
  const auto full_x = static_cast<float>(heads_ * (cell_ + 5)),
             full_y = static_cast<float>(layers_ * (cell_ + 5));
  const ImU32 ink = color(theme().muted, 0.6);
  if (full_y > shown_y + 1) {
    const float x = static_cast<float>(width()) - 5,
                y = kTop + static_cast<float>(scroll_y_) / full_y * shown_y;
    list.AddRectFilled({x, y}, {x + 3, y + std::max(20.0F, shown_y * shown_y / full_y)}, ink, 2);
  }
  if (full_x > shown_x + 1) {
    const float y = static_cast<float>(height()) - 5,
                x = kLeft + static_cast<float>(scroll_x_) / full_x * shown_x;
    list.AddRectFilled({x, y}, {x + std::max(20.0F, shown_x * shown_x / full_x), y + 3}, ink, 2);
  }
}

void HeadGridCanvas::draw_hover(ImDrawList& list) {
  if (hover_.first < 0 || !has_head(hover_.first, hover_.second)) return;
  make_magnifier();
  const auto [layer, head] = hover_;
  HoverCard card;
  card.title = "Head " + name(layer, head);
  card.picture = magnifier_;
  const float longest = static_cast<float>(std::max(queries_, keys_));
  card.picture_width = kMagnified * static_cast<float>(keys_) / longest;
  card.picture_height = kMagnified * static_cast<float>(queries_) / longest;
  const ColorScale scale = range(layer, head);
  card.rows.emplace_back(settings_.own_range ? "its range" : "range of all",
                         format_value(scale.lo) + " \u2013 " + format_value(scale.hi));
  if (stats_ != nullptr) {
    for (const engine::Array& array : stats_->arrays) {
      if (array.shape.size() != 2 || array.shape[0] != layers_ || array.shape[1] != heads_)
        continue;
      if (array.values.size() != exists_.size()) continue;
      std::string what = array.name;
      std::replace(what.begin(), what.end(), '_', ' ');
      const std::string unit = array.unit.empty() ? "" : " " + array.unit;
      card.rows.emplace_back(what, format_value(array.values[index(layer, head)]) + unit);
    }
  }
  if (pruned_.contains(hover_)) card.footer = "switched off";
  draw_card(list, vec(cursor_), card);
}

}  // namespace vitrine::views
