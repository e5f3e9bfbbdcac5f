#include "engine/plugin/frame.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>

#include <fmt/format.h>

#include "engine/io/bytes.h"
#include "engine/io/json.h"

namespace vitrine::engine {
namespace {

using Json = nlohmann::json;
using Lengths = std::array<std::uint64_t, 2>;

Status wait_for(int fd, short what, Deadline deadline) {
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return fail(ErrorCode::Cancelled, "the plugin's process did not answer in time");
    pollfd entry{fd, what, 0};
    const int ready = poll(&entry, 1, static_cast<int>(std::min<std::int64_t>(left.count(), 1000)));
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) return fail(ErrorCode::Internal, "cannot wait for the plugin's process");
  }
}

Status read_all(int fd, char* to, std::size_t bytes, Deadline deadline) {
  while (bytes > 0) {
    VITRINE_CHECK(wait_for(fd, POLLIN, deadline));
    const ssize_t got = read(fd, to, bytes);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got <= 0) return fail(ErrorCode::FileFormat, "the plugin's process ended before it answered");
    to += got;
    bytes -= static_cast<std::size_t>(got);
  }
  return {};
}

Status write_all(int fd, const char* from, std::size_t bytes, Deadline deadline) {
  while (bytes > 0) {
    VITRINE_CHECK(wait_for(fd, POLLOUT, deadline));
    const ssize_t put = send(fd, from, std::min<std::size_t>(bytes, 65536), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (put < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (put <= 0) return fail(ErrorCode::FileFormat, "the plugin's process ended before it took the request");
    from += put;
    bytes -= static_cast<std::size_t>(put);
  }
  return {};
}

}  // namespace

bool wait_readable(int fd, std::chrono::milliseconds limit) {
  return wait_for(fd, POLLIN, std::chrono::steady_clock::now() + limit).has_value();
}

Result<FrameLengths> frame_lengths(std::string_view bytes) {
  if (bytes.size() != kFrameLengths) return fail(ErrorCode::FileFormat, "expected the two lengths of a message");
  const Lengths lengths{load_le<std::uint64_t>(bytes.data()), load_le<std::uint64_t>(bytes.data() + 8)};
  if (lengths[0] > kMaxFrameHead || lengths[1] > kMaxFrameBody)
    return fail(ErrorCode::FileLimit, fmt::format("expected a message of at most {} + {} bytes, came {} + {}", kMaxFrameHead,
                                                  kMaxFrameBody, lengths[0], lengths[1]));
  return FrameLengths{lengths[0], lengths[1]};
}

Result<Frame> frame_of(std::string_view head, std::string body) {
  VITRINE_TRY(auto json, parse_json(head, "message"));
  if (!json.is_object()) return fail(ErrorCode::FileFormat, "expected a JSON object from the plugin's process");
  return Frame{std::move(json), std::move(body)};
}

Result<Frame> read_frame(int fd, Deadline deadline) {
  std::array<char, kFrameLengths> lengths{};
  VITRINE_CHECK(read_all(fd, lengths.data(), lengths.size(), deadline));
  VITRINE_TRY(const FrameLengths sizes, frame_lengths({lengths.data(), lengths.size()}));
  std::string head(sizes.head, '\0'), body(sizes.body, '\0');
  VITRINE_CHECK(read_all(fd, head.data(), head.size(), deadline));
  VITRINE_CHECK(read_all(fd, body.data(), body.size(), deadline));
  return frame_of(head, std::move(body));
}

Status write_frame(int fd, const Frame& frame, Deadline deadline) {
  const std::string head = frame.head.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (head.size() > kMaxFrameHead || frame.body.size() > kMaxFrameBody)
    return fail(ErrorCode::DoesNotFit, fmt::format("a message of {} + {} bytes is above the limit of {} + {}", head.size(),
                                                   frame.body.size(), kMaxFrameHead, kMaxFrameBody));
  const Lengths lengths{head.size(), frame.body.size()};
  VITRINE_CHECK(write_all(fd, reinterpret_cast<const char*>(lengths.data()), sizeof lengths, deadline));
  VITRINE_CHECK(write_all(fd, head.data(), head.size(), deadline));
  return write_all(fd, frame.body.data(), frame.body.size(), deadline);
}

}  // namespace vitrine::engine
