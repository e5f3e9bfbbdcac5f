#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "engine/core/error.h"

namespace vitrine::engine {

inline constexpr std::size_t kJsonDepth = 64;

/// Parses JSON (RFC 8259, strictly) from an untrusted source. Depth, memory and duplicate keys are bounded while it
/// reads: at most `max_depth` levels and 192 MB more than the text. NaN, Infinity and numbers outside of double are
/// refused; `-0` is the float that it is.
/// @error FileFormat with the byte offset; FileLimit
[[nodiscard]] Result<nlohmann::json> parse_json(std::string_view text, const std::string& file_name,
                                                std::size_t max_depth = kJsonDepth);

/// The members of the object that a text is, one after the other, for texts so large that a tree of their values would
/// fill the memory. As strict as `parse_json`; that no key comes twice is seen to by the caller.
class JsonMembers {
 public:
  /// @param text outlives this
  JsonMembers(std::string_view text, const std::string& file_name);
  ~JsonMembers();
  /// Goes to the next member. @return false after the last, where nothing but white space follows
  [[nodiscard]] Result<bool> next();
  [[nodiscard]] const std::string& key() const;
  /// Where the key begins in the text.
  [[nodiscard]] std::size_t key_at() const;
  /// The text from the member's value on.
  [[nodiscard]] std::string_view rest() const;
  /// In place of `value`: the caller has read that many bytes, and they are one value.
  void skip(std::size_t bytes);
  [[nodiscard]] Result<nlohmann::json> value();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The sentence about a key that stands twice.
[[nodiscard]] std::string duplicate_key(std::string_view shown);

/// Reads and parses a file of at most `max_bytes`.
[[nodiscard]] Result<nlohmann::json> read_json_file(const std::filesystem::path& path,
                                                    std::size_t max_bytes = std::size_t{64} << 20);

/// A number as configurations write it: a JSON number, or `{"__float__": "Infinity" | "-Infinity" | "NaN"}`
/// (what transformers writes where JSON has no word). Nothing if it is neither.
[[nodiscard]] std::optional<double> json_number(const nlohmann::json& value);

/// Writes atomically: the file appears whole or not at all.
[[nodiscard]] Status write_file_atomically(const std::filesystem::path& path, std::string_view bytes);

}  // namespace vitrine::engine
