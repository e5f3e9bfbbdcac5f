#include "engine/io/onnx.h"

#include <algorithm>
#include <functional>
#include <unordered_map>

#include <fmt/format.h>

#include "engine/io/bytes.h"
#include "engine/io/onnx_graph.h"
#include "engine/io/onnx_tensor.h"
#include "engine/io/protobuf.h"

namespace vitrine::engine {
namespace {

using nlohmann::json;

constexpr int kMaxGraphDepth = 32;
constexpr std::size_t kMaxNodes = 1U << 20, kMaxEdges = 1U << 22, kMaxTensors = 1U << 20, kMaxFunctions = 2000;
constexpr std::uint64_t kNewestIr = 64, kNewestOpset = 1000;

/// One graph's own names; a subgraph sees those of the graphs around it as well.
struct GraphNames {
  std::vector<OnnxNode> nodes;
  std::unordered_set<std::string_view> inputs, constants;
};

class OnnxReader {
 public:
  explicit OnnxReader(std::shared_ptr<const MappedFile> file) : checkpoint_("onnx") { onnx_.file = std::move(file); }

  Result<MappedCheckpoint> read() {
    if (onnx_.file->size() == 0) return onnx_.refuse("expected an ONNX model, the file is empty", 0);
    checkpoint_.add_file(onnx_.file->path());
    VITRINE_CHECK(read_model());
    for (const auto& [path, file] : onnx_.external) checkpoint_.add_file(path);
    for (auto& warning : onnx_.warnings) checkpoint_.warn(std::move(warning));
    return std::move(checkpoint_);
  }

 private:
  json& about() { return checkpoint_.metadata_for_filling(); }
  void warn(std::string what) { onnx_.warnings.push_back(std::move(what)); }
  std::string text(const ProtoField& field, std::string_view what) {
    if (!is_utf8(field.text())) warn(fmt::format("the {} name '{}' is not UTF-8", what, printable(field.text())));
    return repaired_utf8(field.text());
  }

  Status read_model() {
    ProtoReader reader(onnx_.file->bytes(), 0);
    std::optional<ProtoField> graph;
    std::vector<ProtoField> functions;
    std::optional<std::uint64_t> ir_version;
    json opsets = json::object();
    while (!reader.done()) {
      VITRINE_TRY(const ProtoField field, reader.next());
      const bool message = field.wire == ProtoWire::Bytes;
      if (field.number == 1 && !message) ir_version = field.value;
      if (field.number == 2 && message) about()["producer_name"] = text(field, "producer");
      if (field.number == 3 && message) about()["producer_version"] = text(field, "producer version");
      if (field.number == 7 && !message) return onnx_.refuse("the graph field has the wrong wire type", field.offset);
      if (field.number == 7 && graph)
        return onnx_.refuse("the graph stands twice: two models in one file", field.offset);
      if (field.number == 7) graph = field;
      if (field.number == 8 && message) VITRINE_CHECK(read_opset(field, opsets));
      if (field.number == 14 && message) VITRINE_CHECK(read_property(field));
      if (field.number == 25 && message) functions.push_back(field);
      if (functions.size() > kMaxFunctions)
        return onnx_.refuse(fmt::format("more than {} functions", kMaxFunctions), field.offset, ErrorCode::FileLimit);
    }
    if (!graph) return onnx_.refuse("expected an ONNX model, the protobuf message has no graph", 0);
    if (!ir_version) warn("no ir_version: the version of the format is not stated");
    else if (*ir_version == 0 || *ir_version > kNewestIr)
      warn(fmt::format("ir_version {} is not one that is known", *ir_version));
    if (opsets.empty()) warn("no opset import: the meaning of the operators is not stated");
    about()["ir_version"] = ir_version.value_or(0);
    about()["opset"] = std::move(opsets);
    VITRINE_CHECK(check_functions(functions));
    GraphNames names;
    VITRINE_CHECK(read_graph(*graph, {}, 0, names));
    finish(names);
    return {};
  }

  Status read_opset(const ProtoField& message, json& opsets) {
    std::string domain;
    std::uint64_t version = 0;
    ProtoReader reader(message.bytes, message.offset);
    while (!reader.done()) {
      VITRINE_TRY(const ProtoField field, reader.next());
      if (field.number == 1) domain = text(field, "opset domain");
      if (field.number == 2) version = field.value;
    }
    if (version == 0 || version > kNewestOpset)
      warn(fmt::format("opset {} of domain '{}' is not one that is known", version, printable(domain)));
    opsets[domain] = version;
    return {};
  }

  Status read_property(const ProtoField& message) {
    std::string key, value;
    ProtoReader reader(message.bytes, message.offset);
    while (!reader.done()) {
      VITRINE_TRY(const ProtoField field, reader.next());
      if (field.number == 1) key = text(field, "property");
      if (field.number == 2) value = text(field, "property");
    }
    about()["properties"][key] = value;
    return {};
  }

  Status read_graph(const ProtoField& graph, const std::string& prefix, int depth, GraphNames& names) {
    if (depth > kMaxGraphDepth)
      return onnx_.refuse(fmt::format("graphs nested more than {} levels deep", kMaxGraphDepth), graph.offset,
                          ErrorCode::FileLimit);
    ProtoReader reader(graph.bytes, graph.offset);
    while (!reader.done()) {
      VITRINE_TRY(const ProtoField field, reader.next());
      if (field.wire != ProtoWire::Bytes) continue;
      switch (field.number) {
        case 1: VITRINE_CHECK(read_node(field, prefix, depth, names)); break;
        case 2: if (depth == 0) about()["graph"] = text(field, "graph"); break;
        case 5: VITRINE_CHECK(add_tensor(read_onnx_tensor(onnx_, field.bytes, field.offset), prefix, field)); break;
        case 11: case 12: VITRINE_CHECK(read_value_info(field, depth, names)); break;
        case 15: VITRINE_CHECK(add_tensor(read_onnx_sparse(onnx_, field.bytes, field.offset), prefix, field)); break;
        default: break;
      }
    }
    return {};
  }

  Status read_value_info(const ProtoField& message, int depth, GraphNames& names) {
    ProtoReader reader(message.bytes, message.offset);
    while (!reader.done()) {
      VITRINE_TRY(const ProtoField field, reader.next());
      if (field.number != 1 || field.wire != ProtoWire::Bytes) continue;
      if (message.number == 11) names.inputs.insert(field.text());
      if (depth == 0) about()[message.number == 11 ? "inputs" : "outputs"].push_back(text(field, "value"));
    }
    return {};
  }

  Status add_tensor(Result<OnnxTensor> tensor, const std::string& prefix, const ProtoField& where) {
    if (!tensor) return tl::unexpected(std::move(tensor.error()));
    std::string& name = tensor->entry.name;
    if (name.empty()) {
      name = fmt::format("unnamed_{}", unnamed_++);
      warn(fmt::format("an initializer without a name, listed as '{}'", name));
    }
    name = prefix + name;
    if (checkpoint_.size() >= kMaxTensors)
      return onnx_.refuse(fmt::format("more than {} tensors", kMaxTensors), where.offset, ErrorCode::FileLimit);
    return checkpoint_.add(tensor->entry, tensor->source);
  }

  Status read_node(const ProtoField& message, const std::string& prefix, int depth, GraphNames& names) {
    OnnxNode node;
    std::vector<ProtoField> attributes;
    ProtoReader reader(message.bytes, message.offset);
    while (!reader.done()) {
      VITRINE_TRY(const ProtoField field, reader.next());
      if (field.wire != ProtoWire::Bytes) continue;
      if (field.number <= 2 && ++edges_ > kMaxEdges)
        return onnx_.refuse(fmt::format("more than {} node inputs and outputs", kMaxEdges), field.offset,
                            ErrorCode::FileLimit);
      if (field.number == 1) node.inputs.push_back(field.text());
      if (field.number == 2) node.outputs.push_back(field.text());
      if (field.number == 3) node.name = field.text();
      if (field.number == 4) node.op = field.text();
      if (field.number == 5) attributes.push_back(field);
    }
    if (++nodes_ > kMaxNodes)
      return onnx_.refuse(fmt::format("more than {} nodes", kMaxNodes), message.offset, ErrorCode::FileLimit);
    if (!is_utf8(node.name)) warn(fmt::format("the node name '{}' is not UTF-8", printable(node.name)));
    if (operators_.size() < 1000 || operators_.contains(repaired_utf8(node.op))) ++operators_[repaired_utf8(node.op)];
    for (const ProtoField& attribute : attributes) VITRINE_CHECK(read_attribute(attribute, node, prefix, depth));
    names.nodes.push_back(std::move(node));
    return {};
  }

  Status read_attribute(const ProtoField& message, const OnnxNode& node, const std::string& prefix, int depth) {
    ProtoReader reader(message.bytes, message.offset);
    std::string_view name;
    std::vector<ProtoField> graphs, tensors;
    while (!reader.done()) {
      VITRINE_TRY(const ProtoField field, reader.next());
      if (field.wire != ProtoWire::Bytes) continue;
      if (field.number == 1) name = field.text();
      if (field.number == 5) tensors.push_back(field);
      if (field.number == 6 || field.number == 11) graphs.push_back(field);
    }
    for (const ProtoField& tensor : tensors) {
      auto constant = read_onnx_tensor(onnx_, tensor.bytes, tensor.offset);
      if (node.op != "Constant" || name != "value" || node.outputs.empty()) {
        if (!constant) return tl::unexpected(std::move(constant.error()));
        continue;
      }
      if (constant) constant->entry.name = repaired_utf8(node.outputs[0]);
      VITRINE_CHECK(add_tensor(std::move(constant), prefix, tensor));
    }
    for (const ProtoField& graph : graphs) {
      GraphNames inner;
      const std::string label = !node.name.empty() ? repaired_utf8(node.name)
                                                   : repaired_utf8(node.outputs.empty() ? node.op : node.outputs[0]);
      VITRINE_CHECK(read_graph(graph, fmt::format("{}{}.{}/", prefix, label, repaired_utf8(name)), depth + 1, inner));
    }
    return {};
  }

  /// A function may use others, never itself: by name, along every path.
  Status check_functions(const std::vector<ProtoField>& functions) {
    std::unordered_map<std::string_view, std::unordered_set<std::string_view>> calls;
    for (const ProtoField& message : functions) {
      ProtoReader reader(message.bytes, message.offset);
      std::string_view name;
      std::unordered_set<std::string_view> used;
      while (!reader.done()) {
        VITRINE_TRY(const ProtoField field, reader.next());
        if (field.number == 1) name = field.text();
        if (field.number != 7 || field.wire != ProtoWire::Bytes) continue;
        ProtoReader node(field.bytes, field.offset);
        while (!node.done()) {
          VITRINE_TRY(const ProtoField part, node.next());
          if (part.number == 4) used.insert(part.text());
        }
      }
      calls[name].merge(used);
    }
    // Functions that call none that is left are taken away; what remains calls itself.
    for (bool changed = true; changed;) {
      changed = false;
      for (auto it = calls.begin(); it != calls.end();) {
        const bool leaf =
            std::none_of(it->second.begin(), it->second.end(), [&](auto callee) { return calls.contains(callee); });
        it = leaf ? calls.erase(it) : std::next(it);
        changed = changed || leaf;
      }
    }
    if (!calls.empty())
      warn(fmt::format("the function '{}' calls itself (recursion)", printable(calls.begin()->first)));
    return {};
  }

  void finish(GraphNames& names) {
    for (std::size_t i = 0; i < checkpoint_.size(); ++i) names.constants.emplace(checkpoint_.at(i).name);
    std::unordered_set<std::string_view> known = names.inputs;
    known.insert(names.constants.begin(), names.constants.end());
    for (const OnnxNode& node : names.nodes)
      if (node.op == "Constant")
        for (const auto output : node.outputs) known.erase(output);
    for (auto& warning : check_onnx_order(names.nodes, std::move(known))) warn(std::move(warning));
    about()["nodes"] = operators_;
    json attributed = json::array();
    for (const AttributedMatrix& matrix : attribute_matrices(names.nodes, names.constants)) {
      attributed.push_back({{"tensor", repaired_utf8(matrix.tensor)}, {"name", repaired_utf8(matrix.name)},
                            {"transposed", matrix.transposed}, {"op", repaired_utf8(matrix.op)}});
      if (!matrix.name.empty()) checkpoint_.add_transposed(matrix.name, matrix.tensor);
    }
    about()["attributed"] = std::move(attributed);
  }

  OnnxFile onnx_;
  MappedCheckpoint checkpoint_;
  std::map<std::string, std::uint64_t> operators_;
  std::size_t nodes_ = 0, edges_ = 0;
  int unnamed_ = 0;
};

}  // namespace

Result<MappedCheckpoint> read_onnx(std::shared_ptr<const MappedFile> file) {
  const std::string path = file->path();
  auto checkpoint = OnnxReader(std::move(file)).read();
  if (!checkpoint && checkpoint.error().file.empty()) checkpoint.error().file = path;
  return checkpoint;
}

}  // namespace vitrine::engine
