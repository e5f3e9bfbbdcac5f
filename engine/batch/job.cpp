#include "engine/batch/job.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <initializer_list>
#include <string_view>

#include <fmt/format.h>

#include "engine/batch/assertion.h"
#include "engine/batch/inputs.h"
#include "engine/core/memory.h"
#include "engine/io/bytes.h"
#include "engine/io/json.h"
#include "engine/model/model.h"
#include "engine/isolate/readers.h"

namespace vitrine::engine {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

constexpr std::size_t kMaxJobBytes = std::size_t{16} << 20;
constexpr std::size_t kMaxSteps = 10'000;
constexpr std::size_t kMaxModels = 1'000;
constexpr std::size_t kMaxAllSteps = 200'000;

tl::unexpected<Error> wrong(const std::string& where, const std::string& what) {
  return fail(ErrorCode::InvalidInput, where.empty() ? what : where + ": " + what);
}

Status only_keys(const json& object, std::initializer_list<std::string_view> known, const std::string& where) {
  if (!object.is_object()) return wrong(where, fmt::format("expected an object, came {}", object.type_name()));
  for (const auto& [key, value] : object.items()) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    std::string names;
    for (auto name : known) names += (names.empty() ? "" : ", ") + std::string(name);
    return wrong(where, fmt::format("expected {}, came '{}'", names, printable(key)));
  }
  return {};
}

Result<std::string> text_of(const json& object, const char* key, const std::string& where,
                            const std::string& fallback = {}, bool required = false) {
  if (!object.contains(key)) {
    if (required) return wrong(where, fmt::format("expected '{}', came none", key));
    return fallback;
  }
  if (!object[key].is_string())
    return wrong(where, fmt::format("expected '{}' to be a string, came {}", key, object[key].type_name()));
  return object[key].get<std::string>();
}

/// Names end up in file names and SQL values; they are kept plain.
Result<std::string> plain_name(std::string name, const std::string& where) {
  const bool plain = !name.empty() && name.size() <= 80 && name.front() != '.' &&
                     std::all_of(name.begin(), name.end(), [](unsigned char c) {
                       return std::isalnum(c) || c == '_' || c == '-' || c == '.';
                     });
  if (!plain)
    return wrong(where, fmt::format("expected a name of letters, digits, '_', '-' and '.', came '{}'",
                                    printable(name)));
  return name;
}

Result<EditList> edits_at(const json& value, const std::string& where) {
  auto edits = value.is_string() ? parse_edits(value.get<std::string>()) : edits_from_json(value);
  if (!edits) return wrong(where, edits.error().message);
  return edits;
}

Result<json> object_at(const json& step, const char* key, const std::string& where) {
  if (!step.contains(key)) return json::object();
  if (!step[key].is_object())
    return wrong(where, fmt::format("expected '{}' to be an object, came {}", key, step[key].type_name()));
  return step[key];
}

Status read_figure_options(const json& step, JobStep& out, const std::string& where) {
  VITRINE_TRY(out.format, text_of(step, "format", where, "svg"));
  if (out.format != "svg" && out.format != "pdf" && out.format != "png")
    return wrong(where, fmt::format("expected format svg, pdf or png, came '{}'", printable(out.format, 20)));
  if (step.contains("width_mm")) {
    const json& width = step["width_mm"];
    if (!width.is_number() || width.get<double>() < 10 || width.get<double>() > 2000)
      return wrong(where, "expected width_mm between 10 and 2000");
    out.width_mm = width.get<double>();
  }
  return {};
}

/// `{"analyse": id, ...}` is the short form of `{"do": "analyse", "analysis": id, ...}`.
Result<json> full_form(const json& step, const std::string& where) {
  if (!step.is_object()) return wrong(where, fmt::format("expected an object, came {}", step.type_name()));
  if (step.contains("do")) return step;
  static constexpr std::array<std::array<const char*, 2>, 5> kShort = {{{"analyse", "analysis"},
                                                                       {"analyze", "analysis"},
                                                                       {"figure", "analysis"},
                                                                       {"compress", "method"},
                                                                       {"assert", "check"}}};
  for (const auto& [what, key] : kShort) {
    if (!step.contains(what) || step.contains(key)) continue;
    json full = step;
    full["do"] = what;
    full[key] = step[what];
    full.erase(what);
    return full;
  }
  return wrong(where, "expected 'do', or one of analyse, figure, compress and assert, came none");
}

Result<JobStep> read_step(const json& step, const EditList& edits, const std::string& where) {
  VITRINE_TRY(const std::string what, text_of(step, "do", where, {}, true));
  JobStep out;
  out.edits = edits;
  if (what == "analyse" || what == "analyze" || what == "figure") {
    out.kind = what == "figure" ? StepKind::Figure : StepKind::Analyse;
    if (out.kind == StepKind::Figure) {
      VITRINE_CHECK(only_keys(step, {"do", "id", "analysis", "params", "edits", "format", "width_mm"}, where));
      VITRINE_CHECK(read_figure_options(step, out, where));
    } else {
      VITRINE_CHECK(only_keys(step, {"do", "id", "analysis", "params", "edits", "edited"}, where));
      if (step.contains("edited") && step["edited"] == false) out.edits.clear();
    }
    VITRINE_TRY(out.name, text_of(step, "analysis", where, {}, true));
  } else if (what == "compress") {
    VITRINE_CHECK(only_keys(step, {"do", "id", "method", "params", "edits", "out"}, where));
    out.kind = StepKind::Compress;
    VITRINE_TRY(out.name, text_of(step, "method", where, {}, true));
  } else if (what == "assert") {
    VITRINE_CHECK(only_keys(step, {"do", "id", "check"}, where));
    out.kind = StepKind::Assert;
    out.name = "assert";
    VITRINE_TRY(out.check, text_of(step, "check", where, {}, true));
    if (auto parsed = parse_assertion(out.check); !parsed) return wrong(where, parsed.error().message);
  } else {
    return wrong(where, fmt::format("expected do: analyse, figure, compress or assert, came '{}'", printable(what)));
  }
  VITRINE_TRY(out.name, plain_name(out.name, where));
  std::string fallback = out.name;
  if (out.kind == StepKind::Compress) {
    VITRINE_TRY(const std::string place, text_of(step, "out", where, out.name));
    // Results stay in the results folder, whatever folder a session wrote to.
    fallback = fs::path(place).filename().string();
  }
  VITRINE_TRY(out.id, text_of(step, "id", where, fallback));
  VITRINE_TRY(out.id, plain_name(out.id, where));
  VITRINE_TRY(out.params, object_at(step, "params", where));
  if (step.contains("edits")) {
    VITRINE_TRY(out.edits, edits_at(step["edits"], where));
  }
  return out;
}

/// The edits in force, as the edit commands change them one after another.
struct EditState {
  EditList edits;

  /// @return whether the command was one of the edit commands
  Result<bool> apply(const json& command, const std::string& what, const std::string& where) {
    if (what == "clear_edits") {
      VITRINE_CHECK(only_keys(command, {"do"}, where));
      edits.clear();
      return true;
    }
    if (what != "edit" && what != "remove_edits" && what != "set_edits") return false;
    VITRINE_CHECK(only_keys(command, {"do", "edits"}, where));
    if (!command.contains("edits")) return wrong(where, "expected 'edits', came none");
    VITRINE_TRY(EditList given, edits_at(command["edits"], where));
    if (what == "set_edits") edits = std::move(given);
    else if (what == "edit") edits.insert(edits.end(), given.begin(), given.end());
    else
      std::erase_if(edits, [&](const Edit& e) { return std::find(given.begin(), given.end(), e) != given.end(); });
    return true;
  }
};

Result<std::vector<JobStep>> read_steps(const json& list, const EditList& edits, const std::string& where) {
  if (!list.is_array() || list.empty() || list.size() > kMaxSteps)
    return wrong(where, fmt::format("expected a list of 1 to {} steps", kMaxSteps));
  EditState state{edits};
  std::vector<JobStep> steps;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::string here = fmt::format("{}[{}]", where, i);
    VITRINE_TRY(const json full, full_form(list[i], here));
    VITRINE_TRY(const std::string what, text_of(full, "do", here, {}, true));
    VITRINE_TRY(const bool was_edit, state.apply(full, what, here));
    if (was_edit) continue;
    VITRINE_TRY(JobStep step, read_step(full, state.edits, here));
    steps.push_back(std::move(step));
  }
  return steps;
}

Status add_inputs(const json& entry, const fs::path& folder, const std::string& where, std::vector<InputItem>& out) {
  const auto file = [&](const std::string& name) { return fs::path(name).is_absolute() ? fs::path(name) : folder / name; };
  std::vector<InputItem> items;
  if (entry.is_object() && (entry.contains("dataset") || entry.contains("text_file"))) {
    VITRINE_CHECK(only_keys(entry, {"dataset", "text_file", "limit"}, where));
    if (entry.contains("dataset")) {
      VITRINE_TRY(const auto name, text_of(entry, "dataset", where));
      VITRINE_TRY(items, read_dataset(file(name)));
    } else {
      VITRINE_TRY(const auto name, text_of(entry, "text_file", where));
      VITRINE_TRY(auto lines, read_text_lines(file(name)));
      for (auto& line : lines) items.emplace_back().text = std::move(line);
    }
    if (entry.contains("limit")) {
      if (!entry["limit"].is_number_unsigned()) return wrong(where, "expected 'limit' to be a whole number");
      items.resize(std::min<std::size_t>(items.size(), entry["limit"].get<std::uint64_t>()));
    }
  } else {
    auto item = input_item_from_json(entry, folder);
    if (!item) return wrong(where, item.error().message);
    items.push_back(std::move(*item));
  }
  if (out.size() + items.size() > kMaxInputs)
    return fail(ErrorCode::FileLimit, fmt::format("expected at most {} inputs", kMaxInputs));
  out.insert(out.end(), items.begin(), items.end());
  return {};
}

/// A relative path of an existing file or folder is meant from the job file.
std::string model_from(const std::string& name, const fs::path& folder) {
  std::error_code failed;
  if (name.starts_with("demo:") || fs::path(name).is_absolute()) return name;
  const std::string here = (folder / name).string();
  return fs::exists(parse_model_name(here).place, failed) ? here : name;
}

Result<std::vector<JobSection>> sections_of_grid(const json& job, const fs::path& folder) {
  for (const char* key : {"models", "steps"})
    if (!job.contains(key)) return wrong("", fmt::format("expected '{}', came none", key));
  const json& models = job["models"];
  if (!models.is_array() || models.empty() || models.size() > kMaxModels)
    return wrong("models", fmt::format("expected a list of 1 to {} models", kMaxModels));
  std::vector<InputItem> inputs;
  if (job.contains("inputs")) {
    if (!job["inputs"].is_array()) return wrong("inputs", "expected a list");
    for (std::size_t i = 0; i < job["inputs"].size(); ++i)
      VITRINE_CHECK(add_inputs(job["inputs"][i], folder, fmt::format("inputs[{}]", i), inputs));
  }
  // Each model gets its own copy of steps and inputs: a small file must not ask for billions.
  if (job["steps"].size() > kMaxAllSteps / models.size() || inputs.size() > kMaxInputs / models.size())
    return fail(ErrorCode::FileLimit,
                fmt::format("{} models with {} steps and {} inputs each are above the limits of {} steps and {} inputs in all",
                            models.size(), job["steps"].size(), inputs.size(), kMaxAllSteps, kMaxInputs));
  std::vector<JobSection> sections;
  for (std::size_t i = 0; i < models.size(); ++i) {
    const std::string where = fmt::format("models[{}]", i);
    JobSection section;
    EditList edits;
    const json* stated = job.contains("edits") ? &job["edits"] : nullptr;
    if (models[i].is_string()) {
      section.model = models[i].get<std::string>();
    } else {
      VITRINE_CHECK(only_keys(models[i], {"model", "edits"}, where));
      VITRINE_TRY(section.model, text_of(models[i], "model", where, {}, true));
      if (models[i].contains("edits")) stated = &models[i]["edits"];
    }
    if (stated) {
      VITRINE_TRY(edits, edits_at(*stated, where));
    }
    section.model = model_from(section.model, folder);
    section.inputs = inputs;
    VITRINE_TRY(section.steps, read_steps(job["steps"], edits, "steps"));
    sections.push_back(std::move(section));
  }
  return sections;
}

Result<std::vector<JobSection>> sections_of_commands(const json& list, const fs::path& folder) {
  if (!list.is_array() || list.empty() || list.size() > kMaxSteps)
    return wrong("commands", fmt::format("expected a list of 1 to {} commands", kMaxSteps));
  std::vector<JobSection> sections;
  EditState state;
  std::string model;
  std::vector<InputItem> input;
  bool fresh = true;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::string here = fmt::format("commands[{}]", i);
    if (!list[i].is_object()) return wrong(here, fmt::format("expected an object, came {}", list[i].type_name()));
    VITRINE_TRY(const std::string what, text_of(list[i], "do", here, {}, true));
    VITRINE_TRY(const bool was_edit, state.apply(list[i], what, here));
    if (was_edit || what == "set_view") continue;
    if (what == "open_model") {
      VITRINE_CHECK(only_keys(list[i], {"do", "model"}, here));
      VITRINE_TRY(model, text_of(list[i], "model", here, {}, true));
      model = model_from(model, folder);
      input.clear();
      state.edits.clear();
      fresh = true;
    } else if (what == "set_input") {
      input.clear();
      VITRINE_CHECK(add_inputs(list[i], folder, here, input));
      fresh = true;
    } else {
      if (model.empty()) return wrong(here, "expected open_model before it");
      VITRINE_TRY(JobStep step, read_step(list[i], state.edits, here));
      if (fresh) sections.push_back({model, input, {}});
      fresh = false;
      sections.back().steps.push_back(std::move(step));
    }
  }
  if (sections.empty()) return wrong("commands", "expected an analyse, figure, compress or assert among them");
  return sections;
}

}  // namespace

std::string step_kind_name(StepKind kind) {
  switch (kind) {
    case StepKind::Analyse: return "analyse";
    case StepKind::Figure: return "figure";
    case StepKind::Compress: return "compress";
    case StepKind::Assert: return "assert";
  }
  return "analyse";
}

bool looks_like_job(const json& json) {
  return json.is_object() && ((json.contains("models") && json.contains("steps")) || json.contains("commands")) &&
         !json.contains("journal");
}

Result<Job> job_from_json(const json& source, const fs::path& folder, const std::string& default_name) {
  const bool commands = source.is_object() && source.contains("commands");
  if (commands) {
    VITRINE_CHECK(only_keys(source, {"vitrine_job", "name", "seed", "out", "commands"}, ""));
  } else {
    VITRINE_CHECK(only_keys(source, {"vitrine_job", "name", "seed", "out", "models", "inputs", "edits", "steps"}, ""));
  }
  if (source.contains("vitrine_job") && source["vitrine_job"] != 1)
    return wrong("", "expected vitrine_job 1, came another version");
  Job job;
  job.folder = folder;
  job.source = source;
  VITRINE_TRY(job.name, text_of(source, "name", "", default_name));
  VITRINE_TRY(const std::string out, text_of(source, "out", "", default_name + ".results"));
  const fs::path place = fs::path(out).lexically_normal();
  if (out.empty() || out.size() > 200 || place.is_absolute() || *place.begin() == "..")
    return wrong("out", "expected a folder inside the job file's own folder");
  job.out = folder / place;
  if (commands) {
    VITRINE_TRY(job.sections, sections_of_commands(source["commands"], folder));
  } else {
    VITRINE_TRY(job.sections, sections_of_grid(source, folder));
  }
  return job;
}

Result<Job> read_job(const fs::path& path) {
  return within_memory(path.native(), [&]() -> Result<Job> {
    VITRINE_TRY(auto json, isolate::read_json_file(path, kMaxJobBytes));
    auto job = job_from_json(json, path.parent_path().empty() ? fs::path(".") : path.parent_path(),
                             path.stem().string());
    if (!job && job.error().file.empty()) job.error().file = path.string();
    return job;
  });
}

}  // namespace vitrine::engine
