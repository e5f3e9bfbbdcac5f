#include "tests/fault/faults.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);
void __libc_free(void*);
}

namespace vitrine::fault {
namespace {

constexpr std::size_t kMostBlocks = 1 << 17;

bool armed = false;
pthread_t owner;
Plan plan;
Tally tally;
/// Blocks of the armed time, open addressing; a plain array, so that keeping it allocates nothing.
void* blocks[kMostBlocks];

bool watching() { return armed && pthread_equal(pthread_self(), owner) != 0; }

bool fails(Kind kind) {
  if (!watching() || plan.kind != kind) return false;
  const std::size_t call = tally.calls++;
  const bool now = call == plan.at || (plan.all_after && call > plan.at);
  if (now) ++tally.failed;
  return now;
}

std::size_t place_of(const void* block) { return (reinterpret_cast<std::uintptr_t>(block) >> 4U) * 0x9E3779B1U % kMostBlocks; }

/// Whether so many more bytes are refused.
bool no_memory(std::size_t bytes) {
  if (!watching()) return false;
  if (plan.kind != Kind::Budget) return fails(Kind::Allocation);
  if (tally.held + bytes <= plan.at) return false;
  ++tally.failed;
  return true;
}

void note(void* block) {
  if (block == nullptr || !watching()) return;
  tally.held += malloc_usable_size(block);
  tally.most = std::max(tally.most, tally.held);
  std::size_t at = place_of(block);
  while (blocks[at] != nullptr) at = (at + 1) % kMostBlocks;
  blocks[at] = block;
  ++tally.blocks;
}

/// Takes a block out and closes the gap behind it.
void forget(const void* block) {
  if (block == nullptr || !watching()) return;
  std::size_t at = place_of(block);
  while (blocks[at] != block) {
    if (blocks[at] == nullptr) {
      // Given back from before the armed time: as much more can be had.
      plan.at += plan.kind == Kind::Budget ? malloc_usable_size(const_cast<void*>(block)) : 0;
      return;
    }
    at = (at + 1) % kMostBlocks;
  }
  --tally.blocks;
  tally.held -= malloc_usable_size(const_cast<void*>(block));
  std::size_t gap = at;
  for (std::size_t next = (gap + 1) % kMostBlocks; blocks[next] != nullptr; next = (next + 1) % kMostBlocks) {
    const std::size_t home = place_of(blocks[next]);
    const bool between = gap <= next ? (gap < home && home <= next) : (gap < home || home <= next);
    if (between) continue;
    blocks[gap] = blocks[next];
    gap = next;
  }
  blocks[gap] = nullptr;
}

template <class Function>
Function* real(const char* name, Function*) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

int refused() {
  errno = EIO;
  return -1;
}

}  // namespace

void arm(const Plan& given) {
  plan = given;
  tally = {};
  std::fill_n(blocks, kMostBlocks, nullptr);
  owner = pthread_self();
  armed = true;
}

Tally disarm() {
  armed = false;
  return tally;
}

}  // namespace vitrine::fault

using namespace vitrine::fault;

// glibc's own entry points: what it calls under other names inside itself is not meant.
extern "C" {

void* malloc(std::size_t bytes) {
  void* block = no_memory(bytes) ? nullptr : __libc_malloc(bytes);
  if (block == nullptr) errno = ENOMEM;
  note(block);
  return block;
}

void* calloc(std::size_t count, std::size_t bytes) {
  void* block = no_memory(count * bytes) ? nullptr : __libc_calloc(count, bytes);
  if (block == nullptr) errno = ENOMEM;
  note(block);
  return block;
}

void* realloc(void* old, std::size_t bytes) {
  if (no_memory(bytes)) {
    errno = ENOMEM;
    return nullptr;
  }
  forget(old);
  void* block = __libc_realloc(old, bytes);
  note(block);
  return block;
}

void* aligned_alloc(std::size_t alignment, std::size_t bytes) {
  void* block = no_memory(bytes) ? nullptr : __libc_memalign(alignment, bytes);
  note(block);
  return block;
}

int posix_memalign(void** out, std::size_t alignment, std::size_t bytes) {
  *out = aligned_alloc(alignment, bytes);
  return *out == nullptr ? ENOMEM : 0;
}

void free(void* block) {
  forget(block);
  __libc_free(block);
}

int open(const char* path, int flags, ...) {
  static auto* const next = real("open", static_cast<int (*)(const char*, int, ...)>(nullptr));
  va_list rest;
  va_start(rest, flags);
  const auto mode = (flags & O_CREAT) != 0 ? va_arg(rest, int) : 0;
  va_end(rest);
  if (fails(Kind::Call)) return refused();
  const int file = next(path, flags, mode);
  if (file >= 0 && watching()) ++tally.files;
  return file;
}

int close(int file) {
  static auto* const next = real("close", static_cast<int (*)(int)>(nullptr));
  if (watching()) --tally.files;
  // As Linux does: the descriptor is gone whatever close says.
  const int result = next(file);
  return fails(Kind::Call) ? refused() : result;
}

int stat(const char* path, struct stat* out) {
  static auto* const next = real("stat", static_cast<int (*)(const char*, struct stat*)>(nullptr));
  return fails(Kind::Call) ? refused() : next(path, out);
}

int lstat(const char* path, struct stat* out) {
  static auto* const next = real("lstat", static_cast<int (*)(const char*, struct stat*)>(nullptr));
  return fails(Kind::Call) ? refused() : next(path, out);
}

int fstat(int file, struct stat* out) {
  static auto* const next = real("fstat", static_cast<int (*)(int, struct stat*)>(nullptr));
  return fails(Kind::Call) ? refused() : next(file, out);
}

void* mmap(void* at, std::size_t bytes, int access, int flags, int file, off_t offset) {
  static auto* const next = real("mmap", static_cast<void* (*)(void*, std::size_t, int, int, int, off_t)>(nullptr));
  if (file >= 0 && fails(Kind::Call)) return refused(), MAP_FAILED;
  void* map = next(at, bytes, access, flags, file, offset);
  if (file >= 0 && map != MAP_FAILED && watching()) ++tally.maps;
  return map;
}

int munmap(void* at, std::size_t bytes) {
  static auto* const next = real("munmap", static_cast<int (*)(void*, std::size_t)>(nullptr));
  if (watching()) --tally.maps;
  return next(at, bytes);
}

ssize_t pread(int file, void* to, std::size_t bytes, off_t offset) {
  static auto* const next = real("pread", static_cast<ssize_t (*)(int, void*, std::size_t, off_t)>(nullptr));
  if (fails(Kind::Call)) return refused();
  return next(file, to, fails(Kind::ShortRead) ? bytes / 2 : bytes, offset);
}

ssize_t read(int file, void* to, std::size_t bytes) {
  static auto* const next = real("read", static_cast<ssize_t (*)(int, void*, std::size_t)>(nullptr));
  if (fails(Kind::Call)) return refused();
  return next(file, to, fails(Kind::ShortRead) ? bytes / 2 : bytes);
}

int mkostemp(char* path, int flags) {
  static auto* const next = real("mkostemp", static_cast<int (*)(char*, int)>(nullptr));
  if (fails(Kind::Call)) return refused();
  const int file = next(path, flags);
  if (file >= 0 && watching()) ++tally.files;
  return file;
}

int fchmod(int file, mode_t mode) {
  static auto* const next = real("fchmod", static_cast<int (*)(int, mode_t)>(nullptr));
  return fails(Kind::Call) ? refused() : next(file, mode);
}

ssize_t write(int file, const void* from, std::size_t bytes) {
  static auto* const next = real("write", static_cast<ssize_t (*)(int, const void*, std::size_t)>(nullptr));
  if (fails(Kind::Call)) return refused();
  return next(file, from, fails(Kind::ShortRead) ? (bytes + 1) / 2 : bytes);
}

int fsync(int file) {
  static auto* const next = real("fsync", static_cast<int (*)(int)>(nullptr));
  return fails(Kind::Call) ? refused() : next(file);
}

int rename(const char* from, const char* to) {
  static auto* const next = real("rename", static_cast<int (*)(const char*, const char*)>(nullptr));
  return fails(Kind::Call) ? refused() : next(from, to);
}

}  // extern "C"
