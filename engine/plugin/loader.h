#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "engine/analysis/analysis.h"
#include "engine/compress/compression.h"
#include "engine/io/plugin_manifest.h"

namespace vitrine::engine {

/// A row of the plugin page: what became of one folder.
struct PluginStatus {
  std::filesystem::path folder;
  PluginOrigin origin = PluginOrigin::Outside;
  std::string id, name, version;          ///< empty where the manifest could not be read
  PluginKind kind = PluginKind::Data;
  bool active = false;
  std::string message;                    ///< why it is not active; empty if it is
  std::vector<std::string> warnings;
  std::vector<std::string> provides;      ///< "analysis head_stats", "architecture bert", ...
};

/// Everything that plugins add to the program.
struct PluginSet {
  AnalysisRegistry analyses{"analysis"};
  CompressionRegistry compressions{"compression"};
  std::vector<Provided> files;            ///< architectures, colour maps, ...: type, id, file
  std::vector<PluginStatus> plugins;      ///< one per folder found, in the order of loading
};

struct PluginFolder {
  std::filesystem::path path;             ///< holds one folder per plugin
  PluginOrigin origin = PluginOrigin::Outside;
};

/// Where plugins are looked for: beside the executable and in its install prefix (built in), then each folder of the
/// colon-separated $VITRINE_PLUGINS, then the user's data folder.
[[nodiscard]] std::vector<PluginFolder> plugin_folders();

/// Opens every plugin of these folders, sorted by folder name. A plugin that fails costs only itself: it stays in the
/// list with its message. Modules are never unloaded.
/// @cost runs the entry function of each module; starts one process per C plugin
[[nodiscard]] PluginSet load_plugins(const std::vector<PluginFolder>& folders = plugin_folders());

/// Opens one plugin, a folder or manifest.json, as the program would, and says what became of it. An id that a folder
/// beside it has as well is a warning.
[[nodiscard]] PluginStatus check_plugin(const std::filesystem::path& path);

}  // namespace vitrine::engine
