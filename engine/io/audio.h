#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "engine/core/error.h"

namespace vitrine::engine {

/// Sound as one channel: the mean of those that the file has.
struct Audio {
  std::string format;          ///< "wav" or "flac"
  int rate = 0;                ///< samples a second
  int channels = 1;            ///< of the file
  int bits = 16;               ///< of a stored sample
  std::vector<float> samples;  ///< -1 to 1; floats of a file as they are

  [[nodiscard]] double seconds() const { return rate > 0 ? static_cast<double>(samples.size()) / rate : 0; }
};

/// Decodes WAV (PCM of 8, 16, 24, 32 bits; float of 32, 64) and FLAC.
/// @param warnings if given, what a user must see although the sound opened
/// @error FileMissing, FileFormat with the byte; FileLimit (more than 64 million samples, 8 channels, 768,000 a second);
/// Unsupported (compressed WAV)
[[nodiscard]] Result<Audio> decode_audio(std::span<const std::byte> bytes, const std::string& name,
                                         std::vector<std::string>* warnings = nullptr);
[[nodiscard]] Result<Audio> decode_audio(const std::filesystem::path& path, std::vector<std::string>* warnings = nullptr);

/// Band-limited resampling by a sinc of six zero crossings under a Hann window, cut at 0.99 of the lower half rate: what
/// torchaudio's `resample` does by default.
/// @param from, to samples a second, at least 1
[[nodiscard]] std::vector<float> resample(std::span<const float> samples, int from, int to);

/// [mel, frame]
struct LogMel {
  int mels = 0, frames = 0;
  std::vector<float> values;
};

/// Whisper's input: sound cut or padded with silence to `seconds`, 400-point Fourier transform every 160 samples under a
/// Hann window with reflected ends, Slaney's mel filters from 0 to 8,000 Hz, log10 held within 8 of the largest, (x + 4) / 4.
/// @param samples at 16,000 a second
/// @param mels    80 or 128
/// @error InvalidInput
/// @cost  about 80,000 multiplications a frame that is not silent
/// @source Radford et al. 2022, arXiv:2212.04356; Slaney 1998, Auditory Toolbox
[[nodiscard]] Result<LogMel> log_mel(std::span<const float> samples, int mels, int seconds = 30);

}  // namespace vitrine::engine
