#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "app/session/command.h"
#include "engine/core/error.h"

namespace vitrine::app {

using StepId = std::int64_t;

/// One act in the tree. Step 0 is the root: nothing done yet, no command.
struct Step {
  StepId id = 0;
  StepId parent = -1;             ///< -1: the root
  Command command;
  std::int64_t time_ms = 0;       ///< since the epoch, UTC
  std::vector<StepId> children;   ///< oldest first
};

/// Which of the two places in the tree is meant: the one worked at, or the branch beside it.
enum class Cursor { Main, Second };

/// Every act as a tree of commands. Undo moves a cursor towards the root and forgets nothing; an act after an
/// undo starts a branch. Plain data, one thread.
class Journal {
 public:
  static constexpr std::size_t kMaxSteps = 100'000;

  Journal();

  /// Appends a command at a cursor and moves it there.
  /// A command equal to the step that redo would reach moves there instead, so that repeating is not branching.
  /// @error Usage for a command that is none (see `check_command`) or a full journal
  engine::Result<StepId> perform(Command command, std::int64_t time_ms = 0, Cursor cursor = Cursor::Main);
  /// Replaces the command of the step at a cursor if it is a leaf and the two are of one kind (typing a text,
  /// dragging a slider); otherwise performs.
  engine::Result<StepId> amend(Command command, std::int64_t time_ms = 0, Cursor cursor = Cursor::Main);

  [[nodiscard]] bool can_undo(Cursor cursor = Cursor::Main) const;
  [[nodiscard]] bool can_redo(Cursor cursor = Cursor::Main) const;
  bool undo(Cursor cursor = Cursor::Main);
  /// To the child visited last.
  bool redo(Cursor cursor = Cursor::Main);
  /// @error Usage if there is no such step
  engine::Status go_to(StepId id, Cursor cursor = Cursor::Main);
  /// Removes a leaf or branch whose command the engine refused; cursors in it move to its parent.
  /// @error Usage for the root or a step that does not exist
  engine::Status discard(StepId id);

  [[nodiscard]] StepId at(Cursor cursor = Cursor::Main) const;
  /// The second cursor exists only while two branches are side by side.
  [[nodiscard]] std::optional<StepId> second() const { return second_; }
  engine::Status set_second(StepId id);
  void close_second() { second_.reset(); }

  /// @error Usage: no such step, an empty name, or a name in use
  engine::Status name_branch(StepId id, const std::string& name);
  /// Takes a name away; true if there was one.
  bool remove_name(const std::string& name) { return names_.erase(name) > 0; }
  [[nodiscard]] const std::map<std::string, StepId>& names() const { return names_; }
  /// Empty if the step has none.
  [[nodiscard]] std::string name_of(StepId id) const;

  [[nodiscard]] const std::map<StepId, Step>& steps() const { return steps_; }
  [[nodiscard]] const Step* find(StepId id) const;
  /// Steps without children, oldest first.
  [[nodiscard]] std::vector<StepId> tips() const;
  /// From the first act to `id`, without the root.
  [[nodiscard]] std::vector<StepId> path(StepId id) const;
  [[nodiscard]] std::vector<Command> commands(StepId id) const;
  /// The last step that two paths share.
  [[nodiscard]] StepId common_ancestor(StepId a, StepId b) const;

  [[nodiscard]] nlohmann::json to_json() const;
  /// From a file: ids, parents and cursors are checked, every command is checked.
  /// @error FileFormat with one sentence; FileLimit beyond kMaxSteps
  [[nodiscard]] static engine::Result<Journal> from_json(const nlohmann::json& json);

 private:
  [[nodiscard]] StepId& place(Cursor cursor);
  [[nodiscard]] StepId redo_target(Cursor cursor) const;
  void visit(StepId id);

  std::map<StepId, Step> steps_;
  std::map<StepId, StepId> last_child_;  ///< where redo goes
  std::map<std::string, StepId> names_;
  StepId main_ = 0;
  std::optional<StepId> second_;
  StepId next_ = 1;
};

}  // namespace vitrine::app
