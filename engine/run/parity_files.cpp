#include "engine/run/parity_files.h"

#include <algorithm>
#include <cmath>
#include <fstream>

#include <fmt/format.h>

#include "engine/io/json.h"
#include "engine/isolate/readers.h"
#include "engine/run/input.h"

namespace vitrine::engine {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kMaxLines = 1000;

const HostTensor* find(const ParityCase& on, const std::string& name) {
  const auto it = on.inputs.find(name);
  return it == on.inputs.end() ? nullptr : &it->second;
}

/// One row of ids against the text that they stand for, padding left out.
void compare_text(const Model& model, const std::string& text, const HostTensor& ids, std::int64_t line,
                  const HostTensor* mask, const std::string& name, std::vector<ParityRow>& rows) {
  ParityRow row;
  row.name = name;
  row.found = "tokenizer";
  row.allowed = 0;
  row.state = ParityRow::State::Fail;
  InputItem item;
  item.text = text;
  const auto prepared = prepare(model, item);
  if (!prepared || !prepared->tensors.contains("input_ids")) {
    row.note = prepared ? "the model takes no text" : prepared.error().message;
    rows.push_back(std::move(row));
    return;
  }
  const auto ours = prepared->tensors.at("input_ids").to_ints();
  const std::int64_t width = ids.shape.back();
  std::vector<std::int64_t> wanted;
  for (std::int64_t t = 0; t < width; ++t) {
    const auto at = static_cast<std::size_t>(line * width + t);
    if (!mask || mask->values[at] != 0) wanted.push_back(static_cast<std::int64_t>(ids.values[at]));
  }
  // A case may put a special token first that the tokenizer does not add by itself.
  if (wanted.size() == ours.size() + 1 && model.tokenizer() && model.tokenizer()->token(wanted.front()).starts_with("<")) {
    row.note = "the case puts " + model.tokenizer()->token(wanted.front()) + " first; ";
    wanted.erase(wanted.begin());
  }
  std::size_t different = std::max(ours.size(), wanted.size()) - std::min(ours.size(), wanted.size());
  for (std::size_t i = 0; i < std::min(ours.size(), wanted.size()); ++i) different += ours[i] != wanted[i];
  row.max_abs_diff = static_cast<double>(different);
  row.note += fmt::format("{} of {} ids differ", different, wanted.size());
  if (different == 0) row.state = ParityRow::State::Pass;
  rows.push_back(std::move(row));
}

void compare_image(const Model& model, const fs::path& file, const HostTensor& pixels, std::int64_t index,
                   const std::string& name, ParityReport& report) {
  if (!model.preprocess()) {
    report.not_compared.push_back(name + ": the model's files do not say how an image is prepared");
    return;
  }
  std::vector<ParityRow>& rows = report.rows;
  ParityRow row;
  row.name = name;
  row.found = "image preprocessing";
  row.state = ParityRow::State::Fail;
  InputItem item;
  item.image = file;
  const auto prepared = prepare(model, item);
  if (!prepared || !prepared->tensors.contains("pixel_values")) {
    row.note = prepared ? "the model takes no image" : prepared.error().message;
    rows.push_back(std::move(row));
    return;
  }
  const auto ours = prepared->tensors.at("pixel_values").to_floats();
  const std::int64_t size = pixels.inner(0);
  double deviation = 1;
  if (model.preprocess())
    for (double s : model.preprocess()->std) deviation = std::min(deviation, s);
  row.allowed = 1.01 / 255 / deviation;
  row.note = "one grey level is allowed";
  if (static_cast<std::int64_t>(ours.size()) != size) {
    row.note = fmt::format("expected {} values, came {}", size, ours.size());
    rows.push_back(std::move(row));
    return;
  }
  row.max_abs_diff = 0;
  for (std::int64_t i = 0; i < size; ++i)
    row.max_abs_diff = std::max<double>(row.max_abs_diff, std::abs(ours[static_cast<std::size_t>(i)] - pixels.values[static_cast<std::size_t>(index * size + i)]));
  if (row.max_abs_diff <= row.allowed) row.state = ParityRow::State::Pass;
  rows.push_back(std::move(row));
}

void compare_listed(const Model& model, const ParityCase& on, const nlohmann::json& listed, ParityReport& report) {
  const auto texts = listed.value("texts", nlohmann::json::array());
  const auto prompts = listed.value("prompts", nlohmann::json::array());
  const auto photos = listed.value("photos", nlohmann::json::array());
  const auto text_at = [&](const nlohmann::json& text, const std::string& group) {
    const HostTensor* ids = find(on, group + ".input_ids");
    if (text.is_string() && ids) compare_text(model, text.get<std::string>(), *ids, 0, find(on, group + ".attention_mask"), group + ".input_ids (from text)", report.rows);
  };
  for (std::size_t i = 0; i < std::min(texts.size(), kMaxLines); ++i) text_at(texts[i], fmt::format("single{}", i));
  for (std::size_t i = 0; i < std::min(prompts.size(), kMaxLines); ++i)
    if (prompts[i].is_object()) text_at(prompts[i].value("prompt", nlohmann::json()), fmt::format("p{}", i));
  for (std::size_t i = 0; i < std::min(photos.size(), kMaxLines); ++i) {
    const auto file = photos[i].is_object() ? photos[i].value("file", nlohmann::json()) : nlohmann::json();
    const std::string group = fmt::format("img{}", i);
    const HostTensor* pixels = find(on, group + ".pixel_values");
    if (file.is_string() && pixels)
      compare_image(model, on.folder / fs::path(file.get<std::string>()).filename(), *pixels, 0, group + ".pixel_values (from image)", report);
  }
}

}  // namespace

Status compare_input_files(const Model& model, const ParityCase& on, const ParityVariant& variant, ParityReport& report) {
  std::error_code failed;
  const std::string label = variant.label.empty() ? "" : variant.label + "/";
  if (const fs::path listed = on.folder / "input.json"; fs::exists(listed, failed)) {
    VITRINE_TRY(const auto json, isolate::read_json_file(listed));
    if (json.is_object()) compare_listed(model, on, json, report);
  }
  const HostTensor* ids = find(on, "input_ids");
  if (std::ifstream file(on.folder / "input.txt"); file && ids && ids->shape.size() == 2 && model.tokenizer()) {
    std::int64_t line = 0;
    for (std::string text; line < ids->shape[0] && std::getline(file, text); ++line)
      compare_text(model, text, *ids, line, find(on, "attention_mask"), fmt::format("{}input_ids (from input.txt line {})", label, line + 1), report.rows);
  }
  const HostTensor* pixels = find(on, "pixel_values");
  for (std::int64_t i = 0; pixels && pixels->shape.size() == 4 && i < pixels->shape[0]; ++i) {
    fs::path file = on.folder / fmt::format("input_{}.png", i);
    if (i == 0 && !fs::exists(file, failed)) file = on.folder / "input.png";
    if (fs::exists(file, failed))
      compare_image(model, file, *pixels, i, fmt::format("{}pixel_values (from {})", label, file.filename().string()), report);
  }
  return {};
}

}  // namespace vitrine::engine
