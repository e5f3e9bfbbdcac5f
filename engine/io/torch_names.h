#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "engine/core/error.h"
#include "engine/io/pickle_value.h"

namespace vitrine::engine {

/// Walks from the root of a pickle to its tensors and names each by its keys, joined by dots. `_parameters`,
/// `_buffers` and `_modules` of a pickled module say nothing and are left out. No recursion.
class TorchNames {
 public:
  TorchNames(const PickleDocument& pickle, const std::string& file, std::uint64_t base,
             const std::unordered_map<PickleId, std::size_t>& tensor_of)
      : pickle_(pickle), file_(file), base_(base), tensor_of_(tensor_of) {}

  /// @error FileLimit if values are nested deeper than 500 or expand to more than 2 million values or
  ///        200,000 containers, or for a name above 4096 bytes
  [[nodiscard]] Status walk();

  [[nodiscard]] const std::vector<std::pair<std::string, std::size_t>>& found() const { return found_; }
  /// See `TorchValues::wrapper`.
  [[nodiscard]] std::string wrapper() const;
  [[nodiscard]] const nlohmann::json& leaves() const { return leaves_; }
  [[nodiscard]] const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  struct Child {
    std::string name;
    PickleId id;
  };
  struct Level {
    PickleId id;
    std::vector<Child> children;
    std::size_t next = 0;
  };

  [[nodiscard]] Status enter(PickleId id, std::string name);
  /// One value of a container: a tensor and a plain value are noted, a container is left for later.
  /// An empty segment takes the name of what holds it.
  [[nodiscard]] Status visit(PickleId id, std::string segment, const std::string& holder, std::vector<Child>& children);
  [[nodiscard]] Status list(const std::vector<PickleId>& items, const std::string& name, std::vector<Child>& children);
  [[nodiscard]] Status pairs(const std::vector<PickleId>& items, const std::string& name,
                             std::vector<Child>& children);
  [[nodiscard]] Status object(const PickleNode& node, const std::string& name, std::vector<Child>& children);
  void note_leaf(const PickleNode& node, const std::string& name);
  [[nodiscard]] std::string key_text(PickleId id) const;
  [[nodiscard]] tl::unexpected<Error> refuse(PickleId id, std::string message) const;

  const PickleDocument& pickle_;
  const std::string& file_;
  std::uint64_t base_;
  const std::unordered_map<PickleId, std::size_t>& tensor_of_;
  std::vector<Level> path_;
  std::unordered_set<PickleId> on_path_;
  std::vector<std::pair<std::string, std::size_t>> found_;
  nlohmann::json leaves_ = nlohmann::json::object();
  std::vector<std::string> warnings_;
  std::size_t visits_ = 0, containers_ = 0;
};

}  // namespace vitrine::engine
