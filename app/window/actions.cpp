#include "app/window/actions.h"

#include <utility>

namespace vitrine::app {

QAction* ActionTable::add(const QString& id, const QString& group, const QString& text, const QKeySequence& shortcut,
                          std::function<void()> act) {
  auto* action = new QAction(text, window_);
  action->setObjectName(id);
  if (!shortcut.isEmpty()) action->setShortcut(shortcut);
  QObject::connect(action, &QAction::triggered, window_, [act = std::move(act)] { act(); });
  window_->addAction(action);
  rows_.push_back({id, group, action});
  return action;
}

QAction* ActionTable::find(const QString& id) const {
  for (const auto& row : rows_)
    if (row.id == id) return row.action;
  return nullptr;
}

QString plain_text(const QAction& action) {
  QString text = action.text();
  text.remove(QLatin1Char('&'));
  while (text.endsWith(QChar(0x2026))) text.chop(1);
  return text;
}

}  // namespace vitrine::app
