#pragma once

#include <map>
#include <memory>

#include <QImage>
#include <QPainter>

#include "views/data/display_list.h"

namespace vitrine::views {

/// Draws display lists and keeps what it made of their rasters, so that a matrix is converted once and then copied.
class FigurePainter {
 public:
  /// Screen: cells are one image. Vector (PDF): matrices with gaps become rectangles, images stay lossless.
  enum class Target { Screen, Vector };
  explicit FigurePainter(Target target = Target::Screen) : target_(target) {}

  /// Everything, with the background. The painter's unit is the list's pixel.
  void draw(QPainter& painter, const DisplayList& list);
  /// Forgets rasters that no list holds any more.
  void forget_unused();

 private:
  void draw_item(QPainter& painter, const Item& item);
  void draw_rect(QPainter& painter, const RectItem& item) const;
  void draw_path(QPainter& painter, const PathItem& item) const;
  void draw_text(QPainter& painter, const TextItem& item) const;
  void draw_cells(QPainter& painter, const CellsItem& item);
  const QImage& image_of(const std::shared_ptr<const Raster>& raster);

  struct Entry {
    std::shared_ptr<const Raster> raster;
    QImage image;
  };
  std::map<const Raster*, Entry> images_;
  Target target_;
};

/// The image of cells enlarged by a whole factor, so that a viewer that smooths images blurs nothing that is seen:
/// about `per_pixel` image pixels for each pixel of `box`.
[[nodiscard]] QImage enlarged(const QImage& cells, const Box& box, double per_pixel);

/// A copy of a raster as an image. A malformed raster gives a null image.
[[nodiscard]] QImage to_image(const Raster& raster);

}  // namespace vitrine::views
