#pragma once

#include <functional>
#include <utility>
#include <vector>

#include "engine/cuda/launch.h"

namespace vitrine::engine::cuda {

/// How threads of an emulated block meet.
enum class Barrier {
  Kept,      ///< every thread ends a phase before any begins the next
  Missing,   ///< odd threads lag a phase behind, as they may where a barrier was forgotten
};

/// One block: all its threads, one after another, phase by phase.
template <typename Program>
class EmulatedBlock {
 public:
  EmulatedBlock(BlockIndex where, Barrier barrier) : index(where), barrier_(barrier), states_(kThreads) {}

  template <typename F>
  void each(F f) {
    const int step = barrier_ == Barrier::Kept ? 1 : 2;
    for (int t = 0; t < kThreads; t += step) f(t, states_[static_cast<std::size_t>(t)]);
    catch_up();
    if (step == 2)
      late_ = [this, f] {
        for (int t = 1; t < kThreads; t += 2) f(t, states_[static_cast<std::size_t>(t)]);
      };
  }
  void catch_up() {
    if (late_) std::exchange(late_, nullptr)();
  }

  typename Program::Shared shared{};
  BlockIndex index;

 private:
  Barrier barrier_;
  std::vector<typename Program::State> states_;
  std::function<void()> late_;
};

template <typename Program>
void run_on_emulated_grid(const Program& program, Grid grid, Barrier barrier = Barrier::Kept) {
  for (int y = 0; y < grid.y; ++y)
    for (int x = 0; x < grid.x; ++x) {
      EmulatedBlock<Program> block({x, y}, barrier);
      program.run(block);
      block.catch_up();
    }
}

inline std::int64_t blocks_for(std::int64_t n) { return (n + kSide - 1) / kSide; }

}  // namespace vitrine::engine::cuda
