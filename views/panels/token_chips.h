#pragma once

#include <vector>

#include <QScrollArea>

#include "engine/report/report.h"

namespace vitrine::views {

class ChipField;

/// Tokens as chips in reading order; special tokens are muted. Arrow keys move, a click selects.
class TokenChips : public QScrollArea {
  Q_OBJECT
 public:
  explicit TokenChips(QWidget* parent = nullptr);
  void set_tokens(const std::vector<engine::TokenLabel>& tokens);
  [[nodiscard]] const std::vector<engine::TokenLabel>& tokens() const;
  /// -1: none. Without `chosen`.
  void set_current(int token);
  [[nodiscard]] int current() const;
  /// One value in 0..1 per token as background, or empty.
  void set_strengths(const std::vector<float>& strengths);
  [[nodiscard]] QRect chip_box(int token) const;   ///< in the coordinates of `widget()`
  QSize sizeHint() const override;
  QSize minimumSizeHint() const override { return {80, 34}; }

 signals:
  void chosen(int token);

 protected:
  void resizeEvent(QResizeEvent* event) override;

 private:
  void fit_rows();
  ChipField* field_;
};

/// What stands on a chip: the text with spaces, line ends and tabs made visible.
[[nodiscard]] QString chip_text(const engine::TokenLabel& token);

}  // namespace vitrine::views
