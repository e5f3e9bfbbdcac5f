#pragma once

#include <fstream>
#include <string>
#include <vector>

namespace vitrine::test {

/// A line of a table: its cells.
using Row = std::vector<std::string>;

inline constexpr const char* kSystemsFile = VITRINE_SOURCE_DIR "/resources/systems.psv";
inline constexpr const char* kProofsFile = VITRINE_SOURCE_DIR "/tests/systems/proofs.psv";

/// All lines of a file of cells between bars but its first, which names the columns.
inline std::vector<Row> read_rows(const char* path) {
  std::ifstream file(path);
  std::vector<Row> rows;
  for (std::string line; std::getline(file, line);) {
    Row cells(1);
    for (char c : line) {
      if (c == '|') cells.emplace_back();
      else cells.back() += c;
    }
    rows.push_back(std::move(cells));
  }
  if (!rows.empty()) rows.erase(rows.begin());
  return rows;
}

}  // namespace vitrine::test
