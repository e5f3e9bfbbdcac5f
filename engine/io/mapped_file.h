#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/error.h"

namespace vitrine::engine {

/// A regular file, mapped read-only; files below 1 MB are copied, so that nothing can change them underneath.
/// Thread safe. Pipes, devices and folders are refused without blocking.
class MappedFile {
 public:
  /// @error FileMissing if it cannot be opened, FileFormat if it is not a regular file
  [[nodiscard]] static Result<std::shared_ptr<const MappedFile>> open(const std::filesystem::path& path);

  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::uint64_t size() const { return bytes_.size(); }
  /// The whole file as it was when it was opened.
  [[nodiscard]] std::span<const std::byte> bytes() const { return bytes_; }
  /// Part of the file, after asking that the file has not become shorter since.
  /// @error FileFormat if the range is outside or the file shrank
  [[nodiscard]] Result<std::span<const std::byte>> range(std::uint64_t offset, std::uint64_t count) const;
  /// More than one directory entry names the bytes.
  [[nodiscard]] bool has_other_links() const { return links_ > 1; }

 private:
  MappedFile() = default;

  std::string path_;
  int descriptor_ = -1;
  std::uint64_t links_ = 1;
  void* map_ = nullptr;
  std::vector<std::byte> copy_;
  std::span<const std::byte> bytes_;
};

/// Where `name`, as a file of `folder` names it, really is. Refuses absolute paths, `..`, drive letters, URLs,
/// back slashes, NUL, and links that lead outside the folder (a hub cache's `blobs` beside `snapshots` is inside).
/// @param what how messages call it: "external data location", "shard path"
[[nodiscard]] Result<std::filesystem::path> path_inside(const std::filesystem::path& folder, std::string_view name,
                                                        std::string_view what);

}  // namespace vitrine::engine
