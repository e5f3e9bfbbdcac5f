#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "engine/core/error.h"
#include "engine/isolate/memory_file.h"

namespace vitrine::engine::isolate {

/// One packet of the channel between the program and its reader. What is large travels in shared memory.
struct Message {
  enum class Kind : std::uint8_t {
    Ask,      ///< program: `number` bytes of request lie in the memory that comes along
    Open,     ///< reader: wants the file `text`
    Room,     ///< reader: wants `number` bytes of memory to write
    Granted,  ///< program: a descriptor comes along; `number` directory entries name the file
    Refused,  ///< program: `error`
    Done,     ///< reader: the answer is the first `extra` bytes of the memory that it got as number `number`
  };
  Kind kind = Kind::Ask;
  std::uint64_t number = 0, extra = 0;
  std::string text;
  std::optional<Error> error;
};

inline constexpr std::size_t kMaxMessage = 32768;

[[nodiscard]] std::string encode_message(const Message& message);
/// @error FileFormat: nobody vouches for the bytes
[[nodiscard]] Result<Message> decode_message(std::span<const std::byte> bytes);

/// Sends a packet, with a descriptor or -1. Does not wait.
/// @error FileFormat if the other side has gone or does not read
[[nodiscard]] Status send_message(int channel, const Message& message, int descriptor = -1);

struct Received {
  Message message;
  Descriptor descriptor;
};
/// Takes the next packet, waiting for it.
/// @param with_descriptor whether one may come along; else what comes is closed and refused
/// @error FileMissing if the other side has gone, FileFormat
[[nodiscard]] Result<Received> receive_message(int channel, bool with_descriptor);

/// Whether a packet, or the end of the channel, is there within this time.
[[nodiscard]] bool wait_for_message(int channel, std::chrono::milliseconds limit);

}  // namespace vitrine::engine::isolate
