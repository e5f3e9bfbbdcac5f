#include <algorithm>

#include "app/session/session_file.h"
#include "app/session/state.h"
#include "engine/batch/job.h"
#include "engine/io/json.h"
#include "engine/io/plugin_manifest.h"
#include "engine/plugin/frame.h"
#include "tests/fuzz/target.h"

using namespace vitrine;
using namespace vitrine::fuzz;

VITRINE_FUZZ_TARGET(manifest) {
  auto json = engine::parse_json(as_text(bytes), "manifest.json");
  if (!json) return check_error(json.error(), bytes.size());
  const auto manifest = engine::manifest_from_json(std::move(*json), "/nonexistent/manifest.json");
  if (!manifest) return check_error(manifest.error(), bytes.size());
  require(!manifest->id.empty() && manifest->id.size() <= 64, "a plugin without a usable id");
}

VITRINE_FUZZ_TARGET(frame) {
  const std::string_view text = as_text(bytes);
  const auto lengths = engine::frame_lengths(text.substr(0, std::min(text.size(), engine::kFrameLengths)));
  if (!lengths) return check_error(lengths.error(), bytes.size());
  require(lengths->head <= engine::kMaxFrameHead && lengths->body <= engine::kMaxFrameBody, "a message above its limit");
  const std::string_view rest = text.substr(engine::kFrameLengths);
  const std::size_t head = std::min(lengths->head, rest.size());
  const auto frame = engine::frame_of(rest.substr(0, head), std::string(rest.substr(head)));
  if (!frame) return check_error(frame.error(), bytes.size());
  require(frame->head.is_object(), "a message whose head is no object");
}

VITRINE_FUZZ_TARGET(session) {
  const auto json = engine::parse_json(as_text(bytes), "a.vitrine");
  if (!json) return check_error(json.error(), bytes.size());
  const auto session = app::session_from_json(*json, "a.vitrine");
  if (!session) return check_error(session.error(), bytes.size());
  const auto written = app::session_to_json(*session);
  const auto again = app::session_from_json(written, "again.vitrine");
  require(again.has_value(), "a session that was written is not read again");
  require(app::session_to_json(*again) == written, "a session that was written is read as another");
}

VITRINE_FUZZ_TARGET(job) {
  const auto json = engine::parse_json(as_text(bytes), "job.json");
  if (!json) return check_error(json.error(), bytes.size());
  const auto job = engine::job_from_json(*json, "/nonexistent", "job");
  if (!job) return check_error(job.error(), bytes.size());
  const auto inside = job->out.lexically_normal().lexically_relative("/nonexistent");
  require(!inside.empty() && *inside.begin() != "..", "results outside of the job's folder");
}
