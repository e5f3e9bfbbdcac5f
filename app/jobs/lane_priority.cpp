#include "app/jobs/lane_priority.h"

#ifdef __linux__
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include <algorithm>

namespace vitrine::app {

#ifdef __linux__

namespace {
id_t own_thread() { return static_cast<id_t>(::syscall(SYS_gettid)); }
}  // namespace

void stand_back(Lane lane) {
  constexpr int kFurther[kLanes] = {10, 15, 19, 12}, kLast = 19;
  ::setpriority(PRIO_PROCESS, own_thread(), std::min(kLast, standing_back() + kFurther[static_cast<int>(lane)]));
}

int standing_back() { return ::getpriority(PRIO_PROCESS, own_thread()); }

#else

void stand_back(Lane) {}
int standing_back() { return 0; }

#endif

}  // namespace vitrine::app
