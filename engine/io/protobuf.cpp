#include "engine/io/protobuf.h"

#include <fmt/format.h>

#include "engine/io/bytes.h"

namespace vitrine::engine {

tl::unexpected<Error> ProtoReader::refuse(std::string message, std::size_t at) const {
  return fail_file(ErrorCode::FileFormat, {}, "protobuf: " + std::move(message), base_ + at);
}

Result<std::uint64_t> ProtoReader::varint() {
  std::uint64_t value = 0;
  const std::size_t begin = at_;
  for (int i = 0; i < 10; ++i) {
    if (at_ >= bytes_.size()) return refuse("truncated: the message ends inside a varint", at_);
    const auto byte = static_cast<std::uint64_t>(bytes_[at_++]);
    value |= (byte & 0x7F) << (7 * i);
    if (byte < 0x80) return value;
  }
  return refuse("a varint of more than 10 bytes", begin);
}

Result<ProtoField> ProtoReader::next() {
  const std::size_t begin = at_;
  VITRINE_TRY(const std::uint64_t tag, varint());
  ProtoField field;
  field.offset = base_ + begin;
  const std::uint64_t number = tag >> 3;
  if (number == 0 || number > 0x1FFFFFFF) return refuse(fmt::format("field number {} in a tag", number), begin);
  field.number = static_cast<std::uint32_t>(number);
  const std::uint64_t left = bytes_.size() - at_;
  switch (tag & 7) {
    case 0: {
      VITRINE_TRY(field.value, varint());
      field.wire = ProtoWire::Varint;
      return field;
    }
    case 1:
    case 5: {
      const std::size_t size = (tag & 7) == 1 ? 8 : 4;
      if (left < size) return refuse("truncated: the message ends inside a fixed-size field", at_);
      field.wire = size == 8 ? ProtoWire::Fixed64 : ProtoWire::Fixed32;
      field.value = size == 8 ? load_le<std::uint64_t>(&bytes_[at_]) : load_le<std::uint32_t>(&bytes_[at_]);
      at_ += size;
      return field;
    }
    case 2: {
      VITRINE_TRY(const std::uint64_t length, varint());
      if (length > bytes_.size() - at_)
        return refuse(
            fmt::format("truncated: the length {} of field {} reaches past the end of its message", length, number),
            begin);
      field.wire = ProtoWire::Bytes;
      field.offset = base_ + at_;
      field.bytes = bytes_.subspan(at_, length);
      at_ += length;
      return field;
    }
    case 3:
    case 4: return refuse("a group (wire type 3 or 4), which is not in use", begin);
    default: return refuse(fmt::format("wire type {} does not exist", tag & 7), begin);
  }
}

}  // namespace vitrine::engine
