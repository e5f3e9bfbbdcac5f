#pragma once

#include <memory>
#include <span>
#include <vector>

#include "engine/io/mapped_checkpoint.h"
#include "engine/isolate/wire.h"

namespace vitrine::engine::isolate {

/// Writes a checkpoint down, which outlives `out`: what the tensors are and where their values lie, never the values.
/// @param files   those it was read from; a tensor names its own by number
/// @param decoded filled with what the reader had to decode, in the order in which tensors name it
/// @error Internal if a tensor lies in a file that is not among `files`
[[nodiscard]] Status put_checkpoint(const MappedCheckpoint& checkpoint,
                                    const std::vector<std::shared_ptr<const MappedFile>>& files,
                                    std::vector<std::shared_ptr<const std::vector<std::byte>>>& decoded, WireWriter& out);

/// What a checkpoint's tensors may lie in.
struct AnswerMaterial {
  std::vector<std::shared_ptr<const MappedFile>> files;     ///< as this process opened them
  std::vector<std::shared_ptr<const MappedFile>> decoded;   ///< sealed memory
};

/// Reads one again, believing nothing: element types must be ours, shapes, strides, block sizes and ranges must fit the
/// files as this process has them mapped.
/// @error FileFormat; also through `in`
[[nodiscard]] Result<std::shared_ptr<const Checkpoint>> take_checkpoint(WireReader& in, const AnswerMaterial& material);

}  // namespace vitrine::engine::isolate
