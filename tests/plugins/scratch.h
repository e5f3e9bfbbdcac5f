#pragma once

#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "tests/temporary_folder.h"

/// A folder of this test for plugins.
class Scratch : public vitrine::test::TemporaryFolder {
 public:
  /// A plugin folder with this manifest and, if named, one of the libraries that the tests build.
  std::filesystem::path plugin(const std::string& folder, const std::string& manifest, const std::string& library = {}) const {
    const auto target = path() / folder;
    std::filesystem::create_directories(target);
    std::ofstream(target / "manifest.json") << manifest;
    if (!library.empty()) {
      std::error_code problem;
      std::filesystem::copy_file(std::filesystem::path(VITRINE_BAD_PLUGINS) / library, target / library, problem);
      EXPECT_FALSE(problem) << library << ": " << problem.message();
    }
    return target;
  }
};

inline std::string module_manifest(const std::string& id, const std::string& library,
                                   const std::string& build_id = VITRINE_TEST_BUILD_ID) {
  return R"({"schema": 1, "id": ")" + id + R"(", "name": "Test", "version": "1.0.0", "kind": "module", "library": ")" +
         library + R"(", "build_id": ")" + build_id + R"("})";
}

inline std::string c_manifest(const std::string& id, const std::string& library) {
  return R"({"schema": 1, "id": ")" + id + R"(", "name": "Test", "version": "1.0.0", "kind": "c", "abi": 1, "library": ")" +
         library + R"("})";
}
