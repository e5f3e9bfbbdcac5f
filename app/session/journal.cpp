#include "app/session/journal.h"

#include <algorithm>
#include <set>
#include <utility>

namespace vitrine::app {

namespace {

using engine::ErrorCode;
using engine::fail;
using nlohmann::json;

constexpr std::size_t kMaxName = 200;
constexpr StepId kMaxId = StepId{1} << 53;

/// One run of letters was put in or taken out.
bool one_run_apart(const std::string& a, const std::string& b) {
  const std::string &few = a.size() < b.size() ? a : b, &many = a.size() < b.size() ? b : a;
  const auto front = static_cast<std::size_t>(std::mismatch(few.begin(), few.end(), many.begin()).first - few.begin());
  const auto back = static_cast<std::size_t>(std::mismatch(few.rbegin(), few.rend(), many.rbegin()).first - few.rbegin());
  return front + back >= few.size();
}

/// The texts of an input, taken out of its command.
std::vector<std::string> take_texts(Command& command) {
  std::vector<std::string> texts;
  for (const char* key : {"text", "text_pair", "decoder_text"}) {
    texts.push_back(command.value(key, ""));
    command.erase(key);
  }
  texts.emplace_back();
  if (const auto captions = command.find("captions"); captions != command.end()) {
    for (const auto& caption : *captions) texts.back() += caption.get<std::string>() + "\n";
    command.erase(captions);
  }
  return texts;
}

/// Typing went on: one text grew or shrank in one place. Another sample or picture is an act of its own, however soon.
bool typed_on(Command a, Command b) {
  const auto before = take_texts(a), after = take_texts(b);
  int changed = 0;
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (before[i] == after[i]) continue;
    if (++changed > 1 || !one_run_apart(before[i], after[i])) return false;
  }
  return a == b;
}

/// Two commands that a person sees as one continuing act.
bool same_kind(const Command& a, const Command& b) {
  const auto verb = a.value("do", "");
  if (verb != b.value("do", "")) return false;
  if (verb == "set_input") return typed_on(a, b);
  return verb == "set_view" && a.value("panel", "") == b.value("panel", "");
}

engine::Result<StepId> id_from(const json& object, const char* key) {
  auto it = object.find(key);
  if (it == object.end() || !it->is_number_integer())
    return fail(ErrorCode::FileFormat, std::string("journal: expected a whole number in '") + key + "', came " +
                                           (it == object.end() ? "nothing" : it->type_name()));
  const auto id = it->get<StepId>();
  if (id < 0 || id > kMaxId)
    return fail(ErrorCode::FileFormat, std::string("journal: '") + key + "' is out of range");
  return id;
}

}  // namespace

Journal::Journal() { steps_[0] = Step{}; }

StepId& Journal::place(Cursor cursor) {
  return cursor == Cursor::Second && second_ ? *second_ : main_;
}

StepId Journal::at(Cursor cursor) const {
  return cursor == Cursor::Second && second_ ? *second_ : main_;
}

const Step* Journal::find(StepId id) const {
  auto it = steps_.find(id);
  return it == steps_.end() ? nullptr : &it->second;
}

void Journal::visit(StepId id) {
  for (const Step* step = find(id); step && step->parent >= 0; step = find(step->parent))
    last_child_[step->parent] = step->id;
}

StepId Journal::redo_target(Cursor cursor) const {
  const Step& here = steps_.at(at(cursor));
  if (here.children.empty()) return -1;
  auto it = last_child_.find(here.id);
  return it == last_child_.end() ? here.children.back() : it->second;
}

engine::Result<StepId> Journal::perform(Command command, std::int64_t time_ms, Cursor cursor) {
  VITRINE_CHECK(check_command(command));
  StepId& here = place(cursor);
  if (const StepId next = redo_target(cursor); next >= 0 && steps_.at(next).command == command) {
    here = next;
    return here;
  }
  if (steps_.size() > kMaxSteps)
    return fail(ErrorCode::Usage, "the journal is full (" + std::to_string(kMaxSteps) + " acts); save and start a new session");
  const StepId id = next_++;
  steps_[id] = Step{id, here, std::move(command), time_ms, {}};
  steps_[here].children.push_back(id);
  here = id;
  visit(id);
  return id;
}

engine::Result<StepId> Journal::amend(Command command, std::int64_t time_ms, Cursor cursor) {
  VITRINE_CHECK(check_command(command));
  Step& here = steps_.at(at(cursor));
  const bool other_cursor_here = second_ && *second_ == main_;
  if (here.id == 0 || !here.children.empty() || other_cursor_here || !name_of(here.id).empty() ||
      !same_kind(here.command, command))
    return perform(std::move(command), time_ms, cursor);
  if (command.value("do", "") == "set_view") {
    json settings = here.command["settings"];
    settings.update(command["settings"]);
    command["settings"] = std::move(settings);
  }
  here.command = std::move(command);
  here.time_ms = time_ms;
  return here.id;
}

bool Journal::can_undo(Cursor cursor) const { return at(cursor) != 0; }
bool Journal::can_redo(Cursor cursor) const { return redo_target(cursor) >= 0; }

bool Journal::undo(Cursor cursor) {
  if (!can_undo(cursor)) return false;
  visit(at(cursor));
  place(cursor) = steps_.at(at(cursor)).parent;
  return true;
}

bool Journal::redo(Cursor cursor) {
  const StepId next = redo_target(cursor);
  if (next < 0) return false;
  place(cursor) = next;
  return true;
}

engine::Status Journal::go_to(StepId id, Cursor cursor) {
  if (!find(id)) return fail(ErrorCode::Usage, "the journal has no step " + std::to_string(id));
  place(cursor) = id;
  visit(id);
  return {};
}

engine::Status Journal::discard(StepId id) {
  const Step* step = find(id);
  if (!step || id == 0) return fail(ErrorCode::Usage, "the journal has no step " + std::to_string(id) + " to discard");
  const StepId parent = step->parent;
  std::vector<StepId> doomed{id};
  for (std::size_t i = 0; i < doomed.size(); ++i)
    for (StepId child : steps_.at(doomed[i]).children) doomed.push_back(child);
  const std::set<StepId> lost(doomed.begin(), doomed.end());
  const auto gone = [&](StepId s) { return lost.contains(s); };
  if (gone(main_)) main_ = parent;
  if (second_ && gone(*second_)) second_ = parent;
  std::erase_if(names_, [&](const auto& entry) { return gone(entry.second); });
  std::erase_if(last_child_, [&](const auto& entry) { return gone(entry.first) || gone(entry.second); });
  std::erase(steps_.at(parent).children, id);
  for (StepId s : doomed) steps_.erase(s);
  return {};
}

engine::Status Journal::set_second(StepId id) {
  if (!find(id)) return fail(ErrorCode::Usage, "the journal has no step " + std::to_string(id));
  second_ = id;
  return {};
}

engine::Status Journal::name_branch(StepId id, const std::string& name) {
  if (!find(id)) return fail(ErrorCode::Usage, "the journal has no step " + std::to_string(id));
  if (name.empty() || name.size() > kMaxName)
    return fail(ErrorCode::Usage, "expected a branch name of 1 to " + std::to_string(kMaxName) + " bytes, came " +
                                      std::to_string(name.size()));
  if (auto it = names_.find(name); it != names_.end() && it->second != id)
    return fail(ErrorCode::Usage, "a branch named '" + name + "' exists already");
  std::erase_if(names_, [&](const auto& entry) { return entry.second == id; });
  names_[name] = id;
  return {};
}

std::string Journal::name_of(StepId id) const {
  for (const auto& [name, step] : names_)
    if (step == id) return name;
  return {};
}

std::vector<StepId> Journal::tips() const {
  std::vector<StepId> out;
  for (const auto& [id, step] : steps_)
    if (step.children.empty()) out.push_back(id);
  return out;
}

std::vector<StepId> Journal::path(StepId id) const {
  std::vector<StepId> out;
  for (const Step* step = find(id); step && step->id != 0; step = find(step->parent)) out.push_back(step->id);
  std::reverse(out.begin(), out.end());
  return out;
}

std::vector<Command> Journal::commands(StepId id) const {
  std::vector<Command> out;
  for (StepId step : path(id)) out.push_back(steps_.at(step).command);
  return out;
}

StepId Journal::common_ancestor(StepId a, StepId b) const {
  const auto left = path(a), right = path(b);
  StepId shared = 0;
  for (std::size_t i = 0; i < std::min(left.size(), right.size()) && left[i] == right[i]; ++i) shared = left[i];
  return shared;
}

nlohmann::json Journal::to_json() const {
  json steps = json::array();
  for (const auto& [id, step] : steps_)
    if (id != 0)
      steps.push_back({{"id", id}, {"parent", step.parent}, {"time_ms", step.time_ms}, {"command", step.command}});
  json out = {{"steps", std::move(steps)}, {"current", main_}, {"names", names_}};
  if (second_) out["second"] = *second_;
  return out;
}

engine::Result<Journal> Journal::from_json(const nlohmann::json& given) {
  Journal journal;
  if (!given.is_object() || !given.contains("steps") || !given["steps"].is_array())
    return fail(ErrorCode::FileFormat, "journal: expected an object with a list 'steps'");
  if (given["steps"].size() > kMaxSteps)
    return fail(ErrorCode::FileLimit, "journal: expected at most " + std::to_string(kMaxSteps) + " steps, came " +
                                          std::to_string(given["steps"].size()));
  for (const auto& entry : given["steps"]) {
    if (!entry.is_object()) return fail(ErrorCode::FileFormat, "journal: expected a step object");
    VITRINE_TRY(const StepId id, id_from(entry, "id"));
    VITRINE_TRY(const StepId parent, id_from(entry, "parent"));
    if (id == 0 || journal.find(id))
      return fail(ErrorCode::FileFormat, "journal: step " + std::to_string(id) + " appears twice");
    if (!journal.find(parent))
      return fail(ErrorCode::FileFormat, "journal: step " + std::to_string(id) + " follows step " +
                                             std::to_string(parent) + ", which does not come before it");
    if (!entry.contains("command"))
      return fail(ErrorCode::FileFormat, "journal: step " + std::to_string(id) + " has no command");
    if (auto checked = check_command(entry["command"]); !checked)
      return fail(ErrorCode::FileFormat, "journal: step " + std::to_string(id) + ": " + checked.error().message);
    const auto time = entry.find("time_ms");
    const std::int64_t time_ms = time != entry.end() && time->is_number_integer() ? time->get<std::int64_t>() : 0;
    journal.steps_[id] = Step{id, parent, entry["command"], time_ms, {}};
    journal.steps_[parent].children.push_back(id);
    journal.next_ = std::max(journal.next_, id + 1);
  }
  VITRINE_TRY(const StepId current, id_from(given, "current"));
  if (!journal.find(current))
    return fail(ErrorCode::FileFormat, "journal: current step " + std::to_string(current) + " does not exist");
  VITRINE_CHECK(journal.go_to(current));
  if (given.contains("second")) {
    VITRINE_TRY(const StepId second, id_from(given, "second"));
    if (!journal.find(second))
      return fail(ErrorCode::FileFormat, "journal: second step " + std::to_string(second) + " does not exist");
    VITRINE_CHECK(journal.set_second(second));
  }
  if (const auto names = given.find("names"); names != given.end()) {
    if (!names->is_object()) return fail(ErrorCode::FileFormat, "journal: expected an object in 'names'");
    for (const auto& [name, value] : names->items()) {
      VITRINE_TRY(const StepId id, id_from(*names, name.c_str()));
      if (auto named = journal.name_branch(id, name); !named)
        return fail(ErrorCode::FileFormat, "journal: " + named.error().message);
    }
  }
  return journal;
}

}  // namespace vitrine::app
