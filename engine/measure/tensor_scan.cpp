#include "engine/measure/tensor_scan.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <string>

#include <fmt/format.h>

namespace vitrine::engine {

namespace {

constexpr std::size_t kPiece = std::size_t{1} << 20;

std::vector<std::int64_t> steps_of(const std::vector<std::int64_t>& shape) {
  std::vector<std::int64_t> steps(shape.size(), 1);
  for (std::size_t axis = shape.size(); axis-- > 1;) steps[axis - 1] = steps[axis] * shape[axis];
  return steps;
}

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == ',') parts.emplace_back();
    else if (c != ' ' && c != '[' && c != ']') parts.back() += c;
  }
  return parts;
}

/// Values of a row from column `from` on, whatever its step.
Status read_row(const Checkpoint& file, const TensorEntry& entry, const SliceView& view, std::int64_t row, std::int64_t from,
                std::span<float> out, std::vector<float>& wide) {
  const std::int64_t begin = view.offset + row * view.row_step + from * view.col_step;
  if (view.col_step == 1 || out.size() == 1) return file.read_f32_range(entry, static_cast<std::uint64_t>(begin), out);
  const auto step = static_cast<std::size_t>(view.col_step);
  wide.resize((out.size() - 1) * step + 1);
  VITRINE_CHECK(file.read_f32_range(entry, static_cast<std::uint64_t>(begin), wide));
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = wide[i * step];
  return {};
}

}  // namespace

void Histogram::add(std::span<const float> values) {
  const double scale = hi > lo ? static_cast<double>(counts.size()) / (hi - lo) : 0;
  for (const float v : values) {
    if (!std::isfinite(v)) continue;
    const double at = std::clamp((v - lo) * scale, 0.0, static_cast<double>(counts.size() - 1));
    counts[static_cast<std::size_t>(at)] += 1;
  }
}

Result<SliceView> slice_of(const std::vector<std::int64_t>& shape, const std::string& text) {
  const auto steps = steps_of(shape);
  std::vector<std::string> parts = split(text);
  if (text.empty()) {
    parts.assign(shape.size(), "0");
    for (std::size_t axis = shape.size() > 2 ? shape.size() - 2 : 0; axis < shape.size(); ++axis) parts[axis] = ":";
  } else if (parts.size() != shape.size()) {
    return fail(ErrorCode::Usage, fmt::format("expected a slice with {} entries, one an axis, came '{}' with {}", shape.size(), text, parts.size()));
  }
  SliceView view;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    if (parts[axis] == ":") {
      view.axes.push_back(static_cast<int>(axis));
      continue;
    }
    std::int64_t index = 0;
    const auto [end, problem] = std::from_chars(parts[axis].data(), parts[axis].data() + parts[axis].size(), index);
    if (problem != std::errc() || end != parts[axis].data() + parts[axis].size())
      return fail(ErrorCode::Usage, fmt::format("expected ':' or a whole number for axis {} of the slice, came '{}'", axis, parts[axis]));
    if (index < -shape[axis] || index >= shape[axis])
      return fail(ErrorCode::Usage, fmt::format("axis {} has {} positions, the slice asks for {}", axis, shape[axis], index));
    view.offset += (index < 0 ? index + shape[axis] : index) * steps[axis];
  }
  if (view.axes.size() > 2) return fail(ErrorCode::Usage, fmt::format("expected ':' for at most two axes of the slice, came {}", view.axes.size()));
  if (!view.axes.empty()) {
    const auto last = static_cast<std::size_t>(view.axes.back());
    view.cols = shape[last];
    view.col_step = steps[last];
  }
  if (view.axes.size() == 2) {
    const auto first = static_cast<std::size_t>(view.axes.front());
    view.rows = shape[first];
    view.row_step = steps[first];
  }
  return view;
}

std::string slice_text(const std::vector<std::int64_t>& shape, const SliceView& view) {
  const auto steps = steps_of(shape);
  std::string text;
  std::int64_t rest = view.offset;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    if (axis) text += ",";
    if (std::find(view.axes.begin(), view.axes.end(), static_cast<int>(axis)) != view.axes.end()) {
      text += ":";
    } else {
      text += std::to_string(rest / steps[axis]);
      rest %= steps[axis];
    }
  }
  return text;
}

Status for_each_piece(const Checkpoint& file, const TensorEntry& entry, const Progress& progress,
                      const std::function<void(std::span<const float>)>& take) {
  const auto count = static_cast<std::uint64_t>(entry.numel());
  std::vector<float> piece(static_cast<std::size_t>(std::min<std::uint64_t>(kPiece, count)));
  for (std::uint64_t at = 0; at < count; at += kPiece) {
    VITRINE_CHECK(progress.step(static_cast<double>(at) / static_cast<double>(count), "reading " + entry.name));
    const std::span<float> part(piece.data(), static_cast<std::size_t>(std::min<std::uint64_t>(kPiece, count - at)));
    VITRINE_CHECK(file.read_f32_range(entry, at, part));
    take(part);
  }
  return {};
}

Status for_each_row(const Checkpoint& file, const TensorEntry& entry, const SliceView& view, std::int64_t r0, std::int64_t r1,
                    std::int64_t c0, std::int64_t c1, const Progress& progress,
                    const std::function<void(std::int64_t, std::int64_t, std::span<const float>)>& take) {
  if (r1 <= r0 || c1 <= c0) return {};
  const std::int64_t width = c1 - c0;
  const auto piece = static_cast<std::int64_t>(kPiece);
  // Whole rows that lie one behind the other are read together.
  const bool joined = view.col_step == 1 && view.row_step == width && width <= piece;
  const std::int64_t together = joined ? std::max<std::int64_t>(1, piece / width) : 1;
  const std::int64_t longest = std::max<std::int64_t>(1, std::min(width, joined ? width : piece / std::max<std::int64_t>(1, std::min(view.col_step, piece))));
  std::vector<float> values(static_cast<std::size_t>(together * longest)), wide;
  for (std::int64_t row = r0; row < r1; row += together) {
    if ((row - r0) % 64 == 0 || joined)
      VITRINE_CHECK(progress.step(static_cast<double>(row - r0) / static_cast<double>(r1 - r0), "reading " + entry.name));
    const std::int64_t rows = std::min(together, r1 - row);
    for (std::int64_t col = c0; col < c1; col += longest) {
      const std::int64_t cols = std::min(longest, c1 - col);
      const std::span<float> part(values.data(), static_cast<std::size_t>(rows * cols));
      VITRINE_CHECK(read_row(file, entry, view, row, col, part, wide));
      for (std::int64_t r = 0; r < rows; ++r) take(row + r, col, part.subspan(static_cast<std::size_t>(r * cols), static_cast<std::size_t>(cols)));
    }
  }
  return {};
}

PooledGrid::PooledGrid(std::int64_t r0, std::int64_t r1, std::int64_t c0, std::int64_t c1, std::int64_t block)
    : rows((r1 - r0 + block - 1) / block), cols((c1 - c0 + block - 1) / block), pool(block), first_row(r0), first_col(c0),
      values(static_cast<std::size_t>(rows * cols), std::numeric_limits<float>::quiet_NaN()) {}

void PooledGrid::add(std::int64_t row, std::int64_t col, std::span<const float> from) {
  float* to = values.data() + (row - first_row) / pool * cols;
  for (std::size_t i = 0; i < from.size(); ++i) {
    float& kept = to[(col - first_col + static_cast<std::int64_t>(i)) / pool];
    if (!(std::abs(from[i]) <= std::abs(kept)) && !std::isnan(from[i])) kept = from[i];
  }
}

}  // namespace vitrine::engine
