#include "engine/batch/plan.h"

#include <fmt/format.h>

#include "engine/batch/inputs.h"

namespace vitrine::engine {

namespace {

constexpr std::size_t kMaxItems = 1'000'000;

std::string short_name(const InputItem& item, std::size_t index) {
  std::string what;
  if (item.image) what = item.image->filename().string();
  else if (item.tensors) what = item.tensors->filename().string();
  else if (item.text) what = *item.text;
  if (what.size() > 60) {
    std::size_t end = 57;
    // Cut between characters, never inside one.
    while (end > 0 && (static_cast<unsigned char>(what[end]) & 0xC0) == 0x80) --end;
    what = what.substr(0, end) + "...";
  }
  return fmt::format("input {}: {}", index, what);
}

}  // namespace

std::string PlanItem::key() const {
  nlohmann::json json = {{"model", model},         {"do", step_kind_name(step.kind)}, {"id", step.id},
                         {"name", step.name},      {"params", step.params},           {"edits", edits_to_json(step.edits)},
                         {"format", step.format},  {"width_mm", step.width_mm},       {"check", step.check},
                         {"ordinal", ordinal}};
  json["input"] = input ? input_item_to_json(*input) : nlohmann::json(nullptr);
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Result<Plan> plan_job(const Job& job, const std::function<Result<bool>(const JobStep&)>& needs_input) {
  Plan plan;
  for (const JobSection& section : job.sections) {
    std::vector<bool> per_input;
    bool last = false;
    for (const JobStep& step : section.steps) {
      // An assertion speaks about the steps before it, so it runs as often as the last of them.
      if (step.kind != StepKind::Assert) {
        VITRINE_TRY(last, needs_input(step));
        if (last && section.inputs.empty())
          return fail(ErrorCode::InvalidInput, fmt::format("expected an input for '{}', came none", step.id));
      }
      per_input.push_back(last);
    }
    const auto add_group = [&](const InputItem* input, std::size_t index) -> Status {
      bool any = false;
      for (std::size_t i = 0; i < section.steps.size(); ++i) {
        if (per_input[i] != (input != nullptr)) continue;
        if (plan.items.size() >= kMaxItems)
          return fail(ErrorCode::FileLimit, fmt::format("expected at most {} items in a job", kMaxItems));
        PlanItem item;
        item.ordinal = static_cast<std::int64_t>(plan.items.size());
        item.group = plan.groups;
        item.model = section.model;
        if (input) {
          item.input = *input;
          item.input_name = short_name(*input, index);
        }
        item.step = section.steps[i];
        plan.items.push_back(std::move(item));
        any = true;
      }
      if (any) ++plan.groups;
      return {};
    };
    VITRINE_CHECK(add_group(nullptr, 0));
    for (std::size_t i = 0; i < section.inputs.size(); ++i) VITRINE_CHECK(add_group(&section.inputs[i], i));
  }
  return plan;
}

}  // namespace vitrine::engine
