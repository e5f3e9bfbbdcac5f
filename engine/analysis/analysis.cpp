#include "engine/analysis/analysis.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "engine/model/model.h"

namespace vitrine::engine {
namespace {

using Json = nlohmann::json;
using Type = ParamInfo::Type;

std::string type_name(const ParamInfo& param) {
  switch (param.type) {
    case Type::Int: return "a whole number";
    case Type::Float: return "a number";
    case Type::Bool: return "true or false";
    case Type::Text: return "text";
    case Type::Choice: return fmt::format("one of {}", fmt::join(param.choices, ", "));
  }
  return "a value";
}

bool fits(const ParamInfo& param, const Json& value) {
  switch (param.type) {
    case Type::Int: return value.is_number_integer();
    case Type::Float: return value.is_number() && std::isfinite(value.get<double>());
    case Type::Bool: return value.is_boolean();
    case Type::Text: return value.is_string();
    case Type::Choice: return value.is_string() && std::ranges::find(param.choices, value.get<std::string>()) != param.choices.end();
  }
  return false;
}

std::string shown(const Json& value) {
  const std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  return text.size() > 60 ? text.substr(0, 60) + "..." : text;
}

Result<const ParamInfo*> find_param(const AnalysisInfo& info, const std::string& name) {
  const auto found = std::ranges::find(info.params, name, &ParamInfo::name);
  if (found != info.params.end()) return &*found;
  std::vector<std::string> known;
  for (const ParamInfo& param : info.params) known.push_back(param.name);
  return fail(ErrorCode::Usage, fmt::format("{} has no parameter '{}'; there are: {}", info.id, name, fmt::join(known, ", ")));
}

template <class Number>
Json number_from(const std::string& text) {
  Number number{};
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  return problem == std::errc() && end == text.data() + text.size() ? Json(number) : Json(text);
}

/// A value as a person types it; what does not read as the type stays text and is refused by `check_params`.
Json value_from(const ParamInfo& param, const std::string& text) {
  switch (param.type) {
    case Type::Int: return number_from<std::int64_t>(text);
    case Type::Float: return number_from<double>(text);
    case Type::Bool:
      if (text == "true" || text == "yes" || text == "1") return true;
      if (text == "false" || text == "no" || text == "0") return false;
      return text;
    case Type::Text:
    case Type::Choice: return text;
  }
  return text;
}

}  // namespace

Status check_runs(const AnalysisInfo& info, const Model& model) {
  if (!info.needs_pass || model.cannot_run().empty()) return {};
  return fail(ErrorCode::Unsupported, fmt::format("'{}' needs a model that runs, and this one cannot: {}", info.id, model.cannot_run()));
}

Result<Json> check_params(const AnalysisInfo& info, const Json& given) {
  if (!given.is_object() && !given.is_null())
    return fail(ErrorCode::Usage, fmt::format("expected an object with the parameters of {}, came {}", info.id, shown(given)));
  Json checked = Json::object();
  for (const ParamInfo& param : info.params) checked[param.name] = param.fallback;
  for (const auto& [name, value] : given.items()) {
    VITRINE_TRY(const ParamInfo* param, find_param(info, name));
    if (!fits(*param, value))
      return fail(ErrorCode::Usage, fmt::format("expected {} for {} of {}, came {}", type_name(*param), name, info.id, shown(value)));
    checked[name] = value;
  }
  return checked;
}

Result<Json> params_from_pairs(const AnalysisInfo& info, const std::vector<std::string>& pairs) {
  Json given = Json::object();
  for (const std::string& pair : pairs) {
    const std::size_t equals = pair.find('=');
    if (equals == std::string::npos || equals == 0)
      return fail(ErrorCode::Usage, fmt::format("expected NAME=VALUE, came '{}'", pair));
    const std::string name = pair.substr(0, equals);
    VITRINE_TRY(const ParamInfo* param, find_param(info, name));
    given[name] = value_from(*param, pair.substr(equals + 1));
  }
  return check_params(info, given);
}

}  // namespace vitrine::engine
