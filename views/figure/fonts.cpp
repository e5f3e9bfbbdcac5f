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
  qreal digit = 0;  ///< advance of the widest digit
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

/// Signs that Inter replaces by a variant next to digits and capitals. Qt writes such a variant into a PDF without its
/// character, so that it cannot be found or copied; drawn alone, the sign stays itself.
bool contextual(QChar c) { return QStringView(u":()[]{}-+*/<>=|@\\").contains(c); }

/// Calls `piece(text, width, inset)` for each part that is shaped on its own: signs, digits of a tabular font, and the
/// runs between them. Text from right to left is one part.
template <class Piece>
void for_parts(const QString& text, const Font& font, const Metrics& m, Piece piece) {
  const bool columns = font.tabular && font.face == Font::Face::Sans;
  const auto alone = [&](QChar c) { return contextual(c) || (columns && ascii_digit(c)); };
  if (text.isRightToLeft() || std::none_of(text.begin(), text.end(), alone)) {
    piece(text, m.metrics.horizontalAdvance(text), 0.0);
    return;
  }
  for (qsizetype from = 0, to = 0; from < text.size(); from = to) {
    to = from + 1;
    const bool single = alone(text[from]);
    while (!single && to < text.size() && !alone(text[to])) ++to;
    const QString part = text.mid(from, to - from);
    const qreal width = m.metrics.horizontalAdvance(part);
    const bool digit = columns && ascii_digit(text[from]);
    piece(part, digit ? m.digit : width, digit ? (m.digit - width) / 2 : 0.0);
  }
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
  qreal sum = 0;
  for_parts(text, font, m, [&](const QString&, qreal width, qreal) { sum += width; });
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
  qreal x = 0;
  for_parts(text, font, m, [&](const QString& part, qreal width, qreal inset) {
    painter.drawText(QPointF(x + inset, 0), part);
    x += width;
  });
  if (scaled) painter.restore();
}

}  // namespace vitrine::views
