#include "engine/measure/service.h"

#include <algorithm>

#include "engine/measure/cascade.h"
#include "engine/model/model.h"

namespace vitrine::engine {

namespace {

double state_after(const Model& model, std::int64_t tokens, double bytes) {
  double values = 0;
  for (const TowerCost& tower : model_cost(model, step_for(model, 1, std::max<std::int64_t>(0, tokens - 1)))) values += tower.state();
  return bytes * values;
}

}  // namespace

PassNeeds needs_of(const std::vector<TowerCost>& towers, const Device& device, Precision precision) {
  const double bytes = value_bytes(precision);
  PassNeeds p;
  for (const TowerCost& tower : towers) {
    p.weights += weight_bytes(precision) * tower.weights_read();
    for (const LayerCost& layer : tower.layers) {
      p.values += bytes * layer.values();
      for (const SublayerCost& s : layer.sublayers) {
        p.linear_flops += s.part.linear_flops;
        if (!s.part.mixing) continue;
        const Cascade best = cascades_of(*s.part.mixing, bytes, device.on_chip).back();
        p.mixing_seconds += attained(best, device, precision).arithmetic_seconds;
        p.values += best.total().bytes;
        const bool continues = tower.load.before > 0 && s.part.mixing->form == Mixing::Form::Scan;
        if (continues) p.state += 2 * bytes * s.part.state;   // read and written, where keys are read by the mixer's cascade
      }
    }
  }
  return p;
}

Service service_of(const Model& model, std::int64_t context, const Device& device, Precision precision) {
  const double bytes = value_bytes(precision);
  Service s;
  s.context = context;
  s.weight_bytes = weight_bytes(precision) * static_cast<double>(model.parameter_count());
  s.prefill = needs_of(model_cost(model, load_for(model, 1, context)), device, precision);
  s.state_of = [&model, bytes](std::int64_t tokens) { return state_after(model, tokens, bytes); };
  const auto step = model_cost(model, step_for(model, 1, context));
  s.generates = s.state_of(context) > 0;
  if (!s.generates) return s;
  s.step = needs_of(step, device, precision);
  return s;
}

}  // namespace vitrine::engine
