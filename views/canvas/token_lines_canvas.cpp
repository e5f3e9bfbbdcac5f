#include "views/canvas/token_lines_canvas.h"
#include "views/data/labels.h"
#include "views/data/ticks.h"

#include <algorithm>
#include <cmath>

#include <QKeyEvent>
#include <QMouseEvent>
#include <QWheelEvent>

namespace vitrine::views {

namespace {
constexpr double kTop = 34;
constexpr double kBottom = 10;
constexpr double kWidest = 680;
constexpr float kFigures = 52;  ///< beside the tokens, for the weights of an isolated token
constexpr std::int64_t kMostTokens = 1 << 14;

const engine::Array* matrix_of(const engine::Report* report) {
  if (report == nullptr || report->arrays.empty()) return nullptr;
  const engine::Array& a = report->arrays.front();
  const bool good = a.shape.size() == 2 && a.shape[0] > 0 && a.shape[1] > 0 &&
                    a.shape[0] <= kMostTokens && a.shape[1] <= kMostTokens &&
                    static_cast<std::int64_t>(a.values.size()) == a.numel();
  return good ? &a : nullptr;
}

ImVec2 vec(QPointF p) { return {static_cast<float>(p.x()), static_cast<float>(p.y())}; }
}  // namespace

TokenLinesCanvas::TokenLinesCanvas(QWidget* parent) : CanvasWidget(parent) {
  setMinimumSize(160, 90);
}

void TokenLinesCanvas::set_report(std::shared_ptr<const engine::Report> report) {
  const engine::Array* array = matrix_of(report.get());
  for (auto& labels : labels_) labels.clear();
  first_.clear();
  if (array == nullptr) {
    queries_ = keys_ = 0;
    second_.clear();
  } else {
    if (array->shape[0] != queries_ || array->shape[1] != keys_) second_.clear();
    queries_ = static_cast<int>(array->shape[0]);
    keys_ = static_cast<int>(array->shape[1]);
    first_ = array->values;
    largest_ = 0;
    for (const float v : first_)
      largest_ = std::isfinite(v) ? std::max(largest_, std::abs(v)) : largest_;
    if (largest_ == 0) largest_ = 1;
    for (std::size_t side = 0; side < 2; ++side) {
      const auto length = static_cast<std::size_t>(array->shape[side]);
      if (side < array->axes.size() && !array->axes[side].name.empty())
        titles_[side] = array->axes[side].name;
      if (side < array->axes.size() && array->axes[side].labels.size() == length) {
        for (const std::string& text : array->axes[side].labels)
          labels_[side].push_back(visible_text(text));
      } else if (report->tokens.size() == length) {
        for (const engine::TokenLabel& token : report->tokens)
          labels_[side].push_back(visible_text(token.text));
      }
    }
  }
  if (pinned_side_ >= 0 && pinned_ >= count(pinned_side_)) pinned_side_ = pinned_ = -1;
  hover_side_ = hover_ = -1;
  clamp_scroll();
  redraw();
}

void TokenLinesCanvas::set_compare(std::shared_ptr<const engine::Report> report) {
  const engine::Array* array = matrix_of(report.get());
  const bool same = array != nullptr && array->shape[0] == queries_ && array->shape[1] == keys_;
  second_ = same ? array->values : std::vector<float>();
  redraw();
}

void TokenLinesCanvas::set_names(const QString& first, const QString& second) {
  names_[0] = first.toStdString();
  names_[1] = second.toStdString();
  redraw();
}

void TokenLinesCanvas::set_settings(const TokenLinesSettings& settings) {
  settings_ = settings;
  redraw();
}

void TokenLinesCanvas::set_pinned(int side, int token) {
  const bool exists = (side == Query || side == Key) && token >= 0 && token < count(side);
  pinned_side_ = exists ? side : -1;
  pinned_ = exists ? token : -1;
  redraw();
}

float TokenLinesCanvas::row_height() const {
  return std::max(18.0F, static_cast<float>(theme().text_px) + 7);
}

QRectF TokenLinesCanvas::columns() const {
  const double wide = std::min<double>(width() - 16, kWidest);
  return {(width() - wide) / 2, kTop, wide, height() - kTop - kBottom};
}

QRectF TokenLinesCanvas::token_rect(int side, int token) const {
  const QRectF area = columns();
  const double wide = std::clamp(area.width() * 0.3, 60.0, 190.0);
  const double y = kTop + token * static_cast<double>(row_height()) - scroll_;
  return {side == Query ? area.left() : area.right() - wide, y, wide, row_height()};
}

std::optional<std::pair<int, int>> TokenLinesCanvas::token_at(QPointF position) const {
  if (queries_ == 0 || position.y() < kTop) return std::nullopt;
  for (const int side : {Query, Key}) {
    const QRectF first = token_rect(side, 0);
    if (position.x() < first.left() || position.x() > first.right() || position.y() < first.top())
      continue;
    const int token = static_cast<int>((position.y() - first.top()) / first.height());
    if (token < count(side)) return std::pair(side, token);
  }
  return std::nullopt;
}

std::string TokenLinesCanvas::token_label(int side, int token) const {
  const auto& labels = labels_[side];
  return static_cast<std::size_t>(token) < labels.size() ? labels[static_cast<std::size_t>(token)]
                                                         : std::to_string(token);
}

void TokenLinesCanvas::clamp_scroll() {
  const double full = std::max(queries_, keys_) * static_cast<double>(row_height());
  scroll_ = std::clamp(scroll_, 0.0, std::max(0.0, full - columns().height()));
}

void TokenLinesCanvas::pin(int side, int token) {
  set_pinned(side, token);
  if (pinned_ >= 0) {
    const QRectF at = token_rect(pinned_side_, pinned_);
    const QRectF area = columns();
    if (at.top() < area.top()) scroll_ -= area.top() - at.top();
    if (at.bottom() > area.bottom()) scroll_ += at.bottom() - area.bottom();
    clamp_scroll();
  }
  emit pinned(pinned_side_, pinned_);
}

void TokenLinesCanvas::set_hover(int side, int token) {
  if (side == hover_side_ && token == hover_) return;
  hover_side_ = side;
  hover_ = token;
  redraw();
  emit hovered(side, token);
}

void TokenLinesCanvas::resizeEvent(QResizeEvent* event) {
  CanvasWidget::resizeEvent(event);
  clamp_scroll();
}

void TokenLinesCanvas::mousePressEvent(QMouseEvent* event) {
  if (event->button() != Qt::LeftButton) return event->ignore();
  const auto at = token_at(event->position());
  if (!at || (at->first == pinned_side_ && at->second == pinned_)) {
    if (pinned_ >= 0) pin(-1, -1);
    return;
  }
  pin(at->first, at->second);
}

void TokenLinesCanvas::mouseMoveEvent(QMouseEvent* event) {
  const auto at = token_at(event->position());
  at ? set_hover(at->first, at->second) : set_hover(-1, -1);
}

void TokenLinesCanvas::leaveEvent(QEvent* event) {
  CanvasWidget::leaveEvent(event);
  set_hover(-1, -1);
}

void TokenLinesCanvas::wheelEvent(QWheelEvent* event) {
  scroll_ -= event->angleDelta().y() / 120.0 * 3 * row_height();
  clamp_scroll();
  const auto at = token_at(event->position());
  at ? set_hover(at->first, at->second) : set_hover(-1, -1);
  redraw();
  event->accept();
}

void TokenLinesCanvas::keyPressEvent(QKeyEvent* event) {
  if (queries_ == 0) return event->ignore();
  const int side = pinned_side_ >= 0 ? pinned_side_ : static_cast<int>(Query);
  const int last = count(side) - 1;
  switch (event->key()) {
    case Qt::Key_Up:
      pin(side, std::clamp(pinned_ - 1, 0, last));
      break;
    case Qt::Key_Down:
      pin(side, std::clamp(pinned_ + 1, 0, last));
      break;
    case Qt::Key_Home:
      pin(side, 0);
      break;
    case Qt::Key_End:
      pin(side, last);
      break;
    case Qt::Key_Left:
      pin(Query, std::clamp(pinned_, 0, queries_ - 1));
      break;
    case Qt::Key_Right:
      pin(Key, std::clamp(pinned_, 0, keys_ - 1));
      break;
    case Qt::Key_Escape:
      pin(-1, -1);
      break;
    default:
      event->ignore();
  }
}

float TokenLinesCanvas::weight(const std::vector<float>& values, int side, int token,
                               int other) const {
  const int query = side == Query ? token : other, key = side == Query ? other : token;
  return values[static_cast<std::size_t>(query) * static_cast<std::size_t>(keys_) +
                static_cast<std::size_t>(key)];
}

void TokenLinesCanvas::draw_lines(ImDrawList& list, const std::vector<float>& values,
                                  const QColor& ink, int side, int token) {
  const QRectF area = columns();
  const bool alone = token >= 0;
  const float cut = alone ? 0.004F : settings_.threshold;
  const auto x0 = static_cast<float>(token_rect(Query, 0).right()) + 4;
  const auto x1 = static_cast<float>(token_rect(Key, 0).left()) - 4;
  const float bend = (x1 - x0) * 0.35F;
  const auto seen = [&](double y) { return y >= area.top() - 4 && y <= area.bottom() + 4; };
  for (int q = alone && side == Query ? token : 0;
       q < (alone && side == Query ? token + 1 : queries_); ++q) {
    const double y0 = token_rect(Query, q).center().y();
    for (int k = alone && side == Key ? token : 0; k < (alone && side == Key ? token + 1 : keys_);
         ++k) {
      const float share = std::abs(weight(values, Query, q, k)) / largest_;
      if (!(share >= cut)) continue;
      const double y1 = token_rect(Key, k).center().y();
      if (!seen(y0) && !seen(y1)) continue;
      const float strength = std::min(share, 1.0F);
      const ImVec2 a(x0, static_cast<float>(y0)), b(x1, static_cast<float>(y1));
      list.AddBezierCubic(a, {a.x + bend, a.y}, {b.x - bend, b.y}, b,
                          color(ink, alone ? 0.25 + 0.75 * strength : 0.08 + 0.92 * strength),
                          1 + 2.2F * strength,
                          std::clamp(static_cast<int>(std::abs(b.y - a.y) / 8), 10, 48));
      ++lines_drawn_;
    }
  }
}

void TokenLinesCanvas::draw_tokens(ImDrawList& list, int side, int focus_side, int focus) {
  const QRectF area = columns();
  TextStyle style = text_style();
  const TextStyle figure = text_style(0.9, false, true);
  const auto first = std::max(0, static_cast<int>(scroll_ / row_height()));
  const int last =
      std::min(count(side), static_cast<int>((scroll_ + area.height()) / row_height()) + 2);
  for (int i = first; i < last; ++i) {
    const QRectF at = token_rect(side, i);
    style.max_width = static_cast<float>(at.width()) - 8 - kFigures;
    const std::string what = token_label(side, i);
    const auto y = static_cast<float>(at.center().y()) - measure(what, style).y / 2;
    const bool chosen = side == focus_side && i == focus;
    QColor ink = focus < 0 || chosen ? theme().text : theme().muted;
    if (chosen)
      list.AddRectFilled(vec(at.topLeft()), vec(at.bottomRight()), color(theme().accent, 0.22), 3);
    if (focus >= 0 && side != focus_side) {
      const float v = weight(first_, focus_side, focus, i);
      const float share = std::isfinite(v) ? std::min(1.0F, std::abs(v) / largest_) : 0;
      list.AddRectFilled(vec(at.topLeft()), vec(at.bottomRight()),
                         color(theme().accent, 0.55 * share), 2);
      if (share >= 0.05F) ink = theme().text;
      const std::string number = format_value(v);
      const float wide = measure(number, figure).x;
      const auto x = static_cast<float>(side == Key ? at.right() - 4 - wide : at.left() + 4);
      if (share >= 0.004F) text(list, {x, y + 1}, number, figure, color(ink));
    }
    const auto x =
        static_cast<float>(side == Query ? at.right() - 4 - measure(what, style).x : at.left() + 4);
    text(list, {x, y}, what, style, color(ink));
  }
}

void TokenLinesCanvas::draw(ImDrawList& list) {
  lines_drawn_ = 0;
  if (queries_ == 0) {
    draw_message(list, "No tokens to show");
    return;
  }
  const QRectF area = columns();
  const int side = hover_ >= 0 ? hover_side_ : pinned_side_, token = hover_ >= 0 ? hover_ : pinned_;
  list.PushClipRect(vec(area.topLeft()), vec(area.bottomRight()), true);
  const bool both = settings_.second && !second_.empty();
  if (both) draw_lines(list, second_, theme().second, side, token);
  draw_lines(list, first_, theme().accent, side, token);
  draw_tokens(list, Query, side, token);
  draw_tokens(list, Key, side, token);
  list.PopClipRect();
  const TextStyle title = text_style(0.9, true);
  const QRectF q = token_rect(Query, 0), k = token_rect(Key, 0);
  text(list, {static_cast<float>(q.right()) - 4 - measure(titles_[0], title).x, 10}, titles_[0],
       title, color(theme().muted));
  text(list, {static_cast<float>(k.left()) + 4, 10}, titles_[1], title, color(theme().muted));
  if (both) {
    const TextStyle small = text_style(0.9);
    float x = static_cast<float>(q.right()) + 14;
    for (int i = 0; i < 2; ++i) {
      const std::string name = names_[i].empty() ? (i == 0 ? "first" : "second") : names_[i];
      list.AddRectFilled({x, 16}, {x + 14, 19}, color(i == 0 ? theme().accent : theme().second));
      text(list, {x + 19, 10}, name, small, color(theme().muted));
      x += 32 + measure(name, small).x;
    }
  }
  const double full = std::max(queries_, keys_) * static_cast<double>(row_height());
  if (full > area.height() + 1) {
    const auto x = static_cast<float>(width()) - 5;
    const auto y = static_cast<float>(area.top() + scroll_ / full * area.height());
    const auto tall = static_cast<float>(std::max(20.0, area.height() * area.height() / full));
    list.AddRectFilled({x, y}, {x + 3, y + tall}, color(theme().muted, 0.6), 2);
  }
}

}  // namespace vitrine::views
