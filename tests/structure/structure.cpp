#include "tests/structure/structure.h"

#include <algorithm>
#include <regex>
#include <sstream>

namespace {

bool below(const std::string& file, const std::string& folder) { return file.starts_with(folder + "/"); }

bool below_any(const std::string& file, const std::vector<std::string>& folders) {
  return std::ranges::any_of(folders, [&](const std::string& folder) { return below(file, folder); });
}

/// Where the raw string literal that starts at `at` (on its R) ends.
std::size_t raw_string_end(std::string_view text, std::size_t at) {
  const std::size_t open = text.find('(', at);
  if (open == std::string_view::npos) return text.size();
  const std::string close = ")" + std::string(text.substr(at + 2, open - at - 2)) + "\"";
  const std::size_t end = text.find(close, open);
  return end == std::string_view::npos ? text.size() : end + close.size();
}

/// Where the quoted literal that starts at `at` ends; it does not cross a line.
std::size_t quoted_end(std::string_view text, std::size_t at) {
  for (std::size_t i = at + 1; i < text.size(); ++i) {
    if (text[i] == '\\') ++i;
    else if (text[i] == text[at] || text[i] == '\n') return i + 1;
  }
  return text.size();
}

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

/// Whether the text before a brace opens something that holds functions, not a function.
bool opens_container(const std::string& before) {
  static const std::regex word(R"((^|[^\w])(namespace|class|struct|union|enum|extern)([^\w]|$))");
  std::smatch found;
  if (!std::regex_search(before, found, word)) return false;
  const std::size_t at = found.position();
  return before.find('(') == std::string::npos || before.find('(') > at;
}

}  // namespace

Directions read_directions(std::string_view text) {
  Directions directions;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string rule, subject, word;
    if (!(words >> rule >> subject) || rule.starts_with('#')) continue;
    std::vector<std::string> rest;
    while (words >> word) rest.push_back(word);
    if (rule == "order") {
      for (std::size_t i = 0; i < rest.size(); ++i) {
        auto& uses = directions.uses[subject + "/" + rest[i]];
        for (std::size_t before = 0; before < i; ++before) uses.push_back(subject + "/" + rest[before]);
      }
    } else if (rule == "uses") {
      directions.uses[subject] = rest;
    } else if (rule == "only") {
      directions.only[subject] = rest;
    } else if (rule == "never") {
      directions.never.push_back(subject);
    }
  }
  return directions;
}

std::vector<std::string> forbidden_includes(const Directions& directions, const std::string& file, std::string_view text) {
  std::string folder;
  for (const auto& [name, uses] : directions.uses)
    if (below(file, name) && name.size() > folder.size()) folder = name;
  std::vector<std::string> sentences;
  if (folder.empty()) return {file + ": its folder is not in the table"};
  static const std::regex include(R"(^\s*#\s*include\s*[<"]([^>"]+)[>"])");
  std::istringstream lines{std::string(text)};
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    std::smatch found;
    if (!std::regex_search(line, found, include)) continue;
    const std::string target = found[1];
    const std::string where = file + ":" + std::to_string(number) + ": ";
    if (std::ranges::find(directions.never, target) != directions.never.end())
      sentences.push_back(where + "nobody may include " + target);
    for (const auto& [prefix, folders] : directions.only)
      if (target.starts_with(prefix) && !below_any(file, folders)) sentences.push_back(where + folder + " may not include " + target);
    static const std::regex ours(R"(^(engine|views|app|plugins|tests)/)");
    if (std::regex_search(target, ours) && !below(target, folder) && !below_any(target, directions.uses.at(folder)))
      sentences.push_back(where + folder + " may not include " + target);
  }
  return sentences;
}

std::string without_comments_and_strings(std::string_view text) {
  std::string result(text);
  const auto blank = [&](std::size_t from, std::size_t to) {
    for (std::size_t i = from; i < to && i < result.size(); ++i)
      if (result[i] != '\n') result[i] = ' ';
    return to;
  };
  for (std::size_t i = 0; i < text.size();) {
    const std::string_view rest = text.substr(i);
    if (rest.starts_with("//")) i = blank(i, std::min(text.find('\n', i), text.size()));
    else if (rest.starts_with("/*")) i = blank(i, std::min(text.find("*/", i + 2), text.size() - 2) + 2);
    else if (rest.starts_with("R\"") && (i == 0 || !is_word(text[i - 1]))) i = blank(i, raw_string_end(text, i));
    else if (text[i] == '"') i = blank(i, quoted_end(text, i));
    else if (text[i] == '\'' && (i == 0 || !is_word(text[i - 1]))) i = blank(i, quoted_end(text, i));
    else ++i;
  }
  return result;
}

std::vector<FunctionLength> function_lengths(std::string_view source) {
  const std::string text = without_comments_and_strings(source);
  std::vector<FunctionLength> functions;
  std::string before;
  int line = 1, depth_in_function = 0;
  std::vector<bool> containers;
  bool directive = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\n') {
      ++line;
      directive = directive && i > 0 && text[i - 1] == '\\';
      before += ' ';
      continue;
    }
    if (c == '#' && depth_in_function == 0) directive = true;
    if (directive) continue;
    if (depth_in_function > 0) {
      if (c == '{') ++depth_in_function;
      if (c == '}' && --depth_in_function == 0) functions.back().lines = line - functions.back().line + 1;
    } else if (c == '{') {
      if (!opens_container(before) && before.find('(') != std::string::npos) {
        functions.push_back({line, 0});
        depth_in_function = 1;
      } else {
        containers.push_back(true);
      }
      before.clear();
    } else if (c == '}' || c == ';') {
      if (c == '}' && !containers.empty()) containers.pop_back();
      before.clear();
    } else {
      before += c;
    }
  }
  return functions;
}

int line_count(std::string_view text) { return static_cast<int>(std::ranges::count(text, '\n')); }
