#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "engine/analysis/analysis.h"
#include "engine/io/plugin_manifest.h"

namespace vitrine::engine {

/// Asks the library of a C plugin, in a process of its own, what it provides.
/// @error Unsupported with what the plugin did wrong
/// @cost one process
[[nodiscard]] Result<std::vector<std::shared_ptr<const Analysis>>> open_c_plugin(const Manifest& manifest);

/// What the table of a C plugin says about one analysis.
struct CAnalysisInfo {
  AnalysisInfo info;
  PictureKind picture = PictureKind::Table;
  bool needs_attention = false;
};

/// An analysis whose `run` starts a worker process, hands over token ids and maps, and takes back a report.
/// The report is checked like a file: sizes, counts and names are the plugin's word only.
[[nodiscard]] std::shared_ptr<const Analysis> make_c_analysis(CAnalysisInfo info, std::filesystem::path library);

/// The answer of a worker as a report.
/// @error FileFormat if sizes and shapes do not go together
[[nodiscard]] Result<Report> report_from_answer(const nlohmann::json& head, const std::string& body);

}  // namespace vitrine::engine
