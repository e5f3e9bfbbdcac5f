#pragma once

#include <memory>
#include <string>
#include <utility>

#include "engine/analysis/analysis.h"
#include "engine/compress/compression.h"

namespace vitrine::engine {

/// What a C++ module fills when it is opened. The registries hold only this module's things: they join the program's
/// after the entry function has returned without a problem, all or none.
struct PluginRegistrar {
  AnalysisRegistry& analyses;
  CompressionRegistry& compressions;
  std::string problem;             ///< first thing that could not be added; the module is refused

  /// Adds under `analysis->info().id`.
  void add(std::shared_ptr<const Analysis> analysis) {
    std::string id = analysis->info().id;
    note(analyses.add(std::move(id), std::move(analysis)));
  }
  void add(std::shared_ptr<const Compression> compression) {
    std::string id = compression->info().id;
    note(compressions.add(std::move(id), std::move(compression)));
  }
  void note(const Status& added) {
    if (!added && problem.empty()) problem = added.error().message;
  }
};

/// Names of the two functions that a module exports with C linkage.
inline constexpr const char* kBuildIdSymbol = "vitrine_plugin_build_id";   ///< const char* ()
inline constexpr const char* kRegisterSymbol = "vitrine_register";         ///< void (PluginRegistrar&)

}  // namespace vitrine::engine
