#include "engine/mixers/attention_statistics.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <numeric>
#include <string>

#include "engine/mixers/score_kernels.h"
#include "engine/tensor/parallel.h"

namespace vitrine::engine {

namespace {

constexpr std::int64_t kStrip = 64;
constexpr std::int64_t kSlices = 16;   // parts of the work, however many threads there are: sums do not depend on them
constexpr int kMostTop = 64;

/// The largest weights of a row so far, in order; of equal ones that of the first key.
class Leaders {
 public:
  explicit Leaders(int k) : k_(k) {}
  void clear() { count_ = 0, floor_ = 0; }
  bool wants_maxima() const { return k_ > 0; }
  /// @param largest of the n weights p, which belong to keys from col0 on
  /// @param maxima  of these weights, group by group (`RowSums`): only groups that hold a leader are looked through
  void offer(const float* p, float largest, std::int64_t col0, std::int64_t n, const std::array<float, kPanelKeys>& maxima) {
    if (k_ == 0 || !(largest > bar())) return;
    const ScoreKernels& kernels = score_kernels();
    if (count_ == 0 && k_ <= kPanelKeys) floor_ = std::nextafter(kernels.kth_largest(maxima.data(), k_), 0.0F);
    const float bar_before = bar();
    std::uint32_t which = 0;
    for (std::int64_t g = kernels.next_above(maxima.data(), 0, kPanelKeys, bar_before, &which); g < kPanelKeys;
         g = kernels.next_above(maxima.data(), g + kLanes, kPanelKeys, bar_before, &which))
      for (; which != 0; which &= which - 1)
        for (std::int64_t at = g + std::countr_zero(which); at < n; at += kernels.group_stride)
          if (p[at] > bar_before && leads(p[at], static_cast<std::int32_t>(col0 + at))) insert(p[at], static_cast<std::int32_t>(col0 + at));
  }
  int count() const { return count_; }
  float weight(int i) const { return weights_[static_cast<std::size_t>(i)]; }
  std::int32_t key(int i) const { return keys_[static_cast<std::size_t>(i)]; }

 private:
  float bar() const { return count_ < k_ ? floor_ : weights_[static_cast<std::size_t>(k_ - 1)]; }
  bool before(float p, std::int32_t key, std::size_t other) const {
    return p > weights_[other] || (p == weights_[other] && key < keys_[other]);
  }
  bool leads(float p, std::int32_t key) const { return count_ < k_ || before(p, key, static_cast<std::size_t>(k_ - 1)); }
  void insert(float p, std::int32_t key) {
    auto at = static_cast<std::size_t>(count_ < k_ ? count_++ : k_ - 1);
    for (; at > 0 && before(p, key, at - 1); --at) weights_[at] = weights_[at - 1], keys_[at] = keys_[at - 1];
    weights_[at] = p;
    keys_[at] = key;
  }
  int k_, count_ = 0;
  float floor_ = 0;
  std::array<float, kMostTop> weights_{};
  std::array<std::int32_t, kMostTop> keys_{};
};

/// What one slice adds up over its strips.
struct Slice {
  std::vector<float> received, profile;
};

class Collector {
 public:
  Collector(const HeadScores& head, const StatisticsRequest& request, const PackedKeys& keys, HeadStatistics& out)
      : head_(head), request_(request), keys_(keys), geometry_(head.rows, head.cols, request.grid), out_(out) {
    set_stride_ = static_cast<std::size_t>(head.cols + kPanelKeys);
    sets_.assign(request.key_sets.size() * set_stride_, 0.0F);
    for (std::size_t s = 0; s < request.key_sets.size(); ++s) std::copy(request.key_sets[s].begin(), request.key_sets[s].end(), sets_.begin() + static_cast<std::ptrdiff_t>(s * set_stride_));
  }

  Slice slice(std::int64_t s, const Progress& progress) const {
    Slice slice;
    if (request_.columns) slice.received.assign(static_cast<std::size_t>(head_.cols + kPanelKeys), 0.0F);
    if (request_.profile) slice.profile.assign(static_cast<std::size_t>(geometry_.profile_rows() * geometry_.profile_cols()), 0.0F);
    const std::int64_t strips = (head_.rows + kStrip - 1) / kStrip;
    std::vector<float> sums;
    std::vector<Leaders> leaders(static_cast<std::size_t>(kStrip), Leaders(request_.top_k));
    // Forth and back, so that every slice of a causal map has as much to do.
    for (std::int64_t round = 0; round * kSlices < strips && !progress.cancelled(); ++round) {
      const std::int64_t strip = round * kSlices + (round % 2 == 0 ? s : kSlices - 1 - s);
      if (strip < strips) add_strip(strip * kStrip, std::min(head_.rows, (strip + 1) * kStrip), sums, leaders, slice);
    }
    return slice;
  }

 private:
  std::size_t sums_of_row() const { return (2 + request_.key_sets.size()) * kLanes; }

  void add_strip(std::int64_t row0, std::int64_t row1, std::vector<float>& sums, std::vector<Leaders>& leaders, Slice& slice) const {
    sums.assign(sums_of_row() * static_cast<std::size_t>(kStrip), 0.0F);
    for (auto& l : leaders) l.clear();
    visit_scores(head_, keys_, row0, row1, [&](const ScoreBlock& block) { add_block(block, row0, sums, leaders, slice); });
    for (std::int64_t row = row0; row < row1; ++row)
      finish_row(row, sums.data() + static_cast<std::size_t>(row - row0) * sums_of_row(), leaders[static_cast<std::size_t>(row - row0)]);
  }

  void add_block(const ScoreBlock& block, std::int64_t row0, std::vector<float>& sums, std::vector<Leaders>& leaders, Slice& slice) const {
    std::array<float, 1024> own;
    std::array<float, kPanelKeys> maxima{};
    for (std::int64_t r = 0; r < block.rows; ++r) {
      const std::int64_t row = block.row0 + r;
      const auto at = static_cast<std::size_t>(row - row0);
      float* s = block.scores + r * block.stride;
      const RowSums row_sums{.lse = head_.lse[row], .distance = geometry_.distances(row, block.col0, block.cols, block.padded, own.data()),
                             .sets = sets_.data() + block.col0, .n_sets = request_.key_sets.size(), .set_stride = set_stride_,
                             .sums = sums.data() + at * sums_of_row(), .maxima = leaders[at].wants_maxima() ? maxima.data() : nullptr};
      const float largest = score_kernels().probabilities(s, block.padded, row_sums);
      leaders[at].offer(s, largest, block.col0, block.padded, maxima);
      if (request_.profile)
        geometry_.runs(row, block.col0, block.cols, [&](std::int64_t first, std::int64_t n, std::size_t cell) {
          score_kernels().add(s + first, n, slice.profile.data() + cell);
        });
    }
    if (request_.columns) score_kernels().columns(block.scores, block.rows, block.stride, block.padded, slice.received.data() + block.col0, nullptr);
  }

  void finish_row(std::int64_t row, const float* sums, const Leaders& leaders) const {
    const auto total = [&](std::size_t i) { return std::accumulate(sums + i * kLanes, sums + (i + 1) * kLanes, 0.0); };
    const auto r = static_cast<std::size_t>(row);
    out_.entropy[r] = static_cast<float>(total(0));
    out_.distance[r] = static_cast<float>(total(1));
    for (std::size_t s = 0; s < request_.key_sets.size(); ++s) out_.mass[s][r] = static_cast<float>(total(2 + s));
    for (int i = 0; i < leaders.count(); ++i) {
      const auto cell = r * static_cast<std::size_t>(request_.top_k) + static_cast<std::size_t>(i);
      out_.top[cell] = leaders.weight(i);
      out_.top_key[cell] = leaders.key(i);
    }
  }

  const HeadScores& head_;
  const StatisticsRequest& request_;
  const PackedKeys& keys_;
  KeyGeometry geometry_;
  HeadStatistics& out_;
  std::vector<float> sets_;
  std::size_t set_stride_ = 0;
};

}  // namespace

Result<HeadStatistics> attention_statistics(const HeadScores& head, const StatisticsRequest& request, const Progress& progress) {
  VITRINE_CHECK(check_statistics(head.rows, head.cols, request));
  HeadStatistics out(head.rows, head.cols, request);
  const PackedKeys keys(head, 0, head.cols);
  const Collector collector(head, request, keys, out);
  std::vector<Slice> slices(static_cast<std::size_t>(kSlices));
  parallel_for(kSlices, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t s = begin; s < end; ++s) slices[static_cast<std::size_t>(s)] = collector.slice(s, progress);
  });
  VITRINE_CHECK(progress.step(1));
  const auto add = [](std::vector<float>& to, const std::vector<float>& part) {
    for (std::size_t i = 0; i < to.size(); ++i) to[i] += part[i];
  };
  for (const Slice& slice : slices) {
    add(out.received, slice.received);
    add(out.profile, slice.profile);
  }
  return out;
}

}  // namespace vitrine::engine
