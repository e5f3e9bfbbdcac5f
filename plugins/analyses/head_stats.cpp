#include "plugins/analyses/head_stats.h"

#include <algorithm>
#include <limits>
#include <numeric>


namespace vitrine::plugins {

namespace {

float mean(const std::vector<float>& values) {
  return static_cast<float>(std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(std::max<std::size_t>(1, values.size())));
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
    StatisticsRequest wanted{.columns = false};
    if (input && input->grid && map.rows() == input->grid->offset + input->grid->rows * input->grid->cols && input->grid->cols > 0)
      wanted.grid = {input->grid->offset, input->grid->rows, input->grid->cols};
    wanted.key_sets.emplace_back(static_cast<std::size_t>(map.cols()), 0.0F)[0] = 1;
    for (int h = 0; h < m.heads; ++h) {
      VITRINE_CHECK(request.progress.step(static_cast<double>(m.layer) / tower.layers, m.site));
      VITRINE_TRY(const HeadStatistics head, map.statistics(0, h, wanted, request.progress.silent()));
      const auto at = static_cast<std::size_t>(m.layer * stats.heads + h);
      stats.entropy[at] = mean(head.entropy);
      stats.distance[at] = mean(head.distance);
      stats.first_token[at] = mean(head.mass[0]);
      stats.confidence[at] = mean(head.top);
    }
  }
  return stats;
}

void register_head_stats(PluginRegistrar& registrar) {
  registrar.add(make_analysis({"head_stats", "Head statistics", "Entropy, distance, mass on the first token and largest weight of every head.", "", {tower_param()}}, run_head_stats));
}

}  // namespace vitrine::plugins
