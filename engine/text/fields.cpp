#include "engine/text/fields.h"

#include <fmt/format.h>

namespace vitrine::engine::text {

std::string brief(const nlohmann::json& value) {
  if (value.is_object() || value.is_array())
    return fmt::format("{} of {}", value.is_object() ? "an object" : "a list", value.size());
  std::string s = value.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  if (s.size() > 40) s = s.substr(0, 37) + "...";
  return s;
}

bool whole_within(const nlohmann::json& value, std::int64_t low, std::int64_t high,
                  std::int64_t& out) {
  if (value.is_number_unsigned()) {
    const auto u = value.get<std::uint64_t>();
    if (u > static_cast<std::uint64_t>(INT64_MAX)) return false;
    out = static_cast<std::int64_t>(u);
  } else if (value.is_number_integer()) {
    out = value.get<std::int64_t>();
  } else {
    return false;
  }
  return out >= low && out <= high;
}

tl::unexpected<Error> Fields::wrong(const char* key, const std::string& expected) const {
  const auto it = object_.is_object() ? object_.find(key) : object_.end();
  const bool there = object_.is_object() && it != object_.end();
  return fail(ErrorCode::FileFormat, fmt::format("{}: expected '{}' to be {}, came {}", where_, key,
                                                 expected, there ? brief(*it) : "nothing"));
}

Status Fields::require_object() const {
  if (object_.is_object()) return {};
  return fail(ErrorCode::FileFormat,
              fmt::format("expected {} to be an object, came {}", where_, brief(object_)));
}

const nlohmann::json* Fields::find(const char* key) const {
  if (!object_.is_object()) return nullptr;
  const auto it = object_.find(key);
  return it == object_.end() || it->is_null() ? nullptr : &*it;
}

Result<std::string> Fields::text(const char* key) const {
  const nlohmann::json* v = find(key);
  if (v == nullptr || !v->is_string()) return wrong(key, "a text");
  return v->get<std::string>();
}

Result<std::string> Fields::text_or(const char* key, std::string otherwise) const {
  if (find(key) == nullptr) return otherwise;
  return text(key);
}

Result<bool> Fields::flag_or(const char* key, bool otherwise) const {
  const nlohmann::json* v = find(key);
  if (v == nullptr) return otherwise;
  if (!v->is_boolean()) return wrong(key, "true or false");
  return v->get<bool>();
}

Result<std::int64_t> Fields::whole_or(const char* key, std::int64_t otherwise, std::int64_t low,
                                      std::int64_t high) const {
  const nlohmann::json* v = find(key);
  if (v == nullptr) return otherwise;
  std::int64_t out = 0;
  if (!whole_within(*v, low, high, out))
    return wrong(key, fmt::format("a whole number from {} to {}", low, high));
  return out;
}

}  // namespace vitrine::engine::text
