#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/cuda/attention_tile.h"

/// The door between the program and what nvcc compiles: plain pointers and a stream, no C++ library type.
namespace vitrine::engine::cuda {

/// A CUDA error code, 0 if none; `message` is CUDA's own text for it and lives for ever.
struct CudaStatus {
  int code = 0;
  const char* message = "";
};

/// @param tile device pointers
/// @param stream a cudaStream_t; the work is queued there
[[nodiscard]] CudaStatus launch_attention_tile(const AttentionTile& tile, void* stream);

[[nodiscard]] CudaStatus device_allocate(void** memory, std::size_t bytes);
void device_release(void* memory);
[[nodiscard]] CudaStatus copy_to_device(void* device, const void* host, std::size_t bytes);
[[nodiscard]] CudaStatus copy_to_host(void* host, const void* device, std::size_t bytes);

inline constexpr int kCudaOutOfMemory = 2;   ///< cudaErrorMemoryAllocation

}  // namespace vitrine::engine::cuda
