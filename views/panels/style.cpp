#include "views/panels/style.h"

#include <cmath>

#include <QApplication>
#include <QFontDatabase>
#include <QFontMetricsF>
#include <QKeyEvent>
#include <QLocale>
#include <QPainter>
#include <QProxyStyle>
#include <QRegularExpression>
#include <QStyleFactory>
#include <QWidget>

/// Outside of any namespace, as Qt asks: a static library's icons are linked only if somebody names them.
static void load_resources() { Q_INIT_RESOURCE(panels); }

namespace vitrine::views {

namespace {

QColor mix(const QColor& a, const QColor& b, qreal share) {
  return QColor::fromRgbF(a.redF() + (b.redF() - a.redF()) * share, a.greenF() + (b.greenF() - a.greenF()) * share,
                          a.blueF() + (b.blueF() - a.blueF()) * share);
}

QString css(const QColor& colour) { return colour.name(QColor::HexRgb); }

bool alt_held = false;

/// Fusion, with letters underlined only while Alt is held.
class QuietStyle : public QProxyStyle {
 public:
  QuietStyle() : QProxyStyle(QStyleFactory::create("Fusion")) {}
  int styleHint(StyleHint hint, const QStyleOption* option, const QWidget* widget, QStyleHintReturn* data) const override {
    if (hint == SH_UnderlineShortcut) return alt_held ? 1 : 0;
    if (hint == SH_DialogButtonBox_ButtonsHaveIcons) return 0;
    return QProxyStyle::styleHint(hint, option, widget, data);
  }
};

/// Draws buttons and labels again when Alt goes down or up.
class AltWatch : public QObject {
 public:
  using QObject::QObject;
  bool eventFilter(QObject*, QEvent* event) override {
    const QEvent::Type type = event->type();
    const bool key = type == QEvent::KeyPress || type == QEvent::KeyRelease;
    const bool alt = key && static_cast<QKeyEvent*>(event)->key() == Qt::Key_Alt;
    if (!alt && type != QEvent::ApplicationDeactivate) return false;
    if (const bool held = type == QEvent::KeyPress; held != alt_held) {
      alt_held = held;
      for (QWidget* widget : QApplication::allWidgets())
        if (widget->isVisible()) widget->update();
    }
    return false;
  }
};

constexpr const char* kSheet = R"(
QToolTip { background: @raised; color: @text; border: 1px solid @line; padding: 4px 6px; }
QLineEdit, QPlainTextEdit, QTextEdit, QSpinBox, QDoubleSpinBox, QComboBox {
  background: @base; color: @text; border: 1px solid @line; border-radius: 4px; padding: 2px 6px;
  selection-background-color: @accent; selection-color: @on_accent; }
QLineEdit, QSpinBox, QDoubleSpinBox, QComboBox { min-height: 20px; }
QLineEdit:focus, QPlainTextEdit:focus, QTextEdit:focus, QSpinBox:focus, QDoubleSpinBox:focus, QComboBox:focus {
  border: 1px solid @accent; }
QLineEdit:disabled, QSpinBox:disabled, QDoubleSpinBox:disabled, QComboBox:disabled { color: @faint; background: @window; }
QComboBox::drop-down { border: none; width: 18px; }
QComboBox::down-arrow { image: url(:/panels/chevron_@theme.svg); width: 10px; height: 10px; }
QComboBox QAbstractItemView { background: @raised; border: 1px solid @line; outline: none; padding: 4px;
  selection-background-color: @soft; selection-color: @text; }
QSpinBox::up-button, QDoubleSpinBox::up-button, QSpinBox::down-button, QDoubleSpinBox::down-button {
  border: none; width: 16px; background: transparent; }
QSpinBox::up-button, QDoubleSpinBox::up-button { subcontrol-position: top right; margin: 1px 1px 0 0; }
QSpinBox::down-button, QDoubleSpinBox::down-button { subcontrol-position: bottom right; margin: 0 1px 1px 0; }
QSpinBox::up-arrow, QDoubleSpinBox::up-arrow { image: url(:/panels/up_@theme.svg); width: 8px; height: 8px; }
QSpinBox::down-arrow, QDoubleSpinBox::down-arrow { image: url(:/panels/chevron_@theme.svg); width: 8px; height: 8px; }
QPushButton { background: @raised; color: @text; border: 1px solid @line; border-radius: 4px; padding: 2px 12px;
  min-height: 20px; }
QPushButton:hover { border-color: @muted; }
QPushButton:pressed { background: @soft; }
QPushButton:focus { border-color: @accent; }
QPushButton:disabled { color: @faint; background: @window; }
QPushButton[primary="true"] { background: @accent; color: @on_accent; border-color: @accent; }
QPushButton[primary="true"]:hover { background: @accent_hover; }
QPushButton[primary="true"]:disabled { background: @window; color: @faint; border-color: @line; }
QPushButton::menu-indicator { image: url(:/panels/chevron_@theme.svg); width: 8px; height: 8px;
  subcontrol-origin: padding; subcontrol-position: right center; right: 6px; }
QPushButton[menu="true"] { padding-right: 22px; }
QToolButton { background: transparent; color: @text; border: 1px solid transparent; border-radius: 4px; padding: 2px 6px; }
QToolButton:hover { background: @raised; border-color: @line; }
QToolButton:checked { background: @soft; border-color: @soft; }
QToolButton:focus { border-color: @accent; }
QToolButton:disabled { color: @faint; }
QToolButton[toggle="true"] { background: @base; border: 1px solid @line; padding: 2px 10px; }
QToolButton[toggle="true"]:hover { border-color: @muted; }
QToolButton[toggle="true"]:checked { background: @soft; border-color: @accent; }
QToolButton[toggle="true"]:focus { border-color: @accent; }
QToolButton[toggle="true"]:disabled { background: @window; color: @faint; border-color: @line; }
QToolButton::menu-indicator { image: none; }
QToolButton[drops="true"] { background: @base; border: 1px solid @line; padding: 2px 22px 2px 10px; }
QToolButton[drops="true"]:hover { border-color: @muted; }
QToolButton[drops="true"]::menu-indicator { image: url(:/panels/chevron_@theme.svg); width: 8px; height: 8px;
  subcontrol-origin: padding; subcontrol-position: right center; right: 7px; }
QCheckBox, QRadioButton { spacing: 6px; color: @text; }
QCheckBox:disabled { color: @faint; }
QCheckBox::indicator, QTreeView::indicator { width: 14px; height: 14px; border: 1px solid @muted; border-radius: 3px;
  background: @base; }
QCheckBox::indicator:checked, QTreeView::indicator:checked { background: @accent; border-color: @accent;
  image: url(:/panels/check_@theme.svg); }
QTreeView::indicator:indeterminate { background: @base; border-color: @accent; image: url(:/panels/dash_@theme.svg); }
QCheckBox::indicator:focus { border-color: @accent; }
QCheckBox::indicator:disabled, QTreeView::indicator:disabled { border-color: @line; background: @window; }
QHeaderView { background: @window; }
QHeaderView::section { background: @window; color: @muted; border: none; border-bottom: 1px solid @line;
  padding: 3px 6px; }
QTableView, QTreeView, QListView { background: @base; alternate-background-color: @base; color: @text; border: 1px solid @line;
  border-radius: 4px; gridline-color: @line; outline: none; selection-background-color: @soft; selection-color: @text; }
QTableView:focus, QTreeView:focus, QListView:focus { border-color: @accent; }
QTreeView::item { min-height: 22px; }
QTreeView::branch { background: @base; }
QTreeView::branch:has-children:closed { image: url(:/panels/right_@theme.svg); }
QTreeView::branch:has-children:open { image: url(:/panels/chevron_@theme.svg); }
QListView::item { padding: 3px 6px; background: transparent; border: none; }
QListView::item:hover { background: @raised; }
QTreeView::item:selected, QListView::item:selected { background: @soft; color: @text; }
QTableCornerButton::section { background: @window; border: none; border-bottom: 1px solid @line; }
QScrollArea { background: transparent; border: none; }
QSplitter::handle { background: @window; }
QSplitter::handle:hover { background: @soft; }
QScrollBar:vertical { background: transparent; width: 10px; margin: 0; }
QScrollBar:horizontal { background: transparent; height: 10px; margin: 0; }
QScrollBar::handle { background: @line; border-radius: 4px; min-height: 24px; min-width: 24px; margin: 1px; }
QScrollBar::handle:hover { background: @muted; }
QScrollBar::add-line, QScrollBar::sub-line, QScrollBar::add-page, QScrollBar::sub-page { background: none; border: none;
  width: 0; height: 0; }
QSlider::groove:horizontal { height: 4px; background: @line; border-radius: 2px; }
QSlider::sub-page:horizontal { background: @accent; border-radius: 2px; }
QSlider::handle:horizontal { background: @text; width: 14px; height: 14px; margin: -5px 0; border-radius: 7px; }
QSlider::add-page:horizontal { background: @line; border-radius: 2px; }
QSlider::handle:horizontal:hover, QSlider::handle:horizontal:focus { background: @accent; }
QSlider::handle:horizontal:disabled { background: @faint; }
QMenu { background: @raised; color: @text; border: 1px solid @line; padding: 4px; }
QMenu::item { padding: 4px 24px 4px 12px; border-radius: 3px; }
QMenu::item:selected { background: @soft; }
QMenu::item:disabled { color: @faint; }
QMenu::separator { height: 1px; background: @line; margin: 4px 8px; }
)";

}  // namespace

Shades shades(const QPalette& palette) {
  Shades s;
  s.window = palette.color(QPalette::Window);
  s.base = palette.color(QPalette::Base);
  s.raised = palette.color(QPalette::Button);
  s.text = palette.color(QPalette::WindowText);
  s.muted = palette.color(QPalette::PlaceholderText);
  s.line = palette.color(QPalette::Mid);
  s.faint = mix(s.muted, s.window, 0.4);
  s.accent = palette.color(QPalette::Highlight);
  s.on_accent = palette.color(QPalette::HighlightedText);
  s.dark = s.window.lightnessF() < 0.5;
  s.good = s.dark ? QColor(0x6c, 0xc0, 0x8b) : QColor(0x1d, 0x7f, 0x4a);
  s.warn = s.dark ? QColor(0xe0, 0xb0, 0x5c) : QColor(0x9a, 0x68, 0x00);
  s.bad = s.dark ? QColor(0xec, 0x83, 0x77) : QColor(0xb8, 0x36, 0x2b);
  return s;
}

Shades shades(const QWidget& widget) { return shades(widget.palette()); }

QPalette theme_palette(bool dark) {
  const auto pick = [dark](const char* if_dark, const char* if_light) { return QColor(dark ? if_dark : if_light); };
  QPalette p;
  p.setColor(QPalette::Window, pick("#1d1f22", "#f3f4f5"));
  p.setColor(QPalette::Base, pick("#15171a", "#ffffff"));
  p.setColor(QPalette::AlternateBase, pick("#1a1c1f", "#f8f9fa"));
  p.setColor(QPalette::Button, pick("#2a2d31", "#fcfcfd"));
  p.setColor(QPalette::Mid, pick("#383c42", "#d3d6da"));
  p.setColor(QPalette::Dark, pick("#101214", "#b4b8bd"));
  p.setColor(QPalette::Light, pick("#44494f", "#ffffff"));
  for (auto role : {QPalette::WindowText, QPalette::Text, QPalette::ButtonText, QPalette::ToolTipText})
    p.setColor(role, pick("#e4e6e9", "#1b1e22"));
  p.setColor(QPalette::PlaceholderText, pick("#989ea6", "#626973"));
  p.setColor(QPalette::ToolTipBase, pick("#2a2d31", "#ffffff"));
  p.setColor(QPalette::Highlight, pick("#5b9bf0", "#1f6fd0"));
  p.setColor(QPalette::HighlightedText, pick("#0c1420", "#ffffff"));
  p.setColor(QPalette::Link, pick("#5b9bf0", "#1f6fd0"));
  for (auto role : {QPalette::WindowText, QPalette::Text, QPalette::ButtonText})
    p.setColor(QPalette::Disabled, role, pick("#666c74", "#a2a8b0"));
  return p;
}

QString theme_sheet(const QPalette& palette) {
  const Shades s = shades(palette);
  QString sheet = kSheet;
  sheet.replace("@theme", s.dark ? "dark" : "light");
  sheet.replace("@accent_hover", css(mix(s.accent, s.dark ? Qt::white : Qt::black, 0.12)));
  sheet.replace("@on_accent", css(s.on_accent));
  sheet.replace("@accent", css(s.accent));
  sheet.replace("@soft", css(mix(s.base, s.accent, s.dark ? 0.28 : 0.16)));
  sheet.replace("@window", css(s.window));
  sheet.replace("@raised", css(s.raised));
  sheet.replace("@base", css(s.base));
  sheet.replace("@line", css(s.line));
  sheet.replace("@muted", css(s.muted));
  sheet.replace("@faint", css(s.faint));
  sheet.replace("@text", css(s.text));
  return sheet;
}

void apply_theme(QApplication& application, bool dark) {
  ::load_resources();
  if (!application.property("quiet_style").toBool()) {
    application.setProperty("quiet_style", true);
    application.setStyle(new QuietStyle);
    application.installEventFilter(new AltWatch(&application));
  }
  QFont font(QFontDatabase::hasFamily("Inter") ? "Inter" : QFontDatabase::systemFont(QFontDatabase::GeneralFont).family());
  font.setPixelSize(13);
  application.setFont(font);
  application.setFont(font, "QDockWidgetTitle");
  application.setPalette(theme_palette(dark));
  application.setStyleSheet(theme_sheet(application.palette()));
}

QString number_text(double value, int digits) {
  if (std::isnan(value)) return QStringLiteral("–");
  if (std::isinf(value)) return value > 0 ? QStringLiteral("∞") : QStringLiteral("−∞");
  const QLocale english(QLocale::English);
  QString text;
  if (value == std::rint(value) && std::abs(value) < 1e15) {
    text = english.toString(static_cast<qlonglong>(value));
  } else {
    const double size = std::abs(value);
    const int before = size >= 1 ? static_cast<int>(std::floor(std::log10(size))) + 1 : 0;
    if (size < 1e-4 || before > 15) {
      // As on the axes of figures: e-5, not e-05.
      static const QRegularExpression padded(QStringLiteral("e([-+])0+(?=[0-9])"));
      text = QString::number(value, 'e', std::max(0, digits - 1)).replace(padded, QStringLiteral("e\\1"));
    } else if (size < 1) {
      text = QString::number(value, 'f', digits);
    } else {
      text = english.toString(value, 'f', std::max(0, digits - before));
    }
  }
  return text.replace(QLatin1Char('-'), QChar(0x2212));
}

QString quantity_text(double value, const QString& unit, int digits) {
  if (std::isnan(value)) return QStringLiteral("–");
  if (unit == "bytes" || unit == "B") {
    const char* names[] = {"B", "kB", "MB", "GB", "TB"};
    int step = 0;
    while (std::abs(value) >= 1000 && step < 4) value /= 1000, ++step;
    return number_text(value, 3) + QChar(0x202f) + names[step];
  }
  if (unit == "share" || unit == "fraction")
    return QString::number(value * 100, 'f', std::max(0, digits - 2)).replace(QLatin1Char('-'), QChar(0x2212)) + QStringLiteral("\u202f%");
  if (unit.isEmpty() || unit == "probability" || unit == "parameters" || unit == "count") return number_text(value, digits);
  return number_text(value, digits) + QChar(0x202f) + unit;
}

QString change_text(double value, const QString& unit, int digits) {
  if (std::isnan(value)) return QStringLiteral("–");
  const QString text = quantity_text(std::abs(value), unit, digits);
  if (value == 0) return QStringLiteral("±0");
  return (value > 0 ? QStringLiteral("+") : QStringLiteral("−")) + text;
}

qreal tabular_width(const QFont& font, const QString& text) {
  const QFontMetricsF metrics(font);
  const qreal zero = metrics.horizontalAdvance(QLatin1Char('0'));
  qreal width = 0;
  for (const QChar c : text) width += c.isDigit() ? zero : metrics.horizontalAdvance(c);
  return width;
}

void draw_tabular(QPainter& painter, const QRectF& box, const QString& text, Qt::Alignment alignment) {
  const QFontMetricsF metrics(painter.font());
  const qreal zero = metrics.horizontalAdvance(QLatin1Char('0'));
  const qreal width = tabular_width(painter.font(), text);
  qreal x = box.left();
  if (alignment & Qt::AlignRight) x = box.right() - width;
  if (alignment & Qt::AlignHCenter) x = box.center().x() - width / 2;
  const qreal y = box.center().y() + (metrics.ascent() - metrics.descent()) / 2;
  for (const QChar c : text) {
    const qreal own = metrics.horizontalAdvance(c);
    const qreal cell = c.isDigit() ? zero : own;
    painter.drawText(QPointF(x + (cell - own) / 2, y), QString(c));
    x += cell;
  }
}

QFont code_font(const QFont& like) {
  QFont font = like;
  font.setFamily(QFontDatabase::hasFamily("JetBrains Mono")
                     ? "JetBrains Mono"
                     : QFontDatabase::systemFont(QFontDatabase::FixedFont).family());
  return font;
}

}  // namespace vitrine::views
