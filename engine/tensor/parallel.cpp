#include "engine/tensor/parallel.h"

#include <ATen/Parallel.h>

#include "engine/tensor/crew.h"

namespace vitrine::engine {

void parallel_for(std::int64_t n, std::int64_t grain, const std::function<void(std::int64_t, std::int64_t)>& f) {
  if (auto* const crew = WakefulThreads::Crew::of_this_thread(); crew && n > grain) return crew->run(n, grain, f);
  at::parallel_for(0, n, grain, [&](std::int64_t begin, std::int64_t end) { f(begin, end); });
}

}  // namespace vitrine::engine
