#include "pixel_model.h"

#include <cmath>
#include <fstream>
#include <list>
#include <string>
#include <vector>

#include <QColor>
#include <QImage>
#include <QPainter>

#include <fmt/format.h>

#include "engine/io/safetensors.h"

namespace vitrine::test {

namespace {

using engine::TensorToWrite;

class Weights {
 public:
  void add(const std::string& name, std::vector<std::int64_t> shape, float spread, float centre = 0) {
    std::size_t count = 1;
    for (const std::int64_t n : shape) count *= static_cast<std::size_t>(n);
    std::vector<float>& values = values_.emplace_back(count);
    for (float& v : values) v = centre + spread * next();
    list_.push_back({.name = name, .shape = std::move(shape), .values = values});
  }
  void add_linear(const std::string& name, std::int64_t out, std::int64_t in, float gain = 1) {
    add(name + ".weight", {out, in}, gain / std::sqrt(static_cast<float>(in)));
    add(name + ".bias", {out}, 0.02F);
  }
  void add_norm(const std::string& name, std::int64_t width) {
    add(name + ".weight", {width}, 0, 1);
    add(name + ".bias", {width}, 0);
  }
  [[nodiscard]] const std::vector<TensorToWrite>& list() const { return list_; }

 private:
  /// From -1.7 to 1.7, of variance 1.
  float next() {
    state_ = state_ * 6364136223846793005U + 1442695040888963407U;
    return (static_cast<float>(state_ >> 40U) / static_cast<float>(1U << 24U) - 0.5F) * 3.464F;
  }

  std::uint64_t state_ = 7;
  std::list<std::vector<float>> values_;
  std::vector<TensorToWrite> list_;
};

void write_picture(const std::filesystem::path& path, int side) {
  QImage picture(side, side, QImage::Format_Grayscale8);
  for (int y = 0; y < side; ++y)
    for (int x = 0; x < side; ++x) picture.scanLine(y)[x] = static_cast<uchar>((x + 2 * y) * 255 / (3 * side));
  QPainter painter(&picture);
  painter.setPen(Qt::NoPen);
  painter.setBrush(QColor(235, 235, 235));
  painter.drawEllipse(side / 8, side / 6, side / 3, side / 3);
  painter.setBrush(QColor(20, 20, 20));
  painter.drawRect(side / 2, side / 2, side / 3, side / 4);
  painter.end();
  picture.save(QString::fromStdString(path.string()));
}

}  // namespace

engine::Status write_pixel_model(const std::filesystem::path& folder, const PixelModel& model) {
  const std::int64_t width = model.d_model;
  std::ofstream(folder / "config.json") << fmt::format(
      R"({{"architectures":["ViTForImageClassification"],"model_type":"vit","hidden_size":{},"num_hidden_layers":{},"num_attention_heads":{},)"
      R"("intermediate_size":{},"hidden_act":"gelu","image_size":{},"patch_size":1,"num_channels":1,"qkv_bias":true,"layer_norm_eps":1e-6,)"
      R"("id2label":{{"0":"light","1":"dark"}}}})",
      width, model.layers, model.heads, 2 * width, model.side);
  std::ofstream(folder / "preprocessor_config.json") << fmt::format(
      R"({{"image_processor_type":"ViTImageProcessor","do_resize":true,"size":{{"height":{0},"width":{0}}},"resample":3,"do_rescale":true,)"
      R"("rescale_factor":0.00392156862745098,"do_normalize":true,"image_mean":[0.5],"image_std":[0.5]}})",
      model.side);
  Weights weights;
  weights.add("vit.embeddings.cls_token", {1, 1, width}, 0.5F);
  weights.add("vit.embeddings.position_embeddings", {1, model.side * model.side + 1, width}, 0.4F);
  weights.add("vit.embeddings.patch_embeddings.projection.weight", {width, 1, 1, 1}, 1);
  weights.add("vit.embeddings.patch_embeddings.projection.bias", {width}, 0.1F);
  for (std::int64_t l = 0; l < model.layers; ++l) {
    const std::string layer = fmt::format("vit.encoder.layer.{}.", l);
    for (const char* part : {"query", "key"}) weights.add_linear(layer + "attention.attention." + part, width, width, 1.5F);
    weights.add_linear(layer + "attention.attention.value", width, width);
    weights.add_linear(layer + "attention.output.dense", width, width);
    weights.add_linear(layer + "intermediate.dense", 2 * width, width);
    weights.add_linear(layer + "output.dense", width, 2 * width);
    weights.add_norm(layer + "layernorm_before", width);
    weights.add_norm(layer + "layernorm_after", width);
  }
  weights.add_norm("vit.layernorm", width);
  weights.add_linear("classifier", 2, width);
  write_picture(folder / "picture.png", static_cast<int>(model.side));
  return engine::write_safetensors(folder / "model.safetensors", weights.list());
}

}  // namespace vitrine::test
