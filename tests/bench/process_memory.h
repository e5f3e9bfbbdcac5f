#pragma once

#include <fstream>
#include <string>

namespace vitrine::bench {

/// A line of /proc/self/status, bytes.
inline double status_of(const std::string& key) {
  std::ifstream in("/proc/self/status");
  for (std::string line; std::getline(in, line);)
    if (line.starts_with(key + ":")) return 1024 * std::stod(line.substr(key.size() + 1));
  return 0;
}

/// The most resident pages ("VmHWM") are counted from here on.
inline void begin_peak() { std::ofstream("/proc/self/clear_refs") << 5; }

}  // namespace vitrine::bench
