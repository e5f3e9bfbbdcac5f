#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/io/audio.h"

namespace vitrine::engine::audio {

inline constexpr std::uint64_t kMaxFrames = std::uint64_t{64} << 20, kMaxChannels = 8, kMaxRate = 768'000;

/// Called before anything is allocated. @error FileLimit
[[nodiscard]] Status check_format(std::uint64_t rate, std::uint64_t channels, std::uint64_t frames);
[[nodiscard]] Result<Audio> decode_wav(std::span<const std::byte> file, std::vector<std::string>& warnings);
[[nodiscard]] Result<Audio> decode_flac(std::span<const std::byte> file, std::vector<std::string>& warnings);

}  // namespace vitrine::engine::audio
