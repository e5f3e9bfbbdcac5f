#include "engine/core/sha256.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <fstream>
#include <vector>

#include <fmt/format.h>

namespace vitrine::engine {

namespace {

bool is_prime(std::uint32_t n) {
  for (std::uint32_t d = 2; d * d <= n; ++d)
    if (n % d == 0) return false;
  return true;
}

/// First 32 bits of the fractional part of the cube root of n, exactly: floor(cbrt(n) * 2^32) mod 2^32.
std::uint32_t cube_root_fraction(std::uint32_t n) {
  __extension__ using Wide = unsigned __int128;
  // The largest r with r^3 <= n * 2^96 has 35 bits, so r^3 fits into 105 bits.
  std::uint64_t root = 0;
  for (int bit = 34; bit >= 0; --bit) {
    const std::uint64_t candidate = root | std::uint64_t{1} << bit;
    if (Wide{candidate} * candidate * candidate <= Wide{n} << 96) root = candidate;
  }
  return static_cast<std::uint32_t>(root);
}

/// The round constants are the fractions of the cube roots of the first 64 primes.
const std::array<std::uint32_t, 64>& round_constants() {
  static const std::array<std::uint32_t, 64> constants = [] {
    std::array<std::uint32_t, 64> values{};
    std::uint32_t n = 2;
    for (std::uint32_t& value : values) {
      while (!is_prime(n)) ++n;
      value = cube_root_fraction(n++);
    }
    return values;
  }();
  return constants;
}

}  // namespace

void Sha256::block(const std::byte* bytes) {
  std::array<std::uint32_t, 64> w{};
  for (std::size_t i = 0; i < 16; ++i)
    for (std::size_t j = 0; j < 4; ++j) w[i] = w[i] << 8 | static_cast<std::uint32_t>(bytes[4 * i + j]);
  for (std::size_t i = 16; i < 64; ++i) {
    const std::uint32_t s0 = std::rotr(w[i - 15], 7) ^ std::rotr(w[i - 15], 18) ^ w[i - 15] >> 3;
    const std::uint32_t s1 = std::rotr(w[i - 2], 17) ^ std::rotr(w[i - 2], 19) ^ w[i - 2] >> 10;
    w[i] = w[i - 16] + s0 + w[i - 7] + s1;
  }
  auto [a, b, c, d, e, f, g, h] = state_;
  const auto& k = round_constants();
  for (std::size_t i = 0; i < 64; ++i) {
    const std::uint32_t s1 = std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25);
    const std::uint32_t first = h + s1 + ((e & f) ^ (~e & g)) + k[i] + w[i];
    const std::uint32_t s0 = std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22);
    const std::uint32_t second = s0 + ((a & b) ^ (a & c) ^ (b & c));
    h = g, g = f, f = e, e = d + first;
    d = c, c = b, b = a, a = first + second;
  }
  const std::array<std::uint32_t, 8> added{a, b, c, d, e, f, g, h};
  for (std::size_t i = 0; i < 8; ++i) state_[i] += added[i];
}

void Sha256::update(std::span<const std::byte> bytes) {
  total_ += bytes.size();
  if (pending_size_ > 0) {
    const std::size_t take = std::min(bytes.size(), pending_.size() - pending_size_);
    std::memcpy(pending_.data() + pending_size_, bytes.data(), take);
    pending_size_ += take;
    bytes = bytes.subspan(take);
    if (pending_size_ < pending_.size()) return;
    block(pending_.data());
    pending_size_ = 0;
  }
  for (; bytes.size() >= pending_.size(); bytes = bytes.subspan(pending_.size())) block(bytes.data());
  if (!bytes.empty()) std::memcpy(pending_.data(), bytes.data(), bytes.size());
  pending_size_ = bytes.size();
}

std::string Sha256::finish() {
  const std::uint64_t bits = total_ * 8;
  std::vector<std::byte> tail(1, std::byte{0x80});
  while ((pending_size_ + tail.size()) % 64 != 56) tail.push_back(std::byte{0});
  for (int shift = 56; shift >= 0; shift -= 8) tail.push_back(static_cast<std::byte>(bits >> shift & 0xff));
  update(tail);
  std::string text;
  for (std::uint32_t word : state_) text += fmt::format("{:08x}", word);
  return text;
}

std::string sha256(std::span<const std::byte> bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.finish();
}

std::string sha256(const std::string& text) { return sha256(std::as_bytes(std::span(text))); }

Result<std::string> sha256_file(const std::filesystem::path& path, const Progress& progress) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail_file(ErrorCode::FileMissing, path.string(), "expected a readable file, came none");
  std::error_code unknown;
  const double size = static_cast<double>(std::max<std::uintmax_t>(1, std::filesystem::file_size(path, unknown)));
  std::vector<char> buffer(std::size_t{1} << 20);
  Sha256 hash;
  double done = 0;
  while (file) {
    file.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    const auto count = static_cast<std::size_t>(file.gcount());
    hash.update(std::as_bytes(std::span(buffer.data(), count)));
    done += static_cast<double>(count);
    VITRINE_CHECK(progress.step(std::min(1.0, done / size), "checksum"));
  }
  return hash.finish();
}

}  // namespace vitrine::engine
