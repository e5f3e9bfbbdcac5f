#pragma once

#include <cstdint>
#include <string>

namespace vitrine::engine::cuda {

/// What the machine can compute on, as the status bar and `--version` say it.
struct DeviceInfo {
  bool gpu = false;
  std::string name = "CPU";        ///< "NVIDIA H200", or "CPU"
  int major = 0, minor = 0;        ///< compute capability
  std::uint64_t memory_bytes = 0;
  int driver = 0;                  ///< newest CUDA version that the driver speaks, 13000 for 13.0
  bool kernels = false;            ///< whether this program has kernels that run there (sm_80 and newer)
  std::string note;                ///< why there is no GPU, or why it is not used

  /// "NVIDIA H200, 139 GB, sm_90" or "CPU, no GPU found".
  [[nodiscard]] std::string summary() const;
};

/// Asks the CUDA driver, opened at run time; a machine without one is no error. Looked up once.
[[nodiscard]] const DeviceInfo& find_device();

}  // namespace vitrine::engine::cuda
