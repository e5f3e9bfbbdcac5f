#include "tests/fuzz/mutators.h"

#include <array>

namespace vitrine::fuzz {

std::uint64_t Dice::next() {
  state_ += 0x9E3779B97F4A7C15U;
  std::uint64_t z = state_;
  z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9U;
  z = (z ^ (z >> 27U)) * 0x94D049BB133111EBU;
  return z ^ (z >> 31U);
}

std::uint64_t Dice::odd_number() {
  switch (below(6)) {
    case 0: return below(4);
    case 1: return below(300);
    case 2: return std::uint64_t{1} << below(64);
    case 3: return (std::uint64_t{1} << below(64)) - 1;
    case 4: return ~std::uint64_t{0} - below(64);
    default: return next() >> below(64);
  }
}

}  // namespace vitrine::fuzz
