#include "command_line.h"

#include <cmath>

#include <QProcess>
#include <QRegularExpression>
#include <QTest>

namespace vitrine::test {

namespace {

constexpr int kPatienceMs = 240'000;

/// What one unit of the shown number is worth in the exact one.
double worth(const QString& unit) {
  if (unit == QLatin1String("%")) return 0.01;
  if (unit == QLatin1String("kB")) return 1e3;
  if (unit == QLatin1String("MB")) return 1e6;
  if (unit == QLatin1String("GB")) return 1e9;
  return 1;
}

double number_in(const nlohmann::json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number() ? found->get<double>() : std::nan("");
}

const nlohmann::json* find_metric(const nlohmann::json& report, const std::string& name) {
  const auto list = report.find("metrics");
  if (list == report.end()) return nullptr;
  for (const auto& entry : *list)
    if (entry.value("name", "") == name) return &entry;
  return nullptr;
}

}  // namespace

nlohmann::json command_line(const QStringList& words, QString* problem) {
  QProcess program;
  program.start(QStringLiteral(VITRINE_PROGRAM), words + QStringList{QStringLiteral("--json")});
  const bool ended = program.waitForFinished(kPatienceMs);
  auto answer = nlohmann::json::parse(program.readAllStandardOutput().toStdString(), nullptr, false);
  if (ended && program.exitStatus() == QProcess::NormalExit && program.exitCode() == 0 && !answer.is_discarded()) return answer;
  if (problem)
    *problem = QStringLiteral("vitrine %1: code %2: %3").arg(words.join(QLatin1Char(' '))).arg(program.exitCode())
                   .arg(QString::fromUtf8(program.readAllStandardError()));
  return nullptr;
}

nlohmann::json analyse(const QString& name, const QString& model, const QStringList& words) {
  QString problem;
  nlohmann::json answer = command_line(QStringList{QStringLiteral("analyse"), name, model} + words, &problem);
  if (answer.is_object() && answer.contains("result")) return answer["result"];
  QTest::qFail(qPrintable(problem), __FILE__, __LINE__);
  return nlohmann::json::object();
}

double metric(const nlohmann::json& report, const std::string& name) {
  const auto* entry = find_metric(report, name);
  return entry ? number_in(*entry, "value") : std::nan("");
}

double metric_before(const nlohmann::json& report, const std::string& name) {
  const auto* entry = find_metric(report, name);
  return entry ? number_in(*entry, "before") : std::nan("");
}

QString differs(const QString& shown, double exact) {
  static const QRegularExpression form(QStringLiteral("^([-+]?)([0-9,]+)(\\.[0-9]+)?(e[-+]?[0-9]+)?(?:[ \u202f](.+))?$"));
  const auto parts = form.match(QString(shown).replace(QChar(0x2212), QLatin1Char('-')));
  if (!parts.hasMatch()) return QStringLiteral("'%1' on the screen is no number; the command line says %2").arg(shown).arg(exact, 0, 'g', 10);
  const int decimals = std::max<int>(0, static_cast<int>(parts.captured(3).size()) - 1);
  const bool power = !parts.captured(4).isEmpty();
  const double scaled = exact / worth(parts.captured(5));
  const QString sign = parts.captured(1) == QLatin1String("-") ? QStringLiteral("-") : QString();
  const QString on_screen = sign + parts.captured(2).remove(QLatin1Char(',')) + parts.captured(3) + parts.captured(4);
  static const QRegularExpression padded(QStringLiteral("e([-+]?)0+(?=[0-9])"));
  const QString expected = QString::number(scaled, power ? 'e' : 'f', decimals).replace(padded, QStringLiteral("e\\1"));
  if (on_screen == expected) return {};
  return QStringLiteral("'%1' on the screen, but the command line says %2 (%3)").arg(shown, expected).arg(exact, 0, 'g', 12);
}

}  // namespace vitrine::test
