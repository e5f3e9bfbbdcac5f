#include <algorithm>
#include <string_view>

#include "tests/fuzz/mutators.h"

namespace vitrine::fuzz {
namespace {

constexpr std::size_t kFirstChunk = 12, kChunkHeader = 8;

void put(Buffer& bytes, std::size_t at, std::size_t count, std::uint64_t value) {
  for (std::size_t i = 0; i < count && at + i < bytes.size(); ++i) bytes[at + i] = static_cast<std::uint8_t>(value >> (8 * i));
}

std::uint64_t get(const Buffer& bytes, std::size_t at, std::size_t count) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < count && at + i < bytes.size(); ++i) value |= std::uint64_t{bytes[at + i]} << (8 * i);
  return value;
}

bool named(const Buffer& bytes, std::size_t at, std::string_view name) {
  return at + name.size() <= bytes.size() && std::equal(name.begin(), name.end(), bytes.begin() + static_cast<std::ptrdiff_t>(at));
}

/// Keeps the sides that the chunk at `at` tells below 64: a picture of a gigabyte in ten bytes is refused or filled with
/// zeros, again and again, and nothing new is seen.
void shrink_sides(Buffer& bytes, std::size_t at) {
  const std::size_t body = at + kChunkHeader;
  if (named(bytes, at, "VP8X")) {
    put(bytes, body + 4, 3, get(bytes, body + 4, 3) & 63U);
    put(bytes, body + 7, 3, get(bytes, body + 7, 3) & 63U);
  } else if (named(bytes, at, "VP8L")) {
    const std::uint64_t fields = get(bytes, body + 1, 4);
    put(bytes, body + 1, 4, (fields & ~std::uint64_t{0x0FFFFFFF}) | (fields & 63U) | (fields >> 14U & 63U) << 14U);
  } else if (named(bytes, at, "VP8 ")) {
    put(bytes, body + 6, 2, std::max<std::uint64_t>(get(bytes, body + 6, 2) & 63U, 1));
    put(bytes, body + 8, 2, std::max<std::uint64_t>(get(bytes, body + 8, 2) & 63U, 1));
  }
}

}  // namespace

void mutate_webp(Buffer& bytes, std::size_t max_size, Dice& dice, const ByteMutation& plain) {
  plain(bytes, max_size);
  if (bytes.size() < kFirstChunk + kChunkHeader || !named(bytes, 0, "RIFF") || dice.one_in(16)) return;
  const bool small = !dice.one_in(4096);
  for (std::size_t at = kFirstChunk; at + kChunkHeader <= bytes.size();) {
    if (small) shrink_sides(bytes, at);
    const std::size_t rest = bytes.size() - at - kChunkHeader;
    if (get(bytes, at + 4, 4) > rest) put(bytes, at + 4, 4, rest & ~std::size_t{1});
    const auto size = static_cast<std::size_t>(get(bytes, at + 4, 4));
    at += kChunkHeader + size + size % 2;
  }
  put(bytes, 4, 4, bytes.size() - 8);
}

}  // namespace vitrine::fuzz
