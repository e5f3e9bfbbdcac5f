#include <algorithm>
#include <numeric>
#include <optional>

#include <fmt/format.h>

#include "plugins/analyses/common.h"

namespace vitrine::plugins {

namespace {

constexpr int kLargest = 4;   ///< keys that the table names for each query

double mean(std::span<const float> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(std::max<std::size_t>(1, values.size()));
}

/// The k-th largest weight of every query.
std::vector<float> largest(const HeadStatistics& found, int k) {
  std::vector<float> column(static_cast<std::size_t>(found.rows));
  for (std::size_t i = 0; i < column.size(); ++i) column[i] = found.top[i * kLargest + static_cast<std::size_t>(k)];
  return column;
}

Array profile_array(const HeadStatistics& found, std::string unit) {
  const auto offsets = [](std::int64_t n) {
    std::vector<std::string> labels;
    for (std::int64_t i = 0; i < n; ++i) labels.push_back(fmt::format("{:+d}", i - n / 2));
    return labels;
  };
  const Axis across{"key minus query", unit, offsets(found.profile_cols)};
  if (found.profile_rows == 1) return make_array("profile", "mass", {across}, {found.profile_cols}, found.profile);
  return make_array("profile", "mass", {{"rows below", unit, offsets(found.profile_rows)}, across}, {found.profile_rows, found.profile_cols}, found.profile);
}

Table table_of(const HeadStatistics& found, const std::vector<std::string>& queries, const std::vector<std::string>& keys, const std::string& unit) {
  Table table{"rows", {{"query", "", 6}, {"token", "", 0}, {"entropy", "nats", 4}, {"distance", unit, 4}, {"received", "mass", 4}, {"largest weights", "", 0}}, {}};
  for (std::size_t i = 0; i < static_cast<std::size_t>(found.rows); ++i) {
    std::string most;
    for (std::size_t k = 0; k < kLargest; ++k) {
      const auto key = found.top_key[i * kLargest + k];
      if (key >= 0) most += fmt::format("{}{} {:.3f}", most.empty() ? "" : ", ", keys.empty() ? std::to_string(key) : keys[static_cast<std::size_t>(key)], found.top[i * kLargest + k]);
    }
    const Cell received = i < found.received.size() && queries == keys ? Cell(static_cast<double>(found.received[i])) : Cell(std::string());
    table.rows.push_back({static_cast<double>(i), queries.empty() ? std::string() : queries[i], static_cast<double>(found.entropy[i]),
                          static_cast<double>(found.distance[i]), received, most});
  }
  return table;
}

/// A value of every patch, where the patches are.
std::optional<Array> on_patches(const Array& by_token, const PatchGrid& grid) {
  const std::int64_t patches = std::int64_t{grid.rows} * grid.cols;
  if (by_token.shape != std::vector<std::int64_t>{grid.offset + patches}) return std::nullopt;
  return make_array(by_token.name + " by patch", by_token.unit, {{"row", "", {}}, {"col", "", {}}}, {grid.rows, grid.cols},
                    std::vector<float>(by_token.values.begin() + grid.offset, by_token.values.end()));
}

/// How the first array is drawn.
void choose_picture(Report& report, bool profile) {
  const Array& shown = report.arrays[0];
  auto patches = report.grid && !profile ? on_patches(shown, *report.grid) : std::nullopt;
  if (shown.shape.size() == 2) report.picture = PictureKind::Matrix;
  else if (profile) report.picture = PictureKind::Bars;
  else if (patches) report.picture = report.image ? PictureKind::ImageOverlay : PictureKind::Matrix;
  else report.picture = static_cast<std::int64_t>(report.tokens.size()) == shown.shape[0] ? PictureKind::Tokens : PictureKind::Table;
  if (patches) report.arrays.insert(report.arrays.begin(), std::move(*patches));
}

Result<Report> statistics(const AnalysisRequest& request) {
  VITRINE_TRY(const OneHead asked, head_of(request));
  const MixingMap& map = *asked.map;
  StatisticsRequest wanted{.profile = true, .top_k = kLargest};
  Report report;
  describe_input(report, request.workspace, asked.tower->prefix);
  const std::string unit = report.grid ? "patches" : "tokens";
  if (report.grid && map.rows() == map.cols() && map.cols() == report.grid->offset + std::int64_t{report.grid->rows} * report.grid->cols)
    wanted.grid = {report.grid->offset, report.grid->rows, report.grid->cols};
  wanted.key_sets.emplace_back(static_cast<std::size_t>(map.cols()), 0.0F)[0] = 1;
  VITRINE_TRY(const HeadStatistics found, map.statistics(asked.batch, asked.head, wanted, request.progress));
  report.title = fmt::format("Head {}, query by query", head_name(asked.layer, asked.head));
  const auto queries = token_texts(request.workspace, asked.tower->prefix, map.rows());
  const std::string key_tower = request.params["cross"].get<bool>() ? request.workspace.model().spec().towers.at(0).prefix : asked.tower->prefix;
  const auto keys = token_texts(request.workspace, key_tower, map.cols());
  const auto by_query = [&](const char* name, const char* of, std::vector<float> values) {
    return make_array(name, of, {{"query", "", queries}}, {map.rows()}, std::move(values));
  };
  std::vector<Array> all{by_query("entropy", "nats", found.entropy), by_query("distance", unit.c_str(), found.distance), by_query("largest", "weight", largest(found, 0)),
                         by_query("first_token", "mass", found.mass[0]), make_array("received", "mass", {{"key", "", keys}}, {map.cols()}, found.received),
                         profile_array(found, unit)};
  const std::string show = request.params["show"];
  std::stable_partition(all.begin(), all.end(), [&](const Array& each) { return each.name == show; });
  report.arrays = std::move(all);
  choose_picture(report, show == "profile");
  report.tables = {table_of(found, queries, keys, unit)};
  report.metrics = {{"entropy", mean(found.entropy), "nats", {}}, {"distance", mean(found.distance), unit, {}},
                    {"largest weight", mean(largest(found, 0)), "", {}}, {"mass on first token", mean(found.mass[0]), "", {}}};
  report.notes["received"] = "sum over the queries; the mean is 1 where queries and keys are as many";
  if (!map.stochastic()) report.notes["weights"] = "no distribution: counted by magnitude, divided by the sum of the row";
  report.verified = verify_row(map, asked.batch, asked.head, map.rows() / 2);
  return report;
}

}  // namespace

void register_attention_statistics(PluginRegistrar& registrar) {
  registrar.add(make_analysis({"attention_statistics", "Head, query by query",
                               "Entropy, distance, largest weights, mass received and mass by displacement of one head, in one pass over its scores and without its map: at any length.",
                               "Dao et al. 2022, arXiv:2205.14135 (exact in O(n) memory)",
                               head_params({choice_param("show", {"received", "entropy", "distance", "largest", "first_token", "profile"}, "what is drawn")})},
                              statistics));
}

}  // namespace vitrine::plugins
