#include "engine/cuda/kernels.h"

#include <utility>

#include <fmt/format.h>

#include "engine/cuda/launch.h"

namespace vitrine::engine::cuda {

#ifdef VITRINE_HAS_CUDA_KERNELS

namespace {

constexpr std::int64_t kMaxTileRows = std::int64_t{65535} * kTileSide;   // blocks in the second direction of a grid

/// @error DoesNotFit or Internal with CUDA's words
Status checked(CudaStatus status, const char* what) {
  if (status.code == 0) return {};
  return fail(status.code == kCudaOutOfMemory ? ErrorCode::DoesNotFit : ErrorCode::Internal,
              fmt::format("CUDA could not {}: {}", what, status.message));
}

/// Device memory that is released with it.
class Buffer {
 public:
  static Result<Buffer> copy_of(const float* host, std::int64_t count) {
    VITRINE_TRY(Buffer buffer, empty(count));
    VITRINE_CHECK(checked(copy_to_device(buffer.data_, host, static_cast<std::size_t>(count) * sizeof(float)), "copy to the device"));
    return buffer;
  }
  static Result<Buffer> empty(std::int64_t count) {
    Buffer buffer;
    VITRINE_CHECK(checked(device_allocate(&buffer.data_, static_cast<std::size_t>(count) * sizeof(float)),
                          fmt::format("allocate {} bytes", count * static_cast<std::int64_t>(sizeof(float))).c_str()));
    return buffer;
  }
  Buffer(Buffer&& other) noexcept : data_(std::exchange(other.data_, nullptr)) {}
  ~Buffer() {
    if (data_ != nullptr) device_release(data_);
  }
  [[nodiscard]] float* data() const { return static_cast<float*>(data_); }

 private:
  Buffer() = default;
  void* data_ = nullptr;
};

}  // namespace

bool kernels_built() { return true; }

Result<std::vector<float>> attention_tile_on_device(const AttentionTile& tile, std::int64_t queries, std::int64_t keys) {
  if (tile.row0 < 0 || tile.col0 < 0 || tile.rows < 0 || tile.cols < 0 || tile.row0 > queries - tile.rows ||
      tile.col0 > keys - tile.cols || tile.d_head < 1 || tile.q_stride < tile.d_head || tile.k_stride < tile.d_head)
    return fail(ErrorCode::ShapeMismatch, fmt::format("expected a tile inside [{}, {}], came [{}+{}, {}+{}] with d_head {}", queries,
                                                      keys, tile.row0, tile.rows, tile.col0, tile.cols, tile.d_head));
  if (tile.rows > kMaxTileRows)
    return fail(ErrorCode::DoesNotFit, fmt::format("a tile on the device has at most {} rows, came {}", kMaxTileRows, tile.rows));
  if (tile.rows == 0 || tile.cols == 0) return std::vector<float>();
  VITRINE_TRY(const Buffer q, Buffer::copy_of(tile.q, queries * tile.q_stride));
  VITRINE_TRY(const Buffer k, Buffer::copy_of(tile.k, keys * tile.k_stride));
  VITRINE_TRY(const Buffer lse, Buffer::copy_of(tile.lse, queries));
  VITRINE_TRY(const Buffer out, Buffer::empty(tile.rows * tile.cols));
  AttentionTile on_device = tile;
  on_device.q = q.data();
  on_device.k = k.data();
  on_device.lse = lse.data();
  on_device.out = out.data();
  VITRINE_CHECK(checked(launch_attention_tile(on_device, nullptr), "start the attention tile kernel"));
  std::vector<float> values(static_cast<std::size_t>(tile.rows * tile.cols));
  VITRINE_CHECK(checked(copy_to_host(values.data(), out.data(), values.size() * sizeof(float)), "copy the tile back"));
  return values;
}

#else

bool kernels_built() { return false; }

Result<std::vector<float>> attention_tile_on_device(const AttentionTile&, std::int64_t, std::int64_t) {
  return fail(ErrorCode::Unsupported, "this program was built without CUDA kernels: nvcc was not found");
}

#endif

}  // namespace vitrine::engine::cuda
