#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/core/error.h"
#include "engine/text/subword_model.h"
#include "engine/text/tokenizer.h"

namespace vitrine::engine::text {

/// What a piece is for; the numbers are those of the files.
enum class PieceType : std::uint8_t {
  Normal = 1,
  Unknown = 2,
  Control = 3,      ///< never found in a text, invisible when decoded
  UserDefined = 4,  ///< cut out of the text before it is split
  Unused = 5,
  Byte = 6,  ///< <0x00> to <0xFF>, for characters outside the vocabulary
};

struct SentencePiece {
  std::string text;
  float score = 0;
  PieceType type = PieceType::Normal;
};

/// What a SentencePiece model says, wherever it was read from. The index of a piece is its id.
struct SentencePieceModel {
  enum class Kind { Unigram = 1, Bpe = 2 };

  Kind kind = Kind::Unigram;
  std::vector<SentencePiece> pieces;
  std::string charsmap;  ///< precompiled, empty: the text is left as it is
  bool add_dummy_prefix = true;
  bool remove_extra_whitespaces = true;
  bool escape_whitespaces = true;
  bool whitespace_as_suffix = false;
  bool byte_fallback = false;
  std::string unknown_surface = " \u2047 ";
  std::string bos_piece = "<s>", eos_piece = "</s>", pad_piece = "<pad>";

  [[nodiscard]] bool is(std::size_t id, PieceType type) const { return pieces[id].type == type; }
  /// A control piece of that spelling, or -1.
  [[nodiscard]] std::int64_t control(const std::string& spelling) const;
  /// The piece for characters outside the vocabulary; -1 if there is none.
  [[nodiscard]] std::int64_t unknown() const;
};

/// The protobuf of a `.model` file. Unknown fields are passed over.
/// @error FileFormat, FileLimit, Unsupported (word and character models), with the byte where the
///        part that is wrong begins
[[nodiscard]] Result<SentencePieceModel> read_sentencepiece(std::span<const std::byte> file,
                                                            std::vector<std::string>& warnings);

/// Empty, doubled or badly numbered pieces, no or two unknown pieces, byte pieces that lack some.
/// @error FileFormat naming the piece
[[nodiscard]] Status check_pieces(const SentencePieceModel& model);

/// The splitting of SentencePiece itself: unigram with float scores, or merges by score of the
/// result. Of the byte pieces of a character only the last one has its span.
/// @source Kudo 2018, arXiv:1804.10959; Kudo and Richardson 2018, arXiv:1808.06226
[[nodiscard]] ModelPtr sentencepiece_splitter(const SentencePieceModel& model);

/// A whole tokenizer; `add_bos` and `add_eos` put the control pieces around a text where the model
/// has them.
/// @error those of `check_pieces`; FileFormat for a broken charsmap
[[nodiscard]] Result<std::shared_ptr<const Tokenizer>> sentencepiece_tokenizer(
    SentencePieceModel model, bool add_bos, bool add_eos, std::vector<std::string> warnings);

}  // namespace vitrine::engine::text
