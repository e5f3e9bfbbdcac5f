#include <filesystem>
#include <string_view>
#include <system_error>

#include "engine/model/model.h"

namespace vitrine::engine {

ModelName parse_model_name(const std::string& model) {
  constexpr std::string_view kPatch = "@patch=";
  const std::size_t at = model.rfind(kPatch);
  std::error_code ignored;
  if (at == std::string::npos || std::filesystem::exists(model, ignored)) return {model};
  const std::string digits = model.substr(at + kPatch.size());
  if (digits.empty() || digits.size() > 5 || digits.find_first_not_of("0123456789") != std::string::npos || digits[0] == '0') return {model};
  return {model.substr(0, at), std::stoi(digits)};
}

}  // namespace vitrine::engine
