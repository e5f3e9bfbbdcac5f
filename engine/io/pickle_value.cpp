#include "engine/io/pickle_value.h"

namespace vitrine::engine {

std::string PickleDocument::global_name(PickleId id) const {
  const PickleNode& node = nodes[id];
  if (node.kind != PickleKind::Global) return {};
  std::string name(nodes[node.items[0]].text);
  name += '.';
  name += nodes[node.items[1]].text;
  return name;
}

std::string_view PickleDocument::describe(PickleKind kind) {
  switch (kind) {
    case PickleKind::None: return "None";
    case PickleKind::Bool: return "a boolean";
    case PickleKind::Int: return "a number";
    case PickleKind::BigInt: return "an integer number beyond 64 bits";
    case PickleKind::Float: return "a floating-point number";
    case PickleKind::Text: return "a string";
    case PickleKind::Bytes: return "bytes";
    case PickleKind::Tuple: return "a tuple";
    case PickleKind::List: return "a list";
    case PickleKind::Set: return "a set";
    case PickleKind::Dict: return "a dict";
    case PickleKind::OrderedDict: return "an OrderedDict";
    case PickleKind::Global: return "a class or function name";
    case PickleKind::Persistent: return "a persistent id";
    case PickleKind::Object: break;
  }
  return "an object";
}

}  // namespace vitrine::engine
