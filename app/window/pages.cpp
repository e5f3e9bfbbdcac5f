#include "app/window/pages.h"

#include <algorithm>
#include <map>

#include <QCheckBox>
#include <QComboBox>
#include <QDialogButtonBox>
#include <QFormLayout>
#include <QGridLayout>
#include <QHeaderView>
#include <QImage>
#include <QLabel>
#include <QScrollArea>
#include <QSettings>
#include <QSpinBox>
#include <QTableWidget>
#include <QVBoxLayout>

#include "app/window/icons.h"
#include "app/window/status_strip.h"
#include "engine/core/version.h"
#include "views/panels/controls.h"
#include "views/panels/form.h"
#include "views/panels/looks.h"
#include "views/panels/style.h"

namespace vitrine::app {

namespace {

QVBoxLayout* page(QDialog* dialog, const QString& title, int width, int height) {
  dialog->setWindowTitle(title);
  dialog->resize(width, height);
  auto* column = new QVBoxLayout(dialog);
  column->setContentsMargins(16, 16, 16, 12);
  column->setSpacing(10);
  return column;
}

void close_button(QDialog* dialog, QVBoxLayout* column) {
  auto* buttons = new QDialogButtonBox(QDialogButtonBox::Close);
  QObject::connect(buttons, &QDialogButtonBox::rejected, dialog, &QDialog::reject);
  column->addWidget(buttons);
}

/// The map from low to high, as it lies in the list.
QIcon swatch(const QString& map) {
  const views::ColorTable table = views::color_table(map.toStdString());
  QImage strip(256, 1, QImage::Format_RGB32);
  for (int x = 0; x < 256; ++x) {
    const auto& rgb = table[static_cast<std::size_t>(x)];
    strip.setPixel(x, 0, qRgb(rgb[0], rgb[1], rgb[2]));
  }
  return QPixmap::fromImage(strip.scaled(96, 12));
}

/// "analysis a", "analysis b", "architecture c" as "2 analyses, 1 architecture".
QString counted(const std::vector<std::string>& provides) {
  std::map<QString, int> kinds;
  for (const auto& what : provides) ++kinds[QString::fromStdString(what).section(QLatin1Char(' '), 0, 0)];
  QStringList out;
  for (const auto& [kind, count] : kinds) {
    QString plural = kind;
    if (count > 1) plural = kind.endsWith(QLatin1String("sis")) ? kind.chopped(2) + QStringLiteral("es") : kind + QLatin1Char('s');
    out << QStringLiteral("%1 %2").arg(count).arg(plural);
  }
  return out.join(QStringLiteral(", "));
}

QString joined(const std::vector<std::string>& words) {
  QStringList out;
  for (const auto& word : words) out << QString::fromStdString(word);
  return out.join(QStringLiteral(", "));
}

}  // namespace

PluginPage::PluginPage(const std::vector<engine::PluginStatus>& plugins, QWidget* parent) : QDialog(parent) {
  auto* column = page(this, QStringLiteral("Plugins"), 860, 460);
  column->addWidget(views::hint(
      QStringLiteral("A plugin that fails costs only itself. Folders: beside the program, $VITRINE_PLUGINS, and the user's data folder.")));
  auto* table = new QTableWidget(static_cast<int>(plugins.size()), 4);
  table->setObjectName(QStringLiteral("plugin_table"));
  table->setHorizontalHeaderLabels({QStringLiteral("Plugin"), QStringLiteral("Version"), QStringLiteral("State"), QStringLiteral("Adds")});
  table->verticalHeader()->hide();
  table->setEditTriggers(QAbstractItemView::NoEditTriggers);
  table->setSelectionBehavior(QAbstractItemView::SelectRows);
  table->setShowGrid(false);
  table->setStyleSheet(QStringLiteral("QTableView::item { padding: 2px 6px; }"));
  table->setWordWrap(true);
  const views::Shades s = views::shades(*this);
  for (int row = 0; row < static_cast<int>(plugins.size()); ++row) {
    const auto& plugin = plugins[static_cast<std::size_t>(row)];
    const std::string name = !plugin.name.empty() ? plugin.name : !plugin.id.empty() ? plugin.id : plugin.folder.filename().string();
    QString state = plugin.active ? QStringLiteral("Active") : QString::fromStdString(plugin.message);
    for (const auto& warning : plugin.warnings) state += QStringLiteral("\n") + QString::fromStdString(warning);
    const QString cells[] = {QString::fromStdString(name), QString::fromStdString(plugin.version), state, counted(plugin.provides)};
    const QString tips[] = {QString::fromStdString(plugin.folder.string()), cells[1], state, joined(plugin.provides)};
    for (int i = 0; i < 4; ++i) {
      auto* item = new QTableWidgetItem(cells[i]);
      item->setTextAlignment(Qt::AlignLeft | Qt::AlignVCenter);
      item->setToolTip(tips[i]);
      if (i == 2) item->setForeground(plugin.active ? s.good : s.bad);
      table->setItem(row, i, item);
    }
  }
  table->horizontalHeader()->setStretchLastSection(true);
  table->horizontalHeader()->setDefaultAlignment(Qt::AlignLeft | Qt::AlignVCenter);
  table->horizontalHeader()->setHighlightSections(false);
  table->setColumnWidth(0, 190);
  table->setColumnWidth(1, 70);
  table->setColumnWidth(2, 260);
  table->resizeRowsToContents();
  column->addWidget(table, 1);
  if (plugins.empty()) column->addWidget(views::hint(QStringLiteral("No plugin folder was found.")));
  close_button(this, column);
}

ShortcutSheet::ShortcutSheet(const ActionTable& actions, QWidget* parent) : QDialog(parent) {
  auto* column = page(this, QStringLiteral("Keyboard"), 760, 640);
  auto* body = new QWidget;
  auto* columns = new QHBoxLayout(body);
  columns->setContentsMargins(0, 0, 0, 0);
  columns->setSpacing(32);
  QStringList groups;
  for (const auto& row : actions.rows())
    if (!row.action->shortcut().isEmpty() && !groups.contains(row.group)) groups << row.group;
  QVBoxLayout* sides[2] = {new QVBoxLayout, new QVBoxLayout};
  int filled[2] = {0, 0};
  for (const QString& group : groups) {
    const int side = filled[0] <= filled[1] ? 0 : 1;
    QLabel* head = views::heading(group);
    sides[side]->addWidget(head);
    auto* lines = new QGridLayout;
    lines->setContentsMargins(0, 0, 0, 14);
    lines->setHorizontalSpacing(24);
    lines->setVerticalSpacing(3);
    lines->setColumnStretch(1, 1);
    for (const auto& row : actions.rows()) {
      if (row.group != group || row.action->shortcut().isEmpty()) continue;
      auto* keys = new QLabel(row.action->shortcut().toString(QKeySequence::NativeText));
      keys->setFont(views::code_font(keys->font()));
      keys->setMinimumWidth(120);
      const int line = lines->rowCount();
      lines->addWidget(keys, line, 0);
      lines->addWidget(new QLabel(plain_text(*row.action)), line, 1);
      ++filled[side];
    }
    filled[side] += 2;
    sides[side]->addLayout(lines);
  }
  for (auto* side : sides) {
    side->setSpacing(2);
    side->addStretch(1);
    columns->addLayout(side, 1);
  }
  auto* scroll = new QScrollArea;
  scroll->setWidget(body);
  scroll->setWidgetResizable(true);
  column->addWidget(scroll, 1);
  column->addWidget(views::hint(QStringLiteral("Tab and arrow keys move inside a panel. In the journal: Return goes to a step, "
                                               "B names it, C puts it beside.")));
  close_button(this, column);
}

Settings Settings::load() {
  const QSettings kept;
  Settings out;
  out.dark = kept.value(QStringLiteral("dark"), out.dark).toBool();
  out.color_map = kept.value(QStringLiteral("color_map"), out.color_map).toString();
  out.threads = kept.value(QStringLiteral("threads"), out.threads).toInt();
  out.autosave = kept.value(QStringLiteral("autosave"), out.autosave).toBool();
  out.samples = kept.value(QStringLiteral("samples"), out.samples).toBool();
  return out;
}

void Settings::save() const {
  QSettings kept;
  kept.setValue(QStringLiteral("dark"), dark);
  kept.setValue(QStringLiteral("color_map"), color_map);
  kept.setValue(QStringLiteral("threads"), threads);
  kept.setValue(QStringLiteral("autosave"), autosave);
  kept.setValue(QStringLiteral("samples"), samples);
}

SettingsPage::SettingsPage(const Settings& settings, QWidget* parent) : QDialog(parent), settings_(settings) {
  auto* column = page(this, QStringLiteral("Settings"), 460, 250);
  auto* form = new QFormLayout;
  form->setHorizontalSpacing(24);
  form->setVerticalSpacing(10);
  const auto announce = [this] {
    settings_.save();
    emit changed(settings_);
  };
  auto* theme = new views::Segmented({QStringLiteral("Dark"), QStringLiteral("Light")});
  theme->set_current(settings_.dark ? 0 : 1);
  connect(theme, &views::Segmented::chosen, this, [this, announce](int index) {
    settings_.dark = index == 0;
    announce();
  });
  form->addRow(QStringLiteral("Theme"), theme);
  auto* maps = new QComboBox;
  maps->setObjectName(QStringLiteral("color_map"));
  maps->setIconSize({96, 12});
  for (const QString& name : views::sequential_maps()) maps->addItem(swatch(name), views::spoken(name.toStdString()), name);
  maps->setCurrentIndex(std::max(0, maps->findData(settings_.color_map)));
  connect(maps, &QComboBox::currentIndexChanged, this, [this, announce, maps] {
    settings_.color_map = maps->currentData().toString();
    announce();
  });
  form->addRow(QStringLiteral("Colour map"), maps);
  auto* threads = new QSpinBox;
  threads->setRange(0, 256);
  threads->setSpecialValueText(QStringLiteral("all"));
  threads->setValue(settings_.threads);
  connect(threads, &QSpinBox::valueChanged, this, [this, announce](int value) {
    settings_.threads = value;
    announce();
  });
  form->addRow(QStringLiteral("Threads that compute"), threads);
  const auto check = [&](const QString& text, bool Settings::*member) {
    auto* box = new QCheckBox(text);
    box->setChecked(settings_.*member);
    connect(box, &QCheckBox::toggled, this, [this, announce, member](bool on) {
      settings_.*member = on;
      announce();
    });
    form->addRow(box);
  };
  check(QStringLiteral("Write every act to a file, to continue after a crash (from the next start)"), &Settings::autosave);
  check(QStringLiteral("Start a model that is opened without an input with a sample"), &Settings::samples);
  column->addLayout(form);
  column->addStretch();
  close_button(this, column);
}

AboutPage::AboutPage(QWidget* parent) : QDialog(parent) {
  auto* column = page(this, QStringLiteral("About Vitrine"), 420, 240);
  auto* row = new QHBoxLayout;
  auto* picture = new QLabel;
  picture->setPixmap(program_icon().pixmap(64, 64));
  row->addWidget(picture, 0, Qt::AlignTop);
  auto* words = new QLabel(QStringLiteral("<b>Vitrine %1</b><br>A desktop laboratory for looking inside transformers.<br><br>"
                                          "Build: %2<br>%3<br><br>Licence: Apache-2.0")
                               .arg(QString::fromStdString(engine::version()).toHtmlEscaped(),
                                    QString::fromStdString(engine::build_id()).toHtmlEscaped(), device_text().toHtmlEscaped()));
  words->setWordWrap(true);
  words->setTextInteractionFlags(Qt::TextSelectableByMouse);
  row->addWidget(words, 1);
  column->addLayout(row);
  column->addStretch();
  close_button(this, column);
}

}  // namespace vitrine::app
