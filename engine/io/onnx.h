#pragma once

#include <memory>

#include "engine/io/mapped_checkpoint.h"

namespace vitrine::engine {

/// Constants of an ONNX model: initialisers (raw, typed or in external files of the same folder) and Constant nodes.
/// The graph is read as a list and never executed.
///
/// `metadata()`: `producer_name`, `producer_version`, `ir_version`, `opset` (domain to version), `properties`, `graph`,
/// `nodes` (operator to count), `inputs`, `outputs`, and `attributed`: matrices that the exporter left without a name
/// ("onnx::MatMul_1966"), in node order, each `{"tensor", "name", "transposed", "op"}`, where `name` is what the bias
/// in the Add that consumes the product is called, with `.weight`. `find(name)` gives that matrix as [out, in].
/// @error FileFormat, FileLimit
[[nodiscard]] Result<MappedCheckpoint> read_onnx(std::shared_ptr<const MappedFile> file);

}  // namespace vitrine::engine
