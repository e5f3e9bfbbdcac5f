#pragma once

#include <string>

namespace vitrine::engine {

/// Whether `name` matches what a person types to search: words that all occur in it, in any case, or a pattern with
/// `*` and `?` that it fits as a whole. Linear in the name for words; a star is tried at every place at most once.
[[nodiscard]] bool name_matches(const std::string& name, const std::string& typed);

}  // namespace vitrine::engine
