#pragma once

#include <bit>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace vitrine::bench {

/// A model of published form with made-up weights: what its folder is written from, without having it in memory.
struct RandomModel {
  struct Tensor {
    std::string name;
    std::vector<std::int64_t> shape;
    bool norm = false;   ///< ones instead of small numbers of either sign
    [[nodiscard]] std::int64_t numel() const {
      std::int64_t n = 1;
      for (const auto s : shape) n *= s;
      return n;
    }
  };
  nlohmann::json config;
  std::vector<Tensor> tensors;

  [[nodiscard]] std::int64_t values() const {
    std::int64_t n = 0;
    for (const Tensor& t : tensors) n += t.numel();
    return n;
  }
};

/// GPT-2: joined q, k, v; matrices transposed; the head is the embedding.
inline RandomModel random_gpt2(std::int64_t layers, std::int64_t d, std::int64_t heads, std::int64_t vocab, std::int64_t positions) {
  RandomModel m{{{"model_type", "gpt2"}, {"n_embd", d}, {"n_head", heads}, {"n_layer", layers}, {"n_positions", positions}, {"vocab_size", vocab}},
                {{"wte.weight", {vocab, d}}, {"wpe.weight", {positions, d}}}};
  for (std::int64_t i = 0; i < layers; ++i) {
    const std::string h = "h." + std::to_string(i) + ".";
    for (const char* norm : {"ln_1", "ln_2"}) {
      m.tensors.push_back({h + norm + ".weight", {d}, true});
      m.tensors.push_back({h + norm + ".bias", {d}});
    }
    for (const auto& [name, in, out] : {std::tuple{"attn.c_attn", d, 3 * d}, {"attn.c_proj", d, d}, {"mlp.c_fc", d, 4 * d}, {"mlp.c_proj", 4 * d, d}}) {
      m.tensors.push_back({h + name + ".weight", {in, out}});
      m.tensors.push_back({h + name + ".bias", {out}});
    }
  }
  m.tensors.push_back({"ln_f.weight", {d}, true});
  m.tensors.push_back({"ln_f.bias", {d}});
  return m;
}

/// Llama: grouped queries, a gated MLP, no biases; a head of its own unless `tied`.
inline RandomModel random_llama(std::int64_t layers, std::int64_t d, std::int64_t heads, std::int64_t kv_heads, std::int64_t width, std::int64_t vocab, bool tied) {
  RandomModel m{{{"model_type", "llama"}, {"hidden_size", d}, {"num_attention_heads", heads}, {"num_key_value_heads", kv_heads}, {"num_hidden_layers", layers},
                 {"intermediate_size", width}, {"vocab_size", vocab}, {"max_position_embeddings", 8192}, {"rms_norm_eps", 1e-5}, {"hidden_act", "silu"},
                 {"rope_theta", 10000.0}, {"tie_word_embeddings", tied}},
                {{"model.embed_tokens.weight", {vocab, d}}}};
  const std::int64_t kv = d / heads * kv_heads;
  for (std::int64_t i = 0; i < layers; ++i) {
    const std::string l = "model.layers." + std::to_string(i) + ".";
    for (const char* norm : {"input_layernorm", "post_attention_layernorm"}) m.tensors.push_back({l + norm + ".weight", {d}, true});
    for (const auto& [name, out, in] : {std::tuple{"self_attn.q_proj", d, d}, {"self_attn.k_proj", kv, d}, {"self_attn.v_proj", kv, d}, {"self_attn.o_proj", d, d},
                                        {"mlp.gate_proj", width, d}, {"mlp.up_proj", width, d}, {"mlp.down_proj", d, width}})
      m.tensors.push_back({l + name + ".weight", {out, in}});
  }
  m.tensors.push_back({"model.norm.weight", {d}, true});
  if (!tied) m.tensors.push_back({"lm_head.weight", {vocab, d}});
  return m;
}

inline void add_encoder(RandomModel& m, const std::string& prefix, bool image, std::int64_t layers, std::int64_t d) {
  const auto linear = [&](const std::string& name, std::int64_t out, std::int64_t in) {
    m.tensors.push_back({name + ".weight", {out, in}});
    m.tensors.push_back({name + ".bias", {out}});
  };
  for (std::int64_t i = 0; i < layers; ++i) {
    const std::string l = prefix + "encoder.layer." + std::to_string(i) + ".", self = l + (image ? "attention.attention." : "attention.self.");
    for (const char* part : {"query", "key", "value"}) linear(self + part, d, d);
    linear(l + "attention.output.dense", d, d);
    linear(l + "intermediate.dense", 4 * d, d);
    linear(l + "output.dense", d, 4 * d);
    for (const char* norm : {image ? "layernorm_before" : "attention.output.LayerNorm", image ? "layernorm_after" : "output.LayerNorm"}) {
      m.tensors.push_back({l + norm + ".weight", {d}, true});
      m.tensors.push_back({l + norm + ".bias", {d}});
    }
  }
}

inline RandomModel random_bert(std::int64_t layers, std::int64_t d, std::int64_t heads, std::int64_t vocab, std::int64_t positions) {
  RandomModel m{{{"model_type", "bert"}, {"hidden_size", d}, {"num_attention_heads", heads}, {"num_hidden_layers", layers}, {"intermediate_size", 4 * d},
                 {"hidden_act", "gelu"}, {"vocab_size", vocab}, {"max_position_embeddings", positions}, {"type_vocab_size", 2}},
                {{"embeddings.word_embeddings.weight", {vocab, d}}, {"embeddings.position_embeddings.weight", {positions, d}},
                 {"embeddings.token_type_embeddings.weight", {2, d}}, {"embeddings.LayerNorm.weight", {d}, true}, {"embeddings.LayerNorm.bias", {d}}}};
  add_encoder(m, "", false, layers, d);
  return m;
}

inline RandomModel random_vit(std::int64_t layers, std::int64_t d, std::int64_t heads, std::int64_t image, std::int64_t patch) {
  const std::int64_t side = image / patch;
  RandomModel m{{{"model_type", "vit"}, {"hidden_size", d}, {"num_attention_heads", heads}, {"num_hidden_layers", layers}, {"intermediate_size", 4 * d},
                 {"hidden_act", "gelu"}, {"image_size", image}, {"patch_size", patch}, {"num_channels", 3}, {"qkv_bias", true}},
                {{"vit.embeddings.cls_token", {1, 1, d}}, {"vit.embeddings.position_embeddings", {1, side * side + 1, d}},
                 {"vit.embeddings.patch_embeddings.projection.weight", {d, 3, patch, patch}}, {"vit.embeddings.patch_embeddings.projection.bias", {d}}}};
  add_encoder(m, "vit.", true, layers, d);
  for (const auto& [name, shape, norm] : {std::tuple{"vit.layernorm.weight", std::vector<std::int64_t>{d}, true}, {"vit.layernorm.bias", {d}, false},
                                          {"classifier.weight", {1000, d}, false}, {"classifier.bias", {1000}, false}})
    m.tensors.push_back({name, shape, norm});
  return m;
}

/// What stands before the values in model.safetensors.
inline std::string header_of(const RandomModel& model, bool half) {
  const std::int64_t width = half ? 2 : 4;
  nlohmann::json header = nlohmann::json::object();
  std::int64_t offset = 0;
  for (const auto& t : model.tensors) {
    header[t.name] = {{"dtype", half ? "BF16" : "F32"}, {"shape", t.shape}, {"data_offsets", {offset, offset + width * t.numel()}}};
    offset += width * t.numel();
  }
  std::string text = header.dump();
  text.append(7 - (text.size() + 7) % 8, ' ');
  return text;
}

/// Writes config.json and model.safetensors. @param half as bfloat16, else float32
inline void write_model(const RandomModel& model, const std::filesystem::path& folder, bool half = false) {
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "config.json") << model.config;
  const std::string text = header_of(model, half);
  const std::uint64_t length = text.size();
  std::ofstream out(folder / "model.safetensors", std::ios::binary);
  out.write(reinterpret_cast<const char*>(&length), sizeof length) << text;
  // A table of numbers, entered at another place for each tensor.
  constexpr std::size_t kTable = std::size_t{1} << 22;
  std::vector<float> small(kTable), ones(1 << 16, 1.0F);
  std::uint32_t state = 1;
  for (float& x : small) x = (static_cast<float>((state = state * 1664525 + 1013904223) >> 8) / 16777216.0F - 0.5F) * 0.07F;
  const auto put = [&](const float* values, std::size_t count) {
    if (!half) {
      out.write(reinterpret_cast<const char*>(values), static_cast<std::streamsize>(4 * count));
      return;
    }
    std::vector<std::uint16_t> halves(count);
    for (std::size_t i = 0; i < count; ++i) halves[i] = static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(values[i]) >> 16);
    out.write(reinterpret_cast<const char*>(halves.data()), static_cast<std::streamsize>(2 * count));
  };
  std::size_t number = 0;
  for (const auto& t : model.tensors) {
    const std::vector<float>& table = t.norm ? ones : small;
    std::size_t at = t.norm ? 0 : ++number * 104729 % kTable;
    for (auto left = static_cast<std::size_t>(t.numel()); left > 0; at = 0) {
      const std::size_t count = std::min(left, table.size() - at);
      put(table.data() + at, count);
      left -= count;
    }
  }
}

}  // namespace vitrine::bench
