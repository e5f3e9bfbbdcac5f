#pragma once

#include <concepts>
#include <limits>

#include <nlohmann/json.hpp>

namespace vitrine::engine {

/// Whether `value` is a number whose whole part a T holds: what may be converted without undefined behaviour.
template <std::integral T>
[[nodiscard]] bool holds_number(const nlohmann::json& value) {
  if (!value.is_number_float()) return value.is_number();
  const auto number = value.get<double>();
  return number > static_cast<double>(std::numeric_limits<T>::min()) - 1 && number < static_cast<double>(std::numeric_limits<T>::max()) + 1;
}

/// A number of a type that holds it. @throws nlohmann::json::type_error for anything else
template <std::integral T>
[[nodiscard]] T whole_number(const nlohmann::json& value) {
  if (!holds_number<T>(value)) throw nlohmann::json::type_error::create(302, "expected a number that fits, came " + value.dump(), &value);
  return value.get<T>();
}

}  // namespace vitrine::engine
