#include "engine/mixers/attention_map.h"

#include <map>

#include "engine/mixers/attention_forward.h"
#include "engine/mixers/attention_statistics.h"
#include "engine/tensor/guard.h"
#include "engine/tensor/ops.h"

namespace vitrine::engine {

namespace {

Status in_range(const MixingMap& map, int batch, int head, std::int64_t r0, std::int64_t r1, std::int64_t c0, std::int64_t c1) {
  if (batch < 0 || batch >= map.batch() || head < 0 || head >= map.heads() || r0 < 0 || r1 < r0 || r1 > map.rows() || c0 < 0 || c1 < c0 || c1 > map.cols())
    return fail(ErrorCode::Usage, "a tile outside the map: it has " + std::to_string(map.heads()) + " heads of " + std::to_string(map.rows()) +
                                      " x " + std::to_string(map.cols()));
  return {};
}

/// Slices an axis unless it broadcasts.
Tensor part_of(const Tensor& x, int axis, std::int64_t begin, std::int64_t end) {
  return x.size(axis) == 1 ? x : slice(x, axis, begin, end);
}

class SoftmaxMap final : public MixingMap {
 public:
  explicit SoftmaxMap(AttentionFactors f) : f_(std::move(f)) {}
  int batch() const override { return static_cast<int>(f_.q.size(0)); }
  int heads() const override { return static_cast<int>(f_.q.size(1)); }
  std::int64_t rows() const override { return f_.q.size(2); }
  std::int64_t cols() const override { return f_.k.size(2); }
  std::string kind() const override { return "dense softmax"; }
  bool stochastic() const override { return true; }
  Result<Tensor> tile(int batch, int head, std::int64_t r0, std::int64_t r1, std::int64_t c0, std::int64_t c1) const override {
    VITRINE_CHECK(in_range(*this, batch, head, r0, r1, c0, c1));
    return with_head(batch, head, [&](const HeadScores& scores) -> Result<Tensor> {
      Tensor out = Tensor::empty({r1 - r0, c1 - c0});
      pattern_tile(scores, r0, r1, c0, c1, out.data_f32());
      return out;
    });
  }
  Result<HeadStatistics> statistics(int batch, int head, const StatisticsRequest& request, const Progress& progress) const override {
    VITRINE_CHECK(in_range(*this, batch, head, 0, 0, 0, 0));
    return with_head(batch, head, [&](const HeadScores& scores) { return attention_statistics(scores, request, progress); });
  }
  Result<Overview> overview(int batch, int head, const OverviewRequest& request, const Progress& progress) const override {
    VITRINE_CHECK(in_range(*this, batch, head, 0, 0, 0, 0));
    return with_head(batch, head, [&](const HeadScores& scores) { return attention_overview(scores, request, progress); });
  }
  Tensor values() const override {
    const Tensor v = own_values();
    const std::int64_t group = f_.q.size(1) / v.size(1);
    return group == 1 ? v : repeat_interleave(v, group, 1);
  }
  Tensor output() const override {
    if (f_.z.defined()) return f_.z;
    const InferenceScope no_gradients;   // the same kernels as in the pass, to the last bit
    return attention_forward(f_.q, f_.k, own_values(), f_.bias, f_.causal && rows() > 1, f_.scale).z;
  }

 private:
  Tensor own_values() const {
    const InferenceScope no_gradients;
    return f_.v.defined() ? f_.v : f_.values();
  }

  /// One head as plain memory; copies what is not float32 and contiguous already.
  template <typename F>
  auto with_head(int batch, int head, F&& f) const -> decltype(f(HeadScores())) {
    std::vector<Tensor> kept;
    HeadScores scores;
    const auto made = guard([&] {
      const InferenceScope no_gradients;
      const auto plain = [&](const Tensor& x, std::int64_t h) {
        kept.push_back(contiguous(to(select(select(x, 0, batch), 0, h), DType::F32)));
        return kept.back().data_f32();
      };
      scores.q = plain(f_.q, head);
      scores.k = plain(f_.k, head / (f_.q.size(1) / f_.k.size(1)));
      scores.lse = plain(f_.lse, head);
      scores.rows = rows();
      scores.cols = cols();
      scores.d = f_.q.size(3);
      scores.scale = static_cast<float>(f_.scale);
      scores.causal = f_.causal;
      if (!f_.bias.defined()) return 0;
      const Tensor bias = part_of(part_of(f_.bias, 0, batch, batch + 1), 1, head, head + 1);
      kept.push_back(contiguous(to(select(select(bias, 0, 0), 0, 0), DType::F32)));
      scores.bias = kept.back().data_f32();
      scores.bias_col = kept.back().size(1) == 1 ? 0 : 1;
      scores.bias_row = kept.back().size(0) == 1 ? 0 : kept.back().size(1);
      return 0;
    });
    if (!made) return tl::unexpected(made.error());
    return f(scores);
  }

  AttentionFactors f_;
};

class StoredMap final : public MixingMap {
 public:
  StoredMap(Tensor pattern, Tensor values, Tensor output, std::string kind, bool stochastic)
      : pattern_(std::move(pattern)), values_(std::move(values)), output_(std::move(output)), kind_(std::move(kind)), stochastic_(stochastic) {}
  int batch() const override { return static_cast<int>(pattern_.size(0)); }
  int heads() const override { return static_cast<int>(pattern_.size(1)); }
  std::int64_t rows() const override { return pattern_.size(2); }
  std::int64_t cols() const override { return pattern_.size(3); }
  std::string kind() const override { return kind_; }
  bool stochastic() const override { return stochastic_; }
  Result<Tensor> tile(int batch, int head, std::int64_t r0, std::int64_t r1, std::int64_t c0, std::int64_t c1) const override {
    VITRINE_CHECK(in_range(*this, batch, head, r0, r1, c0, c1));
    return guard([&] { return to(slice(slice(select(select(pattern_, 0, batch), 0, head), 0, r0, r1), 1, c0, c1), DType::F32); });
  }
  Tensor values() const override { return values_; }
  Tensor output() const override { return output_; }

 private:
  Tensor pattern_, values_, output_;
  std::string kind_;
  bool stochastic_;
};

class WindowedMap final : public MixingMap {
 public:
  WindowedMap(std::shared_ptr<const MixingMap> inner, std::vector<std::vector<std::int64_t>> tokens, std::int64_t n, std::int64_t n_grid)
      : inner_(std::move(inner)), tokens_(std::move(tokens)), geometry_(tokens_), n_(n), place_(static_cast<std::size_t>(n), {-1, -1}) {
    for (auto& window : geometry_)
      for (auto& token : window)
        if (token >= n_grid) token = -1;
    for (std::size_t w = 0; w < tokens_.size(); ++w)
      for (std::size_t s = 0; s < tokens_[w].size(); ++s)
        if (tokens_[w][s] >= 0) place_[static_cast<std::size_t>(tokens_[w][s])] = {static_cast<int>(w), static_cast<int>(s)};
  }
  int batch() const override { return inner_->batch() / static_cast<int>(tokens_.size()); }
  int heads() const override { return inner_->heads(); }
  std::int64_t rows() const override { return n_; }
  std::int64_t cols() const override { return n_; }
  std::string kind() const override { return "block sparse softmax"; }
  bool stochastic() const override { return inner_->stochastic(); }
  Result<Tensor> tile(int batch, int head, std::int64_t r0, std::int64_t r1, std::int64_t c0, std::int64_t c1) const override {
    VITRINE_CHECK(in_range(*this, batch, head, r0, r1, c0, c1));
    std::vector<float> out(static_cast<std::size_t>((r1 - r0) * (c1 - c0)), 0.0F);
    std::map<int, std::vector<float>> windows;
    for (std::int64_t r = r0; r < r1; ++r) {
      const auto [w, s] = place_[static_cast<std::size_t>(r)];
      if (w < 0) continue;
      const auto slots = static_cast<std::int64_t>(tokens_[static_cast<std::size_t>(w)].size());
      if (!windows.contains(w)) {
        VITRINE_TRY(const Tensor whole, inner_->tile(batch * static_cast<int>(tokens_.size()) + w, head, 0, slots, 0, slots));
        windows[w] = whole.to_floats();
      }
      const auto& m = windows[w];
      for (std::int64_t t = 0; t < slots; ++t) {
        const std::int64_t c = tokens_[static_cast<std::size_t>(w)][static_cast<std::size_t>(t)];
        if (c >= c0 && c < c1) out[static_cast<std::size_t>((r - r0) * (c1 - c0) + c - c0)] = m[static_cast<std::size_t>(s * slots + t)];
      }
    }
    return Tensor::from_floats(out, {r1 - r0, c1 - c0});
  }
  Tensor values() const override { return place(inner_->values()); }
  Tensor output() const override { return place(inner_->output()); }
  const std::vector<std::vector<std::int64_t>>& geometry() const { return geometry_; }
  const std::shared_ptr<const MixingMap>& inner() const { return inner_; }

 private:
  /// [image * window, head, slot, d] -> [image, head, token, d]
  Tensor place(const Tensor& x) const {
    const auto windows = static_cast<std::int64_t>(tokens_.size()), slots = static_cast<std::int64_t>(tokens_[0].size());
    const Tensor flat = reshape(permute(reshape(x, {batch(), windows, x.size(1), slots, x.size(3)}), {0, 2, 1, 3, 4}),
                                {batch(), x.size(1), windows * slots, x.size(3)});
    std::vector<std::int64_t> order(static_cast<std::size_t>(n_));
    for (std::int64_t t = 0; t < n_; ++t) {
      const auto [w, s] = place_[static_cast<std::size_t>(t)];
      order[static_cast<std::size_t>(t)] = w < 0 ? 0 : w * slots + s;
    }
    return index_select(flat, 2, order);
  }

  std::shared_ptr<const MixingMap> inner_;
  std::vector<std::vector<std::int64_t>> tokens_, geometry_;
  std::int64_t n_;
  std::vector<std::pair<int, int>> place_;
};

}  // namespace

std::shared_ptr<const MixingMap> attention_map(AttentionFactors factors) { return std::make_shared<SoftmaxMap>(std::move(factors)); }

std::shared_ptr<const MixingMap> stored_map(Tensor pattern, Tensor values, Tensor output, std::string kind, bool stochastic) {
  return std::make_shared<StoredMap>(std::move(pattern), std::move(values), std::move(output), std::move(kind), stochastic);
}

std::shared_ptr<const MixingMap> windowed_map(std::shared_ptr<const MixingMap> inner, std::vector<std::vector<std::int64_t>> tokens, std::int64_t n_tokens, std::int64_t n_grid) {
  return std::make_shared<WindowedMap>(std::move(inner), std::move(tokens), n_tokens, n_grid);
}

const std::vector<std::vector<std::int64_t>>* window_tokens(const MixingMap& map) {
  const auto* windowed = dynamic_cast<const WindowedMap*>(&map);
  return windowed ? &windowed->geometry() : nullptr;
}

std::shared_ptr<const MixingMap> window_inner(const MixingMap& map) {
  const auto* windowed = dynamic_cast<const WindowedMap*>(&map);
  return windowed ? windowed->inner() : nullptr;
}

}  // namespace vitrine::engine
