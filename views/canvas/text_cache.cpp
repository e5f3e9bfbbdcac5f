#include "views/canvas/text_cache.h"

#include <algorithm>
#include <cmath>

#include <QPainter>

namespace vitrine::views {

namespace {
constexpr int kPage = 1024;
constexpr std::size_t kPagesKept = 4;
constexpr int kPad = 2;

qreal digit_width(const QFontMetricsF& metrics) {
  qreal widest = 0;
  for (char16_t d = u'0'; d <= u'9'; ++d)
    widest = std::max(widest, metrics.horizontalAdvance(QChar(d)));
  return widest;
}

qreal tabular_width(const QFontMetricsF& metrics, qreal digit, const QString& text) {
  qreal width = 0;
  for (const QChar c : text) width += c.isDigit() ? digit : metrics.horizontalAdvance(c);
  return width;
}
}  // namespace

void TextCache::configure(const QString& family, float device_ratio) {
  if (family == family_ && device_ratio == ratio_) return;
  family_ = family;
  ratio_ = device_ratio;
  faces_.clear();
  pieces_.clear();
}

const TextCache::Face& TextCache::face(const TextStyle& style) const {
  const int pixels = std::max(1, static_cast<int>(std::lround(style.px * ratio_)));
  const int key = style.bold ? -pixels : pixels;
  if (const auto it = faces_.find(key); it != faces_.end()) return it->second;
  QFont font;
  font.setFamilies({family_, QStringLiteral("Inter"), QStringLiteral("DejaVu Sans")});
  font.setPixelSize(pixels);
  font.setWeight(style.bold ? QFont::DemiBold : QFont::Normal);
  font.setHintingPreference(QFont::PreferVerticalHinting);
  const QFontMetricsF metrics(font);
  return faces_.emplace(key, Face{font, metrics, digit_width(metrics)}).first->second;
}

QString TextCache::fitted(std::string_view utf8, const TextStyle& style) const {
  QString text = QString::fromUtf8(
      utf8.data(), static_cast<qsizetype>(std::min<std::size_t>(utf8.size(), 2048)));
  if (style.max_width > 0) {
    text = face(style).metrics.elidedText(text, Qt::ElideRight, style.max_width * ratio_);
  }
  return text;
}

ImVec2 TextCache::measure(std::string_view utf8, const TextStyle& style) const {
  const Face& own = face(style);
  const QString text = fitted(utf8, style);
  const qreal width = style.tabular ? tabular_width(own.metrics, own.digit, text)
                                    : own.metrics.horizontalAdvance(text);
  return {static_cast<float>(std::ceil(width)) / ratio_,
          static_cast<float>(std::ceil(own.metrics.height())) / ratio_};
}

QImage TextCache::rasterise(const QString& text, const TextStyle& style, ImVec2 size) const {
  const int width = std::clamp(static_cast<int>(std::ceil(size.x * ratio_)) + 2 * kPad, 1, kPage);
  const int height = std::clamp(static_cast<int>(std::ceil(size.y * ratio_)) + 2 * kPad, 1, kPage);
  QImage image(width, height, QImage::Format_ARGB32_Premultiplied);
  image.fill(Qt::transparent);
  QPainter painter(&image);
  const auto& [font, metrics, digit] = face(style);
  painter.setFont(font);
  painter.setPen(Qt::white);
  const qreal base = kPad + metrics.ascent();
  if (!style.tabular) {
    painter.drawText(QPointF(kPad, base), text);
  } else {
    qreal x = kPad;
    for (const QChar c : text) {
      const qreal own = metrics.horizontalAdvance(c);
      const qreal cell = c.isDigit() ? digit : own;
      painter.drawText(QPointF(x + (cell - own) / 2, base), QString(c));
      x += cell;
    }
  }
  painter.end();
  return image.convertToFormat(QImage::Format_Alpha8);
}

TextCache::Page& TextCache::page_for(int width, int height) {
  for (Page& page : pages_) {
    if (page.x + width > kPage || height > page.shelf_height) {
      const int next = page.shelf_y + page.shelf_height;
      if (next + height > kPage) continue;
      page.shelf_y = next;
      page.shelf_height = height;
      page.x = 0;
    }
    return page;
  }
  Page page{.texture = textures_.add_coverage(kPage, kPage)};
  page.shelf_height = height;
  pages_.push_back(page);
  return pages_.back();
}

const TextCache::Piece& TextCache::piece(std::string_view utf8, const TextStyle& style) {
  std::string key(utf8.substr(0, 2048));
  key += '\x1f';
  key += std::to_string(static_cast<int>(style.px * 16)) + (style.bold ? 'b' : 'r') +
         (style.tabular ? 't' : 'p') + std::to_string(static_cast<int>(style.max_width));
  if (const auto it = pieces_.find(key); it != pieces_.end()) return it->second;
  const QImage image = rasterise(fitted(utf8, style), style, measure(utf8, style));
  Page& page = page_for(image.width(), image.height());
  textures_.put_coverage(page.texture, page.x, page.shelf_y, image.width(), image.height(), image.constBits(), image.bytesPerLine());
  const auto uv = [](int x, int y) {
    return ImVec2(static_cast<float>(x) / kPage, static_cast<float>(y) / kPage);
  };
  Piece made{
      page.texture,
      {static_cast<float>(image.width()) / ratio_, static_cast<float>(image.height()) / ratio_},
      uv(page.x, page.shelf_y),
      uv(page.x + image.width(), page.shelf_y + image.height())};
  page.x += image.width();
  return pieces_.emplace(std::move(key), made).first->second;
}

void TextCache::draw(ImDrawList& list, ImVec2 at, std::string_view utf8, const TextStyle& style, ImU32 color) {
  if (utf8.empty()) return;
  const Piece& p = piece(utf8, style);
  const auto snap = [&](float v) { return std::round(v * ratio_) / ratio_; };
  const ImVec2 a(snap(at.x) - kPad / ratio_, snap(at.y) - kPad / ratio_);
  list.AddImage(reinterpret_cast<ImTextureID>(static_cast<std::uintptr_t>(p.texture)), a,
                {a.x + p.size.x, a.y + p.size.y}, p.uv0, p.uv1, color);
}

void TextCache::draw_up(ImDrawList& list, ImVec2 at, std::string_view utf8, const TextStyle& style, ImU32 color) {
  if (utf8.empty()) return;
  const Piece& p = piece(utf8, style);
  const auto snap = [&](float v) { return std::round(v * ratio_) / ratio_; };
  const ImVec2 a(snap(at.x) - kPad / ratio_, snap(at.y) + kPad / ratio_);
  const ImVec2 b(a.x + p.size.y, a.y - p.size.x);
  list.AddImageQuad(reinterpret_cast<ImTextureID>(static_cast<std::uintptr_t>(p.texture)),
                    {a.x, a.y}, {a.x, b.y}, {b.x, b.y}, {b.x, a.y}, {p.uv0.x, p.uv0.y},
                    {p.uv1.x, p.uv0.y}, {p.uv1.x, p.uv1.y}, {p.uv0.x, p.uv1.y}, color);
}

void TextCache::begin_frame() {
  if (pages_.size() <= kPagesKept) return;
  for (const Page& page : pages_) textures_.drop(page.texture);
  pages_.clear();
  pieces_.clear();
}

}  // namespace vitrine::views
