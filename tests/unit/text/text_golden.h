#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace vitrine::test {

/// Reference files: all of them where they lie beside the checkout, otherwise the copies among the
/// tests.
inline std::filesystem::path golden_files() {
  const std::filesystem::path shared = VITRINE_SOURCE_DIR "/../shared/golden/files";
  return std::filesystem::exists(shared) ? shared : VITRINE_SOURCE_DIR "/tests/golden/files";
}

/// Files that must not open quietly, with their `index.jsonl`.
inline std::filesystem::path bad_files() { return golden_files() / "bad"; }

inline std::vector<nlohmann::json> read_jsonl(const std::filesystem::path& path) {
  std::vector<nlohmann::json> rows;
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);)
    if (!line.empty()) rows.push_back(nlohmann::json::parse(line));
  return rows;
}

inline std::string bytes_of_row(const nlohmann::json& row) {
  if (row.contains("text")) return row["text"].get<std::string>();
  const std::string hex = row["bytes_hex"].get<std::string>();
  std::string out;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    out.push_back(static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  return out;
}

}  // namespace vitrine::test
