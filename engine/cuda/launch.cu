#include <cuda_runtime.h>

#include "engine/cuda/launch.h"

namespace vitrine::engine::cuda {
namespace {

CudaStatus status_of(cudaError_t code) { return {static_cast<int>(code), cudaGetErrorString(code)}; }

template <typename Program>
__global__ void run_program(const Program program) {
  __shared__ typename Program::Shared shared;
  DeviceBlock<typename Program::Shared, typename Program::State> block(shared);
  program.run(block);
}

template <typename Program>
CudaStatus start(const Program& program, Grid grid, void* stream) {
  const dim3 blocks(static_cast<unsigned>(grid.x), static_cast<unsigned>(grid.y));
  run_program<<<blocks, kThreads, 0, static_cast<cudaStream_t>(stream)>>>(program);
  return status_of(cudaGetLastError());
}

}  // namespace

#define VITRINE_DEFINE_LAUNCH(Program) \
  CudaStatus launch(const Program& program, Grid grid, void* stream) { return start(program, grid, stream); }
VITRINE_CUDA_PROGRAMS(VITRINE_DEFINE_LAUNCH)
#undef VITRINE_DEFINE_LAUNCH

CudaStatus device_allocate(void** memory, std::size_t bytes) { return status_of(cudaMalloc(memory, bytes)); }
void device_release(void* memory) { cudaFree(memory); }
CudaStatus copy_to_device(void* device, const void* host, std::size_t bytes) {
  return status_of(cudaMemcpy(device, host, bytes, cudaMemcpyHostToDevice));
}
CudaStatus copy_to_host(void* host, const void* device, std::size_t bytes) {
  return status_of(cudaMemcpy(host, device, bytes, cudaMemcpyDeviceToHost));
}

}  // namespace vitrine::engine::cuda
