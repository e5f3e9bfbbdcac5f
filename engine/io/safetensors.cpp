#include "engine/io/safetensors.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include "engine/io/bytes.h"
#include "engine/io/json.h"
#include "engine/io/weight_index.h"

namespace vitrine::engine {
namespace {

using nlohmann::json;

constexpr std::uint64_t kMaxHeader = 100'000'000;
constexpr std::size_t kMaxRank = 64;
constexpr std::size_t kFirst = 256;   ///< tensors by which the number of all is guessed

constexpr std::size_t kBatch = 64;    ///< tensors whose names are looked at together

/// What a header says of one tensor.
struct Stated {
  std::string_view dtype;
  std::vector<std::uint64_t> shape;   ///< below 2^63
  std::uint64_t begin = 0, end = 0;
};

/// Reads the object of a tensor where it is spelled as writers do: three fields, whole numbers, no escapes. Takes nothing
/// that JSON or the format would refuse; all else is left to those who have the sentences for it.
class PlainTensor {
 public:
  explicit PlainTensor(std::string_view text) : text_(text) {}

  /// @return how many bytes it takes; 0 if it is spelled otherwise
  std::size_t read(Stated& out) {
    unsigned seen = 0;
    if (!take('{')) return 0;
    do {
      std::string_view field;
      if (!word(field) || !take(':')) return 0;
      const unsigned bit = field == "dtype" ? 1 : field == "shape" ? 2 : field == "data_offsets" ? 4 : 0;
      if (bit == 0 || (seen & bit) != 0) return 0;
      seen |= bit;
      if (bit == 1 && !word(out.dtype)) return 0;
      if (bit == 2 && !numbers(out.shape, kMaxRank)) return 0;
      if (bit == 4) {
        if (!numbers(offsets_, 2) || offsets_.size() != 2) return 0;
        out.begin = offsets_[0];
        out.end = offsets_[1];
      }
    } while (take(','));
    return seen == 7 && take('}') ? at_ : 0;
  }

 private:
  void skip_space() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\r' || text_[at_] == '\t')) ++at_;
  }
  bool take(char wanted) {
    skip_space();
    if (at_ >= text_.size() || text_[at_] != wanted) return false;
    ++at_;
    return true;
  }
  /// A string of ASCII without escapes.
  bool word(std::string_view& out) {
    if (!take('"')) return false;
    const std::size_t begin = at_;
    for (; at_ < text_.size() && text_[at_] != '"'; ++at_)
      if (text_[at_] == '\\' || text_[at_] < 0x20 || text_[at_] > 0x7E) return false;
    out = text_.substr(begin, at_ - begin);
    return take('"');
  }
  bool numbers(std::vector<std::uint64_t>& out, std::size_t most) {
    out.clear();
    if (!take('[')) return false;
    if (take(']')) return true;
    do {
      std::uint64_t n = 0;
      if (out.size() == most || !number(n)) return false;
      out.push_back(n);
    } while (take(','));
    return take(']');
  }
  /// From 0 to 2^63-1; what follows the digits is looked at by whoever comes next.
  bool number(std::uint64_t& out) {
    skip_space();
    const std::size_t begin = at_;
    constexpr std::size_t kDigits = 18;   // fewer than 2^63 has
    for (; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_) out = out * 10 + static_cast<unsigned>(text_[at_] - '0');
    const std::size_t digits = at_ - begin;
    return digits > 0 && digits <= kDigits && (digits == 1 || text_[begin] != '0');
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::vector<std::uint64_t> offsets_;
};

/// Reads the header of one file into a checkpoint.
class SafetensorsReader {
 public:
  explicit SafetensorsReader(std::shared_ptr<const MappedFile> file)
      : file_(std::move(file)), path_(file_->path()), checkpoint_("safetensors") {}

  Result<MappedCheckpoint> read() {
    VITRINE_TRY(const std::string_view text, header_text());
    checkpoint_.add_file(file_->path());
    const Status members = read_members(text);
    VITRINE_CHECK(check_names());   // of those before what else is wrong
    VITRINE_CHECK(members);
    VITRINE_CHECK(check_ranges());
    return std::move(checkpoint_);
  }

 private:

  [[nodiscard]] tl::unexpected<Error> refuse(std::string message, std::uint64_t at = 8,
                                             ErrorCode code = ErrorCode::FileFormat) const {
    return fail_file(code, file_->path(), std::move(message), at);
  }
  [[nodiscard]] static tl::unexpected<Error> in_header(Error error) {
    error.message = "safetensors header: " + error.message;
    if (error.offset) *error.offset += 8;
    return fail(std::move(error));
  }
  [[nodiscard]] std::string shown() const { return printable(name_); }

  Result<std::string_view> header_text() {
    const auto bytes = file_->bytes();
    if (bytes.size() < 8)
      return refuse(fmt::format("expected the 8-byte header length of safetensors, the file is too short: {} bytes",
                                bytes.size()),
                    0);
    const auto length = load_le<std::uint64_t>(bytes.data());
    if (length == 0) return refuse("header length is zero, expected at least the 2 bytes of '{}'", 0);
    if (length > kMaxHeader)
      return refuse(fmt::format("header length {} is above the limit of {} bytes", length, kMaxHeader), 0,
                    ErrorCode::FileLimit);
    if (length > bytes.size() - 8)
      return refuse(fmt::format("header length {} reaches past the end of the file ({} bytes): truncated", length,
                                bytes.size()),
                    0);
    data_begin_ = 8 + length;
    const std::string_view text = as_text(bytes.subspan(8, length));
    if (text.front() != '{')
      return refuse(fmt::format("expected the header to begin with '{{', came '{}'", printable(text.substr(0, 1))));
    return text;
  }

  /// Room for as many tensors as the header has if all are spelled as long as the first: a list that grows is moved again
  /// and again.
  void reserve(std::size_t header_bytes, std::size_t read_bytes) {
    if (checkpoint_.size() != kFirst) return;
    const PackedTensors& first = checkpoint_.packed();
    const std::size_t times = header_bytes / (read_bytes + 1) + 1;
    checkpoint_.reserve(kFirst * times, first.names().size() * times, first.axes().size() * times);
  }

  Status read_members(std::string_view text) {
    JsonMembers members(text, file_->path());
    for (;;) {
      auto more = members.next();
      if (!more) return in_header(std::move(more.error()));
      if (!*more) return {};
      VITRINE_CHECK(read_member(members));
      reserve(text.size(), members.key_at());
    }
  }

  Status read_member(JsonMembers& members) {
    const std::string& name = members.key();
    if (name == "__metadata__") {
      auto value = members.value();
      if (!value) return in_header(std::move(value.error()));
      if (std::exchange(has_metadata_, true)) return twice(name, members.key_at());
      return read_metadata(std::move(*value));
    }
    name_ = name;
    name_at_ = members.key_at();
    Status added;
    if (const std::size_t length = PlainTensor(members.rest()).read(stated_); length > 0) {
      members.skip(length);
      added = add_tensor();
    } else {
      auto value = members.value();
      if (!value) return in_header(std::move(value.error()));
      added = read_tensor(*value);
    }
    if (added) return names_at_.size() < kBatch ? Status{} : check_names();
    // Whatever else is wrong with it: a second tensor of one name is refused for its name.
    VITRINE_CHECK(check_names());
    return checkpoint_.has(name_) ? twice(name_, name_at_) : std::move(added);
  }

  [[nodiscard]] tl::unexpected<Error> twice(std::string_view name, std::uint64_t at) const {
    return in_header({ErrorCode::FileFormat, duplicate_key(printable(name)), file_->path(), at, {}});
  }

  /// That none of the tensors read since the last call has the name of an earlier one.
  Status check_names() {
    const std::size_t begin = checkpoint_.size() - names_at_.size();
    const auto second = checkpoint_.index_names();
    if (second) return twice(checkpoint_.at(*second).name, names_at_[*second - begin]);
    names_at_.clear();
    return {};
  }


  Status read_metadata(json value) {
    if (!value.is_object())
      return refuse(fmt::format("expected __metadata__ to be an object, came a {}", value.type_name()));
    for (const auto& [key, text] : value.items())
      if (!text.is_string())
        return refuse(
            fmt::format("expected __metadata__ '{}' to be a string, came a {}", printable(key), text.type_name()));
    checkpoint_.metadata_for_filling() = std::move(value);
    return {};
  }

  /// One that is not spelled as `PlainTensor` reads it.
  Status read_tensor(const json& value) {
    if (!value.is_object())
      return refuse(fmt::format("expected an object for tensor '{}', came a {}", shown(), value.type_name()));
    for (const char* field : {"dtype", "shape", "data_offsets"})
      if (!value.contains(field)) return refuse(fmt::format("tensor '{}' has no field '{}'", shown(), field));
    for (const auto& [field, ignored] : value.items())
      if (field != "dtype" && field != "shape" && field != "data_offsets")
        return refuse(fmt::format("tensor '{}' has the unknown field '{}'", shown(), printable(field)));
    const json& dtype = value["dtype"];
    if (!dtype.is_string())
      return refuse(fmt::format("expected the dtype of '{}' to be a string, came a {}", shown(), dtype.type_name()));
    stated_.dtype = dtype.get_ref<const std::string&>();
    VITRINE_CHECK(find_codec());
    VITRINE_CHECK(read_shape(value["shape"]));
    VITRINE_CHECK(read_offsets(value["data_offsets"]));
    return add_tensor();
  }

  Status read_shape(const json& shape) {
    if (!shape.is_array())
      return refuse(fmt::format("expected the shape of '{}' to be a list, came a {}", shown(), shape.type_name()));
    if (shape.size() > kMaxRank)
      return refuse(
          fmt::format("shape of '{}' has {} dimensions, at most {} are read (rank)", shown(), shape.size(), kMaxRank),
          8, ErrorCode::FileLimit);
    stated_.shape.clear();
    for (const json& n : shape) {
      if (!n.is_number_unsigned() || n.get<std::uint64_t>() > static_cast<std::uint64_t>(INT64_MAX))
        return refuse(fmt::format("shape of '{}' holds {}, expected whole numbers from 0 to 2^63-1", shown(),
                                  printable(n.dump())));
      stated_.shape.push_back(n.get<std::uint64_t>());
    }
    return {};
  }

  Status read_offsets(const json& offsets) {
    if (!offsets.is_array() || offsets.size() != 2) return wrong_offsets(offsets.dump(), "must be a list of two numbers");
    if (!offsets[0].is_number_unsigned() || !offsets[1].is_number_unsigned())
      return wrong_offsets(offsets.dump(), "must be whole numbers from 0 up");
    stated_.begin = offsets[0].get<std::uint64_t>();
    stated_.end = offsets[1].get<std::uint64_t>();
    return {};
  }

  [[nodiscard]] tl::unexpected<Error> wrong_offsets(const std::string& offsets, std::string_view why) const {
    return refuse(fmt::format("data_offsets of '{}' {} {}", shown(), printable(offsets), why));
  }

  Status find_codec() {
    if (codec_ != nullptr && codec_->name == stated_.dtype) return {};
    codec_ = safetensors_codec(stated_.dtype);
    if (codec_ != nullptr) {
      kind_ = checkpoint_.number_of_kind({std::string(codec_->name), path_, {codec_, file_, nullptr, {}}});
      return {};
    }
    return refuse(fmt::format("tensor '{}' has the unknown dtype '{}'", shown(), printable(stated_.dtype)), 8,
                  ErrorCode::Unsupported);
  }

  /// What is stated, held against the file.
  Status add_tensor() {
    VITRINE_CHECK(find_codec());
    const auto count = checked_numel(stated_.shape);
    if (!count) return refuse(fmt::format("shape of '{}' has more than 2^63 values", shown()));
    const std::uint64_t available = file_->size() - data_begin_;
    const auto offsets = [&] { return fmt::format("[{},{}]", stated_.begin, stated_.end); };
    if (stated_.begin > stated_.end) return wrong_offsets(offsets(), "end before they begin");
    if (stated_.end > available)
      return wrong_offsets(offsets(), fmt::format("reach past the {} bytes of data: the file is truncated or the offset is wrong", available));
    if (*count % codec_->block_values != 0)
      return refuse(fmt::format("tensor '{}' of dtype {} has {} values, whose size is not whole bytes", shown(),
                                codec_->name, *count));
    const auto bytes = codec_->bytes_for(*count);
    if (const std::uint64_t given = stated_.end - stated_.begin; !bytes || *bytes != given)
      return refuse(fmt::format("shape of '{}' and dtype {} need {} bytes, data_offsets give {}", shown(), codec_->name,
                                bytes ? fmt::format("{}", *bytes) : "more than 2^64", given));
    axes_.assign(stated_.shape.begin(), stated_.shape.end());
    names_at_.push_back(name_at_);
    return checkpoint_.append(name_, axes_, data_begin_ + stated_.begin, *bytes, kind_);
  }

  /// Numbers of the tensors as their values lie; empty if they are listed so.
  [[nodiscard]] std::vector<std::uint32_t> order_of_values() const {
    const auto rows = checkpoint_.packed().rows();
    const auto before = [](const PackedRow& a, const PackedRow& b) {
      return a.offset != b.offset ? a.offset < b.offset : a.bytes < b.bytes;
    };
    if (std::is_sorted(rows.begin(), rows.end(), before)) return {};
    std::vector<std::uint32_t> order(rows.size());
    std::iota(order.begin(), order.end(), 0U);
    std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) { return before(rows[a], rows[b]); });
    return order;
  }

  Status check_ranges() {
    const PackedTensors& tensors = checkpoint_.packed();
    const std::vector<std::uint32_t> order = order_of_values();
    std::uint64_t at = data_begin_;
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      const std::size_t number = order.empty() ? i : order[i];
      const auto name = [&] { return printable(tensors.name(number)); };
      const PackedRow& row = tensors[number];
      if (row.offset < at) return refuse(fmt::format("data_offsets of '{}' overlap the tensor before it", name()), row.offset);
      if (row.offset > at) return refuse(fmt::format("data_offsets leave a hole of {} bytes before '{}'", row.offset - at, name()), at);
      at += row.bytes;
    }
    if (at != file_->size())
      return refuse(fmt::format("{} trailing bytes after the end of the last tensor", file_->size() - at), at);
    return {};
  }

  std::shared_ptr<const MappedFile> file_;
  SharedText path_;
  MappedCheckpoint checkpoint_;
  std::uint64_t data_begin_ = 0;
  bool has_metadata_ = false;
  std::string name_;               ///< of the tensor that is being read
  std::uint64_t name_at_ = 0;
  Stated stated_;
  const Codec* codec_ = nullptr;   ///< of the tensor read last
  std::uint32_t kind_ = 0;
  std::vector<std::int64_t> axes_;
  std::vector<std::uint64_t> names_at_;   ///< of the last tensors, whose names have not been looked at
};

}  // namespace

Result<MappedCheckpoint> read_safetensors(std::shared_ptr<const MappedFile> file) {
  return SafetensorsReader(std::move(file)).read();
}

Result<MappedCheckpoint> read_safetensors_index(const std::filesystem::path& index) {
  return read_weight_index(index, "safetensors", read_safetensors);
}

}  // namespace vitrine::engine
