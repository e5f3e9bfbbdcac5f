#include "engine/plugin/c_plugin.h"

#include <algorithm>
#include <array>
#include <cstdlib>

#include <fmt/format.h>

#include "engine/io/whole_number.h"
#include "engine/plugin/worker_process.h"

namespace vitrine::engine {
namespace {

using Json = nlohmann::json;
using namespace std::chrono_literals;

constexpr std::uint64_t kNeedsAttention = 1;   // VT_NEEDS_ATTENTION
constexpr auto kDescribeLimit = 5s;
constexpr std::array kPictures = {
    PictureKind::Matrix,  PictureKind::HeatMap, PictureKind::Bars,   PictureKind::Scatter, PictureKind::Curves,
    PictureKind::Table,   PictureKind::Tokens,  PictureKind::Text,   PictureKind::MatrixGrid};

std::string text_of(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

bool is_snake_case(const std::string& id) {
  return !id.empty() && id.size() <= 64 &&
         std::ranges::all_of(id, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; });
}

/// The default of a parameter, written as text in the table.
Result<ParamInfo> param_of(const Json& json) {
  ParamInfo param;
  param.name = text_of(json, "name");
  param.doc = text_of(json, "doc");
  const std::string fallback = text_of(json, "fallback");
  if (!is_snake_case(param.name)) return fail(ErrorCode::Unsupported, "a parameter's name is not snake_case");
  char* end = nullptr;
  switch (json.contains("type") ? whole_number<int>(json["type"]) : -1) {
    case 0:
      param.type = ParamInfo::Type::Int;
      param.fallback = std::strtoll(fallback.c_str(), &end, 10);
      break;
    case 1:
      param.type = ParamInfo::Type::Float;
      param.fallback = std::strtod(fallback.c_str(), &end);
      break;
    case 2:
      param.type = ParamInfo::Type::Bool;
      param.fallback = fallback == "true";
      break;
    case 3:
      param.type = ParamInfo::Type::Text;
      param.fallback = fallback;
      break;
    default: return fail(ErrorCode::Unsupported, fmt::format("parameter '{}' has an unknown type", param.name));
  }
  if (end != nullptr && (fallback.empty() || *end != '\0'))
    return fail(ErrorCode::Unsupported, fmt::format("the default of parameter '{}' is not a number", param.name));
  return param;
}

Result<CAnalysisInfo> info_of(const Json& json) {
  CAnalysisInfo result;
  AnalysisInfo& info = result.info;
  info.id = text_of(json, "id");
  if (!is_snake_case(info.id)) return fail(ErrorCode::Unsupported, "an analysis has an id that is not snake_case");
  info.title = text_of(json, "title");
  info.summary = text_of(json, "summary");
  info.source = text_of(json, "source");
  const std::string picture = text_of(json, "picture");
  const auto found = std::ranges::find(kPictures, picture, picture_name);
  if (found == kPictures.end())
    return fail(ErrorCode::Unsupported, fmt::format("analysis '{}' asks for an unknown picture", info.id));
  result.picture = *found;
  result.needs_attention = ((json.contains("needs") ? whole_number<std::uint64_t>(json["needs"]) : 0) & kNeedsAttention) != 0;
  for (const Json& param : json.value("params", Json::array())) {
    VITRINE_TRY(ParamInfo checked, param_of(param));
    info.params.push_back(std::move(checked));
  }
  return result;
}

}  // namespace

Result<std::vector<std::shared_ptr<const Analysis>>> open_c_plugin(const Manifest& manifest) {
  VITRINE_TRY(const Frame answer, ask_worker(manifest.library, {Json{{"do", "describe"}}, {}}, kDescribeLimit));
  if (const std::string id = text_of(answer.head, "id"); id != manifest.id)
    return fail(ErrorCode::Unsupported, fmt::format("expected the id '{}' of the manifest in the library, came '{}'",
                                                    manifest.id, id.substr(0, 64)));
  std::vector<std::shared_ptr<const Analysis>> analyses;
  try {
    for (const Json& json : answer.head.value("analyses", Json::array())) {
      VITRINE_TRY(CAnalysisInfo info, info_of(json));
      analyses.push_back(make_c_analysis(std::move(info), manifest.library));
    }
  } catch (const Json::exception& problem) {
    return fail(ErrorCode::Unsupported, fmt::format("the library describes its analyses in another way than agreed: {}", problem.what()));
  }
  return analyses;
}

}  // namespace vitrine::engine
