#include <cstring>

#include <fmt/format.h>

#include "engine/core/memory.h"
#include "engine/io/audio.h"
#include "engine/io/audio_codecs.h"
#include "engine/io/bytes.h"
#include "engine/io/mapped_file.h"

namespace vitrine::engine {
namespace audio {

Status check_format(std::uint64_t rate, std::uint64_t channels, std::uint64_t frames) {
  if (rate == 0 || rate > kMaxRate || channels == 0 || channels > kMaxChannels || frames > kMaxFrames)
    return fail(ErrorCode::FileLimit, fmt::format("{} samples of {} channels at {} a second are outside the limits of {}, 1 to {} and 1 to {}",
                                                  frames, channels, rate, kMaxFrames, kMaxChannels, kMaxRate));
  return {};
}

namespace {

struct Format {
  std::uint16_t code = 0, channels = 0, block = 0, bits = 0;
  std::uint32_t rate = 0;
};

Result<Format> read_format(std::span<const std::byte> chunk, std::size_t at) {
  const auto bad = [&](const std::string& what, ErrorCode code = ErrorCode::FileFormat) { return fail_file(code, {}, "WAV: " + what, at); };
  if (chunk.size() < 16) return bad(fmt::format("expected a format of at least 16 bytes, came {}", chunk.size()));
  Format f{load_le<std::uint16_t>(chunk.data()), load_le<std::uint16_t>(chunk.data() + 2), load_le<std::uint16_t>(chunk.data() + 12),
           load_le<std::uint16_t>(chunk.data() + 14), load_le<std::uint32_t>(chunk.data() + 4)};
  constexpr std::uint16_t kExtensible = 0xFFFE;
  if (f.code == kExtensible) {
    if (chunk.size() < 40) return bad("the extended format is truncated");
    f.code = load_le<std::uint16_t>(chunk.data() + 24);
  }
  if (f.code != 1 && f.code != 3) return bad(fmt::format("compression {} is not supported, only PCM and float", f.code), ErrorCode::Unsupported);
  const bool known = f.code == 3 ? f.bits == 32 || f.bits == 64 : f.bits == 8 || f.bits == 16 || f.bits == 24 || f.bits == 32;
  if (!known) return bad(fmt::format("{} bits a sample are not supported", f.bits), ErrorCode::Unsupported);
  VITRINE_CHECK(check_format(f.rate, f.channels, 0));
  if (f.block != f.channels * f.bits / 8)
    return bad(fmt::format("{} channels of {} bits take {} bytes, the format says {}", f.channels, f.bits, f.channels * f.bits / 8, f.block));
  return f;
}

float sample_of(const std::byte* from, const Format& f) {
  if (f.code == 3) return f.bits == 32 ? load_le<float>(from) : static_cast<float>(load_le<double>(from));
  switch (f.bits) {
    case 8: return (static_cast<float>(load_le<std::uint8_t>(from)) - 128.0F) / 128.0F;
    case 16: return static_cast<float>(load_le<std::int16_t>(from)) / 32768.0F;
    case 24: {
      const auto low = static_cast<std::uint32_t>(load_le<std::uint16_t>(from)), high = static_cast<std::uint32_t>(from[2]);
      return static_cast<float>(static_cast<std::int32_t>((low | high << 16) << 8)) / 2147483648.0F;
    }
    default: return static_cast<float>(load_le<std::int32_t>(from)) / 2147483648.0F;
  }
}

Result<Audio> samples_of(std::span<const std::byte> data, const Format& f) {
  const std::size_t frames = data.size() / f.block;
  VITRINE_CHECK(check_format(f.rate, f.channels, frames));
  Audio out{"wav", static_cast<int>(f.rate), f.channels, f.bits, {}};
  out.samples.resize(frames);
  const std::size_t width = f.bits / 8U;
  for (std::size_t i = 0; i < frames; ++i) {
    float sum = 0;
    for (std::size_t c = 0; c < f.channels; ++c) sum += sample_of(data.data() + i * f.block + c * width, f);
    out.samples[i] = sum / static_cast<float>(f.channels);
  }
  return out;
}

}  // namespace

Result<Audio> decode_wav(std::span<const std::byte> file, std::vector<std::string>& warnings) {
  constexpr std::size_t kHeader = 12, kChunk = 8;
  Format format;
  for (std::size_t at = kHeader; file.size() >= kChunk && at <= file.size() - kChunk;) {
    const std::string_view id = as_text(file.subspan(at, 4));
    const std::uint64_t stated = load_le<std::uint32_t>(file.data() + at + 4), left = file.size() - at - kChunk;
    const auto chunk = file.subspan(at + kChunk, static_cast<std::size_t>(std::min(stated, left)));
    if (id == "data") {
      if (format.block == 0) return fail_file(ErrorCode::FileFormat, {}, "WAV: the data come before the format", at);
      if (stated > left)
        warnings.push_back(fmt::format("WAV: the data should have {} bytes, {} are left (truncated)", stated, left));
      return samples_of(chunk, format);
    }
    if (stated > left)
      return fail_file(ErrorCode::FileFormat, {}, fmt::format("WAV: chunk '{}' says {} bytes, {} are left (truncated)", printable(id), stated, left), at);
    if (id == "fmt ") {
      VITRINE_TRY(format, read_format(chunk, at));
    }
    at += kChunk + static_cast<std::size_t>(stated + stated % 2);
  }
  return fail_file(ErrorCode::FileFormat, {}, "WAV: the file ends before its sound data (truncated)", file.size());
}

}  // namespace audio

Result<Audio> decode_audio(std::span<const std::byte> bytes, const std::string& name, std::vector<std::string>* warnings) {
  return within_memory(name, [&]() -> Result<Audio> {
    std::vector<std::string> said;
    const std::string_view text = as_text(bytes);
    Result<Audio> decoded = fail_file(ErrorCode::FileFormat, name, "the content is not recognised as sound: expected WAV or FLAC", 0);
    if (text.starts_with("RIFF") && text.substr(0, 12).ends_with("WAVE")) decoded = audio::decode_wav(bytes, said);
    else if (text.starts_with("fLaC")) decoded = audio::decode_flac(bytes, said);
    if (warnings != nullptr) *warnings = std::move(said);
    if (!decoded) decoded.error().file = name;
    return decoded;
  });
}

Result<Audio> decode_audio(const std::filesystem::path& path, std::vector<std::string>* warnings) {
  return within_memory(path.native(), [&]() -> Result<Audio> {
    VITRINE_TRY(const auto file, MappedFile::open(path));
    VITRINE_TRY(auto sound, decode_audio(file->bytes(), path.string(), warnings));
    VITRINE_CHECK(file->check_whole());
    return sound;
  });
}

}  // namespace vitrine::engine
