#include "views/figure/svg.h"

#include <cmath>
#include <iterator>

#include <QBuffer>
#include <QString>

#include <fmt/format.h>

#include "views/figure/painter.h"

namespace vitrine::views {
namespace {

std::string num(double v) {
  auto text = fmt::format("{:.3f}", v);
  while (text.back() == '0') text.pop_back();
  if (text.back() == '.') text.pop_back();
  return text == "-0" ? "0" : text;
}

bool finite(std::initializer_list<double> values) {
  for (const double v : values)
    if (!std::isfinite(v)) return false;
  return true;
}

bool finite(const Box& b) { return finite({b.x, b.y, b.w, b.h}); }

/// XML 1.0 allows no control characters, no lone surrogates, no U+FFFE and U+FFFF; broken UTF-8 becomes U+FFFD.
std::string escaped(const std::string& utf8) {
  QString clean;
  for (const QChar c : QString::fromStdString(utf8)) {
    const auto u = c.unicode();
    if ((u < 0x20 && u != '\t' && u != '\n') || u == 0xFFFE || u == 0xFFFF) clean += QChar(0xFFFD);
    else clean += c;
  }
  return clean.toHtmlEscaped().toStdString();
}

std::string opacity(const char* name, Color c) {
  return c.a == 255 ? std::string() : fmt::format(" {}=\"{}\"", name, num(c.a / 255.0));
}

std::string fill_of(Color c) {
  return c.a == 0 ? " fill=\"none\"" : fmt::format(" fill=\"{}\"{}", hex(c), opacity("fill-opacity", c));
}

std::string stroke_of(Color c, double width) {
  if (c.a == 0 || width <= 0) return {};
  return fmt::format(" stroke=\"{}\" stroke-width=\"{}\"{}", hex(c), num(width), opacity("stroke-opacity", c));
}

std::string embedded_png(const QImage& image) {
  QByteArray bytes;
  QBuffer buffer(&bytes);
  buffer.open(QIODevice::WriteOnly);
  image.save(&buffer, "PNG");
  return bytes.toBase64().toStdString();
}

class Writer {
 public:
  explicit Writer(bool embed_cells) : embed_cells_(embed_cells) {}

  void add(const Item& item) {
    std::visit([this](const auto& one) { write(one); }, item);
  }
  [[nodiscard]] std::string take() {
    while (open_-- > 0) body_ += "</g>\n";
    return std::move(body_);
  }

 private:
  void write(const RectItem& r) {
    const bool stroked = r.stroke.a > 0 && r.stroke_width > 0;
    if ((r.fill.a == 0 && !stroked) || !finite(r.box)) return;
    const auto paint = fill_of(r.fill) + stroke_of(r.stroke, r.stroke_width);
    if (r.radius > 0 && r.box.w == r.box.h && r.radius >= r.box.w / 2) {
      out("<circle cx=\"{}\" cy=\"{}\" r=\"{}\"{}/>\n", num(r.box.center().x), num(r.box.center().y), num(r.box.w / 2),
          paint);
      return;
    }
    const auto round = r.radius > 0 ? fmt::format(" rx=\"{}\"", num(r.radius)) : "";
    out("<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"{}{}/>\n", num(r.box.x), num(r.box.y), num(r.box.w),
        num(r.box.h), round, paint);
  }

  void write(const PathItem& p) {
    std::string points;
    for (const auto& q : p.points) {
      if (!finite({q.x, q.y})) continue;
      points += fmt::format("{}{},{}", points.empty() ? "" : " ", num(q.x), num(q.y));
    }
    if (p.points.size() < 2 || points.empty()) return;
    out("<{} points=\"{}\"{}{}{}/>\n", p.closed ? "polygon" : "polyline", points, fill_of(p.fill),
        stroke_of(p.stroke, p.width), p.dashed ? " stroke-dasharray=\"4 3\"" : "");
  }

  void write(const TextItem& t) {
    if (!finite({t.at.x, t.at.y, t.angle, t.font.size})) return;
    static constexpr const char* kAnchor[] = {"", " text-anchor=\"middle\"", " text-anchor=\"end\""};
    const auto turn =
        t.angle == 0 ? "" : fmt::format(" transform=\"rotate({} {} {})\"", num(t.angle), num(t.at.x), num(t.at.y));
    const auto classes = fmt::format("{}{}{}", t.font.face == Font::Face::Mono ? "m" : "s", t.font.tabular ? " t" : "",
                                     t.font.bold ? " b" : "");
    const bool spaced = t.text.find("  ") != std::string::npos || t.text.starts_with(' ');
    out("<text x=\"{}\" y=\"{}\" class=\"{}\" font-size=\"{}\"{}{}{}{}>{}</text>\n", num(t.at.x), num(t.at.y), classes,
        num(t.font.size), fill_of(t.color), kAnchor[static_cast<int>(t.anchor)], turn,
        spaced ? " xml:space=\"preserve\"" : "", escaped(t.text));
  }

  void write(const ImageItem& i) {
    if (i.raster && finite(i.box)) image(i.box, to_image(*i.raster), i.smooth);
  }

  void write(const CellsItem& c) {
    if (!c.raster || !finite(c.box) || c.raster->width <= 0 || c.raster->height <= 0) return;
    if (embed_cells_) return image(c.box, enlarged(to_image(*c.raster), c.box, 4), false);
    const double w = c.box.w / c.raster->width, h = c.box.h / c.raster->height;
    body_ += "<g shape-rendering=\"crispEdges\">\n";
    for (int r = 0; r < c.raster->height; ++r)
      for (int k = 0; k < c.raster->width; ++k) {
        const Color fill = c.raster->pixels[static_cast<std::size_t>(r) * static_cast<std::size_t>(c.raster->width) +
                                            static_cast<std::size_t>(k)];
        out("<rect class=\"cell\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"{}/>\n", num(c.box.x + k * w),
            num(c.box.y + r * h), num(w - c.gap), num(h - c.gap), fill_of(fill));
      }
    body_ += "</g>\n";
  }

  void write(const ClipBegin& c) {
    const int id = ++clips_;
    out("<clipPath id=\"clip{}\"><rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/></clipPath>\n<g "
        "clip-path=\"url(#clip{})\">\n",
        id, num(c.box.x), num(c.box.y), num(c.box.w), num(c.box.h), id);
    ++open_;
  }

  void write(const ClipEnd&) {
    if (open_ <= 0) return;
    body_ += "</g>\n";
    --open_;
  }

  void image(const Box& box, const QImage& picture, bool smooth) {
    if (picture.isNull()) return;
    out("<image x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" preserveAspectRatio=\"none\"{} "
        "xlink:href=\"data:image/png;base64,{}\"/>\n",
        num(box.x), num(box.y), num(box.w), num(box.h), smooth ? "" : " style=\"image-rendering:pixelated\"",
        embedded_png(picture));
  }

  template <class... Args>
  void out(fmt::format_string<Args...> form, Args&&... args) {
    fmt::format_to(std::back_inserter(body_), form, std::forward<Args>(args)...);
  }

  const bool embed_cells_;
  std::string body_;
  int clips_ = 0, open_ = 0;
};

std::int64_t cell_count(const DisplayList& list) {
  std::int64_t count = 0;
  for (const auto& item : list.items)
    if (const auto* c = std::get_if<CellsItem>(&item); c && c->raster)
      count += std::int64_t{c->raster->width} * c->raster->height;
  return count;
}

}  // namespace

std::string to_svg(const DisplayList& list, const SvgOptions& options) {
  const std::int64_t cells = cell_count(list);
  const bool embed = cells > options.most_cells;
  Writer writer(embed);
  for (const auto& item : list.items) writer.add(item);
  const auto body = writer.take();
  const double mm = 25.4 / 96;
  auto svg = fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" version=\"1.1\" "
      "width=\"{}mm\" height=\"{}mm\" viewBox=\"0 0 {} {}\">\n",
      num(list.width * mm), num(list.height * mm), num(list.width), num(list.height));
  svg += fmt::format("<title>{}</title>\n<desc>{}{}</desc>\n", escaped(options.title), escaped(options.description),
                     embed ? fmt::format(" The {} cells are embedded as an image.", cells) : "");
  svg +=
      "<style>\n.s{font-family:Inter,'DejaVu Sans',Helvetica,Arial,sans-serif}\n"
      ".m{font-family:'JetBrains Mono','DejaVu Sans Mono',Menlo,Consolas,monospace}\n"
      ".b{font-weight:600}\n.t{font-variant-numeric:tabular-nums;font-feature-settings:'tnum'}\n</style>\n";
  if (list.background.a > 0)
    svg += fmt::format("<rect class=\"background\" width=\"{}\" height=\"{}\"{}/>\n", num(list.width),
                       num(list.height), fill_of(list.background));
  return svg + body + "</svg>\n";
}

}  // namespace vitrine::views
