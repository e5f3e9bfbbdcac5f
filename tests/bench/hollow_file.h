#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>

namespace vitrine::bench {

/// Writes a safetensors file of `tensors` one-axis tensors of bytes, with names of `name_length` characters; its values are a hole
/// that takes no room on the disk.
inline void write_hollow_file(const std::filesystem::path& path, std::uint64_t tensors, std::uint64_t bytes_each, int name_length) {
  std::string header = "{";
  for (std::uint64_t i = 0; i < tensors; ++i)
    header += fmt::format(R"({}"{:0>{}}":{{"dtype":"U8","shape":[{}],"data_offsets":[{},{}]}})", i == 0 ? "" : ",", fmt::format("trunk.block_{}.weight", i),
                          name_length, bytes_each, bytes_each * i, bytes_each * (i + 1));
  header += "}";
  const std::uint64_t length = header.size();
  std::ofstream out(path, std::ios::binary);
  out.write(reinterpret_cast<const char*>(&length), sizeof length) << header;
  out.close();
  std::filesystem::resize_file(path, 8 + length + bytes_each * tensors);
}

/// The two files that a first screen is measured on: 2 GB in 200 tensors, and a header of 99 MB.
inline void write_large_file(const std::filesystem::path& path) { write_hollow_file(path, 200, 10'000'000, 24); }
inline void write_long_header(const std::filesystem::path& path) { write_hollow_file(path, 100'000, 4, 920); }

}  // namespace vitrine::bench
