#pragma once

#include <vector>

#include <QSpinBox>

#include "views/panels/host.h"

namespace vitrine::views {

/// Chooses a head as "L.H". Arrows step through the heads, Page Up and Down through the layers.
class HeadSpin : public QSpinBox {
  Q_OBJECT
 public:
  explicit HeadSpin(QWidget* parent = nullptr);
  void set_heads(const std::vector<int>& heads_per_layer);
  void set_place(int layer, int head);   ///< without `chosen`
  [[nodiscard]] int layer() const;
  [[nodiscard]] int head() const;

 signals:
  void chosen(int layer, int head);

 protected:
  QString textFromValue(int value) const override;
  int valueFromText(const QString& text) const override;
  QValidator::State validate(QString& text, int& position) const override;
  void keyPressEvent(QKeyEvent* event) override;

 private:
  [[nodiscard]] std::pair<int, int> place(int flat) const;
  [[nodiscard]] int flat(int layer, int head) const;
  std::vector<int> heads_;
};

}  // namespace vitrine::views
