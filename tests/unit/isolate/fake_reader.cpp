// A reader that misbehaves as the name of the file says ("segfault.safetensors"), inside the real sandbox; files of other
// names it reads as the real one does.

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "app/reader/answering.h"
#include "app/reader/sandbox.h"
#include "engine/isolate/broker.h"
#ifdef VITRINE_FAULTS
#include "tests/fault/faults.h"
#endif

namespace {

using namespace vitrine::engine;
using namespace vitrine::engine::isolate;
using vitrine::app::Answering;

/// Says over the channel, as an error about the file, what was possible.
void say(Answering& answering, const std::string& what) {
  WireWriter out;
  out.put_u8(1);
  out.put_error({ErrorCode::Unsupported, what, {}, {}, {}});
  static_cast<void>(answering.send(out));
}

void say_whether(Answering& answering, bool done) { say(answering, done ? "it was possible" : "it was not possible"); }

/// Does nothing without end: the channel is listened to, and nothing comes.
void hang() {
  while (receive_message(STDIN_FILENO, false)) {
  }
  for (;;) {
  }
}

void send_raw(const std::string& bytes, int descriptor = -1) {
  if (descriptor >= 0) {
    Message message;
    message.kind = Message::Kind::Room;
    message.number = 1;
    static_cast<void>(send_message(STDIN_FILENO, message, descriptor));
  } else {
    iovec piece{const_cast<char*>(bytes.data()), bytes.size()};
    msghdr header{};
    header.msg_iov = &piece;
    header.msg_iovlen = 1;
    static_cast<void>(::sendmsg(STDIN_FILENO, &header, MSG_NOSIGNAL));
  }
  hang();
}

/// A checkpoint of one tensor of the file, as this writes it; `spoil` changes a field.
struct Listed {
  std::uint64_t rows = 2, offset = 0, bytes = 16, file = 0, codec = 2, place = 1, kinds = 1;
  std::uint32_t rank = 2, count = 1, kind = 0, name_bytes = 1;
  char name = 'w';
  std::vector<std::int64_t> strides;
};

void list(Answering& answering, const std::filesystem::path& path, const std::function<void(Listed&)>& spoil) {
  static_cast<void>(answering.open(path));
  Listed what;
  spoil(what);
  WireWriter out;
  out.put_u8(0);
  out.put_text("safetensors");
  out.put_texts({});
  out.put_u64(0);
  out.put_json(nlohmann::json::object());
  out.put_u64(what.kinds);
  out.put_text("F32");
  out.put_u64(0);
  out.put_u64(what.codec);
  out.put_text("");
  out.put_u8(static_cast<std::uint8_t>(what.place));
  out.put_u64(what.file);
  if (what.place == 2) out.put_u64(0);
  out.put_u64(what.strides.size());
  for (const auto stride : what.strides) out.put_i64(stride);
  out.put_u8(0);
  std::vector<PackedRow> rows;
  std::vector<std::int64_t> axes;
  for (std::uint32_t i = 1; i <= what.count; ++i) {
    rows.push_back({what.offset, what.bytes, i * what.name_bytes, i * what.rank, what.kind, 0});
    axes.insert(axes.end(), {static_cast<std::int64_t>(what.rows), 2});
  }
  const std::string names(what.count, what.name);
  out.put_column(std::span<const PackedRow>(rows));
  out.put_column(std::span<const char>(names));
  out.put_column(std::span<const std::int64_t>(axes));
  out.put_u64(0);
  out.put_u64(0);
  static_cast<void>(answering.send(out));
}

void spin() {
  volatile std::uint64_t turns = 0;
  for (std::uint64_t i = 0;; ++i) turns = i;
}

/// Touches memory until there is none.
void eat(Answering& answering) {
  std::vector<std::unique_ptr<char[]>> eaten;
  try {
    for (;;) {
      eaten.push_back(std::make_unique<char[]>(std::size_t{16} << 20));
    }
  } catch (const std::bad_alloc&) {
    const std::size_t megabytes = eaten.size() * 16;
    eaten.clear();
    say(answering, "memory ended after " + std::to_string(megabytes) + " MB");
  }
}

void keep_writing(Answering& answering) {
  Message wanted;
  wanted.kind = Message::Kind::Room;
  wanted.number = 4096;
  static_cast<void>(send_message(STDIN_FILENO, wanted));
  auto received = receive_message(STDIN_FILENO, true);
  const auto memory = WritableMemory::map(received->descriptor, 4096);
  std::fill(memory->bytes().begin(), memory->bytes().end(), std::byte{0xFF});
  Message done;
  done.kind = Message::Kind::Done;
  done.extra = 4096;
  static_cast<void>(send_message(STDIN_FILENO, done));
  for (;;) std::fill(memory->bytes().begin(), memory->bytes().end(), std::byte{0x7F});
}

void done_at(std::uint64_t number, std::uint64_t extra) {
  Message done;
  done.kind = Message::Kind::Done;
  done.number = number;
  done.extra = extra;
  static_cast<void>(send_message(STDIN_FILENO, done));
  hang();
}

/// Answers as the real reader does, but the allocation with this number finds no memory.
void answer_without(const std::string& number, const Order& order, Answering& answering,
                    const std::vector<std::string>& protections) {
#ifdef VITRINE_FAULTS
  namespace fault = vitrine::fault;
  fault::arm({fault::Kind::Allocation, std::stoul(number), false});
  const WireWriter answer = vitrine::app::answer_to(order.question, answering, protections);
  if (fault::disarm().failed == 0) return say(answering, "every allocation found memory");
  static_cast<void>(answering.send(answer));
#else
  say(answering, "no allocation can fail here");
#endif
}

using Act = std::function<void(Answering&, const std::filesystem::path&)>;

const std::map<std::string, Act>& acts() {
  using A = Answering&;
  using P = const std::filesystem::path&;
  static const std::map<std::string, Act> table = {
      {"segfault", [](A, P) { *static_cast<volatile int*>(nullptr) = 1; }},
      {"abort", [](A, P) { std::abort(); }},
      {"exit", [](A, P) { ::_exit(5); }},
      {"hang", [](A, P) { hang(); }},
      {"spin", [](A, P) { spin(); }},
      {"hangup", [](A, P) { ::close(STDIN_FILENO); spin(); }},
      {"memory", [](A a, P) { eat(a); }},
      {"rooms",
       [](A a, P) {
         const std::vector<std::byte> piece(std::size_t{64} << 20);
         for (int i = 0; i < 1000; ++i)
           if (const auto laid = a.lay_down(piece); !laid) return say(a, laid.error().message);
       }},
      {"write", [](A a, P) { say_whether(a, ::open("PWNED", O_WRONLY | O_CREAT, 0600) >= 0); }},
      {"overwrite", [](A a, P p) { say_whether(a, ::open(p.c_str(), O_RDWR) >= 0); }},
      {"read", [](A a, P) { say_whether(a, ::open("/etc/passwd", O_RDONLY) >= 0); }},
      {"outside", [](A a, P) { const auto f = a.open("/etc/passwd"); say(a, f ? "it was possible" : f.error().message); }},
      {"socket", [](A a, P) { say_whether(a, ::socket(AF_INET, SOCK_STREAM, 0) >= 0); }},
      {"execute", [](A a, P) { ::execl("/bin/true", "true", nullptr); say_whether(a, false); }},
      {"fork", [](A a, P) { say_whether(a, ::fork() >= 0); }},
      {"signal", [](A a, P) { say_whether(a, ::kill(::getppid(), 0) == 0); }},
      {"code", [](A a, P) { say_whether(a, ::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED); }},
      {"duplicate", [](A a, P) { say_whether(a, ::dup(0) >= 0); }},
      {"limits", [](A a, P) { say_whether(a, ::syscall(SYS_setrlimit, 0, nullptr) == 0); }},
      {"garbage", [](A, P) { send_raw("GET / HTTP/1.1\r\n\r\n"); }},
      {"empty", [](A, P) { send_raw(std::string(1, '\0')); }},
      {"long", [](A, P) { send_raw(std::string(100'000, 'x')); }},
      {"pipe", [](A, P) { send_raw({}, STDERR_FILENO); }},
      {"nothing", [](A, P) { done_at(0, 10); }},
      {"beyond", [](A a, P) { static_cast<void>(a.lay_down(std::vector<std::byte>(10))); done_at(0, 11); }},
      {"writing", [](A a, P) { keep_writing(a); }},
      {"good", [](A a, P p) { list(a, p, [](Listed&) {}); }},
      {"range", [](A a, P p) { list(a, p, [](Listed& l) { l.offset = 1 << 20; }); }},
      {"overflow", [](A a, P p) { list(a, p, [](Listed& l) { l.offset = UINT64_MAX - 7; }); }},
      {"shape", [](A a, P p) { list(a, p, [](Listed& l) { l.rows = 3; }); }},
      {"huge", [](A a, P p) { list(a, p, [](Listed& l) { l.rows = std::uint64_t{1} << 62; }); }},
      {"negative", [](A a, P p) { list(a, p, [](Listed& l) { l.rows = UINT64_MAX; }); }},
      {"rank", [](A a, P p) { list(a, p, [](Listed& l) { l.rank = 1U << 30; }); }},
      {"stride", [](A a, P p) { list(a, p, [](Listed& l) { l.strides = {INT64_MAX, 1}; }); }},
      {"type", [](A a, P p) { list(a, p, [](Listed& l) { l.codec = 100'000; }); }},
      {"wide", [](A a, P p) { list(a, p, [](Listed& l) { l.codec = 1; }); }},
      {"file", [](A a, P p) { list(a, p, [](Listed& l) { l.file = 7; }); }},
      {"memoryless", [](A a, P p) { list(a, p, [](Listed& l) { l.place = 2; l.file = 9; }); }},
      {"twice", [](A a, P p) { list(a, p, [](Listed& l) { l.count = 2; }); }},
      {"kind", [](A a, P p) { list(a, p, [](Listed& l) { l.kind = 1; }); }},
      {"names", [](A a, P p) { list(a, p, [](Listed& l) { l.name_bytes = 0; }); }},
      {"long_name", [](A a, P p) { list(a, p, [](Listed& l) { l.name_bytes = UINT32_MAX; }); }},
      {"no_text", [](A a, P p) { list(a, p, [](Listed& l) { l.name = '\xC3'; }); }},
      {"count", [](A a, P p) { list(a, p, [](Listed& l) { l.kinds = std::uint64_t{1} << 50; }); }},
  };
  return table;
}

}  // namespace

int main() {
  Answering answering(STDIN_FILENO);
  const auto order = answering.receive_order();
  if (!order) return 3;
  ProcessLimits limits;
  limits.data_bytes = order->limits.data_bytes;
  limits.cpu_seconds = static_cast<std::uint64_t>(order->limits.cpu.count()) / 1000 + 2;
  limits.writes_files = limits.starts_processes = false;
  if (!limit_this_process(limits)) return 4;
  const auto& path = order->question.path;
  const auto protections = vitrine::app::enter_sandbox(path.empty() ? path : folder_of(path));
  if (!protections) return 5;
  const ScopedFileSource source(answering);
  constexpr std::string_view kLacks = "lacks_";
  const std::string name = path.stem().string();
  if (name.starts_with(kLacks)) answer_without(name.substr(kLacks.size()), *order, answering, *protections);
  else if (const auto act = acts().find(name); act != acts().end()) act->second(answering, path);
  else static_cast<void>(answering.send(vitrine::app::answer_to(order->question, answering, *protections)));
  ::_exit(0);
}
