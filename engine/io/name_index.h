#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

namespace vitrine::engine {

/// Finds the number of a thing by its name, where the names stand with the things: 12 to 24 bytes a thing and no memory of
/// its own for any, so that a file of a million tensors is listed quickly.
class NameIndex {
 public:
  void reserve(std::size_t count) {
    if (room_for(count) > slots_.size()) rebuild(room_for(count));
  }

  /// @param name_of gives the name of a number
  template <class NameOf>
  [[nodiscard]] std::optional<std::size_t> find(std::string_view name, const NameOf& name_of) const {
    if (slots_.empty()) return std::nullopt;
    const std::uint32_t hash = hash_of(name);
    for (std::size_t at = hash & mask();; at = (at + 1) & mask()) {
      const Slot slot = slots_[at];
      if (slot.number == kNone) return std::nullopt;
      if (slot.hash == hash && name_of(slot.number) == name) return slot.number;
    }
  }

  /// Adds the number `size()` under this name. @return false, and nothing is added, if the name is there
  template <class NameOf>
  bool add(std::string_view name, const NameOf& name_of) {
    if (room_for(count_ + 1) > slots_.size()) rebuild(2 * room_for(count_ + 1));
    return insert(hash_of(name), name, name_of);
  }

  /// Adds all numbers from `size()` up to `count`, several at a time on their way through the memory.
  /// @return the first whose name is there already; it and those behind it are not added
  template <class NameOf>
  std::optional<std::size_t> add_up_to(std::size_t count, const NameOf& name_of) {
    constexpr std::size_t kAhead = 16;
    reserve(count);
    std::uint32_t hashes[kAhead] = {};
    for (std::size_t next = count_; count_ < count;) {
      for (; next < count && next < count_ + kAhead; ++next) {
        hashes[next % kAhead] = hash_of(name_of(next));
        __builtin_prefetch(&slots_[hashes[next % kAhead] & mask()], 1);
      }
      if (!insert(hashes[count_ % kAhead], name_of(count_), name_of)) return count_;
    }
    return std::nullopt;
  }

  [[nodiscard]] std::size_t size() const { return count_; }
  /// Fewer than this many can be told apart; memory ends long before.
  static constexpr std::size_t kMost = UINT32_MAX - 1;

 private:
  static constexpr std::uint32_t kNone = UINT32_MAX;
  struct Slot {
    std::uint32_t hash = 0, number = kNone;
  };

  static std::uint32_t hash_of(std::string_view name) {
    const std::size_t hash = std::hash<std::string_view>()(name);
    return static_cast<std::uint32_t>(hash ^ (hash >> 32));
  }
  [[nodiscard]] std::size_t mask() const { return slots_.size() - 1; }
  static std::size_t room_for(std::size_t count) { return count + count / 2 + 1; }

  template <class NameOf>
  bool insert(std::uint32_t hash, std::string_view name, const NameOf& name_of) {
    std::size_t at = hash & mask();
    for (; slots_[at].number != kNone; at = (at + 1) & mask())
      if (slots_[at].hash == hash && name_of(slots_[at].number) == name) return false;
    slots_[at] = {hash, static_cast<std::uint32_t>(count_++)};
    return true;
  }

  void rebuild(std::size_t least) {
    std::size_t size = 16;
    while (size < least) size *= 2;
    std::vector<Slot> wider(size);
    for (const Slot slot : slots_) {
      if (slot.number == kNone) continue;
      std::size_t at = slot.hash & (size - 1);
      while (wider[at].number != kNone) at = (at + 1) & (size - 1);
      wider[at] = slot;
    }
    slots_.swap(wider);
  }

  std::vector<Slot> slots_;   ///< a power of two, at most two thirds of them taken
  std::size_t count_ = 0;
};

}  // namespace vitrine::engine
