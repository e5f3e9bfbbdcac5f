#include <algorithm>
#include <filesystem>
#include <functional>
#include <optional>

#include <gtest/gtest.h>

#include "app/session/session_file.h"
#include "engine/batch/job.h"
#include "engine/core/memory.h"
#include "engine/io/audio.h"
#include "engine/io/checkpoint.h"
#include "engine/io/image.h"
#include "engine/io/json.h"
#include "engine/io/plugin_manifest.h"
#include "engine/io/quantised.h"
#include "engine/model/identify.h"
#include "engine/text/tokenizer.h"
#include "tests/fault/faults.h"

namespace vitrine::fault {
namespace {

namespace fs = std::filesystem;
using engine::Error;
using engine::ErrorCode;

/// What a reader made of a file: the error, or a number that any other reading of the same bytes must give again.
struct Outcome {
  std::optional<Error> error;
  std::uint64_t digest = 0;

  template <class T>
  [[nodiscard]] bool take(const engine::Result<T>& result) {
    if (!result) error = result.error();
    return result.has_value();
  }
  void add(std::uint64_t value) { digest = (digest ^ value) * 0x100000001B3U; }
  void add(const std::string& text) {
    for (const char c : text) add(static_cast<unsigned char>(c));
  }
};

Outcome read_weights(const fs::path& path) {
  Outcome out;
  const auto opened = engine::open_checkpoint(path);
  if (!out.take(opened)) return out;
  for (const auto& entry : (*opened)->tensors()) {
    out.add(entry.name);
    if (entry.numel() > 4096) continue;
    const auto values = (*opened)->read_f32(entry);
    if (!values && values.error().code == ErrorCode::Unsupported) continue;
    if (!out.take(values)) return out;
    for (const float v : *values) out.add(static_cast<std::uint64_t>(v == v ? static_cast<double>(v) * 8 : 1));
  }
  out.add((*opened)->warnings().size());
  return out;
}

Outcome read_quantised(const fs::path& path) {
  Outcome out;
  const auto opened = engine::open_checkpoint(path);
  if (!out.take(opened)) return out;
  const auto config = engine::read_json_file(path.parent_path() / "config.json");
  if (!out.take(config)) return out;
  const auto plain = engine::dequantised(*opened, *config);
  if (!out.take(plain)) return out;
  for (const auto& entry : (*plain)->tensors()) {
    if (!entry.name.ends_with("k_proj.weight")) continue;
    const auto values = (*plain)->read_f32(entry);
    if (!out.take(values)) return out;
    for (const float v : *values) out.add(static_cast<std::uint64_t>(static_cast<std::int64_t>(v * 4096)));
  }
  return out;
}

Outcome read_sound(const fs::path& path) {
  Outcome out;
  const auto sound = engine::decode_audio(path);
  if (!out.take(sound)) return out;
  for (const float v : sound->samples) out.add(static_cast<std::uint64_t>(static_cast<std::int64_t>(v * 32768)));
  return out;
}

Outcome read_tokenizer(const fs::path& path) {
  Outcome out;
  const auto opened = engine::open_tokenizer(path);
  if (!out.take(opened)) return out;
  const auto encoding = (*opened)->encode("Hello, na\xC3\xAFve  world 123!\n");
  if (!out.take(encoding)) return out;
  for (const auto& token : encoding->tokens) out.add(static_cast<std::uint64_t>(token.id));
  return out;
}

Outcome read_image(const fs::path& path) {
  Outcome out;
  const auto image = engine::decode_image(path);
  if (!out.take(image)) return out;
  for (const auto value : image->pixels) out.add(value);
  return out;
}

Outcome read_any(const fs::path& path) {
  Outcome out;
  const auto identity = engine::identify(path);
  if (!out.take(identity)) return out;
  out.add(identity->sentence);
  return out;
}

Outcome read_plugin(const fs::path& path) {
  Outcome out;
  const auto manifest = engine::read_manifest(path);
  if (out.take(manifest)) out.add(manifest->id);
  return out;
}

Outcome read_session(const fs::path& path) {
  Outcome out;
  const auto session = app::read_session(path);
  if (out.take(session)) out.add(session->seed);
  return out;
}

Outcome read_job(const fs::path& path) {
  Outcome out;
  const auto job = engine::read_job(path);
  if (out.take(job)) out.add(job->sections.size());
  return out;
}

struct Reader {
  const char* name;
  Outcome (*read)(const fs::path&);
  std::vector<const char*> files;  ///< below the source folder; of a folder, all files of at most 64 KB
};
void PrintTo(const Reader& reader, std::ostream* out) { *out << reader.name; }

const std::vector<Reader>& readers() {
  static const std::vector<Reader> kReaders = {
      {"safetensors", read_weights, {"tests/golden/files/valid/safetensors", "tests/golden/files/valid/control/good.safetensors"}},
      {"gguf", read_weights, {"tests/golden/files/valid/gguf", "tests/golden/files/valid/control/good.gguf"}},
      {"onnx", read_weights, {"tests/golden/files/valid/onnx", "tests/golden/files/valid/control/good.onnx"}},
      {"torch", read_weights, {"tests/golden/files/valid/torch", "tests/golden/files/valid/control/good.pt"}},
      {"quantised", read_quantised,
       {"tests/golden/files/quantised/gptq4_order/model.safetensors", "tests/golden/files/quantised/awq4/model.safetensors",
        "tests/golden/files/quantised/bnb_nf4_nested/model.safetensors", "tests/golden/files/quantised/ct_pack4_zeros/model.safetensors"}},
      {"audio", read_sound,
       {"tests/golden/files/audio/s24.wav", "tests/golden/files/audio/mono24.flac", "tests/golden/files/audio/stereo.flac"}},
      {"npy", read_weights, {"tests/golden/files/valid/npy", "tests/golden/files/valid/control/good.npz"}},
      {"tokenizer", read_tokenizer,
       {"tests/golden/files/valid/control/good_tokenizer.json", "tests/golden/files/valid/control/good_unigram_tokenizer.json",
        "tests/golden/files/valid/control/good_wordpiece_tokenizer.json", "tests/fuzz/seeds/sentencepiece/unigram.model",
        "tests/fuzz/seeds/sentencepiece/bpe.model", "tests/fuzz/seeds/vocab_txt/ok.txt", "tests/fuzz/seeds/tokenizer_json"}},
      {"image", read_image, {"tests/fuzz/seeds/png", "tests/fuzz/seeds/jpeg", "tests/fuzz/seeds/webp", "tests/fuzz/seeds/gif", "tests/fuzz/seeds/bmp"}},
      {"tiff", read_image, {"tests/fuzz/seeds/tiff"}},
      {"config", read_any,
       {"tests/golden/files/valid/control/good_config_llama.json", "tests/golden/files/valid/control/good_config_swin.json",
        "tests/golden/files/valid/control/good_config_vit.json"}},
      {"manifest", read_plugin, {"tests/fuzz/seeds/manifest/none.json", "tests/fuzz/seeds/manifest/data.json"}},
      {"session", read_session, {"tests/fuzz/seeds/session"}},
      {"job", read_job, {"tests/fuzz/seeds/job"}}};
  return kReaders;
}

constexpr std::uintmax_t kMostBytes = 64 << 10;
constexpr std::size_t kAllCallsBelow = 3000;
constexpr std::size_t kReserve = std::size_t{4} << 20;  ///< as memory.cpp has it

std::vector<fs::path> files_of(const Reader& reader) {
  std::vector<fs::path> files;
  for (const char* name : reader.files) {
    const fs::path path = fs::path(VITRINE_SOURCE_DIR) / name;
    if (fs::is_regular_file(path)) files.push_back(path);
    if (!fs::is_directory(path)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(path))
      if (entry.is_regular_file() && entry.file_size() <= kMostBytes && entry.path().filename() != "expected.json")
        files.push_back(entry.path());
  }
  std::ranges::sort(files);
  return files;
}

/// Reads with something failing; what the reader leaves behind shows in the tally.
Outcome read_under(const Reader& reader, const fs::path& file, const Plan& plan, Tally& tally) {
  Outcome out;
  EXPECT_TRUE(engine::keep_memory_in_reserve());
  arm(plan);
  try {
    out = reader.read(file);
  } catch (const std::exception& problem) {
    disarm();
    ADD_FAILURE() << "an exception came out: " << problem.what();
    return out;
  }
  tally = disarm();
  return out;
}

class Faults : public testing::TestWithParam<Reader> {
 protected:
  /// Every call of a kind, one after another; `judge` says whether the error is the right one.
  void fail_each(Kind kind, bool all_after, const std::function<bool(const Error&)>& judge) {
    std::size_t injected = 0, refused = 0;
    for (const fs::path& file : files_of(GetParam())) {
      SCOPED_TRACE(file.string());
      Tally tally;
      (void)GetParam().read(file);  // tables that are made once, on first use
      const Outcome whole = read_under(GetParam(), file, {kind, SIZE_MAX, false}, tally);
      const std::size_t calls = tally.calls;
      const std::size_t stride = calls > kAllCallsBelow ? calls / kAllCallsBelow + 1 : 1;
      for (std::size_t at = 0; at < calls; at += stride) {
        const Outcome out = read_under(GetParam(), file, {kind, at, all_after}, tally);
        check(out, whole, tally, judge, at);
        if (HasFailure()) return;
        injected += tally.failed > 0 ? 1 : 0;
        refused += out.error && !whole.error ? 1 : 0;
      }
    }
    RecordProperty("injected", static_cast<int>(injected));
    std::printf("%s: %zu failures injected, %zu errors\n", GetParam().name, injected, refused);
    EXPECT_GT(injected, 0U);
  }

  static void check(const Outcome& out, const Outcome& whole, const Tally& tally,
                    const std::function<bool(const Error&)>& judge, std::size_t at) {
    const std::string which = "call " + std::to_string(at);
    EXPECT_EQ(tally.files, 0) << which << " left a file open";
    EXPECT_EQ(tally.maps, 0) << which << " left a file mapped";
    if (out.error && tally.failed > 0) {
      const bool same = whole.error && whole.error->message == out.error->message;
      EXPECT_TRUE(same || judge(*out.error)) << which << ": " << engine::sentence(*out.error);
    } else {
      EXPECT_EQ(out.error.has_value(), whole.error.has_value()) << which;
      EXPECT_EQ(out.digest, whole.digest) << which << ": what was read is not what the file says";
    }
  }
};

/// libwebp calls a lossless picture that it has no memory for damaged.
bool about_memory(const Error& error) {
  if (error.message == "WebP: the image data is corrupt or truncated") return true;
  const bool code = error.code == ErrorCode::FileLimit || error.code == ErrorCode::DoesNotFit;
  return code && error.message.find("memory") != std::string::npos;
}

bool about_file(const Error& error) {
  return (error.code == ErrorCode::FileMissing || error.code == ErrorCode::FileFormat || error.code == ErrorCode::FileLimit) &&
         !error.message.empty();
}

/// libtiff 4.5 itself follows a null pointer after a failed allocation; the process that reads for the program takes that
/// (tests/unit/isolate/lacking_memory_test.cpp fails each allocation there).
bool survives_no_memory(const Reader& reader) { return std::string_view(reader.name) != "tiff"; }

TEST_P(Faults, AnyAllocationThatFailsIsAnError) {
  if (!survives_no_memory(GetParam())) GTEST_SKIP() << "libtiff does not survive it";
  fail_each(Kind::Allocation, false, about_memory);
}

/// Memory that is gone and stays gone but for the reserve, in 400 steps from none to all that is needed.
TEST_P(Faults, AnyBudgetThatIsTooSmallIsAnError) {
  constexpr std::size_t budgets = 400;
  if (!survives_no_memory(GetParam())) GTEST_SKIP() << "libtiff does not survive it";
  for (const fs::path& file : files_of(GetParam())) {
    SCOPED_TRACE(file.string());
    Tally tally;
    (void)GetParam().read(file);
    const Outcome whole = read_under(GetParam(), file, {Kind::Allocation, SIZE_MAX, false}, tally);
    const std::size_t most = tally.most;
    for (std::size_t i = 0; i <= budgets; ++i) {
      const std::size_t budget = most * i / budgets;
      const Outcome out = read_under(GetParam(), file, {Kind::Budget, budget, false}, tally);
      check(out, whole, tally, about_memory, budget);
      if (HasFailure()) return;
    }
  }
}
TEST_P(Faults, AnyFileCallThatFailsIsAnError) { fail_each(Kind::Call, false, about_file); }
TEST_P(Faults, FileCallsThatFailFromAnyPointOnAreAnError) { fail_each(Kind::Call, true, about_file); }
TEST_P(Faults, AnyReadThatGivesLessIsAnErrorOrRepeated) { fail_each(Kind::ShortRead, false, about_file); }

INSTANTIATE_TEST_SUITE_P(Readers, Faults, testing::ValuesIn(readers()), [](const auto& info) { return std::string(info.param.name); });

/// Whatever fails, nothing that was allocated on the way stays behind.
TEST_P(Faults, NothingAllocatedStaysBehind) {
  std::size_t rounds = 0;
  if (!survives_no_memory(GetParam())) GTEST_SKIP() << "libtiff does not survive it";
  for (const fs::path& file : files_of(GetParam())) {
    SCOPED_TRACE(file.string());
    (void)GetParam().read(file);
    for (std::size_t at = 0, calls = 1; at < calls; at += calls / 400 + 1) {
      Tally tally;
      ASSERT_TRUE(engine::keep_memory_in_reserve());
      arm({Kind::Allocation, at, false});
      { const Outcome out = GetParam().read(file); }
      tally = disarm();
      ++rounds;
      calls = std::max(calls, tally.calls);
      // What a later door has set aside again is no leak.
      const bool reserve = tally.blocks == 1 && tally.held >= kReserve && tally.held < kReserve + 8192;
      ASSERT_TRUE(tally.blocks == 0 || reserve) << tally.blocks << " blocks after allocation " << at << " of " << calls;
    }
  }
  EXPECT_GT(rounds, 0U);
}

}  // namespace
}  // namespace vitrine::fault
