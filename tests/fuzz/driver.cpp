#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "tests/fuzz/mutators.h"
#include "tests/fuzz/target.h"

// One program a target: the build states VITRINE_FUZZ_RUN and VITRINE_FUZZ_MUTATE.
void VITRINE_FUZZ_RUN(vitrine::fuzz::Bytes bytes);

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  VITRINE_FUZZ_RUN({data, size});
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size, unsigned seed) {
  using namespace vitrine::fuzz;
  Buffer bytes(data, data + size);
  Dice dice(seed);
  const auto plain = [](Buffer& part, std::size_t most) {
    const std::size_t used = part.size();
    part.resize(std::max({most, used, std::size_t{1}}));
    part.resize(LLVMFuzzerMutate(part.data(), used, part.size()));
  };
  VITRINE_FUZZ_MUTATE(bytes, max_size, dice, plain);
  if (bytes.size() > max_size) bytes.resize(max_size);
  std::copy(bytes.begin(), bytes.end(), data);
  return bytes.size();
}
