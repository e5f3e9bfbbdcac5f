#include <cstdio>

#include "app/cli/cli.h"
#ifdef VITRINE_HAS_WINDOW
#include "app/window/window_app.h"
#endif

int main(int argc, char** argv) {
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
