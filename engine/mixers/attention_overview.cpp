#include <algorithm>
#include <cmath>

#include "engine/mixers/attention_statistics.h"
#include "engine/mixers/score_kernels.h"
#include "engine/tensor/parallel.h"

namespace vitrine::engine {

namespace {

constexpr std::int64_t kRowsOfTask = 64;
constexpr std::int64_t kParts = 64;       // for an even load and for prompt cancelling

/// Pooled rows [first, end) of an overview: sums and maxima over their queries for every key, then over keys.
class Task {
 public:
  Task(const HeadScores& head, const PackedKeys& keys, const OverviewRequest& request, Overview& out)
      : head_(head), keys_(keys), o_(request), rows_(request.rows()), cols_(request.cols()),
        width_(static_cast<std::size_t>(cols_.n + kPanelKeys)), out_(out) {}

  void run(std::int64_t first, std::int64_t end) {
    sum_.assign(static_cast<std::size_t>(end - first) * width_, 0.0F);
    most_.assign(sum_.size(), 0.0F);
    visit_scores(head_, keys_, o_.row0 + rows_.begin(first), o_.row0 + rows_.begin(end), [&](const ScoreBlock& block) { add(block, first); });
    for (std::int64_t r = first; r < end; ++r) pool(r, static_cast<std::size_t>(r - first) * width_);
  }

 private:
  void add(const ScoreBlock& block, std::int64_t first) {
    for (std::int64_t r = 0; r < block.rows; ++r)
      score_kernels().probabilities(block.scores + r * block.stride, block.padded, {.lse = head_.lse[block.row0 + r]});
    for (std::int64_t r = 0; r < block.rows;) {
      const std::int64_t cell = rows_.cell_of(block.row0 + r - o_.row0);
      std::int64_t n = 1;
      while (r + n < block.rows && rows_.cell_of(block.row0 + r + n - o_.row0) == cell) ++n;
      const std::size_t at = static_cast<std::size_t>(cell - first) * width_ + static_cast<std::size_t>(block.col0 - o_.col0);
      score_kernels().columns(block.scores + r * block.stride, n, block.stride, block.padded, sum_.data() + at, most_.data() + at);
      r += n;
    }
  }

  void pool(std::int64_t r, std::size_t at) {
    const std::int64_t height = rows_.begin(r + 1) - rows_.begin(r);
    for (std::int64_t c = 0; c < out_.cols; ++c) {
      const auto begin = static_cast<std::size_t>(cols_.begin(c)), end = static_cast<std::size_t>(cols_.begin(c + 1));
      double sum = 0;
      float most = 0;
      for (std::size_t j = begin; j < end; ++j) {
        sum += sum_[at + j];
        most = std::max(most, most_[at + j]);
      }
      const auto cell = static_cast<std::size_t>(r * out_.cols + c);
      out_.most[cell] = most;
      out_.mean[cell] = static_cast<float>(sum / static_cast<double>(height * static_cast<std::int64_t>(end - begin)));
    }
  }

  const HeadScores& head_;
  const PackedKeys& keys_;
  const OverviewRequest& o_;
  Pooling rows_, cols_;
  std::size_t width_;
  Overview& out_;
  std::vector<float> sum_, most_;
};

/// The pattern between the query and the key in the middle of each pooled cell.
Result<Overview> sampled_overview(const HeadScores& head, const OverviewRequest& request) {
  Overview out(request);
  const auto middles = [](const Pooling& pooling, std::int64_t from) {
    std::vector<std::int64_t> at;
    for (std::int64_t c = 0; c < pooling.size(); ++c) at.push_back(from + (pooling.begin(c) + pooling.begin(c + 1) - 1) / 2);
    return at;
  };
  const auto rows = middles(request.rows(), request.row0), cols = middles(request.cols(), request.col0);
  const auto gathered = [&](const float* from, const std::vector<std::int64_t>& which) {
    std::vector<float> to;
    for (const std::int64_t i : which) to.insert(to.end(), from + i * head.d, from + (i + 1) * head.d);
    return to;
  };
  const auto q = gathered(head.q, rows), k = gathered(head.k, cols);
  // What depends on positions is added here, at the positions that the samples have.
  HeadScores sample{.q = q.data(), .k = k.data(), .rows = out.rows, .cols = out.cols, .d = head.d, .scale = head.scale, .soft_cap = head.soft_cap};
  const std::vector<float> none(static_cast<std::size_t>(out.rows), 0.0F);
  sample.lse = none.data();
  visit_scores(sample, PackedKeys(sample, 0, out.cols), 0, out.rows, [&](const ScoreBlock& block) {
    for (std::int64_t r = 0; r < block.rows; ++r)
      for (std::int64_t c = 0; c < block.cols; ++c) {
        const std::int64_t i = rows[static_cast<std::size_t>(block.row0 + r)], j = cols[static_cast<std::size_t>(block.col0 + c)];
        float s = block.scores[r * block.stride + c] - head.lse[i];
        if (head.bias) s += head.bias[i * head.bias_row + j * head.bias_col];
        if (head.relative) s += head.relative[j - i + head.rows - 1];
        const auto cell = static_cast<std::size_t>((block.row0 + r) * out.cols + block.col0 + c);
        out.most[cell] = out.mean[cell] = j < head.first_key(i) || j >= head.end_key(i) ? 0.0F : std::exp(s);
      }
  });
  return out;
}

}  // namespace

Result<Overview> attention_overview(const HeadScores& head, const OverviewRequest& request, const Progress& progress) {
  VITRINE_CHECK(check_overview(head.rows, head.cols, request));
  if (request.sampled) return sampled_overview(head, request);
  Overview out(request);
  const PackedKeys keys(head, request.col0, request.col1);
  const std::int64_t per_task = std::max<std::int64_t>(1, kRowsOfTask * out.rows / (request.row1 - request.row0));
  const std::int64_t tasks = (out.rows + per_task - 1) / per_task;
  parallel_for(std::min(kParts, tasks), 1, [&](std::int64_t begin, std::int64_t end) {
    Task task(head, keys, request, out);
    for (std::int64_t part = begin; part < end; ++part)
      for (std::int64_t t = part; t < tasks && !progress.cancelled(); t += kParts)
        task.run(t * per_task, std::min(out.rows, (t + 1) * per_task));
  });
  VITRINE_CHECK(progress.step(1));
  return out;
}

}  // namespace vitrine::engine
