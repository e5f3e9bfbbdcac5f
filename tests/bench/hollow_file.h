#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <fmt/format.h>

namespace vitrine::bench {

/// Writes a safetensors file with this header; its values are a hole that takes no room on the disk.
inline void write_hollow(const std::filesystem::path& path, const std::string& header, std::uint64_t value_bytes) {
  const std::uint64_t length = header.size();
  std::ofstream out(path, std::ios::binary);
  out.write(reinterpret_cast<const char*>(&length), sizeof length) << header;
  out.close();
  std::filesystem::resize_file(path, 8 + length + value_bytes);
}

/// `tensors` one-axis tensors of bytes, with names of `name_length` characters.
inline void write_hollow_file(const std::filesystem::path& path, std::uint64_t tensors, std::uint64_t bytes_each, int name_length) {
  std::string header = "{";
  for (std::uint64_t i = 0; i < tensors; ++i)
    header += fmt::format(R"({}"{:0>{}}":{{"dtype":"U8","shape":[{}],"data_offsets":[{},{}]}})", i == 0 ? "" : ",", fmt::format("trunk.block_{}.weight", i),
                          name_length, bytes_each, bytes_each * i, bytes_each * (i + 1));
  write_hollow(path, header + "}", bytes_each * tensors);
}

/// Tensors of one float, as many of them as a header can hold.
inline void write_tiny_tensors(const std::filesystem::path& path, std::uint64_t tensors) {
  std::string header = "{";
  for (std::uint64_t i = 0; i < tensors; ++i)
    header += fmt::format(R"({}"layers.{}.b{}.w{}":{{"dtype":"F32","shape":[1],"data_offsets":[{},{}]}})", i == 0 ? "" : ",", i / 10'000,
                          i / 100 % 100, i, 4 * i, 4 * (i + 1));
  write_hollow(path, header + "}", 4 * tensors);
}

/// Tensors of `bytes_each` bytes of values, all of them finite and on the disk. @param dtype "F32" or "BF16"
inline void write_values(const std::filesystem::path& path, std::uint64_t tensors, std::uint64_t bytes_each, const std::string& dtype) {
  const std::uint64_t width = dtype == "F32" ? 4 : 2;
  std::string header = "{";
  for (std::uint64_t i = 0; i < tensors; ++i)
    header += fmt::format(R"({}"block_{}.weight":{{"dtype":"{}","shape":[{}],"data_offsets":[{},{}]}})", i == 0 ? "" : ",", i, dtype, bytes_each / width,
                          bytes_each * i, bytes_each * (i + 1));
  header += "}" + std::string(7 - (header.size() + 8) % 8, ' ');
  const std::uint64_t length = header.size();
  std::ofstream out(path, std::ios::binary);
  out.write(reinterpret_cast<const char*>(&length), sizeof length) << header;
  std::vector<std::uint16_t> values(bytes_each / 2);
  std::uint32_t state = 1;
  for (std::uint64_t i = 0; i < tensors; ++i) {
    for (std::uint16_t& half : values) half = static_cast<std::uint16_t>((state = state * 1664525 + 1013904223) >> 16) & 0xBF7F;   // below 2 in both types
    out.write(reinterpret_cast<const char*>(values.data()), static_cast<std::streamsize>(2 * values.size()));
  }
}

/// The files that a first screen is measured on: 2 GB in 200 tensors, and headers of 99 MB.
inline void write_large_file(const std::filesystem::path& path) { write_hollow_file(path, 200, 10'000'000, 24); }
inline void write_long_header(const std::filesystem::path& path) { write_hollow_file(path, 100'000, 4, 920); }
inline void write_million(const std::filesystem::path& path) { write_tiny_tensors(path, 1'150'000); }

}  // namespace vitrine::bench
