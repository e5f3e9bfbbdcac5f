#include "engine/isolate/checkpoint_answer.h"

#include <algorithm>
#include <unordered_map>

#include <fmt/format.h>

#include "engine/io/bytes.h"

namespace vitrine::engine::isolate {
namespace {

constexpr std::size_t kMaxRank = 4096, kMaxWord = 256, kMaxWarning = 4000;
/// The fewest bytes that a tensor and a second name take in an answer.
constexpr std::size_t kLeastTensor = 74, kLeastAlias = 16;

/// A count is believed as far as this before the things are there.
constexpr std::size_t kMostReserved = std::size_t{1} << 21;

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

/// About as many as the list of the tensors takes.
std::size_t bytes_of_tensors(const MappedCheckpoint& checkpoint) {
  constexpr std::size_t kAround = 160;
  std::size_t bytes = 0;
  for (const TensorEntry& entry : checkpoint.tensors()) bytes += kAround + entry.name.size() + 8 * entry.shape.size();
  return bytes;
}

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
    const std::size_t tensors = in_.take_count(kLeastTensor);
    checkpoint_->reserve(std::min(tensors, kMostReserved));
    for (std::size_t i = tensors; i > 0 && !in_.failed(); --i) VITRINE_CHECK(take_tensor());
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

  Status take_tensor() {
    TensorEntry entry;
    entry.name = in_.take_utf8();
    entry.dtype = in_.take_utf8(kMaxWord);
    take_shape(entry);
    entry.offset = in_.take_u64();
    entry.bytes = in_.take_u64();
    entry.file = take_path();
    TensorSource source;
    const MappedFile* holder = take_source(entry, source);
    if (in_.failed()) return {};
    if (const std::string wrong = disagreement(entry, source, holder); !wrong.empty()) {
      in_.refuse(fmt::format("lists a tensor '{}' {}", printable(entry.name), wrong));
      return {};
    }
    return checkpoint_->add(std::move(entry), std::move(source));
  }

  void take_shape(TensorEntry& entry) {
    const std::size_t rank = in_.take_count(8);
    if (rank > kMaxRank) in_.refuse("lists a tensor of too many axes");
    axes_.clear();
    for (std::size_t i = 0; i < rank && !in_.failed(); ++i)
      axes_.push_back(in_.take_below(std::uint64_t{1} << 63, "the size of an axis"));
    const auto count = checked_numel(axes_);
    if (!count) in_.refuse("lists a tensor of more than 2^63 values");
    numel_ = count.value_or(0);
    entry.shape.assign(axes_.begin(), axes_.end());
  }

  /// What the tensor's bytes lie in; nullptr if nothing.
  const MappedFile* take_source(const TensorEntry& entry, TensorSource& source) {
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
    if (strides != 0 && strides != entry.shape.size())
      in_.refuse("lists a tensor whose strides do not go with its shape");
    for (std::size_t i = 0; i < strides && !in_.failed(); ++i)
      source.strides.push_back(static_cast<std::int64_t>(in_.take_below(std::uint64_t{1} << 63, "a stride")));
    source.big_endian = in_.take_flag();
    return source.file.get();
  }

  /// Why the tensor cannot be as it is listed; empty if it can.
  std::string disagreement(const TensorEntry& entry, const TensorSource& source, const MappedFile* holder) const {
    if (source.codec == nullptr || holder == nullptr)
      return source.no_values.empty() ? "without an element type or a place" : "";
    const auto end = checked_add(source.decoded_at.value_or(entry.offset), entry.bytes);
    if (!end || *end > holder->size())
      return fmt::format("of {} bytes that reach past the end of {} bytes", entry.bytes, holder->size());
    const bool readable = source.codec->decode != nullptr || is_complex(source.codec->name);
    if (!source.no_values.empty() || !readable) return {};
    const bool stepwise = !source.strides.empty() || source.big_endian;
    if (stepwise && source.codec->block_values != 1) return "of blocks, read value by value";
    const auto values = source.strides.empty() ? std::optional(numel_) : reach(entry.shape, source.strides);
    const auto needed = values ? source.codec->bytes_for(*values) : std::nullopt;
    if (!needed || *needed > entry.bytes)
      return fmt::format("of {} bytes, which its shape and type do not fit", entry.bytes);
    return {};
  }

  /// One more than the last value that a strided view touches, nothing if that overflows.
  std::optional<std::uint64_t> reach(const std::vector<std::int64_t>& shape,
                                     const std::vector<std::int64_t>& strides) const {
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
      const std::uint64_t target = in_.take_below(checkpoint_->tensors().size(), "the number of a tensor");
      if (!in_.failed()) add(name, checkpoint_->tensors()[target].name);
    }
  }

  WireReader& in_;
  const AnswerMaterial& material_;
  std::shared_ptr<MappedCheckpoint> checkpoint_;
  std::unordered_map<std::uint64_t, SharedText> paths_;
  std::vector<std::uint64_t> axes_;
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
  out.put_u64(checkpoint.tensors().size());
  out.reserve(bytes_of_tensors(checkpoint));
  for (std::size_t i = 0; i < checkpoint.tensors().size(); ++i) {
    const TensorEntry& entry = checkpoint.tensors()[i];
    out.put_text(entry.name);
    out.put_text(entry.dtype);
    out.put_u64(entry.shape.size());
    for (const std::int64_t n : entry.shape) out.put_i64(n);
    out.put_u64(entry.offset);
    out.put_u64(entry.bytes);
    VITRINE_TRY(const std::uint64_t number, numbering.of_file(entry.file));
    out.put_u64(number);
    VITRINE_CHECK(put_source(checkpoint.sources()[i], numbering, out));
  }
  put_names(checkpoint.aliases(), out);
  put_names(checkpoint.transposed(), out);
  return {};
}

Result<std::shared_ptr<const Checkpoint>> take_checkpoint(WireReader& in, const AnswerMaterial& material) {
  return CheckpointTaker(in, material).take();
}

}  // namespace vitrine::engine::isolate
