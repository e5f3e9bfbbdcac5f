#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "engine/io/atomic_file.h"
#include "engine/io/bytes.h"
#include "engine/io/npy.h"
#include "engine/measure/tensor_statistics.h"
#include "plugins/analyses/tensor_choice.h"

namespace vitrine::plugins {

namespace {

constexpr int kBins = 96;
constexpr std::int64_t kMostCells = std::int64_t{1} << 22;

/// The smallest power of two that leaves at most `cells` cells.
std::int64_t pool_for(const SliceView& view, std::int64_t cells) {
  std::int64_t pool = 1;
  while (((view.rows + pool - 1) / pool) * ((view.cols + pool - 1) / pool) > std::max<std::int64_t>(1, cells)) pool *= 2;
  return pool;
}

std::vector<Cell> statistics_row(const std::string& of, const ValueStatistics& s) {
  const auto share = s.finite() ? static_cast<double>(s.zeros) / static_cast<double>(s.finite()) : 0;
  return {of, static_cast<double>(s.count), s.min, s.max, s.mean, s.deviation(), share, static_cast<double>(s.nan), static_cast<double>(s.infinite)};
}

Table statistics_table() {
  return {"statistics", {{"of", "", 4}, {"values", "", 9}, {"min", "", 6}, {"max", "", 6}, {"mean", "", 6}, {"std", "", 6},
                         {"zeros", "fraction", 4}, {"NaN", "", 9}, {"infinite", "", 9}}, {}};
}

Array histogram_array(const Histogram& histogram) {
  Axis bins{"value", "", {}};
  std::vector<float> counts;
  const double width = (histogram.hi - histogram.lo) / static_cast<double>(histogram.counts.size());
  for (std::size_t i = 0; i < histogram.counts.size(); ++i) {
    bins.labels.push_back(fmt::format("{:.4g}", histogram.lo + (static_cast<double>(i) + 0.5) * width));
    counts.push_back(static_cast<float>(histogram.counts[i]));
  }
  const auto n = static_cast<std::int64_t>(counts.size());
  return make_array("histogram", "values", {std::move(bins)}, {n}, std::move(counts));
}

Report heading_of(const AnalysisRequest& request, const TensorEntry& entry) {
  Report report;
  report.title = printable(entry.name);
  report.subtitle = fmt::format("{} · {} {} · {} bytes", request.workspace.model().name(), entry.dtype, shape_words(entry.shape), entry.bytes);
  return report;
}

Result<Report> tensor(const AnalysisRequest& request) {
  const Checkpoint& file = request.workspace.model().checkpoint();
  VITRINE_TRY(const TensorEntry* entry, chosen_tensor(request));
  VITRINE_TRY(const SliceView view, slice_of(entry->shape, request.params.value("slice", std::string())));
  const std::int64_t cells = std::clamp<std::int64_t>(request.params.value("cells", std::int64_t{65536}), 1, kMostCells);
  ValueStatistics whole, part;
  PooledGrid grid(0, view.rows, 0, view.cols, pool_for(view, cells));
  VITRINE_CHECK(for_each_row(file, *entry, view, 0, view.rows, 0, view.cols, request.progress, [&](auto row, auto col, auto values) {
    part.add(values);
    grid.add(row, col, values);
  }));
  const bool all = part.count == static_cast<std::uint64_t>(entry->numel());
  if (!all) {
    VITRINE_TRY(whole, std::move(statistics_of_tensors(file, std::array{entry}, request.progress)[0]));
  }
  const ValueStatistics& s = all ? part : whole;
  Histogram histogram(s.min, s.max, s.max > s.min ? kBins : 1);
  if (s.finite() > 0) VITRINE_CHECK(for_each_piece(file, *entry, request.progress, [&](auto values) { histogram.add(values); }));
  Report report = heading_of(request, *entry);
  const bool bars = request.params.value("show", std::string()) == "histogram";
  report.picture = bars ? PictureKind::Bars : PictureKind::Matrix;
  report.arrays = {grid_array(grid, view, *entry), histogram_array(histogram)};
  if (bars) std::swap(report.arrays[0], report.arrays[1]);
  Table table = statistics_table();
  table.rows.push_back(statistics_row("whole tensor", s));
  if (!all) table.rows.push_back(statistics_row("slice " + slice_text(entry->shape, view), part));
  report.tables = {std::move(table)};
  report.metrics = {{"min", s.min, "", {}}, {"max", s.max, "", {}}, {"mean", s.mean, "", {}}, {"std", s.deviation(), "", {}},
                    {"zeros", s.finite() ? static_cast<double>(s.zeros) / static_cast<double>(s.finite()) : 0, "share", {}},
                    {"NaN", static_cast<double>(s.nan), "values", {}}, {"infinite", static_cast<double>(s.infinite), "values", {}}};
  report.notes["drawn"] = fmt::format("slice {} of {}", slice_text(entry->shape, view), shape_words(entry->shape));
  report.notes["pool"] = std::to_string(grid.pool);
  report.notes["rows"] = std::to_string(view.rows);
  report.notes["cols"] = std::to_string(view.cols);
  if (grid.pool > 1) report.notes["cells"] = fmt::format("each is the value farthest from zero of {0} x {0} values", grid.pool);
  if (s.nan + s.infinite > 0) report.notes["holes"] = "NaN and infinite values are left out of the statistics and drawn as holes";
  report.verified = {"every value read and counted once, as the type decodes it", -1, -1, s.count == static_cast<std::uint64_t>(entry->numel())};
  return report;
}

/// "0:256" within [0, most]; empty: all.
Result<std::pair<std::int64_t, std::int64_t>> span_of(const std::string& text, std::int64_t most, const char* what) {
  if (text.empty()) return std::pair{std::int64_t{0}, most};
  std::pair<std::int64_t, std::int64_t> span{0, most};
  const std::size_t colon = text.find(':');
  const auto number = [&](const std::string& part, std::int64_t& to) {
    if (part.empty()) return true;
    const auto [end, problem] = std::from_chars(part.data(), part.data() + part.size(), to);
    return problem == std::errc() && end == part.data() + part.size();
  };
  if (colon == std::string::npos || !number(text.substr(0, colon), span.first) || !number(text.substr(colon + 1), span.second) ||
      span.first < 0 || span.second > most || span.first >= span.second)
    return fail(ErrorCode::Usage, fmt::format("expected A:B within 0:{} for the {}, came '{}'", most, what, printable(text)));
  return span;
}

Result<Report> tensor_values(const AnalysisRequest& request) {
  const Checkpoint& file = request.workspace.model().checkpoint();
  VITRINE_TRY(const TensorEntry* entry, chosen_tensor(request));
  VITRINE_TRY(const SliceView view, slice_of(entry->shape, request.params.value("slice", std::string())));
  VITRINE_TRY(const auto rows, span_of(request.params.value("rows", std::string()), view.rows, "rows"));
  VITRINE_TRY(const auto cols, span_of(request.params.value("cols", std::string()), view.cols, "columns"));
  const auto pool = std::clamp<std::int64_t>(request.params.value("pool", std::int64_t{1}), 1, std::int64_t{1} << 30);
  const auto [r0, r1] = rows;
  const auto [c0, c1] = cols;
  if (const auto cells = ((r1 - r0 + pool - 1) / pool) * ((c1 - c0 + pool - 1) / pool); cells > kMostCells)
    return fail(ErrorCode::DoesNotFit, fmt::format("expected at most {} cells, came {}; take fewer rows and columns or a larger pool", kMostCells, cells));
  PooledGrid grid(r0, r1, c0, c1, pool);
  VITRINE_CHECK(for_each_row(file, *entry, view, r0, r1, c0, c1, request.progress, [&](auto row, auto col, auto values) { grid.add(row, col, values); }));
  Report report = heading_of(request, *entry);
  report.picture = PictureKind::Matrix;
  report.arrays = {grid_array(grid, view, *entry)};
  report.notes["drawn"] = fmt::format("slice {}, rows {}:{}, columns {}:{}, pooled by {}", slice_text(entry->shape, view), r0, r1, c0, c1, pool);
  report.verified = {"values as the type decodes them", -1, -1, true};
  return report;
}

Result<Report> tensor_export(const AnalysisRequest& request) {
  const Checkpoint& file = request.workspace.model().checkpoint();
  VITRINE_TRY(const TensorEntry* entry, chosen_tensor(request));
  const auto out = request.params.value("out", std::string());
  if (!out.ends_with(".npy")) return fail(ErrorCode::Usage, fmt::format("expected a file that ends in .npy for 'out', came '{}'", printable(out)));
  const auto text = request.params.value("slice", std::string());
  VITRINE_TRY(SliceView view, slice_of(entry->shape, text));
  VITRINE_TRY(auto target, AtomicFile::create(out));
  Status written;
  const auto put = [&](std::span<const float> values) {
    if (written) written = target.write(as_text(std::as_bytes(values)));
  };
  std::vector<std::int64_t> shape = entry->shape;
  if (!text.empty()) {
    shape.clear();
    for (const int axis : view.axes) shape.push_back(entry->shape[static_cast<std::size_t>(axis)]);
  }
  VITRINE_CHECK(target.write(npy_preamble(shape)));
  if (text.empty())
    VITRINE_CHECK(for_each_piece(file, *entry, request.progress, put));
  else
    VITRINE_CHECK(for_each_row(file, *entry, view, 0, view.rows, 0, view.cols, request.progress, [&](auto, auto, auto values) { put(values); }));
  VITRINE_CHECK(written);
  VITRINE_CHECK(target.commit());
  Report report = heading_of(request, *entry);
  report.picture = PictureKind::Text;
  report.text = fmt::format("Wrote {} as float32 {} to {}", printable(entry->name), shape_words(shape), out);
  report.verified = {"the file was written whole before it took its name", -1, -1, true};
  return report;
}

}  // namespace

void register_tensor(PluginRegistrar& registrar) {
  const auto add = [&](AnalysisInfo info, auto run) {
    info.needs_pass = info.needs_input = false;
    registrar.add(make_analysis(std::move(info), run));
  };
  add({"tensor", "One tensor of the file",
       "Statistics of every value, a histogram, and the chosen slice as a heat map in which no single value is lost.", "",
       {tensor_param(), slice_param(), int_param("cells", 65536, "at most so many cells are drawn, up to 4,194,304"),
        choice_param("show", {"values", "histogram"}, "what the figure draws")}},
      tensor);
  add({"tensor_values", "A rectangle of a tensor", "The values of part of a slice, each cell the value farthest from zero of a block.", "",
       {tensor_param(), slice_param(), text_param("rows", "", "A:B; empty: all"), text_param("cols", "", "A:B; empty: all"),
        int_param("pool", 1, "edge of a block")}},
      tensor_values);
  AnalysisInfo writes{"tensor_export", "Export a tensor", "Writes a tensor, or one slice of it, as a .npy file of float32 values.", "",
                      {tensor_param(), text_param("slice", "", "as for the analysis tensor; empty: the whole tensor"),
                       text_param("out", "", "the file, ending in .npy")}};
  writes.slow = true;
  add(std::move(writes), tensor_export);
}

}  // namespace vitrine::plugins
