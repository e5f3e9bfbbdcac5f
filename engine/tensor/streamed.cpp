#include "engine/tensor/streamed.h"

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include <sys/mman.h>
#include <unistd.h>

#include "engine/tensor/aten.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif

namespace vitrine::engine {

namespace {

constexpr std::size_t kPiece = std::size_t{16} << 20;
constexpr std::size_t kAhead = std::size_t{32} << 20;
/// Other threads wait to change the mappings while one call to the system fills this many.
constexpr std::uintptr_t kStride = std::uintptr_t{2} << 20;

struct Range {
  std::uintptr_t begin = 0, end = 0;
};

std::uintptr_t page_bytes() {
  static const auto bytes = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  return bytes;
}

bool advise(Range pages, int advice) {
  pages.begin -= pages.begin % page_bytes();
  return pages.begin >= pages.end || ::madvise(reinterpret_cast<void*>(pages.begin), pages.end - pages.begin, advice) == 0;
}

/// Maps the pages, reading those that are not in memory. What the file lacks is left to be found by who reads it.
void bring(Range pages) {
  for (std::uintptr_t at = pages.begin; at < pages.end; at += kStride) {
    const Range part{at, std::min(at + kStride, pages.end)};
    if (advise(part, MADV_POPULATE_READ)) continue;
    if (errno != EINVAL) return;
    for (std::uintptr_t byte = part.begin; byte < part.end; byte += page_bytes()) static_cast<void>(*reinterpret_cast<const volatile char*>(byte));
  }
}

}  // namespace

struct WeightStream::State {
  static constexpr std::size_t kNone = SIZE_MAX;
  enum class Where : std::uint8_t { File, Coming, Here, Leaving };
  struct Piece {
    Range pages;
    std::size_t next = kNone;   ///< used after this one
    int users = 0;
    Where where = Where::File;
  };

  ~State() {
    {
      const std::scoped_lock lock(mutex);
      stopped = true;
    }
    changed.notify_all();
    if (reader.joinable()) reader.join();
    for (const Piece& piece : pieces) advise(piece.pages, MADV_DONTNEED);
  }

  /// Waits until the pieces are here, and asks for those after them.
  void use(std::size_t first, std::size_t last) {
    std::unique_lock lock(mutex);
    if (!reader.joinable()) reader = std::thread([this] { read_ahead(); });
    for (std::size_t p = first; p <= last; ++p) ++pieces[p].users;
    if (recent_last != kNone && (first > recent_last || last < recent_first)) pieces[recent_last].next = first;
    recent_first = first;
    recent_last = last;
    ahead.clear();
    std::size_t bytes = 0;
    for (std::size_t p = pieces[last].next; bytes < kAhead && ahead.size() < pieces.size() && (p < first || p > last); p = pieces[p].next) {
      ahead.push_back(p);
      bytes += pieces[p].pages.end - pieces[p].pages.begin;
    }
    changed.notify_all();
    for (std::size_t p = first; p <= last; ++p) {
      changed.wait(lock, [&] { return pieces[p].where == Where::Here || pieces[p].where == Where::File; });
      if (pieces[p].where == Where::File) fetch(p, lock);
    }
  }

  void done(std::size_t first, std::size_t last) {
    {
      const std::scoped_lock lock(mutex);
      for (std::size_t p = first; p <= last; ++p) --pieces[p].users;
    }
    changed.notify_all();
  }

  void give_all_back() {
    std::unique_lock lock(mutex);
    recent_first = recent_last = kNone;
    ahead.clear();
    changed.notify_all();
    if (reader.joinable()) changed.wait(lock, [&] { return std::all_of(here.begin(), here.end(), [&](std::size_t p) { return needed(p); }); });
    for (const Piece& piece : pieces)
      if (piece.users == 0) advise(piece.pages, MADV_DONTNEED);
  }

  std::mutex mutex;
  std::condition_variable changed;
  std::vector<Piece> pieces;
  std::map<std::uintptr_t, std::size_t> first_at;   ///< first piece of what begins there
  std::set<std::shared_ptr<const void>> owners;     ///< of the mappings, which must be there as long as the thread
  std::int64_t bytes = 0;

 private:
  void fetch(std::size_t p, std::unique_lock<std::mutex>& lock) {
    const Range pages = pieces[p].pages;
    pieces[p].where = Where::Coming;
    here.push_back(p);
    lock.unlock();
    advise(pages, MADV_WILLNEED);
    bring(pages);
    lock.lock();
    pieces[p].where = Where::Here;
    changed.notify_all();
  }

  void leave(std::size_t p, std::unique_lock<std::mutex>& lock) {
    const Range pages = pieces[p].pages;
    pieces[p].where = Where::Leaving;
    lock.unlock();
    advise(pages, MADV_DONTNEED);
    lock.lock();
    pieces[p].where = Where::File;
    std::erase(here, p);
    changed.notify_all();
  }

  [[nodiscard]] bool needed(std::size_t p) const {
    return pieces[p].users > 0 || (recent_last != kNone && p >= recent_first && p <= recent_last) ||
           std::find(ahead.begin(), ahead.end(), p) != ahead.end();
  }

  void read_ahead() {
    std::unique_lock lock(mutex);
    while (!stopped) {
      const auto old = std::find_if(here.begin(), here.end(), [&](std::size_t p) { return pieces[p].where == Where::Here && !needed(p); });
      if (old != here.end()) {
        leave(*old, lock);
        continue;
      }
      const auto next = std::find_if(ahead.begin(), ahead.end(), [&](std::size_t p) { return pieces[p].where == Where::File; });
      if (next != ahead.end()) fetch(*next, lock);
      else changed.wait(lock);
    }
  }

  std::vector<std::size_t> ahead, here;   ///< to be read; read or on the way
  std::size_t recent_first = kNone, recent_last = kNone;
  bool stopped = false;
  std::thread reader;
};

namespace {

/// What the storage of a streamed tensor keeps: piece i begins at `begin + i * piece_bytes`.
struct Context {
  std::shared_ptr<WeightStream::State> state;
  Range values;
  std::size_t first = 0, piece_bytes = 0;
};

void release(void* context) { delete static_cast<Context*>(context); }

const Context* context_of(const at::Tensor& x) {
  if (!x.defined() || !x.has_storage()) return nullptr;
  const c10::DataPtr& data = x.storage().data_ptr();
  return data.get_deleter() == &release ? static_cast<const Context*>(data.get_context()) : nullptr;
}

/// The pieces under a part of a tensor, as long as it lives.
class PiecesInUse {
 public:
  PiecesInUse(const Context& context, const at::Tensor& part) : state_(*context.state) {
    const std::uintptr_t begin = reinterpret_cast<std::uintptr_t>(part.const_data_ptr()) - context.values.begin;
    std::int64_t last = 0;
    for (std::int64_t axis = 0; axis < part.dim(); ++axis) last += (part.size(axis) - 1) * part.stride(axis);
    first_ = context.first + begin / context.piece_bytes;
    last_ = context.first + (begin + static_cast<std::uintptr_t>(last) * part.element_size()) / context.piece_bytes;
    state_.use(first_, last_);
  }
  ~PiecesInUse() { state_.done(first_, last_); }
  PiecesInUse(const PiecesInUse&) = delete;
  PiecesInUse& operator=(const PiecesInUse&) = delete;

 private:
  WeightStream::State& state_;
  std::size_t first_, last_;
};

}  // namespace

WeightStream::WeightStream() : state_(std::make_shared<State>()) {}
WeightStream::~WeightStream() = default;

Tensor WeightStream::add(std::span<const std::byte> values, DType dtype, const Shape& shape, std::shared_ptr<const void> owner) {
  const auto begin = reinterpret_cast<std::uintptr_t>(values.data());
  const std::size_t rows = shape.empty() ? 1 : static_cast<std::size_t>(std::max<std::int64_t>(1, shape[0])), row_bytes = std::max<std::size_t>(1, values.size() / rows);
  auto context = std::make_unique<Context>(Context{state_, {begin, begin + values.size()}, 0, std::max<std::size_t>(1, kPiece / row_bytes) * row_bytes});
  {
    const std::scoped_lock lock(state_->mutex);
    const auto [known, fresh] = state_->first_at.emplace(begin, state_->pieces.size());
    context->first = known->second;
    state_->owners.insert(std::move(owner));
    auto& pieces = state_->pieces;
    if (fresh) {
      for (std::size_t at = 0; at < values.size(); at += context->piece_bytes) {
        if (!pieces.empty()) pieces.back().next = pieces.size();
        pieces.push_back({.pages = {begin + at, begin + std::min(values.size(), at + context->piece_bytes)}, .next = 0});
      }
      state_->bytes += static_cast<std::int64_t>(values.size());
    }
  }
  const auto type = scalar_type(dtype);
  c10::DataPtr data(const_cast<std::byte*>(values.data()), context.release(), &release, at::kCPU);
  const c10::Storage storage(c10::Storage::use_byte_size_t(), values.size(), std::move(data), nullptr, false);
  at::Tensor flat = at::empty({0}, type);
  flat.set_(storage, 0, {static_cast<std::int64_t>(values.size() / c10::elementSize(type))}, {1});
  return wrap(flat.view(shape));
}

std::int64_t WeightStream::bytes() const {
  const std::scoped_lock lock(state_->mutex);
  return state_->bytes;
}

void WeightStream::rest() { state_->give_all_back(); }

bool is_streamed(const Tensor& x) { return x.defined() && context_of(x.box()->value) != nullptr; }

void for_each_part(const Tensor& matrix, const std::function<void(const Tensor&, int, std::int64_t, std::int64_t)>& f) {
  const at::Tensor whole = raw(matrix);
  const Context& context = *context_of(whole);
  const int axis = whole.stride(0) >= whole.stride(1) ? 0 : 1;
  const std::int64_t widened = whole.size(1 - axis) * std::int64_t{sizeof(float)};
  const std::int64_t row_bytes = std::max({std::int64_t{1}, whole.stride(axis) * static_cast<std::int64_t>(whole.element_size()), widened});
  const std::int64_t step = 2 * std::max<std::int64_t>(1, static_cast<std::int64_t>(kPiece) / row_bytes);
  for (std::int64_t from = 0; from < whole.size(axis); from += step) {
    const std::int64_t to = std::min(whole.size(axis), from + step);
    const at::Tensor part = whole.slice(axis, from, to);
    const PiecesInUse pieces(context, part);
    f(wrap(part), axis, from, to);
  }
}

Tensor streamed_rows(const Tensor& table, const Tensor& ids) {
  const at::Tensor rows = at::embedding(raw(table), raw(ids));
  // Single rows bring their neighbours' pages along, and no piece knows of them.
  advise(context_of(raw(table))->values, MADV_DONTNEED);
  return wrap(rows);
}

}  // namespace vitrine::engine
