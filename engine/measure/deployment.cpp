#include "engine/measure/deployment.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace vitrine::engine {

namespace {

struct Time {
  double operations = 0, memory = 0;
  [[nodiscard]] double seconds() const { return std::max(operations, memory); }
  [[nodiscard]] const char* bound() const { return operations > memory ? "operations" : "memory"; }
};

Time time_of(const PassNeeds& p, double users, const Device& device, Precision precision) {
  return {users * (p.linear_flops / device.matrix_peak(precision) + p.mixing_seconds),
          (p.weights + users * (p.state + p.values)) / device.bandwidth};
}

/// The most tokens whose state is not larger than `room`.
std::int64_t longest(const Service& service, double room) {
  if (room < service.state_of(1)) return 0;
  std::int64_t fits = 1, beyond = Deployment::kNoEnd;
  if (service.state_of(beyond) <= room) return beyond;
  while (beyond - fits > 1) {
    const std::int64_t middle = fits + (beyond - fits) / 2;
    (service.state_of(middle) <= room ? fits : beyond) = middle;
  }
  return fits;
}

}  // namespace

Deployment deployment_of(const Service& service, const Device& device, Precision precision) {
  Deployment d;
  const double room = device.memory - service.weight_bytes;
  d.fits = room >= 0;
  d.state = service.generates ? service.state_of(service.context) : 0;
  d.missing = std::max(0.0, d.state - room);
  const Time prefill = time_of(service.prefill, 1, device, precision);
  d.prefill_seconds = prefill.seconds();
  d.prefill_bound = prefill.bound();
  if (!service.generates) return d;
  d.users = room < 0 ? 0 : d.state > 0 ? std::floor(room / d.state) : std::numeric_limits<double>::infinity();
  const Time step = time_of(service.step, 1, device, precision);
  d.step_seconds = step.seconds();
  d.step_bound = step.bound();
  d.full_step_seconds = std::isfinite(d.users) ? time_of(service.step, std::max(1.0, d.users), device, precision).seconds() : d.step_seconds;
  d.switch_seconds = device.host_link > 0 ? 2 * d.state / device.host_link : 0;
  d.longest_context = room < 0 ? 0 : longest(service, room);
  return d;
}

}  // namespace vitrine::engine
