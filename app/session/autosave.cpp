#include "app/session/autosave.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>
#include <system_error>
#include <utility>

#include "engine/io/json.h"

namespace vitrine::app {

namespace {

namespace fs = std::filesystem;
using engine::ErrorCode;
using engine::fail;
using engine::fail_file;
using nlohmann::json;

constexpr std::size_t kMaxAutosaveBytes = std::size_t{256} << 20;

/// Lines come from a file: a key of another type counts as missing.
StepId whole(const json& object, const char* key, StepId otherwise) {
  const auto it = object.is_object() ? object.find(key) : object.end();
  return object.is_object() && it != object.end() && it->is_number_integer() ? it->get<StepId>() : otherwise;
}

std::string text(const json& object, const char* key) {
  const auto it = object.is_object() ? object.find(key) : object.end();
  return object.is_object() && it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
}

/// The journal as it stands after one more line; the JSON form is the one that `Journal::from_json` checks.
class Replay {
 public:
  /// False: the line is no change that fits.
  bool take(const json& line) {
    const std::string op = text(line, "op");
    if (op == "perform" && line.contains("step")) return add(line["step"]);
    if (op == "amend" && line.contains("step")) return replace(line["step"]);
    if (op == "discard") return drop(whole(line, "id", -1)) && move(line);
    if (op == "move") return move(line);
    if (op == "names" && line.contains("names")) {
      names_ = line["names"];
      return names_.is_object();
    }
    return false;
  }

  [[nodiscard]] engine::Result<Journal> journal() const {
    json steps = json::array();
    for (const auto& [id, step] : steps_) steps.push_back(step);
    json given = {{"steps", std::move(steps)}, {"current", current_}, {"names", names_}};
    if (second_.is_number_integer()) given["second"] = second_;
    return Journal::from_json(given);
  }

 private:
  static StepId id_of(const json& step) { return whole(step, "id", -1); }
  static bool good(const json& step) {
    return id_of(step) > 0 && step.contains("command") && check_command(step["command"]).has_value();
  }
  bool add(const json& step) {
    if (!good(step) || steps_.contains(id_of(step)) || steps_.size() >= Journal::kMaxSteps) return false;
    steps_[id_of(step)] = step;
    current_ = id_of(step);
    return true;
  }
  bool replace(const json& step) {
    if (!good(step) || !steps_.contains(id_of(step))) return false;
    steps_[id_of(step)] = step;
    return true;
  }
  bool move(const json& line) {
    current_ = whole(line, "current", 0);
    second_ = line.contains("second") ? line["second"] : json();
    return true;
  }
  bool drop(StepId id) {
    if (!steps_.contains(id)) return false;
    std::vector<StepId> doomed{id};
    for (std::size_t i = 0; i < doomed.size(); ++i) {
      for (const auto& [other, step] : steps_)
        if (whole(step, "parent", -1) == doomed[i]) doomed.push_back(other);
      steps_.erase(doomed[i]);
      std::vector<std::string> names;
      for (const auto& [name, target] : names_.items())
        if (target == doomed[i]) names.push_back(name);
      for (const auto& name : names) names_.erase(name);
    }
    return true;
  }

  std::map<StepId, json> steps_;
  StepId current_ = 0;
  json second_;
  json names_ = json::object();
};

json step_to_json(const Step& step) {
  return {{"id", step.id}, {"parent", step.parent}, {"time_ms", step.time_ms}, {"command", step.command}};
}

json move_to_json(const Journal& journal, const char* op = "move") {
  json line = {{"op", op}, {"current", journal.at()}};
  if (journal.second()) line["second"] = *journal.second();
  return line;
}

/// True if no running program holds the file.
bool abandoned(const fs::path& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) return false;
  const bool free = ::flock(fd, LOCK_EX | LOCK_NB) == 0;
  ::close(fd);
  return free;
}

}  // namespace

engine::Result<std::unique_ptr<Autosave>> Autosave::start(const fs::path& folder, const Journal& journal,
                                                          const std::string& session_path) {
  std::error_code ignored;
  fs::create_directories(folder, ignored);
  for (int number = 1; number < 10'000; ++number) {
    const fs::path path = folder / ("autosave-" + std::to_string(number) + ".jsonl");
    // A file takes its name when all of the journal is in it: a kill meanwhile leaves no half of a session to be offered.
    const fs::path part = folder / ("autosave-" + std::to_string(number) + ".part");
    if (fs::exists(path, ignored)) continue;
    if (fs::exists(part, ignored) && abandoned(part)) fs::remove(part, ignored);
    const int fd = ::open(part.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0 && errno == EEXIST) continue;
    if (fd < 0) return fail_file(ErrorCode::FileMissing, path.string(), std::string("cannot be created: ") + std::strerror(errno));
    ::flock(fd, LOCK_EX | LOCK_NB);
    std::unique_ptr<Autosave> self(new Autosave(part, fd));
    if (auto written = self->write_all(journal, session_path); !written) {
      self->remove();
      return tl::unexpected(std::move(written.error()));
    }
    if (::renameat2(AT_FDCWD, part.c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE) == 0) {
      self->path_ = path;
      return self;
    }
    const int why = errno;
    self->remove();
    if (why != EEXIST) return fail_file(ErrorCode::FileMissing, path.string(), std::string("cannot be created: ") + std::strerror(why));
  }
  return fail_file(ErrorCode::FileLimit, folder.string(), "holds too many autosaved sessions");
}

engine::Status Autosave::write_all(const Journal& journal, const std::string& session_path) {
  VITRINE_CHECK(append({{"vitrine_autosave", 1}, {"session", session_path}}));
  for (const auto& [id, step] : journal.steps())
    if (id != 0) VITRINE_CHECK(performed(journal, id));
  VITRINE_CHECK(renamed(journal));
  return moved(journal);
}

Autosave::~Autosave() {
  if (fd_ >= 0) ::close(fd_);
}

engine::Status Autosave::append(const nlohmann::json& line) {
  if (fd_ < 0) return {};
  const std::string text = line.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
  const ::off_t before = ::lseek(fd_, 0, SEEK_END);
  for (std::size_t done = 0; done < text.size();) {
    const auto n = ::write(fd_, text.data() + done, text.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      const int why = errno;
      // Half a line would end the replay of all that comes after it.
      if (before >= 0 && ::ftruncate(fd_, before) != 0) {}
      return fail_file(ErrorCode::FileMissing, path_.string(), std::string("cannot be written: ") + std::strerror(why));
    }
    done += static_cast<std::size_t>(n);
  }
  return {};
}

engine::Status Autosave::performed(const Journal& journal, StepId id) {
  const Step* step = journal.find(id);
  return step ? append({{"op", "perform"}, {"step", step_to_json(*step)}}) : engine::Status{};
}

engine::Status Autosave::amended(const Journal& journal, StepId id) {
  const Step* step = journal.find(id);
  return step ? append({{"op", "amend"}, {"step", step_to_json(*step)}}) : engine::Status{};
}

engine::Status Autosave::moved(const Journal& journal) { return append(move_to_json(journal)); }
engine::Status Autosave::discarded(const Journal& journal, StepId id) {
  json line = move_to_json(journal, "discard");
  line["id"] = id;
  return append(line);
}
engine::Status Autosave::renamed(const Journal& journal) { return append({{"op", "names"}, {"names", journal.names()}}); }

void Autosave::remove() {
  if (fd_ < 0) return;
  std::error_code ignored;
  fs::remove(path_, ignored);
  ::close(fd_);
  fd_ = -1;
}

engine::Result<Recovered> read_autosave(const fs::path& path) {
  std::error_code error;
  const auto size = fs::file_size(path, error);
  if (error) return fail_file(ErrorCode::FileMissing, path.string(), "cannot be read: " + error.message());
  if (size > kMaxAutosaveBytes)
    return fail_file(ErrorCode::FileLimit, path.string(), "expected at most " + std::to_string(kMaxAutosaveBytes) +
                                                              " bytes, came " + std::to_string(size));
  std::ifstream file(path, std::ios::binary);
  std::string line;
  if (!std::getline(file, line)) return fail_file(ErrorCode::FileFormat, path.string(), "expected an autosaved session, came an empty file");
  VITRINE_TRY(const json head, engine::parse_json(line, path.string()));
  if (whole(head, "vitrine_autosave", 0) != 1)
    return fail_file(ErrorCode::FileFormat, path.string(), "expected an autosaved session, came something else");
  Recovered out;
  out.path = path;
  out.session_path = text(head, "session");
  Replay replay;
  while (std::getline(file, line)) {
    const bool cut = file.eof();
    auto parsed = cut ? engine::Result<json>(fail(ErrorCode::FileFormat, "cut off")) : engine::parse_json(line, path.string());
    if (!parsed || !replay.take(*parsed)) {
      out.torn = true;
      break;
    }
  }
  VITRINE_TRY(out.journal, replay.journal());
  for (const auto& [id, step] : out.journal.steps()) out.time_ms = std::max(out.time_ms, step.time_ms);
  return out;
}

std::vector<Recovered> find_autosaves(const fs::path& folder) {
  std::vector<Recovered> out;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const auto name = entry.path().filename().string();
    if (name.rfind("autosave-", 0) != 0 || entry.path().extension() != ".jsonl" || !abandoned(entry.path())) continue;
    if (auto found = read_autosave(entry.path()); found && found->journal.steps().size() > 1) out.push_back(std::move(*found));
  }
  std::sort(out.begin(), out.end(), [](const Recovered& a, const Recovered& b) {
    return std::pair(a.time_ms, a.journal.steps().size()) > std::pair(b.time_ms, b.journal.steps().size());
  });
  return out;
}

}  // namespace vitrine::app
