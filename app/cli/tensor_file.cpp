#include "app/cli/tensor_file.h"

#include <array>
#include <cstdint>
#include <limits>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/io/json.h"
#include "engine/io/npy.h"
#include "engine/io/safetensors.h"

namespace vitrine::app {

using engine::DType;
using engine::ErrorCode;
using engine::fail;
using engine::fail_file;
using engine::Status;
using engine::Tensor;

namespace {

bool is_integer(const Tensor& tensor) { return tensor.dtype() == DType::I64 || tensor.dtype() == DType::I32; }

Status write_safetensors_file(const std::filesystem::path& path, const std::map<std::string, Tensor>& tensors) {
  std::vector<std::vector<float>> floats;
  std::vector<std::vector<std::int64_t>> ints;
  floats.reserve(tensors.size());
  ints.reserve(tensors.size());
  std::vector<engine::TensorToWrite> list;
  for (const auto& [name, tensor] : tensors) {
    engine::TensorToWrite entry{name, tensor.shape(), {}, is_integer(tensor) ? DType::I64 : DType::F32, {}};
    if (is_integer(tensor)) entry.integers = ints.emplace_back(tensor.to_ints());
    else entry.values = floats.emplace_back(tensor.to_floats());
    list.push_back(std::move(entry));
  }
  return engine::write_safetensors(path, list, {{"format", "pt"}});
}

nlohmann::json nested(const std::vector<float>& values, const engine::Shape& shape, std::size_t axis, std::size_t& at) {
  if (axis == shape.size()) return values[at++];
  nlohmann::json list = nlohmann::json::array();
  for (std::int64_t i = 0; i < shape[axis]; ++i) list.push_back(nested(values, shape, axis + 1, at));
  return list;
}

Status write_json_file(const std::filesystem::path& path, const std::map<std::string, Tensor>& tensors) {
  nlohmann::json all = nlohmann::json::object();
  for (const auto& [name, tensor] : tensors) {
    std::size_t at = 0;
    all[name] = {{"shape", tensor.shape()}, {"dtype", dtype_name(tensor.dtype())}, {"values", nested(tensor.to_floats(), tensor.shape(), 0, at)}};
  }
  return engine::write_file_atomically(path, all.dump());
}

std::uint32_t crc32_of(const std::string& bytes) {
  static const auto table = [] {
    std::array<std::uint32_t, 256> t{};
    for (std::uint32_t i = 0; i < 256; ++i) {
      std::uint32_t c = i;
      for (int bit = 0; bit < 8; ++bit) c = c & 1 ? 0xEDB88320u ^ c >> 1 : c >> 1;
      t[i] = c;
    }
    return t;
  }();
  std::uint32_t crc = ~0u;
  for (unsigned char byte : bytes) crc = table[(crc ^ byte) & 0xFF] ^ crc >> 8;
  return ~crc;
}

void put(std::string& to, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) to += static_cast<char>(value >> (8 * i) & 0xFF);
}

/// NPY version 1.0 with the header padded to 64 bytes, as numpy writes it.
std::string npy_bytes(const Tensor& tensor) {
  std::string shape;
  for (std::int64_t size : tensor.shape()) shape += std::to_string(size) + ", ";
  std::string header = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}", is_integer(tensor) ? "<i8" : "<f4", shape);
  while ((header.size() + 11) % 64 != 0) header += ' ';
  header += '\n';
  std::string bytes = "\x93NUMPY\x01";
  bytes += '\0';
  put(bytes, header.size(), 2);
  bytes += header;
  if (is_integer(tensor)) {
    for (std::int64_t v : tensor.to_ints()) put(bytes, static_cast<std::uint64_t>(v), 8);
  } else {
    const auto values = tensor.to_floats();
    bytes.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
  }
  return bytes;
}

/// A zip archive of stored .npy files.
Status write_npz_file(const std::filesystem::path& path, const std::map<std::string, Tensor>& tensors) {
  std::string archive, directory;
  for (const auto& [name, tensor] : tensors) {
    const std::string entry = name + ".npy", bytes = npy_bytes(tensor);
    if (archive.size() + bytes.size() > std::numeric_limits<std::uint32_t>::max() / 2)
      return fail_file(ErrorCode::DoesNotFit, path.string(), "expected at most 2 GB for an .npz, came more; write .safetensors");
    std::string fields;
    put(fields, 20, 2);                 // version needed
    put(fields, 0x800, 2);              // UTF-8 names
    put(fields, 0, 2);                  // stored
    put(fields, 0x0021'0000, 4);        // 1980-01-01: the same tensors give the same bytes
    put(fields, crc32_of(bytes), 4);
    put(fields, bytes.size(), 4);
    put(fields, bytes.size(), 4);
    put(fields, entry.size(), 2);
    put(fields, 0, 2);
    directory += std::string("PK\x01\x02") + std::string("\x14\0", 2) + fields;
    put(directory, 0, 2);               // comment
    put(directory, 0, 2);               // disk
    put(directory, 0, 2);
    put(directory, 0, 4);
    put(directory, archive.size(), 4);
    directory += entry;
    archive += std::string("PK\x03\x04") + fields + entry + bytes;
  }
  const std::uint64_t start = archive.size();
  archive += directory + "PK\x05\x06";
  put(archive, 0, 4);
  put(archive, tensors.size(), 2);
  put(archive, tensors.size(), 2);
  put(archive, directory.size(), 4);
  put(archive, start, 4);
  put(archive, 0, 2);
  return engine::write_file_atomically(path, archive);
}

std::string csv_text(const Tensor& matrix) {
  const auto values = matrix.to_floats();
  const auto columns = static_cast<std::size_t>(matrix.size(1));
  std::string text;
  for (std::size_t i = 0; i < values.size(); ++i) text += fmt::format("{}{}", values[i], (i + 1) % columns == 0 ? "\n" : ",");
  return text;
}

tl::unexpected<engine::Error> wrong_ending(const std::filesystem::path& path, const char* expected) {
  return fail(ErrorCode::Usage, fmt::format("expected --out with the ending {}, came '{}'", expected, path.filename().string()));
}

}  // namespace

Status write_tensors(const std::filesystem::path& path, const std::map<std::string, Tensor>& tensors) {
  const std::string ending = path.extension().string();
  if (ending == ".safetensors") return write_safetensors_file(path, tensors);
  if (ending == ".npz") return write_npz_file(path, tensors);
  if (ending == ".json") return write_json_file(path, tensors);
  return wrong_ending(path, ".safetensors, .npz or .json");
}

Status write_matrix(const std::filesystem::path& path, const Tensor& matrix) {
  const std::string ending = path.extension().string();
  if (ending == ".npy") return engine::write_npy(path, matrix.shape(), matrix.to_floats());
  if (ending == ".safetensors") return write_safetensors_file(path, {{"map", matrix}});
  if (ending == ".csv") return engine::write_file_atomically(path, csv_text(matrix));
  return wrong_ending(path, ".npy, .safetensors or .csv");
}

}  // namespace vitrine::app
