#include "engine/io/audio.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include <gtest/gtest.h>

#include "engine/io/checkpoint.h"
#include "engine/model/identify.h"
#include "golden_files.h"

namespace vitrine::engine {
namespace {

namespace fs = std::filesystem;
using namespace std::string_literals;
const fs::path kSounds = VITRINE_SOURCE_DIR "/tests/golden/files/audio";

std::vector<float> expected(const std::string& name) {
  const auto file = open_checkpoint(kSounds / "expected.safetensors");
  if (!file || (*file)->find(name) == nullptr) return {};
  return *(*file)->read_f32(*(*file)->find(name));
}

double worst(const std::vector<float>& a, const std::vector<float>& b, std::size_t count) {
  if (a.size() < count || b.size() < count || count == 0) return 1e9;
  double most = 0;
  for (std::size_t i = 0; i < count; ++i) most = std::max(most, std::abs(double{a[i]} - b[i]));
  return most;
}

TEST(DecodeAudio, GivesTheSamplesOfEveryWidth) {
  const auto want = expected("mono");
  const std::vector<std::pair<const char*, double>> files = {{"mono16.wav", 1e-7}, {"u8.wav", 1.01 / 128}, {"s24.wav", 1e-6}, {"s32.wav", 1e-6},
                                                             {"f32.wav", 1e-6},    {"f64.wav", 1e-6},      {"mono24.flac", 1e-6}};
  for (const auto& [name, allowed] : files) {
    const auto sound = decode_audio(kSounds / name);
    ASSERT_TRUE(sound) << sentence(sound.error());
    EXPECT_EQ(sound->rate, 16000) << name;
    EXPECT_LE(worst(sound->samples, want, sound->samples.size()), allowed) << name;
    EXPECT_GE(sound->samples.size(), 1600U) << name;
  }
}

TEST(Identify, SaysWhatSoundsAndTablesAre) {
  const auto sound = identify(kSounds / "stereo.flac");
  ASSERT_TRUE(sound) << sentence(sound.error());
  EXPECT_EQ(sound->kind, FileKind::Audio);
  EXPECT_EQ(sound->sentence, "a flac sound of 0.181 s, 2 channels at 22050 Hz");
  const test::TemporaryFolder folder;
  std::ofstream(folder.path() / "t.csv") << "a,b\n1,2\n";
  const auto table = identify(folder.path() / "t.csv");
  ASSERT_TRUE(table) << sentence(table.error());
  EXPECT_EQ(table->sentence, "a table of 1 row and 2 columns");
}

TEST(DecodeAudio, MixesChannels) {
  const auto sound = decode_audio(kSounds / "stereo.flac");
  ASSERT_TRUE(sound) << sentence(sound.error());
  EXPECT_EQ(sound->channels, 2);
  EXPECT_EQ(sound->rate, 22050);
  EXPECT_LE(worst(sound->samples, expected("stereo"), 4000), 1e-6);
}

TEST(LogMel, IsWhispers) {
  const auto sound = decode_audio(kSounds / "mono16.wav");
  ASSERT_TRUE(sound);
  for (const int mels : {80, 128}) {
    const auto got = log_mel(sound->samples, mels);
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(got->frames, 3000);
    const auto want = expected("mel" + std::to_string(mels)), rest = expected("rest" + std::to_string(mels));
    ASSERT_EQ(want.size(), static_cast<std::size_t>(mels) * 72);
    double most = 0;
    for (std::size_t m = 0; m < static_cast<std::size_t>(mels); ++m) {
      for (std::size_t t = 0; t < 72; ++t) most = std::max(most, std::abs(double{got->values[m * 3000 + t]} - want[m * 72 + t]));
      most = std::max(most, std::abs(double{got->values[m * 3000 + 2999]} - rest[m]));
    }
    EXPECT_LE(most, 1e-4) << mels;
  }
}

TEST(Resample, IsTheWindowedSinc) {
  const auto stereo = expected("stereo"), mono = expected("mono");
  const auto down = resample(std::span(stereo).first(2000), 22050, 16000), up = resample(std::span(mono).first(800), 16000, 24000);
  EXPECT_EQ(down.size(), expected("to16000").size());
  EXPECT_LE(worst(down, expected("to16000"), down.size()), 1e-6);
  EXPECT_LE(worst(up, expected("to24000"), up.size()), 1e-6);
}

std::string refusal(const char* name, const std::function<void(std::string&)>& change) {
  std::string bytes = test::read_text(kSounds / name);
  change(bytes);
  std::vector<std::string> warnings;
  const auto sound = decode_audio(std::as_bytes(std::span<const char>(bytes)), name, &warnings);
  return sound ? (warnings.empty() ? "" : warnings.front()) : sentence(sound.error());
}

TEST(DecodeAudio, RefusesHostileFilesInOneSentence) {
  const auto put = [](std::size_t at, char value) { return [=](std::string& b) { b[at] = value; }; };
  const auto cut = [](std::size_t to) { return [=](std::string& b) { b.resize(to); }; };
  EXPECT_EQ(refusal("mono16.wav", [](std::string&) {}), "");
  EXPECT_NE(refusal("mono16.wav", put(0, 'X')).find("expected WAV or FLAC"), std::string::npos);
  EXPECT_NE(refusal("mono16.wav", put(20, 85)).find("compression 85"), std::string::npos);
  EXPECT_NE(refusal("mono16.wav", put(22, 100)).find("limits"), std::string::npos);
  EXPECT_NE(refusal("mono16.wav", put(22, 2)).find("the format says"), std::string::npos);
  EXPECT_NE(refusal("mono16.wav", put(34, 12)).find("12 bits"), std::string::npos);
  EXPECT_NE(refusal("mono16.wav", put(16, 0)).find("16 bytes, came 0"), std::string::npos);
  EXPECT_NE(refusal("mono16.wav", cut(30)).find("truncated"), std::string::npos);
  EXPECT_NE(refusal("mono16.wav", cut(1000)).find("truncated"), std::string::npos);
  EXPECT_NE(refusal("stereo.flac", cut(3000)).find("FLAC"), std::string::npos);
  EXPECT_NE(refusal("stereo.flac", cut(20)).find("FLAC"), std::string::npos);
  EXPECT_NE(refusal("stereo.flac", [](std::string& b) { b[b.size() / 2] = static_cast<char>(b[b.size() / 2] ^ 0x55); }).find("FLAC"), std::string::npos);
  EXPECT_FALSE(log_mel(std::vector<float>{NAN}, 80));
}

/// A WAV file of the chunks given.
std::string wav(const std::vector<std::pair<std::string, std::string>>& chunks) {
  std::string out = "RIFF\x10\x00\x00\x00WAVE"s;
  for (const auto& [id, data] : chunks) {
    const auto size = static_cast<std::uint32_t>(data.size());
    out += id + std::string(reinterpret_cast<const char*>(&size), 4) + data;
  }
  return out;
}

Result<Audio> decode(const std::string& bytes) { return decode_audio(std::as_bytes(std::span(bytes)), "a.wav"); }

TEST(DecodeWav, TakesTheExtendedFormat) {
  const std::string plain = "\x01\x00\x01\x00\x40\x1F\x00\x00\x80\x3E\x00\x00\x02\x00\x10\x00"s;
  const std::string extended = "\xFE\xFF"s + plain.substr(2) + "\x16\x00\x10\x00\x04\x00\x00\x00"s + "\x01\x00\x00\x00\x00\x00\x10\x00\x80\x00\x00\xAA\x00\x38\x9B\x71"s;
  const std::string data = "\x00\x40\x00\xC0"s;   // one half and its negative
  for (const std::string& format : {plain, extended}) {
    const auto sound = decode(wav({{"fmt ", format}, {"data", data}}));
    ASSERT_TRUE(sound) << sentence(sound.error());
    EXPECT_EQ(sound->rate, 8000);
    EXPECT_EQ(sound->samples, (std::vector<float>{0.5F, -0.5F}));
  }
  EXPECT_EQ(decode(wav({{"fmt ", extended.substr(0, 39)}, {"data", data}})).error().message, "WAV: the extended format is truncated");
  const auto silent = decode(wav({{"fmt ", plain}, {"LIST", "abcd"}}));
  ASSERT_FALSE(silent);
  EXPECT_EQ(silent.error().message, "WAV: the file ends before its sound data (truncated)");
}

/// The frames of a FLAC file, behind its blocks of metadata.
std::string frames_of(const std::string& file) {
  std::size_t at = 4;
  for (bool last = false; !last;) {
    last = (file[at] & 0x80) != 0;
    const auto byte = [&](std::size_t i) { return static_cast<std::size_t>(static_cast<unsigned char>(file[at + i])); };
    at += 4 + (byte(1) << 16 | byte(2) << 8 | byte(3));
  }
  return file.substr(at);
}

TEST(DecodeFlac, KeepsOneFormatToTheEnd) {
  const std::string mono = test::read_text(kSounds / "mono24.flac");
  const auto joined = decode(mono + frames_of(test::read_text(kSounds / "stereo.flac")));
  ASSERT_FALSE(joined);
  EXPECT_EQ(joined.error().message, "FLAC: the sound is corrupt or truncated: its format changes in the middle");
}

TEST(DecodeFlac, HasAsManySamplesAsItSays) {
  std::string mono = test::read_text(kSounds / "mono24.flac");
  const auto before = decode(mono);
  ASSERT_TRUE(before);
  mono[8 + 17] = static_cast<char>(mono[8 + 17] ^ 1);   // the last byte of the count
  const auto sound = decode(mono);
  ASSERT_FALSE(sound);
  EXPECT_TRUE(sound.error().message.starts_with("FLAC: the header says ") &&
              sound.error().message.ends_with(" samples, " + std::to_string(before->samples.size()) + " came (truncated)"))
      << sound.error().message;
}

TEST(LogMel, RefusesNumbersThatMakeNoPicture) {
  const std::vector<float> sound(100);
  for (const auto& [mels, seconds] : {std::pair{0, 30}, {257, 30}, {80, 0}, {80, 1 << 20}}) {
    const auto got = log_mel(sound, mels, seconds);
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code, ErrorCode::InvalidInput);
    EXPECT_TRUE(got.error().message.ends_with("came " + std::to_string(mels) + " and " + std::to_string(seconds))) << got.error().message;
  }
}

}  // namespace
}  // namespace vitrine::engine
