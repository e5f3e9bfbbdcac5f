#include "engine/mixers/window_attention.h"

#include <algorithm>

#include "engine/mixers/attention.h"
#include "engine/mixers/attention_map.h"
#include "engine/tensor/ops.h"

namespace vitrine::engine {

namespace {

/// Where every token of a grid goes when it is rolled, padded and cut into windows.
struct WindowLayout {
  std::int64_t rows = 0, cols = 0;                     ///< of the windows' grid
  std::vector<std::vector<std::int64_t>> tokens;       ///< [window, slot] flat token; >= n_grid: padding
  std::vector<std::vector<int>> regions;               ///< [window, slot]: pairs of different regions must not attend
  std::int64_t n_grid = 0, n_all = 0;
};

WindowLayout lay_out(std::int64_t rows, std::int64_t cols, std::int64_t wr, std::int64_t wc, std::int64_t sr, std::int64_t sc, bool pad_first) {
  WindowLayout layout;
  const std::int64_t pr = (rows + wr - 1) / wr * wr, pc = (cols + wc - 1) / wc * wc;
  layout.rows = pr / wr;
  layout.cols = pc / wc;
  layout.n_grid = layout.n_all = rows * cols;
  layout.tokens.assign(static_cast<std::size_t>(layout.rows * layout.cols), std::vector<std::int64_t>(static_cast<std::size_t>(wr * wc)));
  layout.regions.assign(layout.tokens.size(), std::vector<int>(static_cast<std::size_t>(wr * wc)));
  const auto band = [](std::int64_t i, std::int64_t n, std::int64_t w, std::int64_t s) { return s == 0 ? 0 : i < n - w ? 0 : i < n - s ? 1 : 2; };
  for (std::int64_t y = 0; y < pr; ++y)
    for (std::int64_t x = 0; x < pc; ++x) {
      std::int64_t sy = y, sx = x;
      bool padding = false;
      if (pad_first) {
        sy = (y + sr) % pr;
        sx = (x + sc) % pc;
        padding = sy >= rows || sx >= cols;
      } else {
        padding = y >= rows || x >= cols;
        sy = (y + sr) % rows;
        sx = (x + sc) % cols;
      }
      const auto window = static_cast<std::size_t>(y / wr * layout.cols + x / wc), slot = static_cast<std::size_t>(y % wr * wc + x % wc);
      layout.tokens[window][slot] = padding ? layout.n_all++ : sy * cols + sx;
      layout.regions[window][slot] = band(y, pr, wr, sr) * 3 + band(x, pc, wc, sc);
    }
  return layout;
}

class WindowAttention final : public Part {
 public:
  std::optional<AttentionCore> core;
  std::string tower;
  std::int64_t window_rows = 7, window_cols = 7, shift_rows = 0, shift_cols = 0;
  bool pad_first = false, joint_shrink = false;
  Tensor table;   // [(2w-1)(2w-1), head]

  struct Extent {
    std::int64_t rows, cols, shift_rows, shift_cols;
  };
  /// A map that is not larger than the window is one window, without shift: per axis, or for both together.
  Extent window_for(std::int64_t rows, std::int64_t cols) const {
    Extent w{window_rows, window_cols, shift_rows, shift_cols};
    if (joint_shrink) {
      if (std::min(rows, cols) <= w.rows) w = {std::min(rows, cols), std::min(rows, cols), 0, 0};
    } else {
      if (rows <= w.rows) { w.rows = rows; w.shift_rows = 0; }
      if (cols <= w.cols) { w.cols = cols; w.shift_cols = 0; }
    }
    return w;
  }

  Tensor relative_bias(std::int64_t wr, std::int64_t wc) const {
    const std::int64_t n = wr * wc;
    std::vector<std::int64_t> ids(static_cast<std::size_t>(n * n));
    for (std::int64_t i = 0; i < n; ++i)
      for (std::int64_t j = 0; j < n; ++j) {
        const std::int64_t dy = i / wc - j / wc + window_rows - 1, dx = i % wc - j % wc + window_cols - 1;
        ids[static_cast<std::size_t>(i * n + j)] = dy * (2 * window_cols - 1) + dx;
      }
    return unsqueeze(permute(embedding(table, Tensor::from_ints(ids, {n, n})), {2, 0, 1}), 0);
  }

  Tensor region_mask(const WindowLayout& layout, std::int64_t batch) const {
    const std::size_t windows = layout.regions.size(), n = layout.regions[0].size();
    std::vector<float> m(windows * n * n);
    for (std::size_t w = 0; w < windows; ++w)
      for (std::size_t i = 0; i < n; ++i)
        for (std::size_t j = 0; j < n; ++j)
          m[(w * n + i) * n + j] = layout.regions[w][i] == layout.regions[w][j] ? 0.0F : -1e30F;
    const auto side = static_cast<std::int64_t>(n);
    return repeat(Tensor::from_floats(m, {static_cast<std::int64_t>(windows), 1, side, side}), {batch, 1, 1, 1});
  }

  Tensor forward(const Tensor& x, Pass& pass) const override {
    const auto [rows, cols] = pass.grids.at(tower);
    const std::int64_t batch = x.size(0), width = x.size(2);
    const auto [wr, wc, sr, sc] = window_for(rows, cols);
    const WindowLayout layout = lay_out(rows, cols, wr, wc, sr, sc, pad_first);
    std::vector<std::int64_t> order, back(static_cast<std::size_t>(layout.n_grid));
    for (const auto& window : layout.tokens)
      for (const auto token : window) {
        if (token < layout.n_grid) back[static_cast<std::size_t>(token)] = static_cast<std::int64_t>(order.size());
        order.push_back(token);
      }
    Tensor padded = x;
    if (layout.n_all > layout.n_grid) padded = pad(x, {0, 0, 0, layout.n_all - layout.n_grid});
    const std::int64_t slots = wr * wc, windows = layout.rows * layout.cols;
    const Tensor folded = reshape(index_select(padded, 1, order), {batch * windows, slots, width});
    ScoreTerms terms;
    terms.bias = relative_bias(wr, wc);
    if (sr > 0 || sc > 0) terms.bias = terms.bias + region_mask(layout, batch);
    std::shared_ptr<const MixingMap> map;
    const Tensor y = core->forward(folded, folded, terms, pass, &map);
    if (map) pass.maps[core->site()] = windowed_map(map, layout.tokens, layout.n_all, layout.n_grid);
    return index_select(reshape(y, {-1, windows * slots, width}), 1, back);
  }
  PartCost cost(const PartLoad& load) const override {
    std::int64_t slots = std::min(window_rows * window_cols, load.tokens), windows = (load.tokens + slots - 1) / slots;
    if (load.rows > 0 && load.cols > 0) {   // what is padded is computed too
      const Extent w = window_for(load.rows, load.cols);
      slots = w.rows * w.cols;
      windows = ((load.rows + w.rows - 1) / w.rows) * ((load.cols + w.cols - 1) / w.cols);
    }
    PartCost c = core->cost({.batch = load.batch * windows, .tokens = slots}, slots);
    c.live += c.in + c.out;   // the windows, and what comes back from them
    return c;
  }
};

Result<std::unique_ptr<Part>> make_window_attention(const nlohmann::json& params, BuildContext& context) {
  auto part = std::make_unique<WindowAttention>();
  VITRINE_TRY(const auto window, param<std::vector<int>>(params, "window"));
  const auto shift = param_or(params, "shift", std::vector<int>{0, 0});
  if (window.size() != 2 || shift.size() != 2 || window[0] < 1 || window[1] < 1 || shift[0] < 0 || shift[1] < 0)
    return fail(ErrorCode::FileFormat, "window_size and shift must be two numbers each");
  VITRINE_TRY(AttentionCore core, AttentionCore::build(params, context, "window attention"));
  part->core = std::move(core);
  part->tower = context.tower;
  part->window_rows = window[0];
  part->window_cols = window[1];
  part->shift_rows = shift[0];
  part->shift_cols = shift[1];
  part->pad_first = param_or(params, "pad_first", false);
  part->joint_shrink = param_or(params, "joint_shrink", false);
  VITRINE_TRY(part->table, context.weight("relative_bias", {(2 * window[0] - 1) * (2 * window[1] - 1), part->core->n_heads()}));
  return part;
}

class PatchMerging final : public Part {
 public:
  bool halves_grid() const override { return true; }
  std::string tower;
  std::unique_ptr<Part> norm;
  PackedLinear reduction;

  PartCost cost(const PartLoad& load) const override {
    const auto rows = static_cast<double>(load.batch * ((load.tokens + 3) / 4));
    return {.linear_flops = 2 * rows * static_cast<double>(reduction.weight().numel()), .in = rows * static_cast<double>(reduction.weight().size(1)),
            .out = rows * static_cast<double>(reduction.weight().size(0))};
  }

  Tensor forward(const Tensor& x, Pass& pass) const override {
    auto [rows, cols] = pass.grids.at(tower);
    const std::int64_t batch = x.size(0), width = x.size(2);
    Tensor grid = reshape(x, {batch, rows, cols, width});
    if (rows % 2 || cols % 2) grid = pad(grid, {0, 0, 0, cols % 2, 0, rows % 2});
    rows = (rows + 1) / 2;
    cols = (cols + 1) / 2;
    pass.grids[tower] = {rows, cols};
    // Neighbours in the order (0,0), (1,0), (0,1), (1,1): columns outside, rows inside.
    const Tensor four = permute(reshape(grid, {batch, rows, 2, cols, 2, width}), {0, 1, 3, 4, 2, 5});
    return reduction(norm->forward(reshape(four, {batch, rows * cols, 4 * width}), pass));
  }
};

Result<std::unique_ptr<Part>> make_patch_merging(const nlohmann::json& params, BuildContext& context) {
  auto part = std::make_unique<PatchMerging>();
  part->tower = context.tower;
  BuildContext norm = context.at("norm");
  VITRINE_TRY(part->norm, context.parts->build({"layer_norm", {{"width", 4 * context.d_model}, {"eps", param_or(params, "eps", 1e-5)}}}, norm));
  VITRINE_TRY(part->reduction, context.linear("reduction", param_or(params, "out", 2 * context.d_model), 4 * context.d_model, false));
  context.d_model = param_or(params, "out", 2 * context.d_model);
  return part;
}

}  // namespace

Status register_window_attention(PartRegistry& registry) {
  VITRINE_CHECK(registry.add("window_attention", make_window_attention));
  return registry.add("patch_merging", make_patch_merging);
}

}  // namespace vitrine::engine
