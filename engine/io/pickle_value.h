#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace vitrine::engine {

/// What a pickle says, as data: every value is a node of a `PickleDocument`, and nodes name each other by number.
using PickleId = std::uint32_t;

enum class PickleKind : std::uint8_t {
  None, Bool, Int,
  BigInt,       ///< an integer beyond 64 bits, its little-endian bytes or its digits in `text`
  Float, Text, Bytes, Tuple, List, Set,
  Dict,         ///< `items`: key, value, key, value, ...
  OrderedDict,  ///< the same; its attributes, if BUILD gave it some, in `states`
  Global,       ///< a name: `items` are the texts of its module and its name
  Object,       ///< a call or an instance that nobody made: `items` are the callable and its arguments
  Persistent,   ///< a reference outside the pickle: `items` is its one identifier
};

struct PickleNode {
  PickleKind kind = PickleKind::None;
  std::uint32_t at = 0;               ///< byte of the opcode that made it
  std::uint32_t parts = 0;            ///< for objects and ordered dictionaries: index in `PickleDocument::parts`
  union {
    std::int64_t integer = 0;         ///< Bool, Int
    double real;                      ///< Float
  };
  std::string_view text;              ///< Text, Bytes, BigInt: a part of the stream
  std::vector<PickleId> items;
};

/// What was put into an object after its making.
struct PickleParts {
  std::vector<PickleId> states;       ///< BUILD
  std::vector<PickleId> appended;     ///< APPEND, APPENDS, ADDITEMS
  std::vector<PickleId> pairs;        ///< SETITEM, SETITEMS: key, value, ...
};

/// The nodes of one pickle. Texts point into the bytes that were read: those must live as long.
struct PickleDocument {
  std::deque<PickleNode> nodes;
  std::deque<PickleParts> parts{PickleParts{}};   ///< the first is for nodes without any
  std::vector<PickleId> globals;                  ///< each name once for each opcode that says it
  PickleId root = 0;
  std::uint64_t end = 0;                          ///< bytes that were read, STOP included

  [[nodiscard]] const PickleNode& operator[](PickleId id) const { return nodes[id]; }
  /// "module.name" of a Global; empty for anything else.
  [[nodiscard]] std::string global_name(PickleId id) const;
  /// "a list", "a number": for messages.
  [[nodiscard]] static std::string_view describe(PickleKind kind);
};

}  // namespace vitrine::engine
