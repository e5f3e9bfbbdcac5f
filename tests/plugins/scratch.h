#pragma once

#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>
#include <unistd.h>

/// A folder of this test, gone when it ends.
class Scratch {
 public:
  Scratch() {
    std::string name = (std::filesystem::temp_directory_path() / "vitrine-plugins-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Scratch(const Scratch&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  /// A plugin folder with this manifest and, if named, one of the libraries that the tests build.
  std::filesystem::path plugin(const std::string& folder, const std::string& manifest, const std::string& library = {}) const {
    const auto target = path_ / folder;
    std::filesystem::create_directories(target);
    std::ofstream(target / "manifest.json") << manifest;
    if (!library.empty()) {
      std::error_code problem;
      std::filesystem::copy_file(std::filesystem::path(VITRINE_BAD_PLUGINS) / library, target / library, problem);
      EXPECT_FALSE(problem) << library << ": " << problem.message();
    }
    return target;
  }

 private:
  std::filesystem::path path_;
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
