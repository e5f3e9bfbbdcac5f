#include "engine/isolate/memory_file.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <fmt/format.h>

namespace vitrine::engine::isolate {
namespace {

tl::unexpected<Error> no_memory(std::uint64_t bytes) {
  return fail(ErrorCode::DoesNotFit,
              fmt::format("{} bytes of shared memory are not to be had: {}", bytes, std::strerror(errno)));
}

}  // namespace

Result<Descriptor> make_memory(std::uint64_t bytes) {
  Descriptor memory(::memfd_create("vitrine", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!memory.valid() || bytes > static_cast<std::uint64_t>(INT64_MAX) ||
      ::ftruncate(memory.get(), static_cast<off_t>(bytes)) != 0 ||
      ::fcntl(memory.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) != 0)
    return no_memory(bytes);
  return memory;
}

Result<Descriptor> make_sealed(std::span<const std::byte> content) {
  VITRINE_TRY(Descriptor memory, make_memory(content.size()));
  for (std::size_t done = 0; done < content.size();) {
    const ssize_t n = ::write(memory.get(), content.data() + done, content.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return no_memory(content.size());
    done += static_cast<std::size_t>(n);
  }
  VITRINE_CHECK(seal(memory));
  return memory;
}

Status seal(const Descriptor& memory) {
  if (::fcntl(memory.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SEAL) == 0) return {};
  return fail(ErrorCode::Internal, fmt::format("shared memory cannot be sealed: {}", std::strerror(errno)));
}

Result<WritableMemory> WritableMemory::map(const Descriptor& memory, std::uint64_t bytes) {
  if (bytes == 0) return WritableMemory({});
  void* map = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, memory.get(), 0);
  if (map == MAP_FAILED) return no_memory(bytes);
  return WritableMemory({static_cast<std::byte*>(map), bytes});
}

WritableMemory::WritableMemory(WritableMemory&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}

WritableMemory::~WritableMemory() {
  if (!bytes_.empty()) ::munmap(bytes_.data(), bytes_.size());
}

}  // namespace vitrine::engine::isolate
