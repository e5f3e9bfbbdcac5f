#include "engine/cuda/device.h"

#include <dlfcn.h>

#include <array>

#include <fmt/format.h>

#include "engine/cuda/kernels.h"

namespace vitrine::engine::cuda {
namespace {

constexpr int kOldestMajor = 8;              // the kernels are compiled for sm_80 and newer
constexpr int kCapabilityMajor = 75, kCapabilityMinor = 76;   // CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_*

/// A function of the driver library by its C name.
template <class Function>
Function* symbol(void* library, const char* name) {
  return reinterpret_cast<Function*>(dlsym(library, name));
}

DeviceInfo no_gpu(std::string note) {
  DeviceInfo info;
  info.note = std::move(note);
  return info;
}

DeviceInfo ask_driver() {
  void* driver = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (driver == nullptr) return no_gpu("no GPU found");
  const auto init = symbol<int(unsigned)>(driver, "cuInit");
  const auto count = symbol<int(int*)>(driver, "cuDeviceGetCount");
  const auto get = symbol<int(int*, int)>(driver, "cuDeviceGet");
  const auto name = symbol<int(char*, int, int)>(driver, "cuDeviceGetName");
  const auto memory = symbol<int(std::size_t*, int)>(driver, "cuDeviceTotalMem_v2");
  const auto attribute = symbol<int(int*, int, int)>(driver, "cuDeviceGetAttribute");
  const auto version = symbol<int(int*)>(driver, "cuDriverGetVersion");
  if (!init || !count || !get || !name || !memory || !attribute || !version) return no_gpu("the CUDA driver is too old");

  int devices = 0, device = 0;
  if (const int code = init(0); code != 0) return no_gpu(fmt::format("no GPU found (the CUDA driver answers {})", code));
  if (count(&devices) != 0 || devices < 1 || get(&device, 0) != 0) return no_gpu("no GPU found");
  DeviceInfo info;
  std::array<char, 256> text{};
  std::size_t bytes = 0;
  if (name(text.data(), static_cast<int>(text.size()) - 1, device) != 0 || memory(&bytes, device) != 0 ||
      attribute(&info.major, kCapabilityMajor, device) != 0 || attribute(&info.minor, kCapabilityMinor, device) != 0)
    return no_gpu("the GPU does not answer");
  version(&info.driver);
  info.gpu = true;
  info.name = text.data();
  info.memory_bytes = bytes;
  info.kernels = kernels_built() && info.major >= kOldestMajor;
  if (!kernels_built()) info.note = "built without CUDA kernels";
  else if (!info.kernels) info.note = fmt::format("the kernels need sm_{}0 or newer", kOldestMajor);
  return info;
}

}  // namespace

std::string DeviceInfo::summary() const {
  if (!gpu) return "CPU, " + (note.empty() ? std::string("no GPU found") : note);
  const double gigabytes = static_cast<double>(memory_bytes) / 1e9;
  return fmt::format("{}, {:.0f} GB, sm_{}{}{}{}", name, gigabytes, major, minor, note.empty() ? "" : ", ", note);
}

const DeviceInfo& find_device() {
  static const DeviceInfo info = ask_driver();
  return info;
}

}  // namespace vitrine::engine::cuda
