#include "engine/io/npz.h"

#include <fmt/format.h>

#include "engine/io/bytes.h"
#include "engine/io/npy.h"

namespace vitrine::engine {
namespace {

constexpr std::uint64_t kMaxInflated = 96ULL << 20;
constexpr std::uint64_t kMaxChecked = 32ULL << 20;
constexpr std::uint64_t kLarge = 16ULL << 20;
constexpr std::uint64_t kMaxRatio = 100;
constexpr std::string_view kExtension = ".npy";

const Codec* npy_codec(const NpyLayout& npy) {
  if (npy.kind == 'b') return torch_codec("bool");
  const char* kind = npy.kind == 'f' ? "float" : npy.kind == 'c' ? "complex" : npy.kind == 'u' ? "uint" : "int";
  return torch_codec(fmt::format("{}{}", kind, 8 * npy.element_bytes));
}

/// Where an array's bytes are: in the file from `base` on, or inflated.
struct ArrayPlace {
  std::shared_ptr<const MappedFile> file;
  std::uint64_t base = 0;
  std::shared_ptr<const std::vector<std::byte>> inflated;
};

Status add_array(std::string name, std::span<const std::byte> bytes, const ArrayPlace& place, MappedCheckpoint& out) {
  VITRINE_TRY(auto npy, parse_npy(bytes, place.file->path(), place.base));
  TensorEntry entry;
  entry.name = std::move(name);
  entry.dtype = npy.header.descr;
  entry.shape = npy.header.shape;
  entry.offset = place.base + (place.inflated ? 0 : npy.header.offset);
  entry.bytes = npy.count * npy.element_bytes;
  entry.file = place.file->path();
  TensorSource source;
  source.codec = npy_codec(npy);
  source.big_endian = npy.big_endian;
  if (npy.header.fortran_order && npy.count > 0) {
    std::int64_t stride = 1;
    for (const std::int64_t n : entry.shape) {
      source.strides.push_back(stride);
      stride *= n;
    }
  }
  if (place.inflated) {
    source.decoded = place.inflated;
    source.decoded_at = npy.header.offset;
  } else {
    source.file = place.file;
  }
  return out.add(std::move(entry), std::move(source));
}

}  // namespace

Result<MappedCheckpoint> read_npz(const ZipDirectory& zip) {
  MappedCheckpoint out("npz");
  out.add_file(zip.file()->path());
  for (const auto& warning : zip.warnings()) out.warn(warning);
  std::uint64_t inflated = 0, checked = 0;
  for (const ZipMember& member : zip.members()) {
    ArrayPlace place{zip.file(), member.offset, nullptr};
    VITRINE_TRY(const auto bytes, zip.content(member, kMaxInflated - inflated, place.inflated));
    if (member.deflated) inflated += member.bytes;
    if (member.bytes > kLarge && member.bytes / member.stored > kMaxRatio)
      out.warn(fmt::format("the member '{}' inflates {}:1 to the size of {} bytes", printable(member.name),
                           member.bytes / member.stored, member.bytes));
    if (member.bytes <= kMaxChecked - checked) {
      checked += member.bytes;
      if (!ZipDirectory::crc_matches(member, bytes))
        out.warn(fmt::format("the CRC checksum of the member '{}' (byte {}) is not that of its bytes",
                             printable(member.name), member.offset));
    }
    std::string name = member.name;
    if (name.ends_with(kExtension)) name.resize(name.size() - kExtension.size());
    auto added = add_array(std::move(name), bytes, place, out);
    if (!added) {
      added.error().message = fmt::format("member '{}': {}", printable(member.name), added.error().message);
      return fail(ZipDirectory::in_member(std::move(added.error()), member));
    }
  }
  return out;
}

Result<MappedCheckpoint> read_npy_tensor(std::shared_ptr<const MappedFile> file) {
  MappedCheckpoint out("npy");
  out.add_file(file->path());
  const ArrayPlace place{file, 0, nullptr};
  VITRINE_CHECK(add_array("array", file->bytes(), place, out));
  if (!file->path().ends_with(kExtension)) out.warn("the file is a npy array under another extension");
  return out;
}

}  // namespace vitrine::engine
