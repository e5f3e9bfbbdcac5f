#include "engine/io/atomic_file.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "engine/io/json.h"

namespace vitrine::engine {

tl::unexpected<Error> AtomicFile::failed(std::string_view doing) const {
  return fail_file(ErrorCode::FileMissing, path_.string(),
                   fmt::format("cannot be {}: {}", doing, std::strerror(errno)));
}

Result<AtomicFile> AtomicFile::create(const std::filesystem::path& path) {
  AtomicFile file;
  file.path_ = path;
  const auto folder = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
  file.temporary_ = (folder / fmt::format(".{}.XXXXXX", path.filename().string())).string();
  file.descriptor_ = ::mkostemp(file.temporary_.data(), O_CLOEXEC);
  if (file.descriptor_ < 0) return file.failed("created");
  if (::fchmod(file.descriptor_, 0644) != 0) return file.failed("created");
  return file;
}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::move(other.temporary_)),
      descriptor_(std::exchange(other.descriptor_, -1)) {}

AtomicFile::~AtomicFile() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  ::unlink(temporary_.c_str());
}

Status AtomicFile::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(descriptor_, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return failed("written");
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

Status AtomicFile::commit() {
  if (::fsync(descriptor_) != 0) return failed("written");
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) return failed("replaced");
  ::close(std::exchange(descriptor_, -1));
  return {};
}

Status write_file_atomically(const std::filesystem::path& path, std::string_view bytes) {
  VITRINE_TRY(auto file, AtomicFile::create(path));
  VITRINE_CHECK(file.write(bytes));
  return file.commit();
}

}  // namespace vitrine::engine
