#pragma once

#include <QString>
#include <QStringList>

#include <nlohmann/json.hpp>

namespace vitrine::test {

/// `vitrine WORDS --json` of the program that was built; null, with the reason in `problem`, if it does not end well.
nlohmann::json command_line(const QStringList& words, QString* problem = nullptr);

/// `vitrine analyse NAME MODEL ...`: the report in its JSON form. Fails the running test if it cannot be had.
nlohmann::json analyse(const QString& name, const QString& model, const QStringList& words);

/// The value of a metric of such a report; NaN if it has none.
double metric(const nlohmann::json& report, const std::string& name);
/// Its value for the unedited model.
double metric_before(const nlohmann::json& report, const std::string& name);

/// Empty if `shown` is `exact` written with as many digits as `shown` has; else a sentence with both. Written
/// without the product's own formatting: knows per cent, thousands, powers of ten, kB to TB, the minus sign, and
/// leaves out any other unit.
QString differs(const QString& shown, double exact);

}  // namespace vitrine::test
