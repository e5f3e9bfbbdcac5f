#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <ATen/ATen.h>

#include "engine/model/model.h"

namespace vitrine::bench {

/// The published shapes whose forward pass is measured. All: 12 layers, 12 heads, 768 wide.
struct Family {
  std::string name;
  std::int64_t layers = 12, heads = 12, d_model = 768, width = 3072;
  std::int64_t vocab = 0, positions = 0;       ///< of text
  std::int64_t image = 0, patch = 0, classes = 0;
  bool causal = false, norm_first = true, tanh_gelu = false;
  double eps = 1e-5;
};
[[nodiscard]] Family gpt2_small();
[[nodiscard]] Family bert_base();
[[nodiscard]] Family vit_b16();

/// Weights by the names of their published files, N(0, 0.02) as the models are initialised, norms at (1, 0).
using Weights = std::map<std::string, at::Tensor>;
[[nodiscard]] Weights random_weights(const Family& family);

/// The model as the program has it: configuration and weights in a folder that goes with this object, opened.
class OpenedModel {
 public:
  OpenedModel(const Family& family, const Weights& weights, engine::DType dtype);
  ~OpenedModel();
  OpenedModel(const OpenedModel&) = delete;
  OpenedModel& operator=(const OpenedModel&) = delete;
  /// Empty unless opening failed.
  [[nodiscard]] const std::string& error() const { return error_; }
  [[nodiscard]] const engine::Model& model() const { return *model_; }

 private:
  std::filesystem::path folder_;
  std::shared_ptr<const engine::Model> model_;
  std::string error_;
};

/// The same model by libtorch's operators: one matrix for q, k and v, at::linear as it likes its weights, 2 threads.
class LibtorchModel {
 public:
  LibtorchModel(const Family& family, const Weights& weights, at::ScalarType type);
  struct Result {
    at::Tensor out;                 ///< logits of every position, or of the image; of BERT the last hidden state
    std::vector<at::Tensor> maps;   ///< [batch, head, query, key] of every layer, if they are kept
  };
  /// @param input token ids [batch, token] or pixels [batch, 3, row, col]
  [[nodiscard]] Result forward(const at::Tensor& input, bool keep_maps) const;
  /// Multiply-adds x 2 of one input of n tokens; of a causal map only the half that exists.
  [[nodiscard]] double flops(std::int64_t n) const;

 private:
  struct Layer {
    at::Tensor qkv, qkv_bias, out, out_bias, in, in_bias, down, down_bias, norm1, norm1_bias, norm2, norm2_bias;
  };
  [[nodiscard]] at::Tensor embed(const at::Tensor& input) const;
  [[nodiscard]] at::Tensor attention(const Layer& layer, const at::Tensor& x, const at::Tensor& hidden, std::vector<at::Tensor>* maps) const;
  [[nodiscard]] at::Tensor mlp(const Layer& layer, const at::Tensor& x) const;
  [[nodiscard]] at::Tensor norm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) const;

  Family family_;
  std::vector<Layer> layers_;
  at::Tensor tokens_, positions_, segments_, cls_, patch_, patch_bias_, embed_norm_, embed_norm_bias_, final_norm_, final_norm_bias_;
  at::Tensor head_, head_bias_;
};


}  // namespace vitrine::bench
