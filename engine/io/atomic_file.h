#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "engine/core/error.h"

namespace vitrine::engine {

/// A file under construction beside its final place. `commit` gives it its name; without it nothing remains.
class AtomicFile {
 public:
  /// @error FileMissing if the folder cannot be written
  [[nodiscard]] static Result<AtomicFile> create(const std::filesystem::path& path);

  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&&) = delete;
  ~AtomicFile();

  /// @error FileMissing if the disk is full or fails
  [[nodiscard]] Status write(std::string_view bytes);
  /// Flushes to disk and replaces the file of the final name.
  [[nodiscard]] Status commit();

 private:
  AtomicFile() = default;
  [[nodiscard]] tl::unexpected<Error> failed(std::string_view doing) const;

  std::filesystem::path path_;
  std::string temporary_;
  int descriptor_ = -1;
};

}  // namespace vitrine::engine
