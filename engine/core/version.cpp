#include "engine/core/version.h"

namespace vitrine::engine {

std::string version() { return VITRINE_VERSION; }
std::string build_id() { return VITRINE_BUILD_ID; }

}  // namespace vitrine::engine
