#include "plugins/analyses/tensor_choice.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <limits>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "engine/io/bytes.h"

namespace vitrine::plugins {

namespace {

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

/// Greedy with one way back: the last star takes one more character.
bool fits_pattern(const std::string& name, const std::string& pattern) {
  std::size_t n = 0, p = 0, star = std::string::npos, from = 0;
  while (n < name.size()) {
    if (p < pattern.size() && (pattern[p] == '?' || (pattern[p] == name[n] && pattern[p] != '*'))) {
      ++n;
      ++p;
    } else if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      from = n;
    } else if (star != std::string::npos) {
      p = star + 1;
      n = ++from;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace

bool name_matches(const std::string& name, const std::string& typed) {
  const std::string text = lower(name), wanted = lower(typed);
  if (wanted.find_first_of("*?") != std::string::npos) return fits_pattern(text, wanted);
  for (std::size_t at = 0; at < wanted.size();) {
    const std::size_t end = std::min(wanted.find(' ', at), wanted.size());
    if (end > at && text.find(wanted.substr(at, end - at)) == std::string::npos) return false;
    at = end + 1;
  }
  return true;
}

Result<const TensorEntry*> chosen_tensor(const AnalysisRequest& request) {
  const Checkpoint& file = request.workspace.model().checkpoint();
  const auto name = request.params.value("name", std::string());
  if (file.tensors().empty()) return fail(ErrorCode::InvalidInput, "the file holds no tensor");
  if (name.empty()) return &file.tensors().front();
  if (const TensorEntry* found = file.find(name)) return found;
  std::vector<std::string> alike;
  for (const TensorEntry& entry : file.tensors())
    if (alike.size() < 3 && name_matches(entry.name, name)) alike.push_back(printable(entry.name));
  return fail(ErrorCode::Usage, fmt::format("expected the name of one of {} tensors, came '{}'{}", file.tensors().size(), printable(name),
                                            alike.empty() ? "" : fmt::format("; there are {}", fmt::join(alike, ", "))));
}

ParamInfo tensor_param() { return text_param("name", "", "name of the tensor in the file; empty: the first"); }

ParamInfo slice_param() {
  return text_param("slice", "", "one entry an axis, a position or \":\" for at most two: \"0,:,:\"; empty: the last two axes, the others at 0");
}

std::string shape_words(const std::vector<std::int64_t>& shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

Array grid_array(const PooledGrid& grid, const SliceView& view, const TensorEntry& entry) {
  const auto axis = [&](std::size_t i) {
    const std::string name = i < view.axes.size() ? fmt::format("axis {} of {}", view.axes[i], entry.shape.size()) : std::string("row");
    return Axis{name, "", {}};
  };
  Array array = make_array("values", "", {axis(view.axes.size() == 2 ? 0 : 2), axis(view.axes.size() == 2 ? 1 : view.axes.empty() ? 2 : 0)},
                           {grid.rows, grid.cols}, grid.values);
  for (float& v : array.values)
    if (std::isinf(v)) v = std::numeric_limits<float>::quiet_NaN();
  return array;
}

}  // namespace vitrine::plugins
