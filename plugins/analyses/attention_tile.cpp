#include <algorithm>

#include <fmt/format.h>

#include "plugins/analyses/common.h"

namespace vitrine::plugins {

namespace {

constexpr std::int64_t kTileSide = 256;

Report matrix_of(const OneHead& asked, const AnalysisRequest& request, std::int64_t rows, std::int64_t cols, std::vector<float> values) {
  Report report;
  report.picture = PictureKind::Matrix;
  report.title = fmt::format("Head {}", head_name(asked.layer, asked.head));
  report.subtitle = request.workspace.model().name() + " · " + request.workspace.input().summary;
  report.arrays.push_back(make_array("pattern", asked.map->stochastic() ? "probability" : "weight", {{"query", "", {}}, {"key", "", {}}},
                                     {rows, cols}, std::move(values)));
  report.notes["map"] = asked.map->kind();
  return report;
}

Result<Report> tile(const AnalysisRequest& request) {
  VITRINE_TRY(const OneHead asked, head_of(request));
  const int level = request.params["level"];
  const std::int64_t row = request.params["row"], col = request.params["col"], rows = asked.map->rows(), cols = asked.map->cols();
  if (level < 0 || level > 40) return fail(ErrorCode::Usage, fmt::format("a tile has a level from 0 to 40, not {}", level));
  const std::int64_t block = std::int64_t{1} << level, side = kTileSide * block;
  if (row < 0 || col < 0 || row > rows / side || col > cols / side || row * side >= rows || col * side >= cols)
    return fail(ErrorCode::Usage, fmt::format("tile {}, {} of level {} does not exist; the map has {} x {} cells", row, col, level, rows, cols));
  OverviewRequest part{.row0 = row * side, .row1 = std::min(rows, (row + 1) * side), .col0 = col * side, .col1 = std::min(cols, (col + 1) * side), .block = block};
  part.sampled = request.params["sampled"];
  VITRINE_TRY(Overview pooled, asked.map->overview(asked.batch, asked.head, part, request.progress));
  Report report = matrix_of(asked, request, pooled.rows, pooled.cols, std::move(pooled.most));
  report.notes["cells"] = fmt::format("{} x {} of {} x {}", part.row1 - part.row0, part.col1 - part.col0, rows, cols);
  report.verified = verify_row(*asked.map, asked.batch, asked.head, part.row0 + (part.row1 - part.row0) / 2);
  if (part.sampled) report.notes["sampled"] = fmt::format("one cell of each block of {0} x {0}", block);
  else if (block > 1) report.notes["pooled"] = fmt::format("largest of each block of {0} x {0}", block);
  return report;
}

Result<Report> row(const AnalysisRequest& request) {
  VITRINE_TRY(const OneHead asked, head_of(request));
  const std::int64_t query = request.params["query"];
  if (query < 0 || query >= asked.map->rows()) return fail(ErrorCode::Usage, fmt::format("query {} does not exist; the map has {}", query, asked.map->rows()));
  VITRINE_TRY(const Tensor values, asked.map->tile(asked.batch, asked.head, query, query + 1, 0, asked.map->cols()));
  Report report = matrix_of(asked, request, 1, asked.map->cols(), values.to_floats());
  report.verified = verify_row(*asked.map, asked.batch, asked.head, query);
  return report;
}

}  // namespace

void register_attention_tile(PluginRegistrar& registrar) {
  registrar.add(make_analysis({"attention_tile", "Part of a map", "One tile of 256 x 256 cells of a head's map at a level of its pyramid, exactly.", "",
                               head_params({int_param("level", 0, "each cell is the largest of 2^level x 2^level"), int_param("row", 0, "row of tiles, from 0"),
                                       int_param("col", 0, "column of tiles, from 0"), bool_param("sampled", false, "one cell of each block instead of the largest")})}, tile));
  registrar.add(make_analysis({"attention_row", "One row of a map", "What one query takes from every key.", "", head_params({int_param("query", 0, "query, from 0")})}, row));
}

}  // namespace vitrine::plugins
