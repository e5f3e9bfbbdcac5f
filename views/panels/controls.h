#pragma once

#include <functional>

#include <QButtonGroup>
#include <QLabel>
#include <QLayout>
#include <QToolButton>
#include <QWidget>

class QHBoxLayout;
class QVBoxLayout;

namespace vitrine::views {

/// Exclusive choice of two to five short words, as one row of joined buttons. Left and right arrows move in it.
class Segmented : public QWidget {
  Q_OBJECT
 public:
  explicit Segmented(const QStringList& names, QWidget* parent = nullptr);
  [[nodiscard]] int current() const { return current_; }
  /// Without `chosen` being emitted.
  void set_current(int index);
  void set_choice_enabled(int index, bool enabled);
  [[nodiscard]] bool choice_enabled(int index) const;
  QSize sizeHint() const override;
  QSize minimumSizeHint() const override { return sizeHint(); }

 signals:
  void chosen(int index);

 protected:
  void paintEvent(QPaintEvent*) override;
  void mousePressEvent(QMouseEvent* event) override;
  void mouseMoveEvent(QMouseEvent* event) override;
  void leaveEvent(QEvent*) override;
  void keyPressEvent(QKeyEvent* event) override;

 private:
  [[nodiscard]] int index_at(int x) const;
  [[nodiscard]] QRect box(int index) const;
  void choose(int index);

  QStringList names_;
  QList<bool> enabled_;
  int current_ = 0, hovered_ = -1;
};

/// Lays items out in lines, left to right, as words in a paragraph.
class FlowLayout : public QLayout {
 public:
  explicit FlowLayout(QWidget* parent, int gap = 4) : QLayout(parent), gap_(gap) { setContentsMargins(0, 0, 0, 0); }
  ~FlowLayout() override;
  void addItem(QLayoutItem* item) override { items_.append(item); }
  int count() const override { return static_cast<int>(items_.size()); }
  QLayoutItem* itemAt(int index) const override { return items_.value(index); }
  QLayoutItem* takeAt(int index) override;
  Qt::Orientations expandingDirections() const override { return {}; }
  bool hasHeightForWidth() const override { return true; }
  int heightForWidth(int width) const override { return place(QRect(0, 0, width, 0), false); }
  QSize sizeHint() const override { return minimumSize(); }
  QSize minimumSize() const override;
  void setGeometry(const QRect& area) override;

 private:
  int place(const QRect& area, bool move) const;
  QList<QLayoutItem*> items_;
  int gap_;
};

/// One line of text that ends in an ellipsis where it does not fit; the whole is in the tool tip.
class ElidedLabel : public QWidget {
 public:
  explicit ElidedLabel(QWidget* parent = nullptr);
  void set_text(const QString& text);
  [[nodiscard]] const QString& text() const { return text_; }
  void set_muted(bool muted) { muted_ = muted, update(); }
  QSize sizeHint() const override;
  QSize minimumSizeHint() const override { return {0, sizeHint().height()}; }

 protected:
  void paintEvent(QPaintEvent*) override;

 private:
  QString text_;
  bool muted_ = true;
};

/// A muted caption that stands before a control; its accelerator (`&`) goes to `buddy`.
QLabel* caption(const QString& text, QWidget* buddy = nullptr);
/// A row that wraps when it is too narrow: every control of the panel's bar stands in one.
QWidget* control_bar(const QList<QWidget*>& controls);
/// A caption and its control, kept together in one cell of a `control_bar`.
QWidget* labelled(const QString& text, QWidget* control);
/// A flat button with an icon of panels.qrc that follows the theme.
QToolButton* icon_button(const QString& icon, const QString& tip, QWidget* parent);
/// A button that is on or off, with a tip that says what for.
QToolButton* toggle_button(const QString& text, const QString& name, const QString& tip);
/// The themed variant of an icon.
QIcon themed_icon(const QString& icon, const QPalette& palette);
/// Title of a part of a panel.
QLabel* heading(const QString& text);
/// A column without margins and with the grid's spacing.
QVBoxLayout* column_of(QWidget* owner);
/// Text in the muted colour, wrapped.
QLabel* hint(const QString& text);

}  // namespace vitrine::views
