#include "engine/measure/device.h"

#include <algorithm>
#include <charconv>
#include <fstream>

#include <fmt/format.h>
#include <unistd.h>

#include "engine/core/free_memory.h"
#include "engine/model/model.h"
#include "engine/run/machine_speed.h"

namespace vitrine::engine {

namespace {

constexpr std::size_t kColumns = 12;
/// CUDA programming guide, throughput of arithmetic instructions, compute capabilities 7.5 to 9.0.
constexpr double kExponentialsOfSm = 16;

std::vector<std::string> cells_of(const std::string& line) {
  std::vector<std::string> cells(1);
  for (const char c : line) {
    if (c == '|') cells.emplace_back();
    else cells.back() += c;
  }
  return cells;
}

Result<Device> device_of(const std::string& line) {
  const auto cells = cells_of(line);
  double numbers[9] = {};
  const auto wrong = [&] { return fail(ErrorCode::FileFormat, fmt::format("gpus.psv: expected {} cells, nine of them numbers above zero, came '{}'", kColumns, line)); };
  if (cells.size() != kColumns) return wrong();
  for (std::size_t i = 0; i < std::size(numbers); ++i) {
    const std::string& cell = cells[i + 2];
    const auto [end, code] = std::from_chars(cell.data(), cell.data() + cell.size(), numbers[i]);
    if (code != std::errc{} || end != cell.data() + cell.size() || !(numbers[i] > 0)) return wrong();
  }
  const auto [memory, bandwidth, fp32, half, int8, l2, sms, clock, link] = numbers;
  return Device{.id = cells[0], .name = cells[1], .source = cells[11], .memory = memory * 1e9, .bandwidth = bandwidth * 1e9, .fp32 = fp32 * 1e12, .half = half * 1e12,
                .int8 = int8 * 1e12, .on_chip = l2 * 1e6, .exponentials = kExponentialsOfSm * sms * clock * 1e6, .host_link = link * 1e9};
}

}  // namespace

Precision precision_of(const std::string& name) { return name == "fp32" ? Precision::Fp32 : name == "int8" ? Precision::Int8 : Precision::Half; }
double weight_bytes(Precision precision) { return precision == Precision::Fp32 ? 4 : precision == Precision::Half ? 2 : 1; }
double value_bytes(Precision precision) { return precision == Precision::Fp32 ? 4 : 2; }

double Device::matrix_peak(Precision precision) const { return precision == Precision::Fp32 ? fp32 : precision == Precision::Half ? half : int8; }

Result<std::vector<Device>> known_gpus() {
  const auto path = resources_folder() / "gpus.psv";
  std::ifstream file(path);
  if (!file) return fail(ErrorCode::FileMissing, fmt::format("{}: expected the table of GPUs, came no such file", path.string()));
  std::vector<Device> devices;
  std::string line;
  std::getline(file, line);   // the names of the columns
  while (std::getline(file, line)) {
    VITRINE_TRY(Device device, device_of(line));
    devices.push_back(std::move(device));
  }
  return devices;
}

Device this_machine() {
  Device d{.id = "here", .name = "this computer", .source = "measured"};
  d.memory = static_cast<double>(free_memory());
  d.bandwidth = memory_bytes_per_second();
  d.fp32 = linear_flops_per_second(DType::F32);
  d.half = std::max(d.fp32, linear_flops_per_second(DType::BF16));
  d.int8 = d.half;   // 8-bit weights are unfolded here
  const long l2 = sysconf(_SC_LEVEL2_CACHE_SIZE), cores = sysconf(_SC_NPROCESSORS_ONLN);
  d.on_chip = l2 > 0 ? static_cast<double>(l2) * static_cast<double>(std::max(1L, cores)) : 1e6;
  d.exponentials = exponentials_per_second();
  return d;
}

Result<Device> find_device(const std::string& id) {
  if (id == "here") return this_machine();
  VITRINE_TRY(const auto devices, known_gpus());
  std::string known = "here";
  for (const Device& device : devices) {
    if (device.id == id) return device;
    known += ", " + device.id;
  }
  return fail(ErrorCode::Usage, fmt::format("expected a device out of {}, came '{}'", known, id));
}

}  // namespace vitrine::engine
