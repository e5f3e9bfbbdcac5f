#include "app/cli/forecast_view.h"

#include <algorithm>

#include <fmt/format.h>

#include "engine/run/forecast_generation.h"
#include "engine/run/packed.h"

namespace vitrine::app {

std::string forecast_text(std::int64_t peak_bytes, double seconds) {
  const double bytes = static_cast<double>(peak_bytes);
  const std::string peak = bytes < 1e9 ? fmt::format("{:.0f} MB", bytes / 1e6) : fmt::format("{:.2f} GB", bytes / 1e9);
  return peak + (seconds < 1 ? fmt::format(" at most, {:.2g} ms", 1e3 * seconds) : fmt::format(" at most, {:.1f} s", seconds));
}

void ForecastView::add(Context& context, const engine::Forecast& forecast, std::size_t inputs) {
  std::string of = sweeps_ ? " for each pass" : "";
  if (inputs < inputs_) of += inputs == 1 ? fmt::format(" for the first of {} inputs", inputs_) : fmt::format(" for the first {} of {} inputs", inputs, inputs_);
  if (seen_++ == 0) context.note("forecast: " + forecast_text(forecast.peak_bytes, forecast.seconds) + of);
  last_ = {{"peak_bytes", forecast.peak_bytes}, {"time_ms", 1e3 * forecast.seconds}};
  peak_bytes_ = std::max(peak_bytes_, forecast.peak_bytes);
  seconds_ += forecast.seconds;
}

engine::Status ForecastView::pass(Context& context, const engine::Model& model, const engine::RunRequest& request) {
  VITRINE_CHECK(engine::check_memory(model, request));
  VITRINE_TRY(const engine::Forecast forecast, engine::forecast(model, request));
  add(context, forecast);
  return {};
}

engine::Status ForecastView::analysis(Context& context, const engine::AnalysisInfo& info, const engine::Workspace& workspace, const engine::EditList& edits) {
  if (!info.needs_pass || !workspace.has_input()) return {};
  sweeps_ = info.slow;
  return pass(context, workspace.model(), {.inputs = workspace.input().tensors, .edits = edits});
}

engine::Status ForecastView::together(Context& context, const engine::Model& model, const std::vector<std::map<std::string, engine::Tensor>>& inputs,
                                      const engine::EditList& edits) {
  VITRINE_TRY(const engine::Forecast forecast, engine::forecast_packed(model, inputs, edits));
  add(context, forecast, inputs.size());
  return {};
}

engine::Status ForecastView::generation(Context& context, const engine::Model& model, const engine::RunRequest& request, int steps) {
  VITRINE_CHECK(engine::check_memory(model, request));
  VITRINE_TRY(const engine::Forecast forecast, engine::forecast_generation(model, request.inputs, steps));
  add(context, forecast);
  return {};
}

nlohmann::json ForecastView::json() const {
  if (seen_ == 0) return nullptr;
  return {{"peak_bytes", peak_bytes_}, {"time_ms", 1e3 * seconds_}};
}

}  // namespace vitrine::app
