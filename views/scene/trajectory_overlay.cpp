#include <algorithm>
#include <cmath>
#include <numeric>

#include <QFontMetricsF>
#include <QPainter>
#include <QPainterPath>

#include "views/data/ticks.h"
#include "views/scene/trajectory_scene.h"

namespace vitrine::views {

namespace {
constexpr std::size_t kMostLabels = 160;
constexpr double kWidestLabel = 150;

QFont font_of(const CanvasTheme& theme, double scale, bool bold) {
  QFont font;
  font.setFamilies({theme.family, QStringLiteral("Inter"), QStringLiteral("DejaVu Sans")});
  font.setPixelSize(std::max(6, static_cast<int>(std::lround(theme.text_px * scale))));
  font.setWeight(bold ? QFont::DemiBold : QFont::Normal);
  return font;
}

/// Text with a rim of the background, so that it reads over lines.
void rimmed(QPainter& painter, QPointF base, const QString& text, const QColor& ink,
            const QColor& rim) {
  QColor soft = rim;
  soft.setAlpha(200);
  painter.setPen(soft);
  for (const QPointF off : {QPointF(-1, 0), QPointF(1, 0), QPointF(0, -1), QPointF(0, 1)})
    painter.drawText(base + off, text);
  painter.setPen(ink);
  painter.drawText(base, text);
}

bool free_of(const QRectF& box, const std::vector<QRectF>& taken) {
  return std::none_of(taken.begin(), taken.end(),
                      [&](const QRectF& other) { return other.intersects(box); });
}
}  // namespace

void TrajectoryScene::paint_overlay(QPainter& painter) {
  labelled_.clear();
  if (data_.layers == 0) {
    painter.setFont(font_of(theme(), 1, false));
    painter.setPen(theme().muted);
    painter.drawText(rect(), Qt::AlignCenter, QStringLiteral("No trajectories to show"));
    return;
  }
  std::vector<QRectF> taken;
  paint_key(painter, taken);
  if (settings_.axes) paint_axes(painter, taken);
  paint_labels(painter, taken);
  paint_hover(painter);
}

void TrajectoryScene::paint_key(QPainter& painter, std::vector<QRectF>& taken) const {
  painter.setFont(font_of(theme(), 0.9, false));
  const QFontMetricsF metrics(painter.font());
  const bool by_token = settings_.color == TrajectorySettings::Color::Token;
  const QString first =
      by_token ? QStringLiteral("first token") : QString::fromStdString(data_.layer_labels.front());
  const QString last =
      by_token ? QStringLiteral("last") : QString::fromStdString(data_.layer_labels.back());
  constexpr double kBar = 90;
  double x = 12;
  const double y = height() - 12 - metrics.height(), base = y + metrics.ascent();
  painter.setPen(theme().muted);
  painter.drawText(QPointF(x, base), first);
  x += metrics.horizontalAdvance(first) + 8;
  const int steps = by_token ? data_.tokens : data_.layers;
  for (int i = 0; i < static_cast<int>(kBar); ++i) {
    const int at = static_cast<int>(std::lround(i / (kBar - 1) * (steps - 1)));
    painter.fillRect(QRectF(x + i, y + 4, 1.2, metrics.height() - 8),
                     by_token ? color(0, at) : color(at, 0));
  }
  x += kBar + 8;
  painter.setPen(theme().muted);
  painter.drawText(QPointF(x, base), last);
  x += metrics.horizontalAdvance(last) + 22;
  painter.setBrush(theme().muted);
  painter.setPen(Qt::NoPen);
  painter.drawRect(QRectF(x, y + metrics.height() / 2 - 3, 6, 6));
  painter.setPen(theme().muted);
  painter.drawText(QPointF(x + 11, base), QStringLiteral("start"));
  x += 11 + metrics.horizontalAdvance(QStringLiteral("start")) + 14;
  painter.setPen(Qt::NoPen);
  painter.drawEllipse(QPointF(x + 5, y + metrics.height() / 2), 5, 5);
  painter.setPen(theme().muted);
  painter.drawText(QPointF(x + 15, base), QStringLiteral("end"));
  painter.setBrush(Qt::NoBrush);
  taken.emplace_back(0, y - 4, x + 50, metrics.height() + 16);
}

void TrajectoryScene::paint_axes(QPainter& painter, std::vector<QRectF>& taken) const {
  painter.setFont(font_of(theme(), 0.95, true));
  const QFontMetricsF metrics(painter.font());
  const auto corner = project(data_.low);
  for (std::size_t axis = 0; axis < 3; ++axis) {
    Point3 end = data_.low;
    end[axis] = data_.high[axis];
    const auto at = project(end);
    if (!at || !corner) continue;
    const QString text = QString::fromStdString(data_.axis_names[axis]);
    const double wide = metrics.horizontalAdvance(text), tall = metrics.height();
    QPointF away((*at)[0] - (*corner)[0], (*at)[1] - (*corner)[1]);
    const double length = std::max(1.0, std::hypot(away.x(), away.y()));
    away /= length;
    const QPointF centre((*at)[0] + away.x() * (wide / 2 + 8),
                         (*at)[1] + away.y() * (tall / 2 + 8));
    QRectF box(centre.x() - wide / 2, centre.y() - tall / 2, wide, tall);
    box.moveLeft(std::clamp(box.left(), 4.0, std::max(4.0, width() - wide - 4)));
    box.moveTop(std::clamp(box.top(), 4.0, std::max(4.0, height() - tall - 4)));
    if (!free_of(box, taken)) continue;
    rimmed(painter, {box.left(), box.top() + metrics.ascent()}, text, theme().muted,
           theme().background);
    taken.push_back(box);
  }
}

void TrajectoryScene::paint_labels(QPainter& painter, std::vector<QRectF>& taken) {
  if (!settings_.labels && selected_ < 0) return;
  struct Place {
    int token;
    double x, y, rank;
  };
  std::vector<Place> places;
  for (int token = 0; token < data_.tokens; ++token) {
    int layer = data_.layers - 1;
    while (layer >= 0 && !data_.has(layer, token)) --layer;
    if (layer < 0 || (!settings_.labels && token != selected_)) continue;
    const auto at = project(data_.points[data_.index(layer, token)]);
    if (!at) continue;
    const double first = token == selected_ ? -2e6 : token == hover_token_ ? -1e6 : 0;
    places.push_back({token, (*at)[0], (*at)[1], (*at)[2] + first});
  }
  std::sort(places.begin(), places.end(),
            [](const Place& a, const Place& b) { return a.rank < b.rank; });
  const QFont plain = font_of(theme(), 0.95, false), bold = font_of(theme(), 1.05, true);
  for (const Place& place : places) {
    if (labelled_.size() >= kMostLabels) break;
    const bool chosen = place.token == selected_;
    const QFontMetricsF metrics(chosen ? bold : plain);
    const QString text = metrics.elidedText(
        QString::fromStdString(data_.token_labels[static_cast<std::size_t>(place.token)]),
        Qt::ElideRight, kWidestLabel);
    const double wide = metrics.horizontalAdvance(text), tall = metrics.height();
    QRectF box(place.x + 9, place.y - tall / 2, wide, tall);
    if (box.right() > width() - 4) box.moveRight(place.x - 9);
    if (!QRectF(rect()).contains(box) || text.isEmpty()) continue;
    if (!free_of(box.adjusted(-2, 0, 2, 0), taken)) continue;
    const QColor ink = chosen                                          ? theme().text
                       : selected_ >= 0 && place.token != hover_token_ ? theme().muted
                                                                       : theme().text;
    painter.setFont(chosen ? bold : plain);
    rimmed(painter, {box.left(), box.top() + metrics.ascent()}, text, ink, theme().background);
    taken.push_back(box);
    labelled_.push_back(place.token);
  }
}

void TrajectoryScene::paint_hover(QPainter& painter) const {
  const bool keyboard = hover_token_ < 0 && selected_ >= 0 && layer_ >= 0;
  const int layer = keyboard ? layer_ : hover_layer_, token = keyboard ? selected_ : hover_token_;
  const auto at = screen_position(layer, token);
  if (!at) return;
  painter.setPen(QPen(theme().accent, 2));
  painter.drawEllipse(*at, 8, 8);
  const QString title = QString::fromStdString(data_.token_labels[static_cast<std::size_t>(token)]);
  const Point3& value = data_.values[data_.index(layer, token)];
  std::vector<std::pair<QString, QString>> rows = {
      {QStringLiteral("token"), QString::number(token)},
      {QStringLiteral("layer"),
       QString::fromStdString(data_.layer_labels[static_cast<std::size_t>(layer)])}};
  for (std::size_t i = 0; i < 3; ++i) {
    const std::string& name = data_.axis_names[i];
    rows.emplace_back(QString::fromStdString(name.substr(0, name.find(" ("))),
                      QString::fromStdString(format_value(value[i])));
  }
  const QFont bold = font_of(theme(), 1, true), plain = font_of(theme(), 0.95, false);
  const QFontMetricsF title_metrics(bold), metrics(plain);
  double names = 0, figures = 0;
  for (const auto& [name, figure] : rows) {
    names = std::max(names, metrics.horizontalAdvance(name));
    figures = std::max(figures, metrics.horizontalAdvance(figure));
  }
  const QString shown = title_metrics.elidedText(title, Qt::ElideRight, 260);
  const double inner = std::max(title_metrics.horizontalAdvance(shown), names + 18 + figures);
  const double step = metrics.height() + 3;
  QRectF card(0, 0, inner + 18,
              18 + title_metrics.height() + 5 + step * static_cast<double>(rows.size()));
  const QPointF from = keyboard ? *at : cursor_;
  card.moveTopLeft(from + QPointF(16, 16));
  if (card.right() > width() - 4) card.moveRight(from.x() - 16);
  if (card.bottom() > height() - 4) card.moveBottom(from.y() - 16);
  card.moveTopLeft({std::round(std::max(4.0, card.left())), std::round(std::max(4.0, card.top()))});
  painter.setPen(QPen(theme().line, 1));
  painter.setBrush(theme().surface);
  painter.drawRoundedRect(card.adjusted(0.5, 0.5, -0.5, -0.5), 4, 4);
  painter.setBrush(Qt::NoBrush);
  double y = card.top() + 9;
  painter.setFont(bold);
  painter.setPen(theme().text);
  painter.drawText(QPointF(card.left() + 9, y + title_metrics.ascent()), shown);
  y += title_metrics.height() + 5;
  painter.setFont(plain);
  for (const auto& [name, figure] : rows) {
    painter.setPen(theme().muted);
    painter.drawText(QPointF(card.left() + 9, y + metrics.ascent()), name);
    painter.setPen(theme().text);
    painter.drawText(
        QPointF(card.right() - 9 - metrics.horizontalAdvance(figure), y + metrics.ascent()),
        figure);
    y += step;
  }
}

}  // namespace vitrine::views
