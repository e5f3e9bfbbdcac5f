#include <cuda_runtime.h>

#include "engine/cuda/launch.h"

namespace vitrine::engine::cuda {
namespace {

CudaStatus status_of(cudaError_t code) { return {static_cast<int>(code), cudaGetErrorString(code)}; }

__global__ void attention_tile_kernel(const AttentionTile tile) {
  __shared__ AttentionTileShared shared;
  const int bx = static_cast<int>(blockIdx.x), by = static_cast<int>(blockIdx.y);
  const int tx = static_cast<int>(threadIdx.x), ty = static_cast<int>(threadIdx.y);
  float sum = 0;
  for (int depth = 0; depth < tile.d_head; depth += kDepthStep) {
    attention_tile_load(tile, shared, bx, by, tx, ty, depth);
    __syncthreads();
    sum = attention_tile_dot(shared, tx, ty, sum);
    __syncthreads();
  }
  attention_tile_store(tile, bx, by, tx, ty, sum);
}

unsigned blocks_for(std::int64_t count) { return static_cast<unsigned>((count + kTileSide - 1) / kTileSide); }

}  // namespace

CudaStatus launch_attention_tile(const AttentionTile& tile, void* stream) {
  const dim3 grid(blocks_for(tile.cols), blocks_for(tile.rows)), block(kTileSide, kTileSide);
  attention_tile_kernel<<<grid, block, 0, static_cast<cudaStream_t>(stream)>>>(tile);
  return status_of(cudaGetLastError());
}

CudaStatus device_allocate(void** memory, std::size_t bytes) { return status_of(cudaMalloc(memory, bytes)); }
void device_release(void* memory) { cudaFree(memory); }
CudaStatus copy_to_device(void* device, const void* host, std::size_t bytes) {
  return status_of(cudaMemcpy(device, host, bytes, cudaMemcpyHostToDevice));
}
CudaStatus copy_to_host(void* host, const void* device, std::size_t bytes) {
  return status_of(cudaMemcpy(host, device, bytes, cudaMemcpyDeviceToHost));
}

}  // namespace vitrine::engine::cuda
