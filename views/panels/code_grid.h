#pragma once

#include <memory>

#include <QTableView>

#include "engine/report/report.h"
#include "views/panels/host.h"

namespace vitrine::views {

class CodeGridModel;

/// Codebooks x tokens, each cell the number of the code that fires there. Equal codes of a codebook have equal tints;
/// the selected code is marked everywhere it fires. Arrow keys move.
class CodeGrid : public QTableView {
  Q_OBJECT
 public:
  explicit CodeGrid(QWidget* parent = nullptr);
  /// @param report  arrays[0] [codebook, token] of code numbers, NaN where none fires; null empties
  void set_report(std::shared_ptr<const engine::Report> report);
  /// Marks a code and a token; without `chosen`.
  void set_selection(int codebook, int code, int token);
  [[nodiscard]] int code_at(int codebook, int token) const;   ///< -1 outside

 signals:
  void chosen(int codebook, int code, int token);

 protected:
  void currentChanged(const QModelIndex& current, const QModelIndex& previous) override;
  void resizeEvent(QResizeEvent* event) override;

 private:
  void fit_columns();
  CodeGridModel* model_;
  bool quiet_ = false;
};

}  // namespace vitrine::views
