#include "engine/io/image.h"
#include "engine/io/json.h"
#include "engine/model/config_check.h"
#include "tests/fuzz/target.h"

using namespace vitrine;
using namespace vitrine::fuzz;

VITRINE_FUZZ_TARGET(json) {
  const auto value = engine::parse_json(as_text(bytes), "a.json");
  if (!value) return check_error(value.error(), bytes.size());
  const auto again = engine::parse_json(value->dump(), "again.json");
  require(again.has_value(), "what was read and written is not read again");
  require(*again == *value, "what was read and written is another value");
}

VITRINE_FUZZ_TARGET(config) {
  const auto value = engine::parse_json(as_text(bytes), "config.json");
  if (!value) return check_error(value.error(), bytes.size());
  const auto checked = engine::check_config(*value, "config.json");
  if (!checked) check_error(checked.error(), bytes.size());
}

VITRINE_FUZZ_TARGET(preprocessor) {
  const auto value = engine::parse_json(as_text(bytes), "preprocessor_config.json");
  if (!value) return check_error(value.error(), bytes.size());
  const auto how = engine::ImagePreprocess::from_json(*value);
  if (!how) return check_error(how.error(), bytes.size());
  require(how->channels == 1 || how->channels == 3, "another number of channels than pictures have");
}
