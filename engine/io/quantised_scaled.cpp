#include <fmt/format.h>

#include "engine/io/float_convert.h"
#include "engine/io/quantised_parts.h"

// compressed-tensors and block-wise FP8: [out, in] codes, packed or not, with a scale for the whole matrix, a row, a
// group of a row, or a rectangle.

namespace vitrine::engine::quantised {
namespace {

using nlohmann::json;

enum class Codes { Packed, Plain, Nibbles };

struct Scaled {
  File file;
  Codes kind = Codes::Plain;
  int bits = 8;
  std::int64_t out = 0, in = 0;
  std::int64_t rows_each = 1, columns_each = 1, scale_columns = 1;   ///< the rectangle that shares a scale
  std::int64_t per_word = 0;   ///< codes of a packed word; 0: without gaps
  const TensorEntry *codes = nullptr, *scales = nullptr, *zeros = nullptr, *group_index = nullptr, *global = nullptr;
};

struct Group {
  std::optional<std::int64_t> bits, group;
  std::string strategy, format, type;
  std::optional<std::int64_t> block_rows, block_columns;
};

std::int64_t packed_words(const Scaled& s, std::int64_t values) {
  return s.per_word == 0 ? words_for(values, s.bits) : parts_of(values, s.per_word);
}

/// Code `i` of a packed row, as the signed number that it stands for.
float packed_at(const Scaled& s, const BitRow& row, std::size_t i) {
  const auto half = static_cast<float>(1U << (s.bits - 1));
  if (s.per_word == 0) return static_cast<float>(row.at(i)) - half;
  const auto each = static_cast<std::size_t>(s.per_word);
  const std::uint32_t code = row.word(i / each) >> (i % each * static_cast<std::size_t>(s.bits)) & ((1U << s.bits) - 1);
  return static_cast<float>(code) - half;
}

Status read_codes(const Scaled& s, std::span<float> to) {
  if (s.kind == Codes::Plain) return s.file->read_f32_into(*s.codes, to);
  VITRINE_TRY(const auto stored, s.file->bytes(*s.codes));
  const auto in = static_cast<std::size_t>(s.in), out = static_cast<std::size_t>(s.out);
  const auto words = static_cast<std::size_t>(packed_words(s, s.in));
  for (std::size_t o = 0; o < out; ++o) {
    const BitRow row{stored.data() + o * words * 4, 1, static_cast<unsigned>(s.bits)};
    for (std::size_t i = 0; i < in; ++i)
      to[o * in + i] = s.kind == Codes::Packed ? packed_at(s, row, i)
                                               : float4_e2m1_to_float(static_cast<std::uint8_t>(
                                                     static_cast<unsigned>(stored[(o * in + i) / 2]) >> (i % 2 * 4)));
  }
  return {};
}

/// [scale row, scale column]; zeros where the file has none.
Result<std::vector<float>> read_zeros(const Scaled& s, std::size_t count) {
  if (s.zeros == nullptr) return std::vector<float>(count, 0.0F);
  if (s.kind != Codes::Packed || s.zeros->dtype != "I32" || s.zeros->shape == s.scales->shape) return s.file->read_f32(*s.zeros);
  VITRINE_TRY(const auto stored, s.file->bytes(*s.zeros));
  const auto columns = static_cast<std::size_t>(s.scale_columns), rows = count / columns;
  std::vector<float> zeros(count);
  for (std::size_t c = 0; c < columns; ++c) {
    const BitRow column{stored.data() + 4 * c, columns, static_cast<unsigned>(s.bits)};
    for (std::size_t r = 0; r < rows; ++r) zeros[r * columns + c] = packed_at(s, column, r);
  }
  return zeros;
}

Result<std::vector<std::size_t>> scale_columns_of(const Scaled& s) {
  std::vector<std::size_t> column(static_cast<std::size_t>(s.in));
  if (s.group_index == nullptr) {
    for (std::size_t i = 0; i < column.size(); ++i) column[i] = i / static_cast<std::size_t>(s.columns_each);
    return column;
  }
  VITRINE_TRY(const auto stored, s.file->read_f32(*s.group_index));
  for (std::size_t i = 0; i < column.size(); ++i) {
    // -1 in all places says that there is no order of its own.
    const float g = stored[i] == -1.0F ? static_cast<float>(i / static_cast<std::size_t>(s.columns_each)) : stored[i];
    if (!(g >= 0) || g >= static_cast<float>(s.scale_columns))
      return bad(*s.group_index, fmt::format("expected groups 0 to {}, came {} for input {}", s.scale_columns - 1, g, i));
    column[i] = static_cast<std::size_t>(g);
  }
  return column;
}

Status decode_scaled(const Scaled& s, std::span<float> to) {
  VITRINE_CHECK(read_codes(s, to));
  VITRINE_TRY(auto scales, s.file->read_f32(*s.scales));
  VITRINE_TRY(const auto zeros, read_zeros(s, scales.size()));
  VITRINE_TRY(const auto column, scale_columns_of(s));
  if (s.global != nullptr) {
    VITRINE_TRY(const auto global, s.file->read_f32(*s.global));
    for (float& scale : scales) scale /= global[0];
  }
  const auto in = static_cast<std::size_t>(s.in), columns = static_cast<std::size_t>(s.scale_columns);
  for (std::size_t o = 0; o < static_cast<std::size_t>(s.out); ++o) {
    const std::size_t row = o / static_cast<std::size_t>(s.rows_each) * columns;
    for (std::size_t i = 0; i < in; ++i) {
      const std::size_t at = row + column[i];
      to[o * in + i] = (to[o * in + i] - zeros[at]) * scales[at];
    }
  }
  return {};
}

/// Which rectangle shares a scale, by the shape of the scales and what the configuration says.
Status place_scales(Scaled& s, const Group& group) {
  const TensorEntry& scales = *s.scales;
  const auto& shape = scales.shape;
  if (scales.numel() == 1) {
    s.rows_each = s.out;
    s.columns_each = s.in;
    return {};
  }
  if (shape == std::vector{s.out} || shape == std::vector{s.out, std::int64_t{1}}) {
    s.columns_each = s.in;
    return {};
  }
  if (shape.size() != 2 || shape[0] < 1 || shape[1] < 1 || shape[0] > s.out || shape[1] > s.in)
    return bad(scales, fmt::format("these scales do not go with a matrix of {} x {}", s.out, s.in));
  s.scale_columns = shape[1];
  s.rows_each = group.block_rows.value_or(shape[0] == s.out ? 1 : parts_of(s.out, shape[0]));
  s.columns_each = group.block_columns.value_or(group.group.value_or(parts_of(s.in, shape[1])));
  if (s.rows_each < 1 || s.columns_each < 1)
    return fail(ErrorCode::FileFormat, fmt::format("quantization_config: expected a group or block of at least 1, came {} x {}", s.rows_each, s.columns_each));
  return expect_shape(scales, {parts_of(s.out, s.rows_each), parts_of(s.in, s.columns_each)});
}

Result<Group> group_of(const json& weights, const std::string& format) {
  Group group;
  group.format = format;
  if (!weights.is_object()) return group;
  VITRINE_TRY(group.bits, whole(weights, {"num_bits"}));
  VITRINE_TRY(group.group, whole(weights, {"group_size"}));
  group.strategy = word(weights, "strategy");
  group.type = word(weights, "type");
  if (group.strategy != "group" && group.strategy != "tensor_group") group.group.reset();
  if (group.group && *group.group < 1)
    return fail(ErrorCode::FileFormat, fmt::format("quantization_config: expected a group_size of at least 1, came {}", *group.group));
  const json block = weights.value("block_structure", json());
  if (group.strategy == "block" && block.is_array() && block.size() == 2 && block[0].is_number_integer() && block[1].is_number_integer()) {
    group.block_rows = block[0].get<std::int64_t>();
    group.block_columns = block[1].get<std::int64_t>();
  }
  return group;
}

/// What each of `config_groups` says about weights; at least one, which may say nothing.
Result<std::vector<Group>> groups_of(const json& config) {
  std::vector<Group> groups;
  const std::string format = word(config, "format");
  for (const std::string_view unread : {"marlin-24", "sparse-bitmask", "sparse-24-bitmask", "mxfp4-pack-quantized", "mxfp6-pack-quantized", "mxfp8-quantized"})
    if (format == unread) return fail(ErrorCode::Unsupported, fmt::format("quantization_config: the format {} is not read", format));
  const json sets = config.is_object() ? config.value("config_groups", json()) : json();
  if (sets.is_object())
    for (const auto& [name, set] : sets.items()) {
      VITRINE_TRY(Group group, group_of(set.is_object() ? set.value("weights", json()) : json(), format));
      groups.push_back(std::move(group));
    }
  if (groups.empty()) groups.emplace_back();
  const json block = config.is_object() ? config.value("weight_block_size", json()) : json();
  if (block.is_array() && block.size() == 2 && block[0].is_number_integer() && block[1].is_number_integer())
    for (Group& group : groups) {
      group.block_rows = block[0].get<std::int64_t>();
      group.block_columns = block[1].get<std::int64_t>();
    }
  return groups;
}

Status read_shape(const Checkpoint& file, const std::string& base, Scaled& s) {
  VITRINE_TRY(const TensorEntry* shape, part(file, base, ".weight_shape", {"I64", "I32"}));
  VITRINE_CHECK(expect_shape(*shape, {2}));
  VITRINE_TRY(const auto values, file.read_f32(*shape));
  s.out = static_cast<std::int64_t>(values[0]);
  s.in = static_cast<std::int64_t>(values[1]);
  if (!(values[0] >= 1) || !(values[1] >= 1) || values[0] > 1e9F || values[1] > 1e7F || s.out != s.codes->shape[0])
    return bad(*shape, fmt::format("a shape of {} x {} does not go with {} packed rows", values[0], values[1], s.codes->shape[0]));
  return {};
}

/// Whether the codes have the width that this group says.
bool fits(Scaled& s, const Group& group) {
  s.bits = static_cast<int>(std::clamp<std::int64_t>(group.bits.value_or(4), 0, 64));
  if (s.bits < 1 || s.bits > 8) return false;
  for (const std::int64_t per_word : {std::int64_t{0}, std::int64_t{32 / s.bits}}) {
    s.per_word = per_word;
    if (packed_words(s, s.in) == s.codes->shape[1]) return true;
  }
  return false;
}

Result<Group> packed_codes(const Checkpoint& file, const std::string& base, Scaled& s, const std::vector<Group>& groups) {
  VITRINE_CHECK(expect_matrix(*s.codes));
  if (s.codes->dtype == "U8") {
    s.kind = Codes::Nibbles;
    s.bits = 4;
    s.out = s.codes->shape[0];
    s.in = s.codes->shape[1] * 2;
    VITRINE_TRY(s.global, part(file, base, ".weight_global_scale", {"F32"}));
    if (s.global->numel() != 1) return bad(*s.global, "expected one global scale");
    for (const Group& group : groups)
      if (group.type == "float") return group;
    return Group{};
  }
  s.kind = Codes::Packed;
  VITRINE_CHECK(read_shape(file, base, s));
  for (const Group& group : groups)
    if (fits(s, group)) return group;
  return bad(*s.codes, fmt::format("{} words a row do not hold {} codes of the {} bits that the configuration says", s.codes->shape[1], s.in,
                                   groups.front().bits.value_or(4)));
}

Status place_zeros(const Checkpoint& file, const std::string& base, Scaled& s) {
  if (file.find(base + ".weight_zero_point") == nullptr) return {};
  VITRINE_TRY(s.zeros, part(file, base, ".weight_zero_point", {"I8", "U8", "I32", "F8_E4M3", "F32", "F16", "BF16"}));
  if (s.zeros->shape == s.scales->shape) return {};
  const std::int64_t rows = s.scales->numel() / s.scale_columns;
  return expect_shape(*s.zeros, {packed_words(s, rows), s.scale_columns});
}

std::string described(const Scaled& s, bool reversed) {
  const char* what = s.kind == Codes::Nibbles ? "nvfp4" : s.codes->dtype.starts_with("F8") ? "FP8" : "integers";
  const std::string share = s.rows_each == s.out && s.columns_each == s.in ? "the matrix"
                            : s.columns_each == s.in                       ? "a row"
                            : s.rows_each == 1                             ? fmt::format("{} of a row", s.columns_each)
                                                                           : fmt::format("{} x {}", s.rows_each, s.columns_each);
  return fmt::format("{} {} of {} bits, a scale for {}{}", reversed ? "block-wise" : "compressed-tensors", what, s.bits, share,
                     s.group_index != nullptr ? " by index" : "");
}

Status find_one(const File& file, const std::string& base, std::string_view scale_suffix, const std::vector<Group>& groups, Matrices& found) {
  Scaled s;
  s.file = file;
  Group group = groups.front();
  if ((s.codes = file->find(base + ".weight_packed")) != nullptr) {
    VITRINE_TRY(s.codes, part(*file, base, ".weight_packed", {"I32", "U8"}));
    VITRINE_TRY(group, packed_codes(*file, base, s, groups));
  } else {
    s.codes = file->find(base + ".weight");
    // Scales beside something else, such as activations', are none of ours.
    if (s.codes == nullptr || (s.codes->dtype != "I8" && s.codes->dtype != "F8_E4M3" && s.codes->dtype != "F8_E5M2" && s.codes->dtype != "U8")) return {};
    VITRINE_CHECK(expect_matrix(*s.codes));
    s.out = s.codes->shape[0];
    s.in = s.codes->shape[1];
  }
  VITRINE_TRY(s.scales, part(*file, base, scale_suffix, {"F32", "F16", "BF16", "F8_E4M3"}));
  VITRINE_CHECK(place_scales(s, group));
  VITRINE_CHECK(place_zeros(*file, base, s));
  std::vector<const TensorEntry*> parts{s.codes, s.scales};
  if (const TensorEntry* index = file->find(base + ".weight_g_idx")) {
    VITRINE_TRY(s.group_index, part(*file, base, ".weight_g_idx", {"I32", "I64"}));
    VITRINE_CHECK(expect_shape(*index, {s.in}));
    parts.push_back(index);
  }
  for (const TensorEntry* entry : {s.zeros, s.global, file->find(base + ".weight_shape")})
    if (entry != nullptr) parts.push_back(entry);
  const std::string type = s.kind == Codes::Nibbles ? "NVFP4" : s.kind == Codes::Packed ? fmt::format("INT{}", s.bits) : s.codes->dtype;
  found.push_back(matrix_of(*file, base + ".weight", type, s.out, s.in, parts, described(s, scale_suffix == ".weight_scale_inv")));
  found.back().decoder = decoder([s](std::span<float> to) { return decode_scaled(s, to); });
  return {};
}

}  // namespace

Status find_scaled(const File& file, const json& config, Matrices& found) {
  std::optional<std::vector<Group>> groups;
  for (const TensorEntry& entry : file->tensors()) {
    for (const std::string_view suffix : {".weight_packed", ".weight_scale", ".weight_scale_inv"}) {
      if (!entry.name.ends_with(suffix)) continue;
      const std::string base = entry.name.substr(0, entry.name.size() - suffix.size());
      if (suffix == ".weight_scale" && file->find(base + ".weight_packed") != nullptr) continue;
      if (!groups) {
        VITRINE_TRY(groups, groups_of(config));
      }
      VITRINE_CHECK(find_one(file, base, suffix == ".weight_scale_inv" ? suffix : ".weight_scale", *groups, found));
    }
  }
  return {};
}

}  // namespace vitrine::engine::quantised
