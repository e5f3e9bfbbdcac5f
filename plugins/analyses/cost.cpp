#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "engine/measure/cascade.h"
#include "engine/measure/service.h"
#include "engine/model/build.h"
#include "engine/tensor/guard.h"
#include "engine/tensor/ops.h"
#include "plugins/analyses/common.h"

namespace vitrine::plugins {

namespace {

constexpr double kMiB = 1024.0 * 1024, kGiB = 1024 * kMiB;
constexpr std::int64_t kMostTokens = std::int64_t{1} << 30, kMostRows = std::int64_t{1} << 32;

struct Asked {
  std::int64_t batch = 1, tokens = 1024;
  Precision precision = Precision::Half;
  Device device;
  [[nodiscard]] double bytes() const { return value_bytes(precision); }
};

Result<Asked> asked_of(const AnalysisRequest& request) {
  Asked asked;
  asked.batch = request.params.value("batch", std::int64_t{1});
  asked.tokens = request.params.value("tokens", std::int64_t{1024});
  if (asked.batch < 1 || asked.batch > (1 << 20)) return fail(ErrorCode::Usage, fmt::format("expected a batch of 1 to 1048576, came {}", asked.batch));
  if (asked.tokens < 1 || asked.tokens > kMostTokens) return fail(ErrorCode::Usage, fmt::format("expected 1 to {} tokens, came {}", kMostTokens, asked.tokens));
  if (asked.batch * asked.tokens > kMostRows) return fail(ErrorCode::Usage, fmt::format("expected at most {} tokens in all, came {} x {}", kMostRows, asked.batch, asked.tokens));
  asked.precision = precision_of(request.params.value("dtype", std::string("bf16")));
  VITRINE_TRY(asked.device, find_device(request.params.value("device", std::string("h100"))));
  return asked;
}

std::string time_text(double seconds) {
  if (seconds < 1e-3) return fmt::format("{:.1f} µs", 1e6 * seconds);
  if (seconds < 1) return fmt::format("{:.2f} ms", 1e3 * seconds);
  return fmt::format("{:.2f} s", seconds);
}

std::string size_text(double bytes) {
  if (bytes < 1024) return fmt::format("{:.0f} B", bytes);
  if (bytes < kMiB) return fmt::format("{:.1f} KiB", bytes / 1024);
  return bytes < kGiB ? fmt::format("{:.1f} MiB", bytes / kMiB) : fmt::format("{:.2f} GiB", bytes / kGiB);
}

std::string context_text(std::int64_t tokens) { return tokens >= Deployment::kNoEnd ? "without end: what is kept does not grow" : fmt::format("{} tokens", tokens); }

Table deployment_table(const Asked& asked, const Service& service, const Deployment& d) {
  Table table{"deployment", {{"what", "", 4}, {"value", "", 4}, {"how", "", 4}}, {}};
  const auto row = [&](const char* what, std::string value, std::string how) { table.rows.push_back({std::string(what), std::move(value), std::move(how)}); };
  row("device", asked.device.name, asked.device.source);
  row("memory", size_text(asked.device.memory), fmt::format("{:.0f} GB/s", asked.device.bandwidth / 1e9));
  row("weights", size_text(service.weight_bytes), d.fits ? "parameters x bytes" : fmt::format("parameters x bytes; {} are missing", size_text(d.missing)));
  row("prefill", time_text(d.prefill_seconds), fmt::format("{} tokens, bound by {}", service.context, d.prefill_bound));
  row("prefill rate", fmt::format("{:.0f} tokens/s", static_cast<double>(service.context) / d.prefill_seconds), "tokens / time");
  if (!service.generates) {
    row("decoding", "none", "the model does not generate, so nothing is kept between passes");
    return table;
  }
  row("kept by a user", size_text(d.state), fmt::format("after {} tokens: keys and values, or states", service.context));
  row("kept by the next token", size_text(service.state_of(service.context + 1) - d.state), "growth of the same");
  row("users at a time", std::isfinite(d.users) ? fmt::format("{:.0f}", d.users) : "any", d.missing > 0 ? fmt::format("{} are missing for one", size_text(d.missing)) : "(memory - weights) / kept by a user");
  row("longest context", context_text(d.longest_context), "(memory - weights) / kept by a token, one user");
  row("a token, one user", time_text(d.step_seconds), fmt::format("{:.0f} tokens/s, bound by {}", 1 / d.step_seconds, d.step_bound));
  if (d.users > 1 && std::isfinite(d.users)) row("a token, all users", time_text(d.full_step_seconds), fmt::format("{:.0f} tokens/s in all", d.users / d.full_step_seconds));
  if (d.switch_seconds > 0) row("context switch", time_text(d.switch_seconds), fmt::format("one user's out, another's in, {:.0f} GB/s", asked.device.host_link / 1e9));
  return table;
}

/// Layers whose mixers are alike, in the order of the first.
struct Alike {
  std::string first, last, site;
  int count = 0;
  Mixing mixing;
};

bool alike(const Mixing& a, const Mixing& b) {
  return a.form == b.form && a.problems == b.problems && a.heads == b.heads && a.kv_heads == b.kv_heads && a.queries == b.queries && a.keys == b.keys && a.d_key == b.d_key &&
         a.d_value == b.d_value && a.pairs == b.pairs;
}

std::vector<Alike> mixers_of(const std::vector<TowerCost>& towers) {
  std::vector<Alike> all;
  for (const TowerCost& tower : towers)
    for (const LayerCost& layer : tower.layers)
      for (const SublayerCost& s : layer.sublayers) {
        if (!s.part.mixing) continue;
        const auto found = std::find_if(all.begin(), all.end(), [&](const Alike& a) { return a.site == tower.prefix + s.name && alike(a.mixing, *s.part.mixing); });
        if (found == all.end()) {
          all.push_back({layer.path, layer.path, tower.prefix + s.name, 1, *s.part.mixing});
        } else {
          found->last = layer.path;
          ++found->count;
        }
      }
  return all;
}

Table mixer_table(const Asked& asked, const std::vector<TowerCost>& towers) {
  Table table{"mixers",
              {{"mixer", "", 4}, {"layers", "", 4}, {"form", "", 4}, {"passes", "", 4}, {"operations", "GFLOP", 4}, {"traffic", "MiB", 4}, {"intensity", "FLOP/byte", 4},
               {"on chip", "KiB", 6}, {"fits", "", 4}, {"time", "µs", 4}, {"bound", "", 4}, {"utilisation", "%", 3}},
              {}};
  for (const Alike& a : mixers_of(towers))
    for (const Cascade& cascade : cascades_of(a.mixing, asked.bytes(), asked.device.on_chip)) {
      const Stage all = cascade.total();
      const Attained best = attained(cascade, asked.device, asked.precision);
      const double flops = all.matrix_flops + all.vector_flops + all.exponentials;
      const std::string layers = a.count == 1 ? a.first : fmt::format("{} to {}", a.first, a.last);
      table.rows.push_back({fmt::format("{} x {}", a.count, a.site), layers, cascade.name, static_cast<double>(cascade.passes), a.count * flops / 1e9, a.count * all.bytes / kMiB,
                            flops / std::max(1.0, all.bytes), cascade.on_chip / 1024, std::string(cascade.fits ? "yes" : "no"), 1e6 * a.count * best.seconds, best.bound,
                            100 * best.utilisation});
    }
  return table;
}

Table layer_table(const Asked& asked, const std::vector<TowerCost>& towers) {
  Table table{"layers",
              {{"layer", "", 4}, {"tokens", "", 7}, {"parameters", "M", 4}, {"operations", "GFLOP", 4}, {"mixing", "GFLOP", 4}, {"activations moved", "MiB", 4},
               {"activations held", "MiB", 4}, {"widest", "", 4}, {"kept", "KiB", 6}},
              {}};
  for (const TowerCost& tower : towers)
    for (const LayerCost& layer : tower.layers) {
      double mixing = 0;
      for (const SublayerCost& s : layer.sublayers) mixing += s.part.mixing ? PartCost::mixing_flops(*s.part.mixing) : 0;
      table.rows.push_back({layer.path, static_cast<double>(layer.tokens), layer.weights / 1e6, layer.flops() / 1e9, mixing / 1e9, asked.bytes() * layer.values() / kMiB,
                            asked.bytes() * layer.live / kMiB, std::string(&layer == tower.widest() ? "yes" : ""), asked.bytes() * layer.state() / 1024});
    }
  return table;
}

/// Inputs of the shapes asked for; their values do not matter.
std::map<std::string, Tensor> shapes_of(const Model& model, const Asked& asked) {
  std::map<std::string, Tensor> inputs;
  for (const auto& tower : model.spec().towers) {
    const auto& p = tower.stem.params;
    if (tower.stem.part == "token_embedding") {
      inputs[param_or<std::string>(p, "ids", "input_ids")] = expand(zeros({1, 1}, DType::I64), {asked.batch, asked.tokens});
    } else if (tower.stem.part == "patch_embedding") {
      const auto image = param_or(p, "image", std::vector<std::int64_t>{224, 224});
      inputs[param_or<std::string>(p, "pixels", "pixel_values")] = expand(zeros({1, 1, 1, 1}), {asked.batch, param_or<std::int64_t>(p, "channels", 3), image[0], image[1]});
    }
  }
  return inputs;
}

Result<Report> cost(const AnalysisRequest& request) {
  const Model& model = request.workspace.model();
  if (!model.cannot_run().empty()) return fail(ErrorCode::Unsupported, "costs are those of a model's parts; " + model.cannot_run());
  VITRINE_TRY(Asked asked, asked_of(request));
  if (const ModelLoad own = load_for(model, 1, asked.tokens); !model.takes_text() && !own.empty()) asked.tokens = own.begin()->second.tokens;
  const auto towers = model_cost(model, load_for(model, asked.batch, asked.tokens));
  const Service service = service_of(model, asked.tokens, asked.device, asked.precision);
  const Deployment deployment = deployment_of(service, asked.device, asked.precision);
  Report report;
  report.picture = PictureKind::Table;
  report.title = "Cost of " + model.name();
  report.subtitle = fmt::format("{} x {} tokens, {}, {}", asked.batch, asked.tokens, request.params.value("dtype", std::string("bf16")), asked.device.name);
  report.tables = {deployment_table(asked, service, deployment), mixer_table(asked, towers), layer_table(asked, towers)};
  double flops = 0;
  for (const TowerCost& tower : towers) flops += tower.flops();
  VITRINE_TRY(const std::int64_t peak, guard([&]() -> Result<std::int64_t> {
    return forecast_memory(model, {.inputs = shapes_of(model, asked), .capture_maps = false, .keep_residuals = false}).peak_bytes;
  }));
  report.metrics = {{"parameters", static_cast<double>(model.parameter_count()), "", {}}, {"operations", flops, "FLOP", {}},
                    {"weights", service.weight_bytes, "bytes", {}}, {"peak of this pass here", static_cast<double>(peak), "bytes", {}}};
  if (service.generates) {
    report.metrics.push_back({"kept by a user", deployment.state, "bytes", {}});
    if (std::isfinite(deployment.users)) report.metrics.push_back({"users at a time", deployment.users, "", {}});
    report.metrics.push_back({"decoding", 1 / deployment.step_seconds, "tokens/s", {}});
  }
  report.metrics.push_back({"prefill", 1e3 * deployment.prefill_seconds, "ms", {}});
  report.notes["operations"] = "2 a multiply-add; of a mixer also what is done to each score; logits of every token";
  report.notes["deployment"] = "at the peak of the device: nothing is lost to launching, waiting or unused bandwidth (arXiv:2405.08944)";
  report.notes["mixers"] = "passes: sweeps over the keys of a query that must follow each other (arXiv:2406.10491); utilisation: share of the time that the busiest unit for arithmetic works";
  report.notes["layers"] = "held: at one time in this program, with the stream, and what is kept for maps left out; kept: for the tokens that come after";
  report.verified = {"counted from the shapes of the parts; nothing was run", -1, -1, true};
  return report;
}

}  // namespace

void register_cost(PluginRegistrar& registrar) {
  std::vector<std::string> devices{"h100", "here"};
  if (const auto gpus = known_gpus())
    for (const Device& device : *gpus)
      if (device.id != "h100") devices.push_back(device.id);
  AnalysisInfo info{"cost", "Cost",
                    "What a pass and its service take on a device: passes, traffic and utilisation of each mixer, memory of each layer, prefill, decoding, users at a time.",
                    "FuseMax, arXiv:2406.10491; Fu 2024, arXiv:2405.08944; MCUFormer, arXiv:2310.16898",
                    {int_param("tokens", 1024, "tokens of a text, and the context of a user; pictures have their own number"), int_param("batch", 1, "inputs at a time, in the tables of mixers and layers"),
                     choice_param("dtype", {"bf16", "fp32", "int8"}, "of weights and activations; int8: weights and the products with them, the rest in 16 bits"),
                     choice_param("device", devices, "a GPU of the table, or this computer as it is measured")}};
  info.needs_pass = info.needs_input = false;
  registrar.add(make_analysis(std::move(info), cost));
}

}  // namespace vitrine::plugins
