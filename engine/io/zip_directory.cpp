#include "engine/io/zip_directory.h"

#include <algorithm>
#include <new>
#include <numeric>
#include <optional>

#include <fmt/format.h>
#include <zlib.h>

#include "engine/io/bytes.h"

namespace vitrine::engine {
namespace {

constexpr std::uint64_t kEndSize = 22;
constexpr std::uint64_t kMaxComment = 65'535;
constexpr std::uint64_t kCentralSize = 46;
constexpr std::uint64_t kLocalSize = 30;
constexpr std::uint64_t kMaxMembers = 1'000'000;
constexpr std::size_t kMaxName = 1024;
constexpr std::uint32_t kFull32 = 0xFFFFFFFF;
constexpr std::uint16_t kFull16 = 0xFFFF;
constexpr std::string_view kEndMagic = "PK\x05\x06";
constexpr std::string_view kEnd64Magic = "PK\x06\x06";
constexpr std::string_view kLocatorMagic = "PK\x06\x07";
constexpr std::string_view kCentralMagic = "PK\x01\x02";
constexpr std::string_view kLocalMagic = "PK\x03\x04";
constexpr std::string_view kDescriptorMagic = "PK\x07\x08";

constexpr unsigned kEncrypted = 0x0001 | 0x0040 | 0x2000;
constexpr unsigned kHasDescriptor = 0x0008;

/// Sizes and offset of a member, possibly moved to the zip64 extra field.
struct Sizes {
  std::uint64_t bytes = 0;
  std::uint64_t stored = 0;
  std::uint64_t header = 0;
};

/// Replaces what is saturated by the zip64 extra field. False if the field is missing or too short.
bool widen(std::string_view extra, Sizes& sizes, bool with_header) {
  std::vector<std::uint64_t*> wide;
  for (std::uint64_t* value : {&sizes.bytes, &sizes.stored})
    if (*value == kFull32) wide.push_back(value);
  if (with_header && sizes.header == kFull32) wide.push_back(&sizes.header);
  if (wide.empty()) return true;
  while (extra.size() >= 4) {
    const auto id = load_le<std::uint16_t>(extra.data());
    const std::size_t length = load_le<std::uint16_t>(extra.data() + 2);
    if (length > extra.size() - 4) return false;
    if (id == 1) {
      if (length < wide.size() * 8) return false;
      for (std::size_t i = 0; i < wide.size(); ++i) *wide[i] = load_le<std::uint64_t>(extra.data() + 4 + 8 * i);
      return true;
    }
    extra.remove_prefix(4 + length);
  }
  return false;
}

/// Why a member's name cannot be trusted as a name inside the archive; empty if it can.
std::string_view wrong_name(std::string_view name) {
  if (name.empty()) return "is empty";
  if (name.size() > kMaxName) return "is too long (limit 1024 bytes)";
  if (name.find('\0') != std::string_view::npos) return "holds a NUL";
  if (!is_utf8(name)) return "is not UTF-8";
  if (name.find('\\') != std::string_view::npos) return "holds a back slash";
  if (name.front() == '/') return "is an absolute path";
  if (name.size() > 1 && name[1] == ':') return "begins with a drive letter";
  for (std::size_t at = 0; at <= name.size();) {
    const std::size_t end = std::min(name.find('/', at), name.size());
    if (name.substr(at, end - at) == "..") return "is a path that leads up";
    at = end + 1;
  }
  return {};
}

}  // namespace

/// Reads the end record, the directory and the local headers, in that order.
class ZipDirectoryReader {
 public:
  explicit ZipDirectoryReader(std::shared_ptr<const MappedFile> file) : text_(as_text(file->bytes())) {
    zip_.file_ = std::move(file);
  }

  Result<ZipDirectory> read() {
    VITRINE_CHECK(find_end());
    VITRINE_CHECK(read_end());
    std::uint64_t at = begin_;
    for (std::uint64_t i = 0; i < count_; ++i) VITRINE_CHECK(read_member(at));
    if (at != begin_ + size_)
      return refuse(fmt::format("the zip central directory has {} bytes beyond its {} members", begin_ + size_ - at,
                                count_), at);
    VITRINE_CHECK(check_overlaps());
    return std::move(zip_);
  }

 private:
  [[nodiscard]] tl::unexpected<Error> refuse(std::string message, std::uint64_t at,
                                             ErrorCode code = ErrorCode::FileFormat) const {
    return fail_file(code, zip_.file_->path(), std::move(message), at);
  }
  template <class T>
  [[nodiscard]] T load(std::uint64_t at) const {
    return load_le<T>(text_.data() + at);
  }
  [[nodiscard]] bool stands(std::string_view magic, std::uint64_t at) const {
    return at <= text_.size() && text_.substr(at, magic.size()) == magic;
  }

  /// One record whose comment ends with the file, and no other signature of one after it.
  Status find_end() {
    const std::uint64_t total = text_.size();
    const std::uint64_t from = total > kEndSize + kMaxComment ? total - kEndSize - kMaxComment : 0;
    std::vector<std::uint64_t> seen, whole;
    for (std::size_t at = text_.find(kEndMagic, from); at != std::string_view::npos;
         at = text_.find(kEndMagic, at + 1)) {
      seen.push_back(at);
      if (total - at >= kEndSize && at + kEndSize + load<std::uint16_t>(at + 20) == total) whole.push_back(at);
    }
    if (seen.empty())
      return refuse(fmt::format("the zip archive has no end record in its {} bytes: truncated", total), total);
    if (whole.empty())
      return refuse("the comment of the zip end record does not end with the file: truncated, or bytes trail after "
                    "the archive",
                    seen.back());
    if (whole.size() > 1 || whole.back() != seen.back())
      return refuse("two zip end records: the archive can be read in two ways", seen.back());
    end_ = whole.back();
    return {};
  }

  Status read_end() {
    const auto disk = load<std::uint16_t>(end_ + 4), first_disk = load<std::uint16_t>(end_ + 6);
    const auto count_here = load<std::uint16_t>(end_ + 8), count = load<std::uint16_t>(end_ + 10);
    const auto size = load<std::uint32_t>(end_ + 12), begin = load<std::uint32_t>(end_ + 16);
    count_ = count;
    size_ = size;
    begin_ = begin;
    std::uint64_t directory_end = end_;
    const bool full = count == kFull16 || size == kFull32 || begin == kFull32;
    if (end_ >= 20 && stands(kLocatorMagic, end_ - 20)) {
      VITRINE_CHECK(read_end64(directory_end));
      if ((count != kFull16 && count != count_) || (size != kFull32 && size != size_) ||
          (begin != kFull32 && begin != begin_))
        return refuse("the zip64 end record and the plain one disagree", end_);
    } else if (full) {
      return refuse("the zip end record points to a zip64 record that is not there", end_);
    }
    const bool plain_disk = (disk == 0 || disk == kFull16) && (first_disk == 0 || first_disk == kFull16);
    if (!plain_disk || count_here != count)
      return refuse("the zip end record speaks of several disks, or its member counts differ", end_ + 4);
    const auto stop = checked_add(begin_, size_);
    if (!stop || *stop != directory_end)
      return refuse(fmt::format("the zip central directory at offset {} of {} bytes does not end at its end record ({})",
                                begin_, size_, directory_end), end_);
    if (count_ > kMaxMembers || count_ > size_ / kCentralSize)
      return refuse(fmt::format("the zip end record counts {} members, the central directory of {} bytes holds fewer",
                                count_, size_), end_ + 8);
    return {};
  }

  Status read_end64(std::uint64_t& directory_end) {
    const std::uint64_t locator = end_ - 20;
    const auto at = load<std::uint64_t>(locator + 8);
    if (at > locator || locator - at < 56 || !stands(kEnd64Magic, at))
      return refuse(fmt::format("the zip64 locator points to {}, where no zip64 end record is", at), locator);
    const auto length = load<std::uint64_t>(at + 4);
    if (length != locator - at - 12)
      return refuse("the zip64 end record does not end at its locator", at);
    if (load<std::uint32_t>(at + 16) != 0 || load<std::uint32_t>(at + 20) != 0 || load<std::uint32_t>(locator + 4) != 0)
      return refuse("the zip64 end record speaks of several disks", at + 16);
    count_ = load<std::uint64_t>(at + 32);
    if (load<std::uint64_t>(at + 24) != count_)
      return refuse("the member counts of the zip64 end record differ", at + 24);
    size_ = load<std::uint64_t>(at + 40);
    begin_ = load<std::uint64_t>(at + 48);
    directory_end = at;
    return {};
  }

  Status read_member(std::uint64_t& at) {
    const std::uint64_t end = begin_ + size_;
    if (end - at < kCentralSize || !stands(kCentralMagic, at))
      return refuse("expected an entry of the zip central directory", at);
    const std::uint64_t name_size = load<std::uint16_t>(at + 28), extra_size = load<std::uint16_t>(at + 30);
    const std::uint64_t whole = kCentralSize + name_size + extra_size + load<std::uint16_t>(at + 32);
    if (whole > end - at) return refuse("an entry reaches past the end of the zip central directory", at);
    ZipMember member;
    member.name = text_.substr(at + kCentralSize, name_size);
    const std::string shown = printable(member.name);
    if (const auto wrong = wrong_name(member.name); !wrong.empty())
      return refuse(fmt::format("the zip member name '{}' {}", shown, wrong), at + kCentralSize);
    const auto flags = load<std::uint16_t>(at + 8), method = load<std::uint16_t>(at + 10);
    if ((flags & kEncrypted) != 0)
      return refuse(fmt::format("the zip member '{}' is encrypted", shown), at + 8, ErrorCode::Unsupported);
    if (method != 0 && method != 8)
      return refuse(fmt::format("the zip member '{}' has the compression method {}, expected 0 (stored) or 8 (deflate)",
                                shown, method), at + 10, ErrorCode::Unsupported);
    if (load<std::uint16_t>(at + 34) != 0)
      return refuse(fmt::format("the zip member '{}' is on another disk", shown), at + 34);
    if ((load<std::uint32_t>(at + 38) >> 16 & 0xF000U) == 0xA000U)
      return refuse(fmt::format("the zip member '{}' is a symbolic link", shown), at + 38, ErrorCode::Unsupported);
    Sizes sizes{load<std::uint32_t>(at + 24), load<std::uint32_t>(at + 20), load<std::uint32_t>(at + 42)};
    if (!widen(text_.substr(at + kCentralSize + name_size, extra_size), sizes, true))
      return refuse(fmt::format("the zip64 extra field of '{}' does not hold its size and offset", shown), at);
    member.crc = load<std::uint32_t>(at + 16);
    member.deflated = method == 8;
    member.bytes = sizes.bytes;
    member.stored = sizes.stored;
    member.header = sizes.header;
    if (!member.deflated && member.bytes != member.stored)
      return refuse(fmt::format("the stored zip member '{}' has two sizes, {} and {}", shown, member.stored,
                                member.bytes), at + 20);
    VITRINE_CHECK(read_local(member, flags, method));
    if (!zip_.index_.emplace(member.name, zip_.members_.size()).second)
      return refuse(fmt::format("duplicate: two zip members are named '{}'", shown), at);
    zip_.members_.push_back(std::move(member));
    at += whole;
    return {};
  }

  /// The local header must say what the directory says; sizes may be left to a data descriptor.
  Status read_local(ZipMember& member, std::uint16_t flags, std::uint16_t method) {
    const std::uint64_t at = member.header;
    const std::string shown = printable(member.name);
    if (at > begin_ || begin_ - at < kLocalSize || !stands(kLocalMagic, at))
      return refuse(fmt::format("the zip directory gives '{}' the offset {}, where no local header is", shown, at),
                    std::min<std::uint64_t>(at, text_.size()));
    const std::uint64_t name_size = load<std::uint16_t>(at + 26), extra_size = load<std::uint16_t>(at + 28);
    member.offset = at + kLocalSize + name_size + extra_size;
    if (member.offset > begin_ || member.stored > begin_ - member.offset)
      return refuse(fmt::format("the zip member '{}' of {} bytes reaches past the records' end ({})", shown,
                                member.stored, begin_), at);
    if (text_.substr(at + kLocalSize, name_size) != member.name)
      return refuse(fmt::format("the zip member '{}' has another name in its local header", shown), at + kLocalSize);
    const auto local_flags = load<std::uint16_t>(at + 6);
    if (load<std::uint16_t>(at + 8) != method || (local_flags & kEncrypted) != 0)
      return refuse(fmt::format("the zip member '{}' has another method in its local header", shown), at + 8);
    Sizes sizes{load<std::uint32_t>(at + 22), load<std::uint32_t>(at + 18), 0};
    const bool described = ((local_flags | flags) & kHasDescriptor) != 0;
    const bool left_open = described && sizes.bytes == 0 && sizes.stored == 0;
    if (!left_open && !widen(text_.substr(at + kLocalSize + name_size, extra_size), sizes, false) && !described)
      return refuse(fmt::format("the zip64 extra field in the local header of '{}' does not hold its size", shown), at);
    if (!left_open && (sizes.bytes != member.bytes || sizes.stored != member.stored) &&
        !(described && (sizes.bytes == kFull32 || sizes.bytes == 0)))
      return refuse(fmt::format("the zip member '{}' has another size in its local header", shown), at + 18);
    if (described && !descriptor_agrees(member))
      zip_.warnings_.push_back(fmt::format("the zip data descriptor after '{}' contradicts the directory", shown));
    return {};
  }

  /// A descriptor may have its magic or not, and 4- or 8-byte sizes.
  [[nodiscard]] bool descriptor_agrees(const ZipMember& member) const {
    std::uint64_t at = member.offset + member.stored;
    if (stands(kDescriptorMagic, at)) at += 4;
    if (begin_ - std::min(at, begin_) < 12 || load<std::uint32_t>(at) != member.crc) return false;
    const bool narrow = load<std::uint32_t>(at + 4) == member.stored && load<std::uint32_t>(at + 8) == member.bytes;
    const bool wide = begin_ - at >= 20 && load<std::uint64_t>(at + 4) == member.stored &&
                      load<std::uint64_t>(at + 12) == member.bytes;
    return narrow || wide;
  }

  Status check_overlaps() {
    std::vector<std::size_t> order(zip_.members_.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(),
              [&](std::size_t a, std::size_t b) { return zip_.members_[a].header < zip_.members_[b].header; });
    std::uint64_t end = 0;
    for (const std::size_t i : order) {
      const ZipMember& member = zip_.members_[i];
      if (member.header < end)
        return refuse(fmt::format("the zip member '{}' overlaps the one before it", printable(member.name)),
                      member.header);
      end = member.offset + member.stored;
    }
    if (!order.empty() && zip_.members_[order.front()].header != 0)
      zip_.warnings_.push_back(fmt::format("{} bytes before the first member of the zip archive",
                                           zip_.members_[order.front()].header));
    return {};
  }

  ZipDirectory zip_;
  std::string_view text_;
  std::uint64_t end_ = 0, begin_ = 0, size_ = 0, count_ = 0;
};

Result<ZipDirectory> ZipDirectory::read(std::shared_ptr<const MappedFile> file) {
  return ZipDirectoryReader(std::move(file)).read();
}

const ZipMember* ZipDirectory::find(const std::string& name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : &members_[found->second];
}

Result<std::span<const std::byte>> ZipDirectory::content(const ZipMember& member, std::uint64_t limit,
                                                         std::shared_ptr<const std::vector<std::byte>>& room) const {
  VITRINE_TRY(const auto stored, file_->range(member.offset, member.stored));
  if (!member.deflated) return stored;
  const auto broken = [&](std::string_view why) {
    return fail_file(ErrorCode::FileFormat, file_->path(),
                     fmt::format("the zip member '{}' does not inflate: {}", printable(member.name), why),
                     member.offset);
  };
  if (member.bytes > limit || member.stored > limit)
    return fail_file(ErrorCode::FileLimit, file_->path(),
                     fmt::format("the zip member '{}' inflates to {} bytes, above the limit of {}",
                                 printable(member.name), member.bytes, limit),
                     member.offset);
  // Deflate cannot shrink below 1:1032, so a stated size beyond that is a lie that need not be allocated.
  if (member.bytes / 1100 > member.stored) return broken("the stated size is more than deflate can hold");
  auto out = std::make_shared<std::vector<std::byte>>();
  out->resize(member.bytes);
  z_stream stream{};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) throw std::bad_alloc();
  std::byte nothing{};
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(stored.data()));
  stream.avail_in = static_cast<uInt>(stored.size());
  stream.next_out = reinterpret_cast<Bytef*>(out->empty() ? &nothing : out->data());
  stream.avail_out = static_cast<uInt>(out->size());
  const int code = inflate(&stream, Z_FINISH);
  const bool whole = stream.avail_out == 0 && stream.avail_in == 0;
  inflateEnd(&stream);
  if (code == Z_MEM_ERROR) throw std::bad_alloc();
  if (code == Z_BUF_ERROR || code == Z_OK) return broken("its size is not the stated one, or the stream ends early");
  if (code != Z_STREAM_END) return broken("the deflate stream is damaged");
  if (!whole) return broken("its size is not the stated one");
  room = std::move(out);
  return std::span<const std::byte>(*room);
}

Error ZipDirectory::in_member(Error error, const ZipMember& member) {
  if (!member.deflated || !error.offset || *error.offset < member.offset) return error;
  error.message += fmt::format(", {} bytes into what it inflates to", *error.offset - member.offset);
  error.offset = member.offset;
  return error;
}

bool ZipDirectory::crc_matches(const ZipMember& member, std::span<const std::byte> content) {
  return crc32_z(crc32_z(0, nullptr, 0), reinterpret_cast<const Bytef*>(content.data()), content.size()) == member.crc;
}

}  // namespace vitrine::engine
