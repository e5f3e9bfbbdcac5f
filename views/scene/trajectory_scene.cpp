#include "views/scene/trajectory_scene.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <QKeyEvent>

namespace vitrine::views {

namespace {
constexpr double kReach = 8;
}

TrajectoryScene::TrajectoryScene(QWidget* parent) : SceneWidget(parent) {}

void TrajectoryScene::set_report(std::shared_ptr<const engine::Report> report) {
  report_ = std::move(report);
  reread();
}

void TrajectoryScene::set_hidden_tokens(const std::vector<int>& tokens) {
  hidden_ = tokens;
  reread();
}

void TrajectoryScene::reread() {
  data_ = read_trajectories(report_.get(), hidden_);
  if (selected_ >= data_.tokens) selected_ = -1;
  if (layer_ >= data_.layers || selected_ < 0) layer_ = -1;
  hover_layer_ = hover_token_ = -1;
  set_bounds(data_.low, data_.high);
  rebuild();
}

void TrajectoryScene::set_settings(const TrajectorySettings& settings) {
  settings_ = settings;
  rebuild();
}

void TrajectoryScene::set_selected(int token) {
  const int next = token >= 0 && token < data_.tokens ? token : -1;
  if (next != selected_) layer_ = -1;
  selected_ = next;
  rebuild();
}

void TrajectoryScene::choose(int token) {
  set_selected(token);
  emit selected(selected_);
}

std::optional<QPointF> TrajectoryScene::screen_position(int layer, int token) const {
  if (!data_.has(layer, token)) return std::nullopt;
  const auto at = project(data_.points[data_.index(layer, token)]);
  if (!at) return std::nullopt;
  return QPointF((*at)[0], (*at)[1]);
}

std::optional<std::pair<int, int>> TrajectoryScene::pick(QPointF position) const {
  std::optional<std::pair<int, int>> best;
  double nearest = std::numeric_limits<double>::max();
  for (int layer = 0; layer < data_.layers; ++layer) {
    for (int token = 0; token < data_.tokens; ++token) {
      if (!data_.has(layer, token)) continue;
      const auto at = project(data_.points[data_.index(layer, token)]);
      if (!at) continue;
      const double off = std::hypot((*at)[0] - position.x(), (*at)[1] - position.y());
      if (off > kReach) continue;
      const double rank = off + (*at)[2] * 0.5 + (emphasised(token) ? 0 : 4);
      if (rank >= nearest) continue;
      nearest = rank;
      best = std::pair(layer, token);
    }
  }
  return best;
}

QColor TrajectoryScene::color(int layer, int token) const {
  const bool by_token = settings_.color == TrajectorySettings::Color::Token;
  const int last = std::max(1, (by_token ? data_.tokens : data_.layers) - 1);
  const double t = static_cast<double>(by_token ? token : layer) / last;
  // The end of the table that is close to the background would not be seen.
  const double shown = theme().dark ? 0.22 + 0.78 * t : 0.86 * t;
  const auto& rgb = settings_.table[static_cast<std::size_t>(std::lround(255 * shown))];
  return QColor(rgb[0], rgb[1], rgb[2]);
}

void TrajectoryScene::set_hover(int layer, int token) {
  update();
  if (layer == hover_layer_ && token == hover_token_) return;
  hover_layer_ = layer;
  hover_token_ = token;
  emit hovered(layer, token);
}

void TrajectoryScene::clicked(QPointF position) {
  const auto at = pick(position);
  if (at || selected_ >= 0) choose(at ? at->second : -1);
}

void TrajectoryScene::pointed(QPointF position) {
  cursor_ = position;
  const auto at = dragging() ? std::nullopt : pick(position);
  at ? set_hover(at->first, at->second) : set_hover(-1, -1);
}

void TrajectoryScene::leaveEvent(QEvent* event) {
  SceneWidget::leaveEvent(event);
  set_hover(-1, -1);
}

void TrajectoryScene::move_token(int step) {
  const auto shown = [&](int token) {
    for (int layer = 0; layer < data_.layers; ++layer) {
      if (data_.has(layer, token)) return true;
    }
    return false;
  };
  int token = selected_ < 0 ? (step > 0 ? 0 : data_.tokens - 1) : selected_ + step;
  while (token >= 0 && token < data_.tokens && !shown(token)) token += step;
  if (token >= 0 && token < data_.tokens) choose(token);
}

void TrajectoryScene::keyPressEvent(QKeyEvent* event) {
  if (event->modifiers().testFlag(Qt::ControlModifier)) return SceneWidget::keyPressEvent(event);
  switch (event->key()) {
    case Qt::Key_Left:
      move_token(-1);
      break;
    case Qt::Key_Right:
      move_token(1);
      break;
    case Qt::Key_Up:
    case Qt::Key_Down:
      if (selected_ < 0) return event->ignore();
      layer_ = std::clamp(layer_ + (event->key() == Qt::Key_Down ? 1 : -1), 0, data_.layers - 1);
      update();
      emit hovered(layer_, selected_);
      break;
    case Qt::Key_Escape:
      choose(-1);
      break;
    case Qt::Key_L:
      settings_.labels = !settings_.labels;
      update();
      break;
    default:
      SceneWidget::keyPressEvent(event);
  }
}

}  // namespace vitrine::views
