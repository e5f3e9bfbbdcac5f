#include "engine/io/mapped_file.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "engine/core/memory.h"
#include "engine/io/bytes.h"

namespace vitrine::engine {
namespace {

constexpr std::uint64_t kCopyBelow = 1U << 20;
thread_local FileSource* source_of_thread = nullptr;

Status read_whole(int descriptor, std::span<std::byte> into, const std::string& path) {
  std::size_t done = 0;
  while (done < into.size()) {
    const ssize_t n = ::pread(descriptor, into.data() + done, into.size() - done, static_cast<off_t>(done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_file(ErrorCode::FileMissing, path, fmt::format("cannot be read: {}", std::strerror(errno)));
    if (n == 0) return fail_file(ErrorCode::FileFormat, path, "the file became shorter while it was read", done);
    done += static_cast<std::size_t>(n);
  }
  return {};
}

std::string_view kind_of(mode_t mode) {
  if (S_ISDIR(mode)) return "a folder";
  if (S_ISFIFO(mode)) return "a pipe";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

bool is_below(const std::filesystem::path& path, const std::filesystem::path& folder) {
  auto p = path.begin();
  for (const auto& part : folder) {
    if (part.empty()) continue;
    if (p == path.end() || *p != part) return false;
    ++p;
  }
  return p != path.end();
}

}  // namespace

ScopedFileSource::ScopedFileSource(FileSource& source) : before_(std::exchange(source_of_thread, &source)) {}
ScopedFileSource::~ScopedFileSource() { source_of_thread = before_; }

Result<std::shared_ptr<const MappedFile>> MappedFile::open(const std::filesystem::path& path) {
  if (source_of_thread != nullptr) return source_of_thread->open(path);
  const std::string name = path.string();
  const auto refuse = [&] {
    return fail_file(ErrorCode::FileMissing, name, fmt::format("cannot be opened: {}", std::strerror(errno)));
  };
  struct stat before {};
  if (::stat(path.c_str(), &before) != 0) return refuse();
  if (!S_ISREG(before.st_mode))
    return fail_file(ErrorCode::FileFormat, name,
                     fmt::format("expected a regular file, came {}", kind_of(before.st_mode)));
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (descriptor < 0) return refuse();
  return adopt(descriptor, name);
}

Result<std::shared_ptr<const MappedFile>> MappedFile::adopt(int descriptor, std::string path,
                                                                   std::optional<std::uint64_t> links) {
  std::shared_ptr<MappedFile> file(new MappedFile());
  file->path_ = std::move(path);
  file->descriptor_ = descriptor;
  struct stat info {};
  if (::fstat(descriptor, &info) != 0)
    return fail_file(ErrorCode::FileMissing, file->path_, fmt::format("cannot be opened: {}", std::strerror(errno)));
  if (!S_ISREG(info.st_mode)) return fail_file(ErrorCode::FileFormat, file->path_, "expected a regular file");
  file->links_ = links.value_or(info.st_nlink);
  VITRINE_CHECK(file->take_bytes(static_cast<std::uint64_t>(info.st_size)));
  return file;
}

Status MappedFile::take_bytes(std::uint64_t size) {
  if (size < kCopyBelow) {
    copy_.resize(size);
    VITRINE_CHECK(read_whole(descriptor_, copy_, path_));
    bytes_ = copy_;
    return {};
  }
  void* map = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor_, 0);
  if (map == MAP_FAILED)
    return fail_file(ErrorCode::FileLimit, path_,
                     fmt::format("{} bytes cannot be mapped: {}", size, std::strerror(errno)));
  map_ = map;
  bytes_ = {static_cast<const std::byte*>(map), size};
  guard_.emplace(map, size);
  if (!guard_->installed()) return fail_file(ErrorCode::FileLimit, path_, "too many large files are open");
  return {};
}

std::shared_ptr<const MappedFile> MappedFile::copy_of(std::span<const std::byte> bytes, std::string name) {
  std::shared_ptr<MappedFile> file(new MappedFile());
  file->path_ = std::move(name);
  file->copy_.assign(bytes.begin(), bytes.end());
  file->bytes_ = file->copy_;
  return file;
}

MappedFile::~MappedFile() {
  guard_.reset();
  if (map_ != nullptr) ::munmap(map_, bytes_.size());
  if (descriptor_ >= 0) ::close(descriptor_);
}

Result<std::span<const std::byte>> MappedFile::range(std::uint64_t offset, std::uint64_t count) const {
  const auto end = checked_add(offset, count);
  if (!end || *end > bytes_.size())
    return fail_file(ErrorCode::FileFormat, path_,
                     fmt::format("{} bytes reach past the end of the file ({} bytes)", count, bytes_.size()), offset);
  if (map_ != nullptr) {
    struct stat info {};
    if (::fstat(descriptor_, &info) != 0 || static_cast<std::uint64_t>(info.st_size) < bytes_.size())
      return fail_file(ErrorCode::FileFormat, path_, "the file became shorter since it was opened", offset);
  }
  return bytes_.subspan(offset, count);
}

Status MappedFile::check_whole() const {
  const auto at = guard_ ? guard_->shrunk_at() : std::nullopt;
  if (at) return fail_file(ErrorCode::FileFormat, path_, "the file became shorter while it was read", *at);
  return {};
}

bool is_inside(const std::filesystem::path& real, const std::filesystem::path& base) {
  if (is_below(real, base)) return true;
  return base.parent_path().filename() == "snapshots" && is_below(real, base.parent_path().parent_path() / "blobs");
}

Result<std::filesystem::path> path_inside(const std::filesystem::path& folder, std::string_view name,
                                          std::string_view what) {
  namespace fs = std::filesystem;
  const auto refuse = [&](std::string_view why) -> tl::unexpected<Error> {
    return fail(ErrorCode::FileFormat, fmt::format("{} '{}' {}", what, printable(name), why));
  };
  if (name.empty()) return refuse("is empty, expected the path of a file inside the folder");
  if (name.find('\0') != std::string_view::npos) return refuse("holds a NUL byte, which no path has");
  if (name.size() > 1024) return refuse("is a path of more than 1024 bytes");
  if (name.find("://") != std::string_view::npos || name.starts_with("file:"))
    return refuse("is a URL, expected a path inside the folder");
  if (name.front() == '/') return refuse("is an absolute path, which may lie outside the folder");
  if (name.find('\\') != std::string_view::npos || (name.size() > 1 && name[1] == ':'))
    return refuse("is a path of another system, expected one inside the folder");
  if (name.front() == '~') return refuse("is a path outside the folder");
  const fs::path relative{std::string(name)};
  for (const auto& part : relative)
    if (part == "..") return refuse("leads outside the folder with '..'");
  std::error_code problem;
  const fs::path base = fs::canonical(folder.empty() ? fs::path(".") : folder, problem);
  if (problem == std::errc::not_enough_memory) return fail(out_of_memory(folder.native()));
  if (problem) return refuse("is in a folder that cannot be opened");
  const fs::path real = fs::canonical(base / relative, problem);
  if (problem == std::errc::not_enough_memory) return fail(out_of_memory(folder.native()));
  if (problem) return refuse(fmt::format("is missing: {}", problem.message()));
  if (!is_inside(real, base)) return refuse("is a link that leads outside the folder");
  return real;
}

}  // namespace vitrine::engine
