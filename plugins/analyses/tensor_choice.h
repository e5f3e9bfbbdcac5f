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

/// A pooled rectangle as an array [row, col] with the axes' names; infinities become NaN, which is drawn as a hole.
[[nodiscard]] Array grid_array(const PooledGrid& grid, const SliceView& view, const TensorEntry& entry);

}  // namespace vitrine::plugins
