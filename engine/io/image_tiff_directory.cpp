#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "engine/io/image_codecs.h"

namespace vitrine::engine::image {
namespace {

constexpr std::size_t kHeader = 8, kEntry = 12;
constexpr std::size_t kMaxPages = 1000;
constexpr std::size_t kMaxEntries = 4096;
/// Bytes of one value of each field type, 1 BYTE to 13 IFD.
constexpr std::array<std::uint8_t, 14> kTypeBytes = {0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4};

struct Words {
  Bytes file;
  bool big_endian = false;

  [[nodiscard]] std::uint32_t number(std::size_t at, std::size_t bytes) const {
    std::uint32_t v = 0;
    for (std::size_t i = 0; i < bytes; ++i)
      v = v << 8 | file[at + (big_endian ? i : bytes - 1 - i)];
    return v;
  }
};

tl::unexpected<Error> refuse(const std::string& what, std::size_t at) {
  return fail_file(ErrorCode::FileFormat, {}, "TIFF: " + what, at);
}

/// How many entries the directory at `at` has, all of them within the file.
Result<std::size_t> entries_at(const Words& words, std::size_t at) {
  const std::size_t size = words.file.size();
  if (at < kHeader || at > size || size - at < 2)
    return refuse(fmt::format("the directory (IFD) lies at byte {}, outside the file of {} bytes (truncated)", at, size),
                  std::min(at, size));
  const std::size_t count = words.number(at, 2);
  if (count == 0) return refuse("the directory (IFD) is empty", at);
  if (count > kMaxEntries || count * kEntry + 4 > size - at - 2)
    return refuse(fmt::format("the directory (IFD) says {} entries, {} bytes are left (limit {}, truncated?)", count,
                              size - at - 2, kMaxEntries), at);
  return count;
}

Status check_entry(const Words& words, std::size_t at) {
  const std::uint32_t tag = words.number(at, 2), type = words.number(at + 2, 2);
  if (type == 0 || type >= kTypeBytes.size())
    return refuse(fmt::format("the field {} has the unknown type {}", tag, type), at + 2);
  const std::uint64_t bytes = std::uint64_t{words.number(at + 4, 4)} * kTypeBytes[type];
  if (bytes <= 4) return {};
  const std::uint64_t where = words.number(at + 8, 4);
  if (where > words.file.size() || bytes > words.file.size() - where)
    return refuse(fmt::format("the field {} has {} bytes of data at byte {}, the file has {} (truncated)", tag, bytes,
                              where, words.file.size()), at);
  return {};
}

/// Says how many pictures there are, or why the list of them ends.
void look_at_other_pages(const Words& words, std::size_t first, std::size_t count, Warnings& warnings) {
  std::vector<std::size_t> seen{first};
  while (true) {
    const std::size_t next = words.number(seen.back() + 2 + count * kEntry, 4);
    if (next == 0) break;
    if (std::find(seen.begin(), seen.end(), next) != seen.end()) {
      warnings.push_back(fmt::format("TIFF: the directories (IFD) form a loop at byte {}; the first picture is shown", next));
      return;
    }
    const auto entries = entries_at(words, next);
    if (!entries || seen.size() >= kMaxPages) {
      warnings.push_back(entries ? fmt::format("TIFF: more than {} pictures, which is the limit; the first is shown", kMaxPages)
                                 : entries.error().message + "; the first picture is shown");
      return;
    }
    seen.push_back(next);
    count = *entries;
  }
  if (seen.size() > 1)
    warnings.push_back(fmt::format("TIFF: the file holds {} pictures, the first is shown", seen.size()));
}

}  // namespace

Status check_tiff_directory(Bytes file, Warnings& warnings) {
  if (file.size() < kHeader) return refuse("the header is truncated", file.size());
  const Words words{file, file[0] == 'M'};
  if (words.number(2, 2) != 42)
    return fail(ErrorCode::Unsupported, "TIFF: only classic files are read, this is a BigTIFF");
  const std::size_t first = words.number(4, 4);
  VITRINE_TRY(const std::size_t count, entries_at(words, first));
  for (std::size_t i = 0; i < count; ++i) VITRINE_CHECK(check_entry(words, first + 2 + i * kEntry));
  look_at_other_pages(words, first, count, warnings);
  return {};
}

}  // namespace vitrine::engine::image
