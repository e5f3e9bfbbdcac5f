#pragma once

#include <string>
#include <vector>

#include "engine/core/error.h"

namespace vitrine::engine {

enum class Precision { Fp32, Half, Int8 };

/// @param name "fp32", "bf16" or "int8"
[[nodiscard]] Precision precision_of(const std::string& name);
/// Bytes of a weight, and of everything else: 8 bits are for weights and the products with them alone.
[[nodiscard]] double weight_bytes(Precision precision);
[[nodiscard]] double value_bytes(Precision precision);

/// What a processor can do at its best. Bytes, seconds; sparse rates of tensor cores are not counted.
struct Device {
  std::string id, name, source;
  double memory = 0, bandwidth = 0;          ///< its own; per second
  double fp32 = 0, half = 0, int8 = 0;       ///< operations a second
  double on_chip = 0;                        ///< that all its cores share: the last cache
  double exponentials = 0;                   ///< a second
  double host_link = 0;                      ///< to the memory of its host, one way; 0: it has no other

  [[nodiscard]] double matrix_peak(Precision precision) const;
};

/// The table of GPUs (`gpus.psv` of the resources), as their makers publish them.
/// Exponentials: 16 of each multiprocessor a clock (CUDA programming guide, throughput of arithmetic instructions, 7.5 to 9.0).
/// @error FileMissing, FileFormat
[[nodiscard]] Result<std::vector<Device>> known_gpus();

/// This computer, measured once: a linear layer, exponentials, reading memory. @cost half a second
[[nodiscard]] Device this_machine();

/// By id; "here" is this computer. @error Usage naming what is known
[[nodiscard]] Result<Device> find_device(const std::string& id);

}  // namespace vitrine::engine
