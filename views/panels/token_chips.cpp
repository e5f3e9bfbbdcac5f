#include "views/panels/token_chips.h"

#include <QKeyEvent>
#include <QMouseEvent>
#include <QPainter>
#include <QToolTip>

#include "views/panels/style.h"

namespace vitrine::views {

namespace {
constexpr int kChipHeight = 24;
constexpr int kGap = 4;
}  // namespace

QString chip_text(const engine::TokenLabel& token) {
  QString text = QString::fromStdString(token.text);
  text.replace(QLatin1Char('\n'), QChar(0x21b5)).replace(QLatin1Char('\t'), QChar(0x21e5));
  if (text.startsWith(QLatin1Char(' '))) text = QChar(0x00b7) + text.mid(1);
  return text.isEmpty() ? QStringLiteral("∅") : text;
}

/// Places all chips once per width and paints only the visible ones, so that ten thousand tokens scroll freely.
class ChipField : public QWidget {
 public:
  explicit ChipField(TokenChips* owner) : owner_(owner) {
    setMouseTracking(true);
    setFocusPolicy(Qt::StrongFocus);
  }

  void place(int width) {
    boxes_.clear();
    int x = 0, y = 2;
    for (const auto& token : tokens_) {
      const int chip = std::min(width - 4, fontMetrics().horizontalAdvance(chip_text(token)) + 14);
      if (x > 0 && x + chip > width) x = 0, y += kChipHeight + kGap;
      boxes_.emplace_back(x, y, chip, kChipHeight);
      x += chip + kGap;
    }
    setFixedSize(width, tokens_.empty() ? 0 : y + kChipHeight + 2);
    update();
  }

  int at(const QPoint& point) const {
    for (std::size_t i = 0; i < boxes_.size(); ++i)
      if (boxes_[i].contains(point)) return static_cast<int>(i);
    return -1;
  }

  std::vector<engine::TokenLabel> tokens_;
  std::vector<float> strengths_;
  std::vector<QRect> boxes_;
  int current_ = -1, hovered_ = -1;

 protected:
  void paintEvent(QPaintEvent* event) override {
    const Shades s = shades(*this);
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    for (std::size_t i = 0; i < boxes_.size(); ++i)
      if (boxes_[i].intersects(event->rect())) paint_chip(painter, s, i);
  }

  void paint_chip(QPainter& painter, const Shades& s, std::size_t i) const {
    const bool current = static_cast<int>(i) == current_;
    const bool special = tokens_[i].special;
    const QRectF box = QRectF(boxes_[i]).adjusted(0.5, 0.5, -0.5, -0.5);
    QColor fill = special ? s.window : s.raised;
    if (i < strengths_.size()) {
      QColor tint = s.accent;
      tint.setAlphaF(0.05 + 0.6 * std::clamp(strengths_[i], 0.0f, 1.0f));
      painter.setPen(Qt::NoPen);
      painter.setBrush(fill);
      painter.drawRoundedRect(box, 4, 4);
      fill = tint;
    }
    if (current) fill = s.accent;
    painter.setBrush(fill);
    QPen border(static_cast<int>(i) == hovered_ ? s.muted : s.line, 1, special ? Qt::DotLine : Qt::SolidLine);
    if (current) border = QPen(hasFocus() ? s.text : s.accent, hasFocus() ? 2 : 1);
    painter.setPen(border);
    painter.drawRoundedRect(box, 4, 4);
    painter.setPen(current ? s.on_accent : special ? s.muted : s.text);
    painter.drawText(box, Qt::AlignCenter,
                     fontMetrics().elidedText(chip_text(tokens_[i]), Qt::ElideMiddle, static_cast<int>(box.width()) - 6));
  }

  void mousePressEvent(QMouseEvent* event) override { choose(at(event->pos())); }

  void mouseMoveEvent(QMouseEvent* event) override {
    const int token = at(event->pos());
    if (token == hovered_) return;
    hovered_ = token;
    update();
    if (token < 0) return QToolTip::hideText();
    const auto& label = tokens_[static_cast<std::size_t>(token)];
    QToolTip::showText(event->globalPosition().toPoint(),
                       QObject::tr("token %1 · id %2%3").arg(token).arg(label.id).arg(label.special ? " · special" : ""),
                       this, boxes_[static_cast<std::size_t>(token)]);
  }

  void leaveEvent(QEvent*) override {
    hovered_ = -1;
    update();
  }

  void keyPressEvent(QKeyEvent* event) override {
    const int last = static_cast<int>(boxes_.size()) - 1;
    if (last < 0) return QWidget::keyPressEvent(event);
    switch (event->key()) {
      case Qt::Key_Left: return choose(std::max(0, current_ - 1));
      case Qt::Key_Right: return choose(std::min(last, current_ + 1));
      case Qt::Key_Home: return choose(0);
      case Qt::Key_End: return choose(last);
      case Qt::Key_Up: return choose_line(-1);
      case Qt::Key_Down: return choose_line(1);
      default: QWidget::keyPressEvent(event);
    }
  }

 private:
  void choose_line(int step) {
    if (current_ < 0) return choose(0);
    const QRect& box = boxes_[static_cast<std::size_t>(current_)];
    const int y = box.center().y() + step * (kChipHeight + kGap);
    int best = -1;
    for (std::size_t i = 0; i < boxes_.size(); ++i) {
      if (boxes_[i].top() > y || boxes_[i].bottom() < y) continue;
      if (best < 0 || std::abs(boxes_[i].center().x() - box.center().x()) <
                          std::abs(boxes_[static_cast<std::size_t>(best)].center().x() - box.center().x()))
        best = static_cast<int>(i);
    }
    if (best >= 0) choose(best);
  }

  void choose(int token) {
    if (token < 0) return;
    owner_->set_current(token);
    emit owner_->chosen(token);
  }

  TokenChips* owner_;
};

TokenChips::TokenChips(QWidget* parent) : QScrollArea(parent), field_(new ChipField(this)) {
  setWidget(field_);
  setFrameShape(QFrame::NoFrame);
  setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  setFocusProxy(field_);
  viewport()->setAutoFillBackground(false);
  field_->setAutoFillBackground(false);
  setAccessibleName(tr("Tokens"));
}

void TokenChips::set_tokens(const std::vector<engine::TokenLabel>& tokens) {
  field_->tokens_ = tokens;
  field_->strengths_.clear();
  if (field_->current_ >= static_cast<int>(tokens.size())) field_->current_ = -1;
  fit_rows();
}

/// Never half a row of chips where two rows are enough.
void TokenChips::fit_rows() {
  field_->place(viewport()->width());
  const int rows = (field_->height() + kGap) / (kChipHeight + kGap);
  setMinimumHeight(std::min(rows, 2) * (kChipHeight + kGap) + 2);
  updateGeometry();
}

QSize TokenChips::sizeHint() const { return {240, std::clamp(field_->height() + 2, 34, 3 * (kChipHeight + kGap) + 2)}; }

const std::vector<engine::TokenLabel>& TokenChips::tokens() const { return field_->tokens_; }

void TokenChips::set_current(int token) {
  field_->current_ = token;
  if (const QRect box = chip_box(token); !box.isNull()) ensureVisible(box.center().x(), box.center().y(), 0, kChipHeight);
  field_->update();
}

int TokenChips::current() const { return field_->current_; }

void TokenChips::set_strengths(const std::vector<float>& strengths) {
  field_->strengths_ = strengths;
  field_->update();
}

QRect TokenChips::chip_box(int token) const {
  return token >= 0 && token < static_cast<int>(field_->boxes_.size()) ? field_->boxes_[static_cast<std::size_t>(token)]
                                                                       : QRect();
}

void TokenChips::resizeEvent(QResizeEvent* event) {
  QScrollArea::resizeEvent(event);
  fit_rows();
}

}  // namespace vitrine::views
