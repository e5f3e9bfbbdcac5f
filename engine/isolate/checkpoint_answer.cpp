#include "engine/isolate/checkpoint_answer.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <unordered_map>

#include <fmt/format.h>

#include "engine/io/bytes.h"

namespace vitrine::engine::isolate {
namespace {

constexpr std::size_t kMaxRank = 4096, kMaxWord = 256, kMaxWarning = 4000;
/// The fewest bytes that a kind and a second name take in an answer.
constexpr std::size_t kLeastKind = 42, kLeastAlias = 16;

enum class Place : std::uint8_t { Nowhere, File, Decoded };

/// Numbers of files by path and of decoded bytes by address.
class Numbering {
 public:
  Numbering(const std::vector<std::shared_ptr<const MappedFile>>& files,
            std::vector<std::shared_ptr<const std::vector<std::byte>>>& decoded)
      : decoded_(decoded) {
    for (std::size_t i = 0; i < files.size(); ++i) files_.emplace(files[i]->path(), i);
    last_ = files_.end();
  }
  Result<std::uint64_t> of_file(const std::string& path) {
    if (last_ != files_.end() && last_->first == path) return last_->second;
    last_ = files_.find(path);
    if (last_ != files_.end()) return last_->second;
    return fail(ErrorCode::Internal, fmt::format("'{}' is not among the files that were opened", printable(path)));
  }
  std::uint64_t of_decoded(const std::shared_ptr<const std::vector<std::byte>>& bytes) {
    const auto [found, added] = numbers_.emplace(bytes.get(), decoded_.size());
    if (added) decoded_.push_back(bytes);
    return found->second;
  }

 private:
  std::unordered_map<std::string, std::uint64_t> files_;
  std::unordered_map<std::string, std::uint64_t>::const_iterator last_;   ///< tensors of one file stand together
  std::unordered_map<const void*, std::uint64_t> numbers_;
  std::vector<std::shared_ptr<const std::vector<std::byte>>>& decoded_;
};

Status put_source(const TensorSource& source, Numbering& numbering, WireWriter& out) {
  std::uint64_t codec = 0;
  if (source.codec != nullptr) {
    const auto number = number_of_codec(*source.codec);
    if (!number) return fail(ErrorCode::Internal, fmt::format("the element type {} has no number", source.codec->name));
    codec = *number + 1;
  }
  out.put_u64(codec);
  out.put_text(source.no_values);
  const Place place = source.decoded ? Place::Decoded : source.file ? Place::File : Place::Nowhere;
  out.put_u8(static_cast<std::uint8_t>(place));
  if (place == Place::Decoded) {
    out.put_u64(numbering.of_decoded(source.decoded));
    out.put_u64(source.decoded_at.value_or(0));
  } else if (place == Place::File) {
    VITRINE_TRY(const std::uint64_t number, numbering.of_file(source.file->path()));
    out.put_u64(number);
  }
  out.put_u64(source.strides.size());
  for (const std::int64_t stride : source.strides) out.put_i64(stride);
  out.put_u8(source.big_endian ? 1 : 0);
  return {};
}

void put_names(const std::vector<std::pair<std::string, std::size_t>>& names, WireWriter& out) {
  out.put_u64(names.size());
  for (const auto& [name, target] : names) {
    out.put_text(name);
    out.put_u64(target);
  }
}

/// The records of a column; copied where they do not lie as the processor wants them.
template <class T>
struct Records {
  std::vector<T> own;
  std::span<const T> all;

  explicit Records(std::span<const std::byte> column) {
    const std::size_t count = column.size() / sizeof(T);
    if (reinterpret_cast<std::uintptr_t>(column.data()) % alignof(T) == 0) {
      all = {reinterpret_cast<const T*>(column.data()), count};
      return;
    }
    own.resize(count);
    if (count > 0) std::memcpy(own.data(), column.data(), count * sizeof(T));   // of nothing, the place may be null
    all = own;
  }
};

/// What the columns of an answer lie in.
struct Columns {
  Records<PackedRow> rows;
  std::span<const std::byte> names;
  Records<std::int64_t> axes;
  std::shared_ptr<const MappedFile> memory;   ///< sealed
};

/// Reads the tensors of an answer and holds each against the bytes that this process sees.
class CheckpointTaker {
 public:
  CheckpointTaker(WireReader& in, const AnswerMaterial& material)
      : in_(in), material_(material), checkpoint_(std::make_shared<MappedCheckpoint>(in.take_utf8(kMaxWord))) {}

  Result<std::shared_ptr<const Checkpoint>> take() {
    for (std::string& warning : in_.take_texts(kMaxWarning * 16)) checkpoint_->warn(tidy_sentence(warning));
    for (std::size_t i = in_.take_count(8); i > 0 && !in_.failed(); --i)
      if (const MappedFile* file = take_file()) checkpoint_->add_file(file->path());
    checkpoint_->metadata_for_filling() = in_.take_json();
    for (std::size_t i = in_.take_count(kLeastKind); i > 0 && !in_.failed(); --i) take_kind();
    take_tensors();
    if (!in_.failed()) VITRINE_CHECK(index());
    take_names([&](const std::string& name, const std::string& target) { checkpoint_->add_alias(name, target); });
    take_names([&](const std::string& name, const std::string& target) { checkpoint_->add_transposed(name, target); });
    VITRINE_CHECK(in_.end());
    return std::shared_ptr<const Checkpoint>(std::move(checkpoint_));
  }

 private:
  const MappedFile* take_file() {
    const std::uint64_t number = in_.take_below(material_.files.size(), "the number of a file");
    return in_.failed() ? nullptr : material_.files[number].get();
  }

  SharedText take_path() {
    const std::uint64_t number = in_.take_below(material_.files.size(), "the number of a file");
    if (in_.failed()) return {};
    SharedText& path = paths_.try_emplace(number).first->second;
    if (path.get().empty()) path = material_.files[number]->path();
    return path;
  }

  void take_kind() {
    TensorKind kind;
    kind.dtype = in_.take_utf8(kMaxWord);
    kind.file = take_path();
    take_source(kind.source);
    if (!in_.failed()) kinds_.push_back(checkpoint_->number_of_kind(kind));
  }

  void take_source(TensorSource& source) {
    if (const std::uint64_t codec = in_.take_u64(); codec != 0) {
      source.codec = codec_of_number(codec - 1);
      if (source.codec == nullptr) in_.refuse("names an element type that does not exist");
    }
    source.no_values = tidy_sentence(in_.take_text());
    switch (static_cast<Place>(in_.take_u8())) {
      case Place::Nowhere: break;
      case Place::File: {
        const std::uint64_t number = in_.take_below(material_.files.size(), "the number of a file");
        if (!in_.failed()) source.file = material_.files[number];
        break;
      }
      case Place::Decoded: {
        const std::uint64_t number = in_.take_below(material_.decoded.size(), "the number of a piece of memory");
        source.decoded_at = in_.take_u64();
        if (!in_.failed()) source.file = material_.decoded[number];
        break;
      }
      default: in_.refuse("has values in no known place");
    }
    const std::size_t strides = in_.take_count(8);
    for (std::size_t i = 0; i < strides && !in_.failed(); ++i)
      source.strides.push_back(static_cast<std::int64_t>(in_.take_below(std::uint64_t{1} << 63, "a stride")));
    source.big_endian = in_.take_flag();
  }

  void take_tensors() {
    const auto rows = in_.take_column(sizeof(PackedRow));
    const auto names = in_.take_column(1);
    const auto axes = in_.take_column(sizeof(std::int64_t));
    if (in_.failed()) return;
    auto columns = std::make_shared<Columns>(Columns{Records<PackedRow>(rows), names, Records<std::int64_t>(axes), memory_of(names)});
    const PackedTensors tensors(columns->rows.all, as_text(columns->names), columns->axes.all, columns);
    if (!check_ends(tensors)) return;
    for (std::size_t i = 0; i < tensors.size() && !in_.failed(); ++i) check_tensor(tensors, i);
    if (in_.failed()) return;
    if (columns->memory) return checkpoint_->set_tensors(tensors);
    // They lie in memory that ends with the message.
    PackedTensors own;
    own.reserve(tensors.size(), tensors.names().size(), tensors.axes().size());
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      const PackedRow& row = tensors[i];
      static_cast<void>(own.add(tensors.name(i), tensors.shape(i), row.offset, row.bytes, row.kind));
    }
    checkpoint_->set_tensors(std::move(own));
  }

  /// The shared memory that holds these bytes; nullptr if none does.
  std::shared_ptr<const MappedFile> memory_of(std::span<const std::byte> bytes) const {
    const std::less_equal<> before;
    for (const auto& memory : material_.decoded) {
      const auto all = memory->bytes();
      if (before(all.data(), bytes.data()) && before(bytes.data() + bytes.size(), all.data() + all.size())) return memory;
    }
    return nullptr;
  }

  /// That every name and every shape begins where the one before ends, and that names are text.
  bool check_ends(const PackedTensors& tensors) {
    const std::string_view names = tensors.names();
    if (!is_utf8(names)) in_.refuse("has a name that is not UTF-8");
    std::uint32_t name = 0, shape = 0;
    for (const PackedRow& row : tensors.rows()) {
      const bool ordered = row.name_end >= name && row.name_end <= names.size() && row.shape_end >= shape &&
                           row.shape_end <= tensors.axes().size() && row.shape_end - shape <= kMaxRank;
      // No character reaches from one name into the next.
      const bool cut = ordered && row.name_end < names.size() && (static_cast<unsigned char>(names[row.name_end]) & 0xC0) == 0x80;
      if (!ordered || cut) in_.refuse("lists names or shapes that are none");
      if (in_.failed()) return false;
      name = row.name_end;
      shape = row.shape_end;
    }
    if (name == names.size() && shape == tensors.axes().size()) return true;
    in_.refuse("has names or shapes of no tensor");
    return false;
  }

  void check_tensor(const PackedTensors& tensors, std::size_t number) {
    const PackedRow& row = tensors[number];
    const auto shape = tensors.shape(number);
    if (row.kind >= kinds_.size()) return in_.refuse(fmt::format("has {} as the number of a kind", row.kind));
    if (std::any_of(shape.begin(), shape.end(), [](std::int64_t n) { return n < 0; }))
      return in_.refuse("has a negative number as the size of an axis");
    const auto count = checked_numel({reinterpret_cast<const std::uint64_t*>(shape.data()), shape.size()});
    if (!count) return in_.refuse("lists a tensor of more than 2^63 values");
    numel_ = *count;
    const std::string wrong = disagreement(row, shape, checkpoint_->kinds()[kinds_[row.kind]].source);
    if (!wrong.empty()) in_.refuse(fmt::format("lists a tensor '{}' {}", printable(tensors.name(number)), wrong));
  }

  Status index() {
    const auto second = checkpoint_->index_names();
    if (!second) return {};
    return fail(ErrorCode::FileFormat, fmt::format("lists a tensor '{}' that stands twice", printable(checkpoint_->at(*second).name)));
  }

  /// Why the tensor cannot be as it is listed; empty if it can.
  std::string disagreement(const PackedRow& row, std::span<const std::int64_t> shape, const TensorSource& source) const {
    if (!source.strides.empty() && source.strides.size() != shape.size()) return "whose strides do not go with its shape";
    if (source.codec == nullptr || source.file == nullptr)
      return source.no_values.empty() ? "without an element type or a place" : "";
    const MappedFile& holder = *source.file;
    const auto end = checked_add(source.decoded_at.value_or(row.offset), row.bytes);
    if (!end || *end > holder.size())
      return fmt::format("of {} bytes that reach past the end of {} bytes", row.bytes, holder.size());
    const bool readable = source.codec->decode != nullptr || is_complex(source.codec->name);
    if (!source.no_values.empty() || !readable) return {};
    const bool stepwise = !source.strides.empty() || source.big_endian;
    if (stepwise && source.codec->block_values != 1) return "of blocks, read value by value";
    const auto values = source.strides.empty() ? std::optional(numel_) : reach(shape, source.strides);
    const auto needed = values ? source.codec->bytes_for(*values) : std::nullopt;
    if (!needed || *needed > row.bytes)
      return fmt::format("of {} bytes, which its shape and type do not fit", row.bytes);
    return {};
  }

  /// One more than the last value that a strided view touches, nothing if that overflows.
  std::optional<std::uint64_t> reach(std::span<const std::int64_t> shape, const std::vector<std::int64_t>& strides) const {
    if (numel_ == 0) return 0;
    std::optional<std::uint64_t> last = 0;
    for (std::size_t axis = 0; axis < shape.size() && last; ++axis) {
      const auto step =
          checked_mul(static_cast<std::uint64_t>(shape[axis] - 1), static_cast<std::uint64_t>(strides[axis]));
      last = step ? checked_add(*last, *step) : std::nullopt;
    }
    return last ? checked_add(*last, 1) : std::nullopt;
  }

  template <class Add>
  void take_names(Add add) {
    for (std::size_t i = in_.take_count(kLeastAlias); i > 0 && !in_.failed(); --i) {
      const std::string name = in_.take_utf8();
      const std::uint64_t target = in_.take_below(checkpoint_->size(), "the number of a tensor");
      if (!in_.failed()) add(name, std::string(checkpoint_->at(target).name));
    }
  }

  WireReader& in_;
  const AnswerMaterial& material_;
  std::shared_ptr<MappedCheckpoint> checkpoint_;
  std::unordered_map<std::uint64_t, SharedText> paths_;
  std::vector<std::uint32_t> kinds_;   ///< by the number that they have in the answer
  std::uint64_t numel_ = 0;
};

}  // namespace

Status put_checkpoint(const MappedCheckpoint& checkpoint, const std::vector<std::shared_ptr<const MappedFile>>& files,
                      std::vector<std::shared_ptr<const std::vector<std::byte>>>& decoded, WireWriter& out) {
  Numbering numbering(files, decoded);
  out.put_text(checkpoint.format());
  out.put_texts(checkpoint.warnings());
  out.put_u64(checkpoint.files().size());
  for (const auto& path : checkpoint.files()) {
    VITRINE_TRY(const std::uint64_t number, numbering.of_file(path));
    out.put_u64(number);
  }
  out.put_json(checkpoint.metadata());
  out.put_u64(checkpoint.kinds().size());
  for (const TensorKind& kind : checkpoint.kinds()) {
    out.put_text(kind.dtype);
    VITRINE_TRY(const std::uint64_t number, numbering.of_file(kind.file));
    out.put_u64(number);
    VITRINE_CHECK(put_source(kind.source, numbering, out));
  }
  const PackedTensors& tensors = checkpoint.packed();
  out.put_column(tensors.rows());
  out.put_column(std::span(tensors.names()));
  out.put_column(tensors.axes());
  put_names(checkpoint.aliases(), out);
  put_names(checkpoint.transposed(), out);
  return {};
}

Result<std::shared_ptr<const Checkpoint>> take_checkpoint(WireReader& in, const AnswerMaterial& material) {
  return CheckpointTaker(in, material).take();
}

}  // namespace vitrine::engine::isolate
