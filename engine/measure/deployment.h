#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "engine/measure/device.h"

namespace vitrine::engine {

/// What a pass over some tokens takes, for one user. Bytes, operations.
struct PassNeeds {
  double linear_flops = 0;
  double mixing_seconds = 0;         ///< arithmetic of the mixers at the peak of their units; see `attained`
  double weights = 0;                ///< bytes that are read once, however many users share the pass
  double state = 0;                  ///< bytes of what a generation keeps that are read or written outside of mixers
  double values = 0;                 ///< bytes of activations, and of the keys and values that mixers read
};

/// A model that answers users, each with a context of its own.
struct Service {
  double weight_bytes = 0;           ///< that stay on the device
  PassNeeds prefill;                 ///< of the whole context
  PassNeeds step;                    ///< of one token after it
  /// Bytes that one user's generation keeps after so many tokens: keys and values, or states. Does not shrink.
  std::function<double(std::int64_t)> state_of;
  std::int64_t context = 0;
  bool generates = false;
};

/// The four costs of a long context, at the peak of a device.
///
/// * concurrency: users = floor((memory - weights) / state of one)
/// * prefill: max(operations / peak + arithmetic of mixers, bytes / bandwidth)
/// * decoding: max(the same, (weights + users x state) / bandwidth) a token
/// * context switching: (state of one user that goes + of one that comes) / link to the host
/// @source Fu 2024, arXiv:2405.08944, section 2
struct Deployment {
  bool fits = false;                 ///< the weights are smaller than the memory
  double missing = 0;                ///< bytes that the weights and one user's state lack; 0: they fit
  double state = 0;                  ///< bytes of one user at the context
  double users = 0;                  ///< whole users at a time; of a model that keeps nothing: as many as want, infinite
  double prefill_seconds = 0;
  std::string prefill_bound, step_bound;   ///< "operations" or "memory"
  double step_seconds = 0;           ///< of one user alone
  double full_step_seconds = 0;      ///< of as many users as there is room for, together
  double switch_seconds = 0;         ///< 0: the device has no other memory
  std::int64_t longest_context = 0;  ///< of one user; `kNoEnd`: nothing grows

  static constexpr std::int64_t kNoEnd = std::int64_t{1} << 40;
};

[[nodiscard]] Deployment deployment_of(const Service& service, const Device& device, Precision precision);

}  // namespace vitrine::engine
