#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "engine/core/error.h"

namespace vitrine::engine {

/// What a plugin is made of.
enum class PluginKind {
  Data,    ///< files only: architectures, colour maps, name maps, catalogue pages
  Module,  ///< C++ library, accepted only with an equal build id
  CTable,  ///< C library with `vt_plugin_query`, run in a process of its own
};

[[nodiscard]] std::string_view plugin_kind_name(PluginKind kind);

/// Major version of the C table of `plugins/sdk/vitrine_plugin.h` that this program speaks.
inline constexpr int kPluginAbi = 1;

/// Who put a plugin there: ids that begin with `vitrine.` belong to the groups that come with the program.
enum class PluginOrigin { BuiltIn, Outside };

/// One thing that a plugin adds.
struct Provided {
  std::string type;               ///< "analysis", "architecture", "colour_map", ...
  std::string id;
  std::filesystem::path file;     ///< absolute; empty for things that the library registers
};

/// `manifest.json` of a plugin folder: read and checked before any of its code runs.
struct Manifest {
  std::filesystem::path folder;
  int schema = 1;
  std::string id;                 ///< lower case words joined by '.', '-' or '_', at most 64 bytes
  std::string name;
  std::string version;            ///< MAJOR.MINOR.PATCH
  PluginKind kind = PluginKind::Data;
  std::vector<Provided> provides;
  std::filesystem::path library;  ///< absolute; Module and CTable
  std::string build_id;           ///< Module
  int abi = 0;                    ///< CTable
  std::vector<std::string> warnings;
};

/// Reads a manifest and checks everything that can be known without running code: fields, that every file lies inside
/// the folder, that the library is one this machine can load, build id and ABI.
///
/// @param path a plugin folder or its manifest.json
/// @error FileFormat, FileLimit, FileMissing, Unsupported: one sentence that names the field
[[nodiscard]] Result<Manifest> read_manifest(const std::filesystem::path& path,
                                             PluginOrigin origin = PluginOrigin::Outside);

/// The same from a manifest that was parsed; `file` is where it lies, its folder the plugin's.
[[nodiscard]] Result<Manifest> manifest_from_json(nlohmann::json json, const std::filesystem::path& file,
                                                  PluginOrigin origin = PluginOrigin::Outside);

/// Sentences about folders beside this one whose plugin has the same id: only the first by name is used.
[[nodiscard]] std::vector<std::string> twins_beside(const Manifest& manifest);

/// Folders in `folder` that hold a manifest.json, sorted, at most 1,000. A folder that cannot be listed holds none.
[[nodiscard]] std::vector<std::filesystem::path> plugins_in(const std::filesystem::path& folder);

}  // namespace vitrine::engine
