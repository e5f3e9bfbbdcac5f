#include "app/cli/figure_file.h"

#include <cstdlib>
#include <map>
#include <memory>

#include <QGuiApplication>

#include <fmt/format.h>

#include "views/figure/export.h"

namespace vitrine::app {

using engine::ErrorCode;
using engine::fail;
using engine::Result;
using engine::Status;

namespace {

/// Fonts and painters need an application object; the offscreen platform needs no display.
void ensure_application() {
  if (QCoreApplication::instance()) return;
  setenv("QT_QPA_PLATFORM", "offscreen", 1);
  static int argc = 1;
  static char name[] = "vitrine";
  static char* argv[] = {name, nullptr};
  static const auto application = std::make_unique<QGuiApplication>(argc, argv);
}

Result<double> number(const std::string& key, const std::string& text) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0') return fail(ErrorCode::Usage, fmt::format("expected a number for {}, came '{}'", key, text));
  return value;
}

Result<bool> flag(const std::string& key, const std::string& text) {
  if (text == "true" || text == "1") return true;
  if (text == "false" || text == "0") return false;
  return fail(ErrorCode::Usage, fmt::format("expected true or false for {}, came '{}'", key, text));
}

Status set_picture(views::FigureOptions& figure, const std::string& value) {
  for (int kind = 0; kind <= static_cast<int>(engine::PictureKind::Text); ++kind)
    if (picture_name(static_cast<engine::PictureKind>(kind)) == value) {
      figure.picture = static_cast<engine::PictureKind>(kind);
      return {};
    }
  return fail(ErrorCode::Usage, fmt::format("expected picture matrix, matrix_grid, heat_map, token_lines, image_overlay, bars, scatter, "
                                            "curves, table, tokens, trajectories or text, came '{}'", value));
}

Status set_range(views::FigureOptions& figure, const std::string& value) {
  static const std::map<std::string, views::RangeMode> kModes = {{"automatic", views::RangeMode::Automatic},
                                                                 {"manual", views::RangeMode::Manual},
                                                                 {"log", views::RangeMode::Log},
                                                                 {"symmetric", views::RangeMode::Symmetric}};
  const auto mode = kModes.find(value);
  if (mode == kModes.end()) return fail(ErrorCode::Usage, fmt::format("expected range automatic, manual, log or symmetric, came '{}'", value));
  figure.range = mode->second;
  return {};
}

using Setter = Status (*)(views::ExportOptions&, const std::string& key, const std::string& value);

template <auto Member>
Status set_figure_flag(views::ExportOptions& options, const std::string& key, const std::string& value) {
  VITRINE_TRY(const bool given, flag(key, value));
  options.figure.*Member = given;
  return {};
}

template <auto Member>
Status set_figure_number(views::ExportOptions& options, const std::string& key, const std::string& value) {
  VITRINE_TRY(const double given, number(key, value));
  using Field = std::remove_reference_t<decltype(options.figure.*Member)>;
  if constexpr (std::is_same_v<Field, int>) options.figure.*Member = static_cast<int>(std::min(std::max(given, -1.0), 1e9));
  else options.figure.*Member = given;
  return {};
}

template <auto Member>
Status set_number(views::ExportOptions& options, const std::string& key, const std::string& value) {
  VITRINE_TRY(const double given, number(key, value));
  options.*Member = given;
  return {};
}

const std::map<std::string, Setter>& setters() {
  using Figure = views::FigureOptions;
  static const std::map<std::string, Setter> table = {
      {"picture", [](views::ExportOptions& o, const std::string&, const std::string& v) { return set_picture(o.figure, v); }},
      {"range", [](views::ExportOptions& o, const std::string&, const std::string& v) { return set_range(o.figure, v); }},
      {"color_map", [](views::ExportOptions& o, const std::string&, const std::string& v) { o.figure.color_map = v; return Status{}; }},
      {"theme", [](views::ExportOptions& o, const std::string&, const std::string& v) { o.theme = v; return Status{}; }},
      {"lo", set_figure_number<&Figure::lo>},
      {"hi", set_figure_number<&Figure::hi>},
      {"array", set_figure_number<&Figure::array>},
      {"focus_row", set_figure_number<&Figure::focus_row>},
      {"overlay_opacity", set_figure_number<&Figure::overlay_opacity>},
      {"line_threshold", set_figure_number<&Figure::line_threshold>},
      {"hide_first", set_figure_flag<&Figure::hide_first>},
      {"shared_range", set_figure_flag<&Figure::shared_range>},
      {"cell_values", set_figure_flag<&Figure::cell_values>},
      {"title", set_figure_flag<&Figure::title>},
      {"metrics", set_figure_flag<&Figure::metrics>},
      {"verified", set_figure_flag<&Figure::verified>},
      {"notes", set_figure_flag<&Figure::notes>},
      {"full_raster", set_figure_flag<&Figure::full_raster>},
      {"height_mm", set_number<&views::ExportOptions::height_mm>},
      {"dpi", set_number<&views::ExportOptions::dpi>},
  };
  return table;
}

}  // namespace

bool can_draw() { return true; }

std::vector<std::string> figure_settings() {
  std::vector<std::string> names;
  for (const auto& [name, setter] : setters()) names.push_back(name);
  return names;
}

Status write_figure(const engine::Report& report, const FigureRequest& request, const std::filesystem::path& path) {
  views::ExportOptions options;
  options.width_mm = request.width_mm;
  options.theme = request.theme;
  for (const std::string& pair : request.settings) {
    const auto equals = pair.find('=');
    const std::string key = pair.substr(0, equals);
    const auto setter = setters().find(key);
    if (equals == std::string::npos || setter == setters().end())
      return fail(ErrorCode::Usage, fmt::format("expected a setting of the figure as k=v, came '{}'", pair));
    VITRINE_CHECK(setter->second(options, key, pair.substr(equals + 1)));
  }
  ensure_application();
  return views::export_figure(report, options, path.string());
}

}  // namespace vitrine::app
