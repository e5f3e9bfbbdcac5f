#include "engine/io/torch_names.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "engine/io/bytes.h"

namespace vitrine::engine {
namespace {

constexpr std::size_t kMaxDepth = 500;
constexpr std::size_t kMaxVisits = 2'000'000;
constexpr std::size_t kMaxContainers = 200'000;
constexpr std::size_t kMaxName = 4096;
constexpr std::size_t kMaxLeaves = 1000;
constexpr std::size_t kMaxWarnings = 20;

bool holds_others(PickleKind kind) {
  switch (kind) {
    case PickleKind::Tuple: case PickleKind::List: case PickleKind::Set: case PickleKind::Dict:
    case PickleKind::OrderedDict: case PickleKind::Object:
      return true;
    default: return false;
  }
}

std::string joined(const std::string& holder, const std::string& segment) {
  if (holder.empty() || segment.empty()) return holder + segment;
  return holder + "." + segment;
}

}  // namespace

tl::unexpected<Error> TorchNames::refuse(PickleId id, std::string message) const {
  return fail_file(ErrorCode::FileLimit, file_, std::move(message), base_ + pickle_[id].at);
}

Status TorchNames::walk() {
  if (const auto tensor = tensor_of_.find(pickle_.root); tensor != tensor_of_.end()) {
    found_.emplace_back("tensor", tensor->second);
    return {};
  }
  const PickleNode& root = pickle_[pickle_.root];
  if (holds_others(root.kind)) VITRINE_CHECK(enter(pickle_.root, {}));
  while (!path_.empty()) {
    Level& level = path_.back();
    if (level.next == level.children.size()) {
      on_path_.erase(level.id);
      path_.pop_back();
      continue;
    }
    Child child = std::move(level.children[level.next++]);
    VITRINE_CHECK(enter(child.id, std::move(child.name)));
  }
  const bool empty_dict =
      (root.kind == PickleKind::Dict || root.kind == PickleKind::OrderedDict) && root.items.empty();
  if (found_.empty() && !empty_dict)
    warnings_.push_back(fmt::format("no tensor is reachable: the root object is {}",
                                    PickleDocument::describe(root.kind)));
  return {};
}

Status TorchNames::enter(PickleId id, std::string name) {
  if (path_.size() >= kMaxDepth)
    return refuse(id, fmt::format("values are nested deeper than the limit of {}", kMaxDepth));
  if (!on_path_.insert(id).second) {
    if (warnings_.size() < kMaxWarnings)
      warnings_.push_back(fmt::format("the value '{}' holds itself (recursive): shown once", printable(name)));
    return {};
  }
  if (++containers_ > kMaxContainers)
    return refuse(id, fmt::format("the containers of the pickle expand to more than the limit of {}", kMaxContainers));
  std::vector<Child> children;
  const PickleNode& node = pickle_[id];
  if (node.kind == PickleKind::Dict || node.kind == PickleKind::OrderedDict)
    VITRINE_CHECK(pairs(node.items, name, children));
  else if (node.kind == PickleKind::Object)
    VITRINE_CHECK(object(node, name, children));
  else
    VITRINE_CHECK(list(node.items, name, children));
  path_.push_back({id, std::move(children), 0});
  return {};
}

Status TorchNames::visit(PickleId id, std::string segment, const std::string& holder, std::vector<Child>& children) {
  if (++visits_ > kMaxVisits)
    return refuse(id, fmt::format("the values of the pickle expand to more than the limit of {} nodes", kMaxVisits));
  const auto tensor = tensor_of_.find(id);
  const PickleNode& node = pickle_[id];
  if (tensor == tensor_of_.end() && !holds_others(node.kind)) {
    if (leaves_.size() < kMaxLeaves) note_leaf(node, joined(holder, segment));
    return {};
  }
  std::string name = joined(holder, segment);
  if (name.size() > kMaxName) return refuse(id, "a name of joined keys is longer than the limit of 4096 bytes");
  if (tensor != tensor_of_.end()) found_.emplace_back(std::move(name), tensor->second);
  else children.push_back({std::move(name), id});
  return {};
}

Status TorchNames::list(const std::vector<PickleId>& items, const std::string& name, std::vector<Child>& children) {
  for (std::size_t i = 0; i < items.size(); ++i)
    VITRINE_CHECK(visit(items[i], fmt::format("{}", i), name, children));
  return {};
}

Status TorchNames::pairs(const std::vector<PickleId>& items, const std::string& name, std::vector<Child>& children) {
  for (std::size_t i = 0; i + 1 < items.size(); i += 2)
    VITRINE_CHECK(visit(items[i + 1], key_text(items[i]), name, children));
  return {};
}

Status TorchNames::object(const PickleNode& node, const std::string& name, std::vector<Child>& children) {
  const PickleParts& parts = pickle_.parts[node.parts];
  VITRINE_CHECK(list(pickle_[node.items[1]].items, name, children));
  VITRINE_CHECK(list(parts.appended, name, children));
  VITRINE_CHECK(pairs(parts.pairs, name, children));
  for (const PickleId id : parts.states) {
    const PickleNode& state = pickle_[id];
    if (state.kind != PickleKind::Dict && state.kind != PickleKind::OrderedDict) {
      VITRINE_CHECK(visit(id, {}, name, children));
      continue;
    }
    for (std::size_t i = 0; i + 1 < state.items.size(); i += 2) {
      std::string key = key_text(state.items[i]);
      if (key == "_parameters" || key == "_buffers" || key == "_modules") key.clear();
      VITRINE_CHECK(visit(state.items[i + 1], std::move(key), name, children));
    }
  }
  return {};
}

void TorchNames::note_leaf(const PickleNode& node, const std::string& name) {
  nlohmann::json value;
  switch (node.kind) {
    case PickleKind::None: break;
    case PickleKind::Bool: value = node.integer != 0; break;
    case PickleKind::Int: value = node.integer; break;
    case PickleKind::Float:
      if (std::isfinite(node.real)) value = node.real;
      else value = fmt::format("{}", node.real);
      break;
    case PickleKind::Text: value = printable(node.text, 200); break;
    case PickleKind::Global:
      value = printable(fmt::format("{}.{}", pickle_[node.items[0]].text, pickle_[node.items[1]].text), 200);
      break;
    default: value = fmt::format("({})", PickleDocument::describe(node.kind)); break;
  }
  leaves_[printable(name, 200)] = std::move(value);
}

std::string TorchNames::key_text(PickleId id) const {
  const PickleNode& node = pickle_[id];
  switch (node.kind) {
    case PickleKind::Text: return std::string(node.text);
    case PickleKind::Int: return fmt::format("{}", node.integer);
    case PickleKind::Bool: return node.integer != 0 ? "True" : "False";
    case PickleKind::None: return "None";
    default: return fmt::format("({} at byte {})", PickleDocument::describe(node.kind), node.at);
  }
}

std::string TorchNames::wrapper() const {
  const PickleNode& root = pickle_[pickle_.root];
  std::string prefix;
  const auto all_begin = [&](const std::string& with) {
    bool any = false;
    for (const auto& [name, tensor] : found_) {
      if (!name.starts_with(prefix)) continue;
      if (name.compare(prefix.size(), with.size(), with) != 0) return false;
      any = true;
    }
    return any;
  };
  const auto some_begin = [&](const std::string& with) {
    return std::any_of(found_.begin(), found_.end(), [&](const auto& f) { return f.first.starts_with(with); });
  };
  if (root.kind == PickleKind::Dict || root.kind == PickleKind::OrderedDict) {
    for (const char* usual : {"state_dict", "model_state_dict", "model", "module", "net", "network", "weights",
                              "params"}) {
      for (std::size_t i = 0; i + 1 < root.items.size() && prefix.empty(); i += 2)
        if (pickle_[root.items[i]].kind == PickleKind::Text && pickle_[root.items[i]].text == usual &&
            holds_others(pickle_[root.items[i + 1]].kind) && !tensor_of_.contains(root.items[i + 1]) &&
            some_begin(std::string(usual) + "."))
          prefix = std::string(usual) + ".";
    }
  }
  for (const char* added : {"module.", "_orig_mod."})
    if (all_begin(added)) prefix += added;
  return prefix;
}

}  // namespace vitrine::engine
