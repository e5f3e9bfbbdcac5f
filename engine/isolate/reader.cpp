#include "engine/isolate/reader.h"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <mutex>

#include <fmt/format.h>

#include "engine/isolate/broker.h"
#include "engine/isolate/message.h"
#include "engine/isolate/spare_reader.h"

namespace vitrine::engine::isolate {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr std::uint64_t kMegabyte = std::uint64_t{1} << 20;
constexpr std::uint64_t kMostExtra = 4096 * kMegabyte;
/// A header that is nearly all of its file, as text, as values and as a list of tensors.
constexpr std::uint64_t kDataPerByte = 4;
/// A file that is refused must be refused within two seconds; one of a few kilobytes is read in milliseconds.
constexpr milliseconds kCpuAtLeast{1500}, kCpuPerMegabyte{300}, kCpuAtMost{120'000};
constexpr int kWallForCpu = 8;
constexpr milliseconds kSlice{50};

std::mutex settings_lock;
std::optional<ReaderSettings> chosen;

std::optional<ReaderSettings> settings() {
  const std::lock_guard lock(settings_lock);
  return chosen;
}

/// Bytes that belong to the question: the file, or what lies in the folder that it joins.
std::uint64_t bytes_of(const fs::path& path) {
  std::error_code problem;
  const bool joins = fs::is_directory(path, problem) || path.filename().string().ends_with(".index.json");
  std::uint64_t bytes = 0;
  const auto add = [&](const fs::path& file) {
    const auto size = fs::is_regular_file(file, problem) ? fs::file_size(file, problem) : 0;
    if (!problem) bytes = std::min<std::uint64_t>(kMostExtra, bytes + std::min<std::uint64_t>(size, kMostExtra));
  };
  if (!joins) {
    add(path);
    return bytes;
  }
  int seen = 0;
  fs::directory_iterator it(folder_of(path), problem);
  for (const fs::directory_iterator end; !problem && it != end && ++seen < 4096; it.increment(problem)) add(it->path());
  return bytes;
}

/// One conversation with one process.
class Asking {
 public:
  Asking(const Question& question, const QuestionLimits& limits, ChildProcess child, const Progress& progress)
      : limits_(limits), name_(question.path.string()), broker_(question, limits), child_(std::move(child)),
        progress_(progress) {}

  Result<Told> run(const Question& question) {
    const std::string order = encode_order({question, limits_});
    VITRINE_TRY(const Descriptor memory, make_sealed(std::as_bytes(std::span(order))));
    Message ask;
    ask.number = order.size();
    static_cast<void>(send_message(child_.channel(), ask, memory.get()));   // one that has died is told by its channel
    for (;;) {
      VITRINE_CHECK(wait());
      auto received = receive_message(child_.channel(), false);
      if (!received) return received.error().code == ErrorCode::FileMissing ? ended() : nonsense(received.error());
      if (received->message.kind == Message::Kind::Done) return finish(received->message);
      const auto reply = broker_.reply(received->message);
      if (!reply) return nonsense(reply.error());
      if (!send_message(child_.channel(), reply->message, reply->descriptor)) return ended();
    }
  }

 private:
  Status wait() {
    for (;;) {
      VITRINE_CHECK(progress_.step(0, "reading the file"));
      if (wait_for_message(child_.channel(), kSlice)) return {};
      if (child_.cpu_time() > limits_.cpu)
        return refuse(ErrorCode::FileLimit,
                      fmt::format("took more than {} ms of processor time to read and was given up", limits_.cpu.count()));
      if (Clock::now() - begin_ > limits_.wall)
        return refuse(ErrorCode::FileLimit,
                      fmt::format("was not read within {} ms and was given up", limits_.wall.count()));
    }
  }

  tl::unexpected<Error> refuse(ErrorCode code, std::string message) const {
    return fail_file(code, name_, std::move(message));
  }
  tl::unexpected<Error> nonsense(const Error& why) const {
    return refuse(ErrorCode::FileFormat, fmt::format("the reader answered nonsense about it: it {}", why.message));
  }
  tl::unexpected<Error> ended() {
    const std::string how = child_.obituary();
    if (child_.signal() == SIGXCPU)
      return refuse(ErrorCode::FileLimit, "took more processor time to read than it may and was given up");
    return refuse(ErrorCode::FileFormat, fmt::format("the reader {} while reading it", how));
  }

  Result<Told> finish(const Message& done) {
    child_.kill();   // nobody may have the memory mapped for writing when it is sealed
    auto told = broker_.close(done);
    if (!told) return nonsense(told.error());
    told->usage = child_.usage();
    WireReader in(told->answer);
    const bool refused = in.take_flag();
    if (refused) {
      Error error = in.take_error();
      if (const auto end = in.end(); !end) return nonsense(end.error());
      const auto& files = told->material.files;
      const bool known = std::any_of(files.begin(), files.end(), [&](const auto& f) { return f->path() == error.file; });
      if (!known) error.file = name_;
      return fail(std::move(error));
    }
    if (in.failed()) return nonsense(in.end().error());
    told->answer = told->answer.subspan(1);
    return told;
  }

  QuestionLimits limits_;
  std::string name_;
  Broker broker_;
  ChildProcess child_;
  const Progress& progress_;
  Clock::time_point begin_ = Clock::now();
};

}  // namespace

void use_reader(ReaderSettings settings) {
  SpareReader::instance().keep(settings.program);
  const std::lock_guard lock(settings_lock);
  chosen = std::move(settings);
}

void use_no_reader() {
  SpareReader::instance().keep({});
  const std::lock_guard lock(settings_lock);
  chosen.reset();
}

bool reader_in_use() { return settings().has_value(); }

fs::path reader_program() {
  if (const char* set = std::getenv("VITRINE_READER")) return set;
  const auto found = program_beside("vitrine-reader");
  return found ? *found : fs::path();
}

QuestionLimits limits_for(const Question& question, const ReaderSettings& settings) {
  const std::uint64_t bytes = question.path.empty() ? 64 * kMegabyte : bytes_of(question.path);
  QuestionLimits limits;
  limits.data_bytes = settings.spare_bytes + kDataPerByte * bytes;
  limits.room_bytes = settings.spare_bytes + 2 * bytes;
  limits.cpu = std::min(kCpuAtMost, kCpuAtLeast + kCpuPerMegabyte * static_cast<std::int64_t>(bytes / kMegabyte));
  if (kSanitized) limits.cpu *= 20;
  if (settings.patience.count() > 0) limits.cpu = limits.wall = settings.patience;
  else limits.wall = limits.cpu * kWallForCpu;
  return limits;
}

std::string encode_order(const Order& order) {
  WireWriter out;
  out.put_text(order.question.what);
  out.put_text(order.question.path.native());
  out.put_u64(order.limits.data_bytes);
  out.put_u64(static_cast<std::uint64_t>(order.limits.cpu.count()));
  out.put_json(order.question.arguments);
  return out.bytes();
}

Result<Order> decode_order(std::span<const std::byte> bytes) {
  WireReader in(bytes);
  Order order;
  order.question.what = in.take_text();
  order.question.path = in.take_text();
  order.limits.data_bytes = in.take_u64();
  order.limits.cpu = milliseconds(in.take_below(std::uint64_t{1} << 40, "a time"));
  order.question.arguments = in.take_json();
  VITRINE_CHECK(in.end());
  return order;
}

Result<Told> ask_reader(const Question& question, const Progress& progress) {
  const auto how = settings();
  if (!how || how->program.empty())
    return fail_file(ErrorCode::FileMissing, question.path.string(),
                     "is not read, since vitrine-reader, which reads files apart from the program, was not found "
                     "beside it (--no-isolation reads them without that protection)");
  const QuestionLimits limits = limits_for(question, *how);
  VITRINE_TRY(ChildProcess child, SpareReader::instance().take(how->program));
  return Asking(question, limits, std::move(child), progress).run(question);
}

}  // namespace vitrine::engine::isolate
