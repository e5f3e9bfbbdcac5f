#include "views/panels/attention_view.h"

#include "views/canvas/image_overlay_canvas.h"
#include "views/canvas/map_canvas.h"
#include "views/canvas/token_lines_canvas.h"
#include "views/panels/looks.h"
#include "views/panels/style.h"

namespace vitrine::views {

namespace {

/// A cell of a map that is not held whole: its exact value as soon as its tile is here.
QString probe_text(MapCanvas& map, int query, int key) {
  const MapProbe probe = map.probe(query, key);
  const QString cell = QString::fromStdString(probe.query_label) + QStringLiteral(" → ") + QString::fromStdString(probe.key_label);
  return probe.value ? cell + QStringLiteral("  ") + number_text(static_cast<double>(*probe.value), 4) : cell;
}

}  // namespace

AttentionView::AttentionView(QWidget* parent) : QStackedWidget(parent) { make_map(); }

void AttentionView::set_mode(Mode mode) {
  mode_ = mode;
  if (mode == Lines && !lines_) make_lines();
  if (mode == Overlay && !overlay_) make_overlay();
  setCurrentWidget(mode == Lines ? static_cast<QWidget*>(lines_) : mode == Overlay ? static_cast<QWidget*>(overlay_) : map_);
  setFocusProxy(currentWidget());
  fill();
}

void AttentionView::make_map() {
  map_ = new MapCanvas;
  map_->setObjectName("map");
  map_->set_theme(canvas_theme(*this));
  addWidget(map_);
  connect(map_, &MapCanvas::selected, this, [this](int query, int key) { emit chosen(query, key); });
  connect(map_, &MapCanvas::hovered, this, [this](int query, int key) {
    if (tiled_ && query >= 0) return emit pointed(probe_text(*map_, query, key));
    emit pointed(first_ && query >= 0 ? pair_text(*first_, query, key) : QString());
  });
}

void AttentionView::make_lines() {
  lines_ = new TokenLinesCanvas;
  lines_->setObjectName("lines");
  lines_->set_theme(canvas_theme(*this));
  addWidget(lines_);
  connect(lines_, &TokenLinesCanvas::pinned, this, [this](int side, int token) {
    if (side == TokenLinesCanvas::Query) emit chosen(token, -1);
    if (side == TokenLinesCanvas::Key) emit chosen(-1, token);
  });
  connect(lines_, &TokenLinesCanvas::hovered, this, [this](int side, int token) {
    const bool query = first_ && side == TokenLinesCanvas::Query;
    const bool key = first_ && side == TokenLinesCanvas::Key && query_ >= 0;
    emit pointed(query ? row_text(*first_, token) : key ? pair_text(*first_, query_, token) : QString());
  });
}

void AttentionView::make_overlay() {
  overlay_ = new ImageOverlayCanvas;
  overlay_->setObjectName("overlay");
  overlay_->set_theme(canvas_theme(*this));
  addWidget(overlay_);
  connect(overlay_, &ImageOverlayCanvas::query_selected, this, [this](int token) { emit chosen(token, -1); });
  connect(overlay_, &ImageOverlayCanvas::hovered, this, [this](int token) {
    if (!first_ || token < 0) return emit pointed({});
    const int query = overlay_->shown_query();
    emit pointed(overlay_->query() < 0 ? row_text(*first_, token) : pair_text(*first_, query, token));
  });
}

void AttentionView::set_reports(std::shared_ptr<const engine::Report> first,
                                std::shared_ptr<const engine::Report> second) {
  first_ = std::move(first);
  second_ = std::move(second);
}

void AttentionView::set_names(const QString& first, const QString& second) {
  names_[0] = first;
  names_[1] = second;
}

void AttentionView::set_look(const AttentionLook& look, bool diverging) {
  look_ = look;
  diverging_ = diverging;
}

void AttentionView::set_selection(int query, int key) {
  query_ = query;
  key_ = key;
  map_->set_selection(query, key);
  if (lines_) lines_->set_pinned(query >= 0 ? TokenLinesCanvas::Query : -1, query);
  if (overlay_) overlay_->set_query(query);
}

void AttentionView::follow_theme() {
  const CanvasTheme theme = canvas_theme(*this);
  map_->set_theme(theme);
  if (lines_) lines_->set_theme(theme);
  if (overlay_) overlay_->set_theme(theme);
}

/// Only the canvas that shows gets the reports: the others would lay out for nobody.
void AttentionView::fill() {
  if (mode_ == Matrix) {
    MapSettings settings = map_->settings();
    settings.table = color_table(look_.map);
    settings.diverging_table = diverging_table(*this);
    settings.log = look_.log;
    settings.diverging = diverging_;
    settings.lo = look_.manual ? std::optional<float>(static_cast<float>(look_.lo)) : std::nullopt;
    settings.hi = look_.manual ? std::optional<float>(static_cast<float>(look_.hi)) : std::nullopt;
    settings.compare = second_ || (tiled_ && map_->compares()) ? MapCompare::Blend : MapCompare::First;
    map_->set_settings(settings);
    if (!tiled_) {
      map_->set_report(first_);
      map_->set_compare(second_);
    }
    map_->set_names(names_[0], names_[1]);
  } else if (mode_ == Lines && lines_) {
    lines_->set_report(first_);
    lines_->set_compare(second_);
    lines_->set_names(names_[0], names_[1]);
  } else if (overlay_) {
    ImageOverlaySettings settings = overlay_->settings();
    settings.table = color_table(look_.map);
    settings.log = look_.log;
    settings.hi = look_.manual ? std::optional<float>(static_cast<float>(look_.hi)) : std::nullopt;
    overlay_->set_settings(settings);
    overlay_->set_report(first_);
    overlay_->set_compare(second_);
    overlay_->set_names(names_[0], names_[1]);
  }
  set_selection(query_, key_);
}

}  // namespace vitrine::views
