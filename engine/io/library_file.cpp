#include "engine/io/library_file.h"

#include <elf.h>

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "engine/io/mapped_file.h"

namespace vitrine::engine {
namespace {

#if defined(__x86_64__)
constexpr Elf64_Half kMachine = EM_X86_64;
#elif defined(__aarch64__)
constexpr Elf64_Half kMachine = EM_AARCH64;
#else
constexpr Elf64_Half kMachine = EM_NONE;
#endif

Status bad(const std::filesystem::path& path, std::string message, std::uint64_t offset,
           ErrorCode code = ErrorCode::FileFormat) {
  return fail_file(code, path.string(), "library " + path.filename().string() + ": " + std::move(message), offset);
}

}  // namespace

Status check_library_file(const std::filesystem::path& path) {
  const auto file = MappedFile::open(path);
  if (!file) return fail_file(ErrorCode::FileMissing, path.string(), "the library cannot be read");
  const std::uint64_t size = (*file)->size();
  const auto bytes = (*file)->bytes().first(std::min<std::size_t>(size, sizeof(Elf64_Ehdr)));
  const std::size_t got = bytes.size();
  if (got < SELFMAG || std::memcmp(bytes.data(), ELFMAG, SELFMAG) != 0)
    return bad(path, got == 0 ? "expected an ELF file, it is empty" : "expected an ELF file, came something else", 0);
  if (got < sizeof(Elf64_Ehdr))
    return bad(path, fmt::format("expected an ELF header of {} bytes, came {}", sizeof(Elf64_Ehdr), got), got);
  Elf64_Ehdr header;
  std::memcpy(&header, bytes.data(), sizeof header);
  if (header.e_ident[EI_CLASS] != ELFCLASS64) return bad(path, "expected a 64-bit ELF file, came another class", EI_CLASS);
  if (header.e_ident[EI_DATA] != ELFDATA2LSB) return bad(path, "expected a little-endian ELF file", EI_DATA);
  if (header.e_type != ET_DYN)
    return bad(path, fmt::format("expected an ELF shared object, came type {}", header.e_type), offsetof(Elf64_Ehdr, e_type));
  if (header.e_machine != kMachine)
    return bad(path, fmt::format("expected ELF machine {}, came {}", kMachine, header.e_machine),
               offsetof(Elf64_Ehdr, e_machine), ErrorCode::Unsupported);
  const std::uint64_t table = std::uint64_t{header.e_phnum} * sizeof(Elf64_Phdr);
  if (header.e_phnum == 0 || header.e_phentsize != sizeof(Elf64_Phdr) || header.e_phoff > size ||
      table > size - header.e_phoff)
    return bad(path, fmt::format("expected {} ELF program headers inside the file of {} bytes", header.e_phnum, size),
               offsetof(Elf64_Ehdr, e_phoff));
  return {};
}

}  // namespace vitrine::engine
