#include "engine/isolate/readers.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <fstream>
#include <thread>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "engine/io/json.h"
#include "engine/io/safetensors.h"
#include "engine/io/tensor_list.h"
#include "engine/isolate/reader.h"
#include "engine/isolate/spare_reader.h"
#include "engine/model/identify.h"
#include "tests/unit/io/golden_files.h"

namespace vitrine::engine {
namespace {

namespace fs = std::filesystem;
using test::golden_files;

/// What is said in this process, and then by the real reader.
template <class Ask>
auto both(Ask ask) {
  isolate::use_no_reader();
  auto here = ask();
  isolate::use_reader({VITRINE_BINARY_DIR "/bin/vitrine-reader"});
  auto apart = ask();
  isolate::use_no_reader();
  return std::pair(std::move(here), std::move(apart));
}

std::vector<fs::path> files_below(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

void expect_same_values(const Checkpoint& here, const Checkpoint& apart) {
  ASSERT_EQ(here.tensors().size(), apart.tensors().size());
  for (std::size_t i = 0; i < here.tensors().size(); ++i) {
    const TensorEntry &a = here.tensors()[i], &b = apart.tensors()[i];
    EXPECT_EQ(a.name, b.name);
    EXPECT_EQ(a.dtype, b.dtype);
    EXPECT_EQ(a.shape, b.shape);
    EXPECT_EQ(a.offset, b.offset);
    EXPECT_EQ(a.bytes, b.bytes);
    EXPECT_EQ(a.file, b.file);
    if (a.numel() > 1'000'000) continue;
    const auto x = here.read_f32(a), y = apart.read_f32(b);
    ASSERT_EQ(x.has_value(), y.has_value()) << a.name;
    if (x) {
      EXPECT_EQ(test::checksum(*x), test::checksum(*y)) << a.name;
    } else {
      EXPECT_EQ(sentence(x.error()), sentence(y.error()));
    }
  }
  EXPECT_EQ(here.metadata(), apart.metadata());
  EXPECT_EQ(here.warnings(), apart.warnings());
  EXPECT_EQ(here.files(), apart.files());
  EXPECT_EQ(here.format(), apart.format());
}

class Apart : public testing::TestWithParam<const char*> {};

TEST_P(Apart, EveryFileIsWhatItIsHere) {
  int opened = 0, refused = 0;
  for (const fs::path& file : files_below(golden_files() / GetParam())) {
    SCOPED_TRACE(file.string());
    const auto [here, apart] = both([&] { return identify(file); });
    ASSERT_EQ(here.has_value(), apart.has_value()) << sentence(here ? apart.error() : here.error());
    ++(here ? opened : refused);
    if (!here) {
      EXPECT_EQ(sentence(here.error()), sentence(apart.error()));
      EXPECT_EQ(here.error().code, apart.error().code);
      continue;
    }
    EXPECT_EQ(here->kind, apart->kind);
    EXPECT_EQ(here->sentence, apart->sentence);
    EXPECT_EQ(here->details, apart->details);
    EXPECT_EQ(here->warnings, apart->warnings);
    ASSERT_EQ(here->checkpoint != nullptr, apart->checkpoint != nullptr);
    if (here->checkpoint) expect_same_values(*here->checkpoint, *apart->checkpoint);
  }
  std::printf("%s: %d opened, %d refused alike\n", GetParam(), opened, refused);
  EXPECT_GT(opened, 3);
}

INSTANTIATE_TEST_SUITE_P(Valid, Apart,
                         testing::Values("valid/safetensors", "valid/torch", "valid/gguf", "valid/npy", "valid/onnx", "images"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '/', '_');
                           return name;
                         });

// A header of the largest size holds more than a million tensors, and the memory of the reader is four times the file.
TEST(ApartReader, ListsManyTensorsInAFewTimesTheirHeader) {
  if (isolate::kSanitized) GTEST_SKIP() << "memory is not limited under a sanitizer";
  constexpr std::size_t kCount = 200'000;
  const test::TemporaryFolder folder;
  std::string header = "{";
  for (std::size_t i = 0; i < kCount; ++i)
    header += fmt::format(R"({}"layers.{}.block.{}.w":{{"dtype":"F32","shape":[1,1],"data_offsets":[{},{}]}})", i == 0 ? "" : ",", i / 100, i, 4 * i, 4 * i + 4);
  header += "}";
  const std::uint64_t length = header.size();
  const fs::path path = folder.path() / "many.safetensors";
  std::ofstream(path, std::ios::binary).write(reinterpret_cast<const char*>(&length), sizeof length) << header << std::string(4 * kCount, '\0');
  isolate::use_reader({VITRINE_BINARY_DIR "/bin/vitrine-reader", {}, std::uint64_t{16} << 20});
  const auto apart = isolate::open_checkpoint(path);
  isolate::use_no_reader();
  ASSERT_TRUE(apart) << sentence(apart.error());
  const auto here = open_checkpoint(path);
  ASSERT_TRUE(here) << sentence(here.error());
  const auto list = tensor_list(*apart), expected = tensor_list(*here);
  ASSERT_EQ(list->size(), kCount);
  for (std::size_t i = 0; i < kCount; ++i) {
    const ListedTensor a = list->at(i), b = expected->at(i);
    ASSERT_TRUE(a.name == b.name && a.dtype == b.dtype && a.offset == b.offset && a.bytes == b.bytes && std::ranges::equal(a.shape, b.shape)) << i;
  }
  EXPECT_EQ((*apart)->find("layers.1999.block.199999.w")->bytes, 4U);
}

/// Whether one waits before long.
bool one_waits() {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!isolate::SpareReader::instance().waits() && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  return isolate::SpareReader::instance().waits();
}

TEST(ApartReader, WaitsBeforeItIsAsked) {
  isolate::use_reader({VITRINE_BINARY_DIR "/bin/vitrine-reader"});
  ASSERT_TRUE(one_waits());
  const fs::path file = golden_files() / "valid/control/good.safetensors";
  EXPECT_TRUE(isolate::open_checkpoint(file));
  ASSERT_TRUE(one_waits());
  // Names are looked up where the program is, not where it was.
  const fs::path before = fs::current_path();
  fs::current_path(file.parent_path());
  EXPECT_TRUE(isolate::open_checkpoint("good.safetensors"));
  fs::current_path(before);
  EXPECT_TRUE(isolate::open_checkpoint(file));
  isolate::use_no_reader();
  EXPECT_FALSE(isolate::SpareReader::instance().waits());
}

// A process that dies with its parent dies with the thread that started it: none of those who ask does.
TEST(ApartReader, OutlivesTheThreadThatAskedBefore) {
  isolate::use_reader({VITRINE_BINARY_DIR "/bin/vitrine-reader"});
  const fs::path file = golden_files() / "valid/control/good.safetensors";
  for (int round = 0; round < 8; ++round) {
    std::vector<std::thread> threads;
    std::atomic<int> opened = 0;
    for (int i = 0; i < 4; ++i) threads.emplace_back([&] { opened += isolate::open_checkpoint(file).has_value(); });
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(opened, 4);
  }
  isolate::use_no_reader();
}

TEST(ApartReader, GivesThePixels) {
  for (const fs::path& file : files_below(golden_files() / "images")) {
    if (file.extension() != ".png") continue;
    const auto [here, apart] = both([&] { return isolate::decode_image(file); });
    ASSERT_EQ(here.has_value(), apart.has_value()) << file;
    if (here) {
      EXPECT_EQ(here->pixels, apart->pixels) << file;
    }
  }
}

TEST(ApartReader, RehearsesTokenizersOfWhichTheSameBytesRun) {
  int seen = 0;
  for (const auto& entry : fs::directory_iterator(golden_files() / "tokenizers")) {
    if (!entry.is_directory()) continue;
    const auto [here, apart] = both([&] { return isolate::open_tokenizer(entry.path()); });
    ASSERT_EQ(here.has_value(), apart.has_value()) << entry.path() << sentence(here ? apart.error() : here.error());
    if (!here) continue;
    ++seen;
    const auto a = (*here)->encode("Ärger mit 3 dogs…"), b = (*apart)->encode("Ärger mit 3 dogs…");
    ASSERT_TRUE(a && b);
    ASSERT_EQ(a->tokens.size(), b->tokens.size());
    for (std::size_t i = 0; i < a->tokens.size(); ++i) EXPECT_EQ(a->tokens[i].id, b->tokens[i].id);
  }
  EXPECT_GT(seen, 2);
}

TEST(ApartReader, ReadsJsonAsTheStrictParserDoes) {
  const test::TemporaryFolder folder;
  const fs::path path = folder.path() / "config.json";
  for (const char* text : {R"({"a":[1,-2,3.5,1e300,true,null,"ä\u0000",{"b":{}}],"z":18446744073709551615})", "[]", "\"x\"", "{",
                           "{\"a\":1,\"a\":2}", "NaN", ""}) {
    std::ofstream(path) << text;
    const auto [here, apart] = both([&] { return isolate::read_json_file(path, 1000); });
    ASSERT_EQ(here.has_value(), apart.has_value()) << text;
    if (here) {
      EXPECT_EQ(*here, *apart);
    } else {
      EXPECT_EQ(sentence(here.error()), sentence(apart.error()));
    }
  }
}

TEST(ApartReader, SaysWhatProtects) {
  isolate::use_reader({VITRINE_BINARY_DIR "/bin/vitrine-reader"});
  const auto names = isolate::protections();
  isolate::use_no_reader();
  ASSERT_TRUE(names) << sentence(names.error());
  if (!isolate::kSanitized) {
    EXPECT_NE(std::find(names->begin(), names->end(), "seccomp"), names->end());
  }
}

TEST(ApartReader, KeepsReadingAFileThatWasReplacedSinceItWasOpened) {
  const test::TemporaryFolder folder;
  const fs::path path = folder.path() / "model.safetensors";
  const std::vector<float> values(500'000, 2.0F), others(10, 1.0F);
  ASSERT_TRUE(write_safetensors(path, {{"w", {500'000}, values}}));
  isolate::use_reader({VITRINE_BINARY_DIR "/bin/vitrine-reader"});
  const auto opened = isolate::open_checkpoint(path);
  isolate::use_no_reader();
  ASSERT_TRUE(opened);
  ASSERT_TRUE(write_safetensors(path, {{"w", {10}, others}}));   // another file of that name
  EXPECT_EQ(*(*opened)->read_f32(*(*opened)->find("w")), values);
}

}  // namespace
}  // namespace vitrine::engine
