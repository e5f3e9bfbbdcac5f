#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "plugins/analyses/common.h"

namespace vitrine::plugins {

/// What a person calls a codebook: "L1.attn.h3", "L1.mlp".
[[nodiscard]] std::string codebook_title(const CodebookInfo& book);
/// Titles of all codebooks, in the order of `Model::codebooks()`.
[[nodiscard]] std::vector<std::string> codebook_titles(const Model& model);

/// Parameter "codebook", an index into `Model::codebooks()`.
[[nodiscard]] ParamInfo codebook_param(bool all_allowed);
/// Indices of the codebooks that parameter "codebook" names; -1 names all of them where `all_allowed`.
/// @error Unsupported if the model has none; Usage with the range that exists
[[nodiscard]] Result<std::vector<int>> codebooks_of(const AnalysisRequest& request, bool all_allowed);
/// The code that parameter "code" names. @error Usage with the range that exists
[[nodiscard]] Result<int> code_of(const AnalysisRequest& request, const CodebookInfo& book);

/// Hook of a codebook: "hook_codes", "hook_scores", "hook_in", "hook_out".
[[nodiscard]] std::string codebook_hook(const CodebookInfo& book, const char* hook);
/// Forces one code (all k places of it); on one token only if `token` is not negative.
[[nodiscard]] Edit force_edit(const CodebookInfo& book, int code, std::int64_t token = -1);

}  // namespace vitrine::plugins
