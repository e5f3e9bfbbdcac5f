#include "engine/model/weight_map.h"

#include <algorithm>
#include <cctype>
#include <limits>
#include <string_view>

#include <fmt/format.h>

#include "engine/core/free_memory.h"
#include "engine/io/mapped_checkpoint.h"
#include "engine/tensor/guard.h"
#include "engine/tensor/in_blocks.h"
#include "engine/tensor/ops.h"

namespace vitrine::engine {

using nlohmann::json;

bool match_name(const std::string& pattern, const std::string& name, std::map<std::string, std::string>& captures) {
  std::size_t p = 0, n = 0;
  while (p < pattern.size()) {
    if (pattern[p] == '*') {
      captures["*"] = name.substr(n);
      return p + 1 == pattern.size();
    }
    if (pattern[p] == '{') {
      const std::size_t close = pattern.find('}', p);
      if (close == std::string::npos) return false;
      const std::size_t begin = n;
      while (n < name.size() && std::isdigit(static_cast<unsigned char>(name[n]))) ++n;
      if (n == begin) return false;
      captures[pattern.substr(p + 1, close - p - 1)] = name.substr(begin, n - begin);
      p = close + 1;
      continue;
    }
    if (n >= name.size() || name[n] != pattern[p]) return false;
    ++n;
    ++p;
  }
  return n == name.size();
}

std::string fill_name(const std::string& pattern, const std::map<std::string, std::string>& captures) {
  std::string out;
  for (std::size_t p = 0; p < pattern.size(); ++p) {
    std::string key;
    if (pattern[p] == '*') {
      key = "*";
    } else if (pattern[p] == '{') {
      const std::size_t close = pattern.find('}', p);
      if (close == std::string::npos) return out;
      key = pattern.substr(p + 1, close - p - 1);
      p = close;
    } else {
      out += pattern[p];
      continue;
    }
    if (auto it = captures.find(key); it != captures.end()) out += it->second;
  }
  return out;
}

namespace {

Shape without_ones(const Shape& shape) {
  Shape out;
  for (auto s : shape) if (s != 1) out.push_back(s);
  return out;
}

/// Equal up to axes of length one; -1 in `asked` matches anything.
bool same_shape(const Shape& asked, const Shape& came, Shape& resolved) {
  resolved = asked;
  std::int64_t known = 1, total = 1, open = -1;
  for (std::size_t i = 0; i < asked.size(); ++i) asked[i] < 0 ? void(open = static_cast<std::int64_t>(i)) : void(known *= asked[i]);
  for (auto s : came) total *= s;
  if (open >= 0) {
    if (known == 0 || total % known != 0) return false;
    resolved[static_cast<std::size_t>(open)] = total / known;
  }
  return without_ones(resolved) == without_ones(came);
}

Tensor apply_op(const Tensor& x, const json& op) {
  const auto name = op.at(0).get<std::string>();
  if (name == "transpose") return transpose(x, 0, 1);
  if (name == "slice") return slice(x, op.at(1).get<int>(), op.at(2).get<std::int64_t>(), op.at(3).get<std::int64_t>());
  if (name == "reshape") return reshape(x, op.at(1).get<Shape>());
  if (name == "permute") return permute(x, op.at(1).get<std::vector<std::int64_t>>());
  if (name == "take") return select(x, op.at(1).get<int>(), op.at(2).get<std::int64_t>());
  if (name == "chunk") {
    const int axis = op.at(1).get<int>();
    const std::int64_t part = x.size(axis) / op.at(2).get<std::int64_t>(), index = op.at(3).get<std::int64_t>();
    return slice(x, axis, index * part, (index + 1) * part);
  }
  if (name == "add") return x + op.at(1).get<double>();
  throw std::invalid_argument("no weight operation '" + name + "'");
}

constexpr std::uint64_t kWorthStreaming = 64 << 10;
constexpr std::uint64_t kWorthAsking = 1 << 20;
/// Smaller blocks are plain numbers of a few bits. values
constexpr std::uint32_t kLeastBlock = 32;
constexpr std::size_t kWholeAtOnce = 4;

std::optional<DType> float_type(std::string_view name) {
  if (name == "F32" || name == "float32") return DType::F32;
  if (name == "F16" || name == "float16") return DType::F16;
  if (name == "BF16" || name == "bfloat16") return DType::BF16;
  return std::nullopt;
}

/// The rows of a matrix [rows, width] in the order that rules leave them in; nothing if a rule does more than order or choose rows.
std::optional<std::vector<std::int32_t>> rows_after(const json& ops, std::int64_t rows, std::int64_t width) {
  Tensor numbers = arange(rows);   // what the matrix would be without its last axis
  for (const auto& op : ops) {
    const auto name = op.at(0).get<std::string>();
    const int axes = numbers.dim();
    if (name == "reshape") {
      auto shape = op.at(1).get<Shape>();
      std::int64_t known = 1, *open = nullptr;
      for (auto& size : shape) size < 0 ? void(open = &size) : void(known *= size);
      if (open && known > 0) *open = rows * width / known;
      if (shape.size() < 2 || shape.back() != width) return std::nullopt;
      shape.pop_back();
      numbers = reshape(numbers, shape);
    } else if (name == "permute") {
      auto order = op.at(1).get<std::vector<std::int64_t>>();
      if (order.empty() || order.back() != axes) return std::nullopt;
      order.pop_back();
      numbers = permute(numbers, order);
    } else if ((name == "slice" || name == "chunk") && op.at(1).get<int>() >= 0 && op.at(1).get<int>() < axes) {
      numbers = apply_op(numbers, op);
      rows = numbers.numel();
    } else {
      return std::nullopt;
    }
  }
  if (numbers.dim() != 1) return std::nullopt;
  const auto order = numbers.to_ints();
  return std::vector<std::int32_t>(order.begin(), order.end());
}

/// One value seen at every place: a tensor of any shape that takes no memory.
Result<Tensor> stand_in(Shape shape) {
  for (auto& s : shape) s = std::max<std::int64_t>(s, 1);
  return guard([&] { return expand(zeros({1}), shape); });
}

}  // namespace

MappedWeights::MappedWeights(std::shared_ptr<const Checkpoint> file, json rules, std::vector<std::string> prefixes, DType dtype,
                             Read read, std::shared_ptr<WeightStream> stream)
    : file_(std::move(file)), rules_(std::move(rules)), prefixes_(std::move(prefixes)), dtype_(dtype), read_(read), stream_(std::move(stream)) {}

std::optional<DType> stream_type(const Checkpoint& file, const TensorEntry& entry) {
  const auto* mapped = dynamic_cast<const MappedCheckpoint*>(&file);
  if (!mapped || entry.bytes < kWorthStreaming || entry.shape.size() != 2) return std::nullopt;
  const auto& listed = mapped->tensors();
  if (std::less<>()(&entry, listed.data()) || !std::less<>()(&entry, listed.data() + listed.size())) return std::nullopt;   // a view of another
  const TensorSource& source = mapped->source(static_cast<std::size_t>(&entry - listed.data()));
  const bool plain = source.file && source.file->mapped() && !source.decoded && source.strides.empty() && !source.big_endian && source.no_values.empty();
  const auto type = source.codec ? float_type(source.codec->name) : std::nullopt;
  if (!plain || !type) return std::nullopt;
  const auto bytes = file.bytes(entry);
  const bool whole = bytes && bytes->size() == static_cast<std::size_t>(entry.numel() * byte_size(*type)) &&
                     reinterpret_cast<std::uintptr_t>(bytes->data()) % static_cast<std::uintptr_t>(byte_size(*type)) == 0;
  return whole ? type : std::nullopt;
}

const Codec* block_codec(const Checkpoint& file, const TensorEntry& entry) {
  const auto* mapped = dynamic_cast<const MappedCheckpoint*>(&file);
  if (!mapped || file.format() != "gguf" || entry.shape.size() != 2 || entry.numel() == 0) return nullptr;
  const auto& listed = mapped->tensors();
  if (std::less<>()(&entry, listed.data()) || !std::less<>()(&entry, listed.data() + listed.size())) return nullptr;   // a view of another
  const TensorSource& source = mapped->source(static_cast<std::size_t>(&entry - listed.data()));
  const bool whole = source.file && !source.decoded && source.strides.empty() && source.no_values.empty();
  if (!whole || !source.codec || !source.codec->decode || source.codec->block_values < kLeastBlock) return nullptr;
  const bool fits = entry.shape[1] % source.codec->block_values == 0 && entry.shape[0] <= std::numeric_limits<std::int32_t>::max() &&
                    source.codec->bytes_for(static_cast<std::uint64_t>(entry.numel())) == entry.bytes;
  return fits ? source.codec : nullptr;
}

const TensorEntry* MappedWeights::entry(const std::string& file_name) const {
  if (const TensorEntry* found = file_->find(file_name)) return found;
  for (const auto& prefix : prefixes_)
    if (const TensorEntry* found = file_->find(prefix + file_name)) return found;
  return nullptr;
}

const TensorEntry* MappedWeights::anonymous(const Shape& shape) const {
  const TensorEntry* only = nullptr;
  for (const auto& e : file_->tensors()) {
    if (!e.name.starts_with("onnx::") || e.shape.size() != shape.size()) continue;
    bool same = true;
    for (std::size_t i = 0; i < shape.size(); ++i) same = same && (shape[i] < 0 ? e.shape[i] > 1 : e.shape[i] == shape[i]);
    if (!same) continue;
    if (only) return nullptr;
    only = &e;
  }
  return only;
}

std::optional<MappedWeights::Found> MappedWeights::find(const std::string& name) const {
  for (const auto& [pattern, value] : rules_.items()) {
    std::map<std::string, std::string> captures;
    if (!match_name(pattern, name, captures)) continue;
    const json candidates = value.is_array() ? value : json::array({value});
    for (const auto& candidate : candidates) {
      if (candidate.is_object() && candidate.contains("anonymous")) {
        if (const TensorEntry* found = anonymous(candidate["anonymous"].get<Shape>())) return Found{found, candidate.value("ops", json::array())};
        continue;
      }
      const std::string from = candidate.is_string() ? candidate.get<std::string>() : candidate.value("from", std::string());
      if (const TensorEntry* found = entry(fill_name(from, captures)))
        return Found{found, candidate.is_object() ? candidate.value("ops", json::array()) : json::array()};
    }
  }
  if (const TensorEntry* found = file_->find(name)) return Found{found, json::array()};
  return std::nullopt;
}

bool MappedWeights::has(const std::string& name) const { return find(name).has_value(); }

std::vector<std::string> MappedWeights::wanted_names(const std::string& name) const {
  const auto as_in_file = [&](const std::string& plain) {
    for (const auto& prefix : prefixes_)
      for (const auto& e : file_->tensors())
        if (!plain.starts_with(prefix) && e.name.starts_with(prefix)) return prefix + plain;
    return plain;
  };
  for (const auto& [pattern, value] : rules_.items()) {
    std::map<std::string, std::string> captures;
    if (!match_name(pattern, name, captures)) continue;
    std::vector<std::string> names;
    for (const auto& candidate : value.is_array() ? value : json::array({value})) {
      const std::string from = candidate.is_string() ? candidate.get<std::string>() : candidate.is_object() ? candidate.value("from", std::string()) : "";
      if (!from.empty()) names.push_back(as_in_file(fill_name(from, captures)));
    }
    if (!names.empty()) return names;
  }
  return {name};
}

std::string MappedWeights::source_of(const std::string& name) const {
  const auto found = find(name);
  return found ? found->entry->name : std::string();
}

Result<Tensor> MappedWeights::values_of(const TensorEntry& e) {
  if (const std::int64_t bytes = e.numel() * byte_size(DType::F32); stream_ && e.bytes >= kWorthAsking && bytes > free_memory()) {
    const auto gigabytes = [](std::int64_t n) { return static_cast<double>(n) / 1e9; };
    const std::int64_t left = free_memory();
    return fail(ErrorCode::DoesNotFit, fmt::format("the weight '{}' takes {:.2f} GB in memory, {:.2f} GB are free: {:.2f} GB are missing", e.name,
                                                   gigabytes(bytes), gigabytes(left), gigabytes(bytes - left)));
  }
  VITRINE_TRY(Tensor t, guard([&] { return Tensor::empty(e.shape); }));
  VITRINE_CHECK(file_->read_f32_into(e, std::span<float>(t.data_f32(), static_cast<std::size_t>(t.numel()))));
  return t;
}

Result<Tensor> MappedWeights::read(const TensorEntry& e, bool keep, bool in_place) {
  for (const auto& [name, t] : whole_)
    if (name == e.name) return t;
  if (read_ == Read::ShapesAlone) {
    used_.insert(e.name);
    return stand_in(e.shape);
  }
  Tensor t;
  if (const auto type = in_place ? stream_type(*file_, e) : std::nullopt) {
    VITRINE_TRY(const auto bytes, file_->bytes(e));
    VITRINE_TRY(t, guard([&] { return stream_->add(bytes, *type, e.shape, file_); }));
  } else {
    VITRINE_TRY(t, values_of(e));
  }
  if (keep) whole_.emplace_back(e.name, t);
  if (whole_.size() > kWholeAtOnce) whole_.pop_front();
  if (used_.insert(e.name).second) parameters_ += e.numel();
  return t;
}

/// Undefined where the values have to be unfolded.
Result<Tensor> MappedWeights::blocks(const Found& found, const Shape& shape) {
  const TensorEntry& e = *found.entry;
  const Codec* const codec = read_ == Read::Values ? block_codec(*file_, e) : nullptr;
  if (!codec) return Tensor();
  VITRINE_TRY(auto order, guard([&] { return rows_after(found.ops, e.shape[0], e.shape[1]); }, ErrorCode::FileFormat));
  Shape resolved;
  if (!order || !same_shape(shape, {static_cast<std::int64_t>(order->size()), e.shape[1]}, resolved) || resolved.size() != 2 || resolved[1] != e.shape[1]) return Tensor();
  Tensor& known = blocks_[e.name + found.ops.dump()];
  if (!known.defined()) {
    VITRINE_TRY(const auto bytes, file_->bytes(e));
    if (found.ops.empty()) order->clear();
    VITRINE_TRY(known, guard([&] { return in_blocks(std::make_shared<const BlockMatrix>(*codec, bytes, e.shape[1], std::move(*order), file_), dtype_); }));
    if (used_.insert(e.name).second) parameters_ += e.numel();
  }
  return known;
}

Result<Tensor> MappedWeights::get_matrix(const std::string& name, const Shape& shape) {
  if (const auto found = find(name)) {
    VITRINE_TRY(Tensor t, blocks(*found, shape));
    if (t.defined()) return t;
  }
  return fetch(name, shape, stream_ != nullptr);
}

Result<Tensor> MappedWeights::fetch(const std::string& name, const Shape& shape, bool in_place) {
  const auto found = find(name);
  if (!found) {
    const std::vector<std::string> names = wanted_names(name);
    const std::string& wanted = names.front();
    // A tied weight may have the name of its other end, which is then listed already.
    const auto listed = [&](const std::string& n) { return std::find(missing_.begin(), missing_.end(), n) != missing_.end(); };
    if (std::none_of(names.begin(), names.end(), listed)) missing_.push_back(wanted);
    if (read_ == Read::ShapesAlone) return stand_in(shape);
    return fail(ErrorCode::FileFormat, "expected the weight '" + wanted + "' " + shape_text(shape) + ", it is not in the file");
  }
  const bool plain = found->ops.empty();
  if (plain)
    if (auto it = shared_.find(found->entry->name); it != shared_.end() && (in_place || !is_streamed(it->second))) {
      Shape resolved;
      if (same_shape(shape, it->second.shape(), resolved)) return guard([&] { return reshape(it->second, resolved); });
    }
  VITRINE_TRY(Tensor t, read(*found->entry, !plain, in_place));
  VITRINE_TRY(t, guard([&] {
                Tensor x = t;
                for (const auto& op : found->ops) x = apply_op(x, op);
                return x;
              }, ErrorCode::FileFormat));
  Shape resolved;
  if (!same_shape(shape, t.shape(), resolved)) {
    const std::string differs = "should be " + shape_text(shape) + ", it is " + shape_text(t.shape());
    if (read_ == Read::Values) return fail(ErrorCode::FileFormat, "the weight '" + found->entry->name + "' " + differs);
    wrong_shape_.push_back(found->entry->name + " " + differs);
    return stand_in(shape);
  }
  if (read_ == Read::ShapesAlone) return stand_in(resolved);
  VITRINE_TRY(t, guard([&] {
                const Tensor shaped = reshape(t, resolved);
                if (in_place && is_streamed(shaped)) return shaped;
                return contiguous(to(shaped, dtype_));
              }));
  if (plain) shared_[found->entry->name] = t;
  return t;
}

std::vector<std::string> MappedWeights::unused(const std::vector<std::string>& ignore) const {
  std::vector<std::string> out;
  for (const auto& e : file_->tensors()) {
    if (used_.contains(e.name)) continue;
    bool ignored = false;
    for (const auto& pattern : ignore) {
      std::map<std::string, std::string> captures;
      ignored = ignored || match_name(pattern, e.name, captures);
      for (const auto& prefix : prefixes_) ignored = ignored || match_name(prefix + pattern, e.name, captures);
    }
    if (!ignored) out.push_back(e.name);
  }
  return out;
}

}  // namespace vitrine::engine
