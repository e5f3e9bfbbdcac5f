#include "engine/io/onnx_graph.h"

#include <unordered_map>

#include <fmt/format.h>

#include "engine/io/bytes.h"

namespace vitrine::engine {
namespace {

constexpr std::size_t kMaxWarnings = 8;

/// Exporters call constants that they folded "onnx::OP_NUMBER" or by a bare number.
bool is_anonymous(std::string_view name) {
  return name.find("::") != std::string_view::npos || name.find_first_not_of("0123456789") == std::string_view::npos;
}

}  // namespace

std::vector<std::string> check_onnx_order(const std::vector<OnnxNode>& nodes,
                                          std::unordered_set<std::string_view> known) {
  std::vector<std::string> warnings;
  const auto warn = [&](std::string what) {
    if (warnings.size() < kMaxWarnings) warnings.push_back(std::move(what));
  };
  std::unordered_set<std::string_view> written;
  for (const OnnxNode& node : nodes)
    for (const auto output : node.outputs)
      if (!output.empty() && !written.insert(output).second)
        warn(fmt::format("two nodes write '{}': a duplicate output", printable(output)));
  for (const OnnxNode& node : nodes) {
    for (const auto input : node.inputs) {
      if (input.empty() || known.contains(input)) continue;
      if (written.contains(input))
        warn(fmt::format("node '{}' ({}) reads '{}' before it is written: the nodes are not sorted, or form a cycle",
                         printable(node.name), printable(node.op), printable(input)));
      else
        warn(fmt::format("node '{}' ({}) reads '{}', which nothing defines", printable(node.name), printable(node.op),
                         printable(input)));
    }
    known.insert(node.outputs.begin(), node.outputs.end());
  }
  return warnings;
}

std::vector<AttributedMatrix> attribute_matrices(const std::vector<OnnxNode>& nodes,
                                                 const std::unordered_set<std::string_view>& constants) {
  std::unordered_map<std::string_view, const OnnxNode*> add_of;
  for (const OnnxNode& node : nodes)
    if (node.op == "Add")
      for (const auto input : node.inputs) add_of.emplace(input, &node);
  std::vector<AttributedMatrix> found;
  std::unordered_set<std::string_view> done;
  for (const OnnxNode& node : nodes) {
    for (const auto input : node.inputs) {
      if (!constants.contains(input) || !is_anonymous(input) || !done.insert(input).second) continue;
      AttributedMatrix matrix{std::string(input), {}, std::string(node.op), false};
      const auto add = node.op == "MatMul" && !node.outputs.empty() ? add_of.find(node.outputs[0]) : add_of.end();
      if (add != add_of.end())
        for (const auto other : add->second->inputs)
          if (constants.contains(other) && other.ends_with(".bias")) {
            matrix.name = std::string(other.substr(0, other.size() - 5)) + ".weight";
            matrix.transposed = true;
          }
      found.push_back(std::move(matrix));
    }
  }
  return found;
}

}  // namespace vitrine::engine
