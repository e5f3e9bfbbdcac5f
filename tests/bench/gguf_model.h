#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/io/codec.h"
#include "engine/io/float_convert.h"

namespace vitrine::bench {

inline constexpr std::uint32_t kGgufF32 = 0, kGgufQ8_0 = 8;

/// Writes a GGUF file, version 3, tensor by tensor.
class GgufWriter {
 public:
  void text(std::string_view key, std::string_view value) { put(key, 8, packed(std::uint64_t{value.size()}) + std::string(value)); }
  void whole(std::string_view key, std::uint32_t value) { put(key, 4, packed(value)); }
  void real(std::string_view key, float value) { put(key, 6, packed(value)); }
  /// @param shape row-major  @param bytes what is written when its turn comes
  void tensor(std::string name, std::uint32_t type, std::vector<std::int64_t> shape, std::function<std::string()> bytes) {
    tensors_.push_back({std::move(name), type, std::move(shape), std::move(bytes)});
  }
  void write(const std::filesystem::path& file) const {
    std::string head = "GGUF" + packed(std::uint32_t{3}) + packed(std::uint64_t{tensors_.size()}) + packed(pairs_) + metadata_;
    std::uint64_t offset = 0;
    for (const Tensor& t : tensors_) {
      head += packed(std::uint64_t{t.name.size()}) + t.name + packed(static_cast<std::uint32_t>(t.shape.size()));
      std::uint64_t values = 1;
      for (auto size = t.shape.rbegin(); size != t.shape.rend(); ++size) {
        head += packed(static_cast<std::uint64_t>(*size));
        values *= static_cast<std::uint64_t>(*size);
      }
      head += packed(t.type) + packed(offset);
      offset = whole_lines(offset + *engine::gguf_codec(t.type)->bytes_for(values));
    }
    head.resize(whole_lines(head.size()), '\0');
    std::ofstream out(file, std::ios::binary);
    out << head;
    for (const Tensor& t : tensors_) {
      std::string bytes = t.bytes();
      bytes.resize(whole_lines(bytes.size()), '\0');
      out << bytes;
    }
  }

 private:
  struct Tensor {
    std::string name;
    std::uint32_t type;
    std::vector<std::int64_t> shape;
    std::function<std::string()> bytes;
  };
  template <class T>
  static std::string packed(T value) {
    return {reinterpret_cast<const char*>(&value), sizeof value};
  }
  static std::uint64_t whole_lines(std::uint64_t bytes) { return (bytes + 31) / 32 * 32; }
  void put(std::string_view key, std::uint32_t type, const std::string& value) {
    ++pairs_;
    metadata_ += packed(std::uint64_t{key.size()}) + std::string(key) + packed(type) + value;
  }

  std::uint64_t pairs_ = 0;
  std::string metadata_;
  std::vector<Tensor> tensors_;
};

/// Blocks of 32 values, each a byte times the block's scale.
inline std::string as_q8_0(const std::vector<float>& values) {
  std::string out;
  for (std::size_t first = 0; first < values.size(); first += 32) {
    float most = 0;
    for (std::size_t i = first; i < first + 32; ++i) most = std::max(most, std::abs(values[i]));
    const std::uint16_t scale = engine::float_to_half(most / 127);
    const float d = engine::half_to_float(scale);
    std::array<char, 34> block{};
    std::memcpy(block.data(), &scale, sizeof scale);
    for (std::size_t i = 0; i < 32; ++i) block[2 + i] = static_cast<char>(d > 0 ? std::clamp(std::lround(values[first + i] / d), -127L, 127L) : 0);
    out.append(block.data(), block.size());
  }
  return out;
}

struct LlamaShape {
  std::uint32_t layers, d_model, heads, kv_heads, width, vocab;
};
/// Of SmolLM2-135M.
inline constexpr LlamaShape kSmolLm2{30, 576, 9, 3, 1536, 49152};

/// A Llama with made-up weights and a head that is its embedding.
/// @param unfolded the values of its Q8_0 blocks as F32: the same model
inline void write_llama(const LlamaShape& m, bool unfolded, const std::filesystem::path& file) {
  GgufWriter out;
  out.text("general.architecture", "llama");
  for (const auto& [key, value] : {std::pair<std::string, std::uint32_t>{"embedding_length", m.d_model}, {"block_count", m.layers}, {"attention.head_count", m.heads},
                                   {"attention.head_count_kv", m.kv_heads}, {"feed_forward_length", m.width}, {"context_length", 8192},
                                   {"rope.dimension_count", m.d_model / m.heads}, {"vocab_size", m.vocab}})
    out.whole("llama." + key, value);
  out.real("llama.attention.layer_norm_rms_epsilon", 1e-5F);
  out.real("llama.rope.freq_base", 10000.0F);
  std::uint32_t number = 0;
  const auto matrix = [&](const std::string& name, std::int64_t rows, std::int64_t width) {
    const auto bytes = [=, seed = ++number] {
      std::vector<float> values(static_cast<std::size_t>(rows * width));
      std::uint32_t state = seed * 7919U;
      for (float& x : values) x = (static_cast<float>((state = state * 1664525U + 1013904223U) >> 8) / 16777216.0F - 0.5F) * 0.07F;
      const std::string blocks = as_q8_0(values);
      if (!unfolded) return blocks;
      engine::gguf_codec(kGgufQ8_0)->decode(reinterpret_cast<const std::uint8_t*>(blocks.data()), values.size(), values.data());
      return std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
    };
    out.tensor(name, unfolded ? kGgufF32 : kGgufQ8_0, {rows, width}, bytes);
  };
  const auto norm = [&](const std::string& name) {
    out.tensor(name, kGgufF32, {m.d_model}, [n = m.d_model] {
      const std::vector<float> ones(n, 1.0F);
      return std::string(reinterpret_cast<const char*>(ones.data()), n * sizeof(float));
    });
  };
  const std::int64_t d = m.d_model, kv = d / m.heads * m.kv_heads, width = m.width;
  matrix("token_embd.weight", m.vocab, d);
  for (std::uint32_t i = 0; i < m.layers; ++i) {
    const std::string block = "blk." + std::to_string(i) + ".";
    norm(block + "attn_norm.weight");
    norm(block + "ffn_norm.weight");
    for (const auto& [name, rows, in] : {std::tuple{"attn_q", d, d}, {"attn_k", kv, d}, {"attn_v", kv, d}, {"attn_output", d, d}, {"ffn_gate", width, d}, {"ffn_up", width, d}, {"ffn_down", d, width}})
      matrix(block + name + ".weight", rows, in);
  }
  norm("output_norm.weight");
  out.write(file);
}

}  // namespace vitrine::bench
