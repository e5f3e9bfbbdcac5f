#pragma once

#include <QFrame>
#include <QString>

class QLabel;
class QPushButton;
class QToolButton;

namespace vitrine::app {

/// One sentence above the panels: an error, or an offer with one button. Never modal; Escape or the cross takes it away.
class Banner : public QFrame {
  Q_OBJECT
 public:
  explicit Banner(QWidget* parent = nullptr);
  void show_error(const QString& sentence);
  /// Something a person must know although all went well: it stays while an input is prepared.
  void show_note(const QString& sentence);
  /// @param button what the offer is called; pressing it emits `accepted`
  void show_offer(const QString& sentence, const QString& button);
  void dismiss();
  /// Somebody acts: the next `settle` may be about what is shown now.
  void acted() { old_ = true; }
  /// Takes an error away that is older than the last act, once what was wrong is over; notes and offers stay.
  void settle();
  [[nodiscard]] QString sentence() const;
  void retheme();

 signals:
  void accepted();

 private:
  enum class Kind { Error, Note, Offer } kind_ = Kind::Error;
  void show_text(const QString& sentence);

  bool old_ = false;
  QString sentence_;
  QLabel* mark_;
  QLabel* text_;
  QPushButton* button_;
  QToolButton* close_;
};

}  // namespace vitrine::app
