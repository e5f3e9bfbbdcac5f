#include <cmath>

#include <fmt/format.h>

#include "engine/io/json.h"
#include "engine/io/quantised_parts.h"

// bitsandbytes: int8 rows with their largest absolute value, and 4-bit codes of a table with a scale a block, which may
// be 8-bit codes of another table themselves.

namespace vitrine::engine::quantised {
namespace {

using nlohmann::json;

constexpr std::string_view kState = ".quant_state.bitsandbytes__";
constexpr std::uint64_t kMaxState = 1 << 16;

struct Rows {
  File file;
  const TensorEntry *codes = nullptr, *largest = nullptr;
};

Status decode_int8(const Rows& r, std::span<float> to) {
  VITRINE_CHECK(r.file->read_f32_into(*r.codes, to));
  VITRINE_TRY(const auto largest, r.file->read_f32(*r.largest));
  const auto in = static_cast<std::size_t>(r.codes->shape[1]);
  for (std::size_t o = 0; o < largest.size(); ++o)
    for (std::size_t i = 0; i < in; ++i) to[o * in + i] *= largest[o] / 127.0F;
  return {};
}

Status find_int8(const File& file, Matrices& found) {
  constexpr std::string_view kLargest = ".SCB";
  for (const TensorEntry& entry : file->tensors()) {
    if (!entry.name.ends_with(kLargest)) continue;
    const std::string base = entry.name.substr(0, entry.name.size() - kLargest.size());
    Rows r{file, nullptr, nullptr};
    VITRINE_TRY(r.codes, part(*file, base, ".weight", {"I8"}));
    VITRINE_TRY(r.largest, part(*file, base, kLargest, {"F32", "F16", "BF16"}));
    VITRINE_CHECK(expect_matrix(*r.codes));
    VITRINE_CHECK(expect_shape(*r.largest, {r.codes->shape[0]}));
    std::vector<const TensorEntry*> parts{r.codes, r.largest};
    if (const TensorEntry* format = file->find(base + ".weight_format")) {
      VITRINE_TRY(const auto order, file->read_f32(*format));
      if (order.size() != 1 || order[0] != 0)
        return bad(*format, "only int8 matrices in the format 'row' (0) are read");
      parts.push_back(format);
    }
    found.push_back(matrix_of(*file, base + ".weight", "INT8", r.codes->shape[0], r.codes->shape[1], parts,
                              "bitsandbytes int8, a scale a row"));
    found.back().decoder = decoder([r](std::span<float> to) { return decode_int8(r, to); });
  }
  return {};
}

struct Blocks {
  File file;
  const TensorEntry *codes = nullptr, *scales = nullptr, *table = nullptr;
  const TensorEntry *nested_scales = nullptr, *nested_table = nullptr;
  std::int64_t values = 0, block = 64, nested_block = 256;
  double offset = 0;
};

Result<std::vector<float>> scales_of(const Blocks& b) {
  VITRINE_TRY(auto scales, b.file->read_f32(*b.scales));
  if (b.nested_scales == nullptr) return scales;
  VITRINE_TRY(const auto outer, b.file->read_f32(*b.nested_scales));
  VITRINE_TRY(const auto table, b.file->read_f32(*b.nested_table));
  for (std::size_t i = 0; i < scales.size(); ++i)
    scales[i] = table[static_cast<std::size_t>(scales[i])] * outer[i / static_cast<std::size_t>(b.nested_block)] +
                static_cast<float>(b.offset);
  return scales;
}

Status decode_4bit(const Blocks& b, std::span<float> to) {
  VITRINE_TRY(const auto codes, b.file->bytes(*b.codes));
  VITRINE_TRY(const auto table, b.file->read_f32(*b.table));
  VITRINE_TRY(const auto scales, scales_of(b));
  const auto block = static_cast<std::size_t>(b.block);
  for (std::size_t i = 0; i < to.size(); ++i) {
    const auto pair = static_cast<unsigned>(codes[i / 2]);
    to[i] = table[i % 2 == 0 ? pair >> 4 : pair & 15U] * scales[i / block];
  }
  return {};
}

Result<std::int64_t> size_in(const TensorEntry& state, const json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_number_integer() || *found < 1 || *found > (1 << 20))
    return bad(state, fmt::format("expected a size of 1 to 1048576 in '{}' of the quantisation state", key));
  return found->get<std::int64_t>();
}

Result<json> state_of(const Checkpoint& file, const TensorEntry& state) {
  if (state.dtype != "U8" || state.bytes > kMaxState) return bad(state, "expected a quantisation state of at most 65536 bytes");
  VITRINE_TRY(const auto bytes, file.bytes(state));
  auto object = parse_json(as_text(bytes), state.file, 8);
  if (!object) return bad(state, "the quantisation state is not usable JSON: " + object.error().message);
  if (!object->is_object()) return bad(state, "expected an object as quantisation state");
  return object;
}

Status read_shape(const TensorEntry& state, const json& object, std::int64_t& out, std::int64_t& in) {
  const auto shape = object.find("shape");
  const bool matrix = shape != object.end() && shape->is_array() && shape->size() == 2;
  for (std::size_t i = 0; i < 2; ++i)
    if (!matrix || !shape->at(i).is_number_integer() || shape->at(i) < 1 || shape->at(i) > (1 << 30))
      return bad(state, "expected two sizes in 'shape' of the quantisation state");
  out = shape->at(0).get<std::int64_t>();
  in = shape->at(1).get<std::int64_t>();
  if (out > kMaxValues / in) return bad(state, fmt::format("a matrix of {} x {} values is over the limit", out, in));
  return {};
}

Status read_nested(Blocks& b, const std::string& base, const TensorEntry& state, const json& object, std::int64_t blocks) {
  VITRINE_TRY(b.nested_scales, part(*b.file, base, ".nested_absmax", {"F32"}));
  VITRINE_TRY(b.nested_table, part(*b.file, base, ".nested_quant_map", {"F32"}));
  VITRINE_TRY(b.nested_block, size_in(state, object, "nested_blocksize"));
  VITRINE_CHECK(expect_shape(*b.nested_scales, {parts_of(blocks, b.nested_block)}));
  VITRINE_CHECK(expect_shape(*b.nested_table, {256}));
  const auto offset = object.find("nested_offset");
  if (offset == object.end() || !offset->is_number()) return bad(state, "expected a number in 'nested_offset' of the quantisation state");
  b.offset = offset->get<double>();
  return {};
}

Status find_one_4bit(const File& file, const TensorEntry& state, Matrices& found) {
  const std::size_t cut = state.name.find(kState);
  const std::string base = state.name.substr(0, cut), type = state.name.substr(cut + kState.size());
  if (type != "nf4" && type != "fp4") return bad(state, fmt::format("expected the type nf4 or fp4, came {}", printable(type)));
  VITRINE_TRY(const json object, state_of(*file, state));
  Blocks b;
  b.file = file;
  std::int64_t out = 0, in = 0;
  VITRINE_CHECK(read_shape(state, object, out, in));
  VITRINE_TRY(b.block, size_in(state, object, "blocksize"));
  b.values = out * in;
  VITRINE_TRY(b.codes, part(*file, base, "", {"U8", "I8", "F32", "F16", "BF16"}));
  if (b.codes->bytes != static_cast<std::uint64_t>((b.values + 1) / 2))
    return bad(*b.codes, fmt::format("expected {} bytes of 4-bit codes for {} x {} values, came {}", (b.values + 1) / 2, out, in, b.codes->bytes));
  VITRINE_TRY(b.table, part(*file, base, ".quant_map", {"F32"}));
  VITRINE_CHECK(expect_shape(*b.table, {16}));
  VITRINE_TRY(b.scales, part(*file, base, ".absmax", {"F32", "F16", "BF16", "U8"}));
  const std::int64_t blocks = parts_of(b.values, b.block);
  VITRINE_CHECK(expect_shape(*b.scales, {blocks}));
  std::vector<const TensorEntry*> parts{b.codes, b.scales, b.table, &state};
  const bool nested = b.scales->dtype == "U8";
  if (nested) {
    VITRINE_CHECK(read_nested(b, base, state, object, blocks));
    parts.insert(parts.end(), {b.nested_scales, b.nested_table});
  }
  found.push_back(matrix_of(*file, base, type == "nf4" ? "NF4" : "FP4", out, in, parts,
                            fmt::format("bitsandbytes {}, blocks of {}{}", type, b.block, nested ? " with quantised scales" : "")));
  found.back().decoder = decoder([b](std::span<float> to) { return decode_4bit(b, to); });
  return {};
}

}  // namespace

Status find_bitsandbytes(const File& file, Matrices& found) {
  VITRINE_CHECK(find_int8(file, found));
  for (const TensorEntry& entry : file->tensors())
    if (entry.name.find(kState) != std::string::npos) VITRINE_CHECK(find_one_4bit(file, entry, found));
  return {};
}

}  // namespace vitrine::engine::quantised
