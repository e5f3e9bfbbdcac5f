#include <unordered_map>

#include <fmt/format.h>

#include "engine/io/bytes.h"
#include "engine/io/mapped_checkpoint.h"
#include "engine/io/quantised_parts.h"

namespace vitrine::engine::quantised {
namespace {

/// What safetensors calls a type of PyTorch; the same name where it has none.
std::string safetensors_name(const std::string& dtype) {
  static const std::unordered_map<std::string_view, const char*> names = {
      {"float64", "F64"}, {"float32", "F32"}, {"float16", "F16"}, {"bfloat16", "BF16"}, {"int64", "I64"}, {"int32", "I32"}, {"int16", "I16"},
      {"int8", "I8"}, {"uint8", "U8"}, {"bool", "BOOL"}, {"float8_e4m3fn", "F8_E4M3"}, {"float8_e5m2", "F8_E5M2"}};
  const auto found = names.find(dtype);
  return found == names.end() ? dtype : found->second;
}

/// Whether the stored bytes are the values of the shape, one behind the other.
bool is_plain(const TensorEntry& entry, const TensorSource& source) {
  return source.codec != nullptr && source.no_values.empty() && source.strides.empty() && !source.big_endian &&
         source.codec->bytes_for(static_cast<std::uint64_t>(entry.numel())) == entry.bytes;
}

/// A PyTorch file with the type names of safetensors, in which parts of quantised matrices are looked for.
class RenamedTypes final : public Checkpoint {
 public:
  explicit RenamedTypes(std::shared_ptr<const Checkpoint> file) : file_(std::move(file)), tensors_(file_->tensors()) {
    const auto* mapped = dynamic_cast<const MappedCheckpoint*>(file_.get());
    for (std::size_t i = 0; i < tensors_.size(); ++i) {
      tensors_[i].dtype = safetensors_name(tensors_[i].dtype);
      index_.emplace(tensors_[i].name, i);
      plain_.push_back(mapped != nullptr && is_plain(tensors_[i], mapped->source(i)));
    }
    if (mapped == nullptr) return;
    for (const auto& [alias, target] : mapped->aliases()) index_.emplace(alias, target);
  }

  std::string format() const override { return file_->format(); }
  const std::vector<TensorEntry>& tensors() const override { return tensors_; }
  const TensorEntry* find(const std::string& name) const override {
    const auto found = index_.find(name);
    return found == index_.end() ? nullptr : &tensors_[found->second];
  }
  Result<std::vector<float>> read_f32(const TensorEntry& entry) const override { return file_->read_f32(entry); }
  Status read_f32_into(const TensorEntry& entry, std::span<float> out) const override { return file_->read_f32_into(entry, out); }
  Result<std::span<const std::byte>> bytes(const TensorEntry& entry) const override {
    const auto found = index_.find(entry.name);
    if (found != index_.end() && plain_[found->second]) return file_->bytes(entry);
    return fail_file(ErrorCode::Unsupported, entry.file,
                     fmt::format("'{}' holds codes as a view, sparse or in the other byte order", printable(entry.name)), entry.offset);
  }
  const nlohmann::json& metadata() const override { return file_->metadata(); }
  const std::vector<std::string>& warnings() const override { return file_->warnings(); }
  std::vector<std::string> files() const override { return file_->files(); }

 private:
  std::shared_ptr<const Checkpoint> file_;
  std::vector<TensorEntry> tensors_;
  std::vector<bool> plain_;
  std::unordered_map<std::string, std::size_t> index_;
};

}  // namespace

File with_safetensors_types(File file) { return std::make_shared<const RenamedTypes>(std::move(file)); }

}  // namespace vitrine::engine::quantised
