#include <cstring>
#include <limits>

#include <fmt/format.h>

#include "engine/io/whole_number.h"
#include "engine/plugin/c_plugin.h"
#include "engine/plugin/worker_process.h"
#include "engine/run/workspace.h"

namespace vitrine::engine {
namespace {

using Json = nlohmann::json;
using namespace std::chrono_literals;

constexpr auto kRunLimit = 60s;
constexpr std::int64_t kMaxMapValues = std::int64_t{64} << 20;

/// Maps of the first tower as the table wants them, batch entry 0.
struct Maps {
  Shape shape{0, 0, 0, 0};           ///< layer, head, query, key
  std::vector<float> values;
};

/// @error Unsupported if layers differ in heads or tokens; DoesNotFit
Result<Maps> collect_maps(const Run& run, const TowerInfo& tower, const Progress& progress) {
  Maps maps;
  const auto layers = static_cast<std::int64_t>(tower.mixers.size());
  for (std::int64_t layer = 0; layer < layers; ++layer) {
    const auto found = run.maps.find(tower.mixers[layer].site);
    if (found == run.maps.end() || !found->second)
      return fail(ErrorCode::Unsupported, fmt::format("layer {} has no mixing map to hand to a plugin", layer));
    const MixingMap& map = *found->second;
    const Shape shape{layers, map.heads(), map.rows(), map.cols()};
    if (layer == 0) {
      const double values = static_cast<double>(layers) * map.heads() * static_cast<double>(map.rows()) * map.cols();
      if (values > kMaxMapValues)
        return fail(ErrorCode::DoesNotFit, fmt::format("a plugin is handed at most {} map values, this input has {:.0f}",
                                                       kMaxMapValues, values));
      maps.shape = shape;
      maps.values.reserve(static_cast<std::size_t>(values));
    } else if (shape != maps.shape) {
      return fail(ErrorCode::Unsupported, fmt::format("expected maps of one shape {} in all layers, layer {} has {}",
                                                      shape_text(maps.shape), layer, shape_text(shape)));
    }
    for (int head = 0; head < map.heads(); ++head) {
      VITRINE_CHECK(progress.step(0.5 * static_cast<double>(layer) / static_cast<double>(layers), "collecting maps"));
      VITRINE_TRY(const Tensor tile, map.tile(0, head, 0, map.rows(), 0, map.cols()));
      const std::vector<float> values = tile.to_floats();
      maps.values.insert(maps.values.end(), values.begin(), values.end());
    }
  }
  return maps;
}

template <class T>
void append(std::string& body, const std::vector<T>& values) {
  body.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
}

Result<Array> array_from(const Json& json, const std::string& body, std::size_t& offset) {
  Array array;
  array.name = json.at("name").get<std::string>();
  array.unit = json.at("unit").get<std::string>();
  for (const Json& size : json.at("shape")) array.shape.push_back(whole_number<std::int64_t>(size));
  for (const Json& name : json.at("axes")) array.axes.push_back({name.get<std::string>(), {}, {}});
  const std::size_t left = (body.size() - offset) / sizeof(float);
  std::size_t count = 1;
  for (const std::int64_t size : array.shape) {
    if (size < 1 || static_cast<std::size_t>(size) > left / count)
      return fail(ErrorCode::FileFormat, fmt::format("array '{}' is larger than its values", array.name));
    count *= static_cast<std::size_t>(size);
  }
  if (array.axes.size() != array.shape.size()) return fail(ErrorCode::FileFormat, "an array has axes without names");
  array.values.resize(count);
  std::memcpy(array.values.data(), body.data() + offset, count * sizeof(float));
  offset += count * sizeof(float);
  return array;
}

Result<Table> table_from(const Json& json) {
  Table table;
  table.name = json.at("name").get<std::string>();
  for (const Json& column : json.at("columns")) table.columns.push_back({column.get<std::string>(), {}, 4});
  for (const Json& row : json.at("rows")) {
    std::vector<Cell> cells;
    for (const Json& cell : row) {
      if (cell.is_string()) cells.emplace_back(cell.get<std::string>());
      else cells.emplace_back(cell.is_number() ? cell.get<double>() : std::numeric_limits<double>::quiet_NaN());
    }
    if (cells.size() != table.columns.size())
      return fail(ErrorCode::FileFormat, fmt::format("table '{}' has a row of {} cells", table.name, cells.size()));
    table.rows.push_back(std::move(cells));
  }
  return table;
}

/// Whether the report holds what its picture draws.
Status check_picture(const Report& report) {
  const auto needs_axes = [&](std::size_t axes) -> Status {
    if (!report.arrays.empty() && report.arrays[0].shape.size() == axes) return {};
    return fail(ErrorCode::FileFormat, fmt::format("the picture {} needs an array of {} axes", picture_name(report.picture), axes));
  };
  switch (report.picture) {
    case PictureKind::Matrix:
    case PictureKind::HeatMap: return needs_axes(2);
    case PictureKind::MatrixGrid: return needs_axes(4);
    case PictureKind::Bars:
    case PictureKind::Curves: return needs_axes(1);
    case PictureKind::Tokens:
      VITRINE_CHECK(needs_axes(1));
      if (report.arrays[0].numel() != static_cast<std::int64_t>(report.tokens.size()))
        return fail(ErrorCode::FileFormat, fmt::format("expected {} values, one a token, came {}", report.tokens.size(),
                                                       report.arrays[0].numel()));
      return {};
    case PictureKind::Scatter:
      VITRINE_CHECK(needs_axes(1));
      if (report.arrays.size() < 2 || report.arrays[1].shape != report.arrays[0].shape)
        return fail(ErrorCode::FileFormat, "a scatter needs two arrays of the same length");
      return {};
    case PictureKind::Table:
      if (report.tables.empty()) return fail(ErrorCode::FileFormat, "the picture table needs a table");
      return {};
    default: return {};
  }
}

class CAnalysis : public Analysis {
 public:
  CAnalysis(CAnalysisInfo info, std::filesystem::path library) : info_(std::move(info)), library_(std::move(library)) {}

  [[nodiscard]] const AnalysisInfo& info() const override { return info_.info; }

  [[nodiscard]] Result<Report> run(const AnalysisRequest& request) const override {
    Workspace& workspace = request.workspace;
    VITRINE_TRY(const auto run, request.edits.empty() ? workspace.base(request.progress)
                                                      : workspace.with_edits(request.edits, request.progress));
    const auto& towers = workspace.model().towers();
    const auto& inputs = workspace.input().towers;
    if (towers.empty() || inputs.empty()) return fail(ErrorCode::Unsupported, "the model has no tower to hand to a plugin");
    Maps maps;
    if (info_.needs_attention) {
      VITRINE_TRY(maps, collect_maps(*run, towers.front(), request.progress));
    }
    VITRINE_TRY(const Frame answer, ask_worker(library_, question(request, inputs.front(), maps), kRunLimit, request.progress));
    VITRINE_TRY(Report report, report_from_answer(answer.head, answer.body));
    report.id = info_.info.id;
    if (report.title.empty()) report.title = info_.info.title;
    report.subtitle = workspace.model().name() + ", " + workspace.input().summary;
    report.picture = info_.picture;
    report.tokens = inputs.front().tokens;
    report.verified.how = "not checked: computed by the plugin " + library_.filename().string();
    VITRINE_CHECK(check_picture(report));
    return report;
  }

 private:
  Frame question(const AnalysisRequest& request, const TowerInput& input, const Maps& maps) const {
    std::vector<std::int64_t> ids;
    Json texts = Json::array();
    for (const TokenLabel& token : input.tokens) {
      ids.push_back(token.id);
      texts.push_back(token.text);
    }
    Frame frame{Json{{"do", "run"},
                     {"analysis", info_.info.id},
                     {"model", request.workspace.model().name()},
                     {"tokens", std::move(texts)},
                     {"attention", maps.shape},
                     {"params", request.params.is_object() ? request.params : Json::object()}},
                {}};
    append(frame.body, ids);
    append(frame.body, maps.values);
    return frame;
  }

  CAnalysisInfo info_;
  std::filesystem::path library_;
};

}  // namespace

std::shared_ptr<const Analysis> make_c_analysis(CAnalysisInfo info, std::filesystem::path library) {
  return std::make_shared<CAnalysis>(std::move(info), std::move(library));
}

Result<Report> report_from_answer(const Json& head, const std::string& body) {
  try {
    Report report;
    report.title = head.at("title").get<std::string>();
    for (const auto& [name, text] : head.at("notes").items()) report.notes[name] = text.get<std::string>();
    for (const Json& metric : head.at("metrics")) {
      const double value = metric.at(1).is_number() ? metric.at(1).get<double>() : std::numeric_limits<double>::quiet_NaN();
      report.metrics.push_back({metric.at(0).get<std::string>(), value, metric.at(2).get<std::string>(), {}});
    }
    std::size_t offset = 0;
    for (const Json& json : head.at("arrays")) {
      VITRINE_TRY(Array array, array_from(json, body, offset));
      report.arrays.push_back(std::move(array));
    }
    if (offset != body.size()) return fail(ErrorCode::FileFormat, "the plugin's answer has values that belong to no array");
    for (const Json& json : head.at("tables")) {
      VITRINE_TRY(Table table, table_from(json));
      report.tables.push_back(std::move(table));
    }
    return report;
  } catch (const Json::exception& problem) {
    return fail(ErrorCode::FileFormat, std::string("the plugin's answer is not a report: ") + problem.what());
  }
}

}  // namespace vitrine::engine
