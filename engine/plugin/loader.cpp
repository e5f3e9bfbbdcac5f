#include "engine/plugin/loader.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <map>
#include <set>

#include <fmt/format.h>

#include "engine/core/version.h"
#include "engine/plugin/c_plugin.h"
#include "engine/plugin/registrar.h"

namespace vitrine::engine {
namespace {

namespace fs = std::filesystem;

/// What one plugin brings, before it joins the program's.
struct Opened {
  AnalysisRegistry analyses{"analysis"};
  CompressionRegistry compressions{"compression"};
};

/// Runs the entry function of a module over registries of its own.
Status register_module(void* library, Opened& opened) {
  using BuildId = const char*();
  using Register = void(PluginRegistrar&);
  const auto build = reinterpret_cast<BuildId*>(dlsym(library, kBuildIdSymbol));
  if (build == nullptr) return fail(ErrorCode::Unsupported, fmt::format("the symbol {} is missing", kBuildIdSymbol));
  const char* built_for = build();
  if (built_for == nullptr || build_id() != built_for)
    return fail(ErrorCode::Unsupported, fmt::format("it was built for build id \"{}\", this program has \"{}\"",
                                                    built_for == nullptr ? "" : built_for, build_id()));
  const auto entry = reinterpret_cast<Register*>(dlsym(library, kRegisterSymbol));
  if (entry == nullptr) return fail(ErrorCode::Unsupported, fmt::format("the symbol {} is missing", kRegisterSymbol));
  PluginRegistrar registrar{opened.analyses, opened.compressions, {}};
  try {
    entry(registrar);
  } catch (const std::exception& thrown) {
    return fail(ErrorCode::Unsupported, fmt::format("it threw while it was opened: {}", thrown.what()));
  } catch (...) {
    return fail(ErrorCode::Unsupported, "it threw while it was opened");
  }
  if (!registrar.problem.empty()) return fail(ErrorCode::Unsupported, registrar.problem);
  return {};
}

Result<Opened> open_library(const Manifest& manifest) {
  Opened opened;
  if (manifest.kind == PluginKind::CTable) {
    VITRINE_TRY(const auto provided, open_c_plugin(manifest));
    for (const auto& analysis : provided) VITRINE_CHECK(opened.analyses.add(analysis->info().id, analysis));
  } else if (manifest.kind == PluginKind::Module) {
    void* library = dlopen(manifest.library.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) return fail(ErrorCode::Unsupported, fmt::format("it cannot be loaded: {}", dlerror()));
    VITRINE_CHECK(register_module(library, opened));
  }
  return opened;
}

/// Nothing of a plugin is added unless all of it can be.
Status check_new(const PluginSet& set, const Manifest& manifest, const Opened& opened) {
  for (const auto& other : set.plugins)
    if (other.active && other.id == manifest.id)
      return fail(ErrorCode::Unsupported, fmt::format("duplicate id '{}': the plugin in {} came first", manifest.id,
                                                      other.folder.string()));
  for (const auto& [id, compression] : opened.compressions.entries())
    if (set.compressions.find(id) != nullptr)
      return fail(ErrorCode::Unsupported, fmt::format("duplicate compression id '{}': another plugin has it", id));
  for (const auto& [id, analysis] : opened.analyses.entries())
    if (set.analyses.find(id) != nullptr)
      return fail(ErrorCode::Unsupported, fmt::format("duplicate analysis id '{}': another plugin has it", id));
  for (const Provided& provided : manifest.provides)
    if (!provided.file.empty() && std::ranges::any_of(set.files, [&](const Provided& file) {
          return file.type == provided.type && file.id == provided.id;
        }))
      return fail(ErrorCode::Unsupported, fmt::format("duplicate {} id '{}': another plugin has it", provided.type, provided.id));
  for (const Provided& provided : manifest.provides)
    if (provided.type == "analysis" && opened.analyses.find(provided.id) == nullptr)
      return fail(ErrorCode::Unsupported, fmt::format("its manifest promises the analysis '{}', its library has none of that id",
                                                      provided.id));
  return {};
}

Status load_into(PluginSet& set, PluginStatus& status) {
  VITRINE_TRY(const Manifest manifest, read_manifest(status.folder, status.origin));
  status.id = manifest.id;
  status.name = manifest.name;
  status.version = manifest.version;
  status.kind = manifest.kind;
  status.warnings = manifest.warnings;
  VITRINE_CHECK(check_new(set, Manifest{.id = manifest.id}, Opened{}));
  VITRINE_TRY(const Opened opened, open_library(manifest));
  VITRINE_CHECK(check_new(set, manifest, opened));
  for (const auto& [id, compression] : opened.compressions.entries()) {
    VITRINE_CHECK(set.compressions.add(id, compression));
    status.provides.push_back("compression " + id);
  }
  for (const auto& [id, analysis] : opened.analyses.entries()) {
    VITRINE_CHECK(set.analyses.add(id, analysis));
    status.provides.push_back("analysis " + id);
  }
  for (const Provided& provided : manifest.provides) {
    if (provided.file.empty()) continue;
    set.files.push_back(provided);
    status.provides.push_back(provided.type + " " + provided.id);
  }
  return {};
}

void load_one(PluginSet& set, const fs::path& folder, PluginOrigin origin) {
  PluginStatus status;
  status.folder = folder;
  status.origin = origin;
  const Status loaded = load_into(set, status);
  status.active = loaded.has_value();
  if (!loaded) status.message = sentence(loaded.error());
  set.plugins.push_back(std::move(status));
}

fs::path executable_folder() {
  std::error_code ignored;
  return fs::read_symlink("/proc/self/exe", ignored).parent_path();
}

}  // namespace

std::vector<PluginFolder> plugin_folders() {
  std::vector<PluginFolder> folders;
  std::error_code ignored;
  const fs::path prefix = executable_folder().parent_path();
  for (const fs::path& folder : {prefix / "plugins", prefix / "lib" / "vitrine" / "plugins"})
    if (fs::is_directory(folder, ignored)) folders.push_back({folder, PluginOrigin::BuiltIn});
  if (const char* given = std::getenv("VITRINE_PLUGINS"); given != nullptr) {
    const std::string list = given;
    for (std::size_t begin = 0; begin <= list.size();) {
      const std::size_t end = std::min(list.find(':', begin), list.size());
      if (end > begin) folders.push_back({list.substr(begin, end - begin), PluginOrigin::Outside});
      begin = end + 1;
    }
  }
  const char* data = std::getenv("XDG_DATA_HOME");
  const char* home = std::getenv("HOME");
  if (data != nullptr && *data != '\0') folders.push_back({fs::path(data) / "vitrine" / "plugins", PluginOrigin::Outside});
  else if (home != nullptr) folders.push_back({fs::path(home) / ".local/share/vitrine/plugins", PluginOrigin::Outside});
  return folders;
}

PluginSet load_plugins(const std::vector<PluginFolder>& folders) {
  PluginSet set;
  for (const PluginFolder& folder : folders)
    for (const fs::path& plugin : plugins_in(folder.path)) load_one(set, plugin, folder.origin);
  return set;
}

PluginStatus check_plugin(const fs::path& path) {
  std::error_code ignored;
  fs::path folder = fs::is_directory(path, ignored) ? path : path.parent_path();
  if (folder.empty()) folder = ".";
  folder = fs::weakly_canonical(folder, ignored);
  PluginOrigin origin = PluginOrigin::Outside;
  for (const PluginFolder& known : plugin_folders())
    if (known.origin == PluginOrigin::BuiltIn && fs::equivalent(folder.parent_path(), known.path, ignored)) origin = known.origin;
  PluginSet set;
  load_one(set, folder, origin);
  PluginStatus& status = set.plugins.front();
  if (!status.id.empty())
    for (std::string& sentence : twins_beside({.folder = folder, .id = status.id})) status.warnings.push_back(std::move(sentence));
  return std::move(set.plugins.front());
}

}  // namespace vitrine::engine
