#pragma once

#include "engine/cuda/host_device.h"

/// A kernel is a function of its arguments and a block, written as phases: `block.each(f)` runs f(thread, state) for every
/// thread of the block and then meets at a barrier. On the device each thread runs its own part; a test runs all of them one
/// after another over an emulated grid, so that the body that is proven is the body that nvcc compiles.
namespace vitrine::engine::cuda {

/// Index of a block in the grid.
struct BlockIndex {
  int x = 0, y = 0;
};

#ifdef __CUDACC__
template <typename Shared, typename State>
class DeviceBlock {
 public:
  __device__ explicit DeviceBlock(Shared& memory)
      : shared(memory), index{static_cast<int>(blockIdx.x), static_cast<int>(blockIdx.y)} {}
  template <typename F>
  __device__ void each(F f) {
    f(static_cast<int>(threadIdx.x), state_);
    __syncthreads();
  }
  Shared& shared;
  BlockIndex index;

 private:
  State state_{};
};
#endif

}  // namespace vitrine::engine::cuda
