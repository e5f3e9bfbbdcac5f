#include "app/session/safe_start.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <system_error>
#include <utility>
#include <vector>

#include "engine/io/json.h"

namespace vitrine::app {

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::size_t kMostBytes = std::size_t{1} << 20;
constexpr std::size_t kMostFiles = 200;

std::string text_of(const json& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace) + "\n"; }

}  // namespace

SafeStart::SafeStart(fs::path folder) : folder_(std::move(folder)) {
  if (folder_.empty()) return;
  std::error_code ignored;
  fs::create_directories(folder_, ignored);
  read_counts();
  count_left_behind();
}

SafeStart::~SafeStart() { drop_marker(); }

/// What cannot be read counts as nothing: it is a memory of crashes, and no crash is worth a refusal to start.
void SafeStart::read_counts() {
  const auto stored = engine::read_json_file(folder_ / "crashes.json", kMostBytes);
  if (!stored || !stored->is_object()) return;
  for (const auto& [file, count] : stored->items())
    if (crashes_.size() < kMostFiles && count.is_number_integer() && count >= 1 && count <= 1000) crashes_[file] = count.get<int>();
}

void SafeStart::write_counts() const { static_cast<void>(engine::write_file_atomically(folder_ / "crashes.json", text_of(crashes_))); }

void SafeStart::count_left_behind() {
  std::error_code problem;
  std::vector<fs::path> left;
  for (fs::directory_iterator it(folder_, problem), end; !problem && it != end; it.increment(problem))
    if (it->path().filename().string().rfind("opening-", 0) == 0 && left.size() < kMostFiles) left.push_back(it->path());
  bool counted = false;
  for (const auto& path : left) {
    const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) continue;
    if (::flock(fd, LOCK_EX | LOCK_NB) == 0) {
      const auto marker = engine::read_json_file(path, kMostBytes);
      if (marker && marker->is_object() && marker->contains("file") && (*marker)["file"].is_string() && crashes_.size() < kMostFiles)
        ++crashes_[(*marker)["file"].get<std::string>()];
      fs::remove(path, problem);
      counted = true;
    }
    ::close(fd);
  }
  if (counted) write_counts();
}

std::set<std::string> SafeStart::held() const {
  std::set<std::string> out;
  for (const auto& [file, count] : crashes_)
    if (count >= kCrashes) out.insert(file);
  return out;
}

void SafeStart::begin(const std::string& file) {
  drop_marker();
  if (folder_.empty() || file.empty()) return;
  marker_ = folder_ / ("opening-" + std::to_string(::getpid()) + ".json");
  fd_ = ::open(marker_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd_ < 0) return;
  ::flock(fd_, LOCK_EX | LOCK_NB);
  const std::string text = text_of({{"file", file}});
  if (::write(fd_, text.data(), text.size()) != static_cast<ssize_t>(text.size())) return drop_marker();
  file_ = file;
}

void SafeStart::rest() {
  if (crashes_.erase(file_) > 0) write_counts();
  drop_marker();
}

void SafeStart::drop_marker() {
  file_.clear();
  if (fd_ < 0) return;
  std::error_code ignored;
  fs::remove(marker_, ignored);
  ::close(std::exchange(fd_, -1));
}

}  // namespace vitrine::app
