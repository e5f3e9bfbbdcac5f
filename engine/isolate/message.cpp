#include "engine/isolate/message.h"

#include <array>
#include <cerrno>
#include <cstring>

#include <poll.h>
#include <sys/socket.h>

#include <fmt/format.h>

#include "engine/isolate/wire.h"

namespace vitrine::engine::isolate {
namespace {

constexpr std::size_t kMaxPath = 8192;

}  // namespace

std::string encode_message(const Message& message) {
  WireWriter out;
  out.put_u8(static_cast<std::uint8_t>(message.kind));
  out.put_u64(message.number);
  out.put_u64(message.extra);
  out.put_text(message.text);
  out.put_u8(message.error ? 1 : 0);
  if (message.error) out.put_error(*message.error);
  return out.bytes();
}

Result<Message> decode_message(std::span<const std::byte> bytes) {
  WireReader in(bytes);
  Message message;
  const std::uint8_t kind = in.take_u8();
  if (kind > static_cast<std::uint8_t>(Message::Kind::Done)) in.refuse("is of no known kind");
  message.kind = static_cast<Message::Kind>(kind);
  message.number = in.take_u64();
  message.extra = in.take_u64();
  message.text = in.take_text(kMaxPath);
  if (in.take_flag()) message.error = in.take_error();
  VITRINE_CHECK(in.end());
  return message;
}

Status send_message(int channel, const Message& message, int descriptor) {
  std::string bytes = encode_message(message);
  if (bytes.size() > kMaxMessage) return fail(ErrorCode::FileFormat, "a message is too long for the channel");
  iovec piece{bytes.data(), bytes.size()};
  msghdr header{};
  header.msg_iov = &piece;
  header.msg_iovlen = 1;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  if (descriptor >= 0) {
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(rights), &descriptor, sizeof descriptor);
  }
  ssize_t sent = 0;
  do sent = ::sendmsg(channel, &header, MSG_NOSIGNAL | MSG_DONTWAIT);
  while (sent < 0 && errno == EINTR);
  if (sent == static_cast<ssize_t>(bytes.size())) return {};
  return fail(ErrorCode::FileFormat, "the other side of the channel does not read");
}

Result<Received> receive_message(int channel, bool with_descriptor) {
  std::array<std::byte, kMaxMessage> bytes{};
  iovec piece{bytes.data(), bytes.size()};
  msghdr header{};
  header.msg_iov = &piece;
  header.msg_iovlen = 1;
  // Without room for it the kernel closes what comes along, and says so in the flags.
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  if (with_descriptor) {
    header.msg_control = control.data();
    header.msg_controllen = control.size();
  }
  ssize_t got = 0;
  do got = ::recvmsg(channel, &header, MSG_CMSG_CLOEXEC);
  while (got < 0 && errno == EINTR);
  if (got <= 0) return fail(ErrorCode::FileMissing, "the channel is closed");
  Received received;
  if (const cmsghdr* rights = with_descriptor ? CMSG_FIRSTHDR(&header) : nullptr;
      rights != nullptr && rights->cmsg_level == SOL_SOCKET && rights->cmsg_type == SCM_RIGHTS &&
      rights->cmsg_len == CMSG_LEN(sizeof(int))) {
    int number = -1;
    std::memcpy(&number, CMSG_DATA(rights), sizeof number);
    received.descriptor = Descriptor(number);
  }
  if ((header.msg_flags & MSG_TRUNC) != 0) return fail(ErrorCode::FileFormat, "is too long");
  if ((header.msg_flags & MSG_CTRUNC) != 0)
    return fail(ErrorCode::FileFormat, "brings a descriptor that nobody asked for");
  VITRINE_TRY(received.message, decode_message({bytes.data(), static_cast<std::size_t>(got)}));
  return received;
}

bool wait_for_message(int channel, std::chrono::milliseconds limit) {
  pollfd entry{channel, POLLIN, 0};
  return ::poll(&entry, 1, static_cast<int>(limit.count())) > 0;
}

}  // namespace vitrine::engine::isolate
