#include <algorithm>
#include <cstring>
#include <memory>
#include <new>

#include <FLAC/stream_decoder.h>
#include <fmt/format.h>

#include "engine/core/memory.h"
#include "engine/io/audio_codecs.h"

namespace vitrine::engine::audio {
namespace {

/// What libFLAC calls back into.
struct Reader {
  std::span<const std::byte> file;
  std::size_t at = 0;
  Audio sound{"flac", 0, 0, 0, {}};
  const char* problem = nullptr;
  bool over_limit = false, no_memory = false;
};

FLAC__StreamDecoderReadStatus on_read(const FLAC__StreamDecoder*, FLAC__byte out[], size_t* bytes, void* user) {
  auto* reader = static_cast<Reader*>(user);
  *bytes = std::min(*bytes, reader->file.size() - reader->at);
  if (*bytes == 0) return FLAC__STREAM_DECODER_READ_STATUS_END_OF_STREAM;
  std::memcpy(out, reader->file.data() + reader->at, *bytes);
  reader->at += *bytes;
  return FLAC__STREAM_DECODER_READ_STATUS_CONTINUE;
}

FLAC__StreamDecoderWriteStatus on_frame(const FLAC__StreamDecoder*, const FLAC__Frame* frame, const FLAC__int32* const planes[], void* user) {
  auto* reader = static_cast<Reader*>(user);
  const auto& header = frame->header;
  Audio& sound = reader->sound;
  const bool first = sound.rate == 0;
  if (first) {
    sound.rate = static_cast<int>(header.sample_rate);
    sound.channels = static_cast<int>(header.channels);
    sound.bits = static_cast<int>(header.bits_per_sample);
  }
  const bool same = sound.rate == static_cast<int>(header.sample_rate) && sound.channels == static_cast<int>(header.channels) &&
                    sound.bits == static_cast<int>(header.bits_per_sample);
  if (!same || sound.bits < 4 || sound.bits > 32 || !check_format(header.sample_rate, header.channels, sound.samples.size() + header.blocksize)) {
    reader->problem = same ? "the sound is over the limits" : "its format changes in the middle";
    reader->over_limit = same;
    return FLAC__STREAM_DECODER_WRITE_STATUS_ABORT;
  }
  const float scale = 1.0F / static_cast<float>(std::uint32_t{1} << (sound.bits - 1)) / static_cast<float>(sound.channels);
  const std::size_t before = sound.samples.size();
  try {
    sound.samples.resize(before + header.blocksize);
  } catch (const std::bad_alloc&) {
    reader->no_memory = true;   // no exception may pass through libFLAC
    return FLAC__STREAM_DECODER_WRITE_STATUS_ABORT;
  }
  for (unsigned i = 0; i < header.blocksize; ++i) {
    float sum = 0;
    for (unsigned c = 0; c < header.channels; ++c) sum += static_cast<float>(planes[c][i]);
    sound.samples[before + i] = sum * scale;
  }
  return FLAC__STREAM_DECODER_WRITE_STATUS_CONTINUE;
}

void on_error(const FLAC__StreamDecoder*, FLAC__StreamDecoderErrorStatus status, void* user) {
  auto* reader = static_cast<Reader*>(user);
  if (reader->problem == nullptr) reader->problem = FLAC__StreamDecoderErrorStatusString[status];
}

}  // namespace

Result<Audio> decode_flac(std::span<const std::byte> file, std::vector<std::string>& warnings) {
  Reader reader{file};
  const std::unique_ptr<FLAC__StreamDecoder, decltype(&FLAC__stream_decoder_delete)> decoder(FLAC__stream_decoder_new(), FLAC__stream_decoder_delete);
  if (!decoder) return fail(out_of_memory({}));
  FLAC__stream_decoder_set_md5_checking(decoder.get(), 1);
  // With these callbacks nothing but a lack of memory keeps it from starting.
  if (FLAC__stream_decoder_init_stream(decoder.get(), on_read, nullptr, nullptr, nullptr, nullptr, on_frame, nullptr, on_error, &reader) !=
      FLAC__STREAM_DECODER_INIT_STATUS_OK)
    return fail(out_of_memory({}));
  const bool whole = FLAC__stream_decoder_process_until_end_of_stream(decoder.get()) != 0;
  // Where its checksum finds no memory, libFLAC itself aborts, without a word.
  const auto state = FLAC__stream_decoder_get_state(decoder.get());
  const bool aborted_itself = state == FLAC__STREAM_DECODER_ABORTED && reader.problem == nullptr;
  if (reader.no_memory || aborted_itself || state == FLAC__STREAM_DECODER_MEMORY_ALLOCATION_ERROR) return fail(out_of_memory({}));
  const auto expected = FLAC__stream_decoder_get_total_samples(decoder.get());
  const bool intact = FLAC__stream_decoder_finish(decoder.get()) != 0;
  if (!whole || reader.problem != nullptr || reader.sound.samples.empty())
    return fail_file(reader.over_limit ? ErrorCode::FileLimit : ErrorCode::FileFormat, {},
                     fmt::format("FLAC: the sound is corrupt or truncated: {}", reader.problem == nullptr ? "it holds no samples" : reader.problem),
                     reader.at);
  if (expected != 0 && expected != reader.sound.samples.size())
    return fail_file(ErrorCode::FileFormat, {}, fmt::format("FLAC: the header says {} samples, {} came (truncated)", expected, reader.sound.samples.size()), reader.at);
  if (!intact) warnings.emplace_back("FLAC: the checksum of the samples differs from the file's");
  return std::move(reader.sound);
}

}  // namespace vitrine::engine::audio
