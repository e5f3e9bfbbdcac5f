#include <algorithm>
#include <array>
#include <unordered_set>

#include <fmt/format.h>

#include "engine/text/byte_piece.h"
#include "engine/text/sentencepiece.h"

namespace vitrine::engine::text {
namespace {

tl::unexpected<Error> refuse(const std::string& what) { return fail(ErrorCode::FileFormat, what); }

bool is_reserved(PieceType type) {
  return type == PieceType::Unknown || type == PieceType::Control || type == PieceType::Byte;
}

}  // namespace

std::int64_t SentencePieceModel::control(const std::string& spelling) const {
  for (std::size_t id = 0; id < pieces.size(); ++id)
    if (is(id, PieceType::Control) && pieces[id].text == spelling)
      return static_cast<std::int64_t>(id);
  return -1;
}

std::int64_t SentencePieceModel::unknown() const {
  for (std::size_t id = 0; id < pieces.size(); ++id)
    if (is(id, PieceType::Unknown)) return static_cast<std::int64_t>(id);
  return -1;
}

Status check_pieces(const SentencePieceModel& model) {
  std::unordered_set<std::string_view> found, reserved;
  std::array<bool, 256> bytes{};
  int unknowns = 0;
  for (std::size_t id = 0; id < model.pieces.size(); ++id) {
    const SentencePiece& piece = model.pieces[id];
    if (piece.text.empty()) return refuse(fmt::format("piece {} is empty", id));
    if (!(is_reserved(piece.type) ? reserved : found).insert(piece.text).second)
      return refuse(fmt::format("piece {} ('{}') is a duplicate", id, piece.text));
    if (piece.type == PieceType::Unknown && ++unknowns > 1)
      return refuse(fmt::format("piece {} ('{}') is a second unknown (unk) piece", id, piece.text));
    if (piece.type != PieceType::Byte) continue;
    const int byte = byte_of_piece(piece.text);
    if (byte < 0)
      return refuse(
          fmt::format("the byte piece {} is '{}', expected <0x00> to <0xFF>", id, piece.text));
    bytes[static_cast<std::size_t>(byte)] = true;
  }
  if (unknowns == 0) return refuse("there is no unknown (unk) piece");
  const auto there = std::count(bytes.begin(), bytes.end(), true);
  if (model.byte_fallback && there < 256)
    return refuse(
        fmt::format("byte_fallback is on, but only {} of 256 byte pieces are there", there));
  if (!model.byte_fallback && there > 0)
    return refuse(fmt::format("there are {} byte pieces, but byte_fallback is off", there));
  return {};
}

}  // namespace vitrine::engine::text
