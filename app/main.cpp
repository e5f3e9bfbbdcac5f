#include <csignal>
#include <cstdio>
#include <cstdlib>

#include <unistd.h>

#include "app/cli/cli.h"
#ifdef VITRINE_HAS_WINDOW
#include "app/window/window_app.h"
#endif

/// Threads that wait for work must sleep: spinning ones would take the processor from the window. The OpenMP library reads
/// this once, when it is loaded, so the program starts itself again with it set.
static void let_waiting_threads_sleep(char** argv) {
  if (std::getenv("OMP_WAIT_POLICY")) return;
  setenv("OMP_WAIT_POLICY", "passive", 1);
  execv("/proc/self/exe", argv);
}

int main(int argc, char** argv) {
  let_waiting_threads_sleep(argv);
  std::signal(SIGXFSZ, SIG_IGN);   // a quota that is used up is an error of the write, not the end of the program
  vitrine::app::WindowOptions window;
  const int code = vitrine::app::cli_main(argc, argv, window);
  if (code >= 0) return code;
#ifdef VITRINE_HAS_WINDOW
  return vitrine::app::run_window(argc, argv, window);
#else
  std::fputs("vitrine: this build has no window; `vitrine --help` lists the commands\n", stderr);
  return 2;
#endif
}
