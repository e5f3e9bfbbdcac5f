#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/error.h"
#include "engine/isolate/descriptor.h"

namespace vitrine::engine::isolate {

/// Whether this build is watched by a sanitizer, whose own memory and time no limit would fit.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif
#else
inline constexpr bool kSanitized = false;
#endif

/// `name` beside the program, else in `bin` beside the library that this code is in.
/// @error FileMissing
[[nodiscard]] Result<std::filesystem::path> program_beside(std::string_view name);

/// A process of ours with one end of a socket pair as its standard input and nothing else but the standard streams;
/// killed and reaped when it goes out of scope.
class ChildProcess {
 public:
  enum class Channel { Stream, Packets };
  struct Usage {
    std::uint64_t peak_bytes = 0;   ///< resident
    double cpu_seconds = 0;
  };

  [[nodiscard]] static Result<ChildProcess> start(const std::filesystem::path& program,
                                                  const std::vector<std::string>& arguments, Channel channel);
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&&) = delete;
  ~ChildProcess();

  [[nodiscard]] int channel() const { return channel_.get(); }
  /// Kills it, whatever it is doing, and waits for its end.
  void kill();
  /// Processor time that it has used until now.
  [[nodiscard]] std::chrono::milliseconds cpu_time() const;
  /// What became of a process whose channel has closed: "ended by signal 11 (Segmentation fault)", "ended with exit
  /// code 1". One that runs on behind its closed channel is killed.
  [[nodiscard]] std::string obituary();
  /// The signal that ended it; 0 if none did or it has not been waited for.
  [[nodiscard]] int signal() const { return signal_; }
  /// What it used, after its end.
  [[nodiscard]] const Usage& usage() const { return usage_; }

 private:
  ChildProcess() = default;
  bool reap(int options);

  Descriptor channel_;
  int pid_ = -1;
  int status_ = 0, signal_ = 0;
  Usage usage_;
};

/// What a process may use, set by itself before it touches anything of a stranger's.
struct ProcessLimits {
  std::uint64_t data_bytes = 0;      ///< private memory (RLIMIT_DATA); 0: none
  std::uint64_t address_bytes = 0;   ///< all memory (RLIMIT_AS); 0: none
  std::uint64_t cpu_seconds = 0;     ///< 0: none
  std::uint64_t descriptors = 0;     ///< 0: as it is
  bool writes_files = true;
  bool starts_processes = true;
};

/// Sets the limits for this process and what it starts. It dies with its parent, leaves no core file and can gain no
/// rights. Memory is not limited under sanitizers, whose own is larger than any limit.
/// @error Internal if the kernel refuses one
[[nodiscard]] Status limit_this_process(const ProcessLimits& limits);

}  // namespace vitrine::engine::isolate
