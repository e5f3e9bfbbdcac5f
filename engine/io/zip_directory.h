#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/io/mapped_file.h"

namespace vitrine::engine {

/// One member of a zip archive, as the central directory and its local header agree.
struct ZipMember {
  std::string name;
  std::uint64_t header = 0;     ///< byte of the local header
  std::uint64_t offset = 0;     ///< byte of the stored data
  std::uint64_t stored = 0;     ///< bytes in the file
  std::uint64_t bytes = 0;      ///< bytes of the content
  std::uint32_t crc = 0;
  bool deflated = false;
};

/// The directory of a zip archive (APPNOTE 6.3, zip64 included): stored and deflated members. What two readers could
/// read in two ways is refused: overlapping members, names that stand twice, local headers that differ, two ends.
class ZipDirectory {
 public:
  /// @error FileFormat, FileLimit, Unsupported, with the byte
  /// @cost  reads the directory and the local headers, no data
  [[nodiscard]] static Result<ZipDirectory> read(std::shared_ptr<const MappedFile> file);

  [[nodiscard]] const std::vector<ZipMember>& members() const { return members_; }
  /// nullptr if there is none of that name.
  [[nodiscard]] const ZipMember* find(const std::string& name) const;
  /// The bytes of a member: mapped if it is stored, else inflated into `room`, never more than the directory states.
  /// @error FileLimit if it has more than `limit` bytes, FileFormat if the deflate stream is broken
  [[nodiscard]] Result<std::span<const std::byte>> content(const ZipMember& member, std::uint64_t limit,
                                                           std::shared_ptr<const std::vector<std::byte>>& room) const;
  /// The CRC-32 of the content is the one that the directory states.
  [[nodiscard]] static bool crc_matches(const ZipMember& member, std::span<const std::byte> content);
  /// An error about the content of a member whose byte was counted from the member's first: of a deflated one, that
  /// first byte is all that the file has.
  [[nodiscard]] static Error in_member(Error error, const ZipMember& member);
  [[nodiscard]] const std::vector<std::string>& warnings() const { return warnings_; }
  [[nodiscard]] const std::shared_ptr<const MappedFile>& file() const { return file_; }

 private:
  friend class ZipDirectoryReader;

  std::shared_ptr<const MappedFile> file_;
  std::vector<ZipMember> members_;
  std::unordered_map<std::string, std::size_t> index_;
  std::vector<std::string> warnings_;
};

}  // namespace vitrine::engine
