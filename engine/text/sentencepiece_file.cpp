#include <bit>
#include <cmath>

#include <fmt/format.h>

#include "engine/io/protobuf.h"
#include "engine/text/sentencepiece.h"
#include "engine/text/unicode.h"

namespace vitrine::engine::text {
namespace {

constexpr std::size_t kMaxPieces = std::size_t{1} << 21;
constexpr std::size_t kMaxPieceBytes = 4096;
constexpr std::size_t kMaxCharsmap = std::size_t{16} << 20;

tl::unexpected<Error> refuse(std::string what, std::uint64_t at) {
  return fail_file(ErrorCode::FileFormat, {}, std::move(what), at);
}

bool is_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const Decoded d = decode_utf8(text, at);
    if (!d.valid) return false;
    at += d.bytes;
  }
  return true;
}

/// A field of the right wire type, or an error that names it.
Status expect(const ProtoField& field, ProtoWire wire, std::string_view name) {
  if (field.wire == wire) return {};
  return refuse(fmt::format("protobuf: {} has wire type {}, expected {}", name,
                            static_cast<int>(field.wire), static_cast<int>(wire)),
                field.offset);
}

/// A short text without bad bytes.
Result<std::string> short_text(const ProtoField& field, const std::string& name) {
  VITRINE_CHECK(expect(field, ProtoWire::Bytes, name));
  if (field.bytes.size() > kMaxPieceBytes)
    return fail_file(ErrorCode::FileLimit, {},
                     fmt::format("{} is {} bytes long, the limit is {}", name, field.bytes.size(),
                                 kMaxPieceBytes),
                     field.offset);
  if (!is_utf8(field.text())) return refuse(name + " is not UTF-8", field.offset);
  return std::string(field.text());
}

Result<SentencePiece> read_piece(const ProtoField& whole, std::size_t index) {
  SentencePiece piece;
  ProtoReader in(whole.bytes, whole.offset);
  while (!in.done()) {
    VITRINE_TRY(const ProtoField field, in.next());
    if (field.number == 1) {
      VITRINE_TRY(piece.text, short_text(field, fmt::format("piece {}", index)));
    } else if (field.number == 2) {
      VITRINE_CHECK(expect(field, ProtoWire::Fixed32, fmt::format("the score of piece {}", index)));
      piece.score = std::bit_cast<float>(static_cast<std::uint32_t>(field.value));
      if (!std::isfinite(piece.score))
        return refuse(fmt::format("the score of piece {} is {}", index,
                                  std::isnan(piece.score) ? "NaN" : "infinite"),
                      field.offset);
    } else if (field.number == 3) {
      VITRINE_CHECK(expect(field, ProtoWire::Varint, fmt::format("the type of piece {}", index)));
      if (field.value < 1 || field.value > 6)
        return refuse(fmt::format("piece {} has type {}, expected 1 to 6", index, field.value),
                      field.offset);
      piece.type = static_cast<PieceType>(field.value);
    }
  }
  if (piece.text.empty()) return refuse(fmt::format("piece {} is empty", index), whole.offset);
  return piece;
}

/// What the training options say about splitting and about where special pieces are.
struct Trainer {
  std::uint64_t unknown_id = 0;
  std::uint64_t unknown_at = 0;
};

Status read_trainer(const ProtoField& whole, SentencePieceModel& model, Trainer& trainer) {
  ProtoReader in(whole.bytes, whole.offset);
  while (!in.done()) {
    VITRINE_TRY(const ProtoField field, in.next());
    switch (field.number) {
      case 3:
        VITRINE_CHECK(expect(field, ProtoWire::Varint, "model_type"));
        if (field.value != 1 && field.value != 2)
          return fail_file(ErrorCode::Unsupported, {},
                           fmt::format("model_type is {}; only 1 (unigram) and 2 (BPE) can be read",
                                       field.value),
                           field.offset);
        model.kind = static_cast<SentencePieceModel::Kind>(field.value);
        break;
      case 24:
        model.whitespace_as_suffix = field.value != 0;
        break;
      case 35:
        model.byte_fallback = field.value != 0;
        break;
      case 40:
        trainer = {field.value, field.offset};
        break;
      case 44: {
        VITRINE_TRY(model.unknown_surface, short_text(field, "unk_surface"));
        break;
      }
      case 46: {
        VITRINE_TRY(model.bos_piece, short_text(field, "bos_piece"));
        break;
      }
      case 47: {
        VITRINE_TRY(model.eos_piece, short_text(field, "eos_piece"));
        break;
      }
      case 48: {
        VITRINE_TRY(model.pad_piece, short_text(field, "pad_piece"));
        break;
      }
      default:
        break;
    }
  }
  return {};
}

Status read_normalizer(const ProtoField& whole, SentencePieceModel& model) {
  ProtoReader in(whole.bytes, whole.offset);
  while (!in.done()) {
    VITRINE_TRY(const ProtoField field, in.next());
    switch (field.number) {
      case 2:
        VITRINE_CHECK(expect(field, ProtoWire::Bytes, "precompiled_charsmap"));
        if (field.bytes.size() > kMaxCharsmap)
          return fail_file(ErrorCode::FileLimit, {},
                           fmt::format("the charsmap has {} bytes, the limit is {}",
                                       field.bytes.size(), kMaxCharsmap),
                           field.offset);
        model.charsmap = std::string(field.text());
        break;
      case 3:
        model.add_dummy_prefix = field.value != 0;
        break;
      case 4:
        model.remove_extra_whitespaces = field.value != 0;
        break;
      case 5:
        model.escape_whitespaces = field.value != 0;
        break;
      default:
        break;
    }
  }
  return {};
}

bool has_charsmap(const ProtoField& whole) {
  ProtoReader in(whole.bytes, whole.offset);
  while (!in.done()) {
    const auto field = in.next();
    if (!field) return true;
    if (field->number == 2 && !field->bytes.empty()) return true;
  }
  return false;
}

}  // namespace

Result<SentencePieceModel> read_sentencepiece(std::span<const std::byte> file,
                                              std::vector<std::string>& warnings) {
  SentencePieceModel model;
  Trainer trainer;
  ProtoReader in(file, 0);
  while (!in.done()) {
    VITRINE_TRY(const ProtoField field, in.next());
    if (field.number < 1 || field.number > 5) continue;
    VITRINE_CHECK(
        expect(field, ProtoWire::Bytes, fmt::format("field {} of the model", field.number)));
    if (field.number == 1) {
      if (model.pieces.size() == kMaxPieces)
        return fail_file(ErrorCode::FileLimit, {},
                         fmt::format("has more than {} pieces", kMaxPieces), field.offset);
      VITRINE_TRY(auto piece, read_piece(field, model.pieces.size()));
      model.pieces.push_back(std::move(piece));
    } else if (field.number == 2) {
      VITRINE_CHECK(read_trainer(field, model, trainer));
    } else if (field.number == 3) {
      VITRINE_CHECK(read_normalizer(field, model));
    } else if (field.number == 5 && has_charsmap(field)) {
      warnings.emplace_back("denormalizer_spec is not applied when ids are decoded");
    }
  }
  if (model.pieces.empty())
    return refuse("the model is empty: expected pieces, came none", file.size());
  if (trainer.unknown_id >= model.pieces.size())
    return refuse(fmt::format("unk_id is {}, but there are {} pieces", trainer.unknown_id,
                              model.pieces.size()),
                  trainer.unknown_at);
  return model;
}

}  // namespace vitrine::engine::text
