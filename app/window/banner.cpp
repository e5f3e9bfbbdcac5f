#include "app/window/banner.h"

#include <QApplication>
#include <QHBoxLayout>
#include <QLabel>
#include <QPushButton>
#include <QToolButton>

#include "app/window/icons.h"
#include "views/panels/style.h"

namespace vitrine::app {

Banner::Banner(QWidget* parent) : QFrame(parent) {
  setObjectName(QStringLiteral("banner"));
  auto* row = new QHBoxLayout(this);
  row->setContentsMargins(12, 4, 6, 4);
  row->setSpacing(8);
  mark_ = new QLabel;
  text_ = new QLabel;
  text_->setWordWrap(true);
  text_->setTextFormat(Qt::PlainText);   // words of a file are words
  text_->setTextInteractionFlags(Qt::TextSelectableByMouse);
  text_->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Preferred);
  button_ = new QPushButton;
  close_ = new QToolButton;
  close_->setAutoRaise(true);
  close_->setToolTip(QStringLiteral("Dismiss (Esc)"));
  close_->setAccessibleName(QStringLiteral("Dismiss the message"));
  row->addWidget(mark_);
  row->addWidget(text_, 1);
  row->addWidget(button_);
  row->addWidget(close_);
  connect(close_, &QToolButton::clicked, this, &Banner::dismiss);
  connect(button_, &QPushButton::clicked, this, [this] {
    dismiss();
    emit accepted();
  });
  hide();
}

void Banner::retheme() {
  // The application's: a banner that was never shown still has the palette it was made with.
  const views::Shades s = views::shades(QApplication::palette());
  const QColor tone = kind_ == Kind::Error ? s.bad : kind_ == Kind::Note ? s.warn : s.accent;
  mark_->setPixmap(window_icon(kind_ == Kind::Offer ? QStringLiteral("clock") : QStringLiteral("warning"), tone).pixmap(18, 18));
  close_->setIcon(window_icon(QStringLiteral("close"), s.muted));
  setStyleSheet(QStringLiteral("#banner { background: %1; border: none; border-left: 3px solid %2; border-bottom: 1px solid %3; }")
                    .arg(s.base.name(), tone.name(), s.line.name()));
}

/// What a file says of itself may be as long as the file: the middle of a long text is left out on the screen.
void Banner::show_text(const QString& sentence) {
  constexpr qsizetype kHead = 480, kTail = 160;
  sentence_ = sentence;
  text_->setText(sentence.size() <= kHead + kTail ? sentence : sentence.left(kHead) + QStringLiteral(" … ") + sentence.right(kTail));
}

void Banner::show_error(const QString& sentence) {
  kind_ = Kind::Error;
  old_ = false;
  show_text(sentence);
  button_->hide();
  retheme();
  show();
}

void Banner::show_note(const QString& sentence) {
  show_error(sentence);
  kind_ = Kind::Note;
  retheme();
}

void Banner::settle() {
  if (kind_ == Kind::Error && old_) dismiss();
}

void Banner::show_offer(const QString& sentence, const QString& button) {
  kind_ = Kind::Offer;
  show_text(sentence);
  button_->setText(button);
  button_->show();
  retheme();
  show();
}

void Banner::dismiss() {
  hide();
  show_text({});
}

QString Banner::sentence() const { return isHidden() ? QString() : sentence_; }

}  // namespace vitrine::app
