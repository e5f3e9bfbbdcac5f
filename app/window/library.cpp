#include "app/window/library.h"

#include <algorithm>
#include <cstdlib>
#include <system_error>

#include <QFileInfo>

#include "app/window/kept.h"
#include "engine/model/model.h"
#include "views/panels/style.h"

namespace vitrine::app {

namespace {

namespace fs = std::filesystem;

constexpr int kRecent = 12;
constexpr const char* kRecentKey = "recent";

/// What a person should try first with each demo.
struct DemoText {
  const char* name;
  const char* title;
  const char* detail;
};
/// In the order in which a person might try them.
constexpr DemoText kDemos[] = {
    {"vit_digits", "Digits, vision transformer", "6 × 4 heads: rank them, prune a quarter"},
    {"lm_text", "Small language model", "GPT-2, 4 × 4, on Austen: induction heads"},
    {"codebook_fsm", "State machine with codebooks", "3 × 4: codes stand for states; force one"},
    {"lm_text_codebook", "Language model with codebooks", "4 × 4: find codes by a text pattern"},
    {"clip_glyphs", "Pictures and captions", "CLIP, two towers: a glyph against captions"},
    {"mamba_text", "State space model", "Mamba, 3 layers: its true token-mixing map"},
    {"crate_digits", "Digits, white-box transformer", "CRATE, 6 × 4: attention as compression"},
};

fs::path xdg(const char* variable, const char* below_home) {
  if (const char* set = std::getenv(variable); set && set[0] == '/') return fs::path(set) / "vitrine";
  const char* home = std::getenv("HOME");
  return fs::path(home ? home : ".") / below_home / "vitrine";
}

bool weights_ending(const fs::path& path) {
  const auto ending = path.extension().string();
  return ending == ".gguf" || ending == ".safetensors" || ending == ".onnx" || ending == ".pt" || ending == ".pth" || ending == ".bin";
}

}  // namespace

fs::path data_folder() { return xdg("XDG_DATA_HOME", ".local/share"); }
fs::path state_folder() { return xdg("XDG_STATE_HOME", ".local/state"); }

std::vector<LibraryModel> demo_models() {
  std::vector<LibraryModel> out;
  std::vector<std::string> left = engine::demo_names();
  for (const auto& demo : kDemos)
    if (std::erase(left, demo.name) > 0)
      out.push_back({QString::fromUtf8(demo.title), QString::fromUtf8(demo.detail), std::string("demo:") + demo.name});
  for (const auto& name : left) out.push_back({QString::fromStdString(name), {}, "demo:" + name});
  return out;
}

std::vector<LibraryModel> downloaded_models() {
  std::vector<LibraryModel> out;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(data_folder() / "models", error)) {
    std::error_code ignored;
    const bool folder = entry.is_directory(ignored);
    if (!folder && !weights_ending(entry.path())) continue;
    std::uintmax_t bytes = 0;
    if (!folder) bytes = entry.file_size(ignored);
    for (const auto& file : fs::directory_iterator(folder ? entry.path() : fs::path(), ignored))
      if (std::error_code bad; weights_ending(file.path())) bytes += file.file_size(bad);
    out.push_back({QString::fromStdString(entry.path().filename().string()),
                   views::quantity_text(static_cast<double>(bytes), QStringLiteral("bytes")), entry.path().string()});
  }
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.title.compare(b.title, Qt::CaseInsensitive) < 0; });
  return out;
}

std::vector<LibraryModel> recent_models() {
  std::vector<LibraryModel> out;
  const QStringList paths = kept(QLatin1String(kRecentKey)).toStringList();
  for (const QString& path : paths) {
    const bool demo = path.startsWith(QLatin1String("demo:"));
    if (!demo && !QFileInfo::exists(path)) continue;
    const QFileInfo file(path);
    out.push_back({demo ? path : file.fileName().isEmpty() ? path : file.fileName(),
                   demo ? QStringLiteral("demo model") : file.path(), path.toStdString()});
  }
  return out;
}

void remember_recent(const QString& path) {
  QStringList paths = kept(QLatin1String(kRecentKey)).toStringList();
  paths.removeAll(path);
  paths.prepend(path);
  while (paths.size() > kRecent) paths.removeLast();
  keep(QLatin1String(kRecentKey), paths);
}

void clear_recent() { keep(QLatin1String(kRecentKey), {}); }

}  // namespace vitrine::app
