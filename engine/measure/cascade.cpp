#include "engine/measure/cascade.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace vitrine::engine {

namespace {

/// Keys that the running maximum takes at a time, as FlashAttention-2 does at these widths.
constexpr double kTile = 128;

/// Sizes of a softmax over all its problems and heads.
struct Softmax {
  double rows, pairs, d, e;          ///< queries, visible pairs, widths of keys and values
  double queries_out, keys_values;   ///< values: queries and outputs; keys and values once
  double keys, rows_of_group, share; ///< of one problem; queries that share keys; visible part of the rectangle

  explicit Softmax(const Mixing& m) {
    const double heads = m.problems * static_cast<double>(m.heads), groups = m.problems * static_cast<double>(std::max<std::int64_t>(1, m.kv_heads));
    const auto queries = static_cast<double>(m.queries);
    keys = static_cast<double>(m.keys);
    d = static_cast<double>(m.d_key);
    e = static_cast<double>(m.d_value);
    rows = heads * queries;
    pairs = heads * m.pairs;
    queries_out = rows * (d + e);
    keys_values = groups * keys * (d + e);
    rows_of_group = rows / groups;
    share = m.pairs / std::max(1.0, queries * keys);
  }
};

/// Keys and values, read for every block of queries that fits; of a causal map each block reads what it sees.
double reads_of_keys(const Softmax& s, double rows_on_chip) {
  const double blocks = std::ceil(s.rows_of_group / std::max(1.0, std::floor(rows_on_chip)));
  return s.keys_values * std::max(1.0, blocks * s.share);
}

Cascade through_memory(const Softmax& s, double bytes) {
  // Scores; their maximum; exponentials and their sum; quotients; the product with the values.
  const double keys = s.keys_values * s.d / (s.d + s.e), values = s.keys_values - keys;
  return {"each step through memory", 3,
          {{2 * s.pairs * s.d, 0, 0, bytes * (s.rows * s.d + keys + s.pairs)},
           {0, s.pairs, 0, bytes * (s.pairs + s.rows)},
           {0, 2 * s.pairs, s.pairs, bytes * (2 * s.pairs + 2 * s.rows)},
           {0, s.pairs, 0, bytes * (2 * s.pairs + s.rows)},
           {2 * s.pairs * s.e, 0, 0, bytes * (s.pairs + values + s.rows * s.e)}},
          0, true};
}

/// Rows of scores stay on the chip, or else are written once and read in every later pass.
Cascade row_on_chip(const Softmax& s, double bytes, double on_chip, int passes) {
  const double row = bytes * (s.keys + s.d + s.e), needed = row + bytes * kTile * (s.d + s.e);
  const double rows = (on_chip - bytes * kTile * (s.d + s.e)) / row;
  Cascade c{passes == 3 ? "a row of scores on chip, three passes" : "a row of scores on chip, two passes", passes, {}, needed, on_chip >= needed};
  const double spilled = bytes * (s.queries_out + s.keys_values + passes * s.pairs);
  const double held = bytes * (s.queries_out + reads_of_keys(s, rows));
  const double vector = passes == 3 ? 4 * s.pairs : 4 * s.pairs + s.rows * s.e;   // quotients of every pair, or corrections and of the output alone
  const double maxima = passes == 3 ? 0 : s.pairs / kTile;
  c.stages = {{2 * s.pairs * (s.d + s.e), vector, s.pairs + maxima, c.fits ? std::min(held, spilled) : spilled}};
  return c;
}

Cascade running_maximum(const Softmax& s, double bytes, double on_chip) {
  const double row = bytes * (s.d + s.e + kTile + 2), tile = bytes * kTile * (s.d + s.e), corrections = s.pairs / kTile;
  Cascade c{"running maximum, one pass", 1, {}, row + tile, on_chip >= row + tile};
  c.stages = {{2 * s.pairs * (s.d + s.e), 3 * s.pairs + corrections * (s.e + 2) + s.rows * s.e, s.pairs + corrections,
               bytes * (s.queries_out + reads_of_keys(s, (on_chip - tile) / row))}};
  return c;
}

std::vector<Cascade> scans(const Mixing& m, double bytes, double on_chip) {
  const auto channels = static_cast<double>(m.heads), state = static_cast<double>(m.d_value), tokens = m.problems * static_cast<double>(m.queries);
  const double states = tokens * channels * state, rows = tokens * channels, factors = tokens * state;
  // Matrix and input of every step; the recurrence; the outputs.
  Cascade memory{"states through memory", 1,
                 {{0, 3 * states, states, bytes * (2 * rows + factors + 2 * states)}, {0, 2 * states, 0, bytes * 3 * states}, {0, 3 * states, 0, bytes * (states + factors + rows)}}, 0, true};
  const double needed = bytes * channels * state;
  Cascade chip{"states on chip", 1, {{0, 8 * states, states, bytes * (3 * rows + 2 * factors)}}, needed, on_chip >= needed};
  if (!chip.fits) chip.stages[0].bytes += bytes * 2 * states;
  return {std::move(memory), std::move(chip)};
}

/// Seconds of each resource: matrix, vector, exponentials, memory.
std::array<double, 4> seconds_of(const Stage& s, const Device& device, Precision precision) {
  const Precision products = precision == Precision::Int8 ? Precision::Half : precision;   // tokens are not mixed in 8 bits
  return {s.matrix_flops / device.matrix_peak(products), s.vector_flops / device.fp32, s.exponentials / device.exponentials, s.bytes / device.bandwidth};
}

}  // namespace

Stage Cascade::total() const {
  Stage sum;
  for (const Stage& s : stages) {
    sum.matrix_flops += s.matrix_flops;
    sum.vector_flops += s.vector_flops;
    sum.exponentials += s.exponentials;
    sum.bytes += s.bytes;
  }
  return sum;
}

std::vector<Cascade> cascades_of(const Mixing& mixing, double value_bytes, double on_chip) {
  if (mixing.form == Mixing::Form::Scan) return scans(mixing, value_bytes, on_chip);
  const Softmax s(mixing);
  return {through_memory(s, value_bytes), row_on_chip(s, value_bytes, on_chip, 3), row_on_chip(s, value_bytes, on_chip, 2), running_maximum(s, value_bytes, on_chip)};
}

Attained attained(const Cascade& cascade, const Device& device, Precision precision) {
  constexpr std::array<const char*, 4> kNames{"matrix", "vector", "exponentials", "memory"};
  Attained a;
  std::array<double, 4> bound{}, busy{};
  for (const Stage& stage : cascade.stages) {
    const auto seconds = seconds_of(stage, device, precision);
    const auto slowest = std::max_element(seconds.begin(), seconds.end());
    a.seconds += *slowest;
    a.arithmetic_seconds += *std::max_element(seconds.begin(), seconds.end() - 1);
    bound[static_cast<std::size_t>(slowest - seconds.begin())] += *slowest;
    for (std::size_t i = 0; i < busy.size(); ++i) busy[i] += seconds[i];
  }
  a.bound = kNames[static_cast<std::size_t>(std::max_element(bound.begin(), bound.end()) - bound.begin())];
  const double arithmetic = cascade.total().matrix_flops > 0 ? busy[0] : busy[1];
  a.utilisation = a.seconds > 0 ? arithmetic / a.seconds : 0;
  return a;
}

}  // namespace vitrine::engine
