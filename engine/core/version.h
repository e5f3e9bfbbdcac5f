#pragma once

#include <string>

namespace vitrine::engine {

[[nodiscard]] std::string version();
/// Compiler, standard library, libtorch and Vitrine version: a C++ plugin is accepted only if equal.
[[nodiscard]] std::string build_id();

}  // namespace vitrine::engine
