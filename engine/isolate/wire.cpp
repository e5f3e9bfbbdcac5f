#include "engine/isolate/wire.h"

#include <algorithm>
#include <bit>

#include <fmt/format.h>

#include "engine/io/bytes.h"

namespace vitrine::engine::isolate {
namespace {

using nlohmann::json;

constexpr int kMaxDepth = 256;
constexpr std::size_t kColumnAlignment = 8;
constexpr std::size_t kMaxSentence = 4000, kMaxHints = 16;
constexpr std::size_t kValueCost = 16, kTextCost = 32, kMemberCost = 64;

enum class Tag : std::uint8_t { Null, False, True, Signed, Unsigned, Float, Text, Array, Object };

void append_json(WireWriter& out, const json& value) {
  const auto tag = [&](Tag t) { out.put_u8(static_cast<std::uint8_t>(t)); };
  switch (value.type()) {
    case json::value_t::boolean: return tag(value.get<bool>() ? Tag::True : Tag::False);
    case json::value_t::number_integer: tag(Tag::Signed); return out.put_i64(value.get<std::int64_t>());
    case json::value_t::number_unsigned: tag(Tag::Unsigned); return out.put_u64(value.get<std::uint64_t>());
    case json::value_t::number_float:
      tag(Tag::Float);
      return out.put_u64(std::bit_cast<std::uint64_t>(value.get<double>()));
    case json::value_t::string: tag(Tag::Text); return out.put_text(value.get_ref<const std::string&>());
    case json::value_t::array:
      tag(Tag::Array);
      out.put_u64(value.size());
      for (const json& element : value) append_json(out, element);
      return;
    case json::value_t::object:
      tag(Tag::Object);
      out.put_u64(value.size());
      for (auto it = value.begin(); it != value.end(); ++it) {
        out.put_text(it.key());
        append_json(out, it.value());
      }
      return;
    default: return tag(Tag::Null);
  }
}

}  // namespace

void WireWriter::put_u64(std::uint64_t value) { bytes_.append(reinterpret_cast<const char*>(&value), sizeof value); }

void WireWriter::put_text(std::string_view text) {
  put_u64(text.size());
  bytes_.append(text);
}

void WireWriter::put_texts(const std::vector<std::string>& texts) {
  put_u64(texts.size());
  for (const auto& text : texts) put_text(text);
}

void WireWriter::put_error(const Error& error) {
  put_u8(static_cast<std::uint8_t>(error.code));
  put_text(error.message);
  put_text(error.file);
  put_u8(error.offset ? 1 : 0);
  put_u64(error.offset.value_or(0));
  put_texts(error.hints);
}

void WireWriter::put_json(const json& value) { append_json(*this, value); }

void WireWriter::put_column(std::span<const std::byte> column) {
  put_u64(column.size());
  // So many zeros that it begins at a multiple of eight.
  const std::size_t pad = (kColumnAlignment - (size() + 1) % kColumnAlignment) % kColumnAlignment;
  put_u8(static_cast<std::uint8_t>(pad));
  bytes_.append(pad, '\0');
  columns_.push_back({bytes_.size(), column});
  column_bytes_ += column.size();
}

void WireWriter::write_to(std::span<std::byte> out) const {
  std::size_t done = 0, at = 0;
  const auto put = [&](std::span<const std::byte> piece) {
    std::copy(piece.begin(), piece.end(), out.begin() + static_cast<std::ptrdiff_t>(at));
    at += piece.size();
  };
  const auto own = std::as_bytes(std::span(bytes_));
  for (const Column& c : columns_) {
    put(own.subspan(done, c.at - done));
    put(c.column);
    done = c.at;
  }
  put(own.subspan(done));
}

std::string WireWriter::bytes() const {
  std::string all(size(), '\0');
  write_to(std::as_writable_bytes(std::span(all)));
  return all;
}

std::span<const std::byte> WireReader::take(std::size_t count) {
  if (failed()) return {};
  if (count > bytes_.size() - at_) {
    refuse("ends too early");
    return {};
  }
  at_ += count;
  return bytes_.subspan(at_ - count, count);
}

std::uint8_t WireReader::take_u8() {
  const auto byte = take(1);
  return byte.empty() ? 0 : std::to_integer<std::uint8_t>(byte[0]);
}

bool WireReader::take_flag() {
  const std::uint8_t value = take_u8();
  if (value > 1) refuse(fmt::format("has {} as a flag", value));
  return value == 1;
}

std::uint64_t WireReader::take_u64() {
  const auto bytes = take(8);
  return bytes.empty() ? 0 : load_le<std::uint64_t>(bytes.data());
}

std::uint64_t WireReader::take_below(std::uint64_t limit, std::string_view what) {
  const std::uint64_t value = take_u64();
  if (failed() || value < limit) return value;
  refuse(fmt::format("has {} as {}, expected one below {}", value, what, limit));
  return 0;
}

std::size_t WireReader::take_count(std::size_t least) {
  const std::uint64_t count = take_u64();
  if (failed()) return 0;
  if (count <= (bytes_.size() - at_) / least) return static_cast<std::size_t>(count);
  refuse(fmt::format("counts {} things where {} bytes are left", count, bytes_.size() - at_));
  return 0;
}

std::string WireReader::take_text(std::size_t limit) {
  const std::size_t size = take_count(1);
  if (size > limit) {
    refuse(fmt::format("has a text of {} bytes, the limit is {}", size, limit));
    return {};
  }
  return std::string(as_text(take(size)));
}

std::string WireReader::take_utf8(std::size_t limit) {
  std::string text = take_text(limit);
  if (is_utf8(text)) return text;
  refuse("has a text that is not UTF-8");
  return {};
}

std::span<const std::byte> WireReader::take_column(std::size_t record_bytes) {
  const std::size_t size = take_count(1);
  const std::size_t pad = take_u8();
  if (pad >= kColumnAlignment) refuse("has a gap before a column that is none");
  if (size % record_bytes != 0) refuse(fmt::format("has a column of {} bytes, expected a multiple of {}", size, record_bytes));
  take(pad);
  return take(size);
}

std::vector<std::string> WireReader::take_texts(std::size_t limit) {
  std::vector<std::string> texts;
  for (std::size_t i = take_count(8); i > 0 && !failed(); --i) texts.push_back(take_text(limit));
  return texts;
}

Error WireReader::take_error() {
  Error error;
  const std::uint8_t code = take_u8();
  if (code > static_cast<std::uint8_t>(ErrorCode::Cancelled)) refuse("has an error of no known kind");
  else error.code = static_cast<ErrorCode>(code);
  error.message = tidy_sentence(take_text());
  error.file = tidy_sentence(take_text());
  const bool at_byte = take_flag();
  const std::uint64_t offset = take_u64();
  if (at_byte) error.offset = offset;
  for (std::string& hint : take_texts(kMaxSentence))
    if (error.hints.size() < kMaxHints) error.hints.push_back(tidy_sentence(hint));
  if (!failed() && error.message.empty()) refuse("has an error without a sentence");
  return error;
}

bool WireReader::spend(std::size_t bytes) {
  if (bytes > json_budget_) refuse("has a value that needs more memory than its file may");
  else json_budget_ -= bytes;
  return !failed();
}

json WireReader::take_json() { return take_json(0); }

json WireReader::take_json(int depth) {
  if (depth > kMaxDepth) refuse("nests values too deep");
  if (failed() || !spend(kValueCost)) return {};
  const std::uint8_t tag = take_u8();
  if (tag > static_cast<std::uint8_t>(Tag::Object)) refuse("has a value of no known kind");
  if (failed()) return {};
  switch (static_cast<Tag>(tag)) {
    case Tag::Null: return {};
    case Tag::False: return false;
    case Tag::True: return true;
    case Tag::Signed: return take_i64();
    case Tag::Unsigned: return take_u64();
    case Tag::Float: return std::bit_cast<double>(take_u64());
    case Tag::Text: {
      std::string text = take_utf8();
      return spend(kTextCost + text.size()) ? json(std::move(text)) : json();
    }
    case Tag::Array: {
      json array = json::array();
      for (std::size_t i = take_count(1); i > 0 && !failed(); --i) array.push_back(take_json(depth + 1));
      return array;
    }
    case Tag::Object: break;
  }
  json object = json::object();
  take_members(object, depth);
  return object;
}

void WireReader::take_members(json& object, int depth) {
  auto& members = object.get_ref<json::object_t&>();
  for (std::size_t i = take_count(9); i > 0 && !failed(); --i) {
    std::string key = take_utf8();
    if (!spend(kMemberCost + key.size())) return;
    json value = take_json(depth + 1);
    // Written in order: the end is where the next one belongs.
    const std::size_t before = members.size();
    members.emplace_hint(members.end(), std::move(key), std::move(value));
    if (members.size() == before) refuse("has a key twice");
  }
}

void WireReader::refuse(std::string_view what) {
  if (failed()) return;
  problem_ = what;
  problem_at_ = at_;
}

Status WireReader::end() {
  if (!failed() && at_ != bytes_.size()) refuse(fmt::format("has {} bytes too many", bytes_.size() - at_));
  if (failed()) return fail(ErrorCode::FileFormat, fmt::format("{} at its byte {}", problem_, problem_at_));
  return {};
}

std::string tidy_sentence(std::string_view text) {
  std::string tidy = repaired_utf8(text.substr(0, kMaxSentence));
  for (char& c : tidy)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '?';
  return tidy;
}

}  // namespace vitrine::engine::isolate
