#pragma once

#include <string>

#include "engine/batch/plan.h"
#include "engine/batch/runner.h"
#include "engine/batch/store.h"
#include "engine/core/error.h"

namespace vitrine::engine {

/// The report page of a run: one HTML file that needs nothing beside it. SVG figures are embedded as SVG with their
/// text, PNG figures as data; what exceeds 64 MiB in all is linked instead.
[[nodiscard]] Result<std::string> report_page(ResultsStore& store, const BatchSummary& summary, const Job& job,
                                              const Plan& plan);

/// Escapes text for HTML content and attributes.
[[nodiscard]] std::string html_escape(const std::string& text);

/// An SVG document made fit to stand in a page with others: no prolog, no scripts, ids prefixed.
/// @error FileFormat if it is not SVG or holds a script or an event attribute
[[nodiscard]] Result<std::string> inline_svg(const std::string& svg, const std::string& prefix);

}  // namespace vitrine::engine
