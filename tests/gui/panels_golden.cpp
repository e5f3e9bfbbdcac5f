#include "panels_golden.h"

#include <cmath>
#include <cstring>
#include <numeric>

#include <QDir>
#include <QFile>
#include <QImage>
#include <fmt/format.h>

#include "views/panels/part_edits.h"

namespace vitrine::views {

using engine::Array;
using engine::PictureKind;
using engine::Report;

QString golden_folder() {
  const QString shared = QString(VITRINE_SOURCE_DIR) + "/../shared/golden/trained";
  return QDir(shared).exists() ? shared : QString(VITRINE_SOURCE_DIR) + "/tests/golden/trained";
}

float GoldenArray::at(const std::vector<std::int64_t>& index) const {
  std::int64_t flat = 0;
  for (std::size_t i = 0; i < shape.size(); ++i) flat = flat * shape[i] + index[i];
  return values.at(static_cast<std::size_t>(flat));
}

GoldenFile::GoldenFile(const std::string& case_and_file) {
  QFile file(golden_folder() + "/" + QString::fromStdString(case_and_file));
  if (!file.open(QIODevice::ReadOnly)) return;
  bytes_ = file.readAll().toStdString();
  std::uint64_t length = 0;
  std::memcpy(&length, bytes_.data(), 8);
  header_ = nlohmann::json::parse(bytes_.substr(8, length));
  start_ = 8 + length;
}

GoldenArray GoldenFile::read(const std::string& name) const {
  const auto& entry = header_.at(name);
  GoldenArray array{entry.at("shape").get<std::vector<std::int64_t>>(), {}};
  const auto begin = start_ + entry.at("data_offsets").at(0).get<std::size_t>();
  const auto end = start_ + entry.at("data_offsets").at(1).get<std::size_t>();
  const bool whole = entry.at("dtype") == "I64";
  for (std::size_t at = begin; at < end; at += whole ? 8 : 4) {
    if (whole) {
      std::int64_t value = 0;
      std::memcpy(&value, bytes_.data() + at, 8);
      array.values.push_back(static_cast<float>(value));
    } else {
      float value = 0;
      std::memcpy(&value, bytes_.data() + at, 4);
      array.values.push_back(value);
    }
  }
  return array;
}

namespace {

nlohmann::json json_file(const QString& path) {
  QFile file(path);
  if (!file.open(QIODevice::ReadOnly)) return {};
  return nlohmann::json::parse(file.readAll().toStdString(), nullptr, false);
}

std::string visible(std::string token) {
  for (const auto& [raw, shown] : {std::pair<std::string, std::string>{"Ġ", " "}, {"Ċ", "\n"}})
    for (auto at = token.find(raw); at != std::string::npos; at = token.find(raw)) token.replace(at, raw.size(), shown);
  return token;
}

ModelState base_model(const std::string& name, const std::string& architecture, int layers, int heads, int mlp) {
  ModelState model;
  model.name = "demo:" + name;
  model.path = "resources/models/" + name;
  model.architecture = architecture;
  TowerState tower;
  tower.mixer_kind = "attention";
  for (int l = 0; l < layers; ++l) {
    tower.heads_per_layer.push_back(heads);
    tower.cross_heads_per_layer.push_back(0);
    tower.mlp_width.push_back(mlp);
    tower.blocks.push_back(fmt::format("blocks.{}", l));
    tower.mixer_sites.push_back(fmt::format("blocks.{}.attn", l));
  }
  model.towers = {tower};
  model.has_eval_set = true;
  return model;
}

Report card(const std::string& kind, double parameters, double bytes, const std::string& shape) {
  Report report;
  report.id = "model_card";
  report.title = "Model card";
  report.metrics = {{"parameters", parameters, ""}, {"bytes", bytes, "bytes"}};
  engine::Table table;
  table.columns = {{"what", ""}, {"value", ""}};
  table.rows = {{"architecture", kind}, {"layers x heads", shape}, {"dtype", std::string("float32")},
                {"memory for a run", std::string("1.9 MB")}, {"licence", std::string("Apache-2.0")},
                {"trained on", std::string("Optical Recognition of Handwritten Digits")}};
  report.tables = {table};
  report.verified = {"SHA-256 of the weights matches the list of demo models", -1, -1, true};
  return report;
}

/// One array with named axes.
Array array_of(const std::string& name, const std::string& unit, std::vector<std::string> axes,
               std::vector<std::int64_t> shape, std::vector<float> values) {
  Array array{name, unit, {}, std::move(shape), std::move(values)};
  for (auto& axis : axes) array.axes.push_back({axis, "", {}});
  return array;
}

struct Source {
  std::string folder;
  int batch = 0;
  int layers = 0, heads = 0;
};

Source source_of(const FakeHost& host) {
  const std::string name = host.model()->name.substr(5);
  const auto& tower = host.model()->towers.front();
  return {name, 0, static_cast<int>(tower.heads_per_layer.size()), tower.heads_per_layer.front()};
}

std::vector<std::string> labels_of(const FakeHost& host) {
  std::vector<std::string> labels;
  for (const auto& token : host.input()->towers.front().tokens) labels.push_back(token.text);
  return labels;
}

/// Patterns are cut to the tokens of the input: the reference batch is padded.
std::vector<float> pattern(const FakeHost& host, int layer, int head) {
  const Source from = source_of(host);
  const GoldenArray all = GoldenFile(from.folder + "/expected.safetensors").read(fmt::format("attn.{}", layer));
  const auto n = static_cast<std::int64_t>(host.input()->towers.front().tokens.size());
  std::vector<float> values(static_cast<std::size_t>(n * n), 0.0F);
  for (int h = 0; h < from.heads; ++h) {
    if (head >= 0 && h != head) continue;
    for (std::int64_t q = 0; q < n; ++q)
      for (std::int64_t k = 0; k < n; ++k)
        values[static_cast<std::size_t>(q * n + k)] += all.at({from.batch, h, q, k}) / (head >= 0 ? 1 : from.heads);
  }
  return values;
}

void put_tokens(Report& report, const FakeHost& host) {
  const auto& tower = host.input()->towers.front();
  report.tokens = tower.tokens;
  report.grid = tower.grid;
  report.image = host.input()->image;
  for (auto& axis : report.arrays.front().axes)
    if (axis.name == "query" || axis.name == "key") axis.labels = labels_of(host);
}

double mean_entropy(const std::vector<float>& values, std::int64_t n) {
  double sum = 0;
  for (float v : values)
    if (v > 0) sum -= v * std::log(v);
  return sum / static_cast<double>(n);
}

Report attention(const FakeHost::Asked& asked, const FakeHost& host) {
  const int layer = asked.params.value("layer", 0), head = asked.params.value("head", 0);
  std::vector<float> values = pattern(host, layer, head);
  const auto n = static_cast<std::int64_t>(host.input()->towers.front().tokens.size());
  double first = 0;
  for (std::int64_t q = 0; q < n; ++q) first += values[static_cast<std::size_t>(q * n)] / static_cast<double>(n);
  Report report;
  report.title = head < 0 ? fmt::format("Attention, layer {}, mean of heads", layer) : fmt::format("Attention {}.{}", layer, head);
  report.subtitle = host.model()->name;
  report.picture = PictureKind::Matrix;
  report.metrics = {{"entropy", mean_entropy(values, n), "nats"}, {"mass on first token", first, "share"}};
  report.arrays = {array_of("pattern", "probability", {"query", "key"}, {n, n}, std::move(values))};
  put_tokens(report, host);
  report.verified = {"map x values against the forward pass", 2.4e-7, 1e-5, true};
  return report;
}

Report difference(const FakeHost::Asked& asked, const FakeHost& host) {
  Report report = attention(asked, host);
  report.title = "Difference to unedited";
  for (float& v : report.arrays[0].values) v = (v - 0.05F) * 0.3F;
  return report;
}

Report rollout(const FakeHost::Asked& asked, const FakeHost& host) {
  Report report = attention({asked.tag, "attention", {{"layer", 2}, {"head", -1}}, true}, host);
  report.title = "Attention rollout";
  report.verified = {"rows sum to 1", 1.2e-7, 1e-5, true};
  return report;
}

Report grid(const FakeHost::Asked&, const FakeHost& host) {
  const Source from = source_of(host);
  const auto n = static_cast<std::int64_t>(host.input()->towers.front().tokens.size());
  const std::int64_t size = std::min<std::int64_t>(48, n);
  std::vector<float> values;
  for (int l = 0; l < from.layers; ++l)
    for (int h = 0; h < from.heads; ++h) {
      const std::vector<float> full = pattern(host, l, h);
      for (std::int64_t r = 0; r < size; ++r)
        for (std::int64_t c = 0; c < size; ++c) {
          float most = 0;
          for (std::int64_t q = r * n / size; q < std::max(r * n / size + 1, (r + 1) * n / size); ++q)
            for (std::int64_t k = c * n / size; k < std::max(c * n / size + 1, (c + 1) * n / size); ++k)
              most = std::max(most, full[static_cast<std::size_t>(q * n + k)]);
          values.push_back(most);
        }
    }
  Report report;
  report.title = "All heads";
  report.subtitle = host.model()->name;
  report.picture = PictureKind::MatrixGrid;
  report.arrays = {array_of("pattern", "probability", {"layer", "head", "query", "key"}, {from.layers, from.heads, size, size},
                            std::move(values))};
  report.verified = {"map x values against the forward pass", 3.1e-7, 1e-5, true};
  return report;
}

std::vector<float> importance_values(const FakeHost& host) {
  const Source from = source_of(host);
  if (from.folder == "vit_digits")
    return GoldenFile("vit_digits_pruned/expected.safetensors").read("importance").values;
  const GoldenFile induction("lm_text_induction/expected.safetensors");
  return induction.found() ? induction.read("repeat_loss_if_zeroed").values
                           : std::vector<float>(static_cast<std::size_t>(from.layers * from.heads), 0.5F);
}

Report importance(const FakeHost::Asked& asked, const FakeHost& host) {
  const Source from = source_of(host);
  const std::vector<float> values = importance_values(host);
  Report report;
  report.title = "Head importance";
  report.subtitle = fmt::format("{}, {} on {}", host.model()->name, asked.params.value("method", ""), asked.params.value("on", ""));
  report.picture = PictureKind::HeatMap;
  report.arrays = {array_of("importance", "nats", {"layer", "head"}, {from.layers, from.heads}, values)};
  engine::Table table;
  table.name = "ranking";
  table.columns = {{"head", ""}, {"importance", "nats", 4}};
  std::vector<int> order(values.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](int a, int b) {
    return values[static_cast<std::size_t>(a)] > values[static_cast<std::size_t>(b)];
  });
  for (int i : order)
    table.rows.push_back({fmt::format("{}.{}", i / from.heads, i % from.heads), double(values[static_cast<std::size_t>(i)])});
  report.tables = {table};
  report.notes = {{"loss", "cross-entropy"}, {"averaged over", "300 images"}};
  report.verified = {"gradient against central differences on ten heads", 3.4e-4, 1e-2, true};
  return report;
}

Report scatter(const FakeHost::Asked& asked, const FakeHost& host) {
  const Source from = source_of(host);
  Report report;
  report.title = "Importance against " + asked.params.value("against", std::string("entropy"));
  report.picture = PictureKind::Scatter;
  std::vector<std::string> labels;
  std::vector<float> x;
  const auto n = static_cast<std::int64_t>(host.input()->towers.front().tokens.size());
  for (int l = 0; l < from.layers; ++l)
    for (int h = 0; h < from.heads; ++h) {
      labels.push_back(fmt::format("{}.{}", l, h));
      x.push_back(static_cast<float>(mean_entropy(pattern(host, l, h), n)));
    }
  const auto items = static_cast<std::int64_t>(labels.size());
  report.arrays = {array_of("entropy", "nats", {"head"}, {items}, x),
                   array_of("importance", "nats", {"head"}, {items}, importance_values(host))};
  for (auto& array : report.arrays) array.axes[0].labels = labels;
  report.verified = {"entropies recomputed from the maps shown", 0, 1e-6, true};
  return report;
}

Report predictions(const FakeHost::Asked& asked, const FakeHost& host) {
  const Source from = source_of(host);
  const GoldenArray logits = GoldenFile(from.folder + "/expected.safetensors").read("logits");
  const bool text = logits.shape.size() == 3;
  const auto n = static_cast<std::int64_t>(host.input()->towers.front().tokens.size());
  std::int64_t position = asked.params.value("position", -1);
  if (position < 0) position = n - 1;
  const std::int64_t classes = logits.shape.back();
  std::vector<double> p(static_cast<std::size_t>(classes));
  double sum = 0;
  for (std::int64_t c = 0; c < classes; ++c)
    sum += p[static_cast<std::size_t>(c)] = std::exp(text ? logits.at({0, position, c}) : logits.at({0, c}));
  std::map<int, std::string> words;
  if (text) {
    const nlohmann::json tokenizer = json_file(golden_folder() + "/" + QString::fromStdString(from.folder) + "/tokenizer.json");
    for (const auto& [word, id] : tokenizer["model"]["vocab"].items()) words[id.get<int>()] = visible(word);
  }
  std::vector<int> order(p.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(),
            [&](int a, int b) { return p[static_cast<std::size_t>(a)] > p[static_cast<std::size_t>(b)]; });
  Report report;
  report.title = "Predictions";
  engine::Table table;
  table.columns = {{"label", ""}, {"probability", "probability", 4}, {"before", "probability", 4}};
  for (int i = 0; i < std::min(asked.params.value("k", 10), static_cast<int>(p.size())); ++i) {
    const double value = p[static_cast<std::size_t>(order[static_cast<std::size_t>(i)])] / sum;
    const std::string label = text ? words[order[static_cast<std::size_t>(i)]] : std::to_string(order[static_cast<std::size_t>(i)]);
    table.rows.push_back({label, host.edits().empty() ? value : value * 0.94, value});
  }
  report.tables = {table};
  report.metrics = {{"kl_divergence", host.edits().empty() ? 0.0 : 0.0124, "nats"}};
  report.verified = {"logits against the reference run", 2.9e-6, 1e-4, true};
  return report;
}

Report effect(const FakeHost::Asked& asked, const FakeHost& host) {
  Report report = predictions({asked.tag, "predictions", {{"k", 5}}, true}, host);
  const bool edited = !host.edits().empty();
  report.title = "Effect of the edits";
  report.metrics = {{"kl_divergence", edited ? 0.012194 : 0, "nats", 0.0}};
  if (asked.params.value("eval", true)) {
    report.metrics.push_back({"accuracy", edited ? 0.98 : 0.986667, "share", 0.986667});
    report.metrics.push_back({"mean_cross_entropy", edited ? 0.108851 : 0.093496, "nats", 0.093496});
  }
  report.metrics.push_back({"parameters", edited ? 182346.0 : 207178.0, "", 207178.0});
  report.metrics.push_back({"bytes", edited ? 729384.0 : 828712.0, "bytes", 828712.0});
  if (asked.params.value("latency", true)) report.metrics.push_back({"latency_ms", edited ? 1.31 : 1.42, "ms", 1.42});
  report.verified = {"smaller model against the masked one", 4.8e-7, 1e-4, true};
  return report;
}

Report plan(const FakeHost::Asked& asked, const FakeHost& host) {
  Report report = importance({asked.tag, "head_importance", {{"method", "gradient"}, {"on", "eval"}}, true}, host);
  auto rows = report.tables[0].rows;
  std::reverse(rows.begin(), rows.end());
  rows.resize(rows.size() * static_cast<std::size_t>(asked.params.value("percent", 25)) / 100);
  engine::EditList edits;
  for (const auto& row : rows)
    if (const auto head = parse_head(std::get<std::string>(row[0]), ""))
      edits.push_back(edit_for(*host.model(), {PartRef::Kind::Head, "", head->layer, head->head}));
  report.tables[0].rows = rows;
  report.text = engine::edits_to_json(edits).dump();
  report.title = "Heads to remove";
  report.picture = PictureKind::Table;
  return report;
}

Report trajectories(const FakeHost::Asked&, const FakeHost& host) {
  const Source from = source_of(host);
  const GoldenFile file(from.folder + "/expected.safetensors");
  const auto n = static_cast<std::int64_t>(host.input()->towers.front().tokens.size());
  std::vector<float> values;
  for (int l = 0; l < from.layers; ++l) {
    const GoldenArray hidden = file.read(fmt::format("hidden.{}", l));
    for (std::int64_t t = 0; t < n; ++t)
      for (std::int64_t d = 0; d < 3; ++d) values.push_back(hidden.at({0, t, d * 7}));
  }
  Report report;
  report.title = "Token trajectories";
  report.picture = PictureKind::Trajectories;
  report.arrays = {array_of("trajectory", "", {"layer", "token", "component"}, {from.layers, n, 3}, std::move(values))};
  report.arrays[0].axes[1].labels = labels_of(host);
  report.tokens = host.input()->towers.front().tokens;
  report.metrics = {{"explained variance", 0.61, "share"}};
  report.verified = {"components are orthonormal", 3e-7, 1e-5, true};
  return report;
}

Report codes(const FakeHost&  host) {
  Report report;
  report.title = "Codes";
  report.picture = PictureKind::Matrix;
  const auto n = host.input()->towers.front().tokens.size();
  const auto books = host.model()->codebooks.size();
  std::vector<float> values;
  engine::Table table;
  table.columns = {{"codebook", ""}, {"token", ""}, {"codes", ""}};
  for (std::size_t b = 0; b < books; ++b)
    for (std::size_t t = 0; t < n; ++t) {
      const int code = static_cast<int>((b * 131 + (t % 6) * 37 + (t * t) % 5 * 11) % 256);
      values.push_back(static_cast<float>(code));
      table.rows.push_back({host.model()->codebooks[b].title, labels_of(host)[t], std::to_string(code)});
    }
  report.arrays = {array_of("code", "", {"codebook", "token"}, {std::int64_t(books), std::int64_t(n)}, values)};
  for (const auto& book : host.model()->codebooks) report.arrays[0].axes[0].labels.push_back(book.title);
  report.arrays[0].axes[1].labels = labels_of(host);
  report.tables = {table};
  report.tokens = host.input()->towers.front().tokens;
  report.verified = {"codes against the reference run: all equal", 0, 0, true};
  return report;
}

Report table_report(const std::string& title, std::vector<engine::Table::Column> columns,
                    std::vector<std::vector<engine::Cell>> rows) {
  Report report;
  report.title = title;
  report.tables = {{title, std::move(columns), std::move(rows)}};
  report.verified = {"counted over the whole corpus", -1, -1, true};
  return report;
}

Report head_stats(const FakeHost& host) {
  const Source from = source_of(host);
  Report report;
  report.title = "Head statistics";
  report.picture = PictureKind::HeatMap;
  const auto n = static_cast<std::int64_t>(host.input()->towers.front().tokens.size());
  std::vector<float> entropy;
  for (int l = 0; l < from.layers; ++l)
    for (int h = 0; h < from.heads; ++h) entropy.push_back(static_cast<float>(mean_entropy(pattern(host, l, h), n)));
  report.arrays = {array_of("entropy", "nats", {"layer", "head"}, {from.layers, from.heads}, entropy)};
  report.verified = {"entropies recomputed from the maps shown", 0, 1e-6, true};
  return report;
}

}  // namespace

ModelState digits_model() {
  ModelState model = base_model("vit_digits", "ViT", 6, 4, 128);
  model.takes_image = true;
  for (int c = 0; c < 10; ++c) model.class_labels.push_back(std::to_string(c));
  model.card = card("ViT", 207178, 838968, "6 x 4");
  return model;
}

InputState digits_input() {
  InputState input;
  const QString path = golden_folder() + "/vit_digits/input_0.png";
  const QImage image = QImage(path).convertToFormat(QImage::Format_RGB888).scaled(32, 32);
  input.image_path = path.toStdString();
  engine::Picture8 picture{image.width(), image.height(), {}};
  for (int y = 0; y < image.height(); ++y)
    picture.rgb.insert(picture.rgb.end(), image.constScanLine(y), image.constScanLine(y) + 3 * image.width());
  input.image = picture;
  TowerTokens tower;
  tower.grid = engine::PatchGrid{8, 8, 1};
  tower.tokens.push_back({"CLS", -1, -1, -1, true});
  for (int i = 0; i < 64; ++i) tower.tokens.push_back({fmt::format("{},{}", i / 8, i % 8), -1, -1, -1, false});
  input.towers = {tower};
  input.summary = "32 x 32 image, 64 patches";
  return input;
}

ModelState text_model() {
  ModelState model = base_model("lm_text", "GPT-2", 4, 4, 512);
  model.takes_text = model.causal_lm = true;
  model.card = card("GPT-2", 934272, 3768240, "4 x 4");
  return model;
}

InputState text_input() {
  InputState input;
  const nlohmann::json tokenizer = json_file(golden_folder() + "/lm_text/tokenizer.json");
  std::map<int, std::string> words;
  for (const auto& [word, id] : tokenizer["model"]["vocab"].items()) words[id.get<int>()] = visible(word);
  const GoldenFile file("lm_text/input.safetensors");
  const GoldenArray ids = file.read("input_ids"), mask = file.read("attention_mask");
  TowerTokens tower;
  for (std::int64_t t = 0; t < ids.shape[1]; ++t) {
    if (mask.at({0, t}) == 0) continue;
    const int id = static_cast<int>(ids.at({0, t}));
    tower.tokens.push_back({words[id], id, -1, -1, id == 0});
    if (id != 0) input.text += words[id];
  }
  input.towers = {tower};
  input.summary = fmt::format("{} tokens", tower.tokens.size());
  return input;
}

ModelState codebook_model() {
  ModelState model = base_model("codebook_fsm", "GPT-NeoX with codebooks", 3, 4, 256);
  model.takes_text = model.causal_lm = true;
  for (int l = 0; l < 3; ++l) {
    for (int h = 0; h < 4; ++h) model.codebooks.push_back({fmt::format("L{} head {}", l, h), l, h, 128, 1});
    model.codebooks.push_back({fmt::format("L{} mlp", l), l, 4, 256, 1});
  }
  model.card = card("GPT-NeoX with codebooks", 312000, 1250000, "3 x 4");
  return model;
}

InputState codebook_input() {
  InputState input;
  input.text = "555313345403120452233154";
  TowerTokens tower;
  tower.tokens.push_back({"<bos>", 6, -1, -1, true});
  for (char c : input.text) tower.tokens.push_back({std::string(1, c), c - '0', -1, -1, false});
  input.towers = {tower};
  input.summary = "25 tokens";
  return input;
}

std::optional<Report> golden_report(const FakeHost::Asked& asked, const FakeHost& host) {
  const std::string& id = asked.analysis;
  if (!host.model()) return {};
  if (id == "model_card") return host.model()->card;
  if (!host.input()) return {};
  if (id == "codes" && !host.model()->codebooks.empty()) return codes(host);
  if (id == "code_search")
    return table_report("Codes for a pattern", {{"codebook", ""}, {"code", ""}, {"precision", "share", 3}, {"recall", "share", 3}, {"F1", "", 3}},
                        {{"L1 mlp", 57.0, 0.97, 0.59, 0.734}, {"L1 mlp", 131.0, 0.91, 0.40, 0.556}, {"L2 mlp", 12.0, 0.88, 0.31, 0.458}});
  if (id == "code_contexts")
    return table_report("Top contexts", {{"context", ""}, {"strength", "", 3}},
                        {{std::string("55531334[5]403120"), 9.13}, {std::string("21232013[4]110305"), 8.71}, {std::string("10304414[4]354131"), 8.02}});
  if (id == "code_effect")
    return table_report("Next token", {{"label", ""}, {"before", "probability", 3}, {"after", "probability", 3}},
                        {{std::string("3"), 0.41, 0.02}, {std::string("1"), 0.22, 0.08}, {std::string("5"), 0.11, 0.71}, {std::string("0"), 0.09, 0.12}});
  if (!GoldenFile(source_of(host).folder + "/expected.safetensors").found()) return {};
  if (host.model()->name == "demo:codebook_fsm") return {};
  if (id == "attention") return attention(asked, host);
  if (id == "attention_grid") return grid(asked, host);
  if (id == "attention_difference") return difference(asked, host);
  if (id == "rollout") return rollout(asked, host);
  if (id == "head_importance") return importance(asked, host);
  if (id == "importance_scatter") return scatter(asked, host);
  if (id == "predictions") return predictions(asked, host);
  if (id == "pruning_effect") return effect(asked, host);
  if (id == "prune_plan") return plan(asked, host);
  if (id == "trajectories") return trajectories(asked, host);
  if (id == "head_stats" || id == "induction") return head_stats(host);
  return {};
}

void register_golden_analyses(FakeHost& host) {
  using engine::ParamInfo;
  const ParamInfo method{"method", ParamInfo::Type::Choice, "gradient", {"zero", "mean", "gradient", "confidence"}, "How the importance of a head is measured"};
  const ParamInfo on{"on", ParamInfo::Type::Choice, "eval", {"probability", "loss", "eval"}, "What the importance is measured on"};
  const ParamInfo tower{"tower", ParamInfo::Type::Text, "", {}, "Prefix of the tower, empty for the only one"};
  host.register_analysis({"head_importance", "Head importance", "What the model loses without each head.", "arXiv:1905.10650", {method, on, tower}});
  host.register_analysis({"head_stats", "Head statistics", "Entropy, distance and first-token mass of every head.", "", {tower}});
  host.register_analysis({"rollout", "Attention rollout", "Attention multiplied through the layers.", "arXiv:2005.00928",
                          {{"head_reduction", ParamInfo::Type::Choice, "mean", {"mean", "max", "min"}, "How heads are joined"},
                           {"residual", ParamInfo::Type::Float, 0.5, {}, "Weight of the residual stream"}, tower}});
  host.register_analysis({"prune_plan", "Pruning plan", "The heads to remove by a ranking.", "", {{"percent", ParamInfo::Type::Int, 25, {}, "Share to remove"}, method, on}});
  host.register_analysis({"predictions", "Predictions", "The most likely answers.", "", {{"k", ParamInfo::Type::Int, 10, {}, "How many"}, {"position", ParamInfo::Type::Int, -1, {}, "Token whose prediction is shown"}}});
}

}  // namespace vitrine::views
