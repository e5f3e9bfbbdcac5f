#include "views/panels/samples.h"

#include <QFile>
#include <QFileInfo>
#include <QRegularExpression>

namespace vitrine::views {

namespace {

QString word(const nlohmann::json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? QString::fromStdString(found->get<std::string>()) : QString();
}

QStringList words(const nlohmann::json& object, const char* key) {
  QStringList list;
  if (const auto found = object.find(key); found != object.end() && found->is_array())
    for (const auto& item : *found)
      if (item.is_string()) list << QString::fromStdString(item.get<std::string>());
  return list;
}

bool made_for(const QStringList& globs, const QString& model) {
  for (const QString& glob : globs)
    if (QRegularExpression(QRegularExpression::wildcardToRegularExpression(glob)).match(model).hasMatch()) return true;
  return false;
}

/// Empties what the model cannot take; false if nothing is left.
bool fit(SampleInput& sample, const ModelState& model) {
  if (!model.takes_image) {
    if (!sample.image.isEmpty()) return false;
  } else if (sample.image.isEmpty()) {
    return model.takes_text && !model.takes_both && !sample.text.isEmpty();
  } else {
    if (!model.takes_both) sample.captions.clear();
    return true;
  }
  if (!model.takes_pair && !sample.text_pair.isEmpty()) return false;
  return model.takes_text && !sample.text.isEmpty();
}

}  // namespace

std::vector<SampleInput> samples_for(const ModelState& model, const std::filesystem::path& folder) {
  QFile file(QString::fromStdString((folder / "samples.json").string()));
  if (!file.open(QIODevice::ReadOnly) || file.size() > (1 << 20)) return {};
  const nlohmann::json root = nlohmann::json::parse(file.readAll().toStdString(), nullptr, false);
  const auto list = root.is_object() ? root.find("samples") : root.end();
  if (!root.is_object() || list == root.end() || !list->is_array()) return {};
  const QString name = QString::fromStdString(model.name);
  std::vector<SampleInput> own, general;
  for (const auto& entry : *list) {
    if (!entry.is_object()) continue;
    SampleInput sample{word(entry, "title"), word(entry, "text"), word(entry, "text_pair"), {}, words(entry, "captions")};
    if (const QString image = word(entry, "image"); !image.isEmpty())
      sample.image = QString::fromStdString((folder / image.toStdString()).string());
    const QStringList globs = words(entry, "models");
    if ((!globs.isEmpty() && !made_for(globs, name)) || !fit(sample, model)) continue;
    if (!sample.image.isEmpty() && !QFileInfo::exists(sample.image)) continue;
    (globs.isEmpty() ? general : own).push_back(std::move(sample));
  }
  own.insert(own.end(), general.begin(), general.end());
  return own;
}

}  // namespace vitrine::views
