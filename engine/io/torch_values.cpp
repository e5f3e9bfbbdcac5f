#include "engine/io/torch_values.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <unordered_map>

#include <fmt/format.h>

#include "engine/io/bytes.h"
#include "engine/io/mapped_checkpoint.h"
#include "engine/io/torch_names.h"

namespace vitrine::engine {
namespace {

constexpr std::size_t kMaxRank = 64;
constexpr std::uint64_t kMaxExpanded = 1ULL << 27;
constexpr std::size_t kMaxForeign = 20;
constexpr std::size_t kMaxWarnings = 1000;

constexpr std::array<std::pair<std::string_view, std::string_view>, 15> kStorageTypes = {{
    {"FloatStorage", "float32"},           {"DoubleStorage", "float64"},
    {"HalfStorage", "float16"},            {"BFloat16Storage", "bfloat16"},
    {"LongStorage", "int64"},              {"IntStorage", "int32"},
    {"ShortStorage", "int16"},             {"CharStorage", "int8"},
    {"ByteStorage", "uint8"},              {"BoolStorage", "bool"},
    {"ComplexFloatStorage", "complex64"},  {"ComplexDoubleStorage", "complex128"},
    {"QInt8Storage", "qint8"},             {"QUInt8Storage", "quint8"},
    {"QInt32Storage", "qint32"},
}};
constexpr std::string_view kUntyped = "torch.storage.UntypedStorage";

/// Names that mean something here or are harmless constants; everything else is shown to the user.
constexpr std::array<std::string_view, 29> kKnownNames = {
    "torch.Tensor", "torch.nn.parameter.Parameter", "torch.nn.parameter.Buffer",
    "collections.OrderedDict", "torch.Size", "torch.device", "torch.serialization._get_layout", "_codecs.encode",
    "builtins.set", "__builtin__.set", "builtins.frozenset", "__builtin__.frozenset", "builtins.bytearray",
    "__builtin__.bytearray", "builtins.complex", "__builtin__.complex", "torch.per_tensor_affine",
    "torch.per_channel_affine", "torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2",
    "torch._utils._rebuild_tensor_v3", "torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state",
    "torch._utils._rebuild_qtensor", "torch._utils._rebuild_sparse_tensor", "torch._tensor._rebuild_from_type_v2",
    "torch._tensor._rebuild_from_type", "torch.storage.UntypedStorage", "torch.storage.TypedStorage"};

const Codec* storage_codec(std::string_view name) {
  for (const std::string_view module : {"torch.cuda.", "torch."})
    if (name.starts_with(module))
      for (const auto& [storage, dtype] : kStorageTypes)
        if (name.substr(module.size()) == storage) return torch_codec(dtype);
  return nullptr;
}

const Codec* dtype_codec(std::string_view name) {
  return name.starts_with("torch.") ? torch_codec(name.substr(6)) : nullptr;
}

bool is_known(std::string_view name, bool torchscript) {
  if (std::find(kKnownNames.begin(), kKnownNames.end(), name) != kKnownNames.end()) return true;
  if (torchscript && (name.starts_with("__torch__.") || name.starts_with("torch.jit._pickle."))) return true;
  return storage_codec(name) != nullptr || dtype_codec(name) != nullptr;
}

/// Reads storages and tensors in the order in which the opcodes made them: parts come before what uses them.
class TorchReader {
 public:
  TorchReader(const PickleDocument& pickle, const std::string& file, std::uint64_t base)
      : pickle_(pickle), file_(file), base_(base) {}

  Result<TorchValues> read() {
    for (PickleId id = 0; id < pickle_.nodes.size(); ++id) {
      if (pickle_[id].kind == PickleKind::Persistent) VITRINE_CHECK(read_storage(id));
      if (pickle_[id].kind == PickleKind::Object) VITRINE_CHECK(read_call(id));
    }
    TorchNames names(pickle_, file_, base_, tensor_of_);
    VITRINE_CHECK(names.walk());
    for (const auto& [name, tensor] : names.found()) values_.tensors.emplace_back(name, tensors_[tensor]);
    values_.wrapper = names.wrapper();
    values_.leaves = names.leaves();
    for (const auto& warning : names.warnings()) values_.warnings.push_back(warning);
    return std::move(values_);
  }

 private:
  using Arguments = std::vector<PickleId>;

  [[nodiscard]] tl::unexpected<Error> refuse(PickleId id, std::string message,
                                             ErrorCode code = ErrorCode::FileFormat) const {
    return fail_file(code, file_, std::move(message), base_ + pickle_[id].at);
  }

  void warn(std::string_view what) {
    if (values_.warnings.size() < kMaxWarnings) values_.warnings.emplace_back(what);
  }

  Status read_storage(PickleId id) {
    const PickleNode& tuple = pickle_[pickle_[id].items[0]];
    if (tuple.kind != PickleKind::Tuple || (tuple.items.size() != 5 && tuple.items.size() != 6))
      return refuse(id, fmt::format("expected a persistent id of five parts (BINPERSID), came {}",
                                    PickleDocument::describe(tuple.kind)));
    const auto& parts = tuple.items;
    if (pickle_[parts[0]].kind != PickleKind::Text || pickle_[parts[0]].text != "storage")
      return refuse(id, "expected a persistent id of a 'storage'");
    if (parts.size() == 6 && pickle_[parts[5]].kind != PickleKind::None)
      return refuse(id, "a persistent id names a view of a storage, which is not read", ErrorCode::Unsupported);
    TorchStorage storage;
    storage.at = base_ + pickle_[id].at;
    const std::string type = pickle_.global_name(parts[1]);
    storage.codec = storage_codec(type);
    if (storage.codec == nullptr && type != kUntyped)
      return refuse(id, fmt::format("the class '{}' in a persistent id is no storage that is known", printable(type)),
                    ErrorCode::Unsupported);
    if (pickle_[parts[2]].kind != PickleKind::Text)
      return refuse(id, fmt::format("expected the key of a storage to be a string, came {}",
                                    PickleDocument::describe(pickle_[parts[2]].kind)));
    storage.key = pickle_[parts[2]].text;
    const PickleNode& count = pickle_[parts[4]];
    if (count.kind != PickleKind::Int || count.integer < 0)
      return refuse(id, fmt::format("expected the size (numel) of storage '{}' to be an integer from 0 to 2^63-1",
                                    printable(storage.key)));
    storage.count = static_cast<std::uint64_t>(count.integer);
    const auto bytes = checked_mul(storage.count, storage.codec == nullptr ? 1 : storage.codec->block_bytes);
    if (!bytes)
      return refuse(id, fmt::format("the size of storage '{}', {} values, overflows", printable(storage.key),
                                    storage.count));
    return remember(id, std::move(storage));
  }

  Status remember(PickleId id, TorchStorage storage) {
    const auto [known, fresh] = storage_by_key_.emplace(storage.key, values_.storages.size());
    storage_of_[id] = known->second;
    if (fresh) {
      values_.storages.push_back(std::move(storage));
      return {};
    }
    const TorchStorage& first = values_.storages[known->second];
    if (first.codec != storage.codec)
      return refuse(id, fmt::format("storage '{}' is used with two dtypes", printable(storage.key)));
    if (first.count != storage.count)
      return refuse(id, fmt::format("storage '{}' is used with two sizes (numel), {} and {}", printable(storage.key),
                                    first.count, storage.count));
    return {};
  }

  Status read_call(PickleId id) {
    const PickleNode& call = pickle_[id];
    if (tensor_of_.contains(call.items[0])) return refuse(id, "REDUCE calls a tensor, expected a function");
    const std::string name = pickle_.global_name(call.items[0]);
    const Arguments& arguments = pickle_[call.items[1]].items;
    VITRINE_TRY(const bool tensor, read_known(id, name, arguments));
    if (!tensor) return {};
    const PickleParts& parts = pickle_.parts[call.parts];
    if (!parts.pairs.empty()) return refuse(id, "SETITEM on a tensor, expected a dict");
    if (!parts.appended.empty()) return refuse(id, "APPEND on a tensor, expected a list");
    if (!parts.states.empty()) warn("BUILD gives a tensor a state, which is not used");
    return {};
  }

  /// True if the call makes a tensor.
  Result<bool> read_known(PickleId id, const std::string& name, const Arguments& arguments) {
    if (name == "builtins.bytearray" || name == "__builtin__.bytearray") {
      const bool number = !arguments.empty() && (pickle_[arguments[0]].kind == PickleKind::Int ||
                                                 pickle_[arguments[0]].kind == PickleKind::BigInt);
      if (number) return refuse(id, "the argument of bytearray is a size, expected bytes");
      return false;
    }
    if (name == "_codecs.encode") {
      if (arguments.size() != 2 || pickle_[arguments[1]].text != "latin1")
        warn("a call of _codecs.encode is not the usual one (latin1): kept as a named node");
      return false;
    }
    if (name == "torch._utils._rebuild_parameter" || name == "torch._utils._rebuild_parameter_with_state") {
      const auto inner = arguments.empty() ? tensor_of_.end() : tensor_of_.find(arguments[0]);
      if (inner == tensor_of_.end())
        return refuse(id, fmt::format("expected a tensor as the first argument of {}", name.substr(13)));
      tensor_of_.emplace(id, inner->second);
      return true;
    }
    if (name == "torch._tensor._rebuild_from_type_v2" || name == "torch._tensor._rebuild_from_type") {
      const bool whole = arguments.size() >= 3 && pickle_[arguments[0]].kind == PickleKind::Global &&
                         pickle_[arguments[2]].kind == PickleKind::Tuple;
      if (!whole) return refuse(id, "expected a function, a type and arguments for _rebuild_from_type_v2");
      return read_rebuild(id, pickle_.global_name(arguments[0]), pickle_[arguments[2]].items);
    }
    return read_rebuild(id, name, arguments);
  }

  Result<bool> read_rebuild(PickleId id, const std::string& name, const Arguments& arguments) {
    constexpr std::string_view module = "torch._utils.";
    if (!name.starts_with(module)) return false;
    const std::string_view function = std::string_view(name).substr(module.size());
    if (function == "_rebuild_sparse_tensor") return read_sparse(id, arguments);
    const bool v3 = function == "_rebuild_tensor_v3", quantised = function == "_rebuild_qtensor";
    if (function != "_rebuild_tensor" && function != "_rebuild_tensor_v2" && !v3 && !quantised) return false;
    if (arguments.size() < (v3 ? 7U : 4U))
      return refuse(id, fmt::format("{} has {} arguments, expected {} or more", function, arguments.size(),
                                    v3 ? 7 : 4));
    const auto storage = storage_of_.find(arguments[0]);
    if (storage == storage_of_.end())
      return refuse(id, fmt::format("expected a storage as the first argument of {}, came {}", function,
                                    PickleDocument::describe(pickle_[arguments[0]].kind)));
    TorchTensor tensor;
    tensor.storage = storage->second;
    const TorchStorage& held = values_.storages[tensor.storage];
    tensor.codec = held.codec;
    if (v3 || held.codec == nullptr) {
      tensor.codec = v3 ? dtype_codec(pickle_.global_name(arguments[6])) : nullptr;
      if (tensor.codec == nullptr)
        return refuse(id, fmt::format("the dtype '{}' of a tensor is not known",
                                      v3 ? printable(pickle_.global_name(arguments[6])) : ""),
                      ErrorCode::Unsupported);
    }
    VITRINE_CHECK(read_view(id, arguments, held.bytes() / tensor.codec->block_bytes, tensor));
    if (quantised) warn("quantised tensors are listed, their values are not read");
    VITRINE_CHECK(read_lazy_bits(arguments, v3 ? 7 : 6, tensor));
    tensor_of_.emplace(id, tensors_.size());
    tensors_.push_back(std::move(tensor));
    return true;
  }

  /// "csr" of `torch.sparse_csr`, by its name or the call that makes it of its name; empty for anything else.
  [[nodiscard]] std::string layout_of(PickleId id) const {
    const PickleNode* node = &pickle_[id];
    if (node->kind == PickleKind::Object && pickle_.global_name(node->items[0]) == "torch.serialization._get_layout" &&
        pickle_[node->items[1]].items.size() == 1)
      node = &pickle_[pickle_[node->items[1]].items[0]];
    constexpr std::string_view prefix = "torch.sparse_";
    return node->kind == PickleKind::Text && node->text.starts_with(prefix) ? std::string(node->text.substr(prefix.size())) : "";
  }

  /// Indices, values, size; of compressed layouts two of indices.
  Result<bool> read_sparse(PickleId id, const Arguments& arguments) {
    if (arguments.size() != 2 || pickle_[arguments[1]].kind != PickleKind::Tuple)
      return refuse(id, "expected a layout and parts of a sparse tensor");
    auto sparse = std::make_shared<TorchSparse>();
    sparse->layout = layout_of(arguments[0]);
    sparse->at = base_ + pickle_[id].at;
    const bool compressed = sparse->layout == "csr" || sparse->layout == "csc" || sparse->layout == "bsr" || sparse->layout == "bsc";
    if (!compressed && sparse->layout != "coo")
      return refuse(id, fmt::format("the layout '{}' of a sparse tensor is not known", printable(sparse->layout)), ErrorCode::Unsupported);
    const Arguments& parts = pickle_[arguments[1]].items;
    const std::size_t indices = compressed ? 2 : 1;
    if (parts.size() < indices + 2) return refuse(id, fmt::format("a sparse tensor has {} parts, expected {} or more", parts.size(), indices + 2));
    std::vector<TorchTensor> read;
    for (std::size_t i = 0; i <= indices; ++i) {
      const auto found = tensor_of_.find(parts[i]);
      if (found == tensor_of_.end() || tensors_[found->second].sparse)
        return refuse(id, "expected the indices and values of a sparse tensor to be tensors");
      const TorchTensor& part = tensors_[found->second];
      if (*checked_numel(std::vector<std::uint64_t>(part.shape.begin(), part.shape.end())) > std::max<std::uint64_t>(part.reach, 1))
        return refuse(id, "the indices or values of a sparse tensor are expanded by stride 0");
      read.push_back(part);
    }
    TorchTensor tensor = read.back();
    sparse->values = std::move(read.back());
    read.pop_back();
    sparse->indices = std::move(read);
    VITRINE_TRY(tensor.shape, whole_numbers(id, parts[indices + 1], "size"));
    if (!checked_numel(std::vector<std::uint64_t>(tensor.shape.begin(), tensor.shape.end())))
      return refuse(id, "the size (shape) of a sparse tensor overflows: more than 2^63 values");
    tensor.strides.clear();
    tensor.sparse = std::move(sparse);
    tensor_of_.emplace(id, tensors_.size());
    tensors_.push_back(std::move(tensor));
    return true;
  }

  /// Lazily conjugated or negated views store other values than they mean.
  Status read_lazy_bits(const Arguments& arguments, std::size_t at, TorchTensor& tensor) const {
    if (arguments.size() <= at || pickle_[arguments[at]].kind != PickleKind::Dict) return {};
    const auto& items = pickle_[arguments[at]].items;
    for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
      const PickleNode& value = pickle_[items[i + 1]];
      if (value.kind == PickleKind::Bool && value.integer != 0)
        tensor.no_values = fmt::format("values of a lazy view ({}) are not read", printable(pickle_[items[i]].text));
    }
    return {};
  }

  Result<std::vector<std::int64_t>> whole_numbers(PickleId of, PickleId id, std::string_view what) const {
    const PickleNode* tuple = &pickle_[id];
    const bool size = tuple->kind == PickleKind::Object && pickle_.global_name(tuple->items[0]) == "torch.Size" &&
                      pickle_[tuple->items[1]].items.size() == 1;
    if (size) tuple = &pickle_[pickle_[tuple->items[1]].items[0]];
    if (tuple->kind != PickleKind::Tuple && tuple->kind != PickleKind::List)
      return refuse(of, fmt::format("expected the {} argument of a tensor to be a tuple, came {}", what,
                                    PickleDocument::describe(tuple->kind)));
    if (tuple->items.size() > kMaxRank)
      return refuse(of, fmt::format("the {} of a tensor has {} dimensions (rank), at most {} are read", what,
                                    tuple->items.size(), kMaxRank),
                    ErrorCode::FileLimit);
    std::vector<std::int64_t> out;
    for (const PickleId item : tuple->items) {
      if (pickle_[item].kind != PickleKind::Int || pickle_[item].integer < 0)
        return refuse(of, fmt::format("expected the {} of a tensor to hold integers from 0 to 2^63-1", what));
      out.push_back(pickle_[item].integer);
    }
    return out;
  }

  Status read_view(PickleId id, const Arguments& arguments, std::uint64_t available, TorchTensor& tensor) const {
    const PickleNode& offset = pickle_[arguments[1]];
    if (offset.kind != PickleKind::Int || offset.integer < 0)
      return refuse(id, "expected the storage offset argument of a tensor to be an integer from 0 to 2^63-1");
    tensor.first = static_cast<std::uint64_t>(offset.integer);
    VITRINE_TRY(tensor.shape, whole_numbers(id, arguments[2], "size"));
    VITRINE_TRY(tensor.strides, whole_numbers(id, arguments[3], "stride"));
    if (tensor.shape.size() != tensor.strides.size())
      return refuse(id, fmt::format("a tensor has {} sizes and {} strides", tensor.shape.size(),
                                    tensor.strides.size()));
    const auto count = checked_numel(std::vector<std::uint64_t>(tensor.shape.begin(), tensor.shape.end()));
    if (!count) return refuse(id, "the size (shape) of a tensor overflows: more than 2^63 values");
    VITRINE_CHECK(read_reach(id, *count, available, tensor));
    if (*count > available && *count > kMaxExpanded)
      return refuse(id, fmt::format("a tensor of size {} is expanded by stride 0 from {} values, above the limit of {} "
                                    "elements", *count, available, kMaxExpanded),
                    ErrorCode::FileLimit);
    return {};
  }

  /// From the first value to the last, which must be in the storage; strides that say no more than the shape go.
  Status read_reach(PickleId id, std::uint64_t count, std::uint64_t available, TorchTensor& tensor) const {
    const std::string key = printable(values_.storages[tensor.storage].key);
    std::optional<std::uint64_t> last = count == 0 ? 0 : 1;
    std::uint64_t step = 1;
    bool dense = true;
    for (std::size_t axis = tensor.shape.size(); axis-- > 0 && count != 0;) {
      const auto size = static_cast<std::uint64_t>(tensor.shape[axis]);
      const auto stride = static_cast<std::uint64_t>(tensor.strides[axis]);
      const auto more = checked_mul(size - 1, stride);
      if (last) last = more ? checked_add(*last, *more) : std::nullopt;
      if (size != 1 && stride != step) dense = false;
      step *= size;
    }
    const auto end = last ? checked_add(tensor.first, *last) : std::nullopt;
    if (!end || *end > available)
      return refuse(id, fmt::format("a tensor with its storage offset {}, size and stride reaches {} values, out of the "
                                    "bounds of storage '{}' of {}",
                                    tensor.first, end ? fmt::format("{}", *end) : "more than 2^64 (overflow)", key,
                                    available));
    tensor.reach = *last;
    if (dense) tensor.strides.clear();
    return {};
  }

  const PickleDocument& pickle_;
  const std::string& file_;
  std::uint64_t base_;
  TorchValues values_;
  std::vector<TorchTensor> tensors_;
  std::unordered_map<std::string, std::size_t> storage_by_key_;
  std::unordered_map<PickleId, std::size_t> storage_of_, tensor_of_;
};

}  // namespace

std::vector<std::string> foreign_names(const PickleDocument& pickle, bool torchscript) {
  std::vector<std::string> out;
  std::set<std::string> seen;
  for (const PickleId id : pickle.globals) {
    const std::string name = pickle.global_name(id);
    if (is_known(name, torchscript) || !seen.insert(name).second) continue;
    if (seen.size() <= kMaxForeign)
      out.push_back(fmt::format("the pickle names '{}' (byte {} of it), a class or function (global) that is unknown: a "
                                "named node, never called", printable(name), pickle[id].at));
  }
  if (seen.size() > kMaxForeign) out.push_back(fmt::format("and {} more such names", seen.size() - kMaxForeign));
  return out;
}

Result<TorchValues> read_torch_values(const PickleDocument& pickle, const std::string& file, std::uint64_t base,
                                      bool torchscript) {
  VITRINE_TRY(auto values, TorchReader(pickle, file, base).read());
  for (auto& warning : foreign_names(pickle, torchscript)) values.warnings.push_back(std::move(warning));
  std::vector<std::string> once;
  for (auto& warning : values.warnings)
    if (std::find(once.begin(), once.end(), warning) == once.end() && once.size() < 100)
      once.push_back(std::move(warning));
  values.warnings = std::move(once);
  return values;
}

}  // namespace vitrine::engine
