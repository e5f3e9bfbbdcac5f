#include "app/cli/systems.h"

#include <cstdlib>
#include <fstream>
#include <vector>

#include <fmt/format.h>

#include "engine/mixers/attention.h"
#include "engine/mixers/mamba.h"
#include "engine/model/model.h"

namespace vitrine::app {

using engine::ErrorCode;
using engine::fail_file;
using engine::Result;
using nlohmann::json;

Result<json> system_rows() {
  const auto path = engine::resources_folder() / "systems.psv";
  std::ifstream file(path);
  if (!file) return fail_file(ErrorCode::FileMissing, path.string(), "expected the table of systems, came none");
  json rows = json::array();
  int number = 0;
  for (std::string line; std::getline(file, line);) {
    if (++number == 1 || line.empty()) continue;
    std::vector<std::string> cells(1);
    for (char c : line) {
      if (c == '|') cells.emplace_back();
      else cells.back() += c;
    }
    if (cells.size() != 4 || (cells[2] != "works" && cells[2] != "partial" && cells[2] != "planned"))
      return fail_file(ErrorCode::FileFormat, path.string(),
                       fmt::format("line {}: expected id|name|state|command with works, partial or planned", number));
    rows.push_back({{"id", std::atoi(cells[0].c_str())}, {"name", cells[1]}, {"state", cells[2]}, {"command", cells[3]}});
  }
  return rows;
}

Result<json> mixer_rows() {
  engine::PartRegistry registry;
  VITRINE_CHECK(engine::register_attention(registry));
  VITRINE_CHECK(engine::register_mamba(registry));
  json rows = json::array();
  for (const auto& [id, factory] : registry.entries()) rows.push_back({{"id", id}});
  return rows;
}

}  // namespace vitrine::app
