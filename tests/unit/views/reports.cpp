#include "reports.h"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <limits>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace vitrine::test {

using engine::Array;
using engine::PictureKind;
using engine::Report;

namespace {

const std::vector<std::string> kWords{
    "It",  " was",   " not", " in", " her",  " nature", " to",   " question", " the", " ver", "ac",   "ity", " of",
    " a",  " young", " man", " of", " such", " am",     "iable", " app",      "ear",  "ance", " as",  " W",  "ick",
    "ham", ".",      "\n",   "Mr",  ".",     " Dar",    "cy",    " and",      " Mr",  ".",    " Bing"};

/// Numbers that look random and are the same everywhere.
class Dice {
 public:
  explicit Dice(std::uint32_t seed) : state_(seed * 2654435761u + 1) {}
  double unit() {
    state_ = state_ * 1664525u + 1013904223u;
    return (state_ >> 8) / 16777216.0;
  }
  double normal() { return std::sqrt(-2 * std::log(unit() + 1e-9)) * std::cos(6.283185307 * unit()); }

 private:
  std::uint32_t state_;
};

Array array(std::string name, std::string unit, std::vector<std::string> axes, std::vector<std::int64_t> shape,
            std::vector<float> values) {
  Array out{std::move(name), std::move(unit), {}, std::move(shape), std::move(values)};
  for (auto& axis : axes) out.axes.push_back({std::move(axis), "", {}});
  return out;
}

Report basic(std::string id, std::string title, std::string subtitle, PictureKind kind) {
  Report r;
  r.id = std::move(id);
  r.title = std::move(title);
  r.subtitle = std::move(subtitle);
  r.picture = kind;
  r.verified = {"map applied to the values equals the forward pass", 3.1e-7, 1e-5, true};
  return r;
}

std::string shared_case(const std::string& name) {
  return VITRINE_SOURCE_DIR "/../shared/golden/trained/" + name + "/expected.safetensors";
}

Attention text_attention() {
  auto found = reference_attention(shared_case("lm_text"), 0);
  if (found.layers == 0) return language_attention();
  found.labels.assign(kWords.begin(), kWords.end());
  return found;
}

void name_tokens(Report& report, const std::vector<std::string>& labels) {
  for (std::size_t i = 0; i < labels.size(); ++i)
    report.tokens.push_back({labels[i], static_cast<std::int64_t>(100 + 7 * i), -1, -1, false});
}

std::vector<float> head_values(int layers, int heads, std::uint32_t seed, double scale, double offset) {
  Dice dice(seed);
  std::vector<float> out;
  for (int i = 0; i < layers * heads; ++i)
    out.push_back(static_cast<float>(offset + scale * std::pow(dice.unit(), 3)));
  return out;
}

std::vector<std::string> head_names(int layers, int heads) {
  std::vector<std::string> out;
  for (int l = 0; l < layers; ++l)
    for (int h = 0; h < heads; ++h) out.push_back(fmt::format("{}.{}", l, h));
  return out;
}

/// A soft blob on a gradient, so that an overlay has something beneath it.
engine::Picture8 picture(int side) {
  engine::Picture8 out{side, side, {}};
  for (int y = 0; y < side; ++y)
    for (int x = 0; x < side; ++x) {
      const double d = std::hypot(x - side * 0.42, y - side * 0.55) / side;
      const double ring = std::exp(-std::pow((d - 0.24) * 14, 2));
      out.rgb.push_back(static_cast<std::uint8_t>(40 + 190 * ring));
      out.rgb.push_back(static_cast<std::uint8_t>(50 + 160 * ring + 30.0 * y / side));
      out.rgb.push_back(static_cast<std::uint8_t>(70 + 120 * ring + 60.0 * x / side));
    }
  return out;
}

}  // namespace

std::vector<float> Attention::map(int layer, int head) const {
  const auto size = static_cast<std::size_t>(tokens) * static_cast<std::size_t>(tokens);
  const auto from =
      values.begin() + static_cast<std::ptrdiff_t>(size * static_cast<std::size_t>(layer * heads + head));
  return {from, from + static_cast<std::ptrdiff_t>(size)};
}

Attention language_attention(int layers, int heads) {
  Attention out{layers, heads, static_cast<int>(kWords.size()), {}, kWords};
  Dice dice(7);
  for (int l = 0; l < layers; ++l)
    for (int h = 0; h < heads; ++h)
      for (int q = 0; q < out.tokens; ++q) {
        std::vector<double> row(static_cast<std::size_t>(out.tokens), 0.0);
        double sum = 0;
        for (int k = 0; k <= q; ++k) {
          double score = dice.normal() * 0.8 + (k == 0 ? 2.5 : 0);
          if (h % 4 == 0) score += 5.0 * std::exp(-std::abs(q - 1 - k));
          if (h % 4 == 1 && kWords[static_cast<std::size_t>(k)] == kWords[static_cast<std::size_t>(q)]) score += 3;
          if (h % 4 == 2) score -= 0.25 * (q - k);
          row[static_cast<std::size_t>(k)] = std::exp(score);
          sum += row[static_cast<std::size_t>(k)];
        }
        for (const double v : row) out.values.push_back(static_cast<float>(v / sum));
      }
  return out;
}

Attention reference_attention(const std::string& path, int batch) {
  std::ifstream file(path, std::ios::binary);
  std::uint64_t length = 0;
  if (!file.read(reinterpret_cast<char*>(&length), 8) || length > 1'000'000) return {};
  std::string header(length, ' ');
  file.read(header.data(), static_cast<std::streamsize>(length));
  const auto json = nlohmann::json::parse(header, nullptr, false);
  Attention out;
  for (int layer = 0; json.is_object() && json.contains(fmt::format("attn.{}", layer)); ++layer) {
    const auto& entry = json[fmt::format("attn.{}", layer)];
    const auto shape = entry["shape"].get<std::vector<std::int64_t>>();
    out.layers = layer + 1;
    out.heads = static_cast<int>(shape[1]);
    out.tokens = static_cast<int>(shape[2]);
    const auto count = static_cast<std::size_t>(shape[1] * shape[2] * shape[3]);
    std::vector<float> values(count);
    file.seekg(static_cast<std::streamoff>(8 + length + entry["data_offsets"][0].get<std::uint64_t>() +
                                           4 * count * static_cast<std::size_t>(batch)));
    file.read(reinterpret_cast<char*>(values.data()), static_cast<std::streamsize>(4 * count));
    out.values.insert(out.values.end(), values.begin(), values.end());
  }
  return out;
}

Report matrix_report() {
  const auto attention = text_attention();
  auto r = basic("attention", "Attention of head 2.1", "demo:lm_text \u00b7 37 tokens \u00b7 layer 2, head 1",
                 PictureKind::Matrix);
  r.arrays.push_back(
      array("pattern", "probability", {"query", "key"}, {attention.tokens, attention.tokens}, attention.map(2, 1)));
  name_tokens(r, attention.labels);
  r.metrics = {{"entropy", 1.482, "nats", {}}, {"mass_on_first_token", 0.337, "", {}}};
  return r;
}

Report difference_report() {
  const auto attention = text_attention();
  auto r = basic("attention_difference", "Attention of head 3.1: edited minus unedited",
                 "demo:lm_text \u00b7 head 0.0 off", PictureKind::Matrix);
  auto values = attention.map(3, 1);
  const auto other = attention.map(3, 0);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] -= other[i];
  r.arrays.push_back(
      array("difference", "probability", {"query", "key"}, {attention.tokens, attention.tokens}, values));
  name_tokens(r, attention.labels);
  return r;
}

Report grid_report() {
  const auto attention = text_attention();
  auto r = basic("attention_grid", "All heads", "demo:lm_text \u00b7 4 layers \u00d7 4 heads \u00b7 37 tokens",
                 PictureKind::MatrixGrid);
  r.arrays.push_back(array("pattern", "probability", {"layer", "head", "query", "key"},
                           {attention.layers, attention.heads, attention.tokens, attention.tokens}, attention.values));
  name_tokens(r, attention.labels);
  return r;
}

Report heat_map_report() {
  auto r = basic("head_importance", "Head importance by zero-ablation",
                 "demo:vit_digits \u00b7 300 images \u00b7 drop of accuracy", PictureKind::HeatMap);
  auto values = head_values(6, 4, 3, 0.3, 0);
  values[23] = std::numeric_limits<float>::quiet_NaN();
  r.arrays.push_back(array("importance", "accuracy lost", {"layer", "head"}, {6, 4}, values));
  r.verified = {"not checked: 23 of 24 heads done", -1, -1, false};
  r.fraction_done = 23.0 / 24;
  return r;
}

Report several_heat_maps_report() {
  auto r = basic("head_stats", "What heads do", "MiniLM \u00b7 6 layers \u00d7 12 heads \u00b7 2 sentences",
                 PictureKind::HeatMap);
  r.arrays.push_back(array("entropy", "nats", {"layer", "head"}, {6, 12}, head_values(6, 12, 5, 2.5, 0.6)));
  r.arrays.push_back(array("distance", "tokens", {"layer", "head"}, {6, 12}, head_values(6, 12, 9, 8, 0.5)));
  r.arrays.push_back(array("first_token", "mass", {"layer", "head"}, {6, 12}, head_values(6, 12, 11, 0.9, 0)));
  return r;
}

Report lines_report() {
  auto r = matrix_report();
  r.picture = PictureKind::TokenLines;
  return r;
}

Report overlay_report() {
  auto r = basic("overlay", "Where CLS looks", "synthetic image \u00b7 8 \u00d7 8 patches", PictureKind::ImageOverlay);
  std::vector<float> values;
  for (int y = 0; y < 8; ++y)
    for (int x = 0; x < 8; ++x)
      values.push_back(static_cast<float>(0.04 * std::exp(-(std::pow(x - 2.0, 2) + std::pow(y - 4.0, 2)) / 5)));
  r.arrays.push_back(array("attention", "probability", {"row", "column"}, {8, 8}, values));
  r.image = picture(160);
  r.grid = engine::PatchGrid{8, 8, 1};
  return r;
}

Report image_attention_report() {
  auto attention = reference_attention(shared_case("vit_digits"), 0);
  if (attention.tokens != 65) {
    attention = {1, 1, 65, std::vector<float>(65 * 65, 1.0f / 65), {}};
    for (int q = 0; q < 65; ++q) attention.values[static_cast<std::size_t>(q * 65 + (q + 20) % 65)] = 0.2f;
  }
  auto r =
      basic("attention", "Attention on the image, head 4.2", "demo:vit_digits \u00b7 65 tokens", PictureKind::Matrix);
  const bool many = attention.layers > 4;
  r.arrays.push_back(
      array("pattern", "probability", {"query", "key"}, {65, 65}, many ? attention.map(4, 2) : attention.map(0, 0)));
  r.image = picture(32);
  r.grid = engine::PatchGrid{8, 8, 1};
  return r;
}

Report bars_report() {
  auto r = basic("code_effect", "Next token with code 2.0.57 forced", "demo:codebook_fsm \u00b7 10 of 11 tokens",
                 PictureKind::Bars);
  auto now = array("forced", "probability", {"token"}, {10},
                   {0.41f, 0.22f, 0.11f, 0.08f, 0.06f, 0.05f, 0.03f, 0.02f, 0.015f, 0.005f});
  auto before = array("untouched", "probability", {"token"}, {10},
                      {0.07f, 0.31f, 0.02f, 0.25f, 0.11f, 0.09f, 0.06f, 0.05f, 0.03f, 0.01f});
  for (const char* label : {" 7", " 3", " 12", " 0", " 45", " nature", " question", "ity", ".", "\n"})
    now.axes[0].labels.emplace_back(label);
  r.arrays = {now, before};
  return r;
}

Report scatter_report() {
  auto r = basic("importance_scatter", "Importance against entropy", "demo:lm_text \u00b7 zero-ablation, 48 heads",
                 PictureKind::Scatter);
  Dice dice(21);
  std::vector<float> x, y, c;
  for (int i = 0; i < 48; ++i) {
    x.push_back(static_cast<float>(0.4 + 2.6 * dice.unit()));
    y.push_back(static_cast<float>(std::max(-0.01, 0.25 * std::exp(-1.4 * x.back()) + 0.02 * dice.normal())));
    c.push_back(static_cast<float>(i / 12));
  }
  r.arrays = {array("entropy", "nats", {"head"}, {48}, x), array("importance", "nats", {"head"}, {48}, y),
              array("layer", "", {"head"}, {48}, c)};
  r.arrays[0].axes[0].labels = head_names(4, 12);
  return r;
}

Report curves_report() {
  auto r = basic("error_vs_context", "Error against examples in context", "ticl_linear \u00b7 mean of 512 sequences",
                 PictureKind::Curves);
  const std::vector<std::string> names{"transformer", "least_squares", "ridge", "one_gradient_step"};
  for (std::size_t i = 0; i < names.size(); ++i) {
    std::vector<float> y;
    for (int k = 0; k <= 12; ++k)
      y.push_back(
          static_cast<float>((1.9 - 0.2 * double(i)) * std::exp(-k * (0.75 - 0.17 * double(i))) + 0.013 * double(i)));
    r.arrays.push_back(array(names[i], "squared error", {"examples"}, {13}, y));
  }
  return r;
}

Report table_report() {
  auto r = basic("predictions", "Next token", "demo:lm_text \u00b7 after \u2018Mr. Darcy and Mr.\u2019",
                 PictureKind::Table);
  r.metrics = {{"kl_divergence", 0.1834, "nats", {}}};
  engine::Table t;
  t.name = "top_predictions";
  t.columns = {{"rank", "", 4}, {"token", "", 4}, {"probability", "", 4}, {"before", "", 4}, {"change", "", 3}};
  const std::vector<std::string> names{" Bingley", " Collins",  " Darcy",    " Wickham",   " Bennet",
                                       " Hurst",   " Gardiner", " Phillips", " Knightley", "\n"};
  for (std::size_t i = 0; i < names.size(); ++i) {
    const double p = 0.42 * std::exp(-0.55 * double(i)), b = p * (1 + 0.4 * std::sin(double(i)));
    t.rows.push_back({double(i + 1), names[i], p, b, p - b});
  }
  r.tables.push_back(t);
  return r;
}

Report effect_report() {
  auto r = basic("pruning_effect", "25 % of heads pruned", "demo:vit_digits \u00b7 300 images", PictureKind::Table);
  r.metrics = {{"accuracy", 0.98, "", 0.9867},
               {"mean_cross_entropy", 0.0712, "nats", 0.0498},
               {"parameters", 189322, "", 205898},
               {"size", 757288, "bytes", 823592},
               {"latency", 1.84, "ms", 2.21}};
  return r;
}

Report tokens_report() {
  auto r = basic("loss", "Loss of each token", "demo:lm_text \u00b7 nats", PictureKind::Tokens);
  const auto attention = language_attention(1, 1);
  name_tokens(r, attention.labels);
  r.tokens.insert(r.tokens.begin(), {"<s>", 0, -1, -1, true});
  Dice dice(2);
  std::vector<float> values{std::numeric_limits<float>::quiet_NaN()};
  for (std::size_t i = 1; i < r.tokens.size(); ++i)
    values.push_back(static_cast<float>(6 * dice.unit() * dice.unit()));
  r.arrays.push_back(array("loss", "nats", {"token"}, {static_cast<std::int64_t>(values.size())}, values));
  return r;
}

Report trajectories_report() {
  auto r = basic("trajectories", "The residual stream through the layers",
                 "demo:lm_text \u00b7 first three principal components", PictureKind::Trajectories);
  Dice dice(13);
  const int layers = 5, tokens = 14;
  std::vector<float> values(static_cast<std::size_t>(layers * tokens * 3));
  for (int t = 0; t < tokens; ++t) {
    const double angle = dice.unit() * 6.28, bend = dice.normal() * 0.3;
    for (int l = 0; l < layers; ++l)
      for (int c = 0; c < 3; ++c)
        values[static_cast<std::size_t>((l * tokens + t) * 3 + c)] =
            static_cast<float>((l + 0.4) * (c == 0   ? std::cos(angle + bend * l)
                                            : c == 1 ? std::sin(angle + bend * l)
                                                     : 0.1) +
                               0.15 * dice.normal());
  }
  r.arrays.push_back(array("residual", "", {"layer", "token", "component"}, {layers, tokens, 3}, values));
  r.arrays[0].axes[2].labels = {"PC 1 (41 %)", "PC 2 (22 %)", "PC 3 (9 %)"};
  r.arrays[0].axes[1].labels.assign(kWords.begin(), kWords.begin() + tokens);
  return r;
}

Report text_report() {
  auto r = basic("notes", "What the file says about itself", "demo:lm_text", PictureKind::Text);
  r.text =
      "A GPT-2 of four layers with four heads each, trained on six novels of Jane Austen with a byte-level BPE of "
      "1,024 "
      "entries.\n\nHead 0.0 was led to attend to the previous token by an auxiliary loss during one stage; the "
      "induction "
      "heads 2.1, 2.3, 3.0 and 3.1 were not.";
  r.verified = {};
  return r;
}

Report large_matrix_report(int side) {
  auto r = basic("large", "A large map", fmt::format("{} tokens", side), PictureKind::Matrix);
  std::vector<float> values;
  values.reserve(static_cast<std::size_t>(side) * static_cast<std::size_t>(side));
  for (int q = 0; q < side; ++q)
    for (int k = 0; k < side; ++k)
      values.push_back(k > q ? 0.0f : static_cast<float>(1.0 / (1 + std::abs(q - k - 3))));
  r.arrays.push_back(array("pattern", "probability", {"query", "key"}, {side, side}, values));
  return r;
}

std::vector<Named> all_reports() {
  return {{"matrix", matrix_report()},
          {"difference", difference_report()},
          {"grid", grid_report()},
          {"heat_map", heat_map_report()},
          {"heat_maps", several_heat_maps_report()},
          {"lines", lines_report()},
          {"overlay", overlay_report()},
          {"image_attention", image_attention_report()},
          {"bars", bars_report()},
          {"scatter", scatter_report()},
          {"curves", curves_report()},
          {"table", table_report()},
          {"effect", effect_report()},
          {"tokens", tokens_report()},
          {"trajectories", trajectories_report()},
          {"text", text_report()},
          {"large", large_matrix_report(300)}};
}

}  // namespace vitrine::test
