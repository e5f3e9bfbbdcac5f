#include "engine/io/library_file.h"

#include <elf.h>

#include <functional>

#include <gtest/gtest.h>

#include "golden_files.h"

namespace vitrine::engine {
namespace {

/// The first bytes of the program that runs this test, which is an ELF file of this machine.
Elf64_Ehdr own_header() {
  const std::string self = test::read_text("/proc/self/exe").substr(0, sizeof(Elf64_Ehdr));
  Elf64_Ehdr header;
  std::memcpy(&header, self.data(), sizeof header);
  header.e_type = ET_DYN;
  header.e_phoff = sizeof header;
  header.e_phnum = 2;
  return header;
}

class LibraryFile : public testing::Test {
 protected:
  Status check(const std::string& bytes) {
    std::ofstream(path(), std::ios::binary) << bytes;
    return check_library_file(path());
  }
  Status check(const std::function<void(Elf64_Ehdr&)>& change) {
    Elf64_Ehdr header = own_header();
    change(header);
    return check(std::string(reinterpret_cast<const char*>(&header), sizeof header) + std::string(2 * sizeof(Elf64_Phdr), '\0'));
  }
  void expect(const Status& status, const std::string& message, ErrorCode code = ErrorCode::FileFormat) {
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, code);
    EXPECT_EQ(sentence(status.error()), path().string() + ": library a.so: " + message);
  }
  [[nodiscard]] std::filesystem::path path() const { return folder_.path() / "a.so"; }
  test::TemporaryFolder folder_;
};

TEST_F(LibraryFile, OfThisMachineMayBeLoaded) {
  EXPECT_TRUE(check([](Elf64_Ehdr&) {}));
}

TEST_F(LibraryFile, IsRefusedWithTheByteThatIsWrong) {
  const std::string whole = test::read_text("/proc/self/exe");
  expect(check(""), "expected an ELF file, it is empty (byte 0)");
  expect(check("#!/bin/sh\n"), "expected an ELF file, came something else (byte 0)");
  expect(check(whole.substr(0, 20)), "expected an ELF header of 64 bytes, came 20 (byte 20)");
  expect(check([](auto& h) { h.e_ident[EI_CLASS] = ELFCLASS32; }), "expected a 64-bit ELF file, came another class (byte 4)");
  expect(check([](auto& h) { h.e_ident[EI_DATA] = ELFDATA2MSB; }), "expected a little-endian ELF file (byte 5)");
  expect(check([](auto& h) { h.e_type = ET_EXEC; }), "expected an ELF shared object, came type 2 (byte 16)");
  const auto machine = std::to_string(own_header().e_machine);
  expect(check([](auto& h) { h.e_machine = EM_S390; }), "expected ELF machine " + machine + ", came 22 (byte 18)", ErrorCode::Unsupported);
  const std::vector<std::function<void(Elf64_Ehdr&)>> tables = {
      [](auto& h) { h.e_phnum = 0; }, [](auto& h) { h.e_phnum = 3; }, [](auto& h) { h.e_phentsize = 1; },
      [](auto& h) { h.e_phoff = UINT64_MAX; }, [](auto& h) { h.e_phoff = 65; }};
  for (const auto& change : tables) {
    const auto status = check(change);
    ASSERT_FALSE(status);
    EXPECT_NE(status.error().message.find("ELF program headers inside the file of 176 bytes"), std::string::npos);
    EXPECT_EQ(status.error().offset, offsetof(Elf64_Ehdr, e_phoff));
  }
}

TEST_F(LibraryFile, ThatIsMissingIsSaidToBe) {
  const auto status = check_library_file(folder_.path() / "none.so");
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::FileMissing);
}

}  // namespace
}  // namespace vitrine::engine
