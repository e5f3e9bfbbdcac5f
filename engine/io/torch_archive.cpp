#include "engine/io/torch_archive.h"

#include <algorithm>
#include <cctype>
#include <map>

#include <fmt/format.h>

#include "engine/io/bytes.h"
#include "engine/io/pickle.h"
#include "engine/io/torch_sparse.h"
#include "engine/io/torch_values.h"

namespace vitrine::engine {
namespace {

constexpr std::uint64_t kMaxInflated = 96ULL << 20;
constexpr std::uint64_t kMaxChecked = 32ULL << 20;
constexpr std::uint64_t kMaxSmallRecord = 64;

/// Where the bytes of a storage are.
struct StoragePlace {
  std::uint64_t offset = 0;
  std::shared_ptr<const MappedFile> file;
  std::shared_ptr<const std::vector<std::byte>> inflated;
};

/// A refusal also says what the pickle would have called.
Error with_names(Error error, const PickleDocument& pickle, bool torchscript) {
  const auto names = foreign_names(pickle, torchscript);
  for (std::size_t i = 0; i < names.size() && i < 3; ++i) error.message += "; " + names[i];
  return error;
}

Result<TorchValues> read_values(std::span<const std::byte> bytes, const std::string& file, std::uint64_t base,
                                bool torchscript, PickleDocument& pickle) {
  if (auto status = read_pickle(bytes, file, base, pickle); !status)
    return fail(with_names(std::move(status.error()), pickle, torchscript));
  auto values = read_torch_values(pickle, file, base, torchscript);
  if (!values) return fail(with_names(std::move(values.error()), pickle, torchscript));
  return values;
}

/// What dense forms of a file's sparse tensors may take together.
std::uint64_t room_for_dense(std::uint64_t file_bytes) { return (64ULL << 20) + 2 * std::min<std::uint64_t>(file_bytes, 1ULL << 40); }

/// Sparse tensors are put together when the file is opened, since only then their indices can be trusted.
Status make_dense(const TorchValues& values, const std::vector<StoragePlace>& places, bool big_endian, const TorchTensor& tensor,
                  std::uint64_t& room, TensorEntry& entry, TensorSource& source) {
  const auto storage = [&](std::size_t number) -> Result<StorageBytes> {
    const StoragePlace& place = places[number];
    if (place.inflated) return StorageBytes{*place.inflated, place.offset, big_endian};
    VITRINE_TRY(const auto bytes, place.file->range(place.offset, values.storages[number].bytes()));
    return StorageBytes{bytes, place.offset, big_endian};
  };
  VITRINE_TRY(DenseTensor dense, dense_of(tensor, storage, room, entry.file));
  if (!dense.bytes) {
    source.no_values = dense.no_values;
    return {};
  }
  source = {tensor.codec, nullptr, dense.bytes, {}, {}, false, 0};
  entry.bytes = dense.bytes->size();
  return {};
}

void note_sparse(const std::string& name, const TorchTensor& tensor, MappedCheckpoint& out) {
  const std::int64_t stored = tensor.sparse->values.shape.empty() ? 0 : tensor.sparse->values.shape[0];
  out.metadata_for_filling()["sparse"][printable(name, 200)] = {{"layout", "sparse_" + tensor.sparse->layout}, {"stored", stored}};
}

Status add_tensors(const TorchValues& values, const std::vector<StoragePlace>& places, const std::string& prefix,
                   bool big_endian, const std::string& file, MappedCheckpoint& out, std::uint64_t& room) {
  for (const auto& [name, tensor] : values.tensors) {
    const StoragePlace& place = places[tensor.storage];
    const std::uint64_t begin = tensor.first * tensor.codec->block_bytes;
    TensorEntry entry;
    entry.name = prefix + name;
    entry.dtype = tensor.codec->name;
    entry.shape = tensor.shape;
    entry.offset = place.offset + (place.inflated ? 0 : begin);
    entry.bytes = tensor.reach * tensor.codec->block_bytes;
    entry.file = file;
    TensorSource source;
    source.codec = tensor.codec;
    source.no_values = tensor.no_values;
    source.strides = tensor.strides;
    source.big_endian = big_endian && tensor.codec->block_bytes > 1;
    if (place.inflated) {
      source.decoded = place.inflated;
      source.decoded_at = begin;
    } else {
      source.file = place.file;
    }
    if (tensor.sparse) {
      VITRINE_CHECK(make_dense(values, places, big_endian, tensor, room, entry, source));
      note_sparse(entry.name, tensor, out);
    }
    VITRINE_CHECK(out.add(std::move(entry), std::move(source)));
  }
  for (const auto& [name, tensor] : values.tensors)
    if (!values.wrapper.empty() && name.starts_with(values.wrapper))
      out.add_alias(name.substr(values.wrapper.size()), prefix + name);
  return {};
}

void add_about(const TorchValues& values, MappedCheckpoint& out) {
  for (const auto& warning : values.warnings) out.warn(warning);
  auto& about = out.metadata_for_filling();
  if (!values.leaves.empty()) about["values"] = values.leaves;
  if (!values.wrapper.empty()) about["wrapper"] = values.wrapper;
  const auto sparse = std::count_if(values.tensors.begin(), values.tensors.end(), [](const auto& t) { return t.second.sparse != nullptr; });
  if (sparse > 0) out.warn(fmt::format("{} sparse tensor{} shown with the zeros", sparse, sparse == 1 ? " is" : "s are"));
  const auto optimizer = std::count_if(values.tensors.begin(), values.tensors.end(),
                                       [](const auto& t) { return t.first.starts_with("optim"); });
  if (optimizer > 0) about["optimizer_tensors"] = optimizer;
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

class TorchZip {
 public:
  explicit TorchZip(const ZipDirectory& zip) : zip_(zip), file_(zip.file()->path()), out_("pytorch") {}

  Result<MappedCheckpoint> read() {
    out_.add_file(file_);
    for (const auto& warning : zip_.warnings()) out_.warn(warning);
    VITRINE_CHECK(find_root());
    VITRINE_CHECK(read_byte_order());
    read_version();
    const bool torchscript = zip_.find(root_ + "constants.pkl") != nullptr;
    VITRINE_CHECK(read_pickle_member("data.pkl", "data/", "", torchscript));
    if (torchscript) {
      VITRINE_CHECK(read_pickle_member("constants.pkl", "constants/", "constants.", torchscript));
      list_code();
    }
    if (deflated_) out_.warn("records of the archive are deflated: it was packed again by another program");
    return std::move(out_);
  }

 private:
  [[nodiscard]] tl::unexpected<Error> refuse(std::string message, std::uint64_t at,
                                             ErrorCode code = ErrorCode::FileFormat) const {
    return fail_file(code, file_, std::move(message), at);
  }

  Status find_root() {
    std::vector<std::string> roots;
    for (const ZipMember& member : zip_.members()) {
      const auto slash = member.name.find('/');
      if (slash == std::string::npos || lower(member.name.substr(slash + 1)) != "data.pkl") continue;
      roots.push_back(member.name.substr(0, slash + 1));
      if (roots.size() > 1)
        return refuse(fmt::format("two members are named data.pkl, below the roots '{}' and '{}'", printable(roots[0]),
                                  printable(roots[1])), member.header);
    }
    if (roots.empty())
      return refuse(fmt::format("expected a PyTorch archive with a data.pkl, the zip archive of {} members has none",
                                zip_.members().size()), 0);
    root_ = roots[0];
    if (zip_.find(root_ + "data.pkl") == nullptr)
      return refuse("expected data.pkl in lower case in the zip archive", 0);
    return {};
  }

  Result<std::span<const std::byte>> content(const ZipMember& member,
                                             std::shared_ptr<const std::vector<std::byte>>& room) {
    VITRINE_TRY(const auto bytes, zip_.content(member, kMaxInflated - inflated_, room));
    if (member.deflated) {
      inflated_ += member.bytes;
      deflated_ = true;
    }
    if (member.bytes <= kMaxChecked - checked_) {
      checked_ += member.bytes;
      if (!ZipDirectory::crc_matches(member, bytes))
        out_.warn(fmt::format("the CRC checksum of the record '{}' (byte {}) is not that of its bytes",
                              printable(member.name), member.offset));
    }
    return bytes;
  }

  /// The text of a small record; nothing if there is none.
  Result<std::string> small_record(const std::string& name) {
    const ZipMember* member = zip_.find(root_ + name);
    if (member == nullptr) return std::string();
    if (member->bytes > kMaxSmallRecord)
      return refuse(fmt::format("the record '{}' of {} bytes is above the size limit of {}", name, member->bytes,
                                kMaxSmallRecord), member->offset, ErrorCode::FileLimit);
    std::shared_ptr<const std::vector<std::byte>> room;
    VITRINE_TRY(const auto bytes, content(*member, room));
    return std::string(as_text(bytes));
  }

  Status read_byte_order() {
    VITRINE_TRY(const auto order, small_record("byteorder"));
    if (!order.empty() && order != "little" && order != "big")
      return refuse(fmt::format("expected the record byteorder to say little or big, came '{}'", printable(order)),
                    zip_.find(root_ + "byteorder")->offset);
    big_endian_ = order == "big";
    return {};
  }

  void read_version() {
    const auto version = small_record("version");
    if (!version) {
      out_.warn("the record 'version' of the archive cannot be read: " + version.error().message);
      return;
    }
    std::string_view digits = *version;
    while (!digits.empty() && (digits.back() == '\n' || digits.back() == ' ')) digits.remove_suffix(1);
    const auto number = parse_decimal(digits);
    if (digits.empty()) out_.warn("the archive has no record 'version'");
    else if (!number || *number > 100)
      out_.warn(fmt::format("the record 'version' of the archive says '{}'", printable(digits)));
    else out_.metadata_for_filling()["version"] = *number;
  }

  Status read_pickle_member(const std::string& name, const std::string& records, const std::string& prefix,
                            bool torchscript) {
    const ZipMember& member = *zip_.find(root_ + name);
    std::shared_ptr<const std::vector<std::byte>> room;
    VITRINE_TRY(const auto bytes, content(member, room));
    PickleDocument pickle;
    auto values = read_values(bytes, file_, member.offset, torchscript, pickle);
    if (!values) {
      values.error().message = name + ": " + values.error().message;
      return fail(ZipDirectory::in_member(std::move(values.error()), member));
    }
    if (member.deflated)
      for (TorchStorage& storage : values->storages) storage.at = member.offset;
    if (pickle.end != bytes.size())
      values->warnings.push_back(fmt::format("{} bytes after STOP in {}", bytes.size() - pickle.end, name));
    std::vector<StoragePlace> places;
    for (const TorchStorage& storage : values->storages) {
      VITRINE_TRY(auto place, find_storage(storage, records));
      places.push_back(std::move(place));
    }
    if (torchscript && name == "constants.pkl") std::erase_if(values->warnings, is_no_tensor);
    if (torchscript)
      for (auto& warning : values->warnings) warning = "TorchScript " + name + ": " + warning;
    VITRINE_CHECK(add_tensors(*values, places, prefix, big_endian_, file_, out_, room_));
    add_about(*values, out_);
    return {};
  }
  static bool is_no_tensor(const std::string& warning) { return warning.starts_with("no tensor is reachable"); }

  Result<StoragePlace> find_storage(const TorchStorage& storage, const std::string& records) {
    const std::string name = root_ + records + storage.key;
    const ZipMember* member = zip_.find(name);
    if (member == nullptr)
      return refuse(fmt::format("the archive has no record '{}' for a storage of the pickle", printable(name)),
                    storage.at);
    if (member->bytes < storage.bytes())
      return refuse(fmt::format("the record '{}' has {} bytes, too short for the size of its storage: {} bytes",
                                printable(name), member->bytes, storage.bytes()), member->offset);
    if (member->bytes > storage.bytes())
      out_.warn(fmt::format("the record '{}' has {} bytes, its storage has the size of {}", printable(name),
                            member->bytes, storage.bytes()));
    StoragePlace place{member->offset, zip_.file(), nullptr};
    VITRINE_TRY([[maybe_unused]] const auto bytes, content(*member, place.inflated));
    return place;
  }

  void list_code() {
    auto& about = out_.metadata_for_filling();
    about["torchscript"] = true;
    about["code"] = nlohmann::json::array();
    for (const ZipMember& member : zip_.members())
      if (member.name.starts_with(root_ + "code/") && about["code"].size() < 1000)
        about["code"].push_back(member.name.substr(root_.size()));
    out_.warn("TorchScript archive: its tensors are read, its code is listed and never run");
  }

  const ZipDirectory& zip_;
  std::string file_;
  MappedCheckpoint out_;
  std::string root_;
  bool big_endian_ = false, deflated_ = false;
  std::uint64_t room_ = room_for_dense(zip_.file()->size());
  std::uint64_t inflated_ = 0, checked_ = 0;
};

/// The stream that `torch.save` wrote before 1.6.
class TorchStream {
 public:
  explicit TorchStream(std::shared_ptr<const MappedFile> file)
      : file_(std::move(file)), name_(file_->path()), out_("pytorch") {}

  Result<MappedCheckpoint> read() {
    out_.add_file(name_);
    VITRINE_CHECK(read_head());
    PickleDocument pickle;
    VITRINE_TRY(const auto values, read_values(file_->bytes().subspan(at_), name_, at_, false, pickle));
    at_ += pickle.end;
    if (auto status = read_storages(values); !status) return fail(with_names(std::move(status.error()), pickle, false));
    std::uint64_t room = room_for_dense(file_->size());
    VITRINE_CHECK(add_tensors(values, places_, "", big_endian_, name_, out_, room));
    add_about(values, out_);
    out_.metadata_for_filling()["legacy"] = true;
    return std::move(out_);
  }

 private:
  [[nodiscard]] tl::unexpected<Error> refuse(std::string message) const {
    return fail_file(ErrorCode::FileFormat, name_, "legacy PyTorch file: " + std::move(message), at_);
  }

  Status next(PickleDocument& pickle) {
    auto status = read_pickle(file_->bytes().subspan(at_), name_, at_, pickle);
    if (!status) {
      status.error().message = "legacy PyTorch file: " + status.error().message;
      return fail(with_names(std::move(status.error()), pickle, false));
    }
    at_ += pickle.end;
    return {};
  }

  Status read_head() {
    // 0x1950a86a20f9469cfc6c, least significant byte first.
    constexpr std::string_view magic = "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";
    PickleDocument first;
    VITRINE_CHECK(next(first));
    if (first[first.root].kind != PickleKind::BigInt || first[first.root].text != magic) {
      at_ = 0;
      auto refused = refuse(fmt::format("expected its magic number, came a bare pickle of {}: no format that is "
                                        "recognised", PickleDocument::describe(first[first.root].kind)));
      return fail(with_names(std::move(refused.value()), first, false));
    }
    PickleDocument version;
    VITRINE_CHECK(next(version));
    if (version[version.root].kind != PickleKind::Int || version[version.root].integer != 1001)
      return refuse("expected the protocol number 1001");
    PickleDocument system;
    VITRINE_CHECK(next(system));
    const PickleNode& facts = system[system.root];
    if (facts.kind != PickleKind::Dict) return refuse("expected a dict about the system that wrote it");
    for (std::size_t i = 0; i + 1 < facts.items.size(); i += 2)
      if (system[facts.items[i]].text == "little_endian" && system[facts.items[i + 1]].kind == PickleKind::Bool)
        big_endian_ = system[facts.items[i + 1]].integer == 0;
    return {};
  }

  Status read_storages(const TorchValues& values) {
    PickleDocument keys;
    VITRINE_CHECK(next(keys));
    if (keys[keys.root].kind != PickleKind::List) return refuse("expected the list of storage keys");
    std::map<std::string_view, std::size_t> wanted;
    for (std::size_t i = 0; i < values.storages.size(); ++i) wanted.emplace(values.storages[i].key, i);
    places_.resize(values.storages.size());
    for (const PickleId id : keys[keys.root].items) {
      const auto found = wanted.find(keys[id].text);
      if (keys[id].kind != PickleKind::Text || found == wanted.end())
        return refuse(fmt::format("the storage '{}' is used by no tensor, or twice", printable(keys[id].text)));
      VITRINE_CHECK(read_storage(values.storages[found->second], places_[found->second]));
      wanted.erase(found);
    }
    if (!wanted.empty())
      return refuse(fmt::format("the storage '{}' is missing", printable(wanted.begin()->first)));
    if (at_ != file_->size()) out_.warn(fmt::format("{} bytes after the end of the last storage", file_->size() - at_));
    return {};
  }

  Status read_storage(const TorchStorage& storage, StoragePlace& place) {
    const auto bytes = file_->bytes();
    if (bytes.size() - at_ < 8) return refuse("the file ends before the size of a storage: truncated");
    auto count = load_le<std::uint64_t>(bytes.data() + at_);
    if (big_endian_ && count != storage.count) count = __builtin_bswap64(count);
    if (count != storage.count)
      return refuse(fmt::format("the storage '{}' has the size of {} elements, the pickle says {}",
                                printable(storage.key), count, storage.count));
    at_ += 8;
    if (storage.bytes() > bytes.size() - at_)
      return refuse(fmt::format("the storage '{}' of {} bytes reaches past the end of the file: truncated",
                                printable(storage.key), storage.bytes()));
    place = {at_, file_, nullptr};
    at_ += storage.bytes();
    return {};
  }

  std::shared_ptr<const MappedFile> file_;
  std::string name_;
  MappedCheckpoint out_;
  std::vector<StoragePlace> places_;
  std::uint64_t at_ = 0;
  bool big_endian_ = false;
};

}  // namespace

Result<MappedCheckpoint> read_torch_zip(const ZipDirectory& zip) { return TorchZip(zip).read(); }

Result<MappedCheckpoint> read_torch_stream(std::shared_ptr<const MappedFile> file) {
  return TorchStream(std::move(file)).read();
}

}  // namespace vitrine::engine
