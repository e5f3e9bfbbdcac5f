#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "engine/io/atomic_file.h"
#include "engine/io/bytes.h"
#include "engine/io/float_convert.h"
#include "engine/io/json.h"
#include "engine/io/safetensors.h"

namespace vitrine::engine {
namespace {

constexpr std::size_t kChunk = 1U << 18;

/// Rounds a tensor to its type and writes it piece by piece.
Status write_values(AtomicFile& file, const TensorToWrite& tensor) {
  if (tensor.dtype == DType::I64 && !tensor.integers.empty())
    return file.write(as_text(std::as_bytes(tensor.integers)));
  if (tensor.dtype == DType::F32) return file.write(as_text(std::as_bytes(tensor.values)));
  std::vector<std::uint16_t> halves;
  std::vector<std::int64_t> integers;
  for (std::size_t at = 0; at < tensor.values.size(); at += kChunk) {
    const auto part = tensor.values.subspan(at, std::min(kChunk, tensor.values.size() - at));
    if (tensor.dtype == DType::I64) {
      integers.resize(part.size());
      for (std::size_t i = 0; i < part.size(); ++i) {
        if (!(part[i] > -9.2e18F && part[i] < 9.2e18F))
          return fail(ErrorCode::InvalidInput,
                      fmt::format("a value of '{}' is no 64-bit integer", printable(tensor.name)));
        integers[i] = static_cast<std::int64_t>(part[i]);
      }
      VITRINE_CHECK(file.write(as_text(std::as_bytes(std::span(integers)))));
    } else {
      halves.resize(part.size());
      std::transform(part.begin(), part.end(), halves.begin(),
                     tensor.dtype == DType::F16 ? float_to_half : float_to_bfloat16);
      VITRINE_CHECK(file.write(as_text(std::as_bytes(std::span(halves)))));
    }
  }
  return {};
}

const char* name_of(DType dtype) {
  switch (dtype) {
    case DType::F32: return "F32";
    case DType::F16: return "F16";
    case DType::BF16: return "BF16";
    case DType::I64: return "I64";
    default: return nullptr;
  }
}

}  // namespace

Status write_safetensors(const std::filesystem::path& path, const std::vector<TensorToWrite>& tensors,
                         const std::vector<std::pair<std::string, std::string>>& metadata) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  for (const auto& [key, value] : metadata) header["__metadata__"][repaired_utf8(key)] = repaired_utf8(value);
  // Large elements first keep every tensor aligned to its own size; equal sizes keep the caller's order.
  std::vector<const TensorToWrite*> order;
  for (const auto& tensor : tensors) order.push_back(&tensor);
  std::stable_sort(order.begin(), order.end(),
                   [](auto* a, auto* b) { return byte_size(a->dtype) > byte_size(b->dtype); });
  std::set<std::string_view> names;
  std::uint64_t at = 0;
  for (const TensorToWrite* tensor : order) {
    const char* dtype = name_of(tensor->dtype);
    if (dtype == nullptr || !is_utf8(tensor->name) || tensor->name == "__metadata__" ||
        !names.insert(tensor->name).second)
      return fail(ErrorCode::Usage,
                  fmt::format("'{}' of type {} cannot be written: a name twice or a type that is not written",
                              printable(tensor->name), dtype_name(tensor->dtype)));
    const auto count = checked_numel(std::vector<std::uint64_t>(tensor->shape.begin(), tensor->shape.end()));
    const std::size_t given = tensor->integers.empty() ? tensor->values.size() : tensor->integers.size();
    if (!count || *count != given || (!tensor->integers.empty() && tensor->dtype != DType::I64))
      return fail(ErrorCode::ShapeMismatch,
                  fmt::format("'{}' has {} values, its shape another number", printable(tensor->name), given));
    const std::uint64_t bytes = *count * static_cast<std::uint64_t>(byte_size(tensor->dtype));
    header[tensor->name] = {{"dtype", dtype}, {"shape", tensor->shape}, {"data_offsets", {at, at + bytes}}};
    at += bytes;
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');
  const std::uint64_t length = text.size();
  VITRINE_TRY(auto file, AtomicFile::create(path));
  VITRINE_CHECK(file.write({reinterpret_cast<const char*>(&length), sizeof length}));
  VITRINE_CHECK(file.write(text));
  for (const TensorToWrite* tensor : order) VITRINE_CHECK(write_values(file, *tensor));
  return file.commit();
}

}  // namespace vitrine::engine
