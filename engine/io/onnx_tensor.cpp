#include "engine/io/onnx_tensor.h"

#include <algorithm>

#include <fmt/format.h>

#include "engine/io/bytes.h"
#include "engine/io/protobuf.h"

namespace vitrine::engine {
namespace {

constexpr std::size_t kMaxRank = 64, kMaxStrings = 1U << 20;
constexpr std::uint64_t kMaxDecoded = 96U << 20;

enum Field : std::uint32_t {
  kDims = 1, kDataType = 2, kSegment = 3, kFloatData = 4, kInt32Data = 5, kStringData = 6, kInt64Data = 7, kName = 8,
  kRawData = 9, kDoubleData = 10, kUint64Data = 11, kExternal = 13, kLocation = 14,
};

std::string_view field_name(std::uint32_t field) {
  switch (field) {
    case kFloatData: return "float_data";
    case kInt32Data: return "int32_data";
    case kStringData: return "string_data";
    case kInt64Data: return "int64_data";
    case kRawData: return "raw_data";
    case kDoubleData: return "double_data";
    default: return "uint64_data";
  }
}

/// Which typed field holds values of a data type, and bytes a value in it once decoded.
std::uint32_t field_for(std::string_view dtype) {
  if (dtype == "FLOAT" || dtype == "COMPLEX64") return kFloatData;
  if (dtype == "DOUBLE" || dtype == "COMPLEX128") return kDoubleData;
  if (dtype == "INT64") return kInt64Data;
  if (dtype == "UINT32" || dtype == "UINT64") return kUint64Data;
  return dtype == "STRING" ? kStringData : kInt32Data;
}

/// Gathers the fields of one TensorProto, then says where its bytes are.
class TensorReader {
 public:
  TensorReader(OnnxFile& onnx, std::span<const std::byte> message, std::uint64_t at)
      : onnx_(onnx), message_(message), at_(at) {}

  Result<OnnxTensor> read() {
    ProtoReader reader(message_, at_);
    while (!reader.done()) {
      VITRINE_TRY(const ProtoField field, reader.next());
      VITRINE_CHECK(take(field));
    }
    tensor_.entry.file = onnx_.file->path();
    tensor_.entry.offset = at_;
    VITRINE_CHECK(check_type_and_shape());
    if (external_) VITRINE_CHECK(open_external());
    else VITRINE_CHECK(place_values());
    return std::move(tensor_);
  }

 private:
  [[nodiscard]] tl::unexpected<Error> refuse(std::string message, std::uint64_t at,
                                             ErrorCode code = ErrorCode::FileFormat) const {
    return onnx_.refuse(std::move(message), at, code);
  }
  [[nodiscard]] std::string shown() const { return printable(tensor_.entry.name); }

  Status take(const ProtoField& field) {
    switch (field.number) {
      case kDims: return take_dims(field);
      case kDataType: data_type_ = static_cast<std::int64_t>(field.value); return {};
      case kName:
        if (!is_utf8(field.text()))
          onnx_.warnings.push_back(fmt::format("the tensor name '{}' is not UTF-8", printable(field.text())));
        tensor_.entry.name = repaired_utf8(field.text());
        return {};
      case kSegment:
        return refuse(fmt::format("tensor '{}' is stored in segments, which no exporter writes", shown()),
                      field.offset, ErrorCode::Unsupported);
      case kExternal: return take_external(field);
      case kLocation: external_ = field.value == 1; return {};
      case kFloatData:
      case kInt32Data:
      case kStringData:
      case kInt64Data:
      case kRawData:
      case kDoubleData:
      case kUint64Data:
        return take_data(field);
      default: return {};
    }
  }

  Status take_dims(const ProtoField& field) {
    const auto add = [&](std::uint64_t n) -> Status {
      if (dims_.size() >= kMaxRank)
        return refuse(fmt::format("tensor '{}' has more than {} dims", shown(), kMaxRank), field.offset,
                      ErrorCode::FileLimit);
      dims_.push_back(n);
      return {};
    };
    if (field.wire == ProtoWire::Varint) return add(field.value);
    if (field.wire != ProtoWire::Bytes) return refuse("dims of a tensor are not whole numbers", field.offset);
    ProtoReader packed(field.bytes, field.offset);
    while (!packed.done()) {
      VITRINE_TRY(const std::uint64_t n, packed.varint());
      VITRINE_CHECK(add(n));
    }
    return {};
  }

  Status take_external(const ProtoField& field) {
    ProtoReader reader(field.bytes, field.offset);
    std::string_view key, value;
    while (!reader.done()) {
      VITRINE_TRY(const ProtoField part, reader.next());
      if (part.number == 1) key = part.text();
      if (part.number == 2) value = part.text();
    }
    if (key == "location") location_ = value;
    else if (key == "offset") offset_ = value;
    else if (key == "length") length_ = value;
    else if (key != "checksum")
      onnx_.warnings.push_back(
          fmt::format("external data of '{}' has the unknown key '{}'", shown(), printable(key)));
    return {};
  }

  Status take_data(const ProtoField& field) {
    if (data_field_ != 0 && data_field_ != field.number)
      return refuse(fmt::format("tensor '{}' has its values two times, in {} and {}", shown(),
                                field_name(data_field_), field_name(field.number)),
                    field.offset);
    if (data_field_ == kRawData)
      return refuse(fmt::format("tensor '{}' has raw_data two times", shown()), field.offset);
    data_field_ = field.number;
    if (pieces_.size() < kMaxStrings) pieces_.push_back(field);
    else
      return refuse(fmt::format("tensor '{}' has more than {} separate values in {}", shown(), kMaxStrings,
                                field_name(field.number)),
                    field.offset, ErrorCode::FileLimit);
    return {};
  }

  Status check_type_and_shape() {
    const Codec* codec = onnx_codec(data_type_);
    if (codec == nullptr)
      return refuse(fmt::format("tensor '{}' has the data type {}, which does not exist", shown(), data_type_), at_);
    tensor_.source.codec = codec;
    tensor_.entry.dtype = codec->name;
    for (const std::uint64_t n : dims_) {
      if (n > static_cast<std::uint64_t>(INT64_MAX))
        return refuse(fmt::format("dims of tensor '{}' hold {}", shown(), static_cast<std::int64_t>(n)), at_);
      tensor_.entry.shape.push_back(static_cast<std::int64_t>(n));
    }
    const auto count = checked_numel(dims_);
    if (!count) return refuse(fmt::format("dims of tensor '{}' overflow: more than 2^63 values", shown()), at_);
    const auto bytes = codec->bytes_for(*count);
    if (!bytes) return refuse(fmt::format("the size of tensor '{}' overflows 64 bits", shown()), at_);
    count_ = *count;
    tensor_.entry.bytes = *bytes;
    return {};
  }

  Status open_external() {
    const auto add_file = [&](Error error) {
      if (error.file.empty()) error.file = onnx_.file->path();
      error.message = fmt::format("external data of '{}': {}", shown(), error.message);
      return tl::unexpected(std::move(error));
    };
    if (data_field_ != 0)
      return refuse(fmt::format("tensor '{}' has its values two times, here and in external data", shown()), at_);
    auto path =
        path_inside(std::filesystem::path(onnx_.file->path()).parent_path(), location_.value_or(""), "location");
    if (!path) return add_file(std::move(path.error()));
    auto& file = onnx_.external[path->string()];
    if (!file) {
      auto opened = MappedFile::open(*path);
      if (!opened) return add_file(std::move(opened.error()));
      file = *opened;
      if (file->has_other_links())
        onnx_.warnings.push_back(
            fmt::format("the external data file '{}' has a second hard link", printable(*location_)));
    }
    const auto number = [](const std::optional<std::string_view>& text, std::uint64_t otherwise) {
      return text ? parse_decimal(*text) : std::optional(otherwise);
    };
    const auto offset = number(offset_, 0);
    if (!offset || *offset > file->size())
      return refuse(fmt::format("external data of '{}': the offset '{}' is not inside '{}' of size {}", shown(),
                                printable(offset_.value_or("")), printable(*location_), file->size()), at_);
    const auto length = number(length_, file->size() - *offset);
    if (!length || *length > file->size() - *offset)
      return refuse(fmt::format("external data of '{}': the length '{}' reaches past the size {} of '{}'", shown(),
                                printable(length_.value_or("")), file->size(), printable(*location_)), at_);
    if (*length != tensor_.entry.bytes)
      return refuse(fmt::format("external data of '{}': the length is {} bytes, dims and type need {}", shown(),
                                *length, tensor_.entry.bytes),
                    at_);
    tensor_.entry.file = file->path();
    tensor_.entry.offset = *offset;
    tensor_.source.file = file;
    return {};
  }

  Status place_values() {
    if (tensor_.entry.dtype == "STRING") return place_strings();
    if (data_field_ == 0) {
      if (count_ == 0) return keep({});
      return refuse(fmt::format("tensor '{}' has no data, its dims need {} bytes", shown(), tensor_.entry.bytes), at_);
    }
    if (data_field_ == kRawData) return place_in_file(pieces_.front(), "raw_data");
    if (data_field_ != field_for(tensor_.entry.dtype))
      return refuse(fmt::format("tensor '{}' of type {} has its values in the field {}", shown(), tensor_.entry.dtype,
                                field_name(data_field_)),
                    at_);
    const bool fixed = data_field_ == kFloatData || data_field_ == kDoubleData;
    if (fixed && pieces_.size() == 1 && pieces_[0].wire == ProtoWire::Bytes) {
      const std::size_t width = data_field_ == kFloatData ? 4 : 8;
      if (pieces_[0].bytes.size() % width != 0)
        return refuse(fmt::format("packed {} of '{}' has a length of {} bytes, no multiple of {}",
                                  field_name(data_field_), shown(), pieces_[0].bytes.size(), width),
                      pieces_[0].offset);
      return place_in_file(pieces_[0], field_name(data_field_));
    }
    return decode_typed();
  }

  Status place_in_file(const ProtoField& piece, std::string_view field) {
    if (piece.wire != ProtoWire::Bytes)
      return refuse(fmt::format("{} of '{}' has the wrong wire type", field, shown()), piece.offset);
    if (piece.bytes.size() != tensor_.entry.bytes)
      return refuse(fmt::format("{} of '{}' has a size of {} bytes, dims and type need {}", field, shown(),
                                piece.bytes.size(), tensor_.entry.bytes),
                    piece.offset);
    tensor_.entry.offset = piece.offset;
    tensor_.source.file = onnx_.file;
    return {};
  }

  Status place_strings() {
    if (data_field_ != kStringData && count_ != 0)
      return refuse(fmt::format("string tensor '{}' has no string_data{}", shown(),
                                data_field_ == 0 ? "" : " but raw_data or numbers"),
                    at_);
    if (pieces_.size() != count_)
      return refuse(fmt::format("string_data of '{}' has {} entries, dims need {}", shown(), pieces_.size(), count_),
                    at_);
    tensor_.source.no_values = fmt::format("'{}' holds text, not numbers", shown());
    return {};
  }

  Status keep(std::vector<std::byte> bytes) {
    tensor_.source.decoded = std::make_shared<const std::vector<std::byte>>(std::move(bytes));
    return {};
  }

  /// Values that are varints, or not packed: unfolded to the bytes that raw_data would hold.
  Status decode_typed() {
    std::uint64_t entries = 0;
    for (const ProtoField& piece : pieces_) entries += piece.wire == ProtoWire::Bytes ? count_values(piece) : 1;
    const bool complex = tensor_.entry.dtype.starts_with("COMPLEX");
    const std::uint64_t expected = complex                                   ? count_ * 2
                                   : tensor_.source.codec->block_values == 2 ? (count_ + 1) / 2
                                                                             : count_;
    if (entries != expected)
      return refuse(fmt::format("{} of '{}' has a count of {} values, dims need {}", field_name(data_field_), shown(),
                                entries, expected),
                    at_);
    onnx_.decoded_bytes += tensor_.entry.bytes;
    if (onnx_.decoded_bytes > kMaxDecoded)
      return refuse(
          fmt::format("more than {} MB of values in typed fields; raw_data has no such limit", kMaxDecoded >> 20),
          at_, ErrorCode::FileLimit);
    std::vector<std::byte> out;
    out.reserve(tensor_.entry.bytes);
    const std::size_t width =
        complex ? tensor_.entry.bytes / std::max<std::uint64_t>(entries, 1) : tensor_.source.codec->block_bytes;
    const auto put = [&](std::uint64_t v) {
      const auto* b = reinterpret_cast<const std::byte*>(&v);
      out.insert(out.end(), b, b + width);
    };
    for (const ProtoField& piece : pieces_) VITRINE_CHECK(unfold(piece, put));
    return keep(std::move(out));
  }

  [[nodiscard]] std::uint64_t count_values(const ProtoField& piece) const {
    if (data_field_ == kFloatData) return piece.bytes.size() / 4;
    if (data_field_ == kDoubleData) return piece.bytes.size() / 8;
    return static_cast<std::uint64_t>(std::count_if(piece.bytes.begin(), piece.bytes.end(),
                                                    [](std::byte b) { return (b & std::byte{0x80}) == std::byte{0}; }));
  }

  template <class Put>
  Status unfold(const ProtoField& piece, Put put) {
    const std::size_t fixed = data_field_ == kFloatData ? 4 : data_field_ == kDoubleData ? 8 : 0;
    const auto wrong = [&] {
      return refuse(fmt::format("{} of '{}' has the wrong wire type", field_name(data_field_), shown()),
                    piece.offset);
    };
    if (piece.wire != ProtoWire::Bytes) {
      const ProtoWire wire = fixed == 4 ? ProtoWire::Fixed32 : fixed == 8 ? ProtoWire::Fixed64 : ProtoWire::Varint;
      if (piece.wire != wire) return wrong();
      put(piece.value);
      return {};
    }
    if (fixed != 0) {
      if (piece.bytes.size() % fixed != 0) return wrong();
      for (std::size_t i = 0; i < piece.bytes.size(); i += fixed)
        put(fixed == 4 ? load_le<std::uint32_t>(&piece.bytes[i]) : load_le<std::uint64_t>(&piece.bytes[i]));
      return {};
    }
    ProtoReader packed(piece.bytes, piece.offset);
    while (!packed.done()) {
      VITRINE_TRY(const std::uint64_t v, packed.varint());
      put(v);
    }
    return {};
  }

  OnnxFile& onnx_;
  std::span<const std::byte> message_;
  std::uint64_t at_;
  OnnxTensor tensor_;
  std::vector<std::uint64_t> dims_;
  std::int64_t data_type_ = 0;
  std::uint32_t data_field_ = 0;
  std::vector<ProtoField> pieces_;
  bool external_ = false;
  std::optional<std::string_view> location_, offset_, length_;
  std::uint64_t count_ = 0;
};

}  // namespace

Result<OnnxTensor> read_onnx_tensor(OnnxFile& onnx, std::span<const std::byte> message, std::uint64_t at) {
  auto tensor = TensorReader(onnx, message, at).read();
  if (!tensor && tensor.error().file.empty()) tensor.error().file = onnx.file->path();
  return tensor;
}

Result<OnnxTensor> read_onnx_sparse(OnnxFile& onnx, std::span<const std::byte> message, std::uint64_t at) {
  OnnxTensor values, indices;
  std::vector<std::uint64_t> dims;
  ProtoReader reader(message, at);
  while (!reader.done()) {
    VITRINE_TRY(const ProtoField field, reader.next());
    if (field.number == 1) {
      VITRINE_TRY(values, read_onnx_tensor(onnx, field.bytes, field.offset));
    } else if (field.number == 2) {
      VITRINE_TRY(indices, read_onnx_tensor(onnx, field.bytes, field.offset));
    } else if (field.number == 3 && field.wire == ProtoWire::Varint && dims.size() < kMaxRank) {
      dims.push_back(field.value);
    } else if (field.number == 3 && field.wire == ProtoWire::Bytes) {
      ProtoReader packed(field.bytes, field.offset);
      while (!packed.done() && dims.size() < kMaxRank) {
        VITRINE_TRY(dims.emplace_back(), packed.varint());
      }
    }
  }
  const std::string shown = printable(values.entry.name);
  const auto count = checked_numel(dims);
  if (!count) return onnx.refuse(fmt::format("dims of sparse tensor '{}' overflow", shown), at);
  if (indices.entry.dtype != "INT64" || (indices.entry.shape.size() != 1 && indices.entry.shape.size() != 2))
    return onnx.refuse(fmt::format("sparse tensor '{}' has no int64 indices", shown), at);
  const std::size_t rank = indices.entry.shape.size() == 1 ? 1 : static_cast<std::size_t>(indices.entry.shape[1]);
  if ((indices.entry.shape.size() == 2 && rank != dims.size()) || indices.entry.shape[0] != values.entry.numel())
    return onnx.refuse(fmt::format("indices of sparse tensor '{}' do not go with its dims and values", shown), at);
  std::span<const std::byte> stored;
  if (indices.source.decoded) stored = *indices.source.decoded;
  else if (indices.source.file) {
    VITRINE_TRY(stored, indices.source.file->range(indices.entry.offset, indices.entry.bytes));
  }
  for (std::size_t i = 0; i * 8 + 8 <= stored.size(); ++i) {
    const auto index = load_le<std::uint64_t>(&stored[i * 8]);
    const std::uint64_t limit = indices.entry.shape.size() == 1 ? *count : dims[i % rank];
    if (index >= limit)
      return onnx.refuse(fmt::format("sparse tensor '{}' has the index {} in {} elements", shown,
                                     static_cast<std::int64_t>(index), limit),
                         at);
  }
  values.entry.shape.assign(dims.begin(), dims.end());
  values.source.no_values = fmt::format("'{}' is a sparse tensor, whose values are listed only", shown);
  return values;
}

}  // namespace vitrine::engine
