#include "engine/run/input.h"

#include <algorithm>

#include <fmt/format.h>

#include "engine/io/checkpoint.h"
#include "engine/io/image.h"
#include "engine/isolate/readers.h"
#include "engine/model/build.h"
#include "engine/model/chat.h"
#include "engine/model/model.h"
#include "engine/tensor/guard.h"
#include "engine/tensor/ops.h"

namespace vitrine::engine {

namespace {

TokenLabel label_of(const Tokenizer& tokenizer, const Token& token) {
  TokenLabel label{tokenizer.display(token.id), token.id, token.begin, token.end, token.special};
  if (label.text.empty()) label.text = tokenizer.token(token.id);
  return label;
}

class Preparer {
 public:
  Preparer(const Model& model, const InputItem& item) : model_(model) { out_.item = item; }

  Result<PreparedInput> run() {
    const InputItem& item = out_.item;
    if (item.chat) VITRINE_CHECK(wrap_chat());
    if (item.tensors) VITRINE_CHECK(read_tensors(*item.tensors));
    if (item.text || !item.captions.empty()) VITRINE_CHECK(add_text());
    if (item.image) VITRINE_CHECK(add_image());
    if (item.audio || item.table)
      return fail_file(ErrorCode::InvalidInput, (item.audio ? item.audio : item.table)->string(),
                       fmt::format("the model takes {}, not {}", takes(), item.audio ? "a sound" : "a table"));
    if (out_.tensors.empty()) return fail(ErrorCode::InvalidInput, "the model takes " + takes() + "; the input has nothing of that");
    for (const auto& tower : model_.spec().towers) VITRINE_CHECK(label_tower(tower));
    return std::move(out_);
  }

 private:
  std::string takes() const {
    if (model_.takes_text() && model_.takes_image()) return "a text, an image or both";
    return model_.takes_image() ? "an image" : "a text";
  }

  Status read_tensors(const std::filesystem::path& path) {
    VITRINE_TRY(const auto file, isolate::open_checkpoint(path));
    for (const auto& e : file->tensors()) {
      VITRINE_TRY(const auto values, file->read_f32(e));
      VITRINE_TRY(out_.tensors[e.name], guard([&]() -> Tensor {
                    if (e.dtype.starts_with("F") || e.dtype == "BF16") return Tensor::from_floats(values, e.shape);
                    return to(Tensor::from_floats(values, e.shape), DType::I64);
                  }));
    }
    return {};
  }

  /// The text becomes what the template makes of it; tokens point at that.
  Status wrap_chat() {
    InputItem& item = out_.item;
    if (!item.text || item.text_pair) return fail(ErrorCode::InvalidInput, "a chat needs one text, the user's message");
    VITRINE_TRY(const ChatTemplates templates, chat_templates_of(model_));
    VITRINE_TRY(item.text, templates.render({{"user", *item.text}}, true, {}, item.chat_date));
    return {};
  }

  Result<Encoding> encode(const Tokenizer& tokenizer, const std::string& text, const std::optional<std::string>& pair) {
    // A chat template writes the special tokens itself.
    if (out_.item.chat) return tokenizer.encode(text, false);
    VITRINE_TRY(Encoding e, pair ? tokenizer.encode_pair(text, *pair) : tokenizer.encode(text));
    const std::int64_t most = model_.parts().cut_tokens;
    if (most > 0 && static_cast<std::int64_t>(e.tokens.size()) > most) {
      cut_from_ = std::max(cut_from_, e.tokens.size());
      VITRINE_TRY(e, tokenizer.encode_within(text, pair ? std::optional<std::string_view>(*pair) : std::nullopt, most));
    }
    const std::int64_t first = model_.parts().prepend_id;
    if (first >= 0 && (e.tokens.empty() || e.tokens[0].id != first)) e.tokens.insert(e.tokens.begin(), Token{first, 0, 0, 0, true});
    return e;
  }

  Status add_text() {
    if (!model_.takes_text()) return fail(ErrorCode::InvalidInput, "the model takes " + takes() + ", not a text");
    const auto& tokenizer = model_.tokenizer();
    if (!tokenizer)
      return fail(ErrorCode::InvalidInput, "the model has no tokenizer" + (model_.parts().warnings.empty() ? std::string() : " (" + model_.parts().warnings[0] + ")") +
                                               "; give token ids as tensors instead");
    std::vector<std::string> texts = out_.item.captions;
    if (texts.empty()) texts = {out_.item.text.value_or("")};
    std::vector<Encoding> rows;
    std::size_t longest = 0;
    for (const auto& text : texts) {
      VITRINE_TRY(Encoding e, encode(*tokenizer, text, out_.item.text_pair));
      longest = std::max(longest, e.tokens.size());
      rows.push_back(std::move(e));
    }
    if (longest == 0) return fail(ErrorCode::InvalidInput, "the text has no tokens");
    const auto limit = model_.spec().input.value("max_tokens", std::int64_t{0});
    if (limit > 0 && static_cast<std::int64_t>(longest) > limit)
      return fail(ErrorCode::InvalidInput, fmt::format("the text has {} tokens; the model reads at most {}", longest, limit));
    store_text(rows, longest, *tokenizer);
    if (model_.spec().input.contains("decoder_start_id")) VITRINE_CHECK(add_decoder(*tokenizer));
    out_.summary = fmt::format("{} tokens", longest);
    if (cut_from_ > 0) out_.summary += fmt::format(" (cut from {}: max_seq_length)", cut_from_);
    return {};
  }

  void store_text(const std::vector<Encoding>& rows, std::size_t longest, const Tokenizer& tokenizer) {
    const std::int64_t pad = model_.spec().input.value("pad_id", std::max<std::int64_t>(0, tokenizer.pad_id()));
    std::vector<std::int64_t> ids, mask, types;
    for (const auto& row : rows)
      for (std::size_t t = 0; t < longest; ++t) {
        const bool there = t < row.tokens.size();
        ids.push_back(there ? row.tokens[t].id : pad);
        mask.push_back(there ? 1 : 0);
        types.push_back(there ? row.tokens[t].segment : 0);
      }
    const Shape shape{static_cast<std::int64_t>(rows.size()), static_cast<std::int64_t>(longest)};
    out_.tensors["input_ids"] = Tensor::from_ints(ids, shape);
    if (rows.size() > 1 || !model_.causal_lm()) out_.tensors["attention_mask"] = Tensor::from_ints(mask, shape);
    if (model_.spec().input.value("segments", false)) out_.tensors["token_type_ids"] = Tensor::from_ints(types, shape);
    for (const auto& token : rows[0].tokens) text_labels_.push_back(label_of(tokenizer, token));
    for (std::size_t t = rows[0].tokens.size(); t < longest; ++t) text_labels_.push_back({"[pad]", pad, -1, -1, true});
  }

  Status add_decoder(const Tokenizer& tokenizer) {
    std::vector<std::int64_t> ids{model_.spec().input.value("decoder_start_id", std::int64_t{0})};
    decoder_labels_.push_back({"⟨start⟩", ids[0], -1, -1, true});
    if (out_.item.decoder_text) {
      VITRINE_TRY(const Encoding e, tokenizer.encode(*out_.item.decoder_text, false));
      for (const auto& token : e.tokens) {
        ids.push_back(token.id);
        decoder_labels_.push_back(label_of(tokenizer, token));
      }
    }
    out_.tensors["decoder_input_ids"] = Tensor::from_ints(ids, {1, static_cast<std::int64_t>(ids.size())});
    return {};
  }

  Status add_image() {
    if (!model_.takes_image()) return fail(ErrorCode::InvalidInput, "the model takes " + takes() + ", not an image");
    if (!model_.preprocess()) return fail(ErrorCode::InvalidInput, "the model's files do not say how an image is prepared (preprocessor_config.json)");
    ImagePreprocess how = *model_.preprocess();
    how.channels = model_.spec().input.value("channels", how.channels);
    VITRINE_TRY(const Image8 image, isolate::decode_image(*out_.item.image, how.channels));
    VITRINE_TRY(const PreprocessedImage made, preprocess(image, how));
    const ImageF& v = made.values;
    out_.tensors["pixel_values"] = Tensor::from_floats(v.values, {1, v.channels, v.height, v.width});
    Picture8 shown{made.shown.width, made.shown.height, {}};
    for (std::size_t i = 0; i < made.shown.pixels.size(); ++i)
      for (int c = 0; c < (made.shown.channels == 1 ? 3 : 1); ++c) shown.rgb.push_back(made.shown.pixels[i]);
    out_.image = std::move(shown);
    out_.summary += (out_.summary.empty() ? "" : ", ") + fmt::format("{} × {} image", v.width, v.height);
    return {};
  }

  Status label_tower(const TowerSpec& spec) {
    TowerInput tower{spec.prefix, {}, {}};
    if (spec.stem.part == "patch_embedding") {
      auto it = out_.tensors.find(param_or<std::string>(spec.stem.params, "pixels", "pixel_values"));
      if (it == out_.tensors.end()) return {};
      label_patches(spec, it->second, tower);
    } else {
      const auto name = param_or<std::string>(spec.stem.params, "ids", "input_ids");
      auto it = out_.tensors.find(name);
      if (it == out_.tensors.end()) return {};
      tower.tokens = name == "decoder_input_ids" ? decoder_labels_ : text_labels_;
      if (tower.tokens.empty()) label_ids(it->second, tower);
    }
    out_.towers.push_back(std::move(tower));
    return {};
  }

  void label_ids(const Tensor& ids, TowerInput& tower) const {
    if (ids.dim() != 2) return;
    for (auto id : select(ids, 0, 0).to_ints()) {
      const std::string text = model_.tokenizer() ? model_.tokenizer()->display(id) : std::to_string(id);
      tower.tokens.push_back({text.empty() ? std::to_string(id) : text, id, -1, -1, false});
    }
  }

  void label_patches(const TowerSpec& spec, const Tensor& pixels, TowerInput& tower) const {
    if (pixels.dim() != 4) return;
    const auto patch = param_or(spec.stem.params, "patch", std::vector<std::int64_t>{16, 16});
    const bool padded = param_or(spec.stem.params, "pad_to_patch", false);
    const auto cells = [&](std::int64_t n, std::int64_t p) { return static_cast<int>(padded ? (n + p - 1) / p : n / p); };
    PatchGrid grid{cells(pixels.size(2), patch[0]), cells(pixels.size(3), patch[1]), 0};
    const auto special = [&](const std::string& text) { tower.tokens.push_back({text, -1, -1, -1, true}); ++grid.offset; };
    if (param_or(spec.stem.params, "cls", true)) special("CLS");
    if (param_or(spec.stem.params, "distillation", false)) special("DIST");
    for (int r = 0; r < param_or(spec.stem.params, "registers", 0); ++r) special(fmt::format("REG{}", r));
    for (int r = 0; r < grid.rows; ++r)
      for (int c = 0; c < grid.cols; ++c) tower.tokens.push_back({fmt::format("{},{}", r, c), -1, -1, -1, false});
    tower.grid = grid;
  }

  const Model& model_;
  PreparedInput out_;
  std::size_t cut_from_ = 0;   ///< tokens of the longest text that was cut
  std::vector<TokenLabel> text_labels_, decoder_labels_;
};

}  // namespace

Result<PreparedInput> prepare(const Model& model, const InputItem& item) { return Preparer(model, item).run(); }

}  // namespace vitrine::engine
