#pragma once

#include <cstdint>
#include <string>

#include <nlohmann/json.hpp>

#include "engine/core/error.h"

namespace vitrine::engine::text {

/// Reads typed fields of one JSON object of a tokenizer file; a wrong type is a FileFormat error
/// naming the key.
class Fields {
 public:
  /// @param where what the object is, for messages: "pre_tokenizer", "model", ...
  Fields(const nlohmann::json& object, std::string where)
      : object_(object), where_(std::move(where)) {}

  [[nodiscard]] const std::string& where() const { return where_; }
  [[nodiscard]] Status require_object() const;
  /// nullptr if the key is absent or null.
  [[nodiscard]] const nlohmann::json* find(const char* key) const;
  [[nodiscard]] Result<std::string> text(const char* key) const;
  [[nodiscard]] Result<std::string> text_or(const char* key, std::string otherwise) const;
  [[nodiscard]] Result<bool> flag_or(const char* key, bool otherwise) const;
  /// @error FileFormat if it is not a whole number within [low, high]
  [[nodiscard]] Result<std::int64_t> whole_or(const char* key, std::int64_t otherwise,
                                              std::int64_t low, std::int64_t high) const;
  [[nodiscard]] tl::unexpected<Error> wrong(const char* key, const std::string& expected) const;

 private:
  const nlohmann::json& object_;
  std::string where_;
};

/// A short form of a JSON value for messages.
[[nodiscard]] std::string brief(const nlohmann::json& value);
/// A whole number in [low, high], or nothing.
[[nodiscard]] bool whole_within(const nlohmann::json& value, std::int64_t low, std::int64_t high,
                                std::int64_t& out);

}  // namespace vitrine::engine::text
