#pragma once

#include <string>
#include <vector>

#include <QWidget>

#include "app/window/library.h"

class QBoxLayout;
class QLabel;
class QListWidget;
class QVBoxLayout;

namespace vitrine::app {

/// What is seen while nothing is open: where to drop a model, the demos, the downloaded models and the recent ones.
class StartPage : public QWidget {
  Q_OBJECT
 public:
  explicit StartPage(QWidget* parent = nullptr);
  /// Reads the lists again.
  void refresh();

 signals:
  void open_asked(const QString& model);
  void file_dialog_asked();
  void folder_dialog_asked();

 protected:
  void paintEvent(QPaintEvent*) override;

 private:
  QListWidget* column(const QString& title, const QString& name, QBoxLayout* into, QLabel** empty);
  static void fill(QListWidget* list, QLabel* empty, const std::vector<LibraryModel>& models, const QString& if_none);

  QWidget* drop_ = nullptr;
  QListWidget *demos_ = nullptr, *downloads_ = nullptr, *recent_ = nullptr;
  QLabel *no_demos_ = nullptr, *no_downloads_ = nullptr, *no_recent_ = nullptr;
};

}  // namespace vitrine::app
