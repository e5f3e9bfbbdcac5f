// Texts of many lengths through BERT-base. Peer: libtorch's operators on a batch padded to the longest text, the padding masked
// (q, k and v in one matrix, fused attention with the mask, in-place gelu and sums).
#include <cmath>

#include <ATen/Parallel.h>

#include "engine/run/packed.h"
#include "tests/bench/forward_models.h"
#include "tests/bench/pairs.h"

namespace {

using namespace vitrine::engine;
namespace bench = vitrine::bench;

constexpr std::int64_t kLayers = 12, kHeads = 12, kWidth = 768, kHead = 64;

class PaddedBert {
 public:
  explicit PaddedBert(const bench::Weights& w) {
    for (const char* name : {"word_embeddings.weight", "position_embeddings.weight", "token_type_embeddings.weight", "LayerNorm.weight", "LayerNorm.bias"})
      embed_.push_back(w.at(std::string("embeddings.") + name));
    for (std::int64_t i = 0; i < kLayers; ++i) {
      const std::string l = "encoder.layer." + std::to_string(i) + ".";
      const auto get = [&](const std::string& name) { return w.at(l + name); };
      const auto joined = [&](const char* what) {
        return at::cat({get(std::string("attention.self.query.") + what), get(std::string("attention.self.key.") + what), get(std::string("attention.self.value.") + what)}, 0);
      };
      layers_.push_back({joined("weight"), joined("bias"), get("attention.output.dense.weight"), get("attention.output.dense.bias"), get("intermediate.dense.weight"),
                         get("intermediate.dense.bias"), get("output.dense.weight"), get("output.dense.bias"), get("attention.output.LayerNorm.weight"),
                         get("attention.output.LayerNorm.bias"), get("output.LayerNorm.weight"), get("output.LayerNorm.bias")});
    }
  }

  /// @param ids [batch, token]; @param hidden [batch, 1, 1, token], what is added to the scores
  [[nodiscard]] at::Tensor forward(const at::Tensor& ids, const at::Tensor& hidden) const {
    const c10::InferenceMode no_gradients;
    const std::int64_t b = ids.size(0), n = ids.size(1);
    at::Tensor x = at::embedding(embed_[0], ids).add_(embed_[1].slice(0, 0, n)).add_(embed_[2][0]);
    x = at::layer_norm(x, {kWidth}, embed_[3], embed_[4], 1e-12);
    for (const Layer& l : layers_) {
      const auto qkv = at::linear(x, l.qkv, l.qkv_bias).view({b, n, 3, kHeads, kHead}).permute({2, 0, 3, 1, 4}).unbind(0);
      const at::Tensor z = at::scaled_dot_product_attention(qkv[0], qkv[1], qkv[2], hidden.expand({b, kHeads, n, n}));
      x = at::layer_norm(at::linear(z.transpose(1, 2).reshape({b, n, kWidth}), l.out, l.out_bias).add_(x), {kWidth}, l.norm1, l.norm1_bias, 1e-12);
      at::Tensor wide = at::linear(x, l.in, l.in_bias);
      x = at::layer_norm(at::linear(at::gelu_(wide), l.down, l.down_bias).add_(x), {kWidth}, l.norm2, l.norm2_bias, 1e-12);
    }
    return x;
  }

 private:
  struct Layer {
    at::Tensor qkv, qkv_bias, out, out_bias, in, in_bias, down, down_bias, norm1, norm1_bias, norm2, norm2_bias;
  };
  std::vector<at::Tensor> embed_;
  std::vector<Layer> layers_;
};

at::Tensor plain(const Tensor& x) {
  const std::vector<float> values = x.to_floats();
  return at::from_blob(const_cast<float*>(values.data()), x.shape()).clone();
}

void packed(benchmark::State& state) {
  const bench::Weights weights = bench::random_weights(bench::bert_base());
  const bench::OpenedModel opened(bench::bert_base(), weights, DType::F32);
  if (!opened.error().empty()) return state.SkipWithError(opened.error().c_str());
  const PaddedBert peer(weights);
  at::set_num_threads(2);
  constexpr std::int64_t kTexts = 16, kShortest = 8, kLongest = 256;
  at::manual_seed(6);
  at::Tensor ids = at::randint(1, 30522, {kTexts, kLongest}, at::kLong), hidden = at::zeros({kTexts, 1, 1, kLongest});
  std::vector<std::map<std::string, Tensor>> texts;
  std::vector<std::int64_t> lengths;
  for (std::int64_t i = 0; i < kTexts; ++i) {
    // Not in the order of their lengths: 7 and 16 have no common factor.
    const std::int64_t n = kShortest + (i * 7 % kTexts) * (kLongest - kShortest) / (kTexts - 1);
    lengths.push_back(n);
    ids[i].slice(0, n).zero_();
    hidden[i].slice(2, n).fill_(-1e30);
    texts.push_back({{"input_ids", Tensor::from_ints({ids[i].const_data_ptr<std::int64_t>(), static_cast<std::size_t>(n)}, {1, n})}});
  }
  const auto mine = run_packed(opened.model(), texts);
  if (!mine) return state.SkipWithError(sentence(mine.error()).c_str());
  const at::Tensor theirs = peer.forward(ids, hidden);
  double from_peer = 0, from_alone = 0;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const at::Tensor own = plain((*mine)[i].at("last_hidden_state"))[0];
    const auto alone = run_model(opened.model(), {.inputs = texts[i], .capture_maps = false, .keep_residuals = false});
    if (!alone) return state.SkipWithError(sentence(alone.error()).c_str());
    from_peer = std::max(from_peer, (own - theirs[static_cast<std::int64_t>(i)].slice(0, 0, lengths[i])).abs().max().item<double>());
    from_alone = std::max(from_alone, (own - plain((*alone)->outputs.at("last_hidden_state"))[0]).abs().max().item<double>());
  }
  state.counters["difference"] = from_peer;
  state.counters["difference_one_by_one"] = from_alone;
  bench::run_pair(state, {[&] { benchmark::DoNotOptimize(peer.forward(ids, hidden)); }, [&] { benchmark::DoNotOptimize(run_packed(opened.model(), texts)); }, 1.6, 2.2});
}
BENCHMARK(packed)->Name("packed/bert_base/16_texts_8_to_256/peer:padded")->Iterations(11)->UseManualTime()->Unit(benchmark::kMillisecond);

}  // namespace
