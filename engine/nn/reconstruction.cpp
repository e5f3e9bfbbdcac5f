#include "engine/nn/reconstruction.h"

#include <cmath>

#include "engine/tensor/ops.h"

namespace vitrine::engine {

namespace {

class SkipTokens final : public Part {
 public:
  explicit SkipTokens(int count) : count_(count) {}
  Tensor forward(const Tensor& x, Pass&) const override { return slice(x, 1, count_, x.size(1)); }

 private:
  int count_;
};

class Unpatchify final : public Part {
 public:
  Unpatchify(std::string tower, std::int64_t channels) : tower_(std::move(tower)), channels_(channels) {}
  Tensor forward(const Tensor& x, Pass& pass) const override {
    const auto [rows, cols] = pass.grids.at(tower_);
    const auto side = static_cast<std::int64_t>(std::llround(std::sqrt(static_cast<double>(x.size(2) / channels_))));
    const Tensor cells = reshape(x, {x.size(0), rows, cols, side, side, channels_});
    return reshape(permute(cells, {0, 5, 1, 3, 2, 4}), {x.size(0), channels_, rows * side, cols * side});
  }

 private:
  std::string tower_;
  std::int64_t channels_;
};

class MaskedError final : public Part {
 public:
  MaskedError(std::string tower, std::int64_t channels, bool norm_pixels) : tower_(std::move(tower)), channels_(channels), norm_pixels_(norm_pixels) {}
  bool mixes_batch() const override { return true; }
  Tensor forward(const Tensor& x, Pass& pass) const override {
    const Tensor pixels = pass.input("pixel_values");
    const auto mask = pass.outputs.find(tower_ + "patch_mask");
    const auto [rows, cols] = pass.grids.at(tower_);
    const std::int64_t batch = x.size(0), height = pixels.size(2) / rows, width = pixels.size(3) / cols;
    Tensor target = reshape(pixels, {batch, channels_, rows, height, cols, width});
    target = reshape(permute(target, {0, 2, 4, 3, 5, 1}), {batch, rows * cols, height * width * channels_});
    if (norm_pixels_) {
      const Tensor centred = target - mean(target, {-1}, true);
      const Tensor variance = sum(square(centred), {-1}, true) / static_cast<double>(target.size(-1) - 1);
      target = centred * rsqrt(variance + 1e-6);
    }
    const Tensor error = mean(square(x - target), {-1});
    return mask == pass.outputs.end() ? mean_all(error) : sum_all(error * mask->second) / sum_all(mask->second);
  }

 private:
  std::string tower_;
  std::int64_t channels_;
  bool norm_pixels_;
};

}  // namespace

Status register_reconstruction(PartRegistry& registry) {
  VITRINE_CHECK(registry.add("skip_tokens", [](const nlohmann::json& params, BuildContext&) -> Result<std::unique_ptr<Part>> {
    return std::make_unique<SkipTokens>(param_or(params, "count", 1));
  }));
  VITRINE_CHECK(registry.add("unpatchify", [](const nlohmann::json& params, BuildContext& context) -> Result<std::unique_ptr<Part>> {
    return std::make_unique<Unpatchify>(context.tower, param_or<std::int64_t>(params, "channels", 3));
  }));
  return registry.add("masked_error", [](const nlohmann::json& params, BuildContext& context) -> Result<std::unique_ptr<Part>> {
    return std::make_unique<MaskedError>(context.tower, param_or<std::int64_t>(params, "channels", 3), param_or(params, "norm_pixels", false));
  });
}

}  // namespace vitrine::engine
