#include "engine/measure/tensor_statistics.h"

#include <algorithm>
#include <atomic>

#include "engine/core/memory.h"
#include "engine/io/mapped_checkpoint.h"
#include "engine/tensor/parallel.h"

namespace vitrine::engine {
namespace {

constexpr std::uint64_t kTask = std::uint64_t{1} << 22;   ///< values that one core takes at a time
constexpr std::size_t kPiece = std::size_t{1} << 16;      ///< values that are converted together
constexpr std::int64_t kMostCores = 64;

/// A part of a tensor, and what it holds.
struct Task {
  std::size_t tensor, place;   ///< number in the file, position among those asked for
  std::uint64_t begin, count;
  bool whole;   ///< read with one call, since a piece costs as much as all of it
  Result<ValueStatistics> found;
};

/// A file whose tensors are read, and how they lie in it where that is known.
struct File {
  const Checkpoint& file;
  const MappedCheckpoint* mapped;
  const std::vector<TensorEntry>& tensors;

  /// Of a tensor whose values can be read piece by piece; nullptr of others.
  [[nodiscard]] const TensorSource* in_pieces(std::size_t tensor) const {
    const TensorSource* source = mapped == nullptr ? nullptr : &mapped->source(tensor);
    const bool plain = source != nullptr && source->codec != nullptr && source->strides.empty() && !source->big_endian && source->no_values.empty();
    return plain ? source : nullptr;
  }
  /// The values where they lie; empty if they are of another type or not aligned.
  template <class T>
  [[nodiscard]] Result<std::span<const T>> in_place(std::size_t tensor, std::string_view type, std::string_view torch_type) const {
    const TensorSource* source = in_pieces(tensor);
    if (source == nullptr || (source->codec->name != type && source->codec->name != torch_type)) return std::span<const T>{};
    VITRINE_TRY(const auto bytes, mapped->bytes(tensors[tensor]));
    if (reinterpret_cast<std::uintptr_t>(bytes.data()) % alignof(T) != 0) return std::span<const T>{};
    return std::span(reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T));
  }
};

/// Whether `values` are there, and taken in.
template <class T>
Result<bool> take(const File& from, const Task& task, std::span<const T> values, ValueStatistics& s) {
  if (values.empty() || task.begin + task.count > values.size()) return false;
  s.add(values.subspan(task.begin, task.count));
  if (const auto& file = from.in_pieces(task.tensor)->file) VITRINE_CHECK(file->check_whole());
  return true;
}

Result<ValueStatistics> statistics_of(const File& from, const Task& task, const Progress& progress) {
  const TensorEntry& entry = from.tensors[task.tensor];
  ValueStatistics s;
  VITRINE_CHECK(progress.step(0));
  VITRINE_TRY(const auto floats, from.in_place<float>(task.tensor, "F32", "float32"));
  VITRINE_TRY(bool taken, take(from, task, floats, s));
  if (taken) return s;
  VITRINE_TRY(const auto halves, from.in_place<BFloat16>(task.tensor, "BF16", "bfloat16"));
  VITRINE_TRY(taken, take(from, task, halves, s));
  if (taken) return s;
  if (task.whole) {
    VITRINE_TRY(const auto all, from.file.read_f32(entry));
    s.add(all);
    return s;
  }
  std::vector<float> room(static_cast<std::size_t>(std::min<std::uint64_t>(kPiece, task.count)));
  for (std::uint64_t done = 0; done < task.count; done += room.size()) {
    const std::span<float> piece(room.data(), static_cast<std::size_t>(std::min<std::uint64_t>(room.size(), task.count - done)));
    VITRINE_CHECK(from.file.read_f32_range(entry, task.begin + done, piece));
    s.add(piece);
  }
  return s;
}

std::vector<Task> tasks_of(const File& from, std::span<const std::size_t> numbers) {
  std::vector<Task> tasks;
  for (std::size_t place = 0; place < numbers.size(); ++place) {
    const auto count = static_cast<std::uint64_t>(from.tensors[numbers[place]].numel());
    const bool whole = from.in_pieces(numbers[place]) == nullptr;
    const std::uint64_t each = whole ? std::max<std::uint64_t>(count, 1) : kTask;
    for (std::uint64_t begin = 0; begin < count || begin == 0; begin += each)
      tasks.push_back({numbers[place], place, begin, std::min(each, count - begin), whole, ValueStatistics{}});
  }
  return tasks;
}

}  // namespace

std::vector<Result<ValueStatistics>> statistics_of_tensors(const Checkpoint& file, std::span<const std::size_t> numbers, const Progress& progress) {
  const File from{file, dynamic_cast<const MappedCheckpoint*>(&file), file.tensors()};
  std::vector<Task> tasks = tasks_of(from, numbers);
  std::atomic<std::size_t> next = 0;
  const Progress quiet = progress.silent();
  parallel_for(std::min<std::int64_t>(kMostCores, static_cast<std::int64_t>(tasks.size())), 1, [&](std::int64_t begin, std::int64_t end) {
    for (; begin < end; ++begin)
      for (std::size_t i = next++; i < tasks.size(); i = next++)
        tasks[i].found = within_memory(from.tensors[tasks[i].tensor].file, [&] { return statistics_of(from, tasks[i], quiet); });
  });
  std::vector<Result<ValueStatistics>> all(numbers.size(), ValueStatistics{});
  for (Task& task : tasks) {
    Result<ValueStatistics>& sum = all[task.place];
    if (!task.found) sum = std::move(task.found);
    else if (sum) sum->join(*task.found);
  }
  return all;
}

}  // namespace vitrine::engine
