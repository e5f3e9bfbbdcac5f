#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/error.h"
#include "engine/io/shrink_guard.h"

namespace vitrine::engine {

/// A regular file, mapped read-only; files below 1 MB are copied, so that nothing can change them underneath.
/// Thread safe. Pipes, devices and folders are refused without blocking. A file that shrinks while it is mapped reads as
/// zeros from there on, and `check_whole` says so.
class MappedFile {
 public:
  /// Opens the file, or has the thread's `FileSource` open it.
  /// @error FileMissing if it cannot be opened, FileFormat if it is not a regular file
  [[nodiscard]] static Result<std::shared_ptr<const MappedFile>> open(const std::filesystem::path& path);
  /// Takes a descriptor of a regular file over.
  /// @param path what messages call it
  /// @param links how many directory entries name the bytes, where the descriptor does not know
  [[nodiscard]] static Result<std::shared_ptr<const MappedFile>> adopt(int descriptor, std::string path,
                                                                       std::optional<std::uint64_t> links = {});

  /// Bytes from elsewhere than a file, under the name that messages give them.
  [[nodiscard]] static std::shared_ptr<const MappedFile> copy_of(std::span<const std::byte> bytes, std::string name);

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
  /// To be asked after reading: whether all that was read were bytes of the file.
  /// @error FileFormat with the first byte that was not there any more
  [[nodiscard]] Status check_whole() const;
  /// More than one directory entry names the bytes.
  [[nodiscard]] bool has_other_links() const { return links_ > 1; }
  [[nodiscard]] std::uint64_t links() const { return links_; }
  [[nodiscard]] int descriptor() const { return descriptor_; }
  /// False for a copy: only what is mapped can leave memory and be there again.
  [[nodiscard]] bool mapped() const { return map_ != nullptr; }

 private:
  MappedFile() = default;
  Status take_bytes(std::uint64_t size);

  std::string path_;
  int descriptor_ = -1;
  std::uint64_t links_ = 1;
  void* map_ = nullptr;
  std::optional<ShrinkGuard> guard_;
  std::vector<std::byte> copy_;
  std::span<const std::byte> bytes_;
};

/// Who opens files for `MappedFile::open` on one thread: a process that may open none asks another one.
class FileSource {
 public:
  virtual ~FileSource() = default;
  [[nodiscard]] virtual Result<std::shared_ptr<const MappedFile>> open(const std::filesystem::path& path) = 0;
};

/// Puts a source in force on this thread, as long as it lives.
class ScopedFileSource {
 public:
  explicit ScopedFileSource(FileSource& source);
  ~ScopedFileSource();
  ScopedFileSource(const ScopedFileSource&) = delete;
  ScopedFileSource& operator=(const ScopedFileSource&) = delete;

 private:
  FileSource* before_;
};

/// Whether `real`, a canonical path, is below the folder `base`, canonical as well. A hub cache's `blobs` beside
/// `snapshots` is inside.
[[nodiscard]] bool is_inside(const std::filesystem::path& real, const std::filesystem::path& base);

/// Where `name`, as a file of `folder` names it, really is. Refuses absolute paths, `..`, drive letters, URLs,
/// back slashes, NUL, and links that lead outside the folder (a hub cache's `blobs` beside `snapshots` is inside).
/// @param what how messages call it: "external data location", "shard path"
[[nodiscard]] Result<std::filesystem::path> path_inside(const std::filesystem::path& folder, std::string_view name,
                                                        std::string_view what);

}  // namespace vitrine::engine
