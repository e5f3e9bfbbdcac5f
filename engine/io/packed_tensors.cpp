#include "engine/io/packed_tensors.h"

#include <utility>

namespace vitrine::engine {

void PackedTensors::reserve(std::size_t tensors, std::size_t name_bytes, std::size_t axes) {
  take_over();
  rows_.reserve(tensors);
  names_.reserve(name_bytes);
  axes_.reserve(axes);
}

bool PackedTensors::add(std::string_view name, std::span<const std::int64_t> shape, std::uint64_t offset, std::uint64_t bytes,
                        std::uint32_t kind) {
  take_over();
  if (name.size() > UINT32_MAX - names_.size() || shape.size() > UINT32_MAX - axes_.size() || rows_.size() == UINT32_MAX) return false;
  names_.insert(names_.end(), name.begin(), name.end());
  axes_.insert(axes_.end(), shape.begin(), shape.end());
  rows_.push_back({offset, bytes, static_cast<std::uint32_t>(names_.size()), static_cast<std::uint32_t>(axes_.size()), kind, 0});
  return true;
}

void PackedTensors::take_over() {
  if (!keeper_) return;
  rows_.assign(lent_rows_.begin(), lent_rows_.end());
  names_.assign(lent_names_.begin(), lent_names_.end());
  axes_.assign(lent_axes_.begin(), lent_axes_.end());
  keeper_.reset();
}

}  // namespace vitrine::engine
