#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace vitrine::test {

/// A protobuf message, field by field.
struct Proto {
  std::string bytes;

  Proto& varint(int number, std::uint64_t value) {
    tag(number, 0);
    put(value);
    return *this;
  }
  Proto& text(int number, std::string_view value) {
    tag(number, 2);
    put(value.size());
    bytes += value;
    return *this;
  }
  Proto& text(int number, const Proto& message) { return text(number, message.bytes); }
  Proto& fixed32(int number, float value) {
    tag(number, 5);
    append(value);
    return *this;
  }
  Proto& fixed64(int number, double value) {
    tag(number, 1);
    append(value);
    return *this;
  }

 private:
  void tag(int number, unsigned wire) { put(static_cast<std::uint64_t>(number) << 3 | wire); }
  void put(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes.push_back(static_cast<char>((value & 0x7F) | 0x80));
    bytes.push_back(static_cast<char>(value));
  }
  template <class T>
  void append(T value) {
    char raw[sizeof value];
    std::memcpy(raw, &value, sizeof value);
    bytes.append(raw, sizeof value);
  }
};

/// Numbers one after another, as files hold them.
template <class T>
std::string packed(std::initializer_list<T> values) {
  std::string out(values.size() * sizeof(T), '\0');
  if (values.size() > 0) std::memcpy(out.data(), values.begin(), out.size());
  return out;
}

}  // namespace vitrine::test
