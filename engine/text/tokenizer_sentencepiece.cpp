#include <utility>

#include "engine/text/pipeline.h"
#include "engine/text/sentencepiece.h"
#include "engine/text/sentencepiece_text.h"

namespace vitrine::engine::text {

Result<std::shared_ptr<const Tokenizer>> sentencepiece_tokenizer(
    SentencePieceModel model, bool add_bos, bool add_eos, std::vector<std::string> warnings) {
  VITRINE_CHECK(check_pieces(model));
  Stages s;
  s.warnings = std::move(warnings);
  s.model = sentencepiece_splitter(model);
  const std::int64_t bos = model.control(model.bos_piece);
  s.eos = model.control(model.eos_piece);
  s.pad = model.control(model.pad_piece);
  const auto surround = [&](std::vector<TemplateItem>& items) {
    std::vector<TemplateItem> out;
    for (const TemplateItem& item : items) {
      if (add_bos && bos >= 0) out.push_back({-1, {bos}, item.segment});
      out.push_back(item);
      if (add_eos && s.eos >= 0) out.push_back({-1, {s.eos}, item.segment});
    }
    items = std::move(out);
  };
  surround(s.post.single);
  surround(s.post.pair);
  VITRINE_TRY(auto pieces, SentencePieceText::make(std::move(model)));
  s.pieces = std::make_unique<const SentencePieceText>(std::move(pieces));
  return std::make_shared<const PipelineTokenizer>(std::move(s));
}

}  // namespace vitrine::engine::text
