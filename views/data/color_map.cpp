#include "views/data/color_map.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "views/data/embedded_maps.h"

namespace vitrine::views {
namespace {

using engine::ErrorCode;
using engine::fail;

std::string text_of(const nlohmann::json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

void fill(ColorMap& map, const std::vector<Color>& points) {
  const double spans = static_cast<double>(points.size() - 1);
  for (std::size_t i = 0; i < 256; ++i) {
    const double f = static_cast<double>(i) / 255 * spans;
    const auto at = std::min(static_cast<std::size_t>(f), points.size() - 2);
    map.table[i] = mix(points[at], points[at + 1], f - static_cast<double>(at));
  }
}

}  // namespace

engine::Result<ColorMap> parse_color_map(std::string_view json_text) {
  const auto object = nlohmann::json::parse(json_text, nullptr, false);
  if (!object.is_object())
    return fail(ErrorCode::FileFormat, "expected a JSON object with a colour map, came something else");
  ColorMap map;
  map.name = text_of(object, "name");
  map.licence = text_of(object, "licence");
  map.source = text_of(object, "source");
  const auto kind = text_of(object, "kind");
  if (map.name.empty()) return fail(ErrorCode::FileFormat, "expected 'name' in the colour map, came none");
  if (kind != "sequential" && kind != "diverging")
    return fail(ErrorCode::FileFormat, fmt::format("expected 'kind' sequential or diverging, came '{}'", kind));
  map.kind = kind == "diverging" ? ColorMap::Kind::Diverging : ColorMap::Kind::Sequential;
  const auto list = object.find("points");
  const std::size_t count = list != object.end() && list->is_array() ? list->size() : 0;
  if (count < 2 || count > 256)
    return fail(ErrorCode::FileFormat, fmt::format("expected 2 to 256 'points' in the colour map, came {}", count));
  std::vector<Color> points;
  for (const auto& point : *list) {
    VITRINE_TRY(const Color color, parse_color(point.is_string() ? point.get<std::string>() : point.dump()));
    points.push_back(color);
  }
  fill(map, points);
  return map;
}

ColorMap slice(const ColorMap& map, double from, double to) {
  ColorMap out = map;
  for (std::size_t i = 0; i < 256; ++i) out.table[i] = map.at(from + (to - from) * static_cast<double>(i) / 255);
  return out;
}

const std::vector<ColorMap>& color_maps() {
  static const auto maps = [] {
    std::vector<ColorMap> all;
    for (const auto text : kEmbeddedColorMaps)
      if (auto map = parse_color_map(text)) all.push_back(std::move(*map));
    return all;
  }();
  return maps;
}

const ColorMap& color_map(std::string_view name) {
  for (const auto& map : color_maps())
    if (map.name == name) return map;
  return color_maps().front();
}

}  // namespace vitrine::views
