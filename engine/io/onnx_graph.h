#pragma once

#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace vitrine::engine {

/// A node of the graph, as far as names go. Views into the mapped file.
struct OnnxNode {
  std::string_view name, op;
  std::vector<std::string_view> inputs, outputs;
};

/// Warnings about a graph whose nodes read what nothing writes, write twice, or are not in order.
/// @param known graph inputs, initialisers, and names of the graph around
[[nodiscard]] std::vector<std::string> check_onnx_order(const std::vector<OnnxNode>& nodes,
                                                        std::unordered_set<std::string_view> known);

/// A constant matrix and the parameter that it is.
struct AttributedMatrix {
  std::string tensor;       ///< the name in the file
  std::string name;         ///< from the bias: "...key.bias" gives "...key.weight"; empty if nothing names it
  std::string op;           ///< operator that consumes it
  bool transposed = false;  ///< stored [in, out]: a linear weight [out, in] is its transpose
};

/// In node order, the constants that carry no name of their own, each named by the bias in the Add that consumes its
/// product. @param constants names of initialisers
[[nodiscard]] std::vector<AttributedMatrix> attribute_matrices(const std::vector<OnnxNode>& nodes,
                                                               const std::unordered_set<std::string_view>& constants);

}  // namespace vitrine::engine
