#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/cuda/attention_tile.h"
#include "engine/cuda/codebook_assignment.h"
#include "engine/cuda/head_ablation.h"
#include "engine/cuda/packed_softmax.h"
#include "engine/cuda/pooled_overview.h"
#include "engine/cuda/row_statistics.h"

/// The door between the program and what nvcc compiles: plain pointers and a stream, no C++ library type.
namespace vitrine::engine::cuda {

/// A CUDA error code, 0 if none; `message` is CUDA's own text for it and lives for ever.
struct CudaStatus {
  int code = 0;
  const char* message = "";
};

/// Blocks of a launch. CUDA allows 2^31 - 1 in x and 65,535 in y.
struct Grid {
  std::int64_t x = 1, y = 1;
};
inline constexpr std::int64_t kMostBlocksX = 2147483647, kMostBlocksY = 65535;

/// Every kernel, once: what is launched, compiled for the device and stood in for without it.
#define VITRINE_CUDA_PROGRAMS(X) \
  X(AttentionTile) X(RowStatistics) X(ColumnMass) X(PooledOverview) X(CodebookAssignment) X(HeadAblation) X(PackedSoftmax)

/// Queues one kernel with device pointers on `stream` (a cudaStream_t).
#define VITRINE_DECLARE_LAUNCH(Program) [[nodiscard]] CudaStatus launch(const Program& program, Grid grid, void* stream);
VITRINE_CUDA_PROGRAMS(VITRINE_DECLARE_LAUNCH)
#undef VITRINE_DECLARE_LAUNCH

[[nodiscard]] CudaStatus device_allocate(void** memory, std::size_t bytes);
void device_release(void* memory);
[[nodiscard]] CudaStatus copy_to_device(void* device, const void* host, std::size_t bytes);
[[nodiscard]] CudaStatus copy_to_host(void* host, const void* device, std::size_t bytes);

inline constexpr int kCudaOutOfMemory = 2;   ///< cudaErrorMemoryAllocation

}  // namespace vitrine::engine::cuda
