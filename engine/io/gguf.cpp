#include "engine/io/gguf.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "engine/core/memory.h"
#include "engine/io/bytes.h"

namespace vitrine::engine {
namespace {

using nlohmann::json;

constexpr int kMaxArrayDepth = 8;
constexpr std::uint64_t kMaxKey = 4096, kMaxTensorName = 63, kMaxTensors = 1U << 20, kMaxParts = 4096;
constexpr std::uint64_t kSpareBytes = 160U << 20;

enum ValueType : std::uint32_t {
  kU8, kI8, kU16, kI16, kU32, kI32, kF32, kBool, kString, kArray, kU64, kI64, kF64, kValueTypes,
};

constexpr std::uint64_t kValueBytes[kValueTypes] = {1, 1, 2, 2, 4, 4, 4, 1, 8, 12, 8, 8, 8};

class GgufReader {
 public:
  explicit GgufReader(std::shared_ptr<const MappedFile> file)
      : file_(std::move(file)), bytes_(file_->bytes()), budget_(file_->size() + kSpareBytes), checkpoint_("gguf") {}

  Result<MappedCheckpoint> read() {
    checkpoint_.add_file(file_->path());
    VITRINE_CHECK(read_preamble());
    for (std::uint64_t i = 0; i < pairs_; ++i) VITRINE_CHECK(read_pair());
    VITRINE_CHECK(read_alignment());
    for (std::uint64_t i = 0; i < tensors_; ++i) VITRINE_CHECK(read_tensor_info());
    VITRINE_CHECK(place_tensors());
    checkpoint_.metadata_for_filling()["GGUF.version"] = version_;
    return std::move(checkpoint_);
  }

 private:
  struct Info {
    TensorEntry entry;
    const Codec* codec;
  };

  [[nodiscard]] tl::unexpected<Error> refuse(std::string message, std::uint64_t at,
                                             ErrorCode code = ErrorCode::FileFormat) const {
    return fail_file(code, file_->path(), std::move(message), at);
  }
  [[nodiscard]] tl::unexpected<Error> cut(std::string_view what) const {
    return refuse(fmt::format("truncated: the file ends inside {}", what), at_);
  }
  [[nodiscard]] std::uint64_t left() const { return bytes_.size() - at_; }

  template <class T>
  Result<T> number(std::string_view what) {
    if (left() < sizeof(T)) return cut(what);
    const T value = load_le<T>(bytes_.data() + at_);
    at_ += sizeof(T);
    return value;
  }

  Result<std::string_view> string(std::string_view what, std::uint64_t limit) {
    const std::uint64_t begin = at_;
    VITRINE_TRY(const auto length, number<std::uint64_t>(fmt::format("the length of {}", what)));
    if (length > left())
      return refuse(fmt::format("{}: string length {} reaches past the end of the file", what, length), begin);
    if (length > limit)
      return refuse(fmt::format("{} has a length of {} bytes, at most {} are read", what, length, limit), begin,
                    ErrorCode::FileLimit);
    const std::string_view text = as_text(bytes_.subspan(at_, length));
    at_ += length;
    return text;
  }

  Status spend(std::uint64_t bytes) {
    ask_memory();
    if (bytes > budget_)
      return refuse("metadata unfolds to more than 160 MB beyond the size of the file (count of array elements)", at_,
                    ErrorCode::FileLimit);
    budget_ -= bytes;
    return {};
  }

  Status read_preamble() {
    if (bytes_.size() < 4)
      return refuse(fmt::format("expected the magic 'GGUF', the file is too short: {} bytes (empty or truncated)",
                                bytes_.size()),
                    0);
    const std::string_view magic = as_text(bytes_.first(4));
    if (magic == "FUGG") return refuse("a big-endian GGUF file; only little-endian is read", 0, ErrorCode::Unsupported);
    if (magic != "GGUF") return refuse(fmt::format("expected the magic 'GGUF', came '{}'", printable(magic)), 0);
    at_ = 4;
    VITRINE_TRY(version_, number<std::uint32_t>("the version"));
    if ((version_ & 0xFFFFU) == 0 && version_ != 0)
      return refuse("the version is written big-endian; only little-endian files are read", 4, ErrorCode::Unsupported);
    if (version_ != 2 && version_ != 3)
      return refuse(fmt::format("expected version 2 or 3, came version {}", version_), 4, ErrorCode::Unsupported);
    VITRINE_TRY(tensors_, number<std::uint64_t>("the tensor count"));
    VITRINE_TRY(pairs_, number<std::uint64_t>("the key/value count"));
    // A pair takes 13 bytes at least (key length, one character, type, value), a tensor 32.
    if (pairs_ > left() / 13)
      return refuse(fmt::format("metadata count {} cannot fit before the end of the file", pairs_), 16);
    if (tensors_ > left() / 32)
      return refuse(fmt::format("tensor count {} cannot fit before the end of the file", tensors_), 8);
    if (tensors_ > kMaxTensors)
      return refuse(fmt::format("tensor count {} is above the limit of {}", tensors_, kMaxTensors), 8,
                    ErrorCode::FileLimit);
    return {};
  }

  Status read_pair() {
    const std::uint64_t begin = at_;
    VITRINE_TRY(const auto key, string("metadata key", kMaxKey));
    if (key.empty()) return refuse("an empty metadata key", begin);
    if (!is_utf8(key)) return refuse(fmt::format("metadata key '{}' is not UTF-8", printable(key)), begin);
    if (key.find('\0') != std::string_view::npos)
      return refuse(fmt::format("metadata key '{}' holds a NUL byte", printable(key)), begin);
    VITRINE_TRY(const auto type, number<std::uint32_t>("a metadata value type"));
    if (key == "general.alignment" && type != kU32)
      return refuse(fmt::format("expected general.alignment to be of type 4 (uint32), came type {}", type), at_ - 4);
    VITRINE_CHECK(spend(160 + key.size()));
    json value;
    VITRINE_CHECK(read_value(key, type, 0, value));
    auto& members = checkpoint_.metadata_for_filling().get_ref<json::object_t&>();
    if (!members.emplace(std::string(key), std::move(value)).second)
      return refuse(fmt::format("duplicate: the metadata key '{}' stands twice", printable(key)), begin);
    return {};
  }

  Status read_value(std::string_view key, std::uint32_t type, int depth, json& out) {
    const auto read = [&]<class T>(T) -> Status {
      VITRINE_TRY(const T value, number<T>(fmt::format("the value of '{}'", printable(key))));
      out = value;
      return {};
    };
    switch (type) {
      case kU8: return read(std::uint8_t{});
      case kI8: return read(std::int8_t{});
      case kU16: return read(std::uint16_t{});
      case kI16: return read(std::int16_t{});
      case kU32: return read(std::uint32_t{});
      case kI32: return read(std::int32_t{});
      case kU64: return read(std::uint64_t{});
      case kI64: return read(std::int64_t{});
      case kF64: return read(double{});
      case kF32: {
        VITRINE_TRY(const auto value, number<float>(fmt::format("the value of '{}'", printable(key))));
        out = static_cast<double>(value);
        return {};
      }
      case kBool: {
        VITRINE_TRY(const auto value, number<std::uint8_t>(fmt::format("the value of '{}'", printable(key))));
        if (value > 1)
          return refuse(fmt::format("expected the bool of '{}' to be 0 or 1, came {}", printable(key), value),
                        at_ - 1);
        out = value == 1;
        return {};
      }
      case kString: return read_string(key, out);
      case kArray: return read_array(key, depth, out);
      default: return refuse(fmt::format("value type {} of '{}' does not exist", type, printable(key)), at_ - 4);
    }
  }

  Status read_string(std::string_view key, json& out) {
    VITRINE_TRY(const auto text, string(fmt::format("string value of '{}'", printable(key)), UINT64_MAX));
    VITRINE_CHECK(spend(48 + text.size()));
    if (is_utf8(text)) {
      out = std::string(text);
      return {};
    }
    if (broken_text_.emplace(key).second)
      checkpoint_.warn(fmt::format(
          "'{}' holds text that is not UTF-8 (a token or string of bytes); shown with replacement characters",
          printable(key)));
    out = repaired_utf8(text);
    return {};
  }

  Status read_array(std::string_view key, int depth, json& out) {
    if (depth >= kMaxArrayDepth)
      return refuse(fmt::format("'{}' is an array nested more than {} levels deep", printable(key), kMaxArrayDepth),
                    at_, ErrorCode::FileLimit);
    const std::uint64_t begin = at_;
    VITRINE_TRY(const auto type, number<std::uint32_t>("an array's element type"));
    VITRINE_TRY(const auto count, number<std::uint64_t>("an array's count"));
    if (type >= kValueTypes)
      return refuse(fmt::format("array element type {} of '{}' does not exist", type, printable(key)), begin);
    if (count > left() / kValueBytes[type])
      return refuse(
          fmt::format("array '{}' has a count of {}, which reaches past the end of the file", printable(key), count),
          begin + 4);
    VITRINE_CHECK(spend(64 + count * sizeof(json)));
    out = json::array();
    auto& items = out.get_ref<json::array_t&>();
    items.resize(count);
    for (json& item : items) VITRINE_CHECK(read_value(key, type, depth + 1, item));
    return {};
  }

  Status read_alignment() {
    const auto found = checkpoint_.metadata().find("general.alignment");
    if (found == checkpoint_.metadata().end()) return {};
    const auto value = found->get<std::uint32_t>();
    if (value < 8 || value > 65536 || (value & (value - 1)) != 0)
      return refuse(fmt::format("general.alignment {} is not a power of two from 8 to 65536", value), at_);
    alignment_ = value;
    return {};
  }

  Status read_tensor_info() {
    const std::uint64_t begin = at_;
    VITRINE_TRY(const auto name, string("tensor name", kMaxTensorName));
    const std::string shown = printable(name);
    if (name.empty()) return refuse("a tensor without a name", begin);
    if (!is_utf8(name) || name.find('\0') != std::string_view::npos)
      return refuse(fmt::format("tensor name '{}' is not UTF-8 text without NUL", shown), begin);
    VITRINE_TRY(const auto rank, number<std::uint32_t>("a tensor's number of dimensions"));
    if (rank < 1 || rank > 4)
      return refuse(fmt::format("tensor '{}' has {} dimensions, expected 1 to 4", shown, rank), at_ - 4);
    std::vector<std::uint64_t> dims;
    for (std::uint32_t i = 0; i < rank; ++i) {
      VITRINE_TRY(const auto n, number<std::uint64_t>("a tensor's dimensions"));
      if (n == 0 || n > static_cast<std::uint64_t>(INT64_MAX))
        return refuse(fmt::format("dimension {} of '{}' is {}, expected 1 to 2^63-1", i, shown, n), at_ - 8);
      dims.push_back(n);
    }
    const auto count = checked_numel(dims);
    if (!count) return refuse(fmt::format("the dimensions of '{}' overflow: more than 2^63 elements", shown), at_);
    VITRINE_TRY(const auto type, number<std::uint32_t>("a tensor's type"));
    const Codec* codec = gguf_codec(type);
    if (codec == nullptr)
      return refuse(fmt::format("tensor '{}' has type {}, which is retired or unknown", shown, type), at_ - 4,
                    ErrorCode::Unsupported);
    if (dims[0] % codec->block_values != 0)
      return refuse(fmt::format("the first dimension {} of '{}' is not a multiple of the block of {} ({} values)",
                                dims[0], shown, codec->name, codec->block_values),
                    at_);
    const auto size = codec->bytes_for(*count);
    if (!size) return refuse(fmt::format("the size of '{}' overflows 64 bits", shown), at_);
    VITRINE_TRY(const auto offset, number<std::uint64_t>("a tensor's offset"));
    Info info{{std::string(name), std::string(codec->name), {}, offset, *size, file_->path()}, codec};
    for (auto n = dims.rbegin(); n != dims.rend(); ++n) info.entry.shape.push_back(static_cast<std::int64_t>(*n));
    infos_.push_back(std::move(info));
    return {};
  }

  Status place_tensors() {
    const std::uint64_t data = (at_ + alignment_ - 1) / alignment_ * alignment_;
    if (infos_.empty()) return {};
    for (Info& info : infos_) {
      const std::uint64_t offset = info.entry.offset;
      const std::string shown = printable(info.entry.name);
      if (offset % alignment_ != 0)
        return refuse(fmt::format("the offset {} of '{}' is not aligned to {} bytes", offset, shown, alignment_), at_);
      const auto end = checked_add(offset, info.entry.bytes);
      if (!end || data > bytes_.size() || *end > bytes_.size() - data)
        return refuse(fmt::format("'{}' (size {} bytes at offset {}) reaches past the end of the file: truncated",
                                  shown, info.entry.bytes, offset),
                      at_);
      info.entry.offset += data;
    }
    std::vector<const Info*> order;
    for (const Info& info : infos_) order.push_back(&info);
    std::sort(order.begin(), order.end(),
              [](const Info* a, const Info* b) { return a->entry.offset < b->entry.offset; });
    std::uint64_t expected = data;
    for (const Info* info : order) {
      const std::string shown = printable(info->entry.name);
      const std::uint64_t offset = info->entry.offset;
      if (offset < last_end_)
        return refuse(fmt::format("'{}' at offset {} overlaps the tensor before it", shown, offset - data), offset);
      if (offset > expected)
        checkpoint_.warn(
            fmt::format("a gap of {} unused bytes before '{}' (offset {})", offset - expected, shown, offset));
      last_end_ = offset + info->entry.bytes;
      expected = (last_end_ + alignment_ - 1) / alignment_ * alignment_;
    }
    if (bytes_.size() > expected)
      checkpoint_.warn(fmt::format("{} trailing bytes after the end of the last tensor", bytes_.size() - expected));
    for (Info& info : infos_) VITRINE_CHECK(checkpoint_.add(info.entry, {info.codec, file_, nullptr, {}}));
    return {};
  }

  std::shared_ptr<const MappedFile> file_;
  std::span<const std::byte> bytes_;
  std::uint64_t budget_, at_ = 0, tensors_ = 0, pairs_ = 0, alignment_ = 32, last_end_ = 0;
  std::uint32_t version_ = 0;
  std::vector<Info> infos_;
  std::set<std::string, std::less<>> broken_text_;
  MappedCheckpoint checkpoint_;
};

/// Whole number at `key` of the metadata; 0 if there is none.
std::uint64_t count_at(const json& metadata, const char* key) {
  const auto found = metadata.find(key);
  if (found == metadata.end() || !found->is_number_integer()) return 0;
  return found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}

std::string part_name(std::string_view stem, std::uint64_t part, std::uint64_t parts) {
  return fmt::format("{}-{:05}-of-{:05}.gguf", stem, part, parts);
}

/// Opens the other parts of a split model, in order, and joins them.
Result<MappedCheckpoint> join_parts(MappedCheckpoint first, const std::string& path) {
  const std::uint64_t parts = count_at(first.metadata(), "split.count");
  const std::uint64_t number = count_at(first.metadata(), "split.no");
  const auto refuse = [&](std::string message) { return fail_file(ErrorCode::FileFormat, path, std::move(message)); };
  if (number >= parts) return refuse(fmt::format("split.no {} is not below split.count {}", number, parts));
  if (parts > kMaxParts)
    return refuse(fmt::format("split.count {} is above the limit of {}: parts are missing", parts, kMaxParts));
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  const std::string name = std::filesystem::path(path).filename().string();
  const std::string tail = part_name("", number + 1, parts);
  if (!name.ends_with(tail))
    return refuse(fmt::format(
        "part {} of a split model must be called '...{}' (split.no, split.count); the other parts are missing",
        number + 1, tail));
  const std::string stem = name.substr(0, name.size() - tail.size());
  MappedCheckpoint whole("gguf");
  for (std::uint64_t i = 0; i < parts; ++i) {
    if (i == number) {
      if (i == 0) whole.metadata_for_filling() = first.metadata();
      VITRINE_CHECK(whole.absorb(std::move(first)));
      continue;
    }
    const std::string part = part_name(stem, i + 1, parts);
    auto file = MappedFile::open(folder / part);
    if (!file) return refuse(fmt::format("part '{}' of the split model is missing", part));
    VITRINE_TRY(auto checkpoint, GgufReader(std::move(*file)).read());
    if (count_at(checkpoint.metadata(), "split.no") != i || count_at(checkpoint.metadata(), "split.count") != parts)
      return refuse(fmt::format("'{}' says that it is another split part", part));
    if (i == 0) whole.metadata_for_filling() = checkpoint.metadata();
    VITRINE_CHECK(whole.absorb(std::move(checkpoint)));
  }
  const std::uint64_t total = count_at(whole.metadata(), "split.tensors.count");
  if (total != 0 && total != whole.size())
    whole.warn(fmt::format("split.tensors.count is {}, the parts hold {}", total, whole.size()));
  return whole;
}

}  // namespace

Result<MappedCheckpoint> read_gguf(std::shared_ptr<const MappedFile> file) {
  const std::string path = file->path();
  VITRINE_TRY(auto checkpoint, GgufReader(std::move(file)).read());
  if (count_at(checkpoint.metadata(), "split.count") > 1) {
    VITRINE_TRY(checkpoint, join_parts(std::move(checkpoint), path));
  }
  auto warnings = check_gguf_metadata(checkpoint.metadata(), checkpoint.tensors());
  if (!warnings) {
    warnings.error().file = path;
    return tl::unexpected(std::move(warnings.error()));
  }
  for (auto& warning : *warnings) checkpoint.warn(std::move(warning));
  return checkpoint;
}

}  // namespace vitrine::engine
