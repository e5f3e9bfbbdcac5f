#include "engine/mixers/map_statistics.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "engine/mixers/mixing_map.h"

namespace vitrine::engine {

namespace {

constexpr std::int64_t kStripeCells = 1 << 21;
constexpr int kMostTop = 64;

/// Calls f(first row, tile values) for stripes of rows.
template <typename F>
Status stripes(const MixingMap& map, int batch, int head, std::int64_t r0, std::int64_t r1, std::int64_t c0, std::int64_t c1,
               const Progress& progress, F&& f) {
  const std::int64_t height = std::max<std::int64_t>(1, kStripeCells / std::max<std::int64_t>(1, c1 - c0));
  for (std::int64_t r = r0; r < r1; r += height) {
    VITRINE_CHECK(progress.step(static_cast<double>(r - r0) / static_cast<double>(r1 - r0)));
    const std::int64_t end = std::min(r1, r + height);
    VITRINE_TRY(const Tensor tile, map.tile(batch, head, r, end, c0, c1));
    f(r, end, tile.to_floats());
  }
  return {};
}

void add_row(HeadStatistics& out, const StatisticsRequest& request, const KeyGeometry& geometry, std::int64_t row, std::vector<float>& p) {
  const auto r = static_cast<std::size_t>(row), n = p.size();
  std::vector<float> own(n);
  const float* distance = geometry.distances(row, 0, out.cols, out.cols, own.data());
  double entropy = 0, far = 0;
  for (std::size_t j = 0; j < n; ++j) {
    if (p[j] > 0) entropy -= double{p[j]} * std::log(double{p[j]});
    far += double{p[j]} * distance[j];
    if (request.columns) out.received[j] += p[j];
  }
  out.entropy[r] = static_cast<float>(entropy);
  out.distance[r] = static_cast<float>(far);
  for (std::size_t s = 0; s < request.key_sets.size(); ++s) {
    double mass = 0;
    for (std::size_t j = 0; j < n; ++j) mass += double{p[j]} * request.key_sets[s][j];
    out.mass[s][r] = static_cast<float>(mass);
  }
  if (request.profile)
    geometry.runs(row, 0, out.cols, [&](std::int64_t first, std::int64_t count, std::size_t cell) {
      for (std::int64_t i = 0; i < count; ++i) out.profile[cell + static_cast<std::size_t>(i)] += p[static_cast<std::size_t>(first + i)];
    });
  for (int k = 0; k < request.top_k; ++k) {
    const auto best = std::max_element(p.begin(), p.end());
    if (!(*best > 0)) break;
    const auto cell = r * static_cast<std::size_t>(request.top_k) + static_cast<std::size_t>(k);
    out.top[cell] = *best;
    out.top_key[cell] = static_cast<std::int32_t>(best - p.begin());
    *best = 0;
  }
}

}  // namespace

HeadStatistics::HeadStatistics(std::int64_t n_rows, std::int64_t n_cols, const StatisticsRequest& request)
    : rows(n_rows), cols(n_cols), entropy(static_cast<std::size_t>(n_rows)), distance(entropy.size()),
      top(entropy.size() * static_cast<std::size_t>(request.top_k)), top_key(top.size(), -1),
      mass(request.key_sets.size(), std::vector<float>(entropy.size())) {
  if (request.columns) received.resize(static_cast<std::size_t>(n_cols));
  if (!request.profile) return;
  profile_rows = request.grid.width > 0 ? 2 * request.grid.height - 1 : 1;
  profile_cols = 2 * (request.grid.width > 0 ? request.grid.width : n_cols) - 1;
  profile.resize(static_cast<std::size_t>(profile_rows * profile_cols));
}

Status check_statistics(std::int64_t rows, std::int64_t cols, const StatisticsRequest& request) {
  const auto usage = [](std::string what) { return fail(ErrorCode::Usage, std::move(what)); };
  if (rows < 1 || cols < 1) return usage("a map without cells has no statistics");
  if (request.top_k < 0 || request.top_k > kMostTop)
    return usage("the number of largest weights must be from 0 to 64, not " + std::to_string(request.top_k));
  for (const auto& set : request.key_sets)
    if (static_cast<std::int64_t>(set.size()) != cols)
      return usage("a set of keys has " + std::to_string(set.size()) + " weights for " + std::to_string(cols) + " keys");
  return KeyGeometry::check(cols, request.grid);
}

Result<HeadStatistics> tiled_statistics(const MixingMap& map, int batch, int head, const StatisticsRequest& request, const Progress& progress) {
  VITRINE_CHECK(check_statistics(map.rows(), map.cols(), request));
  HeadStatistics out(map.rows(), map.cols(), request);
  const KeyGeometry geometry(map.rows(), map.cols(), request.grid);
  const auto cols = static_cast<std::size_t>(map.cols());
  std::vector<float> p(cols);
  VITRINE_CHECK(stripes(map, batch, head, 0, map.rows(), 0, map.cols(), progress, [&](std::int64_t r0, std::int64_t r1, const std::vector<float>& tile) {
    for (std::int64_t r = r0; r < r1; ++r) {
      const float* row = tile.data() + static_cast<std::size_t>(r - r0) * cols;
      double sum = 0;
      for (std::size_t j = 0; j < cols; ++j) sum += std::abs(row[j]);
      const double scale = map.stochastic() ? 1 : sum > 0 ? 1 / sum : 0;
      for (std::size_t j = 0; j < cols; ++j) p[j] = static_cast<float>(std::abs(row[j]) * scale);
      add_row(out, request, geometry, r, p);
    }
  }));
  return out;
}

Status check_overview(std::int64_t rows, std::int64_t cols, const OverviewRequest& request) {
  if (request.row0 < 0 || request.col0 < 0 || request.row1 > rows || request.col1 > cols || request.row0 >= request.row1 || request.col0 >= request.col1)
    return fail(ErrorCode::Usage, "an overview outside the map: it has " + std::to_string(rows) + " x " + std::to_string(cols) + " cells");
  if (request.block < 0 || (request.block == 0 && (request.out_rows < 1 || request.out_cols < 1 || request.out_rows > request.row1 - request.row0 ||
                                                   request.out_cols > request.col1 - request.col0)))
    return fail(ErrorCode::Usage, "an overview must have from 1 cell to as many as the part of the map that it shows");
  return {};
}

Result<Overview> tiled_overview(const MixingMap& map, int batch, int head, const OverviewRequest& o, const Progress& progress) {
  VITRINE_CHECK(check_overview(map.rows(), map.cols(), o));
  Overview out(o);
  const Pooling rows = o.rows(), cols = o.cols();
  std::vector<double> sum(out.mean.size());
  VITRINE_CHECK(stripes(map, batch, head, o.row0, o.row1, o.col0, o.col1, progress, [&](std::int64_t r0, std::int64_t r1, const std::vector<float>& tile) {
    for (std::int64_t r = r0; r < r1; ++r)
      for (std::int64_t c = 0; c < cols.n; ++c) {
        const float v = tile[static_cast<std::size_t>((r - r0) * cols.n + c)];
        const auto cell = static_cast<std::size_t>(rows.cell_of(r - o.row0) * out.cols + cols.cell_of(c));
        if (std::abs(v) > std::abs(out.most[cell])) out.most[cell] = v;
        sum[cell] += std::abs(v);
      }
  }));
  for (std::int64_t r = 0; r < out.rows; ++r)
    for (std::int64_t c = 0; c < out.cols; ++c) {
      const auto cell = static_cast<std::size_t>(r * out.cols + c);
      out.mean[cell] = static_cast<float>(sum[cell] / static_cast<double>((rows.begin(r + 1) - rows.begin(r)) * (cols.begin(c + 1) - cols.begin(c))));
    }
  return out;
}

}  // namespace vitrine::engine
