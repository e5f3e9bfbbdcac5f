#include "views/figure/painter.h"

#include <algorithm>
#include <cmath>

#include <QPainterPath>

#include "views/figure/fonts.h"
#include "views/figure/theme.h"

namespace vitrine::views {
namespace {

QRectF to_rect(const Box& box) { return {box.x, box.y, box.w, box.h}; }

bool fits_raster(const Raster& raster) {
  return raster.width > 0 && raster.height > 0 &&
         raster.pixels.size() == static_cast<std::size_t>(raster.width) * static_cast<std::size_t>(raster.height);
}

}  // namespace

QImage to_image(const Raster& raster) {
  if (!fits_raster(raster)) return {};
  static_assert(sizeof(Color) == 4);
  const QImage view(reinterpret_cast<const uchar*>(raster.pixels.data()), raster.width, raster.height,
                    4 * raster.width, QImage::Format_RGBA8888);
  return view.convertToFormat(QImage::Format_ARGB32_Premultiplied);
}

QImage enlarged(const QImage& cells, const Box& box, double per_pixel) {
  if (cells.isNull()) return cells;
  const int wide = std::clamp(static_cast<int>(std::ceil(box.w * per_pixel / cells.width())), 1, 32);
  const int high = std::clamp(static_cast<int>(std::ceil(box.h * per_pixel / cells.height())), 1, 32);
  return cells.scaled(cells.width() * wide, cells.height() * high, Qt::IgnoreAspectRatio, Qt::FastTransformation);
}

const QImage& FigurePainter::image_of(const std::shared_ptr<const Raster>& raster) {
  auto& entry = images_[raster.get()];
  if (!entry.raster) entry = {raster, to_image(*raster)};
  return entry.image;
}

void FigurePainter::forget_unused() {
  std::erase_if(images_, [](const auto& pair) { return pair.second.raster.use_count() <= 1; });
}

void FigurePainter::draw(QPainter& painter, const DisplayList& list) {
  painter.save();
  painter.setRenderHint(QPainter::Antialiasing);
  painter.setRenderHint(QPainter::TextAntialiasing);
  painter.setRenderHint(QPainter::LosslessImageRendering);
  if (list.background.a > 0) painter.fillRect(QRectF(0, 0, list.width, list.height), to_qcolor(list.background));
  int open = 0;
  for (const auto& item : list.items) {
    if (const auto* clip = std::get_if<ClipBegin>(&item)) {
      painter.save();
      painter.setClipRect(to_rect(clip->box), Qt::IntersectClip);
      ++open;
    } else if (std::holds_alternative<ClipEnd>(item)) {
      if (open > 0) painter.restore();
      open = std::max(0, open - 1);
    } else {
      draw_item(painter, item);
    }
  }
  while (open-- > 0) painter.restore();
  painter.restore();
}

void FigurePainter::draw_item(QPainter& painter, const Item& item) {
  if (const auto* rect = std::get_if<RectItem>(&item)) return draw_rect(painter, *rect);
  if (const auto* path = std::get_if<PathItem>(&item)) return draw_path(painter, *path);
  if (const auto* text = std::get_if<TextItem>(&item)) return draw_text(painter, *text);
  if (const auto* cells = std::get_if<CellsItem>(&item)) return draw_cells(painter, *cells);
  const auto* image = std::get_if<ImageItem>(&item);
  if (!image || !image->raster) return;
  painter.setRenderHint(QPainter::SmoothPixmapTransform, image->smooth);
  painter.drawImage(to_rect(image->box), image_of(image->raster));
}

void FigurePainter::draw_rect(QPainter& painter, const RectItem& item) const {
  const bool stroked = item.stroke.a > 0 && item.stroke_width > 0;
  if (item.fill.a == 0 && !stroked) return;
  const QRectF rect = to_rect(item.box);
  if (item.radius <= 0 && !stroked) {
    painter.fillRect(rect, to_qcolor(item.fill));
    return;
  }
  painter.setPen(stroked ? QPen(to_qcolor(item.stroke), item.stroke_width) : QPen(Qt::NoPen));
  painter.setBrush(item.fill.a ? QBrush(to_qcolor(item.fill)) : QBrush(Qt::NoBrush));
  if (item.radius > 0) painter.drawRoundedRect(rect, item.radius, item.radius);
  else painter.drawRect(rect);
}

void FigurePainter::draw_path(QPainter& painter, const PathItem& item) const {
  if (item.points.size() < 2) return;
  const bool stroked = item.stroke.a > 0 && item.width > 0;
  QPen pen(Qt::NoPen);
  if (stroked) {
    pen = QPen(to_qcolor(item.stroke), item.width, item.dashed ? Qt::DashLine : Qt::SolidLine, Qt::FlatCap,
               Qt::RoundJoin);
  }
  painter.setPen(pen);
  painter.setBrush(item.fill.a ? QBrush(to_qcolor(item.fill)) : QBrush(Qt::NoBrush));
  QPolygonF polygon;
  for (const auto& p : item.points) polygon << QPointF(p.x, p.y);
  if (target_ == Target::Screen && polygon.size() == 2 && !item.closed) {
    // Straight hairlines on whole pixels are sharp.
    const bool level = polygon[0].y() == polygon[1].y(), plumb = polygon[0].x() == polygon[1].x();
    if ((level || plumb) && item.width == 1)
      for (auto& p : polygon)
        p = QPointF(plumb ? std::floor(p.x()) + 0.5 : p.x(), level ? std::floor(p.y()) + 0.5 : p.y());
  }
  if (item.closed) painter.drawPolygon(polygon);
  else painter.drawPolyline(polygon);
}

void FigurePainter::draw_text(QPainter& painter, const TextItem& item) const {
  const QString text = QString::fromStdString(item.text);
  const double shift = item.anchor == TextItem::Anchor::Start ? 0 : run_width(item.text, item.font);
  painter.save();
  painter.translate(item.at.x, item.at.y);
  if (item.angle != 0) painter.rotate(item.angle);
  painter.translate(item.anchor == TextItem::Anchor::Middle ? -shift / 2 : -shift, 0);
  painter.setPen(to_qcolor(item.color));
  draw_run(painter, text, item.font);
  painter.restore();
}

void FigurePainter::draw_cells(QPainter& painter, const CellsItem& item) {
  if (!item.raster || !fits_raster(*item.raster)) return;
  if (item.gap <= 0) {
    painter.setRenderHint(QPainter::SmoothPixmapTransform, false);
    const QImage& image = image_of(item.raster);
    painter.drawImage(to_rect(item.box), target_ == Target::Vector ? enlarged(image, item.box, 4) : image);
    return;
  }
  const double w = item.box.w / item.raster->width, h = item.box.h / item.raster->height;
  for (int r = 0; r < item.raster->height; ++r)
    for (int c = 0; c < item.raster->width; ++c) {
      const auto at =
          static_cast<std::size_t>(r) * static_cast<std::size_t>(item.raster->width) + static_cast<std::size_t>(c);
      painter.fillRect(QRectF(item.box.x + c * w, item.box.y + r * h, w - item.gap, h - item.gap),
                       to_qcolor(item.raster->pixels[at]));
    }
}

}  // namespace vitrine::views
