#include "plugins/analyses/codebooks.h"

#include <fmt/format.h>

namespace vitrine::plugins {

std::string codebook_title(const CodebookInfo& book) {
  const auto blocks = book.site.find("blocks.");
  const std::string tower = blocks == std::string::npos || book.site.starts_with("stages.") ? "" : book.site.substr(0, blocks);
  return book.head < 0 ? fmt::format("{}L{}.mlp", tower, book.layer) : fmt::format("{}L{}.attn.h{}", tower, book.layer, book.head);
}

std::vector<std::string> codebook_titles(const Model& model) {
  std::vector<std::string> titles;
  for (const auto& book : model.codebooks()) titles.push_back(codebook_title(book));
  return titles;
}

ParamInfo codebook_param(bool all_allowed) {
  return int_param("codebook", all_allowed ? -1 : 0, all_allowed ? "number of the codebook in the model's list; -1: all" : "number of the codebook in the model's list");
}

Result<std::vector<int>> codebooks_of(const AnalysisRequest& request, bool all_allowed) {
  const auto& books = request.workspace.model().codebooks();
  if (books.empty()) return fail(ErrorCode::Unsupported, "the model has no codebooks");
  const std::int64_t wanted = request.params["codebook"];
  const auto count = static_cast<std::int64_t>(books.size());
  if (wanted >= count || wanted < (all_allowed ? -1 : 0))
    return fail(ErrorCode::Usage, fmt::format("there is no codebook {}; the model has codebooks 0 to {}", wanted, count - 1));
  if (wanted >= 0) return std::vector<int>{static_cast<int>(wanted)};
  std::vector<int> all;
  for (int i = 0; i < static_cast<int>(count); ++i) all.push_back(i);
  return all;
}

Result<int> code_of(const AnalysisRequest& request, const CodebookInfo& book) {
  const std::int64_t code = request.params["code"];
  if (code < 0 || code >= book.codes)
    return fail(ErrorCode::Usage, fmt::format("there is no code {}; codebook {} has codes 0 to {}", code, codebook_title(book), book.codes - 1));
  return static_cast<int>(code);
}

std::string codebook_hook(const CodebookInfo& book, const char* hook) { return book.site + "." + hook; }

Edit force_edit(const CodebookInfo& book, int code, std::int64_t token) {
  Edit edit;
  edit.site = codebook_hook(book, "hook_codes");
  edit.op = EditOp::ForceCode;
  edit.codes = {code};
  if (token >= 0) edit.tokens = {token};
  return edit;
}

}  // namespace vitrine::plugins
