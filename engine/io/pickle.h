#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "engine/core/error.h"
#include "engine/io/pickle_value.h"

namespace vitrine::engine {

/// Reads one pickle (protocols 0 to 5, PEP 307, 3154, 574) as data: opcodes build plain values and named nodes;
/// nothing is called, imported or executed. Text of protocol 0 is kept as it is written, escapes included.
/// Extension registry codes, out-of-band buffers and textual persistent ids are refused.
/// @param bytes  begins at PROTO; may go on after STOP (`out.end` says where)
/// @param file, base  for messages: the file, and the byte of it where `bytes` begin
/// @param out  also holds what was read before an error
/// @error FileFormat, FileLimit with the byte; limits: 1 million nodes, 1 million on the stack, 10,000 marks,
///        tuples nested 1,000 deep
/// @cost  linear in the bytes read, no recursion
[[nodiscard]] Status read_pickle(std::span<const std::byte> bytes, const std::string& file, std::uint64_t base,
                                 PickleDocument& out);

}  // namespace vitrine::engine
