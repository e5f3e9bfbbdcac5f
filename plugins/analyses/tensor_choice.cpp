#include "plugins/analyses/tensor_choice.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "engine/core/name_match.h"
#include "engine/io/bytes.h"
#include "engine/io/codec.h"

namespace vitrine::plugins {

Result<const TensorEntry*> chosen_tensor(const AnalysisRequest& request) {
  const Checkpoint& file = request.workspace.model().checkpoint();
  const auto name = request.params.value("name", std::string());
  if (file.tensors().empty()) return fail(ErrorCode::InvalidInput, "the file holds no tensor");
  if (name.empty()) return &file.tensors().front();
  if (const TensorEntry* found = file.find(name)) {
    // Of complex numbers the magnitudes are shown, unless a part is asked for.
    const bool whole = is_complex(found->dtype) && std::none_of(kComplexParts.begin(), kComplexParts.end(), [&](auto part) { return found->name.ends_with(part); });
    const TensorEntry* magnitude = whole ? file.find(found->name + std::string(kComplexParts[2])) : nullptr;
    return magnitude != nullptr ? magnitude : found;
  }
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
