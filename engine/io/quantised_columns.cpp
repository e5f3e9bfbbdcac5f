#include <fmt/format.h>

#include "engine/io/quantised_parts.h"

// GPTQ and AWQ: codes of each output column packed into words, one zero point and scale for each group of inputs.

namespace vitrine::engine::quantised {
namespace {

using nlohmann::json;

/// Which column each nibble of an AWQ word holds.
constexpr std::size_t kAwqColumn[8] = {0, 2, 4, 6, 1, 3, 5, 7};

struct Asked {
  bool awq = false;
  std::optional<std::int64_t> bits, group;
  bool plus_one = true;   ///< zero points are stored one too small, as the first GPTQ format does
};

struct Columns {
  File file;
  std::int64_t in = 0, out = 0, groups = 0, group = 0;
  int bits = 4;
  bool plus_one = true;
  const TensorEntry *codes = nullptr, *zeros = nullptr, *scales = nullptr, *group_index = nullptr;
};

/// For each input the group whose scale it takes.
Result<std::vector<std::uint32_t>> groups_of(const Columns& c) {
  std::vector<std::uint32_t> group(static_cast<std::size_t>(c.in));
  if (c.group_index == nullptr) {
    for (std::size_t i = 0; i < group.size(); ++i) group[i] = static_cast<std::uint32_t>(i / static_cast<std::size_t>(c.group));
    return group;
  }
  VITRINE_TRY(const auto stored, c.file->bytes(*c.group_index));
  for (std::size_t i = 0; i < group.size(); ++i) {
    const auto g = load_le<std::int32_t>(stored.data() + 4 * i);
    if (g < 0 || g >= c.groups)
      return bad(*c.group_index, fmt::format("expected groups 0 to {}, came {} for input {}", c.groups - 1, g, i));
    group[i] = static_cast<std::uint32_t>(g);
  }
  return group;
}

Status decode_gptq(const Columns& c, std::span<float> to) {
  VITRINE_TRY(const auto codes, c.file->bytes(*c.codes));
  VITRINE_TRY(const auto zeros, c.file->bytes(*c.zeros));
  VITRINE_TRY(const auto scales, c.file->read_f32(*c.scales));
  VITRINE_TRY(const auto group, groups_of(c));
  const auto in = static_cast<std::size_t>(c.in), out = static_cast<std::size_t>(c.out);
  const auto bits = static_cast<unsigned>(c.bits);
  const std::size_t zero_words = static_cast<std::size_t>(words_for(c.out, c.bits));
  std::vector<float> zero(static_cast<std::size_t>(c.groups) * out);
  for (std::size_t g = 0; g < static_cast<std::size_t>(c.groups); ++g) {
    const BitRow row{zeros.data() + g * zero_words * 4, 1, bits};
    for (std::size_t o = 0; o < out; ++o)
      zero[g * out + o] = static_cast<float>((row.at(o) + (c.plus_one ? 1U : 0U)) & ((1U << bits) - 1));
  }
  for (std::size_t o = 0; o < out; ++o) {
    const BitRow column{codes.data() + o * 4, out, bits};
    for (std::size_t i = 0; i < in; ++i) {
      const std::size_t at = group[i] * out + o;
      to[o * in + i] = (static_cast<float>(column.at(i)) - zero[at]) * scales[at];
    }
  }
  return {};
}

Status decode_awq(const Columns& c, std::span<float> to) {
  VITRINE_TRY(const auto codes, c.file->bytes(*c.codes));
  VITRINE_TRY(const auto zeros, c.file->bytes(*c.zeros));
  VITRINE_TRY(const auto scales, c.file->read_f32(*c.scales));
  const auto in = static_cast<std::size_t>(c.in), out = static_cast<std::size_t>(c.out), words = out / 8;
  for (std::size_t i = 0; i < in; ++i) {
    const std::size_t g = i / static_cast<std::size_t>(c.group);
    for (std::size_t w = 0; w < words; ++w) {
      const auto code = load_le<std::uint32_t>(codes.data() + (i * words + w) * 4);
      const auto zero = load_le<std::uint32_t>(zeros.data() + (g * words + w) * 4);
      for (std::size_t k = 0; k < 8; ++k) {
        const std::size_t o = w * 8 + kAwqColumn[k];
        const int difference = static_cast<int>(code >> 4 * k & 15U) - static_cast<int>(zero >> 4 * k & 15U);
        to[o * in + i] = static_cast<float>(difference) * scales[g * out + o];
      }
    }
  }
  return {};
}

Result<std::int64_t> group_size(const Asked& asked, std::int64_t in, const TensorEntry& scales) {
  const std::int64_t groups = scales.shape[0];
  if (asked.group && (*asked.group == 0 || *asked.group < -1))
    return fail(ErrorCode::FileFormat, fmt::format("quantization_config: expected a group_size of -1 or at least 1, came {}", *asked.group));
  const std::int64_t group = !asked.group ? parts_of(in, groups) : *asked.group == -1 ? in : *asked.group;
  if (parts_of(in, group) != groups)
    return bad(scales, fmt::format("expected {} groups of {} for {} inputs, came {}", parts_of(in, group), group, in, groups));
  return group;
}

/// Sizes, and that all parts have them.
Result<Columns> gptq_columns(const File& file, const std::string& base, const Asked& asked) {
  Columns c;
  c.file = file;
  c.plus_one = asked.plus_one;
  VITRINE_TRY(c.codes, part(*file, base, ".qweight", {"I32"}));
  VITRINE_TRY(c.zeros, part(*file, base, ".qzeros", {"I32"}));
  VITRINE_TRY(c.scales, part(*file, base, ".scales", {"F16", "BF16", "F32"}));
  for (const TensorEntry* entry : {c.codes, c.zeros, c.scales}) VITRINE_CHECK(expect_matrix(*entry));
  c.out = c.codes->shape[1];
  c.groups = c.scales->shape[0];
  c.bits = static_cast<int>(asked.bits.value_or(c.zeros->shape[1] * 32 / c.out));
  if (c.bits != 2 && c.bits != 3 && c.bits != 4 && c.bits != 8)
    return fail(ErrorCode::FileFormat, fmt::format("expected GPTQ codes of 2, 3, 4 or 8 bits, came {} ('{}')", c.bits, printable(base)));
  VITRINE_CHECK(expect_shape(*c.scales, {c.groups, c.out}));
  VITRINE_CHECK(expect_shape(*c.zeros, {c.groups, words_for(c.out, c.bits)}));
  c.in = c.codes->shape[0] * 32 / c.bits;
  if (file->find(base + ".g_idx") != nullptr) {
    VITRINE_TRY(c.group_index, part(*file, base, ".g_idx", {"I32"}));
    VITRINE_CHECK(expect_shape(*c.group_index, {c.in}));
  }
  VITRINE_TRY(c.group, group_size(asked, c.in, *c.scales));
  return c;
}

Result<Columns> awq_columns(const File& file, const std::string& base, const Asked& asked) {
  Columns c;
  c.file = file;
  VITRINE_TRY(c.codes, part(*file, base, ".qweight", {"I32"}));
  VITRINE_TRY(c.zeros, part(*file, base, ".qzeros", {"I32"}));
  VITRINE_TRY(c.scales, part(*file, base, ".scales", {"F16", "BF16", "F32"}));
  for (const TensorEntry* entry : {c.codes, c.zeros, c.scales}) VITRINE_CHECK(expect_matrix(*entry));
  if (asked.bits.value_or(4) != 4)
    return fail(ErrorCode::FileFormat, fmt::format("expected AWQ codes of 4 bits, came {} ('{}')", *asked.bits, printable(base)));
  c.in = c.codes->shape[0];
  c.out = c.codes->shape[1] * 8;
  c.groups = c.scales->shape[0];
  VITRINE_CHECK(expect_shape(*c.scales, {c.groups, c.out}));
  VITRINE_CHECK(expect_shape(*c.zeros, {c.groups, c.out / 8}));
  VITRINE_TRY(c.group, group_size(asked, c.in, *c.scales));
  return c;
}

/// What the configuration says about one of the two; its silence leaves it to the shapes.
Result<Asked> asked_of(const json& config) {
  Asked asked;
  const std::string method = word(config, "quant_method");
  asked.awq = method == "awq";
  if (method != "gptq" && method != "awq") return asked;
  VITRINE_TRY(asked.bits, whole(config, {"bits", "w_bit"}));
  VITRINE_TRY(asked.group, whole(config, {"group_size", "q_group_size"}));
  const std::string version = word(config, "version"), format = word(config, "checkpoint_format");
  if (asked.awq && !version.empty() && version != "gemm" && version != "GEMM")
    return fail(ErrorCode::Unsupported, fmt::format("quantization_config: AWQ is read in its version gemm, this is {}", printable(version)));
  if (!asked.awq && !format.empty() && format != "gptq" && format != "gptq_v2")
    return fail(ErrorCode::Unsupported, fmt::format("quantization_config: GPTQ is read in the formats gptq and gptq_v2, this is {}", printable(format)));
  asked.plus_one = format != "gptq_v2";
  return asked;
}

/// By shapes: AWQ packs outputs, GPTQ inputs.
bool looks_like_awq(const Checkpoint& file, const std::string& base) {
  const TensorEntry *codes = file.find(base + ".qweight"), *scales = file.find(base + ".scales");
  return codes != nullptr && scales != nullptr && codes->shape.size() == 2 && scales->shape.size() == 2 &&
         codes->shape[1] < scales->shape[1] && codes->shape[1] == scales->shape[1] / 8;
}

}  // namespace

Status find_packed_columns(const File& file, const json& config, Matrices& found) {
  constexpr std::string_view kCodes = ".qweight";
  for (const TensorEntry& entry : file->tensors()) {
    if (!entry.name.ends_with(kCodes)) continue;
    VITRINE_TRY(Asked asked, asked_of(config));
    const std::string base = entry.name.substr(0, entry.name.size() - kCodes.size());
    const bool awq = asked.awq || (word(config, "quant_method").empty() && looks_like_awq(*file, base));
    VITRINE_TRY(Columns c, awq ? awq_columns(file, base, asked) : gptq_columns(file, base, asked));
    std::vector<const TensorEntry*> parts{c.codes, c.zeros, c.scales};
    if (c.group_index != nullptr) parts.push_back(c.group_index);
    found.push_back(matrix_of(*file, base + ".weight", fmt::format("{}{}", awq ? "AWQ" : "GPTQ", c.bits), c.out, c.in, parts,
                              fmt::format("{} {} bits, groups of {}{}", awq ? "AWQ" : "GPTQ", c.bits, c.group,
                                          c.group_index != nullptr ? " by index" : "")));
    found.back().decoder = decoder([c, awq](std::span<float> to) { return awq ? decode_awq(c, to) : decode_gptq(c, to); });
  }
  return {};
}

}  // namespace vitrine::engine::quantised
