#include "engine/text/byte_alphabet.h"

#include <array>

#include "engine/text/unicode.h"

namespace vitrine::engine::text {
namespace {

struct Tables {
  std::array<char32_t, 256> visible{};
  std::array<int, 512> byte{};

  Tables() {
    byte.fill(-1);
    char32_t next = 256;
    for (int b = 0; b < 256; ++b) {
      const bool shown = (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
      const char32_t c = shown ? static_cast<char32_t>(b) : next++;
      visible[static_cast<std::size_t>(b)] = c;
      byte[c] = b;
    }
  }
};

const Tables& tables() {
  static const Tables t;
  return t;
}

}  // namespace

char32_t visible_of_byte(unsigned char byte) { return tables().visible[byte]; }

std::optional<unsigned char> byte_of_visible(char32_t c) {
  if (c >= tables().byte.size() || tables().byte[c] < 0) return std::nullopt;
  return static_cast<unsigned char>(tables().byte[c]);
}

std::optional<std::string> bytes_of_visible(std::string_view token) {
  std::string out;
  for (std::size_t at = 0; at < token.size();) {
    const Decoded d = decode_utf8(token, at);
    const auto byte = byte_of_visible(d.c);
    if (!byte) return std::nullopt;
    out.push_back(static_cast<char>(*byte));
    at += d.bytes;
  }
  return out;
}

}  // namespace vitrine::engine::text
