#include "engine/io/safetensors.h"

#include <algorithm>

#include <fmt/format.h>

#include "engine/io/bytes.h"
#include "engine/io/json.h"
#include "engine/io/weight_index.h"

namespace vitrine::engine {
namespace {

using nlohmann::json;

constexpr std::uint64_t kMaxHeader = 100'000'000;
constexpr std::size_t kMaxRank = 64;

/// Reads the header of one file into a checkpoint.
class SafetensorsReader {
 public:
  explicit SafetensorsReader(std::shared_ptr<const MappedFile> file)
      : file_(std::move(file)), checkpoint_("safetensors") {}

  Result<MappedCheckpoint> read() {
    VITRINE_TRY(const json header, parse_header());
    checkpoint_.add_file(file_->path());
    for (const auto& [name, value] : header.items()) {
      if (name == "__metadata__") VITRINE_CHECK(read_metadata(value));
      else VITRINE_CHECK(read_tensor(name, value));
    }
    VITRINE_CHECK(check_ranges());
    return std::move(checkpoint_);
  }

 private:
  struct Range {
    std::uint64_t begin, end;
    std::string name;
    bool operator<(const Range& other) const {
      return begin != other.begin ? begin < other.begin : end < other.end;
    }
  };

  [[nodiscard]] tl::unexpected<Error> refuse(std::string message, std::uint64_t at = 8,
                                             ErrorCode code = ErrorCode::FileFormat) const {
    return fail_file(code, file_->path(), std::move(message), at);
  }

  Result<json> parse_header() {
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
    auto header = parse_json(text, file_->path());
    if (!header) {
      Error error = std::move(header.error());
      error.message = "safetensors header: " + error.message;
      if (error.offset) *error.offset += 8;
      return tl::unexpected(std::move(error));
    }
    return header;
  }

  Status read_metadata(const json& value) {
    if (!value.is_object())
      return refuse(fmt::format("expected __metadata__ to be an object, came a {}", value.type_name()));
    for (const auto& [key, text] : value.items())
      if (!text.is_string())
        return refuse(
            fmt::format("expected __metadata__ '{}' to be a string, came a {}", printable(key), text.type_name()));
    checkpoint_.metadata_for_filling() = value;
    return {};
  }

  Status read_tensor(const std::string& name, const json& value) {
    const std::string shown = printable(name);
    if (!value.is_object())
      return refuse(fmt::format("expected an object for tensor '{}', came a {}", shown, value.type_name()));
    for (const char* field : {"dtype", "shape", "data_offsets"})
      if (!value.contains(field)) return refuse(fmt::format("tensor '{}' has no field '{}'", shown, field));
    for (const auto& [field, ignored] : value.items())
      if (field != "dtype" && field != "shape" && field != "data_offsets")
        return refuse(fmt::format("tensor '{}' has the unknown field '{}'", shown, printable(field)));
    const json& dtype = value["dtype"];
    if (!dtype.is_string())
      return refuse(fmt::format("expected the dtype of '{}' to be a string, came a {}", shown, dtype.type_name()));
    const Codec* codec = safetensors_codec(dtype.get_ref<const std::string&>());
    if (codec == nullptr)
      return refuse(fmt::format("tensor '{}' has the unknown dtype '{}'", shown,
                                printable(dtype.get_ref<const std::string&>())),
                    8, ErrorCode::Unsupported);
    TensorEntry entry;
    entry.name = name;
    entry.dtype = codec->name;
    entry.file = file_->path();
    VITRINE_TRY(const std::uint64_t count, read_shape(shown, value["shape"], entry.shape));
    VITRINE_CHECK(read_offsets(shown, value["data_offsets"], entry));
    if (count % codec->block_values != 0)
      return refuse(fmt::format("tensor '{}' of dtype {} has {} values, whose size is not whole bytes", shown,
                                entry.dtype, count));
    const auto bytes = codec->bytes_for(count);
    if (!bytes || *bytes != entry.bytes)
      return refuse(fmt::format("shape of '{}' and dtype {} need {} bytes, data_offsets give {}", shown, entry.dtype,
                                bytes ? fmt::format("{}", *bytes) : "more than 2^64", entry.bytes));
    ranges_.push_back({entry.offset - data_begin_, entry.offset - data_begin_ + entry.bytes, name});
    return checkpoint_.add(std::move(entry), {codec, file_, nullptr, {}});
  }

  Result<std::uint64_t> read_shape(const std::string& shown, const json& shape, std::vector<std::int64_t>& out) const {
    if (!shape.is_array())
      return refuse(fmt::format("expected the shape of '{}' to be a list, came a {}", shown, shape.type_name()));
    if (shape.size() > kMaxRank)
      return refuse(
          fmt::format("shape of '{}' has {} dimensions, at most {} are read (rank)", shown, shape.size(), kMaxRank),
          8, ErrorCode::FileLimit);
    std::vector<std::uint64_t> sizes;
    for (const json& n : shape) {
      if (!n.is_number_unsigned() || n.get<std::uint64_t>() > static_cast<std::uint64_t>(INT64_MAX))
        return refuse(fmt::format("shape of '{}' holds {}, expected whole numbers from 0 to 2^63-1", shown,
                                  printable(n.dump())));
      sizes.push_back(n.get<std::uint64_t>());
      out.push_back(static_cast<std::int64_t>(sizes.back()));
    }
    const auto count = checked_numel(sizes);
    if (!count) return refuse(fmt::format("shape of '{}' has more than 2^63 values", shown));
    return *count;
  }

  Status read_offsets(const std::string& shown, const json& offsets, TensorEntry& entry) const {
    const auto wrong = [&](std::string_view why) {
      return refuse(fmt::format("data_offsets of '{}' {} {}", shown, printable(offsets.dump()), why));
    };
    if (!offsets.is_array() || offsets.size() != 2) return wrong("must be a list of two numbers");
    if (!offsets[0].is_number_unsigned() || !offsets[1].is_number_unsigned())
      return wrong("must be whole numbers from 0 up");
    const auto begin = offsets[0].get<std::uint64_t>(), end = offsets[1].get<std::uint64_t>();
    const std::uint64_t available = file_->size() - data_begin_;
    if (begin > end) return wrong("end before they begin");
    if (end > available)
      return wrong(
          fmt::format("reach past the {} bytes of data: the file is truncated or the offset is wrong", available));
    entry.offset = data_begin_ + begin;
    entry.bytes = end - begin;
    return {};
  }

  Status check_ranges() {
    std::sort(ranges_.begin(), ranges_.end());
    std::uint64_t at = 0;
    for (const Range& r : ranges_) {
      if (r.begin < at)
        return refuse(fmt::format("data_offsets of '{}' overlap the tensor before it", printable(r.name)),
                      data_begin_ + r.begin);
      if (r.begin > at)
        return refuse(
            fmt::format("data_offsets leave a hole of {} bytes before '{}'", r.begin - at, printable(r.name)),
            data_begin_ + at);
      at = r.end;
    }
    const std::uint64_t available = file_->size() - data_begin_;
    if (at != available)
      return refuse(fmt::format("{} trailing bytes after the end of the last tensor", available - at),
                    data_begin_ + at);
    return {};
  }

  std::shared_ptr<const MappedFile> file_;
  MappedCheckpoint checkpoint_;
  std::uint64_t data_begin_ = 0;
  std::vector<Range> ranges_;
};

}  // namespace

Result<MappedCheckpoint> read_safetensors(std::shared_ptr<const MappedFile> file) {
  return SafetensorsReader(std::move(file)).read();
}

Result<MappedCheckpoint> read_safetensors_index(const std::filesystem::path& index) {
  return read_weight_index(index, "safetensors", read_safetensors);
}

}  // namespace vitrine::engine
