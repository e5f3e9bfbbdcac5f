#pragma once

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "engine/core/sha256.h"
#include "tests/temporary_folder.h"

namespace vitrine::test {

/// The full reference files where they are beside the checkout, else the subset that travels with it.
inline std::filesystem::path golden_files() {
  const std::filesystem::path shared = VITRINE_SOURCE_DIR "/../shared/golden/files";
  return std::filesystem::exists(shared) ? shared : std::filesystem::path(VITRINE_SOURCE_DIR "/tests/golden/files");
}

inline std::string read_text(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

/// The valid files of one format, as the reference lists them.
inline nlohmann::json expectations(const std::string& format) {
  return nlohmann::json::parse(read_text(golden_files() / "valid" / format / "expected.json")).at("files");
}

/// Checksum of values as the reference writes it: little-endian float32, each NaN as 0x7fc00000.
inline std::string checksum(std::vector<float> values) {
  for (float& v : values)
    if (v != v) {
      const std::uint32_t quiet = 0x7fc00000;
      std::memcpy(&v, &quiet, 4);
    }
  return engine::sha256(std::as_bytes(std::span<const float>(values)));
}

}  // namespace vitrine::test
