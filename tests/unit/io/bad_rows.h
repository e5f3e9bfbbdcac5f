#pragma once

#include <sys/stat.h>

#include <fstream>
#include <set>

#include <gtest/gtest.h>

#include "tests/unit/io/golden_files.h"

namespace vitrine::test {

namespace fs = std::filesystem;

/// One step of a row's `setup`.
inline void carry_out(const nlohmann::json& step, const fs::path& folder) {
  const std::string verb = step.at(0), name = step.at(1);
  if (verb == "symlink") fs::create_symlink(step.at(2).get<std::string>(), folder / name);
  if (verb == "hardlink") fs::create_hard_link(folder / step.at(2).get<std::string>(), folder / name);
  if (verb == "fifo" && ::mkfifo((folder / name).c_str(), 0600) != 0) ADD_FAILURE() << "no pipe";
  if (verb == "mkdir") fs::create_directory(folder / name);
}

inline std::set<std::string> names_below(const fs::path& folder) {
  std::set<std::string> names;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) names.insert(entry.path().string());
  return names;
}

/// What a row needs, in a folder of its own: the file, the files beside it where they belong to it, and all plugins of
/// the folder, since each knows of the others.
inline fs::path copy_of_row(const std::string& format, const fs::path& source, const fs::path& work) {
  const fs::path copy = work / "row";
  const auto recursive = fs::copy_options::recursive;
  fs::create_directory(copy);
  if (format == "manifest") fs::copy(source.parent_path().parent_path(), copy, recursive);
  else if (format == "safetensors_index" || format == "onnx") fs::copy(source.parent_path(), copy);
  else fs::copy_file(source, copy / source.filename());
  for (const auto& entry : fs::recursive_directory_iterator(copy)) fs::permissions(entry.path(), fs::perms::owner_all);
  return format == "manifest" ? copy / source.parent_path().filename() : copy;
}

/// All rows of the table of files that must not open quietly.
inline std::vector<nlohmann::json> index_rows() {
  std::vector<nlohmann::json> rows;
  std::ifstream index(golden_files() / "bad/index.jsonl");
  for (std::string line; std::getline(index, line);) rows.push_back(nlohmann::json::parse(line));
  return rows;
}

}  // namespace vitrine::test
