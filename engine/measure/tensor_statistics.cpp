#include "engine/measure/tensor_statistics.h"

#include <algorithm>
#include <atomic>
#include <functional>

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
  const TensorEntry* entry;
  std::size_t place;   ///< among the tensors asked for
  std::uint64_t begin, count;
  bool whole;   ///< read with one call, since a piece costs as much as all of it
  Result<ValueStatistics> found;
};

/// A file whose tensors are read, and how they lie in it where that is known.
struct File {
  const Checkpoint& file;
  const MappedCheckpoint* mapped;

  /// Of a tensor whose values can be read piece by piece; nullptr of others.
  [[nodiscard]] const TensorSource* in_pieces(const TensorEntry& entry) const {
    const auto& listed = file.tensors();
    const bool known = mapped != nullptr && !std::less<>()(&entry, listed.data()) && std::less<>()(&entry, listed.data() + listed.size());
    const TensorSource* source = known ? &mapped->source(static_cast<std::size_t>(&entry - listed.data())) : nullptr;
    const bool plain = source != nullptr && source->codec != nullptr && source->strides.empty() && !source->big_endian && source->no_values.empty();
    return plain ? source : nullptr;
  }
  /// The values where they lie; empty if they are of another type or not aligned.
  template <class T>
  [[nodiscard]] Result<std::span<const T>> in_place(const TensorEntry& entry, std::string_view type, std::string_view torch_type) const {
    const TensorSource* source = in_pieces(entry);
    if (source == nullptr || (source->codec->name != type && source->codec->name != torch_type)) return std::span<const T>{};
    VITRINE_TRY(const auto bytes, mapped->bytes(entry));
    if (reinterpret_cast<std::uintptr_t>(bytes.data()) % alignof(T) != 0) return std::span<const T>{};
    return std::span(reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T));
  }
};

/// Whether `values` are there, and taken in.
template <class T>
Result<bool> take(const File& from, const Task& task, std::span<const T> values, ValueStatistics& s) {
  if (values.empty() || task.begin + task.count > values.size()) return false;
  s.add(values.subspan(task.begin, task.count));
  if (const auto& file = from.in_pieces(*task.entry)->file) VITRINE_CHECK(file->check_whole());
  return true;
}

Result<ValueStatistics> statistics_of(const File& from, const Task& task, const Progress& progress) {
  const TensorEntry& entry = *task.entry;
  ValueStatistics s;
  VITRINE_CHECK(progress.step(0));
  VITRINE_TRY(const auto floats, from.in_place<float>(entry, "F32", "float32"));
  VITRINE_TRY(bool taken, take(from, task, floats, s));
  if (taken) return s;
  VITRINE_TRY(const auto halves, from.in_place<BFloat16>(entry, "BF16", "bfloat16"));
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

std::vector<Task> tasks_of(const File& from, std::span<const TensorEntry* const> entries) {
  std::vector<Task> tasks;
  for (std::size_t place = 0; place < entries.size(); ++place) {
    const auto count = static_cast<std::uint64_t>(entries[place]->numel());
    const bool whole = from.in_pieces(*entries[place]) == nullptr;
    const std::uint64_t each = whole ? std::max<std::uint64_t>(count, 1) : kTask;
    for (std::uint64_t begin = 0; begin < count || begin == 0; begin += each)
      tasks.push_back({entries[place], place, begin, std::min(each, count - begin), whole, ValueStatistics{}});
  }
  return tasks;
}

}  // namespace

std::vector<Result<ValueStatistics>> statistics_of_tensors(const Checkpoint& file, std::span<const TensorEntry* const> entries, const Progress& progress) {
  const File from{file, dynamic_cast<const MappedCheckpoint*>(&file)};
  std::vector<Task> tasks = tasks_of(from, entries);
  std::atomic<std::size_t> next = 0;
  const Progress quiet = progress.silent();
  parallel_for(std::min<std::int64_t>(kMostCores, static_cast<std::int64_t>(tasks.size())), 1, [&](std::int64_t begin, std::int64_t end) {
    for (; begin < end; ++begin)
      for (std::size_t i = next++; i < tasks.size(); i = next++)
        tasks[i].found = within_memory(tasks[i].entry->file, [&] { return statistics_of(from, tasks[i], quiet); });
  });
  std::vector<Result<ValueStatistics>> all(entries.size(), ValueStatistics{});
  for (Task& task : tasks) {
    Result<ValueStatistics>& sum = all[task.place];
    if (!task.found) sum = std::move(task.found);
    else if (sum) sum->join(*task.found);
  }
  return all;
}

}  // namespace vitrine::engine
