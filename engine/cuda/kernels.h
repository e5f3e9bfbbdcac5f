#pragma once

#include <cstdint>
#include <vector>

#include "engine/core/error.h"
#include "engine/cuda/launch.h"

namespace vitrine::engine::cuda {

/// Whether the kernels were compiled into this program (nvcc was there when it was built).
[[nodiscard]] bool kernels_built();

/// One kernel on host memory: brings operands to the device, runs, brings results back.
///
///   DeviceCall call;
///   VITRINE_CHECK(call.in(program.q, n)); VITRINE_CHECK(call.out(program.out, m));
///   VITRINE_CHECK(call.run(program, grid));
///
/// @error Unsupported without kernels; DoesNotFit if the device has not enough memory or the grid too many blocks; Internal
class DeviceCall {
 public:
  DeviceCall() = default;
  DeviceCall(const DeviceCall&) = delete;
  DeviceCall& operator=(const DeviceCall&) = delete;
  ~DeviceCall();

  /// Copies `count` values to the device and lets `pointer` point there; a null pointer stays one.
  template <typename T>
  [[nodiscard]] Status in(const T*& pointer, std::int64_t count) {
    void* device = nullptr;
    VITRINE_CHECK(bring(pointer, count * static_cast<std::int64_t>(sizeof(T)), &device));
    pointer = static_cast<const T*>(device);
    return {};
  }
  /// Room for `count` values on the device, copied to where `pointer` points now when the kernel has run.
  template <typename T>
  [[nodiscard]] Status out(T*& pointer, std::int64_t count) {
    void* device = nullptr;
    VITRINE_CHECK(fetch_later(pointer, count * static_cast<std::int64_t>(sizeof(T)), &device));
    pointer = static_cast<T*>(device);
    return {};
  }
  [[nodiscard]] Status in(HeadView& head);

  template <typename Program>
  [[nodiscard]] Status run(const Program& program, Grid grid) {
    VITRINE_CHECK(fits(grid));
    VITRINE_CHECK(started(launch(program, grid, nullptr)));
    return finish();
  }

 private:
  struct Fetched {
    void* host;
    const void* device;
    std::int64_t bytes;
  };
  [[nodiscard]] Status bring(const void* host, std::int64_t bytes, void** device);
  [[nodiscard]] Status fetch_later(void* host, std::int64_t bytes, void** device);
  [[nodiscard]] Status allocate(std::int64_t bytes, void** device);
  [[nodiscard]] static Status fits(Grid grid);
  [[nodiscard]] static Status started(CudaStatus status);
  [[nodiscard]] Status finish();

  std::vector<void*> memory_;
  std::vector<Fetched> results_;
};

}  // namespace vitrine::engine::cuda
