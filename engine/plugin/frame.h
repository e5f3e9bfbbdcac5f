#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
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

/// Bytes of the two lengths before a frame.
inline constexpr std::size_t kFrameLengths = 16;

/// How long head and body are, from the `kFrameLengths` bytes before them.
/// @error FileLimit if either is above its limit
struct FrameLengths {
  std::size_t head = 0, body = 0;
};
[[nodiscard]] Result<FrameLengths> frame_lengths(std::string_view bytes);
/// A frame from its parts.
/// @error FileFormat if the head is no JSON object; FileLimit if it is nested more than 64 levels deep
[[nodiscard]] Result<Frame> frame_of(std::string_view head, std::string body);

/// Reads one frame from a stream socket: two little-endian 64-bit lengths, head, body. Nothing is allocated before both lengths
/// are within the limits.
/// @error Cancelled after the deadline; FileFormat if the other side ended or wrote something else
[[nodiscard]] Result<Frame> read_frame(int fd, Deadline deadline);
[[nodiscard]] Status write_frame(int fd, const Frame& frame, Deadline deadline);

}  // namespace vitrine::engine
