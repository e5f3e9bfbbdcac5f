#include "engine/tensor/growing.h"

#include <atomic>
#include <cstdlib>
#include <memory>
#include <new>

#include "engine/tensor/aten.h"

namespace vitrine::engine {

namespace {

/// Memory of [a, b, capacity, d], of which the first `used` rows have been handed out.
struct Room {
  void* memory = nullptr;
  std::int64_t capacity = 0;
  std::atomic<std::int64_t> used{0};
};

void free_room(void* context) {
  auto* room = static_cast<Room*>(context);
  std::free(room->memory);
  delete room;
}

/// The room that x is the beginning of, or nullptr.
Room* room_of(const at::Tensor& x) {
  const c10::DataPtr& data = x.storage().data_ptr();
  if (data.get_deleter() != &free_room || x.storage_offset() != 0) return nullptr;
  auto* room = static_cast<Room*>(data.get_context());
  const std::int64_t d = x.size(3);
  const bool same = x.stride(3) == 1 && x.stride(2) == d && x.stride(1) == room->capacity * d && x.stride(0) == x.size(1) * room->capacity * d;
  return same ? room : nullptr;
}

at::Tensor with_room(const at::Tensor& like, std::int64_t rows, std::int64_t capacity) {
  const std::int64_t a = like.size(0), b = like.size(1), d = like.size(3);
  constexpr std::size_t kLine = 64;
  const std::size_t bytes = static_cast<std::size_t>(a * b * capacity * d) * like.element_size();
  auto room = std::make_unique<Room>();
  room->memory = std::aligned_alloc(kLine, (bytes + kLine) / kLine * kLine);
  if (!room->memory) throw std::bad_alloc();
  room->capacity = capacity;
  room->used = rows;
  void* memory = room->memory;
  c10::DataPtr data(memory, room.release(), &free_room, c10::Device(c10::kCPU));
  const at::Storage storage(c10::Storage::use_byte_size_t(), bytes, std::move(data), nullptr, false);
  return at::empty({0}, like.options()).set_(storage, 0, {a, b, rows, d}, {b * capacity * d, capacity * d, d, 1});
}

}  // namespace

Tensor append_rows(const Tensor& held_, const Tensor& more_, std::int64_t room) {
  const at::Tensor held = raw(held_), more = raw(more_);
  const std::int64_t before = held.size(2), rows = before + more.size(2);
  if (Room* held_room = room_of(held); held_room && rows <= held_room->capacity && held.scalar_type() == more.scalar_type()) {
    std::int64_t expected = before;
    if (held_room->used.compare_exchange_strong(expected, rows)) {
      at::Tensor grown = held.as_strided({held.size(0), held.size(1), rows, held.size(3)}, held.strides(), 0);
      grown.slice(2, before, rows).copy_(more);
      return wrap(grown);
    }
  }
  if (room <= 0 || !held.device().is_cpu() || held.scalar_type() != more.scalar_type()) return wrap(at::cat({held, more}, 2));
  at::Tensor grown = with_room(held, rows, rows + room);
  grown.slice(2, 0, before).copy_(held);
  grown.slice(2, before, rows).copy_(more);
  return wrap(grown);
}

}  // namespace vitrine::engine
