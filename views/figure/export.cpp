#include "views/figure/export.h"

#include <cmath>

#include <QBuffer>
#include <QFileInfo>
#include <QGuiApplication>
#include <QImage>
#include <QPageSize>
#include <QPdfWriter>
#include <QSaveFile>

#include <fmt/format.h>

#include "views/figure/fonts.h"
#include "views/figure/painter.h"
#include "views/figure/svg.h"

namespace vitrine::views {
namespace {

using engine::ErrorCode;
using engine::fail;
using engine::fail_file;

constexpr double kPixelsPerMm = 96 / 25.4;
constexpr double kMostPixels = 4e8;

std::string ending(const std::string& path) {
  return QFileInfo(QString::fromStdString(path)).suffix().toLower().toStdString();
}

engine::Status check(const ExportOptions& options) {
  if (!(options.width_mm >= 20 && options.width_mm <= 2000))
    return fail(ErrorCode::Usage, fmt::format("expected a figure width of 20 to 2000 mm, came {}", options.width_mm));
  if (!(options.dpi >= 36 && options.dpi <= 2400))
    return fail(ErrorCode::Usage, fmt::format("expected a resolution of 36 to 2400 dpi, came {}", options.dpi));
  if (options.height_mm != 0 && !(options.height_mm >= 10 && options.height_mm <= 5000))
    return fail(ErrorCode::Usage,
                fmt::format("expected a figure height of 10 to 5000 mm, came {}", options.height_mm));
  if (options.theme != "light" && options.theme != "dark")
    return fail(ErrorCode::Usage, fmt::format("expected the theme light or dark, came '{}'", options.theme));
  if (!qGuiApp) return fail(ErrorCode::Internal, "expected a running QGuiApplication to draw a figure, came none");
  return {};
}

engine::Result<QByteArray> png(const DisplayList& list, double dpi, const QString& title) {
  const double scale = dpi / 96;
  const double wide = std::ceil(list.width * scale), high = std::ceil(list.height * scale);
  if (wide * high > kMostPixels)
    return fail(
        ErrorCode::DoesNotFit,
        fmt::format("expected at most {:.0f} megapixels, came {:.0f}; choose a lower resolution or a vector format",
                    kMostPixels / 1e6, wide * high / 1e6));
  QImage image(static_cast<int>(wide), static_cast<int>(high), QImage::Format_ARGB32_Premultiplied);
  if (image.isNull())
    return fail(ErrorCode::DoesNotFit,
                fmt::format("expected memory for a {:.0f} x {:.0f} picture, came none", wide, high));
  image.fill(Qt::transparent);
  image.setDotsPerMeterX(static_cast<int>(std::lround(dpi / 0.0254)));
  image.setDotsPerMeterY(image.dotsPerMeterX());
  image.setText("Title", title);
  {
    QPainter painter(&image);
    painter.scale(scale, scale);
    FigurePainter().draw(painter, list);
  }
  QByteArray bytes;
  QBuffer buffer(&bytes);
  buffer.open(QIODevice::WriteOnly);
  if (!image.convertToFormat(QImage::Format_RGB888).save(&buffer, "PNG"))
    return fail(ErrorCode::Internal, "expected a PNG writer, came none");
  return bytes;
}

QByteArray pdf(const DisplayList& list, const QString& title) {
  QByteArray bytes;
  QBuffer buffer(&bytes);
  buffer.open(QIODevice::WriteOnly);
  QPdfWriter writer(&buffer);
  writer.setTitle(title);
  writer.setCreator("Vitrine");
  writer.setResolution(1200);
  const QSizeF size(list.width / kPixelsPerMm, list.height / kPixelsPerMm);
  writer.setPageSize(QPageSize(size, QPageSize::Millimeter, "figure", QPageSize::ExactMatch));
  writer.setPageMargins(QMarginsF(0, 0, 0, 0));
  QPainter painter(&writer);
  painter.scale(1200.0 / 96, 1200.0 / 96);
  FigurePainter(FigurePainter::Target::Vector).draw(painter, list);
  painter.end();
  return bytes;
}

}  // namespace

engine::Status write_atomically(const std::string& path, const char* bytes, std::size_t size) {
  QSaveFile file(QString::fromStdString(path));
  const auto count = static_cast<qint64>(size);
  if (!file.open(QIODevice::WriteOnly) || file.write(bytes, count) != count || !file.commit())
    return fail_file(ErrorCode::FileMissing, path,
                     fmt::format("expected to write the file, came: {}", file.errorString().toStdString()));
  return {};
}

DisplayList export_layout(const engine::Report& report, const ExportOptions& options) {
  FigureOptions figure = options.figure;
  figure.width = options.width_mm * kPixelsPerMm;
  figure.height = options.height_mm * kPixelsPerMm;
  figure.full_raster = true;
  return layout_figure(report, figure, builtin_style(options.theme, Medium::Print), qt_measure());
}

engine::Status export_figure(const engine::Report& report, const ExportOptions& options, const std::string& path) {
  const auto format = ending(path);
  if (format != "svg" && format != "pdf" && format != "png")
    return fail(ErrorCode::Usage, fmt::format("expected a figure file ending in svg, pdf or png, came '{}'", path));
  VITRINE_CHECK(check(options));
  const DisplayList list = export_layout(report, options);
  const QString title = QString::fromStdString(report.title);
  if (format == "svg") {
    const auto text = to_svg(
        list, {report.title, report.subtitle + (report.verified.how.empty() ? "" : " " + report.verified.how + ".")});
    return write_atomically(path, text.data(), text.size());
  }
  QByteArray bytes;
  if (format == "pdf") {
    bytes = pdf(list, title);
  } else {
    VITRINE_TRY(bytes, png(list, options.dpi, title));
  }
  return write_atomically(path, bytes.constData(), static_cast<std::size_t>(bytes.size()));
}

}  // namespace vitrine::views
