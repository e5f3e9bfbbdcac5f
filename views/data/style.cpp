#include "views/data/style.h"

#include <array>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "views/data/embedded_themes.h"

namespace vitrine::views {
namespace {

using engine::ErrorCode;
using engine::fail;
using nlohmann::json;

engine::Result<Color> color_of(const json& colors, const char* key) {
  const auto found = colors.find(key);
  if (found == colors.end() || !found->is_string())
    return fail(ErrorCode::FileFormat, fmt::format("expected a colour '{}' in the theme, came none", key));
  return parse_color(found->get<std::string>());
}

engine::Status read_colors(const json& colors, Style& style) {
  const std::array<std::pair<const char*, Color*>, 14> slots{{{"window", &style.window},
                                                              {"surface", &style.surface},
                                                              {"raised", &style.raised},
                                                              {"field", &style.field},
                                                              {"text", &style.text},
                                                              {"muted", &style.muted},
                                                              {"faint", &style.faint},
                                                              {"border", &style.border},
                                                              {"accent", &style.accent},
                                                              {"on_accent", &style.on_accent},
                                                              {"warning", &style.warning},
                                                              {"error", &style.error},
                                                              {"good", &style.good},
                                                              {"missing", &style.missing}}};
  for (const auto& [key, slot] : slots) {
    VITRINE_TRY(*slot, color_of(colors, key));
  }
  return {};
}

void read_sizes(const json& sizes, Style& style) {
  const std::array<std::pair<const char*, double*>, 7> slots{{{"title", &style.title},
                                                              {"body", &style.body},
                                                              {"small", &style.small},
                                                              {"tiny", &style.tiny},
                                                              {"line", &style.line},
                                                              {"hairline", &style.hairline},
                                                              {"space", &style.space}}};
  for (const auto& [key, slot] : slots)
    if (const auto found = sizes.find(key); found != sizes.end() && found->is_number())
      *slot = std::clamp(found->get<double>(), 0.1, 200.0);
}

}  // namespace

engine::Result<Style> parse_style(std::string_view json_text, Medium medium) {
  const auto object = json::parse(json_text, nullptr, false);
  if (!object.is_object() || !object.contains("colors") || !object["colors"].is_object())
    return fail(ErrorCode::FileFormat, "expected a theme: a JSON object with 'colors', came something else");
  Style style;
  style.name = object.value("name", json("")).is_string() ? object.value("name", std::string()) : "";
  style.dark = object.contains("dark") && object["dark"].is_boolean() && object["dark"].get<bool>();
  VITRINE_CHECK(read_colors(object["colors"], style));
  if (const auto series = object.find("series"); series != object.end() && series->is_array())
    for (const auto& entry : *series) {
      VITRINE_TRY(const Color color, parse_color(entry.is_string() ? entry.get<std::string>() : entry.dump()));
      style.series.push_back(color);
    }
  if (style.series.empty()) style.series.push_back(style.accent);
  const char* key = medium == Medium::Screen ? "screen" : "print";
  if (const auto sizes = object.find(key); sizes != object.end() && sizes->is_object()) read_sizes(*sizes, style);
  const auto map_name = [&](const char* name, std::string& into) {
    if (const auto maps = object.find("maps"); maps != object.end() && maps->is_object())
      if (const auto found = maps->find(name); found != maps->end() && found->is_string())
        into = found->get<std::string>();
  };
  map_name("sequential", style.sequential);
  map_name("diverging", style.diverging);
  map_name("thumbnails", style.thumbnails);
  return style;
}

const Style& builtin_style(std::string_view name, Medium medium) {
  const auto make = [](std::string_view text, Medium m) { return parse_style(text, m).value_or(Style{}); };
  static const Style dark = make(kEmbeddedDarkTheme, Medium::Screen),
                     light = make(kEmbeddedLightTheme, Medium::Screen);
  static const Style dark_print = make(kEmbeddedDarkTheme, Medium::Print);
  static const Style light_print = make(kEmbeddedLightTheme, Medium::Print);
  if (name == "dark") return medium == Medium::Screen ? dark : dark_print;
  return medium == Medium::Screen ? light : light_print;
}

}  // namespace vitrine::views
