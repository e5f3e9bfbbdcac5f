#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

/// The table of directions.txt.
struct Directions {
  std::map<std::string, std::vector<std::string>> uses;  ///< folder -> folders that it may include, itself not among them
  std::map<std::string, std::vector<std::string>> only;  ///< include prefix -> folders that may have it
  std::vector<std::string> never;
};

/// @param text the contents of directions.txt
[[nodiscard]] Directions read_directions(std::string_view text);

/// Sentences about the includes of one file that the table forbids.
///
/// @param file path from the top of the source tree
[[nodiscard]] std::vector<std::string> forbidden_includes(const Directions& directions, const std::string& file,
                                                          std::string_view text);

/// Source text with comments and the contents of string literals blanked; lines stay where they are.
[[nodiscard]] std::string without_comments_and_strings(std::string_view text);

struct FunctionLength {
  int line = 0;     ///< of the opening brace, from 1
  int lines = 0;    ///< from the opening to the closing brace
};

/// Bodies of functions at namespace and class level.
[[nodiscard]] std::vector<FunctionLength> function_lengths(std::string_view text);

[[nodiscard]] int line_count(std::string_view text);
