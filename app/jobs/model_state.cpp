#include "app/jobs/model_state.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "engine/model/build.h"
#include "views/panels/samples.h"

namespace vitrine::app {

namespace {

namespace fs = std::filesystem;

views::TowerState tower_state(const engine::TowerInfo& tower) {
  views::TowerState out;
  out.prefix = tower.prefix;
  for (const auto& mixer : tower.mixers) {
    out.heads_per_layer.push_back(mixer.heads);
    out.blocks.push_back(mixer.block);
    out.mixer_sites.push_back(mixer.site);
  }
  for (const auto& mixer : tower.cross) out.cross_heads_per_layer.push_back(mixer.heads);
  out.mlp_width = tower.mlp_width;
  if (!tower.mixers.empty()) out.mixer_kind = tower.mixers.front().kind;
  return out;
}

views::CodebookState codebook_state(const engine::CodebookInfo& book) {
  std::string title = "L" + std::to_string(book.layer) + (book.head >= 0 ? " head " + std::to_string(book.head) : " mlp");
  return {std::move(title), book.layer, book.ordinal, book.codes, book.k};
}

bool has_tower(const engine::Model& model, const std::string& prefix) {
  return std::any_of(model.towers().begin(), model.towers().end(), [&](const auto& t) { return t.prefix == prefix; });
}

}  // namespace

views::ModelState model_state(const engine::Model& model) {
  views::ModelState out;
  out.name = model.name();
  out.path = model.path().string();
  out.architecture = model.spec().title.empty() ? model.spec().architecture : model.spec().title;
  out.dtype = std::string(engine::dtype_name(model.dtype()));
  out.cannot_run = model.cannot_run();
  out.warnings = model.checkpoint().warnings();
  out.warnings.insert(out.warnings.end(), model.parts().warnings.begin(), model.parts().warnings.end());
  out.takes_text = model.takes_text();
  out.takes_image = model.takes_image();
  out.takes_both = out.takes_text && out.takes_image;
  out.causal_lm = model.causal_lm();
  out.takes_decoder_text = has_tower(model, "decoder.") && has_tower(model, "encoder.");
  out.takes_pair = out.takes_text && !out.causal_lm && !out.takes_image && !out.takes_decoder_text;
  std::error_code ignored;
  const fs::path folder = fs::is_directory(model.path(), ignored) ? model.path() : model.path().parent_path();
  out.has_eval_set = fs::exists(folder / "eval.safetensors", ignored);
  const auto& heads = model.spec().heads;
  out.predicts = out.takes_both || std::any_of(heads.begin(), heads.end(), [](const auto& h) { return h.output == "logits"; });
  for (const auto& tower : model.towers()) out.towers.push_back(tower_state(tower));
  for (const auto& book : model.codebooks()) out.codebooks.push_back(codebook_state(book));
  out.class_labels = model.class_labels();
  return out;
}

views::InputState input_state(const engine::PreparedInput& input) {
  views::InputState out;
  out.text = input.item.text.value_or("");
  out.text_pair = input.item.text_pair.value_or("");
  out.decoder_text = input.item.decoder_text.value_or("");
  out.image_path = input.item.image ? input.item.image->string() : "";
  out.captions = input.item.captions;
  for (const auto& tower : input.towers) out.towers.push_back({tower.tower, tower.tokens, tower.grid});
  out.image = input.image;
  out.summary = input.summary;
  return out;
}

std::optional<engine::InputItem> sample_input(const views::ModelState& model) {
  const auto samples = views::samples_for(model, engine::resources_folder() / "samples");
  if (samples.empty()) return std::nullopt;
  const views::SampleInput& first = samples.front();
  engine::InputItem item;
  if (!first.text.isEmpty()) item.text = first.text.toStdString();
  if (!first.text_pair.isEmpty()) item.text_pair = first.text_pair.toStdString();
  if (!first.image.isEmpty()) item.image = first.image.toStdString();
  for (const QString& caption : first.captions) item.captions.push_back(caption.toStdString());
  return item;
}

}  // namespace vitrine::app
