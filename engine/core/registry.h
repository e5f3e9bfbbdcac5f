#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "engine/core/error.h"

namespace vitrine::engine {

/// Named things of one kind, each added once by name. Not thread safe while being filled.
template <class T>
class Registry {
 public:
  explicit Registry(std::string kind) : kind_(std::move(kind)) {}

  /// @error Usage if the id is taken.
  Status add(std::string id, T value) {
    if (entries_.contains(id)) return fail(ErrorCode::Usage, "duplicate " + kind_ + " id '" + id + "'");
    entries_.emplace(std::move(id), std::move(value));
    return {};
  }
  [[nodiscard]] const T* find(const std::string& id) const {
    auto it = entries_.find(id);
    return it == entries_.end() ? nullptr : &it->second;
  }
  /// @error Usage with the known ids if there is none of that name.
  [[nodiscard]] Result<const T*> get(const std::string& id) const {
    if (const T* found = find(id)) return found;
    std::string known;
    for (const auto& [name, value] : entries_) known += (known.empty() ? "" : ", ") + name;
    return fail(ErrorCode::Usage, "no " + kind_ + " '" + id + "'; there are: " + known);
  }
  [[nodiscard]] const std::map<std::string, T>& entries() const { return entries_; }

 private:
  std::string kind_;
  std::map<std::string, T> entries_;
};

}  // namespace vitrine::engine
