#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <vector>

#include <benchmark/benchmark.h>

namespace vitrine::bench {

/// Two ways to the same result, timed in turns, so that whatever slows the machine slows both.
struct Pair {
  std::function<void()> peer, ours;
  double floor = 0, goal = 0;            ///< of peer time / our time; 0: none stated
  std::function<void()> before = {};     ///< each turn, and not timed
};

inline double seconds(const std::function<void()>& f) {
  const auto start = std::chrono::steady_clock::now();
  f();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

inline double median(std::vector<double> v) {
  std::sort(v.begin(), v.end());
  return v.size() % 2 ? v[v.size() / 2] : (v[v.size() / 2 - 1] + v[v.size() / 2]) / 2;
}

/// 95 % interval of a median from order statistics (binomial), without assuming a distribution.
inline std::pair<double, double> median_interval(std::vector<double> v) {
  std::sort(v.begin(), v.end());
  const std::size_t n = v.size();
  double tail = 0, probability = std::pow(0.5, static_cast<double>(n));
  std::size_t low = 0;
  for (std::size_t i = 0; i < n / 2; ++i) {
    tail += probability;
    probability *= static_cast<double>(n - i) / static_cast<double>(i + 1);
    if (tail > 0.025) break;
    low = i + 1;
  }
  low = low > 0 ? low - 1 : 0;
  return {v[low], v[n - 1 - low]};
}

/// Runs two ways, which say how many seconds they took, once a benchmark iteration, after one unmeasured turn of each. Counters: ms of
/// both, median ratio and its interval.
inline void run_turns(benchmark::State& state, const std::function<double()>& peer_seconds, const std::function<double()>& our_seconds) {
  peer_seconds();
  our_seconds();
  std::vector<double> peer, ours, ratio;
  bool first = true;
  for (auto _ : state) {
    // Who goes first alternates, so that neither always finds the other's data in the caches.
    if (first) peer.push_back(peer_seconds());
    ours.push_back(our_seconds());
    if (!first) peer.push_back(peer_seconds());
    first = !first;
    ratio.push_back(peer.back() / ours.back());
    state.SetIterationTime(ours.back());
  }
  const auto [low, high] = median_interval(ratio);
  state.counters["peer_ms"] = 1e3 * median(peer);
  state.counters["ours_ms"] = 1e3 * median(ours);
  state.counters["ratio"] = median(ratio);
  state.counters["low"] = low;
  state.counters["high"] = high;
}

/// The same of a pair that is timed from outside, with what is asked of it.
inline void run_pair(benchmark::State& state, const Pair& pair) {
  const auto timed = [&](const std::function<void()>& f) {
    if (pair.before) pair.before();
    return seconds(f);
  };
  run_turns(state, [&] { return timed(pair.peer); }, [&] { return timed(pair.ours); });
  if (pair.floor > 0) state.counters["floor"] = pair.floor;
  if (pair.goal > 0) state.counters["goal"] = pair.goal;
}

}  // namespace vitrine::bench
