#include "engine/io/mapped_checkpoint.h"

#include <algorithm>
#include <new>

#include <sys/mman.h>
#include <unistd.h>

#include <fmt/format.h>

#include "engine/core/memory.h"
#include "engine/io/bytes.h"

namespace vitrine::engine {
namespace {

/// Gathers a strided view in row-major order, in the machine's byte order, a piece at a time.
void decode_strided(const TensorEntry& entry, const TensorSource& source, const Codec& codec,
                    std::span<const std::byte> stored, std::span<float> out) {
  constexpr std::size_t kPiece = 4096;
  const std::size_t width = codec.block_bytes, rank = entry.shape.size();
  const std::size_t unit = is_complex(entry.dtype) ? width / 2 : width;   // what has a byte order
  std::vector<std::int64_t> strides = source.strides;
  if (strides.empty()) {
    strides.assign(rank, 1);
    for (std::size_t axis = rank; axis-- > 1;) strides[axis - 1] = strides[axis] * entry.shape[axis];
  }
  std::vector<std::uint8_t> piece(kPiece * width);
  std::vector<std::int64_t> index(rank, 0);
  std::uint64_t at = 0;
  for (std::size_t done = 0; done < out.size();) {
    const std::size_t count = std::min(kPiece, out.size() - done);
    for (std::size_t i = 0; i < count; ++i) {
      std::uint8_t* to = piece.data() + i * width;
      std::memcpy(to, stored.data() + at * width, width);
      for (std::size_t u = 0; source.big_endian && u < width; u += unit) std::reverse(to + u, to + u + unit);
      for (std::size_t axis = rank; axis-- > 0;) {
        at += static_cast<std::uint64_t>(strides[axis]);
        if (++index[axis] < entry.shape[axis]) break;
        at -= static_cast<std::uint64_t>(strides[axis] * entry.shape[axis]);
        index[axis] = 0;
      }
    }
    codec.decode(piece.data(), count, out.data() + done);
    done += count;
  }
}

/// Pages of a mapping that were read need not stay in this process: the values are elsewhere now.
void leave_memory(std::span<const std::byte> stored) {
  constexpr std::size_t kWorthAsking = std::size_t{64} << 10;
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE)), begin = reinterpret_cast<std::uintptr_t>(stored.data());
  const std::uintptr_t first = (begin + page - 1) / page * page, last = (begin + stored.size()) / page * page;
  if (stored.size() >= kWorthAsking && first < last) static_cast<void>(::madvise(reinterpret_cast<void*>(first), last - first, MADV_DONTNEED));
}

/// Every checkpoint that is no list, as one.
class UnfoldedList final : public TensorList {
 public:
  explicit UnfoldedList(std::shared_ptr<const Checkpoint> checkpoint) : checkpoint_(std::move(checkpoint)) {}
  std::size_t size() const override { return checkpoint_->tensors().size(); }
  ListedTensor at(std::size_t number) const override {
    const TensorEntry& entry = checkpoint_->tensors()[number];
    return {entry.name, entry.dtype, entry.shape, entry.offset, entry.bytes};
  }

 private:
  std::shared_ptr<const Checkpoint> checkpoint_;
};

}  // namespace

std::shared_ptr<const TensorList> tensor_list(std::shared_ptr<const Checkpoint> checkpoint) {
  if (auto list = std::dynamic_pointer_cast<const TensorList>(checkpoint)) return list;
  return std::make_shared<const UnfoldedList>(std::move(checkpoint));
}

std::shared_ptr<const TensorList> tensor_list(const Checkpoint& checkpoint) {
  return tensor_list(std::shared_ptr<const Checkpoint>(std::shared_ptr<void>(), &checkpoint));
}

std::optional<std::size_t> MappedCheckpoint::number_of(std::string_view name) const {
  return index_.find(name, [this](std::size_t number) { return packed_.name(number); });
}

void MappedCheckpoint::reserve(std::size_t tensors, std::size_t name_bytes, std::size_t axes) {
  packed_.reserve(tensors, name_bytes, axes);
  index_.reserve(tensors);
}

std::uint32_t MappedCheckpoint::number_of_kind(const TensorKind& kind) {
  constexpr std::size_t kLast = 8;
  for (std::size_t back = 1; back <= std::min(kLast, kinds_.size()); ++back)
    if (kinds_[kinds_.size() - back] == kind) return static_cast<std::uint32_t>(kinds_.size() - back);
  kinds_.push_back(kind);
  return static_cast<std::uint32_t>(kinds_.size() - 1);
}

Status MappedCheckpoint::append(std::string_view name, std::span<const std::int64_t> shape, std::uint64_t offset, std::uint64_t bytes,
                                std::uint32_t kind) {
  ask_memory();
  if (packed_.add(name, shape, offset, bytes, kind)) return {};
  return fail_file(ErrorCode::FileLimit, kinds_[kind].file, "has names of more than 4 GB");
}

std::optional<std::size_t> MappedCheckpoint::index_names() {
  return index_.add_up_to(packed_.size(), [this](std::size_t number) { return packed_.name(number); });
}

Status MappedCheckpoint::add(const TensorEntry& entry, const TensorSource& source) {
  if (number_of(entry.name))
    return fail_file(ErrorCode::FileFormat, entry.file,
                     fmt::format("duplicate: the tensor '{}' stands twice", printable(entry.name)), entry.offset);
  VITRINE_CHECK(append(entry.name, entry.shape, entry.offset, entry.bytes, number_of_kind({entry.dtype, entry.file, source})));
  static_cast<void>(index_names());   // not there, as was seen
  return {};
}

TensorEntry MappedCheckpoint::entry(std::size_t number) const {
  const PackedRow& row = packed_[number];
  const TensorKind& kind = kinds_[row.kind];
  const auto shape = packed_.shape(number);
  return {std::string(packed_.name(number)), kind.dtype, {shape.begin(), shape.end()}, row.offset, row.bytes, kind.file};
}

const std::vector<TensorEntry>& MappedCheckpoint::tensors() const {
  const std::lock_guard lock(made_->guard);
  made_->tensors.reserve(packed_.size());
  while (made_->tensors.size() < packed_.size()) made_->tensors.push_back(entry(made_->tensors.size()));
  return made_->tensors;
}

ListedTensor MappedCheckpoint::at(std::size_t number) const {
  const PackedRow& row = packed_[number];
  return {packed_.name(number), kinds_[row.kind].dtype, packed_.shape(number), row.offset, row.bytes};
}

void MappedCheckpoint::add_transposed(const std::string& alias, const std::string& target) {
  const auto found = number_of(target);
  if (!found || number_of(alias)) return;
  TensorEntry turned = entry(*found);
  if (turned.shape.size() != 2) return;
  turned.name = alias;
  std::swap(turned.shape[0], turned.shape[1]);
  transposed_.emplace(alias, Transposed{std::move(turned), *found});
}

void MappedCheckpoint::add_alias(const std::string& alias, const std::string& target) {
  if (const auto found = number_of(target); found && !number_of(alias)) aliases_.emplace(alias, *found);
}

Status MappedCheckpoint::absorb(MappedCheckpoint&& part) {
  for (const auto& [alias, target] : part.aliases_)
    if (!number_of(alias)) aliases_.emplace(alias, size() + target);
  std::vector<std::uint32_t> kinds;
  for (const TensorKind& kind : part.kinds_) kinds.push_back(number_of_kind(kind));
  for (std::size_t i = 0; i < part.size(); ++i) {
    const PackedRow& row = part.packed_[i];
    VITRINE_CHECK(append(part.packed_.name(i), part.packed_.shape(i), row.offset, row.bytes, kinds[row.kind]));
  }
  if (const auto second = index_names())
    return fail_file(ErrorCode::FileFormat, kinds_[packed_[*second].kind].file,
                     fmt::format("duplicate: the tensor '{}' stands twice", printable(packed_.name(*second))), packed_[*second].offset);
  for (auto& warning : part.warnings_) warn(std::move(warning));
  for (const auto& file : part.files_) add_file(file);
  return {};
}

const TensorEntry* MappedCheckpoint::find(const std::string& name) const {
  if (const auto found = number_of(name)) return &tensors()[*found];
  if (const auto found = aliases_.find(name); found != aliases_.end()) return &tensors()[found->second];
  if (const ComplexPart* part = part_of_complex(name)) return &part->entry;
  const auto alias = transposed_.find(name);
  return alias == transposed_.end() ? nullptr : &alias->second.entry;
}

MappedCheckpoint::Stored MappedCheckpoint::stored(const std::string& name) const {
  if (const auto found = number_of(name)) return {&tensors()[*found], &source(*found), source(*found).codec};
  const ComplexPart* part = part_of_complex(name);
  return part == nullptr ? Stored{} : Stored{&part->entry, &source(part->target), part->codec};
}

const MappedCheckpoint::ComplexPart* MappedCheckpoint::part_of_complex(const std::string& name) const {
  for (std::size_t part = 0; part < kComplexParts.size(); ++part) {
    if (!name.ends_with(kComplexParts[part])) continue;
    const std::string whole = name.substr(0, name.size() - kComplexParts[part].size());
    const auto own = number_of(whole);
    const auto second = aliases_.find(whole);
    if (!own && second == aliases_.end()) return nullptr;
    const std::size_t target = own ? *own : second->second;
    const Codec* codec = source(target).codec;
    if (codec == nullptr || !is_complex(codec->name)) return nullptr;
    const std::lock_guard lock(made_->guard);
    const auto [made, fresh] = made_->complex_parts.try_emplace(name, ComplexPart{entry(target), target, complex_part(*codec, part)});
    if (fresh) made->second.entry.name = name;
    return &made->second;
  }
  return nullptr;
}

Status MappedCheckpoint::decode(const Stored& what, std::span<float> out) const {
  const TensorEntry& entry = *what.entry;
  const TensorSource& source = *what.source;
  if (!source.no_values.empty() || what.codec->decode == nullptr) {
    const bool complex = is_complex(entry.dtype);
    return fail_file(ErrorCode::Unsupported, entry.file,
                     !source.no_values.empty() ? source.no_values
                         : fmt::format("values of type {} cannot be read ('{}'){}", entry.dtype, printable(entry.name),
                                       complex ? " as one number: .real, .imag or .abs behind the name can" : ""), entry.offset);
  }
  if (out.size() != static_cast<std::size_t>(entry.numel()))
    return fail(ErrorCode::ShapeMismatch, fmt::format("'{}' has {} values, the memory given takes {}",
                                                      printable(entry.name), entry.numel(), out.size()));
  VITRINE_TRY(const auto stored, bytes(entry));
  if (!source.strides.empty() || source.big_endian) {
    decode_strided(entry, source, *what.codec, stored, out);
  } else {
    what.codec->decode(reinterpret_cast<const std::uint8_t*>(stored.data()), out.size(), out.data());
  }
  if (!source.file) return {};
  if (source.file->mapped()) leave_memory(stored);
  return source.file->check_whole();
}

Status MappedCheckpoint::read_into(const TensorEntry& entry, std::span<float> out) const {
  if (const Stored found = stored(entry.name); found.entry != nullptr) return decode(found, out);
  const auto alias = transposed_.find(entry.name);
  if (alias == transposed_.end())
    return fail(ErrorCode::Usage, fmt::format("the checkpoint has no tensor '{}'", printable(entry.name)));
  std::vector<float> stored(out.size());
  VITRINE_CHECK(decode(this->stored(std::string(packed_.name(alias->second.target))), stored));
  const auto rows = static_cast<std::size_t>(alias->second.entry.shape[0]);
  const auto cols = static_cast<std::size_t>(alias->second.entry.shape[1]);
  constexpr std::size_t tile = 32;
  for (std::size_t r0 = 0; r0 < rows; r0 += tile)
    for (std::size_t c0 = 0; c0 < cols; c0 += tile)
      for (std::size_t r = r0; r < std::min(rows, r0 + tile); ++r)
        for (std::size_t c = c0; c < std::min(cols, c0 + tile); ++c) out[r * cols + c] = stored[c * rows + r];
  return {};
}

Status MappedCheckpoint::read_f32_into(const TensorEntry& entry, std::span<float> out) const {
  return within_memory(entry.file, [&] { return read_into(entry, out); });
}

Result<std::vector<float>> MappedCheckpoint::read_f32(const TensorEntry& entry) const {
  const TensorEntry* known = find(entry.name);
  if (known == nullptr)
    return fail(ErrorCode::Usage, fmt::format("the checkpoint has no tensor '{}'", printable(entry.name)));
  std::vector<float> values;
  try {
    values.resize(static_cast<std::size_t>(known->numel()));
  } catch (const std::exception&) {
    return fail(ErrorCode::DoesNotFit, fmt::format("'{}' needs {} bytes of memory as float32", printable(entry.name),
                                                   static_cast<std::uint64_t>(known->numel()) * 4));
  }
  VITRINE_CHECK(read_f32_into(*known, values));
  return values;
}

Status MappedCheckpoint::read_f32_range(const TensorEntry& entry, std::uint64_t begin, std::span<float> out) const {
  const Stored found = stored(entry.name);
  const auto count = static_cast<std::uint64_t>(entry.numel());
  const bool plain = found.entry != nullptr && begin <= count && out.size() <= count - begin && found.source->strides.empty() &&
                     !found.source->big_endian && found.source->no_values.empty() && found.codec->decode != nullptr;
  if (!plain) return Checkpoint::read_f32_range(entry, begin, out);
  const Codec& codec = *found.codec;
  VITRINE_TRY(const auto stored, bytes(entry));
  const auto* from = reinterpret_cast<const std::uint8_t*>(stored.data());
  const std::uint64_t block = codec.block_values;
  const auto decode_from = [&](std::uint64_t start, std::span<float> to) {
    codec.decode(from + start / block * codec.block_bytes, to.size(), to.data());
  };
  const auto take_from_one_block = [&](std::uint64_t at, std::span<float> to) {
    const std::uint64_t start = at - at % block;
    std::vector<float> values(static_cast<std::size_t>(std::min(block, count - start)));
    decode_from(start, values);
    std::copy_n(values.begin() + static_cast<std::ptrdiff_t>(at - start), to.size(), to.begin());
  };
  // Only whole blocks can be decoded: where the piece begins or ends inside of one, it is taken out of that.
  std::size_t done = 0;
  if (begin % block != 0) {
    done = static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), block - begin % block));
    take_from_one_block(begin, out.first(done));
  }
  const std::size_t whole = (out.size() - done) / block * block;
  decode_from(begin + done, out.subspan(done, whole));
  done += whole;
  if (done < out.size()) take_from_one_block(begin + done, out.subspan(done));
  return found.source->file ? found.source->file->check_whole() : Status{};
}

Result<std::span<const std::byte>> MappedCheckpoint::bytes(const TensorEntry& entry) const {
  const Stored found = stored(entry.name);
  if (found.entry == nullptr)
    return fail(ErrorCode::Unsupported, fmt::format("'{}' is not stored under that name", printable(entry.name)));
  const TensorSource& source = *found.source;
  const TensorEntry& known = *found.entry;
  if (source.decoded && source.decoded_at)
    return std::span<const std::byte>(*source.decoded).subspan(*source.decoded_at, known.bytes);
  if (source.decoded) return std::span<const std::byte>(*source.decoded);
  if (!source.file) return fail_file(ErrorCode::Unsupported, known.file, source.no_values, known.offset);
  return source.file->range(source.decoded_at.value_or(known.offset), known.bytes);
}

std::vector<std::pair<std::string, std::size_t>> MappedCheckpoint::aliases() const {
  return {aliases_.begin(), aliases_.end()};
}

std::vector<std::pair<std::string, std::size_t>> MappedCheckpoint::transposed() const {
  std::vector<std::pair<std::string, std::size_t>> list;
  for (const auto& [alias, what] : transposed_) list.emplace_back(alias, what.target);
  return list;
}

std::optional<std::uint64_t> checked_numel(std::span<const std::uint64_t> shape) {
  std::uint64_t product = 1;
  bool empty = false;
  for (const std::uint64_t n : shape) {
    if (n == 0) {
      empty = true;
      continue;
    }
    const auto next = checked_mul(product, n);
    if (!next || *next > static_cast<std::uint64_t>(INT64_MAX)) return std::nullopt;
    product = *next;
  }
  return empty ? 0 : product;
}

}  // namespace vitrine::engine
