#include "views/canvas/image_overlay_canvas.h"
#include "views/data/labels.h"
#include "views/data/ticks.h"

#include <algorithm>
#include <cmath>
#include <span>

#include <QKeyEvent>
#include <QMouseEvent>

namespace vitrine::views {

namespace {
constexpr double kMargin = 12;
constexpr double kChipHeight = 24;
constexpr double kChipWidth = 58;
constexpr double kLegend = 34;

ImVec2 vec(QPointF p) { return {static_cast<float>(p.x()), static_cast<float>(p.y())}; }

/// The array if it suits the report's grid.
const engine::Array* matrix_of(const engine::Report* report) {
  if (report == nullptr || report->arrays.empty() || !report->grid) return nullptr;
  const engine::Array& a = report->arrays.front();
  const engine::PatchGrid& g = *report->grid;
  if (a.shape.size() != 2 || g.rows <= 0 || g.cols <= 0 || g.offset < 0 || g.rows > 4096 ||
      g.cols > 4096)
    return nullptr;
  const std::int64_t keys = g.offset + std::int64_t{g.rows} * g.cols;
  const bool good = a.shape[1] == keys && (a.shape[0] == keys || a.shape[0] == 1) &&
                    static_cast<std::int64_t>(a.values.size()) == a.numel();
  return good ? &a : nullptr;
}
}  // namespace

ImageOverlayCanvas::ImageOverlayCanvas(QWidget* parent) : CanvasWidget(parent) {
  setMinimumSize(140, 120);
}

void ImageOverlayCanvas::set_report(std::shared_ptr<const engine::Report> report) {
  const engine::Array* array = matrix_of(report.get());
  const int before = tokens_;
  report_ = array != nullptr ? report : nullptr;
  first_ = array != nullptr ? array->values : std::vector<float>();
  queries_ = array != nullptr ? static_cast<int>(array->shape[0]) : 0;
  tokens_ = array != nullptr ? static_cast<int>(array->shape[1]) : 0;
  grid_ = array != nullptr ? *report->grid : engine::PatchGrid{};
  if (second_.size() != first_.size()) second_.clear();
  if (tokens_ != before) hover_ = kept_ = -1;
  image_stale_ = true;
  redraw();
}

void ImageOverlayCanvas::set_compare(std::shared_ptr<const engine::Report> report) {
  const engine::Array* array = matrix_of(report.get());
  const bool same = array != nullptr && array->shape[0] == queries_ && array->shape[1] == tokens_;
  second_ = same ? array->values : std::vector<float>();
  redraw();
}

void ImageOverlayCanvas::set_names(const QString& first, const QString& second) {
  names_[0] = first.toStdString();
  names_[1] = second.toStdString();
  redraw();
}

void ImageOverlayCanvas::set_settings(const ImageOverlaySettings& settings) {
  settings_ = settings;
  redraw();
}

void ImageOverlayCanvas::set_query(int token) {
  kept_ = token >= 0 && token < tokens_ ? token : -1;
  redraw();
}

int ImageOverlayCanvas::shown_query() const {
  if (kept_ >= 0) return kept_;
  return hover_ >= 0 ? hover_ : empty() ? -1 : 0;
}

QRectF ImageOverlayCanvas::image_rect() const {
  double ratio = grid_.rows > 0 ? static_cast<double>(grid_.cols) / grid_.rows : 1;
  if (report_ != nullptr && report_->image && report_->image->height > 0) {
    ratio = static_cast<double>(report_->image->width) / report_->image->height;
  }
  const double top = kMargin + (grid_.offset > 0 ? kChipHeight + 10 : 0);
  const QRectF area(kMargin, top, std::max(10.0, width() - 2 * kMargin),
                    std::max(10.0, height() - top - kLegend));
  const double wide = std::min(area.width(), area.height() * ratio);
  const double tall = wide / ratio;
  return {std::round(area.center().x() - wide / 2), std::round(area.center().y() - tall / 2),
          std::round(wide), std::round(tall)};
}

QRectF ImageOverlayCanvas::token_rect(int token) const {
  const QRectF image = image_rect();
  if (token < grid_.offset) {
    const double step =
        std::min(kChipWidth + 6, std::max(18.0, (width() - image.left() - kMargin) / grid_.offset));
    return {image.left() + token * step, image.top() - kChipHeight - 10, step - 6, kChipHeight};
  }
  const int patch = token - grid_.offset;
  const double wide = image.width() / grid_.cols, tall = image.height() / grid_.rows;
  return {image.left() + patch % grid_.cols * wide, image.top() + patch / grid_.cols * tall, wide,
          tall};
}

std::optional<int> ImageOverlayCanvas::token_at(QPointF position) const {
  if (empty()) return std::nullopt;
  for (int i = 0; i < grid_.offset; ++i) {
    if (token_rect(i).contains(position)) return i;
  }
  const QRectF image = image_rect();
  if (!image.contains(position)) return std::nullopt;
  const int col = std::min(
      grid_.cols - 1, static_cast<int>((position.x() - image.left()) / image.width() * grid_.cols));
  const int row = std::min(
      grid_.rows - 1, static_cast<int>((position.y() - image.top()) / image.height() * grid_.rows));
  return grid_.offset + row * grid_.cols + col;
}

const std::vector<float>& ImageOverlayCanvas::shown_values() const {
  return flip_ && !second_.empty() ? second_ : first_;
}

float ImageOverlayCanvas::value(const std::vector<float>& values, int query, int key) const {
  const int row = queries_ == 1 ? 0 : query;
  return values[static_cast<std::size_t>(row) * static_cast<std::size_t>(tokens_) +
                static_cast<std::size_t>(key)];
}

OverlayProbe ImageOverlayCanvas::probe(int query, int key) const {
  OverlayProbe out;
  if (query < 0 || key < 0 || query >= tokens_ || key >= tokens_) return out;
  const std::vector<float>& values = shown_values();
  out.query = query;
  out.key = key;
  out.value = value(first_, query, key);
  if (!second_.empty()) out.second = value(second_, query, key);
  const float own = value(values, query, key);
  if (std::isnan(own)) return out;
  out.rank = 1;
  for (int k = 0; k < tokens_; ++k) {
    const float v = value(values, query, k);
    out.rank_of += std::isnan(v) ? 0 : 1;
    out.rank += v > own ? 1 : 0;
  }
  return out;
}

ColorScale ImageOverlayCanvas::scale() const {
  const int query = shown_query();
  if (query < 0) return {0, 1, false};
  const std::vector<float>& values = shown_values();
  const int row = queries_ == 1 ? 0 : query;
  const std::span<const float> all(values);
  const auto patches =
      all.subspan(static_cast<std::size_t>(row) * static_cast<std::size_t>(tokens_) +
                      static_cast<std::size_t>(grid_.offset),
                  static_cast<std::size_t>(tokens_ - grid_.offset));
  ColorScale scale = ColorScale::fit(settings_.row_range ? patches : all, false, settings_.log);
  if (settings_.hi) scale.hi = *settings_.hi;
  if (!scale.log) scale.lo = std::min(scale.lo, 0.0F);
  if (!(scale.hi > scale.lo)) scale.hi = scale.lo + 1;
  return scale;
}

std::string ImageOverlayCanvas::token_name(int token) const {
  if (token >= grid_.offset) {
    const int patch = token - grid_.offset;
    return "patch " + std::to_string(patch / grid_.cols) + ", " +
           std::to_string(patch % grid_.cols);
  }
  if (report_ != nullptr && report_->tokens.size() == static_cast<std::size_t>(tokens_)) {
    const std::string& text = report_->tokens[static_cast<std::size_t>(token)].text;
    if (!text.empty()) return visible_text(text);
  }
  return token == 0 ? "CLS" : "reg " + std::to_string(token);
}

void ImageOverlayCanvas::keep(int token) {
  set_query(token);
  emit query_selected(kept_);
}

void ImageOverlayCanvas::set_hover(int token) {
  redraw();
  if (token == hover_) return;
  hover_ = token;
  emit hovered(token);
}

void ImageOverlayCanvas::set_flip(bool flip) {
  if (flip == flip_ || second_.empty()) return;
  flip_ = flip;
  redraw();
  emit flipped(flip);
}

void ImageOverlayCanvas::mousePressEvent(QMouseEvent* event) {
  if (event->button() != Qt::LeftButton) return event->ignore();
  const auto token = token_at(event->position());
  keep(token && *token != kept_ ? *token : -1);
}

void ImageOverlayCanvas::mouseMoveEvent(QMouseEvent* event) {
  cursor_ = event->position();
  set_flip(event->modifiers().testFlag(Qt::ShiftModifier));
  set_hover(token_at(cursor_).value_or(-1));
}

void ImageOverlayCanvas::leaveEvent(QEvent* event) {
  CanvasWidget::leaveEvent(event);
  set_hover(-1);
}

void ImageOverlayCanvas::move_kept(int rows, int cols) {
  if (empty()) return;
  if (kept_ < 0) return keep(grid_.offset);
  if (kept_ < grid_.offset) {
    const int next = kept_ + cols;
    return keep(rows > 0 ? grid_.offset : std::clamp(next, 0, std::max(0, grid_.offset - 1)));
  }
  const int patch = kept_ - grid_.offset;
  const int row = patch / grid_.cols + rows;
  if (row < 0 && grid_.offset > 0) return keep(0);
  const int col = std::clamp(patch % grid_.cols + cols, 0, grid_.cols - 1);
  keep(grid_.offset + std::clamp(row, 0, grid_.rows - 1) * grid_.cols + col);
}

void ImageOverlayCanvas::keyPressEvent(QKeyEvent* event) {
  switch (event->key()) {
    case Qt::Key_Left:
      move_kept(0, -1);
      break;
    case Qt::Key_Right:
      move_kept(0, 1);
      break;
    case Qt::Key_Up:
      move_kept(-1, 0);
      break;
    case Qt::Key_Down:
      move_kept(1, 0);
      break;
    case Qt::Key_Home:
      keep(empty() ? -1 : 0);
      break;
    case Qt::Key_Escape:
      keep(-1);
      break;
    case Qt::Key_Shift:
      set_flip(true);
      break;
    default:
      event->ignore();
  }
}

void ImageOverlayCanvas::keyReleaseEvent(QKeyEvent* event) {
  if (event->key() != Qt::Key_Shift) return event->ignore();
  set_flip(false);
}

void ImageOverlayCanvas::make_image() {
  if (!image_stale_ && image_ != 0) return;
  if (image_ != 0) drop_texture(image_);
  image_ = 0;
  image_stale_ = false;
  if (report_ == nullptr || !report_->image) return;
  const engine::Picture8& picture = *report_->image;
  const auto pixels = static_cast<std::size_t>(std::max(0, picture.width)) *
                      static_cast<std::size_t>(std::max(0, picture.height));
  if (pixels == 0 || picture.rgb.size() != pixels * 3 ||
      std::max(picture.width, picture.height) > 8192)
    return;
  std::vector<std::uint32_t> rgba(pixels);
  for (std::size_t i = 0; i < pixels; ++i) {
    rgba[i] = pack_rgb(picture.rgb[3 * i], picture.rgb[3 * i + 1], picture.rgb[3 * i + 2]);
  }
  image_ = make_texture(picture.width, picture.height, rgba.data(),
                        picture.width > 2 * image_rect().width() / 3);
}

void ImageOverlayCanvas::draw(ImDrawList& list) {
  if (empty()) {
    draw_message(list, "No image attention to show");
    return;
  }
  draw_image(list);
  draw_heat(list);
  draw_chips(list);
  draw_marks(list);
  draw_legend(list);
  draw_hover(list);
}

void ImageOverlayCanvas::draw_image(ImDrawList& list) {
  make_image();
  const QRectF at = image_rect();
  if (image_ != 0) {
    list.AddImage(texture_id(image_), vec(at.topLeft()), vec(at.bottomRight()));
    list.AddRectFilled(
        vec(at.topLeft()), vec(at.bottomRight()),
        IM_COL32(0, 0, 0, static_cast<int>(255 * std::clamp(settings_.dim, 0.0F, 1.0F))));
  } else {
    list.AddRectFilled(vec(at.topLeft()), vec(at.bottomRight()), color(theme().surface));
  }
}

void ImageOverlayCanvas::draw_heat(ImDrawList& list) {
  const int query = shown_query();
  const ColorScale range = scale();
  for (int key = grid_.offset; key < tokens_; ++key) {
    const int i = range.index(value(shown_values(), query, key));
    if (i < 0) continue;
    const auto& rgb = settings_.table[static_cast<std::size_t>(i)];
    const float alpha =
        std::clamp(settings_.opacity, 0.0F, 1.0F) * std::pow(static_cast<float>(i) / 255.0F, 0.7F);
    const QRectF at = token_rect(key);
    list.AddRectFilled(
        {std::round(static_cast<float>(at.left())), std::round(static_cast<float>(at.top()))},
        {std::round(static_cast<float>(at.right())), std::round(static_cast<float>(at.bottom()))},
        pack_rgb(rgb[0], rgb[1], rgb[2], static_cast<std::uint8_t>(std::lround(255 * alpha))));
  }
  const QRectF image = image_rect();
  if (!settings_.grid || image.width() / grid_.cols < 6) return;
  const ImU32 ink = IM_COL32(255, 255, 255, 34);
  for (int c = 1; c < grid_.cols; ++c) {
    const auto x = std::round(static_cast<float>(image.left() + c * image.width() / grid_.cols));
    list.AddRectFilled({x, static_cast<float>(image.top())},
                       {x + 1, static_cast<float>(image.bottom())}, ink);
  }
  for (int r = 1; r < grid_.rows; ++r) {
    const auto y = std::round(static_cast<float>(image.top() + r * image.height() / grid_.rows));
    list.AddRectFilled({static_cast<float>(image.left()), y},
                       {static_cast<float>(image.right()), y + 1}, ink);
  }
}

void ImageOverlayCanvas::draw_chips(ImDrawList& list) {
  const int query = shown_query();
  for (int i = 0; i < grid_.offset; ++i) {
    const QRectF at = token_rect(i);
    const bool chosen = i == query;
    TextStyle style = text_style(0.92, chosen);
    style.max_width = static_cast<float>(at.width()) - 8;
    list.AddRectFilled(vec(at.topLeft()), vec(at.bottomRight()),
                       chosen ? color(theme().accent, 0.25) : color(theme().surface), 4);
    list.AddRect(vec(at.topLeft()), vec(at.bottomRight()),
                 color(chosen        ? theme().accent
                       : i == hover_ ? theme().muted
                                     : theme().line),
                 4);
    text_centred(list, vec(at.center()), token_name(i), style, color(theme().text));
  }
}

void ImageOverlayCanvas::draw_marks(ImDrawList& list) {
  const auto outline = [&](int token, ImU32 ink, float thick) {
    if (token < grid_.offset) return;
    const QRectF at = token_rect(token);
    list.AddRect({static_cast<float>(at.left()) - 1, static_cast<float>(at.top()) - 1},
                 {static_cast<float>(at.right()) + 2, static_cast<float>(at.bottom()) + 2},
                 IM_COL32(0, 0, 0, 160), 0, 0, thick + 2);
    list.AddRect(vec(at.topLeft()),
                 {static_cast<float>(at.right()) + 1, static_cast<float>(at.bottom()) + 1}, ink, 0,
                 0, thick);
  };
  if (hover_ >= 0 && hover_ != shown_query()) outline(hover_, IM_COL32(255, 255, 255, 210), 1);
  if (kept_ >= 0 || hover_ >= 0) outline(shown_query(), color(theme().accent), 2.5F);
}

void ImageOverlayCanvas::draw_legend(ImDrawList& list) {
  const QRectF at = image_rect();
  const ColorScale range = scale();
  const TextStyle style = text_style(0.88, false, true);
  const auto y = static_cast<float>(at.bottom()) + 10;
  const float line = measure("0", style).y, wide = 96;
  const bool second = flip_ && !second_.empty();
  std::string what = token_name(shown_query()) + " looks at";
  if (!second_.empty())
    what = (names_[second].empty() ? (second ? "second head" : "first head") : names_[second]) +
           ": " + what;
  const std::string hi = format_value(range.hi);
  const float right = static_cast<float>(at.right());
  const float bar = right - measure(hi, style).x - 6 - wide;
  for (int i = 0; i < static_cast<int>(wide); ++i) {
    const auto& rgb =
        settings_.table[static_cast<std::size_t>(i * 255 / (static_cast<int>(wide) - 1))];
    const float x = bar + static_cast<float>(i);
    list.AddRectFilled({x, y + 3}, {x + 1, y + 11}, pack_rgb(rgb[0], rgb[1], rgb[2]));
  }
  text(list, {right - measure(hi, style).x, y + 7 - line / 2}, hi, style, color(theme().muted));
  const std::string lo = format_value(range.lo);
  const float zero = bar - 6 - measure(lo, style).x;
  text(list, {zero, y + 7 - line / 2}, lo, style, color(theme().muted));
  TextStyle name = text_style(0.92);
  name.max_width = zero - 12 - static_cast<float>(at.left());
  if (measure(what, name).x > name.max_width) return;
  text(list, {static_cast<float>(at.left()), y + 7 - line / 2}, what, name, color(theme().muted));
}

void ImageOverlayCanvas::draw_hover(ImDrawList& list) {
  if (hover_ < 0) return;
  const int query = shown_query();
  HoverCard card;
  const OverlayProbe here = probe(query, hover_);
  card.title =
      token_name(query) + (query == hover_ ? " \u2192 itself" : " \u2192 " + token_name(hover_));
  if (here.second) {
    card.rows.emplace_back(names_[0].empty() ? "first head" : names_[0],
                           format_value(here.value, 6));
    card.rows.emplace_back(names_[1].empty() ? "second head" : names_[1],
                           format_value(*here.second, 6));
  } else {
    card.rows.emplace_back("value", format_value(here.value, 6));
  }
  if (here.rank > 0)
    card.rows.emplace_back("rank",
                           std::to_string(here.rank) + " of " + std::to_string(here.rank_of));
  if (grid_.offset > 0 && query != 0 && hover_ != 0) {
    card.rows.emplace_back("on " + token_name(0), format_value(value(shown_values(), query, 0), 6));
  }
  draw_card(list, vec(cursor_), card);
}

}  // namespace vitrine::views
