#include "app/session/session_file.h"

#include <utility>

#include "app/session/state.h"
#include "engine/core/memory.h"
#include "engine/core/version.h"
#include "engine/io/json.h"
#include "engine/isolate/readers.h"

namespace vitrine::app {

using engine::ErrorCode;
using engine::fail_file;
using nlohmann::json;

nlohmann::json session_to_json(const SessionDocument& document) {
  const SessionState state = state_at(document.journal, document.journal.at());
  json inputs = json::array();
  if (state.has_input) inputs.push_back(input_to_json(state.input));
  if (auto second = document.journal.second()) {
    const SessionState beside = state_at(document.journal, *second);
    if (beside.has_input && beside.input != state.input) inputs.push_back(input_to_json(beside.input));
  }
  return {{"vitrine_session", kSessionSchema},
          {"vitrine", engine::version()},
          {"model", {{"path", state.model}, {"sha256", document.model_sha256}}},
          {"inputs", std::move(inputs)},
          {"seed", document.seed},
          {"journal", document.journal.to_json()},
          {"layout", document.layout},
          {"colour_ranges", document.colour_ranges}};
}

engine::Result<SessionDocument> session_from_json(const nlohmann::json& given, const std::string& file) {
  const auto schema = given.is_object() ? given.find("vitrine_session") : given.end();
  if (!given.is_object() || schema == given.end() || !schema->is_number_integer())
    return fail_file(ErrorCode::FileFormat, file, "expected a session with a number 'vitrine_session', came another JSON file");
  if (const auto version = schema->get<std::int64_t>(); version < 1 || version > kSessionSchema)
    return fail_file(ErrorCode::Unsupported, file, "expected session schema 1 to " + std::to_string(kSessionSchema) +
                                                       ", came " + std::to_string(version));
  if (!given.contains("journal")) return fail_file(ErrorCode::FileFormat, file, "expected a journal, the session has none");
  SessionDocument document;
  auto journal = Journal::from_json(given["journal"]);
  if (!journal) return fail_file(journal.error().code, file, journal.error().message);
  document.journal = std::move(*journal);
  if (const auto model = given.find("model"); model != given.end() && model->is_object())
    if (const auto hash = model->find("sha256"); hash != model->end() && hash->is_string())
      document.model_sha256 = hash->get<std::string>();
  if (const auto seed = given.find("seed"); seed != given.end()) {
    if (!seed->is_number_unsigned())
      return fail_file(ErrorCode::FileFormat, file, std::string("expected a whole number in 'seed', came ") + seed->type_name());
    document.seed = seed->get<std::uint64_t>();
  }
  for (auto [key, target] : {std::pair{"layout", &document.layout}, {"colour_ranges", &document.colour_ranges}}) {
    const auto value = given.find(key);
    if (value == given.end()) continue;
    if (!value->is_object())
      return fail_file(ErrorCode::FileFormat, file, std::string("expected an object in '") + key + "', came " + value->type_name());
    *target = *value;
  }
  return document;
}

engine::Status write_session(const std::filesystem::path& path, const SessionDocument& document) {
  return engine::write_file_atomically(path, session_to_json(document).dump(1, ' ', false, json::error_handler_t::replace) + "\n");
}

engine::Result<SessionDocument> read_session(const std::filesystem::path& path) {
  return engine::within_memory(path.native(), [&]() -> engine::Result<SessionDocument> {
    VITRINE_TRY(const json given, engine::isolate::read_json_file(path, kMaxSessionBytes));
    return session_from_json(given, path.string());
  });
}

}  // namespace vitrine::app
