#pragma once

#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace vitrine::engine::text {

/// Trie over the bytes of all pieces; children of a node in one table keyed by (node, byte).
class PieceTrie {
 public:
  void add(std::string_view piece, std::int64_t id) {
    std::uint32_t node = 0;
    for (const char c : piece) {
      const auto [it, fresh] =
          next_.try_emplace(key(node, c), static_cast<std::uint32_t>(ids_.size()));
      if (fresh) ids_.push_back(-1);
      node = it->second;
    }
    ids_[node] = id;
  }

  /// Calls `f(id, length)` for every piece that begins `text`, shortest first.
  template <class F>
  void prefixes(std::string_view text, F&& f) const {
    std::uint32_t node = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
      const auto it = next_.find(key(node, text[i]));
      if (it == next_.end()) return;
      node = it->second;
      if (ids_[node] >= 0) f(ids_[node], i + 1);
    }
  }

 private:
  static std::uint64_t key(std::uint32_t node, char c) {
    return std::uint64_t{node} << 8 | static_cast<unsigned char>(c);
  }
  std::unordered_map<std::uint64_t, std::uint32_t> next_;
  std::vector<std::int64_t> ids_ = {-1};
};

}  // namespace vitrine::engine::text
