#include "engine/io/quantised.h"

#include <cmath>
#include <map>
#include <mutex>
#include <set>
#include <unordered_map>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "engine/io/quantised_parts.h"
#include "engine/io/tensor_list.h"

namespace vitrine::engine {
namespace quantised {

using nlohmann::json;

tl::unexpected<Error> bad(const TensorEntry& entry, const std::string& what) {
  return fail_file(ErrorCode::FileFormat, entry.file, fmt::format("'{}': {}", printable(entry.name), what), entry.offset);
}

Result<const TensorEntry*> part(const Checkpoint& file, const std::string& base, std::string_view suffix,
                                std::initializer_list<std::string_view> types) {
  const std::string name = base + std::string(suffix);
  const TensorEntry* entry = file.find(name);
  if (entry == nullptr)
    return fail(ErrorCode::FileFormat, fmt::format("expected the tensor '{}' of a quantised matrix, it is not in the file", printable(name)));
  for (const std::string_view type : types)
    if (entry->dtype == type) return entry;
  return bad(*entry, fmt::format("expected the type {} for a part of a quantised matrix, came {}", fmt::join(types, " or "), entry->dtype));
}

Status expect_shape(const TensorEntry& entry, std::initializer_list<std::int64_t> shape) {
  if (std::equal(shape.begin(), shape.end(), entry.shape.begin(), entry.shape.end())) return {};
  return bad(entry, fmt::format("expected the shape [{}] for a part of a quantised matrix, came [{}]", fmt::join(shape, ", "),
                                fmt::join(entry.shape, ", ")));
}

Status expect_matrix(const TensorEntry& entry) {
  if (entry.shape.size() == 2 && entry.shape[0] > 0 && entry.shape[1] > 0 && entry.shape[0] < kMaxValues / 32 / entry.shape[1])
    return {};
  return bad(entry, fmt::format("expected a matrix of codes, came the shape [{}]", fmt::join(entry.shape, ", ")));
}

Result<std::optional<std::int64_t>> whole(const json& config, std::initializer_list<const char*> names) {
  if (!config.is_object()) return std::nullopt;
  for (const char* name : names) {
    const auto found = config.find(name);
    if (found == config.end() || found->is_null()) continue;
    if (!found->is_number_integer() || (found->is_number_unsigned() && found->get<std::uint64_t>() > INT32_MAX))
      return fail(ErrorCode::FileFormat, fmt::format("quantization_config: expected a whole number in '{}', came {}", name,
                                                     printable(found->dump(-1, ' ', true, json::error_handler_t::replace))));
    return found->get<std::int64_t>();
  }
  return std::nullopt;
}

std::string word(const json& config, const char* name) {
  if (!config.is_object()) return {};
  const auto found = config.find(name);
  return found != config.end() && found->is_string() ? found->get<std::string>() : std::string();
}

QuantisedMatrix matrix_of(const Checkpoint& file, const std::string& name, std::string type, std::int64_t out, std::int64_t in,
                          const std::vector<const TensorEntry*>& parts, std::string layout) {
  QuantisedMatrix matrix;
  matrix.entry = {name, std::move(type), {out, in}, parts.front()->offset, 0, parts.front()->file};
  matrix.layout = std::move(layout);
  for (const TensorEntry* stored : parts) {
    matrix.entry.bytes += stored->bytes;
    matrix.parts.push_back(stored->name);
  }
  if (const TensorEntry* beside = file.find(name);
      beside != nullptr && is_float(beside->dtype) && beside->shape == matrix.entry.shape)
    matrix.reference = name;
  return matrix;
}

namespace {

class FunctionDecoder final : public MatrixDecoder {
 public:
  explicit FunctionDecoder(std::function<Status(std::span<float>)> decode) : decode_(std::move(decode)) {}
  Status decode(std::span<float> out) const override { return decode_(out); }

 private:
  std::function<Status(std::span<float>)> decode_;
};

}  // namespace

std::shared_ptr<const MatrixDecoder> decoder(std::function<Status(std::span<float>)> decode) {
  return std::make_shared<FunctionDecoder>(std::move(decode));
}

}  // namespace quantised

namespace {

using nlohmann::json;

class DequantisedCheckpoint final : public Checkpoint {
 public:
  DequantisedCheckpoint(std::shared_ptr<const Checkpoint> file, std::vector<QuantisedMatrix> matrices)
      : file_(std::move(file)), matrices_(std::move(matrices)), warnings_(file_->warnings()) {
    std::set<std::string> hidden;
    std::map<std::string, int> layouts;
    for (std::size_t i = 0; i < matrices_.size(); ++i) {
      index_.emplace(matrices_[i].entry.name, i);
      hidden.insert(matrices_[i].parts.begin(), matrices_[i].parts.end());
      if (!matrices_[i].reference.empty()) hidden.insert(matrices_[i].reference);
      ++layouts[matrices_[i].layout];
      tensors_.push_back(matrices_[i].entry);
    }
    for (const TensorEntry& entry : file_->tensors())
      if (!hidden.contains(entry.name)) tensors_.push_back(entry);
    for (const auto& [layout, count] : layouts)
      warnings_.push_back(fmt::format("{} {} stored as {}, dequantised when read", count, count == 1 ? "matrix is" : "matrices are", layout));
  }

  std::string format() const override { return file_->format(); }
  const std::vector<TensorEntry>& tensors() const override { return tensors_; }
  const TensorEntry* find(const std::string& name) const override {
    const auto found = index_.find(name);
    return found != index_.end() ? &matrices_[found->second].entry : file_->find(name);
  }
  Result<std::vector<float>> read_f32(const TensorEntry& entry) const override {
    if (!index_.contains(entry.name)) return file_->read_f32(entry);
    std::vector<float> values;
    try {
      values.resize(static_cast<std::size_t>(entry.numel()));
    } catch (const std::bad_alloc&) {
      return fail(ErrorCode::DoesNotFit, fmt::format("'{}' needs {} bytes of memory as float32", printable(entry.name), entry.numel() * 4));
    }
    VITRINE_CHECK(read_f32_into(entry, values));
    return values;
  }
  Status read_f32_into(const TensorEntry& entry, std::span<float> out) const override {
    const auto found = index_.find(entry.name);
    if (found == index_.end()) return file_->read_f32_into(entry, out);
    const QuantisedMatrix& matrix = matrices_[found->second];
    if (out.size() != static_cast<std::size_t>(matrix.entry.numel()))
      return fail(ErrorCode::ShapeMismatch, fmt::format("'{}' has {} values, the memory given takes {}", printable(entry.name),
                                                        matrix.entry.numel(), out.size()));
    return matrix.decoder->decode(out);
  }
  /// A matrix that is read piece by piece is dequantised once.
  Status read_f32_range(const TensorEntry& entry, std::uint64_t begin, std::span<float> out) const override {
    const auto found = index_.find(entry.name);
    if (found == index_.end()) return file_->read_f32_range(entry, begin, out);
    const auto count = static_cast<std::uint64_t>(matrices_[found->second].entry.numel());
    if (begin > count || out.size() > count - begin) return Checkpoint::read_f32_range(entry, begin, out);
    const std::lock_guard lock(guard_);
    if (kept_ != found->second || kept_values_.size() != count) {
      kept_values_.clear();
      VITRINE_TRY(kept_values_, read_f32(entry));
      kept_ = found->second;
    }
    std::copy_n(kept_values_.begin() + static_cast<std::ptrdiff_t>(begin), out.size(), out.begin());
    if (begin + out.size() == count) std::vector<float>().swap(kept_values_);
    return {};
  }
  Result<std::span<const std::byte>> bytes(const TensorEntry& entry) const override {
    if (!index_.contains(entry.name)) return file_->bytes(entry);
    return fail(ErrorCode::Unsupported, fmt::format("'{}' is not stored as it is: it is made of parts", printable(entry.name)));
  }
  const json& metadata() const override { return file_->metadata(); }
  const std::vector<std::string>& warnings() const override { return warnings_; }
  std::vector<std::string> files() const override { return file_->files(); }

 private:
  std::shared_ptr<const Checkpoint> file_;
  std::vector<QuantisedMatrix> matrices_;
  std::vector<TensorEntry> tensors_;
  std::unordered_map<std::string, std::size_t> index_;
  std::vector<std::string> warnings_;
  mutable std::mutex guard_;
  mutable std::size_t kept_ = 0;                ///< the matrix that is being read in pieces
  mutable std::vector<float> kept_values_;
};

}  // namespace

namespace {

/// What the name of a part of a quantised matrix holds, in any layout that is looked for.
constexpr std::string_view kMarks[] = {".qweight", ".SCB", ".quant_state.", ".weight_packed", ".weight_scale"};

bool may_hold_parts(const Checkpoint& file) {
  const auto tensors = tensor_list(file);
  for (std::size_t i = 0; i < tensors->size(); ++i)
    for (const std::string_view mark : kMarks)
      if (tensors->at(i).name.find(mark) != std::string_view::npos) return true;
  return false;
}

}  // namespace

Result<std::vector<QuantisedMatrix>> find_quantised(std::shared_ptr<const Checkpoint> file, const json& config) {
  std::vector<QuantisedMatrix> found;
  if (!may_hold_parts(*file)) return found;
  if (file->format() == "pytorch") file = quantised::with_safetensors_types(std::move(file));
  else if (file->format() != "safetensors") return found;
  json how;
  for (const char* key : {"quantization_config", "compression_config"})
    if (how.is_null() && config.is_object() && config.contains(key)) how = config.at(key);
  VITRINE_CHECK(quantised::find_packed_columns(file, how, found));
  VITRINE_CHECK(quantised::find_bitsandbytes(file, found));
  VITRINE_CHECK(quantised::find_scaled(file, how, found));
  return found;
}

Result<std::shared_ptr<const Checkpoint>> dequantised(std::shared_ptr<const Checkpoint> file, const json& config) {
  VITRINE_TRY(auto matrices, find_quantised(file, config));
  if (matrices.empty()) return file;
  return std::make_shared<const DequantisedCheckpoint>(std::move(file), std::move(matrices));
}

QuantisationError error_between(std::span<const float> reference, std::span<const float> other) {
  QuantisationError error;
  double squares = 0, size = 0;
  const std::size_t n = std::min(reference.size(), other.size());
  for (std::size_t i = 0; i < n; ++i) {
    const double difference = double{other[i]} - reference[i];
    squares += difference * difference;
    size += double{reference[i]} * reference[i];
    error.max_abs = std::max(error.max_abs, std::abs(difference));
  }
  if (n > 0) error.rms = std::sqrt(squares / static_cast<double>(n));
  error.relative = size > 0 ? std::sqrt(squares / size) : 0;
  return error;
}

Result<QuantisationError> error_of(const Checkpoint& file, const QuantisedMatrix& matrix) {
  const TensorEntry* stored = file.find(matrix.reference);
  if (stored == nullptr) return fail(ErrorCode::Usage, fmt::format("'{}' has no reference beside it", printable(matrix.entry.name)));
  VITRINE_TRY(const auto reference, file.read_f32(*stored));
  std::vector<float> values(reference.size());
  VITRINE_CHECK(matrix.decoder->decode(values));
  QuantisationError error = error_between(reference, values);
  error.name = matrix.entry.name;
  return error;
}

}  // namespace vitrine::engine
