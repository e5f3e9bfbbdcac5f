#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "engine/core/error.h"

namespace vitrine::engine {

/// One message between the program and a plugin worker: JSON and the float32 or int64 values that it describes.
struct Frame {
  nlohmann::json head;
  std::string body;
};

inline constexpr std::size_t kMaxFrameHead = std::size_t{16} << 20;
inline constexpr std::size_t kMaxFrameBody = std::size_t{512} << 20;

/// When a read or write has to be finished.
using Deadline = std::chrono::steady_clock::time_point;

/// Whether something can be read within this time (also the end of the stream).
[[nodiscard]] bool wait_readable(int fd, std::chrono::milliseconds limit);

/// Reads one frame from a stream socket: two little-endian 64-bit lengths, head, body. Nothing is allocated before both lengths
/// are within the limits.
/// @error Cancelled after the deadline; FileFormat if the other side ended or wrote something else
[[nodiscard]] Result<Frame> read_frame(int fd, Deadline deadline);
[[nodiscard]] Status write_frame(int fd, const Frame& frame, Deadline deadline);

}  // namespace vitrine::engine
