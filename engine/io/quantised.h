#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "engine/io/checkpoint.h"

namespace vitrine::engine {

/// Gives one matrix as float32 from the tensors that a file stores for it.
class MatrixDecoder {
 public:
  virtual ~MatrixDecoder() = default;
  /// @param out [out, in], row-major
  /// @error FileFormat if a stored value leads nowhere, such as a group that does not exist
  [[nodiscard]] virtual Status decode(std::span<float> out) const = 0;
};

/// A matrix that a file stores in parts: codes, scales, zero points.
struct QuantisedMatrix {
  TensorEntry entry;                 ///< what it stands for: "X.weight", [out, in], a type such as "GPTQ4"; bytes of all parts
  std::string layout;                ///< "GPTQ 4 bits, groups of 128": for people
  std::vector<std::string> parts;    ///< names of the stored tensors
  std::string reference;             ///< name of the float matrix stored beside it; empty if there is none
  std::shared_ptr<const MatrixDecoder> decoder;
};

/// Recognises by tensor names and `quantization_config` the layouts of GPTQ (2, 3, 4, 8 bits; v1 and v2), AWQ (GEMM),
/// bitsandbytes (int8, nf4, fp4, nested or not), compressed-tensors (pack-, int-, float-, naive-quantized, nvfp4) and
/// block-wise FP8, and checks that the parts go together. Nothing is read but shapes and, for bitsandbytes, its state.
///
/// @param config the model's config.json, or null
/// @return empty if nothing is quantised, or the file is neither safetensors nor PyTorch (one file or shards)
/// @error FileFormat, Unsupported: one sentence that names the tensor or field
/// @source Frantar et al. 2022, arXiv:2210.17323; Lin et al. 2023, arXiv:2306.00978; Dettmers et al. 2022 and 2023,
/// arXiv:2208.07339, arXiv:2305.14314
[[nodiscard]] Result<std::vector<QuantisedMatrix>> find_quantised(std::shared_ptr<const Checkpoint> file,
                                                                  const nlohmann::json& config);

/// The checkpoint with each quantised matrix in place of its parts, dequantised whenever it is read. `find` gives the
/// parts as well. The checkpoint itself if nothing is quantised.
/// @error as `find_quantised`
[[nodiscard]] Result<std::shared_ptr<const Checkpoint>> dequantised(std::shared_ptr<const Checkpoint> file,
                                                                    const nlohmann::json& config);

/// How far a dequantised matrix is from the float matrix stored beside it.
struct QuantisationError {
  std::string name;
  double rms = 0, max_abs = 0;
  double relative = 0;   ///< rms over the reference's rms
};
/// @error as reading either
[[nodiscard]] Result<QuantisationError> error_of(const Checkpoint& file, const QuantisedMatrix& matrix);

/// The same of two matrices of one shape, for comparisons of checkpoints.
[[nodiscard]] QuantisationError error_between(std::span<const float> reference, std::span<const float> other);

}  // namespace vitrine::engine
