#pragma once

#include "app/jobs/job_queue.h"

namespace vitrine::app {

/// Lets drawing go before computing where both want the same core: the calling thread, and those that it starts later
/// (libtorch's among them), stand back behind the thread that started it. Once a thread. Does nothing where a thread
/// has no priority of its own (not Linux).
void stand_back(Lane lane);

/// The calling thread's priority: the higher, the later it goes; 0 where there is none.
[[nodiscard]] int standing_back();

}  // namespace vitrine::app
