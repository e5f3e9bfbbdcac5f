#include "app/window/start_page.h"

#include <QApplication>
#include <QBoxLayout>
#include <QDir>
#include <QLabel>
#include <QListWidget>
#include <QPainter>
#include <QPushButton>
#include <QStyledItemDelegate>

#include "app/window/icons.h"
#include "views/panels/style.h"

namespace vitrine::app {

namespace {

constexpr int kModelRole = Qt::UserRole + 1;
constexpr int kDetailRole = Qt::UserRole + 2;

/// Two lines: what it is called, and what it is.
class ModelDelegate : public QStyledItemDelegate {
 public:
  using QStyledItemDelegate::QStyledItemDelegate;
  QSize sizeHint(const QStyleOptionViewItem&, const QModelIndex&) const override { return {200, 50}; }
  void paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const override {
    const views::Shades s = views::shades(QApplication::palette());
    painter->save();
    painter->setRenderHint(QPainter::Antialiasing);
    const bool hot = option.state & (QStyle::State_MouseOver | QStyle::State_Selected);
    if (hot) {
      QColor fill = s.accent;
      fill.setAlpha(s.dark ? 48 : 28);
      painter->setBrush(fill);
      painter->setPen(Qt::NoPen);
      painter->drawRoundedRect(QRectF(option.rect).adjusted(0, 1, 0, -1), 5, 5);
    }
    const QRect box = option.rect.adjusted(10, 6, -10, -6);
    painter->setPen(s.text);
    painter->drawText(box, Qt::AlignTop | Qt::AlignLeft,
                      option.fontMetrics.elidedText(index.data(Qt::DisplayRole).toString(), Qt::ElideRight, box.width()));
    QFont small = option.font;
    small.setPixelSize(12);
    painter->setFont(small);
    painter->setPen(s.muted);
    painter->drawText(box, Qt::AlignBottom | Qt::AlignLeft,
                      QFontMetrics(small).elidedText(index.data(kDetailRole).toString(), Qt::ElideMiddle, box.width()));
    painter->restore();
  }
};

/// The dashed field; dropping works anywhere in the window, this says so.
class DropField : public QWidget {
 public:
  using QWidget::QWidget;

 protected:
  void paintEvent(QPaintEvent*) override {
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    const views::Shades s = views::shades(*this);
    painter.setPen(QPen(s.line, 1.5, Qt::DashLine));
    painter.setBrush(s.base);
    painter.drawRoundedRect(QRectF(rect()).adjusted(1, 1, -1, -1), 8, 8);
  }
};

/// With ~ for the home folder, as a person writes it.
QString short_path(const std::string& path) {
  const QString text = QString::fromStdString(path), home = QDir::homePath();
  return text.startsWith(home + QLatin1Char('/')) ? QLatin1Char('~') + text.mid(home.size()) : text;
}

QWidget* drop_field(StartPage* page) {
  auto* field = new DropField;
  auto* row = new QHBoxLayout(field);
  row->setContentsMargins(24, 20, 24, 20);
  row->setSpacing(16);
  auto* words = new QLabel(QStringLiteral("<b>Drop a model here</b><br>A folder, or a .safetensors, .gguf or .onnx file; "
                                          "also a session, a text or a picture"));
  words->setTextFormat(Qt::RichText);
  row->addWidget(words, 1);
  auto* file = new QPushButton(QStringLiteral("Open &file…"));
  auto* folder = new QPushButton(QStringLiteral("Open f&older…"));
  row->addWidget(file);
  row->addWidget(folder);
  QObject::connect(file, &QPushButton::clicked, page, &StartPage::file_dialog_asked);
  QObject::connect(folder, &QPushButton::clicked, page, &StartPage::folder_dialog_asked);
  return field;
}

}  // namespace

StartPage::StartPage(QWidget* parent) : QWidget(parent) {
  setObjectName(QStringLiteral("start_page"));
  auto* middle = new QVBoxLayout;
  middle->setSpacing(8);
  auto* title = new QLabel(QStringLiteral("Vitrine"));
  QFont large = title->font();
  large.setPixelSize(28);
  large.setWeight(QFont::DemiBold);
  title->setFont(large);
  title->setStyleSheet(QStringLiteral("font-size: 28px; font-weight: 600;"));
  auto* line = new QLabel(QStringLiteral("Open a transformer and a text or a picture, and look inside while it works."));
  line->setForegroundRole(QPalette::PlaceholderText);
  middle->addWidget(title);
  middle->addWidget(line);
  middle->addSpacing(16);
  middle->addWidget(drop_ = drop_field(this));
  middle->addSpacing(16);
  auto* columns = new QHBoxLayout;
  columns->setSpacing(32);
  demos_ = column(QStringLiteral("Demo models"), QStringLiteral("demos"), columns, &no_demos_);
  downloads_ = column(QStringLiteral("Downloaded models"), QStringLiteral("downloads"), columns, &no_downloads_);
  recent_ = column(QStringLiteral("Recent"), QStringLiteral("recent"), columns, &no_recent_);
  middle->addLayout(columns, 1);
  auto* body = new QWidget;
  body->setLayout(middle);
  body->setMaximumWidth(1120);
  auto* page = new QHBoxLayout(this);
  page->setContentsMargins(40, 48, 40, 32);
  page->addStretch(1);
  page->addWidget(body, 100);
  page->addStretch(1);
  refresh();
}

QListWidget* StartPage::column(const QString& title, const QString& name, QBoxLayout* into, QLabel** empty) {
  auto* stack = new QVBoxLayout;
  stack->setSpacing(4);
  auto* head = new QLabel(title);
  head->setForegroundRole(QPalette::PlaceholderText);
  head->setContentsMargins(10, 0, 0, 4);
  auto* list = new QListWidget;
  list->setObjectName(name);
  list->setAccessibleName(title);
  list->setItemDelegate(new ModelDelegate(list));
  list->setMouseTracking(true);
  list->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  list->setSizeAdjustPolicy(QAbstractScrollArea::AdjustToContents);
  *empty = new QLabel;
  (*empty)->setWordWrap(true);
  (*empty)->setForegroundRole(QPalette::PlaceholderText);
  (*empty)->setContentsMargins(10, 6, 10, 0);
  stack->addWidget(head);
  stack->addWidget(*empty);
  stack->addWidget(list, 1);
  stack->addStretch();
  into->addLayout(stack, 1);
  const auto open = [this](const QListWidgetItem* item) { emit open_asked(item->data(kModelRole).toString()); };
  connect(list, &QListWidget::itemClicked, this, open);
  connect(list, &QListWidget::itemActivated, this, open);
  return list;
}

void StartPage::fill(QListWidget* list, QLabel* empty, const std::vector<LibraryModel>& models, const QString& if_none) {
  list->clear();
  for (const auto& model : models) {
    auto* item = new QListWidgetItem(model.title, list);
    item->setData(kModelRole, QString::fromStdString(model.model));
    item->setData(kDetailRole, model.detail);
    item->setToolTip(QString::fromStdString(model.model));
  }
  empty->setText(if_none);
  empty->setVisible(models.empty());
  list->setVisible(!models.empty());
}

void StartPage::refresh() {
  fill(demos_, no_demos_, demo_models(), QStringLiteral("None installed: the folder resources/models was not found."));
  fill(downloads_, no_downloads_, downloaded_models(),
       QStringLiteral("None yet. installer/run.sh --models fetches three; any model in %1 appears here.")
           .arg(short_path((data_folder() / "models").string())));
  fill(recent_, no_recent_, recent_models(), QStringLiteral("What you open appears here."));
}

void StartPage::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  painter.fillRect(rect(), views::shades(*this).window);
}

}  // namespace vitrine::app
