#include "tests/bench/forward_models.h"

#include <unistd.h>

#include <fstream>
#include <functional>

#include <nlohmann/json.hpp>

#include "engine/io/safetensors.h"

namespace vitrine::bench {

namespace {

struct Writer {
  Weights& weights;
  void matrix(const std::string& name, at::IntArrayRef shape) const { weights[name] = at::randn(shape) * 0.02; }
  void bias(const std::string& name, std::int64_t n) const { weights[name] = at::randn({n}) * 0.02; }
  void norm(const std::string& name, std::int64_t n) const {
    weights[name + ".weight"] = at::ones({n});
    weights[name + ".bias"] = at::zeros({n});
  }
  void linear(const std::string& name, std::int64_t out, std::int64_t in) const {
    matrix(name + ".weight", {out, in});
    bias(name + ".bias", out);
  }
};

void gpt2_weights(const Family& f, const Writer& w) {
  const std::int64_t d = f.d_model;
  w.matrix("wte.weight", {f.vocab, d});
  w.matrix("wpe.weight", {f.positions, d});
  for (std::int64_t i = 0; i < f.layers; ++i) {
    const std::string h = "h." + std::to_string(i) + ".";
    w.norm(h + "ln_1", d);
    w.norm(h + "ln_2", d);
    for (const auto& [name, in, out] : {std::tuple{"attn.c_attn", d, 3 * d}, {"attn.c_proj", d, d}, {"mlp.c_fc", d, f.width}, {"mlp.c_proj", f.width, d}}) {
      w.matrix(h + name + ".weight", {in, out});
      w.bias(h + name + ".bias", out);
    }
  }
  w.norm("ln_f", d);
}

void encoder_weights(const Family& f, const Writer& w, const std::string& prefix, const char* norm1, const char* norm2) {
  for (std::int64_t i = 0; i < f.layers; ++i) {
    const std::string l = prefix + "encoder.layer." + std::to_string(i) + ".";
    const std::string self = l + (f.image ? "attention.attention." : "attention.self.");
    for (const char* part : {"query", "key", "value"}) w.linear(self + part, f.d_model, f.d_model);
    w.linear(l + "attention.output.dense", f.d_model, f.d_model);
    w.linear(l + "intermediate.dense", f.width, f.d_model);
    w.linear(l + "output.dense", f.d_model, f.width);
    w.norm(l + norm1, f.d_model);
    w.norm(l + norm2, f.d_model);
  }
}

void bert_weights(const Family& f, const Writer& w) {
  w.matrix("embeddings.word_embeddings.weight", {f.vocab, f.d_model});
  w.matrix("embeddings.position_embeddings.weight", {f.positions, f.d_model});
  w.matrix("embeddings.token_type_embeddings.weight", {2, f.d_model});
  w.norm("embeddings.LayerNorm", f.d_model);
  encoder_weights(f, w, "", "attention.output.LayerNorm", "output.LayerNorm");
}

void vit_weights(const Family& f, const Writer& w) {
  const std::int64_t side = f.image / f.patch;
  w.matrix("vit.embeddings.cls_token", {1, 1, f.d_model});
  w.matrix("vit.embeddings.position_embeddings", {1, side * side + 1, f.d_model});
  w.matrix("vit.embeddings.patch_embeddings.projection.weight", {f.d_model, 3, f.patch, f.patch});
  w.bias("vit.embeddings.patch_embeddings.projection.bias", f.d_model);
  encoder_weights(f, w, "vit.", "layernorm_before", "layernorm_after");
  w.norm("vit.layernorm", f.d_model);
  w.linear("classifier", f.classes, f.d_model);
}

nlohmann::json config_of(const Family& f) {
  if (f.causal)
    return {{"model_type", "gpt2"}, {"n_embd", f.d_model}, {"n_head", f.heads}, {"n_layer", f.layers}, {"n_positions", f.positions},
            {"vocab_size", f.vocab}, {"layer_norm_epsilon", f.eps}, {"activation_function", "gelu_new"}};
  nlohmann::json c = {{"hidden_size", f.d_model}, {"num_attention_heads", f.heads}, {"num_hidden_layers", f.layers},
                      {"intermediate_size", f.width}, {"hidden_act", "gelu"}, {"layer_norm_eps", f.eps}};
  if (f.image) c.update({{"model_type", "vit"}, {"image_size", f.image}, {"patch_size", f.patch}, {"num_channels", 3}, {"qkv_bias", true}});
  else c.update({{"model_type", "bert"}, {"vocab_size", f.vocab}, {"max_position_embeddings", f.positions}, {"type_vocab_size", 2}});
  return c;
}

}  // namespace

Family gpt2_small() { return {.name = "gpt2_small", .vocab = 50257, .positions = 4096, .causal = true, .tanh_gelu = true}; }
Family bert_base() { return {.name = "bert_base", .vocab = 30522, .positions = 512, .norm_first = false, .eps = 1e-12}; }
Family vit_b16() { return {.name = "vit_b16", .image = 224, .patch = 16, .classes = 1000, .eps = 1e-12}; }

Weights random_weights(const Family& family) {
  at::manual_seed(1);
  Weights weights;
  (family.causal ? gpt2_weights : family.image ? vit_weights : bert_weights)(family, Writer{weights});
  return weights;
}

OpenedModel::OpenedModel(const Family& family, const Weights& weights, engine::DType dtype)
    : folder_(std::filesystem::temp_directory_path() / ("vitrine_bench_" + family.name + "_" + std::to_string(getpid()))) {
  std::filesystem::create_directories(folder_);
  std::ofstream(folder_ / "config.json") << config_of(family);
  std::vector<engine::TensorToWrite> tensors;
  for (const auto& [name, t] : weights)
    tensors.push_back({name, t.sizes().vec(), {t.const_data_ptr<float>(), static_cast<std::size_t>(t.numel())}});
  if (auto written = engine::write_safetensors(folder_ / "model.safetensors", tensors); !written) {
    error_ = engine::sentence(written.error());
    return;
  }
  auto opened = engine::open_model(folder_.string(), {.dtype = dtype});
  if (opened) model_ = *opened;
  else error_ = engine::sentence(opened.error());
}

OpenedModel::~OpenedModel() {
  model_.reset();
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

LibtorchModel::LibtorchModel(const Family& family, const Weights& weights, at::ScalarType type) : family_(family) {
  const auto get = [&](const std::string& name) { return weights.at(name).to(type).contiguous(); };
  const auto turned = [&](const std::string& name) { return weights.at(name).t().contiguous().to(type); };
  for (std::int64_t i = 0; i < family.layers; ++i) {
    if (family.causal) {
      const std::string h = "h." + std::to_string(i) + ".";
      layers_.push_back({turned(h + "attn.c_attn.weight"), get(h + "attn.c_attn.bias"), turned(h + "attn.c_proj.weight"), get(h + "attn.c_proj.bias"),
                         turned(h + "mlp.c_fc.weight"), get(h + "mlp.c_fc.bias"), turned(h + "mlp.c_proj.weight"), get(h + "mlp.c_proj.bias"),
                         get(h + "ln_1.weight"), get(h + "ln_1.bias"), get(h + "ln_2.weight"), get(h + "ln_2.bias")});
      continue;
    }
    const std::string l = std::string(family.image ? "vit." : "") + "encoder.layer." + std::to_string(i) + ".";
    const std::string self = l + (family.image ? "attention.attention." : "attention.self.");
    const std::string norm1 = l + (family.image ? "layernorm_before" : "attention.output.LayerNorm"), norm2 = l + (family.image ? "layernorm_after" : "output.LayerNorm");
    const auto joined = [&](const char* what) { return at::cat({get(self + "query" + what), get(self + "key" + what), get(self + "value" + what)}, 0); };
    layers_.push_back({joined(".weight"), joined(".bias"), get(l + "attention.output.dense.weight"), get(l + "attention.output.dense.bias"),
                       get(l + "intermediate.dense.weight"), get(l + "intermediate.dense.bias"), get(l + "output.dense.weight"), get(l + "output.dense.bias"),
                       get(norm1 + ".weight"), get(norm1 + ".bias"), get(norm2 + ".weight"), get(norm2 + ".bias")});
  }
  if (family.causal) {
    tokens_ = head_ = get("wte.weight");
    positions_ = get("wpe.weight");
    final_norm_ = get("ln_f.weight"), final_norm_bias_ = get("ln_f.bias");
  } else if (family.image) {
    cls_ = get("vit.embeddings.cls_token"), positions_ = get("vit.embeddings.position_embeddings");
    patch_ = get("vit.embeddings.patch_embeddings.projection.weight"), patch_bias_ = get("vit.embeddings.patch_embeddings.projection.bias");
    final_norm_ = get("vit.layernorm.weight"), final_norm_bias_ = get("vit.layernorm.bias");
    head_ = get("classifier.weight"), head_bias_ = get("classifier.bias");
  } else {
    tokens_ = get("embeddings.word_embeddings.weight"), positions_ = get("embeddings.position_embeddings.weight");
    segments_ = get("embeddings.token_type_embeddings.weight");
    embed_norm_ = get("embeddings.LayerNorm.weight"), embed_norm_bias_ = get("embeddings.LayerNorm.bias");
  }
}

at::Tensor LibtorchModel::norm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) const {
  return at::layer_norm(x, {family_.d_model}, weight, bias, family_.eps);
}

at::Tensor LibtorchModel::embed(const at::Tensor& input) const {
  if (family_.image) {
    const at::Tensor x = at::conv2d(input.to(patch_.scalar_type()), patch_, patch_bias_, {family_.patch, family_.patch}).flatten(2).transpose(1, 2);
    return at::cat({cls_.expand({x.size(0), 1, family_.d_model}), x}, 1) + positions_;
  }
  at::Tensor x = at::embedding(tokens_, input) + positions_.slice(0, 0, input.size(1));
  return family_.causal ? x : norm(x.add_(segments_[0]), embed_norm_, embed_norm_bias_);
}

at::Tensor LibtorchModel::attention(const Layer& layer, const at::Tensor& x, const at::Tensor& hidden, std::vector<at::Tensor>* maps) const {
  const std::int64_t batch = x.size(0), n = x.size(1), d_head = family_.d_model / family_.heads;
  const auto qkv = at::linear(x, layer.qkv, layer.qkv_bias).view({batch, n, 3, family_.heads, d_head}).permute({2, 0, 3, 1, 4}).unbind(0);
  at::Tensor z;
  if (maps) {
    at::Tensor scores = at::matmul(qkv[0] * (1 / std::sqrt(static_cast<double>(d_head))), qkv[1].transpose(-2, -1));
    if (hidden.defined()) scores.add_(hidden);
    maps->push_back(at::softmax(scores, -1));
    z = at::matmul(maps->back(), qkv[2]);
  } else {
    z = at::scaled_dot_product_attention(qkv[0], qkv[1], qkv[2], {}, 0.0, family_.causal);
  }
  return at::linear(z.transpose(1, 2).reshape({batch, n, family_.d_model}), layer.out, layer.out_bias);
}

at::Tensor LibtorchModel::mlp(const Layer& layer, const at::Tensor& x) const {
  at::Tensor wide = at::linear(x, layer.in, layer.in_bias);
  return at::linear(at::gelu_(wide, family_.tanh_gelu ? "tanh" : "none"), layer.down, layer.down_bias);
}

LibtorchModel::Result LibtorchModel::forward(const at::Tensor& input, bool keep_maps) const {
  const c10::InferenceMode no_gradients;
  Result result;
  at::Tensor x = embed(input), hidden;
  const std::int64_t n = x.size(1);
  if (keep_maps && family_.causal) hidden = at::full({n, n}, -1e30, x.options()).triu_(1);
  std::vector<at::Tensor>* maps = keep_maps ? &result.maps : nullptr;
  for (const Layer& l : layers_) {
    if (family_.norm_first) {
      x = attention(l, norm(x, l.norm1, l.norm1_bias), hidden, maps).add_(x);
      x = mlp(l, norm(x, l.norm2, l.norm2_bias)).add_(x);
    } else {
      x = norm(attention(l, x, hidden, maps).add_(x), l.norm1, l.norm1_bias);
      x = norm(mlp(l, x).add_(x), l.norm2, l.norm2_bias);
    }
  }
  if (final_norm_.defined()) x = norm(x, final_norm_, final_norm_bias_);
  if (family_.image) x = x.select(1, 0);
  result.out = head_.defined() ? at::linear(x, head_, head_bias_.defined() ? c10::optional<at::Tensor>(head_bias_) : c10::nullopt) : x;
  return result;
}

double LibtorchModel::flops(std::int64_t n) const {
  const auto d = static_cast<double>(family_.d_model), tokens = static_cast<double>(n);
  const double pairs = family_.causal ? tokens * (tokens + 1) / 2 : tokens * tokens;
  const double layer = tokens * 2 * (4 * d * d + 2 * d * static_cast<double>(family_.width)) + 4 * pairs * d;
  double ends = 0;
  if (head_.defined()) ends += 2 * static_cast<double>(head_.numel()) * (family_.image ? 1 : tokens);
  if (patch_.defined()) ends += 2 * static_cast<double>(patch_.numel()) * (tokens - 1);
  return static_cast<double>(family_.layers) * layer + ends;
}

}  // namespace vitrine::bench
