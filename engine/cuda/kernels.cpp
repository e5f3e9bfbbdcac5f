#include "engine/cuda/kernels.h"

#include <fmt/format.h>

namespace vitrine::engine::cuda {

Status DeviceCall::in(HeadView& head) {
  VITRINE_CHECK(in(head.q, head.queries * head.q_stride));
  VITRINE_CHECK(in(head.k, head.keys * head.k_stride));
  return in(head.lse, head.queries);
}

Status DeviceCall::fits(Grid grid) {
  if (grid.x >= 1 && grid.y >= 1 && grid.x <= kMostBlocksX && grid.y <= kMostBlocksY) return {};
  return fail(ErrorCode::DoesNotFit, fmt::format("a launch has from 1 to {} x {} blocks, not {} x {}", kMostBlocksX, kMostBlocksY, grid.x, grid.y));
}

#ifdef VITRINE_HAS_CUDA_KERNELS

namespace {

/// @error DoesNotFit or Internal with CUDA's words
Status checked(CudaStatus status, const std::string& what) {
  if (status.code == 0) return {};
  return fail(status.code == kCudaOutOfMemory ? ErrorCode::DoesNotFit : ErrorCode::Internal,
              fmt::format("CUDA could not {}: {}", what, status.message));
}

}  // namespace

bool kernels_built() { return true; }

DeviceCall::~DeviceCall() {
  for (void* memory : memory_) device_release(memory);
}

Status DeviceCall::allocate(std::int64_t bytes, void** device) {
  VITRINE_CHECK(checked(device_allocate(device, static_cast<std::size_t>(bytes)), fmt::format("allocate {} bytes", bytes)));
  memory_.push_back(*device);
  return {};
}

Status DeviceCall::bring(const void* host, std::int64_t bytes, void** device) {
  if (host == nullptr) return {};
  VITRINE_CHECK(allocate(bytes, device));
  return checked(copy_to_device(*device, host, static_cast<std::size_t>(bytes)), "copy to the device");
}

Status DeviceCall::fetch_later(void* host, std::int64_t bytes, void** device) {
  VITRINE_CHECK(allocate(bytes, device));
  results_.push_back({host, *device, bytes});
  return {};
}

Status DeviceCall::started(CudaStatus status) { return checked(status, "start a kernel"); }

Status DeviceCall::finish() {
  for (const Fetched& result : results_)
    VITRINE_CHECK(checked(copy_to_host(result.host, result.device, static_cast<std::size_t>(result.bytes)), "copy a result back"));
  return {};
}

#else

namespace {
Status without_kernels() { return fail(ErrorCode::Unsupported, "this program was built without CUDA kernels: nvcc was not found"); }
}  // namespace

bool kernels_built() { return false; }
DeviceCall::~DeviceCall() = default;
Status DeviceCall::allocate(std::int64_t, void**) { return without_kernels(); }
Status DeviceCall::bring(const void*, std::int64_t, void**) { return without_kernels(); }
Status DeviceCall::fetch_later(void*, std::int64_t, void**) { return without_kernels(); }
Status DeviceCall::started(CudaStatus) { return without_kernels(); }
Status DeviceCall::finish() { return without_kernels(); }

#define VITRINE_NO_LAUNCH(Program) \
  CudaStatus launch(const Program&, Grid, void*) { return {1, ""}; }
VITRINE_CUDA_PROGRAMS(VITRINE_NO_LAUNCH)
#undef VITRINE_NO_LAUNCH

#endif

}  // namespace vitrine::engine::cuda
