#include <cmath>

#include "engine/io/audio_codecs.h"
#include "engine/io/csv.h"
#include "tests/fuzz/target.h"

using namespace vitrine;
using namespace vitrine::fuzz;

namespace {

void check_sound(const engine::Result<engine::Audio>& sound, std::size_t file_bytes) {
  if (!sound) return check_error(sound.error(), file_bytes);
  require(sound->rate > 0 && sound->channels > 0, "a sound without a rate or a channel");
  require(sound->samples.size() <= engine::audio::kMaxFrames, "more samples than may be");
  require(std::isfinite(sound->seconds()), "a sound that never ends");
}

}  // namespace

VITRINE_FUZZ_TARGET(wav) {
  std::vector<std::string> warnings;
  if (as_text(bytes).starts_with("RIFF")) check_sound(engine::audio::decode_wav(std::as_bytes(bytes), warnings), bytes.size());
}

VITRINE_FUZZ_TARGET(flac) {
  std::vector<std::string> warnings;
  if (as_text(bytes).starts_with("fLaC")) check_sound(engine::audio::decode_flac(std::as_bytes(bytes), warnings), bytes.size());
}

VITRINE_FUZZ_TARGET(csv) {
  const auto table = engine::read_csv(as_text(bytes), "a.csv");
  if (!table) return check_error(table.error(), bytes.size());
  for (const auto& row : table->rows) require(row.size() == table->columns.size(), "a row of another length than the head");
  for (std::size_t i = 0; i < table->columns.size(); ++i) {
    const auto numbers = engine::csv_numbers(*table, i, "a.csv");
    if (numbers) require(numbers->size() == table->rows.size(), "another number of numbers than rows");
    else check_error(numbers.error(), bytes.size());
  }
}
