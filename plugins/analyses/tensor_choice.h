#pragma once

#include <string>

#include "engine/io/checkpoint.h"
#include "engine/measure/tensor_scan.h"
#include "plugins/analyses/common.h"

namespace vitrine::plugins {

/// The tensor of the file that parameter "name" names; empty: the first.
/// @error Usage naming tensors that are written alike
[[nodiscard]] Result<const TensorEntry*> chosen_tensor(const AnalysisRequest& request);

[[nodiscard]] ParamInfo tensor_param();
[[nodiscard]] ParamInfo slice_param();

/// "[49152, 576]"
[[nodiscard]] std::string shape_words(const std::vector<std::int64_t>& shape);

/// Whether `name` matches what a person types to search: words that all occur in it, in any case, or a pattern with
/// `*` and `?` that it fits as a whole. Linear in the name for words; a pattern is matched without backtracking depth.
[[nodiscard]] bool name_matches(const std::string& name, const std::string& typed);

/// A pooled rectangle as an array [row, col] with the axes' names; infinities become NaN, which is drawn as a hole.
[[nodiscard]] Array grid_array(const PooledGrid& grid, const SliceView& view, const TensorEntry& entry);

}  // namespace vitrine::plugins
