#include "views/figure/fonts.h"

#include <algorithm>
#include <cmath>
#include <map>

#include <QFontDatabase>
#include <QFontMetricsF>

namespace vitrine::views {
namespace {

QString first_installed(std::initializer_list<const char*> names, QFontDatabase::SystemFont otherwise) {
  for (const char* name : names)
    if (QFontDatabase::hasFamily(name)) return name;
  return QFontDatabase::systemFont(otherwise).family();
}

struct Metrics {
  SizedFont sized;
  QFontMetricsF metrics;
  qreal digit = 0;   ///< advance of the widest digit
};

const Metrics& metrics(const Font& font) {
  struct Key {
    double size;
    bool bold;
    Font::Face face;
    auto operator<=>(const Key&) const = default;
  };
  thread_local std::map<Key, Metrics> cache;
  const Key key{font.size, font.bold, font.face};
  if (const auto found = cache.find(key); found != cache.end()) return found->second;
  if (cache.size() > 200) cache.clear();
  const auto sized = sized_font(font);
  Metrics entry{sized, QFontMetricsF(sized.font), 0};
  for (char c = '0'; c <= '9'; ++c) entry.digit = std::max(entry.digit, entry.metrics.horizontalAdvance(QChar(c)));
  return cache.emplace(key, std::move(entry)).first->second;
}

bool ascii_digit(QChar c) { return c >= QChar('0') && c <= QChar('9'); }

/// Calls `piece(text, width, inset)` for each digit and each run between digits.
template <class Piece>
void split_at_digits(const QString& text, const Metrics& m, Piece piece) {
  qsizetype from = 0;
  while (from < text.size()) {
    qsizetype to = from + 1;
    const bool digit = ascii_digit(text[from]);
    while (!digit && to < text.size() && !ascii_digit(text[to])) ++to;
    const QString part = text.mid(from, to - from);
    const qreal width = m.metrics.horizontalAdvance(part);
    piece(part, digit ? m.digit : width, digit ? (m.digit - width) / 2 : 0);
    from = to;
  }
}

bool wants_columns(const QString& text, const Font& font) {
  return font.tabular && font.face == Font::Face::Sans && std::any_of(text.begin(), text.end(), ascii_digit);
}

}  // namespace

QString family(Font::Face face) {
  static const QString sans = first_installed({"Inter", "DejaVu Sans"}, QFontDatabase::GeneralFont);
  static const QString mono = first_installed({"JetBrains Mono", "DejaVu Sans Mono"}, QFontDatabase::FixedFont);
  return face == Font::Face::Sans ? sans : mono;
}

SizedFont sized_font(const Font& font) {
  const int pixels = std::max(1, static_cast<int>(std::lround(font.size)));
  QFont out(family(font.face));
  out.setPixelSize(pixels);
  out.setWeight(font.bold ? QFont::DemiBold : QFont::Normal);
  out.setHintingPreference(QFont::PreferNoHinting);
  return {out, font.size / pixels};
}

double run_width(std::string_view utf8, const Font& font) {
  const auto& m = metrics(font);
  const auto text = QString::fromUtf8(utf8.data(), static_cast<qsizetype>(utf8.size()));
  if (!wants_columns(text, font)) return m.metrics.horizontalAdvance(text) * m.sized.scale;
  qreal sum = 0;
  split_at_digits(text, m, [&](const QString&, qreal width, qreal) { sum += width; });
  return sum * m.sized.scale;
}

MeasureText qt_measure() {
  return [](std::string_view text, const Font& font) { return run_width(text, font); };
}

void draw_run(QPainter& painter, const QString& text, const Font& font) {
  const auto& m = metrics(font);
  painter.setFont(m.sized.font);
  const bool scaled = std::abs(m.sized.scale - 1) > 1e-6;
  if (scaled) {
    painter.save();
    painter.scale(m.sized.scale, m.sized.scale);
  }
  if (wants_columns(text, font)) {
    qreal x = 0;
    split_at_digits(text, m, [&](const QString& part, qreal width, qreal inset) {
      painter.drawText(QPointF(x + inset, 0), part);
      x += width;
    });
  } else {
    painter.drawText(QPointF(0, 0), text);
  }
  if (scaled) painter.restore();
}

}  // namespace vitrine::views
