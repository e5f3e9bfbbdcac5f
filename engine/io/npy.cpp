#include "engine/io/npy.h"

#include <algorithm>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "engine/io/atomic_file.h"
#include "engine/io/bytes.h"
#include "engine/io/float_convert.h"
#include "engine/io/mapped_checkpoint.h"

namespace vitrine::engine {
namespace {

constexpr std::uint64_t kMaxHeader = 1U << 20;
constexpr std::size_t kMaxRank = 64;

/// The header is a Python dictionary of three known keys; nothing else of Python is read.
class NpyHeaderParser {
 public:
  NpyHeaderParser(std::string_view text, const std::string& file, std::uint64_t base)
      : text_(text), file_(file), base_(base) {}

  Result<NpyHeader> parse() {
    NpyHeader header;
    VITRINE_CHECK(expect('{'));
    while (!take('}')) {
      VITRINE_TRY(const std::string key, string());
      VITRINE_CHECK(expect(':'));
      if (!seen_.insert(key).second) return refuse(fmt::format("header key '{}' stands twice", printable(key)));
      if (key == "descr") {
        VITRINE_TRY(header.descr, string());
      } else if (key == "fortran_order") {
        VITRINE_TRY(header.fortran_order, boolean());
      } else if (key == "shape") {
        VITRINE_TRY(header.shape, tuple());
      } else {
        return refuse(fmt::format("header key '{}' is not known", printable(key)));
      }
      if (!take(',')) {
        VITRINE_CHECK(expect('}'));
        break;
      }
    }
    skip();
    if (at_ < text_.size()) return refuse("header goes on after its end");
    if (seen_.size() != 3) return refuse("header needs descr, fortran_order and shape");
    return header;
  }

 private:
  [[nodiscard]] tl::unexpected<Error> refuse(std::string what) const {
    return fail_file(ErrorCode::FileFormat, file_, "npy " + std::move(what), base_ + at_);
  }
  void skip() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
  }
  bool take(char c) {
    skip();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  Status expect(char c) {
    if (take(c)) return {};
    return refuse(fmt::format("header: expected '{}', came {}", c,
                              at_ < text_.size() ? printable(text_.substr(at_, 1)) : "its end"));
  }
  Result<std::string> string() {
    skip();
    if (at_ >= text_.size() || (text_[at_] != '\'' && text_[at_] != '"'))
      return refuse("header: expected a quoted string (records and objects are not read)");
    const char quote = text_[at_++];
    const auto end = text_.find(quote, at_);
    if (end == std::string_view::npos) return refuse("header ends inside a string");
    std::string out(text_.substr(at_, end - at_));
    at_ = end + 1;
    return out;
  }
  Result<bool> boolean() {
    skip();
    for (const bool value : {true, false}) {
      const std::string_view word = value ? "True" : "False";
      if (text_.substr(at_, word.size()) != word) continue;
      at_ += word.size();
      return value;
    }
    return refuse("header: expected fortran_order to be True or False");
  }
  Result<std::vector<std::int64_t>> tuple() {
    std::vector<std::int64_t> out;
    VITRINE_CHECK(expect('('));
    while (!take(')')) {
      skip();
      const std::size_t begin = at_;
      while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') ++at_;
      const auto value = parse_decimal(text_.substr(begin, at_ - begin));
      if (!value || *value > static_cast<std::uint64_t>(INT64_MAX))
        return refuse("header: expected whole numbers in shape");
      if (out.size() >= kMaxRank) return refuse("header: shape has more than 64 dimensions");
      out.push_back(static_cast<std::int64_t>(*value));
      if (at_ < text_.size() && text_[at_] == 'L') ++at_;
      if (!take(',')) {
        VITRINE_CHECK(expect(')'));
        break;
      }
    }
    return out;
  }

  std::string_view text_;
  const std::string& file_;
  std::uint64_t base_;
  std::size_t at_ = 0;
  std::set<std::string> seen_;
};

struct Element {
  char kind = 'f';
  std::size_t bytes = 4;
  bool big = false;
};

std::optional<Element> element_of(const std::string& descr) {
  if (descr.size() < 3 || descr.size() > 4) return std::nullopt;
  const char order = descr[0], kind = descr[1];
  const auto bytes = parse_decimal(std::string_view(descr).substr(2));
  if (!bytes || std::string_view("<>|=").find(order) == std::string_view::npos) return std::nullopt;
  const bool fits = (kind == 'f' && (*bytes == 2 || *bytes == 4 || *bytes == 8)) ||
                    ((kind == 'i' || kind == 'u') && (*bytes == 1 || *bytes == 2 || *bytes == 4 || *bytes == 8)) ||
                    (kind == 'b' && *bytes == 1) || (kind == 'c' && (*bytes == 8 || *bytes == 16));
  if (!fits || (order == '|' && *bytes > 1)) return std::nullopt;
  return Element{kind, static_cast<std::size_t>(*bytes), order == '>'};
}

float value_of(const std::byte* from, const Element& element) {
  std::byte b[8] = {};
  for (std::size_t i = 0; i < element.bytes; ++i) b[element.big ? element.bytes - 1 - i : i] = from[i];
  switch (element.kind) {
    case 'b': return b[0] != std::byte{0} ? 1.0F : 0.0F;
    case 'u': return static_cast<float>(load_le<std::uint64_t>(b));
    case 'f':
      if (element.bytes == 2) return half_to_float(load_le<std::uint16_t>(b));
      return element.bytes == 4 ? load_le<float>(b) : static_cast<float>(load_le<double>(b));
    default: break;
  }
  const auto raw = load_le<std::uint64_t>(b);
  const auto shift = static_cast<int>(64 - 8 * element.bytes);
  return static_cast<float>(static_cast<std::int64_t>(raw << shift) >> shift);
}

}  // namespace

Result<NpyLayout> parse_npy(std::span<const std::byte> bytes, const std::string& file, std::uint64_t base) {
  NpyLayout npy;
  const auto refuse = [&](std::string what, std::uint64_t at, ErrorCode code = ErrorCode::FileFormat) {
    return fail_file(code, file, std::move(what), base + at);
  };
  if (bytes.size() < 10) return refuse("expected a npy array, the file is too short: truncated or empty header", 0);
  if (as_text(bytes.first(6)) != "\x93NUMPY") return refuse("expected the magic of a npy array", 0);
  const auto major = static_cast<int>(bytes[6]);
  if (major < 1 || major > 3)
    return refuse(fmt::format("npy version {} is not 1 to 3", major), 6, ErrorCode::Unsupported);
  const std::size_t begin = major == 1 ? 10 : 12;
  if (bytes.size() < begin) return refuse("truncated npy header", 8);
  const std::uint64_t length = major == 1 ? load_le<std::uint16_t>(&bytes[8]) : load_le<std::uint32_t>(&bytes[8]);
  if (length > kMaxHeader || length > bytes.size() - begin)
    return refuse(fmt::format("npy header length {} reaches past the end of the file or the limit of 1 MB", length), 8);
  VITRINE_TRY(npy.header, NpyHeaderParser(as_text(bytes.subspan(begin, length)), file, base + begin).parse());
  npy.header.offset = begin + length;
  const auto element = element_of(npy.header.descr);
  if (!element)
    return refuse(
        fmt::format("npy dtype (descr) '{}' is no float, integer or boolean type that is read",
                    printable(npy.header.descr)),
        begin, ErrorCode::Unsupported);
  npy.kind = element->kind;
  npy.element_bytes = element->bytes;
  npy.big_endian = element->big;
  const auto count = checked_numel(std::vector<std::uint64_t>(npy.header.shape.begin(), npy.header.shape.end()));
  const auto size = count ? checked_mul(*count, element->bytes) : std::nullopt;
  if (!size || *size > bytes.size() - npy.header.offset)
    return refuse(fmt::format("npy shape and descr need {} bytes, the file has {}: truncated or a wrong size",
                              size ? fmt::format("{}", *size) : "more than 2^64", bytes.size() - npy.header.offset),
                  npy.header.offset);
  if (*size < bytes.size() - npy.header.offset)
    return refuse(
        fmt::format("{} trailing bytes after the end of the npy array", bytes.size() - npy.header.offset - *size),
        npy.header.offset + *size);
  npy.count = *count;
  return npy;
}

Result<NpyHeader> read_npy_header(const std::filesystem::path& path) {
  VITRINE_TRY(const auto file, MappedFile::open(path));
  VITRINE_TRY(auto npy, parse_npy(file->bytes(), path.string(), 0));
  return std::move(npy.header);
}

Result<NpyArray> read_npy(const std::filesystem::path& path) {
  VITRINE_TRY(const auto file, MappedFile::open(path));
  VITRINE_TRY(auto npy, parse_npy(file->bytes(), path.string(), 0));
  if (npy.kind == 'c')
    return fail_file(ErrorCode::Unsupported, path.string(), "complex npy values are not read", npy.header.offset);
  const Element element{npy.kind, npy.element_bytes, npy.big_endian};
  NpyArray array{std::move(npy.header.descr), std::move(npy.header.shape), {}};
  array.values.resize(npy.count);
  const std::byte* from = file->bytes().data() + npy.header.offset;
  if (!npy.header.fortran_order) {
    for (std::uint64_t i = 0; i < npy.count; ++i) array.values[i] = value_of(from + i * element.bytes, element);
    VITRINE_CHECK(file->check_whole());
    return array;
  }
  // Column-major: the first index runs fastest in the file, the last in memory.
  std::vector<std::int64_t> index(array.shape.size(), 0);
  for (std::uint64_t stored = 0; stored < npy.count; ++stored) {
    std::uint64_t to = 0;
    for (std::size_t axis = 0; axis < index.size(); ++axis)
      to = to * static_cast<std::uint64_t>(array.shape[axis]) + static_cast<std::uint64_t>(index[axis]);
    array.values[to] = value_of(from + stored * element.bytes, element);
    for (std::size_t axis = 0; axis < index.size() && ++index[axis] == array.shape[axis]; ++axis) index[axis] = 0;
  }
  VITRINE_CHECK(file->check_whole());
  return array;
}

std::string npy_preamble(const std::vector<std::int64_t>& shape) {
  std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (";
  for (const std::int64_t n : shape) header += fmt::format("{},{}", n, shape.size() == 1 ? "" : " ");
  if (shape.size() > 1) header.resize(header.size() - 2);
  header += "), }";
  header.resize((header.size() + 1 + 10 + 63) / 64 * 64 - 10 - 1, ' ');
  header += '\n';
  std::string begin("\x93NUMPY\x01\x00", 8);
  begin += static_cast<char>(header.size() & 0xFF);
  begin += static_cast<char>(header.size() >> 8);
  return begin + header;
}

Status write_npy(const std::filesystem::path& path, const std::vector<std::int64_t>& shape,
                 std::span<const float> values) {
  const auto count = checked_numel(std::vector<std::uint64_t>(shape.begin(), shape.end()));
  if (!count || *count != values.size())
    return fail(ErrorCode::ShapeMismatch,
                fmt::format("a npy array of {} values does not have the shape given", values.size()));
  VITRINE_TRY(auto file, AtomicFile::create(path));
  VITRINE_CHECK(file.write(npy_preamble(shape)));
  VITRINE_CHECK(file.write(as_text(std::as_bytes(values))));
  return file.commit();
}

}  // namespace vitrine::engine
