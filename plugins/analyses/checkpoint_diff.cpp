#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include <fmt/format.h>

#include "engine/io/bytes.h"
#include "engine/io/quantised.h"
#include "engine/isolate/readers.h"
#include "engine/model/build.h"
#include "engine/model/weight_map.h"
#include "engine/tensor/guard.h"
#include "plugins/analyses/tensor_choice.h"
#include "plugins/analyses/weight_change.h"

namespace vitrine::plugins {

namespace {

constexpr std::size_t kPiece = std::size_t{1} << 20;

struct Compared {
  std::string name, part;            ///< in the file, and by its canonical name where one is known
  WeightChange change;
};

/// What two checkpoints have in common and what they have not.
struct Difference {
  std::vector<Compared> compared;
  std::vector<std::pair<std::string, std::string>> apart;   ///< tensor, why it is not compared
  int only_base = 0, only_other = 0, other_shape = 0;
  bool by_part = false;              ///< paired by canonical names: the files spell them differently
};

Result<std::shared_ptr<const Checkpoint>> other_file(const std::string& against) {
  std::filesystem::path path = against;
  if (against.starts_with("demo:")) {
    VITRINE_TRY(path, demo_folder(against.substr(5)));
  }
  VITRINE_TRY(auto file, isolate::open_checkpoint(path));
  std::error_code ignored;
  const auto beside = (std::filesystem::is_directory(path, ignored) ? path : path.parent_path()) / "config.json";
  nlohmann::json config;
  if (std::filesystem::is_regular_file(beside, ignored)) {
    VITRINE_TRY(config, isolate::read_json_file(beside));
  }
  // Of a quantised one the matrices are compared, not their codes.
  return dequantised(std::move(file), config);
}

/// Whether the two files spell their tensors alike: then they are compared as they are stored.
bool spelled_alike(const Checkpoint& a, const Checkpoint& b) {
  std::size_t common = 0;
  for (const auto& entry : a.tensors()) common += b.find(entry.name) != nullptr;
  return 2 * common >= std::min(a.tensors().size(), b.tensors().size()) && common > 0;
}

Status compare_entries(const Checkpoint& a, const TensorEntry& from, const Checkpoint& b, const TensorEntry& to,
                       const Progress& progress, double done, WeightChange& change) {
  const auto count = static_cast<std::uint64_t>(from.numel());
  std::vector<float> left(static_cast<std::size_t>(std::min<std::uint64_t>(kPiece, count))), right(left.size());
  for (std::uint64_t at = 0; at < count; at += kPiece) {
    VITRINE_CHECK(progress.step(done, "comparing " + from.name));
    const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(kPiece, count - at));
    VITRINE_CHECK(a.read_f32_range(from, at, std::span(left).first(n)));
    VITRINE_CHECK(b.read_f32_range(to, at, std::span(right).first(n)));
    change.add(std::span<const float>(left).first(n), std::span<const float>(right).first(n));
  }
  return {};
}

Result<Difference> compare_files(const Checkpoint& a, const Checkpoint& b, const std::map<std::string, std::string>& parts,
                                 const Progress& progress) {
  Difference out;
  std::set<std::string> seen;
  double done = 0, all = 1;
  for (const auto& entry : a.tensors()) all += static_cast<double>(entry.bytes);
  for (const auto& from : a.tensors()) {
    const TensorEntry* to = b.find(from.name);
    done += static_cast<double>(from.bytes);
    if (!to) {
      ++out.only_base;
      out.apart.emplace_back(from.name, "only in the base");
      continue;
    }
    seen.insert(to->name);
    if (to->shape != from.shape) {
      ++out.other_shape;
      out.apart.emplace_back(from.name, fmt::format("shape {} in the base, {} in the other", shape_words(from.shape), shape_words(to->shape)));
      continue;
    }
    const auto part = parts.find(from.name);
    Compared row{from.name, part == parts.end() ? std::string() : part->second, {}};
    if (Status read = compare_entries(a, from, b, *to, progress, 0.8 * done / all, row.change); !read) {
      if (read.error().code == ErrorCode::Cancelled) return tl::unexpected(read.error());
      out.apart.emplace_back(from.name, read.error().message);
      continue;
    }
    out.compared.push_back(std::move(row));
  }
  for (const auto& entry : b.tensors())
    if (!seen.contains(entry.name)) {
      ++out.only_other;
      out.apart.emplace_back(entry.name, "only in the other");
    }
  return out;
}

/// The weight of the other checkpoint by its canonical name, as floats.
Result<std::vector<float>> other_weight(MappedWeights& other, const std::string& name, const Shape& shape) {
  VITRINE_TRY(const Tensor t, other.get(name, shape));
  auto values = guard([&] { return t.to_floats(); });
  other.done();
  return values;
}

Result<Difference> compare_parts(const Model& model, MappedWeights& other, const Progress& progress) {
  Difference out;
  out.by_part = true;
  double done = 0;
  const auto& weights = model.parts().weights;
  for (const auto& [name, tensor] : weights) {
    VITRINE_CHECK(progress.step(0.8 * done++ / static_cast<double>(weights.size()), "comparing " + name));
    if (!other.has(name)) {
      ++out.only_base;
      out.apart.emplace_back(name, "only in the base");
      continue;
    }
    const auto values = other_weight(other, name, tensor.shape());
    if (!values) {
      ++out.other_shape;
      out.apart.emplace_back(name, values.error().message);
      continue;
    }
    VITRINE_TRY(const auto base, guard([&] { return tensor.to_floats(); }));
    Compared row{name, name, {}};
    row.change.add(base, *values);
    out.compared.push_back(std::move(row));
  }
  for (const auto& name : other.unused({})) {
    ++out.only_other;
    out.apart.emplace_back(name, "only in the other");
  }
  return out;
}

/// A weight or bias of a mixer in both; nothing if one of them has none.
struct Both {
  std::vector<float> base, other;
  std::int64_t rows = 0, cols = 1;
  [[nodiscard]] Projection view() const { return {base, other, rows, cols}; }
};

Result<std::optional<Both>> both_of(const Model& model, MappedWeights& other, const std::string& name) {
  const auto found = model.parts().weights.find(name);
  if (found == model.parts().weights.end() || !other.has(name)) return std::nullopt;
  const Shape shape = found->second.shape();
  auto values = other_weight(other, name, shape);
  if (!values) return std::nullopt;   // of another shape: listed among the tensors
  Both both;
  VITRINE_TRY(both.base, guard([&] { return found->second.to_floats(); }));
  both.other = std::move(*values);
  both.rows = shape.empty() ? 1 : shape[0];
  both.cols = both.rows > 0 ? static_cast<std::int64_t>(both.base.size()) / both.rows : 0;
  return both;
}

Result<std::vector<HeadChange>> changes_of(const Model& model, MappedWeights& other, const MixerInfo& mixer) {
  std::vector<HeadChange> heads;
  for (int h = 0; h < mixer.heads; ++h) heads.push_back({mixer.layer, h, {}, {}, {}, {}, {}});
  const int groups = mixer.kv_heads > 0 ? mixer.kv_heads : mixer.heads;
  struct Piece { const char* name; WeightChange HeadChange::* part; int parts; bool columns; };
  const Piece pieces[] = {{".q.weight", &HeadChange::q, mixer.heads, false},   {".q.bias", &HeadChange::q, mixer.heads, false},
                          {".qkv.weight", &HeadChange::q, mixer.heads, false}, {".qkv.bias", &HeadChange::q, mixer.heads, false},
                          {".k.weight", &HeadChange::k, groups, false},        {".k.bias", &HeadChange::k, groups, false},
                          {".v.weight", &HeadChange::v, groups, false},        {".v.bias", &HeadChange::v, groups, false},
                          {".out.weight", &HeadChange::out, mixer.heads, true}};
  bool any = false;
  for (const Piece& piece : pieces) {
    VITRINE_TRY(const auto both, both_of(model, other, mixer.site + piece.name));
    if (!both) continue;
    any = true;
    for (HeadChange& head : heads) {
      WeightChange change;
      const int own = head.head * piece.parts / mixer.heads;
      piece.columns ? add_columns(change, both->view(), own, piece.parts) : add_rows(change, both->view(), own, piece.parts);
      (head.*piece.part).add(change);
      head.all.add(change);
    }
  }
  if (!any) heads.clear();
  return heads;
}

void add_head_map(Report& report, const TowerInfo& tower, std::vector<HeadChange> heads) {
  const int layers = tower.layers, width = max_heads(tower);
  const auto map = [&](const char* name, WeightChange HeadChange::* part) {
    std::vector<float> values(static_cast<std::size_t>(layers) * static_cast<std::size_t>(width), std::numeric_limits<float>::quiet_NaN());
    for (const HeadChange& head : heads)
      if ((head.*part).count > 0) values[static_cast<std::size_t>(head.layer * width + head.head)] = static_cast<float>((head.*part).relative());
    return make_array(name, "relative change", {layer_axis(layers), head_axis(width)}, {layers, width}, std::move(values));
  };
  report.arrays = {map("change", &HeadChange::all), map("q", &HeadChange::q), map("k", &HeadChange::k), map("v", &HeadChange::v), map("out", &HeadChange::out)};
  std::stable_sort(heads.begin(), heads.end(), [](const auto& a, const auto& b) { return a.all.relative() > b.all.relative(); });
  Table table{"heads", {{"head", "", 4}, {"relative change", "", 4}, {"q", "", 4}, {"k", "", 4}, {"v", "", 4}, {"out", "", 4}}, {}};
  for (const HeadChange& head : heads)
    table.rows.push_back({head_name(head.layer, head.head), head.all.relative(), head.q.relative(), head.k.relative(), head.v.relative(), head.out.relative()});
  report.tables.push_back(std::move(table));
  report.picture = PictureKind::HeatMap;
}

void add_ranking(Report& report, Difference& difference) {
  const auto rank = [](const Compared& c) {
    const double r = c.change.relative();
    return std::isnan(r) ? std::numeric_limits<double>::infinity() : r;
  };
  std::stable_sort(difference.compared.begin(), difference.compared.end(), [&](const auto& a, const auto& b) { return rank(a) > rank(b); });
  Table table{"tensors", {{"tensor", "", 4}, {"relative change", "", 4}, {"max |d|", "", 4}, {"rms d", "", 4}, {"cosine", "", 7}, {"values", "", 9},
                          {"not finite", "", 9}, {"part", "", 4}}, {}};
  WeightChange all;
  double identical = 0;
  for (const Compared& c : difference.compared) {
    table.rows.push_back({c.name, c.change.relative(), c.change.largest, c.change.rms(), c.change.cosine(), static_cast<double>(c.change.count),
                          static_cast<double>(c.change.not_finite), c.part});
    all.add(c.change);
    identical += c.change.identical();
  }
  report.tables.insert(report.tables.begin(), std::move(table));
  const auto number = [&](const char* name, double value) { report.metrics.push_back({name, value, "", {}}); };
  number("tensors compared", static_cast<double>(difference.compared.size()));
  number("identical", identical);
  number("only in the base", difference.only_base);
  number("only in the other", difference.only_other);
  number("other shape", difference.other_shape);
  if (std::isfinite(all.relative())) number("relative change", all.relative());
  number("largest difference", all.largest);
  if (difference.apart.empty()) return;
  Table apart{"not compared", {{"tensor", "", 4}, {"why", "", 4}}, {}};
  for (auto& [name, why] : difference.apart) apart.rows.push_back({std::move(name), std::move(why)});
  report.tables.push_back(std::move(apart));
}

/// Names in the base's file to canonical names.
std::map<std::string, std::string> parts_by_source(const Model& model) {
  std::map<std::string, std::string> parts;
  const auto base = open_weights(model.path().string());
  if (!base) return parts;
  for (const auto& [name, tensor] : model.parts().weights)
    if (const std::string source = (*base)->source_of(name); !source.empty()) parts.emplace(source, name);
  return parts;
}

Result<Report> checkpoint_diff(const AnalysisRequest& request) {
  const Model& model = request.workspace.model();
  const auto against = request.params.value("against", std::string());
  if (against.empty()) return fail(ErrorCode::Usage, "expected the checkpoint to compare with in 'against', came nothing");
  VITRINE_TRY(const auto file, other_file(against));
  const bool runs = model.cannot_run().empty();
  const bool alike = spelled_alike(model.checkpoint(), *file);
  auto weights = runs ? open_weights(against) : Result<std::unique_ptr<MappedWeights>>(fail(ErrorCode::Unsupported, "the base cannot run, so its heads are not known"));
  Result<Difference> difference = Difference{};
  if (alike || !weights)
    difference = compare_files(model.checkpoint(), *file, runs ? parts_by_source(model) : std::map<std::string, std::string>{}, request.progress);
  else
    difference = compare_parts(model, **weights, request.progress);
  if (!difference) return tl::unexpected(std::move(difference.error()));
  Report report;
  report.picture = PictureKind::Table;
  report.subtitle = fmt::format("{} against {}", model.name(), printable(std::filesystem::path(against).filename().string()));
  if (weights && !model.towers().empty()) {
    VITRINE_TRY(const TowerInfo* tower, tower_of(request));
    std::vector<HeadChange> heads;
    for (const MixerInfo& mixer : tower->mixers) {
      VITRINE_CHECK(request.progress.step(0.8 + 0.2 * mixer.layer / std::max(1, tower->layers), "comparing heads"));
      VITRINE_TRY(auto own, changes_of(model, **weights, mixer));
      heads.insert(heads.end(), own.begin(), own.end());
    }
    if (!heads.empty()) add_head_map(report, *tower, std::move(heads));
  } else if (!weights) {
    report.notes["heads"] = weights.error().message;
  }
  add_ranking(report, *difference);
  report.notes["relative change"] = "Frobenius norm of other minus base over that of the base";
  if (difference->by_part) report.notes["pairs"] = "the files spell their tensors differently: they are paired by the parts that they are read as";
  report.verified = {"both files read whole, compared in float64 value by value", -1, -1, true};
  return report;
}

}  // namespace

void register_checkpoint_diff(PluginRegistrar& registrar) {
  AnalysisInfo info{"checkpoint_diff", "Checkpoint difference",
                    "How far every tensor and every head of another checkpoint is from this one: base against tuned, float against quantised.", "",
                    {text_param("against", "", "the other checkpoint: a MODEL as on the command line"), tower_param()}};
  info.needs_pass = info.needs_input = false;
  info.slow = true;
  registrar.add(make_analysis(std::move(info), checkpoint_diff));
}

}  // namespace vitrine::plugins
