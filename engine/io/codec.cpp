#include "engine/io/codec.h"

#include <array>
#include <cmath>
#include <type_traits>

#include "engine/io/bytes.h"
#include "engine/io/dequantise.h"
#include "engine/io/float_convert.h"

namespace vitrine::engine {
namespace {

template <class T>
void integers(const std::uint8_t* from, std::size_t count, float* to) {
  for (std::size_t i = 0; i < count; ++i) to[i] = static_cast<float>(load_le<T>(from + i * sizeof(T)));
}
void copy_f32(const std::uint8_t* from, std::size_t count, float* to) {
  if (count > 0) std::memcpy(to, from, count * sizeof(float));
}
void booleans(const std::uint8_t* from, std::size_t count, float* to) {
  for (std::size_t i = 0; i < count; ++i) to[i] = from[i] != 0 ? 1.0F : 0.0F;
}
void halves(const std::uint8_t* from, std::size_t count, float* to) {
  for (std::size_t i = 0; i < count; ++i) to[i] = half_to_float(load_le<std::uint16_t>(from + 2 * i));
}
void bfloats(const std::uint8_t* from, std::size_t count, float* to) {
  for (std::size_t i = 0; i < count; ++i) to[i] = bfloat16_to_float(load_le<std::uint16_t>(from + 2 * i));
}
template <float (*Convert)(std::uint8_t)>
void by_table(const std::uint8_t* from, std::size_t count, float* to) {
  static const auto table = [] {
    std::array<float, 256> t{};
    for (unsigned i = 0; i < 256; ++i) t[i] = Convert(static_cast<std::uint8_t>(i));
    return t;
  }();
  for (std::size_t i = 0; i < count; ++i) to[i] = table[from[i]];
}
template <bool Signed>
void nibbles(const std::uint8_t* from, std::size_t count, float* to) {
  for (std::size_t i = 0; i < count; ++i) {
    const int n = from[i / 2] >> (i % 2 * 4) & 0xF;
    to[i] = static_cast<float>(Signed && n > 7 ? n - 16 : n);
  }
}

void floats4(const std::uint8_t* from, std::size_t count, float* to) {
  for (std::size_t i = 0; i < count; ++i) to[i] = float4_e2m1_to_float(static_cast<std::uint8_t>(from[i / 2] >> (i % 2 * 4)));
}

/// Four values in three bytes, the first in the lowest bits.
template <float (*Convert)(std::uint8_t)>
void floats6(const std::uint8_t* from, std::size_t count, float* to) {
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t bit = 6 * i, byte = bit / 8, shift = bit % 8;
    const unsigned low = from[byte], high = shift > 2 ? from[byte + 1] : 0U;
    to[i] = Convert(static_cast<std::uint8_t>((low | high << 8U) >> shift & 0x3FU));
  }
}

float real_number(const std::uint8_t* from, float) { return load_le<float>(from); }
float real_number(const std::uint8_t* from, double) { return static_cast<float>(load_le<double>(from)); }
float real_number(const std::uint8_t* from, std::uint16_t) { return half_to_float(load_le<std::uint16_t>(from)); }

/// One of `kComplexParts` of numbers stored as two of type T.
template <class T, std::size_t Part>
void complex_numbers(const std::uint8_t* from, std::size_t count, float* to) {
  for (std::size_t i = 0; i < count; ++i, from += 2 * sizeof(T)) {
    if constexpr (Part < 2) to[i] = real_number(from + Part * sizeof(T), T{});
    else if constexpr (std::is_same_v<T, double>) to[i] = static_cast<float>(std::hypot(load_le<double>(from), load_le<double>(from + sizeof(T))));
    else to[i] = std::hypot(real_number(from, T{}), real_number(from + sizeof(T), T{}));
  }
}

constexpr Codec kComplex[3][3] = {
    {{"real", 1, 4, complex_numbers<std::uint16_t, 0>}, {"imag", 1, 4, complex_numbers<std::uint16_t, 1>}, {"abs", 1, 4, complex_numbers<std::uint16_t, 2>}},
    {{"real", 1, 8, complex_numbers<float, 0>}, {"imag", 1, 8, complex_numbers<float, 1>}, {"abs", 1, 8, complex_numbers<float, 2>}},
    {{"real", 1, 16, complex_numbers<double, 0>}, {"imag", 1, 16, complex_numbers<double, 1>}, {"abs", 1, 16, complex_numbers<double, 2>}},
};

constexpr Codec kSafetensors[] = {
    {"F64", 1, 8, integers<double>},   {"F32", 1, 4, copy_f32},
    {"F16", 1, 2, halves},             {"BF16", 1, 2, bfloats},
    {"I64", 1, 8, integers<std::int64_t>},  {"I32", 1, 4, integers<std::int32_t>},
    {"I16", 1, 2, integers<std::int16_t>},  {"I8", 1, 1, integers<std::int8_t>},
    {"U64", 1, 8, integers<std::uint64_t>}, {"U32", 1, 4, integers<std::uint32_t>},
    {"U16", 1, 2, integers<std::uint16_t>}, {"U8", 1, 1, integers<std::uint8_t>},
    {"BOOL", 1, 1, booleans},
    {"F8_E4M3", 1, 1, by_table<float8_e4m3_to_float>},
    {"F8_E5M2", 1, 1, by_table<float8_e5m2_to_float>},
    {"F8_E8M0", 1, 1, by_table<float8_e8m0_to_float>},
    {"F8_E4M3FNUZ", 1, 1, by_table<float8_e4m3fnuz_to_float>},
    {"F8_E5M2FNUZ", 1, 1, by_table<float8_e5m2fnuz_to_float>},
    {"C64", 1, 8, nullptr},            {"F4", 2, 1, floats4},
    {"F6_E2M3", 4, 3, floats6<float6_e2m3_to_float>},
    {"F6_E3M2", 4, 3, floats6<float6_e3m2_to_float>},
};

constexpr Codec kTorch[] = {
    {"float64", 1, 8, integers<double>},  {"float32", 1, 4, copy_f32},
    {"float16", 1, 2, halves},            {"bfloat16", 1, 2, bfloats},
    {"int64", 1, 8, integers<std::int64_t>},   {"int32", 1, 4, integers<std::int32_t>},
    {"int16", 1, 2, integers<std::int16_t>},   {"int8", 1, 1, integers<std::int8_t>},
    {"uint64", 1, 8, integers<std::uint64_t>}, {"uint32", 1, 4, integers<std::uint32_t>},
    {"uint16", 1, 2, integers<std::uint16_t>}, {"uint8", 1, 1, integers<std::uint8_t>},
    {"bool", 1, 1, booleans},
    {"float8_e4m3fn", 1, 1, by_table<float8_e4m3_to_float>},
    {"float8_e5m2", 1, 1, by_table<float8_e5m2_to_float>},
    {"float8_e8m0fnu", 1, 1, by_table<float8_e8m0_to_float>},
    {"float8_e4m3fnuz", 1, 1, by_table<float8_e4m3fnuz_to_float>},
    {"float8_e5m2fnuz", 1, 1, by_table<float8_e5m2fnuz_to_float>},
    {"complex32", 1, 4, nullptr},         {"complex64", 1, 8, nullptr},
    {"complex128", 1, 16, nullptr},       {"qint8", 1, 1, nullptr},
    {"quint8", 1, 1, nullptr},            {"qint32", 1, 4, nullptr},
};

struct Numbered {
  std::uint32_t number;
  Codec codec;
};

constexpr Numbered kGguf[] = {
    {0, {"F32", 1, 4, copy_f32}},
    {1, {"F16", 1, 2, halves}},
    {2, {"Q4_0", 32, 18, dequantise_q4_0}},
    {3, {"Q4_1", 32, 20, dequantise_q4_1}},
    {6, {"Q5_0", 32, 22, dequantise_q5_0}},
    {7, {"Q5_1", 32, 24, dequantise_q5_1}},
    {8, {"Q8_0", 32, 34, dequantise_q8_0}},
    {9, {"Q8_1", 32, 36, dequantise_q8_1}},
    {10, {"Q2_K", 256, 84, dequantise_q2_k}},
    {11, {"Q3_K", 256, 110, dequantise_q3_k}},
    {12, {"Q4_K", 256, 144, dequantise_q4_k}},
    {13, {"Q5_K", 256, 176, dequantise_q5_k}},
    {14, {"Q6_K", 256, 210, dequantise_q6_k}},
    {15, {"Q8_K", 256, 292, dequantise_q8_k}},
    {16, {"IQ2_XXS", 256, 66, dequantise_iq2_xxs}},
    {17, {"IQ2_XS", 256, 74, dequantise_iq2_xs}},
    {18, {"IQ3_XXS", 256, 98, dequantise_iq3_xxs}},
    {19, {"IQ1_S", 256, 50, dequantise_iq1_s}},
    {20, {"IQ4_NL", 32, 18, dequantise_iq4_nl}},
    {21, {"IQ3_S", 256, 110, dequantise_iq3_s}},
    {22, {"IQ2_S", 256, 82, dequantise_iq2_s}},
    {23, {"IQ4_XS", 256, 136, dequantise_iq4_xs}},
    {24, {"I8", 1, 1, integers<std::int8_t>}},
    {25, {"I16", 1, 2, integers<std::int16_t>}},
    {26, {"I32", 1, 4, integers<std::int32_t>}},
    {27, {"I64", 1, 8, integers<std::int64_t>}},
    {28, {"F64", 1, 8, integers<double>}},
    {29, {"IQ1_M", 256, 56, dequantise_iq1_m}},
    {30, {"BF16", 1, 2, bfloats}},
    {34, {"TQ1_0", 256, 54, dequantise_tq1_0}},
    {35, {"TQ2_0", 256, 66, dequantise_tq2_0}},
    {39, {"MXFP4", 32, 17, dequantise_mxfp4}},
    {40, {"NVFP4", 64, 36, dequantise_nvfp4}},
};

constexpr Numbered kOnnx[] = {
    {1, {"FLOAT", 1, 4, copy_f32}},
    {2, {"UINT8", 1, 1, integers<std::uint8_t>}},
    {3, {"INT8", 1, 1, integers<std::int8_t>}},
    {4, {"UINT16", 1, 2, integers<std::uint16_t>}},
    {5, {"INT16", 1, 2, integers<std::int16_t>}},
    {6, {"INT32", 1, 4, integers<std::int32_t>}},
    {7, {"INT64", 1, 8, integers<std::int64_t>}},
    {8, {"STRING", 1, 0, nullptr}},
    {9, {"BOOL", 1, 1, booleans}},
    {10, {"FLOAT16", 1, 2, halves}},
    {11, {"DOUBLE", 1, 8, integers<double>}},
    {12, {"UINT32", 1, 4, integers<std::uint32_t>}},
    {13, {"UINT64", 1, 8, integers<std::uint64_t>}},
    {14, {"COMPLEX64", 1, 8, nullptr}},
    {15, {"COMPLEX128", 1, 16, nullptr}},
    {16, {"BFLOAT16", 1, 2, bfloats}},
    {17, {"FLOAT8E4M3FN", 1, 1, by_table<float8_e4m3_to_float>}},
    {18, {"FLOAT8E4M3FNUZ", 1, 1, by_table<float8_e4m3fnuz_to_float>}},
    {19, {"FLOAT8E5M2", 1, 1, by_table<float8_e5m2_to_float>}},
    {20, {"FLOAT8E5M2FNUZ", 1, 1, by_table<float8_e5m2fnuz_to_float>}},
    {21, {"UINT4", 2, 1, nibbles<false>}},
    {22, {"INT4", 2, 1, nibbles<true>}},
    {23, {"FLOAT4E2M1", 2, 1, floats4}},
    {24, {"FLOAT8E8M0", 1, 1, by_table<float8_e8m0_to_float>}},
};

const Codec* by_number(std::span<const Numbered> table, std::uint64_t number) {
  for (const auto& row : table)
    if (row.number == number) return &row.codec;
  return nullptr;
}

}  // namespace

std::optional<std::uint64_t> Codec::bytes_for(std::uint64_t count) const {
  const std::uint64_t blocks = count / block_values + (count % block_values != 0 ? 1 : 0);
  return checked_mul(blocks, block_bytes);
}

bool is_complex(std::string_view type) { return type == "C64" || type.starts_with("complex") || type.starts_with("COMPLEX"); }

const Codec* complex_part(const Codec& codec, std::size_t part) {
  if (!is_complex(codec.name) || part >= kComplexParts.size()) return nullptr;
  return &kComplex[codec.block_bytes == 4 ? 0 : codec.block_bytes == 8 ? 1 : 2][part];
}

const Codec* safetensors_codec(std::string_view name) {
  for (const auto& codec : kSafetensors)
    if (codec.name == name) return &codec;
  return nullptr;
}

const Codec* torch_codec(std::string_view name) {
  for (const auto& codec : kTorch)
    if (codec.name == name) return &codec;
  return nullptr;
}

const Codec* gguf_codec(std::uint32_t type_number) { return by_number(kGguf, type_number); }

const Codec* onnx_codec(std::int64_t data_type) {
  return data_type < 0 ? nullptr : by_number(kOnnx, static_cast<std::uint64_t>(data_type));
}

const Codec* codec_of_number(std::uint64_t number) {
  const auto within = [&](std::size_t rows) {
    if (number < rows) return true;
    number -= rows;
    return false;
  };
  if (within(std::size(kSafetensors))) return &kSafetensors[number];
  if (within(std::size(kTorch))) return &kTorch[number];
  if (within(std::size(kGguf))) return &kGguf[number].codec;
  return within(std::size(kOnnx)) ? &kOnnx[number].codec : nullptr;
}

std::optional<std::uint32_t> number_of_codec(const Codec& codec) {
  for (std::uint32_t number = 0; const Codec* candidate = codec_of_number(number); ++number)
    if (candidate == &codec) return number;
  return std::nullopt;
}

}  // namespace vitrine::engine
