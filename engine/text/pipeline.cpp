#include "engine/text/pipeline.h"

#include <algorithm>

#include <fmt/format.h>

#include "engine/core/memory.h"
#include "engine/text/byte_alphabet.h"

namespace vitrine::engine::text {
namespace {

constexpr std::size_t kMaxText = std::size_t{1} << 30;
constexpr char32_t kVisibleSpace = 0x120;
constexpr std::string_view kMetaspace = "\u2581";

std::int64_t count_spaces_at_start(std::string_view token) {
  std::int64_t n = 0;
  for (std::size_t at = 0; at < token.size(); ++n) {
    const Decoded d = decode_utf8(token, at);
    if (d.c != kVisibleSpace && !is_white_space(d.c)) break;
    at += d.bytes;
  }
  return n;
}

std::int64_t count_spaces_at_end(std::string_view token) {
  std::int64_t run = 0;
  for (std::size_t at = 0; at < token.size();) {
    const Decoded d = decode_utf8(token, at);
    run = d.c == kVisibleSpace || is_white_space(d.c) ? run + 1 : 0;
    at += d.bytes;
  }
  return run;
}

/// Control characters as pictures, bad bytes in hexadecimal: what a chip can show.
std::string visible(std::string_view bytes) {
  std::string out;
  for (std::size_t at = 0; at < bytes.size();) {
    const Decoded d = decode_utf8(bytes, at);
    if (!d.valid) {
      for (std::uint32_t i = 0; i < d.bytes; ++i)
        out += fmt::format("<{:02X}>", static_cast<unsigned char>(bytes[at + i]));
    } else if (d.c == '\n') {
      out += "\u21B5";
    } else if (d.c == '\t') {
      out += "\u21E5";
    } else if (d.c < 0x20) {
      append_utf8(out, 0x2400 + d.c);
    } else if (d.c == 0x7F) {
      append_utf8(out, 0x2421);
    } else if (d.c != ' ' && !is_visible(d.c)) {
      out += fmt::format("<U+{:04X}>", static_cast<std::uint32_t>(d.c));
    } else {
      append_utf8(out, d.c);
    }
    at += d.bytes;
  }
  return out;
}

/// How many tokens of each sequence stay so that both fit: the longer gives way first.
void share(std::size_t room, std::size_t& a, std::size_t& b) {
  if (a + b <= room) return;
  std::size_t& shorter = a <= b ? a : b;
  std::size_t& longer = a <= b ? b : a;
  if (shorter <= room / 2) {
    longer = room - shorter;
    return;
  }
  longer = room / 2 + room % 2;
  shorter = room / 2;
}

}  // namespace

std::vector<Piece> PipelineTokenizer::cut(std::string_view text) const {
  std::vector<Piece> pieces;
  if (s_.pieces) {
    pieces.push_back({s_.pieces->normalise(text), -1});
    return pieces;
  }
  pieces = s_.added.extract(MappedText::of(text), s_.normalizer);
  s_.pre.apply(pieces);
  return pieces;
}

Result<std::vector<Token>> PipelineTokenizer::tokens_of(std::string_view text) const {
  if (text.size() > kMaxText)
    return fail(ErrorCode::InvalidInput,
                fmt::format("the text has {} bytes, the limit is {}", text.size(), kMaxText));
  const std::vector<Piece> pieces = cut(text);
  std::vector<Token> out;
  std::vector<Part> parts;
  const auto push = [&out](std::int64_t id, Span span) {
    out.push_back({id, span.begin, span.end, 0, false});
  };
  for (const Piece& piece : pieces) {
    if (piece.token >= 0) {
      push(piece.token, piece.text.span(0, piece.text.text.size()));
      continue;
    }
    parts.clear();
    s_.model->split(piece.text.text, parts);
    for (const Part& part : parts) push(part.id, piece.text.span(part.begin, part.end));
  }
  if (s_.post.trim_offsets) trim_offsets(out);
  return out;
}

void PipelineTokenizer::trim_offsets(std::vector<Token>& tokens) const {
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    Token& t = tokens[i];
    const std::string spelling = token(t.id);
    std::int64_t leading = count_spaces_at_start(spelling);
    if (leading > 0 && s_.post.keeps_prefix_space && (i == 0 || t.begin == 0)) --leading;
    if (leading > 0) t.begin = std::min(t.begin + leading, t.end);
    const std::int64_t trailing = count_spaces_at_end(spelling);
    if (trailing > 0 && t.end >= trailing) t.end = std::max(t.end - trailing, t.begin);
  }
}

Result<Encoding> PipelineTokenizer::encode(std::string_view text, bool add_special) const {
  return within_memory({}, [&]() -> Result<Encoding> {
    VITRINE_TRY(auto tokens, tokens_of(text));
    return Encoding{s_.post.assemble({std::move(tokens)}, add_special), false};
  });
}

Result<Encoding> PipelineTokenizer::encode_pair(std::string_view a, std::string_view b,
                                                bool add_special) const {
  return within_memory({}, [&]() -> Result<Encoding> {
    VITRINE_TRY(auto first, tokens_of(a));
    VITRINE_TRY(auto second, tokens_of(b));
    return Encoding{s_.post.assemble({std::move(first), std::move(second)}, add_special), false};
  });
}

Result<Encoding> PipelineTokenizer::encode_within(std::string_view a,
                                                  std::optional<std::string_view> b,
                                                  std::int64_t max_tokens, bool add_special) const {
  const std::int64_t added = add_special ? s_.post.added_tokens(b.has_value()) : 0;
  if (max_tokens < added)
    return fail(ErrorCode::InvalidInput,
                fmt::format("at most {} tokens are wanted, but the template alone adds {}",
                            max_tokens, added));
  return within_memory({}, [&]() -> Result<Encoding> {
    std::vector<std::vector<Token>> sequences(1);
    VITRINE_TRY(sequences[0], tokens_of(a));
    if (b) {
      VITRINE_TRY(auto second, tokens_of(*b));
      sequences.push_back(std::move(second));
    }
    const auto room = static_cast<std::size_t>(max_tokens - added);
    std::size_t first = sequences[0].size(), second = b ? sequences[1].size() : 0;
    const std::size_t all = first + second;
    if (b) {
      share(room, first, second);
      sequences[1].resize(second);
    } else {
      first = std::min(first, room);
    }
    sequences[0].resize(first);
    return Encoding{s_.post.assemble(sequences, add_special), first + second < all};
  });
}

std::string PipelineTokenizer::decode(const std::vector<std::int64_t>& ids,
                                      bool skip_special) const {
  if (s_.pieces) return s_.pieces->decode(ids);
  std::vector<std::string> spellings;
  spellings.reserve(ids.size());
  for (const std::int64_t id : ids) {
    const AddedToken* added = s_.added.find(id);
    if (skip_special && added != nullptr && added->special) continue;
    std::string spelling = token(id);
    if (!spelling.empty()) spellings.push_back(std::move(spelling));
  }
  return s_.decoder.apply(std::move(spellings));
}

std::string PipelineTokenizer::token(std::int64_t id) const {
  if (const AddedToken* added = s_.added.find(id)) return added->content;
  return s_.model->vocabulary().token(id);
}

std::string PipelineTokenizer::display(std::int64_t id) const {
  std::string spelling = token(id);
  if (s_.added.find(id) != nullptr) return visible(spelling);
  if (s_.pre.byte_level()) {
    const auto bytes = bytes_of_visible(spelling);
    if (bytes) spelling = *bytes;
  } else if (const std::string prefix = s_.model->continuation();
             !prefix.empty() && spelling.starts_with(prefix)) {
    spelling.erase(0, prefix.size());
  } else {
    for (std::size_t at = spelling.find(kMetaspace); at != std::string::npos;
         at = spelling.find(kMetaspace, at + 1))
      spelling.replace(at, kMetaspace.size(), " ");
  }
  const std::string word_end = s_.model->word_end();
  if (!word_end.empty() && spelling.size() > word_end.size() && spelling.ends_with(word_end))
    spelling.erase(spelling.size() - word_end.size());
  return visible(spelling);
}

std::int64_t PipelineTokenizer::id_of(std::string_view token) const {
  const std::int64_t added = s_.added.id_of(token);
  return added >= 0 ? added : s_.model->vocabulary().id_of(token);
}

std::int64_t PipelineTokenizer::vocab_size() const {
  return std::max(s_.model->vocabulary().size(), s_.added.largest_id() + 1);
}

std::string PipelineTokenizer::kind() const {
  const std::string kind = s_.model->kind();
  if (kind != "BPE") return kind;
  if (!s_.model->word_end().empty()) return "BPE with end-of-word marks";
  return s_.pre.byte_level() ? "byte-level BPE" : kind;
}

}  // namespace vitrine::engine::text
