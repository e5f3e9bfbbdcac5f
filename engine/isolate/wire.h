#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "engine/core/error.h"

namespace vitrine::engine::isolate {

/// Appends values to a message: little-endian numbers, texts with their length, JSON values with a tag each, columns.
class WireWriter {
 public:
  void put_u8(std::uint8_t value) { bytes_.push_back(static_cast<char>(value)); }
  void put_u64(std::uint64_t value);
  void put_i64(std::int64_t value) { put_u64(static_cast<std::uint64_t>(value)); }
  void put_text(std::string_view text);
  void put_texts(const std::vector<std::string>& texts);
  void put_error(const Error& error);
  void put_json(const nlohmann::json& value);
  /// A column of records of 8 bytes or a multiple, or of text. Not copied: what it is of outlives this.
  void put_column(std::span<const std::byte> column);
  template <class T>
  void put_column(std::span<const T> column) {
    put_column(std::as_bytes(column));
  }

  [[nodiscard]] std::size_t size() const { return bytes_.size() + column_bytes_; }
  /// @param out of `size()` bytes
  void write_to(std::span<std::byte> out) const;
  /// The message in one piece.
  [[nodiscard]] std::string bytes() const;

 private:
  struct Column {
    std::size_t at;   ///< of `bytes_` before it
    std::span<const std::byte> column;
  };
  std::string bytes_;
  std::vector<Column> columns_;
  std::size_t column_bytes_ = 0;
};

/// Takes values from a message that nobody vouches for. Every count is held against the bytes that are left before
/// anything is allocated. After the first thing that is wrong all takes give zeros, and `end` says what it was.
class WireReader {
 public:
  explicit WireReader(std::span<const std::byte> bytes) : bytes_(bytes), json_budget_(bytes.size() + kJsonSpare) {}

  std::uint8_t take_u8();
  std::uint64_t take_u64();
  std::int64_t take_i64() { return static_cast<std::int64_t>(take_u64()); }
  /// A number below `limit`.
  std::uint64_t take_below(std::uint64_t limit, std::string_view what);
  bool take_flag();
  /// How many things of at least `least` bytes each follow.
  std::size_t take_count(std::size_t least);
  std::string take_text(std::size_t limit = SIZE_MAX);
  /// A text that will be shown or written as JSON: UTF-8.
  std::string take_utf8(std::size_t limit = SIZE_MAX);
  std::vector<std::string> take_texts(std::size_t limit);
  Error take_error();
  /// A column, where it lies in the message.
  std::span<const std::byte> take_column(std::size_t record_bytes);
  /// At most 256 levels deep; memory is bounded by that of the message and 256 MB.
  nlohmann::json take_json();

  void refuse(std::string_view what);
  [[nodiscard]] bool failed() const { return !problem_.empty(); }
  /// @error FileFormat if anything was wrong or bytes are left over, with the byte of the message
  [[nodiscard]] Status end();

 private:
  static constexpr std::size_t kJsonSpare = std::size_t{256} << 20;
  std::span<const std::byte> take(std::size_t count);
  nlohmann::json take_json(int depth);
  void take_members(nlohmann::json& object, int depth);
  bool spend(std::size_t bytes);

  std::span<const std::byte> bytes_;
  std::size_t at_ = 0, json_budget_;
  std::string problem_;
  std::size_t problem_at_ = 0;
};

/// A sentence from elsewhere, fit for a terminal: control characters and what is not UTF-8 replaced, at most 4,000
/// bytes.
[[nodiscard]] std::string tidy_sentence(std::string_view text);

}  // namespace vitrine::engine::isolate
