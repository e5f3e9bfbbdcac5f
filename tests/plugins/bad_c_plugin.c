/* One C plugin with a fault chosen at compile time. */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "plugins/sdk/vitrine_plugin.h"

static int run(const vt_input *in, const vt_sink *out) { return 0; }

static const vt_analysis analysis = {
    sizeof(vt_analysis), "test_c_constant", "Constant", "", "", "table", 0, 0, NULL, run,
};
static const vt_analysis *const analyses[] = {&analysis};
static const vt_plugin plugin = {
#ifdef FAULT_SIZE
    8,
#else
    sizeof(vt_plugin),
#endif
#ifdef FAULT_ABI
    99,
#else
    VT_ABI_MAJOR,
#endif
    0, "test.c", 1, analyses};

#ifndef FAULT_NO_ENTRY
const vt_plugin *vt_plugin_query(uint32_t abi_major) {
#ifdef FAULT_CRASH
  raise(SIGSEGV);
#endif
#ifdef FAULT_HANG
  for (;;) pause();
#endif
#ifdef FAULT_EXIT
  _exit(7);
#endif
#ifdef FAULT_NOISE
  for (int fd = 0; fd < 200; ++fd)
    if (write(fd, "not a frame, not a frame, not a frame", 37) < 0) continue;
#endif
  return &plugin;
}
#endif
