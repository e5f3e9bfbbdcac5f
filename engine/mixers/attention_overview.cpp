#include <algorithm>

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
      : head_(head), keys_(keys), o_(request), rows_(request.row1 - request.row0), cols_(request.col1 - request.col0),
        width_(static_cast<std::size_t>(cols_ + kPanelKeys)), out_(out) {}

  void run(std::int64_t first, std::int64_t end) {
    sum_.assign(static_cast<std::size_t>(end - first) * width_, 0.0F);
    most_.assign(sum_.size(), 0.0F);
    const std::int64_t row0 = o_.row0 + pool_begin(first, rows_, o_.out_rows), row1 = o_.row0 + pool_begin(end, rows_, o_.out_rows);
    visit_scores(head_, keys_, row0, row1, [&](const ScoreBlock& block) { add(block, first); });
    for (std::int64_t r = first; r < end; ++r) pool(r, static_cast<std::size_t>(r - first) * width_);
  }

 private:
  std::int64_t pooled_row(std::int64_t row) const { return (row - o_.row0) * o_.out_rows / rows_; }

  void add(const ScoreBlock& block, std::int64_t first) {
    for (std::int64_t r = 0; r < block.rows; ++r)
      score_kernels().probabilities(block.scores + r * block.stride, block.padded, {.lse = head_.lse[block.row0 + r]});
    for (std::int64_t r = 0; r < block.rows;) {
      const std::int64_t cell = pooled_row(block.row0 + r);
      std::int64_t n = 1;
      while (r + n < block.rows && pooled_row(block.row0 + r + n) == cell) ++n;
      const std::size_t at = static_cast<std::size_t>(cell - first) * width_ + static_cast<std::size_t>(block.col0 - o_.col0);
      score_kernels().columns(block.scores + r * block.stride, n, block.stride, block.padded, sum_.data() + at, most_.data() + at);
      r += n;
    }
  }

  void pool(std::int64_t r, std::size_t at) {
    const std::int64_t height = pool_begin(r + 1, rows_, o_.out_rows) - pool_begin(r, rows_, o_.out_rows);
    for (std::int64_t c = 0; c < o_.out_cols; ++c) {
      const auto begin = static_cast<std::size_t>(pool_begin(c, cols_, o_.out_cols)), end = static_cast<std::size_t>(pool_begin(c + 1, cols_, o_.out_cols));
      double sum = 0;
      float most = 0;
      for (std::size_t j = begin; j < end; ++j) {
        sum += sum_[at + j];
        most = std::max(most, most_[at + j]);
      }
      const auto cell = static_cast<std::size_t>(r * o_.out_cols + c);
      out_.most[cell] = most;
      out_.mean[cell] = static_cast<float>(sum / static_cast<double>(height * static_cast<std::int64_t>(end - begin)));
    }
  }

  const HeadScores& head_;
  const PackedKeys& keys_;
  const OverviewRequest& o_;
  std::int64_t rows_, cols_;
  std::size_t width_;
  Overview& out_;
  std::vector<float> sum_, most_;
};

}  // namespace

Result<Overview> attention_overview(const HeadScores& head, const OverviewRequest& request, const Progress& progress) {
  VITRINE_CHECK(check_overview(head.rows, head.cols, request));
  const auto cells = static_cast<std::size_t>(request.out_rows * request.out_cols);
  Overview out{request.out_rows, request.out_cols, std::vector<float>(cells), std::vector<float>(cells)};
  const PackedKeys keys(head, request.col0, request.col1);
  const std::int64_t per_task = std::max<std::int64_t>(1, kRowsOfTask * request.out_rows / (request.row1 - request.row0));
  const std::int64_t tasks = (request.out_rows + per_task - 1) / per_task;
  parallel_for(std::min(kParts, tasks), 1, [&](std::int64_t begin, std::int64_t end) {
    Task task(head, keys, request, out);
    for (std::int64_t part = begin; part < end; ++part)
      for (std::int64_t t = part; t < tasks && !progress.cancelled(); t += kParts)
        task.run(t * per_task, std::min(request.out_rows, (t + 1) * per_task));
  });
  VITRINE_CHECK(progress.step(1));
  return out;
}

}  // namespace vitrine::engine
