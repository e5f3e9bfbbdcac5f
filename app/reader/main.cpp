// Reads one file for vitrine: an order over the channel on standard input, an answer, and it ends.

#include <cstdio>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "app/reader/answering.h"
#include "app/reader/sandbox.h"
#include "engine/isolate/broker.h"

namespace {

namespace isolate = vitrine::engine::isolate;

/// What the reader prints is for those who build it: a stranger's file must not write on the user's terminal.
void silence() {
  if (isolate::kSanitized) return;
  const int nothing = open("/dev/null", O_WRONLY);
  if (nothing >= 0) dup2(nothing, STDERR_FILENO);
  if (nothing >= 0) dup2(nothing, STDOUT_FILENO);
  if (nothing > STDERR_FILENO) close(nothing);
}

vitrine::engine::Status serve(vitrine::app::Answering& answering) {
  VITRINE_TRY(const isolate::Order order, answering.receive_order());
  isolate::ProcessLimits limits;
  limits.data_bytes = order.limits.data_bytes;
  limits.cpu_seconds = static_cast<std::uint64_t>(order.limits.cpu.count()) / 1000 + 2;
  limits.descriptors = 4200;
  limits.writes_files = limits.starts_processes = false;
  VITRINE_CHECK(isolate::limit_this_process(limits));
  const auto listed = order.question.path.empty() ? std::filesystem::path() : isolate::folder_of(order.question.path);
  VITRINE_TRY(const auto protections, vitrine::app::enter_sandbox(listed));
  const vitrine::engine::ScopedFileSource source(answering);
  return answering.send(vitrine::app::answer_to(order.question, answering, protections));
}

}  // namespace

int main() {
  int type = 0;
  socklen_t size = sizeof type;
  if (getsockopt(STDIN_FILENO, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_SEQPACKET) {
    std::fputs("vitrine-reader is started by vitrine, with a channel as standard input\n", stderr);
    return 2;
  }
  silence();
  vitrine::app::Answering answering(STDIN_FILENO);
  const auto served = serve(answering);
  _exit(served ? 0 : 3);
}
