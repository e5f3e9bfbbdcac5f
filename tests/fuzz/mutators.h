#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace vitrine::fuzz {

using Buffer = std::vector<std::uint8_t>;

/// Random numbers of one mutation (SplitMix64).
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next();
  /// From 0 to `sides` - 1; 0 of none.
  std::size_t below(std::size_t sides) { return sides == 0 ? 0 : static_cast<std::size_t>(next() % sides); }
  bool one_in(std::size_t n) { return below(n) == 0; }
  /// Sizes, offsets and counts at which readers err: small ones, powers of two and their neighbours, -1.
  std::uint64_t odd_number();

 private:
  std::uint64_t state_;
};

/// What changes bytes without knowing what they mean: libFuzzer's own mutations, or a stand-in.
using ByteMutation = std::function<void(Buffer& bytes, std::size_t max_size)>;

/// Changes `bytes` into a file of the same format that is well formed but for what the mutation is about: lengths,
/// offsets, counts and checksums fit again. What is not of the format to begin with is left to `plain`.
using Mutation = void (*)(Buffer& bytes, std::size_t max_size, Dice& dice, const ByteMutation& plain);

void mutate_bytes(Buffer& bytes, std::size_t max_size, Dice& dice, const ByteMutation& plain);
void mutate_json(Buffer& bytes, std::size_t max_size, Dice& dice, const ByteMutation& plain);
void mutate_safetensors(Buffer& bytes, std::size_t max_size, Dice& dice, const ByteMutation& plain);
void mutate_gguf(Buffer& bytes, std::size_t max_size, Dice& dice, const ByteMutation& plain);
void mutate_pickle(Buffer& bytes, std::size_t max_size, Dice& dice, const ByteMutation& plain);
void mutate_webp(Buffer& bytes, std::size_t max_size, Dice& dice, const ByteMutation& plain);
void mutate_zip(Buffer& bytes, std::size_t max_size, Dice& dice, const ByteMutation& plain);

/// The text of a JSON document with one of its parts changed, taken away, doubled or moved; empty if `text` is none.
std::string mutated_json(const std::string& text, Dice& dice, const std::vector<std::string>& words);

}  // namespace vitrine::fuzz
