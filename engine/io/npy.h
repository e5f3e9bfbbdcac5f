#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "engine/core/error.h"

namespace vitrine::engine {

/// A npy array, values as float32 in row-major order whatever the file's order.
struct NpyArray {
  std::string descr;                 ///< the file's element type, "<f4"
  std::vector<std::int64_t> shape;
  std::vector<float> values;
};

/// What the header says; the values are checked to be there, not read.
struct NpyHeader {
  std::string descr;
  bool fortran_order = false;
  std::vector<std::int64_t> shape;
  std::uint64_t offset = 0;          ///< of the first value
};

/// What the header says, and how each value is stored.
struct NpyLayout {
  NpyHeader header;
  char kind = 'f';                   ///< 'f', 'i', 'u', 'b' or 'c'
  std::size_t element_bytes = 4;
  bool big_endian = false;
  std::uint64_t count = 0;           ///< of values
};

/// Reads the header at the begin of `bytes`, which must be the whole array and nothing more.
/// @param file, base for messages: byte `base` of the file is the first of `bytes`
[[nodiscard]] Result<NpyLayout> parse_npy(std::span<const std::byte> bytes, const std::string& file,
                                          std::uint64_t base);

/// @error FileFormat with the byte; Unsupported for object, text and record arrays
[[nodiscard]] Result<NpyHeader> read_npy_header(const std::filesystem::path& path);
/// Little- and big-endian floats, integers, booleans; complex numbers are refused.
[[nodiscard]] Result<NpyArray> read_npy(const std::filesystem::path& path);

/// What stands before the values of a float32, row-major array of version 1.0.
[[nodiscard]] std::string npy_preamble(const std::vector<std::int64_t>& shape);

/// Writes float32, row-major, version 1.0; whole or not at all.
/// @error ShapeMismatch, FileMissing
[[nodiscard]] Status write_npy(const std::filesystem::path& path, const std::vector<std::int64_t>& shape,
                               std::span<const float> values);

}  // namespace vitrine::engine
