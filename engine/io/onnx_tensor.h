#pragma once

#include <memory>
#include <span>
#include <string>

#include "engine/io/mapped_checkpoint.h"

namespace vitrine::engine {

/// What all tensors of one ONNX file share.
struct OnnxFile {
  std::shared_ptr<const MappedFile> file;
  std::map<std::string, std::shared_ptr<const MappedFile>> external;  ///< by real path
  std::uint64_t decoded_bytes = 0;      ///< spent on values that are not stored as they are
  std::vector<std::string> warnings;

  [[nodiscard]] tl::unexpected<Error> refuse(std::string message, std::uint64_t at,
                                             ErrorCode code = ErrorCode::FileFormat) const {
    return fail_file(code, file->path(), std::move(message), at);
  }
};

struct OnnxTensor {
  TensorEntry entry;
  TensorSource source;
};

/// One TensorProto: its size is checked against its data, wherever that is.
/// @param at offset of `message` in the file
[[nodiscard]] Result<OnnxTensor> read_onnx_tensor(OnnxFile& onnx, std::span<const std::byte> message, std::uint64_t at);

/// One SparseTensorProto: listed under the name of its values, with the dense shape.
[[nodiscard]] Result<OnnxTensor> read_onnx_sparse(OnnxFile& onnx, std::span<const std::byte> message, std::uint64_t at);

}  // namespace vitrine::engine
