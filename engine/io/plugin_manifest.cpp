#include "engine/io/plugin_manifest.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/core/memory.h"
#include "engine/core/version.h"
#include "engine/io/json.h"
#include "engine/io/library_file.h"

namespace vitrine::engine {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr std::size_t kMaxManifestBytes = std::size_t{1} << 20;
constexpr std::size_t kMaxProvides = 1000;
constexpr std::size_t kMaxText = 200;
constexpr std::size_t kMaxPlugins = 1000;
constexpr std::array kTypes = {"analysis",  "architecture", "catalogue", "colour_map", "compression",
                               "mixer",     "model",        "name_map",  "sample",     "theme"};
constexpr std::array kFields = {"schema", "id",      "name",     "version", "kind",   "provides",
                                "library", "build_id", "abi",     "licence", "summary"};

bool word_character(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
bool joining_character(char c) { return c == '.' || c == '-' || c == '_'; }

bool is_identifier(const std::string& text) {
  if (text.empty() || text.size() > 64 || !word_character(text.front()) || !word_character(text.back())) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!word_character(text[i]) && !joining_character(text[i])) return false;
    if (i > 0 && joining_character(text[i]) && joining_character(text[i - 1])) return false;
  }
  return true;
}

/// MAJOR.MINOR.PATCH, each of at most six digits.
bool is_version(const std::string& text) {
  int parts = 1, digits = 0;
  for (char c : text) {
    if (c == '.') {
      if (digits == 0) return false;
      ++parts;
      digits = 0;
    } else if (c < '0' || c > '9' || ++digits > 6) {
      return false;
    }
  }
  return parts == 3 && digits > 0;
}

/// For messages: nothing that a terminal or window would act on.
std::string shown(const Json& value) {
  std::string text = value.dump(-1, ' ', true, Json::error_handler_t::replace);
  return text.size() > 60 ? text.substr(0, 60) + "..." : text;
}

/// The fields of one manifest, with the file name for messages.
class Reader {
 public:
  Reader(Json json, fs::path file, PluginOrigin origin)
      : json_(std::move(json)), file_(std::move(file)), origin_(origin) {}

  Result<Manifest> read() {
    VITRINE_CHECK(identity());
    VITRINE_CHECK(provides());
    if (manifest_.kind != PluginKind::Data) VITRINE_CHECK(library());
    for (const auto& [key, value] : json_.items())
      if (std::ranges::find(kFields, key) == kFields.end())
        manifest_.warnings.push_back("unknown field " + shown(key) + " is ignored");
    return std::move(manifest_);
  }

 private:
  tl::unexpected<Error> bad(std::string message, ErrorCode code = ErrorCode::FileFormat) const {
    return fail_file(code, file_.string(), std::move(message));
  }

  Result<std::string> text(const char* field) const {
    const auto found = json_.find(field);
    if (found == json_.end()) return bad(fmt::format("expected the field '{}', it is missing", field));
    if (!found->is_string()) return bad(fmt::format("expected text in '{}', came {}", field, shown(*found)));
    auto value = found->get<std::string>();
    if (value.size() > kMaxText)
      return bad(fmt::format("expected at most {} bytes in '{}', came {}", kMaxText, field, value.size()));
    return value;
  }

  Status identity() {
    manifest_.folder = file_.parent_path();
    const auto schema = json_.find("schema");
    if (schema == json_.end() || !schema->is_number_integer() || *schema != 1)
      return bad("expected manifest schema version 1, came " + (schema == json_.end() ? "none" : shown(*schema)));
    VITRINE_TRY(manifest_.id, text("id"));
    if (!is_identifier(manifest_.id))
      return bad("expected an id of lower case letters, digits, '.', '-' and '_' (at most 64), came " + shown(manifest_.id));
    if (origin_ == PluginOrigin::Outside && manifest_.id.starts_with("vitrine."))
      return bad("the id " + shown(manifest_.id) + " is reserved: ids in 'vitrine.' belong to the program");
    VITRINE_TRY(manifest_.name, text("name"));
    VITRINE_TRY(manifest_.version, text("version"));
    if (!is_version(manifest_.version))
      return bad("expected a version MAJOR.MINOR.PATCH, came " + shown(manifest_.version));
    VITRINE_TRY(const std::string kind, text("kind"));
    if (kind == "data") manifest_.kind = PluginKind::Data;
    else if (kind == "module") manifest_.kind = PluginKind::Module;
    else if (kind == "c") manifest_.kind = PluginKind::CTable;
    else return bad("expected kind data, module or c, came " + shown(kind));
    return {};
  }

  Status provides() {
    const auto list = json_.find("provides");
    if (list == json_.end()) return {};
    if (!list->is_array()) return bad("expected a list in 'provides', came " + shown(*list));
    if (list->size() > kMaxProvides)
      return bad(fmt::format("'provides' has {} entries, the limit is {}", list->size(), kMaxProvides), ErrorCode::FileLimit);
    std::set<std::string> seen;
    for (const Json& entry : *list) {
      VITRINE_TRY(Provided provided, one_provided(entry));
      if (!seen.insert(provided.type + " " + provided.id).second)
        return bad(fmt::format("duplicate id '{}' in 'provides': it is there twice", provided.id));
      manifest_.provides.push_back(std::move(provided));
    }
    return {};
  }

  Result<Provided> one_provided(const Json& entry) const {
    if (!entry.is_object()) return bad("expected objects in 'provides', came " + shown(entry));
    Provided provided;
    const auto text_of = [&](const char* key) {
      const auto found = entry.find(key);
      return found != entry.end() && found->is_string() ? found->get<std::string>() : std::string();
    };
    provided.type = text_of("type");
    if (std::ranges::find(kTypes, provided.type) == kTypes.end())
      return bad("unknown type " + shown(provided.type) + " in 'provides'", ErrorCode::Unsupported);
    provided.id = text_of("id");
    if (!is_identifier(provided.id)) return bad("unusable id " + shown(provided.id) + " in 'provides'");
    const auto file = entry.find("file");
    if (file == entry.end()) {
      if (manifest_.kind == PluginKind::Data) return bad(fmt::format("expected a file for '{}' in 'provides'", provided.id));
      return provided;
    }
    if (!file->is_string()) return bad("expected a path in 'file', came " + shown(*file));
    VITRINE_TRY(provided.file, inside(file->get<std::string>(), "file"));
    return provided;
  }

  /// A regular file of the plugin's own folder, links followed.
  Result<fs::path> inside(const std::string& name, const char* field) const {
    const std::string quoted = shown(name);
    if (name.empty() || name.size() > kMaxText || name.find('\0') != std::string::npos)
      return bad(fmt::format("unusable path {} in '{}'", quoted, field));
    const fs::path relative(name);
    if (relative.is_absolute()) return bad(fmt::format("expected a path inside the folder in '{}', came the absolute {}", field, quoted));
    if (std::ranges::find(relative, fs::path("..")) != relative.end())
      return bad(fmt::format("expected a path inside the folder in '{}', {} leads outside", field, quoted));
    std::error_code problem;
    const fs::path folder = fs::canonical(manifest_.folder, problem);
    const fs::path real = fs::canonical(manifest_.folder / relative, problem);
    if (problem || !fs::is_regular_file(real, problem))
      return bad(fmt::format("{} in '{}' is not a file of the plugin's folder", quoted, field), ErrorCode::FileMissing);
    if (std::ranges::mismatch(folder, real).in1 != folder.end())
      return bad(fmt::format("{} in '{}' is a link that leads outside the plugin's folder", quoted, field));
    return real;
  }

  Status library() {
    VITRINE_TRY(const std::string name, text("library"));
    VITRINE_TRY(manifest_.library, inside(name, "library"));
    VITRINE_CHECK(check_library_file(manifest_.library));
    return manifest_.kind == PluginKind::Module ? same_build(name) : same_abi();
  }

  Status same_build(const std::string& name) {
    if (!json_.contains("build_id")) return bad("expected the field 'build_id': C++ modules need one, it is missing");
    VITRINE_TRY(manifest_.build_id, text("build_id"));
    if (manifest_.build_id != build_id())
      return bad(fmt::format("library {} was built for build id {}, this program has \"{}\"", shown(name),
                             shown(manifest_.build_id), build_id()), ErrorCode::Unsupported);
    return {};
  }

  Status same_abi() {
    const auto abi = json_.find("abi");
    if (abi == json_.end() || !abi->is_number_integer() || *abi != kPluginAbi)
      return bad(fmt::format("expected abi {} of the C table, came {}", kPluginAbi, abi == json_.end() ? "none" : shown(*abi)),
                 ErrorCode::Unsupported);
    manifest_.abi = kPluginAbi;
    return {};
  }

  Json json_;
  fs::path file_;
  PluginOrigin origin_;
  Manifest manifest_;
};

Result<Manifest> read_at(const fs::path& path, PluginOrigin origin) {
  std::error_code ignored;
  const fs::path file = fs::is_directory(path, ignored) ? path / "manifest.json" : path;
  auto json = read_json_file(file, kMaxManifestBytes);
  if (!json) {
    Error error = std::move(json.error());
    if (error.code != ErrorCode::FileMissing) error.message = "the plugin manifest is not usable JSON: " + error.message;
    return fail(std::move(error));
  }
  return manifest_from_json(std::move(*json), file, origin);
}

}  // namespace

std::string_view plugin_kind_name(PluginKind kind) {
  switch (kind) {
    case PluginKind::Data: return "data";
    case PluginKind::Module: return "module";
    case PluginKind::CTable: break;
  }
  return "c";
}

Result<Manifest> read_manifest(const fs::path& path, PluginOrigin origin) {
  return within_memory(path.native(), [&] { return read_at(path, origin); });
}

Result<Manifest> manifest_from_json(Json json, const fs::path& file, PluginOrigin origin) {
  if (!json.is_object())
    return fail_file(ErrorCode::FileFormat, file.string(), std::string("expected a JSON object, came ") + json.type_name());
  return Reader(std::move(json), file, origin).read();
}

std::vector<fs::path> plugins_in(const fs::path& folder) {
  std::vector<fs::path> found;
  std::error_code problem;
  for (fs::directory_iterator it(folder, problem), end; !problem && it != end && found.size() < kMaxPlugins; it.increment(problem)) {
    std::error_code ignored;
    if (fs::exists(it->path() / "manifest.json", ignored)) found.push_back(it->path());
  }
  std::ranges::sort(found);
  return found;
}

std::vector<std::string> twins_beside(const Manifest& manifest) {
  std::error_code ignored;
  const fs::path folder = fs::weakly_canonical(manifest.folder.empty() ? fs::path(".") : manifest.folder, ignored);
  std::vector<std::string> sentences;
  for (const fs::path& beside : plugins_in(folder.parent_path())) {
    if (beside == folder) continue;
    if (const auto other = read_manifest(beside, PluginOrigin::BuiltIn); other && other->id == manifest.id)
      sentences.push_back(fmt::format("duplicate id '{}': {} has it as well, the first by name is used", manifest.id,
                                      beside.filename().string()));
  }
  return sentences;
}

}  // namespace vitrine::engine
