#include "engine/text/sentencepiece_text.h"

#include "engine/text/byte_piece.h"
#include "engine/text/unicode.h"

namespace vitrine::engine::text {
namespace {

constexpr std::string_view kSpaceMark = "\u2581";
constexpr std::string_view kReplacement = "\uFFFD";

std::string with_spaces(std::string_view piece) {
  std::string out;
  for (std::size_t at = 0; at < piece.size();) {
    if (piece.substr(at).starts_with(kSpaceMark)) {
      out += ' ';
      at += kSpaceMark.size();
    } else {
      out += piece[at++];
    }
  }
  return out;
}

/// Characters of byte pieces; each byte that is not part of one becomes U+FFFD.
std::string characters(std::string_view bytes) {
  std::string out;
  for (std::size_t at = 0; at < bytes.size();) {
    const Decoded d = decode_utf8(bytes, at);
    out += d.valid ? bytes.substr(at, d.bytes) : kReplacement;
    at += d.valid ? d.bytes : 1;
  }
  return out;
}

}  // namespace

/// Builds the normalised text and, byte by byte, where in the original it begins.
class SentencePieceText::Rewriter {
 public:
  Rewriter(const SentencePieceText& owner, std::string_view text) : owner_(owner), text_(text) {
    out_.reserve(text.size() + kSpaceMark.size());
    origins_.reserve(text.size() + kSpaceMark.size());
  }

  MappedText run() {
    const SentencePieceModel& model = owner_.model_;
    const bool trim = model.remove_extra_whitespaces;
    if (trim) skip_leading_spaces();
    if (at_ >= text_.size()) return {};
    if (!model.whitespace_as_suffix && model.add_dummy_prefix) push_space();
    bool after_space = trim;
    while (at_ < text_.size()) {
      auto [length, to] = prefix();
      while (after_space && to.starts_with(' ')) to.remove_prefix(1);
      if (!to.empty()) {
        push(to);
        after_space = trim && to.ends_with(' ');
      }
      at_ += length;
    }
    if (trim) drop_trailing_spaces();
    if (model.whitespace_as_suffix && model.add_dummy_prefix) push_space();
    return mapped();
  }

 private:
  /// How many bytes of the text are read at once, and what they become.
  std::pair<std::size_t, std::string_view> prefix() const {
    const std::string_view rest = text_.substr(at_);
    if (const std::size_t length = owner_.symbols_.longest_at(text_, at_).second; length > 0)
      return {length, rest.substr(0, length)};
    if (owner_.charsmap_) {
      const auto found = owner_.charsmap_->longest(rest);
      if (found.first > 0) return found;
    }
    const Decoded d = decode_utf8(text_, at_);
    if (!d.valid) return {1, kReplacement};
    return {d.bytes, rest.substr(0, d.bytes)};
  }

  void skip_leading_spaces() {
    while (at_ < text_.size()) {
      const auto [length, to] = prefix();
      if (to != " ") return;
      at_ += length;
    }
  }

  void push(std::string_view to) {
    for (std::size_t i = 0; i < to.size();) {
      const Decoded d = decode_utf8(to, i);
      if (d.c == U' ') {
        push_space();
      } else {
        append_utf8(out_, d.c);
        origins_.resize(out_.size(), static_cast<std::uint32_t>(at_));
      }
      i += d.bytes;
    }
  }

  [[nodiscard]] std::string_view space() const {
    return owner_.model_.escape_whitespaces ? kSpaceMark : " ";
  }
  void push_space() {
    out_ += space();
    origins_.resize(out_.size(), static_cast<std::uint32_t>(at_));
  }
  void drop_trailing_spaces() {
    while (out_.ends_with(space())) {
      const std::size_t length = out_.size() - space().size();
      at_ = origins_[length];
      out_.resize(length);
      origins_.resize(length);
    }
  }

  /// A code point ends where the next one begins.
  MappedText mapped() {
    MappedText result;
    result.spans.reserve(out_.size());
    for (std::size_t at = 0; at < out_.size();) {
      const std::size_t next = at + decode_utf8(out_, at).bytes;
      const std::size_t end = next < out_.size() ? origins_[next] : at_;
      result.spans.resize(next, Span{origins_[at], static_cast<std::uint32_t>(end)});
      at = next;
    }
    result.text = std::move(out_);
    return result;
  }

  const SentencePieceText& owner_;
  std::string_view text_;
  std::size_t at_ = 0;  ///< how much of the text is read
  std::string out_;
  std::vector<std::uint32_t> origins_;
};

Result<SentencePieceText> SentencePieceText::make(SentencePieceModel model) {
  SentencePieceText out;
  if (!model.charsmap.empty()) {
    VITRINE_TRY(out.charsmap_, Charsmap::from_bytes(model.charsmap));
    model.charsmap.clear();
  }
  for (std::size_t id = 0; id < model.pieces.size(); ++id)
    if (model.is(id, PieceType::UserDefined)) out.symbols_.add(model.pieces[id].text, id);
  out.model_ = std::move(model);
  return out;
}

MappedText SentencePieceText::normalise(std::string_view text) const {
  return Rewriter(*this, text).run();
}

std::string SentencePieceText::decode(const std::vector<std::int64_t>& ids) const {
  std::string out, bytes;
  const auto flush = [&] {
    out += characters(bytes);
    bytes.clear();
  };
  const bool strips = model_.add_dummy_prefix || model_.remove_extra_whitespaces;
  bool at_start = true, took_space = false;
  for (const std::int64_t id : ids) {
    if (id < 0 || static_cast<std::size_t>(id) >= model_.pieces.size()) continue;
    const SentencePiece& piece = model_.pieces[static_cast<std::size_t>(id)];
    if (piece.type == PieceType::Byte) {
      bytes.push_back(static_cast<char>(static_cast<unsigned char>(byte_of_piece(piece.text))));
      continue;
    }
    flush();
    if (took_space || !out.empty()) at_start = false;
    took_space = false;
    if (piece.type == PieceType::Control) continue;
    if (piece.type == PieceType::Unknown) {
      out += model_.unknown_surface;
      continue;
    }
    std::string_view text = piece.text;
    if (at_start && strips && text.starts_with(kSpaceMark)) {
      text.remove_prefix(kSpaceMark.size());
      took_space = !model_.remove_extra_whitespaces;
    }
    out += with_spaces(text);
  }
  flush();
  return out;
}

}  // namespace vitrine::engine::text
