#include "plugins/analyses/head_stats.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/measure/statistics.h"

namespace vitrine::plugins {

namespace {

/// Distance of two positions: Euclidean between patches, otherwise in tokens.
double distance_between(std::int64_t a, std::int64_t b, const PatchGrid* grid) {
  if (!grid || grid->cols == 0) return static_cast<double>(std::abs(a - b));
  if (a < grid->offset || b < grid->offset) return 0;
  const double dy = static_cast<double>((a - grid->offset) / grid->cols - (b - grid->offset) / grid->cols);
  const double dx = static_cast<double>((a - grid->offset) % grid->cols - (b - grid->offset) % grid->cols);
  return std::sqrt(dx * dx + dy * dy);
}

void add_head(HeadStats& stats, std::size_t at, const std::vector<float>& map, std::int64_t rows, std::int64_t cols, const PatchGrid* grid) {
  double h = 0, d = 0, first = 0, top = 0;
  for (std::int64_t r = 0; r < rows; ++r) {
    const std::span<const float> row(map.data() + r * cols, static_cast<std::size_t>(cols));
    double mass = 0;
    for (std::int64_t c = 0; c < cols; ++c) mass += std::abs(row[static_cast<std::size_t>(c)]);
    const double scale = mass > 0 ? 1 / mass : 0;
    for (std::int64_t c = 0; c < cols; ++c) {
      const double p = std::abs(row[static_cast<std::size_t>(c)]) * scale;
      if (p > 0) h -= p * std::log(p);
      d += p * distance_between(r, c, grid);
    }
    first += std::abs(row[0]) * scale;
    top += *std::max_element(row.begin(), row.end()) * scale;
  }
  const double n = static_cast<double>(std::max<std::int64_t>(1, rows));
  stats.entropy[at] = static_cast<float>(h / n);
  stats.distance[at] = static_cast<float>(d / n);
  stats.first_token[at] = static_cast<float>(first / n);
  stats.confidence[at] = static_cast<float>(top / n);
}

Result<Report> run_head_stats(const AnalysisRequest& request) {
  VITRINE_TRY(const TowerInfo* tower, tower_of(request));
  VITRINE_TRY(const auto run, request.workspace.with_edits(request.edits, request.progress));
  VITRINE_TRY(const HeadStats stats, head_stats(request, *tower, *run));
  Report report;
  report.picture = PictureKind::HeatMap;
  describe_input(report, request.workspace, tower->prefix);
  const auto add = [&](const char* name, const char* unit, const std::vector<float>& values) {
    report.arrays.push_back(make_array(name, unit, {layer_axis(stats.layers), head_axis(stats.heads)}, {stats.layers, stats.heads}, values));
  };
  add("entropy", "nats", stats.entropy);
  add("distance", report.grid ? "patches" : "tokens", stats.distance);
  add("first_token", "share", stats.first_token);
  add("confidence", "probability", stats.confidence);
  report.notes["averaging"] = "mean over the query positions of this input";
  report.verified = {"computed from exact maps; see the map of each head for its check", -1, -1, true};
  return report;
}

}  // namespace

Result<HeadStats> head_stats(const AnalysisRequest& request, const TowerInfo& tower, const Run& run) {
  HeadStats stats{tower.layers, max_heads(tower), {}, {}, {}, {}};
  const auto cells = static_cast<std::size_t>(stats.layers * stats.heads);
  for (auto* v : {&stats.entropy, &stats.distance, &stats.first_token, &stats.confidence}) v->assign(cells, std::numeric_limits<float>::quiet_NaN());
  const TowerInput* input = tower_input(request.workspace, tower.prefix);
  for (const auto& m : tower.mixers) {
    auto it = run.maps.find(m.site);
    if (it == run.maps.end()) continue;
    const MixingMap& map = *it->second;
    const PatchGrid* grid = input && input->grid && map.rows() == input->grid->offset + input->grid->rows * input->grid->cols ? &*input->grid : nullptr;
    for (int h = 0; h < m.heads; ++h) {
      VITRINE_CHECK(request.progress.step(static_cast<double>(m.layer) / tower.layers, m.site));
      VITRINE_TRY(const auto values, whole_map(map, 0, h));
      add_head(stats, static_cast<std::size_t>(m.layer * stats.heads + h), values, map.rows(), map.cols(), grid);
    }
  }
  return stats;
}

void register_head_stats(PluginRegistrar& registrar) {
  registrar.add(make_analysis({"head_stats", "Head statistics", "Entropy, distance, mass on the first token and largest weight of every head.", "", {tower_param()}}, run_head_stats));
}

}  // namespace vitrine::plugins
