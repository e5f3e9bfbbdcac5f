#include <chrono>
#include <regex>

#include <gtest/gtest.h>

#include "engine/io/safetensors.h"
#include "engine/isolate/readers.h"
#include "engine/isolate/reader.h"
#include "tests/unit/io/golden_files.h"

namespace vitrine::engine {
namespace {

namespace fs = std::filesystem;

struct Row {
  const char* act;
  ErrorCode code;
  const char* sentence;   ///< regular expression
};

const char* const kNonsense = "the reader answered nonsense about it: it ";

class BadReader : public testing::TestWithParam<Row> {
 protected:
  void SetUp() override {
    use_fake_reader(std::chrono::seconds(1));
    fs::current_path(folder_.path());
  }
  static void use_fake_reader(std::chrono::seconds patience) {
    isolate::use_reader({VITRINE_BINARY_DIR "/bin/fake-reader", patience});
  }
  void TearDown() override {
    isolate::use_no_reader();
    fs::current_path("/");
  }
  fs::path write(const std::string& name) const {
    const std::vector<float> values{1, 2, 3, 4};
    const fs::path path = folder_.path() / name;
    EXPECT_TRUE(write_safetensors(path, {{"w", {2, 2}, values}}));
    return path;
  }
  std::size_t entries() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder_.path()), fs::directory_iterator()));
  }

  test::TemporaryFolder folder_;
};

TEST_P(BadReader, CostsOnlyItsOwnRequest) {
  if (isolate::kSanitized && std::string(GetParam().sentence).find("signal 31") != std::string::npos)
    GTEST_SKIP() << "no seccomp under a sanitizer";
  // Only what never ends by itself is given up, so that a busy machine changes nothing.
  if (GetParam().code != ErrorCode::FileLimit) use_fake_reader(std::chrono::seconds(30));
  const fs::path path = write(GetParam().act + std::string(".safetensors")), good = write("sound.safetensors");
  const auto begin = std::chrono::steady_clock::now();
  const auto opened = isolate::open_checkpoint(path);
  const auto took = std::chrono::steady_clock::now() - begin;
  ASSERT_FALSE(opened) << "was believed";
  EXPECT_EQ(opened.error().code, GetParam().code);
  EXPECT_EQ(exit_code(opened.error().code), 3);
  EXPECT_EQ(opened.error().file, path.string());
  EXPECT_TRUE(std::regex_search(opened.error().message, std::regex(GetParam().sentence))) << sentence(opened.error());
  EXPECT_LT(took, std::chrono::seconds(isolate::kSanitized ? 20 : 3));
  EXPECT_EQ(entries(), 2U) << "something was created";
  const auto next = isolate::open_checkpoint(good);
  ASSERT_TRUE(next) << "the next file opens as ever: " << sentence(next.error());
  EXPECT_EQ(*(*next)->read_f32(*(*next)->find("w")), (std::vector<float>{1, 2, 3, 4}));
}

constexpr ErrorCode kFormat = ErrorCode::FileFormat, kLimit = ErrorCode::FileLimit, kSaid = ErrorCode::Unsupported;

INSTANTIATE_TEST_SUITE_P(
    Acts, BadReader,
    testing::Values(
        Row{"segfault", kFormat, "^the reader ended by signal 11 \\(Segmentation fault\\) while reading it$"},
        Row{"abort", kFormat, "ended by signal 6 \\(Aborted\\)"}, Row{"exit", kFormat, "ended with exit code 5"},
        Row{"hang", kLimit, "was not read within 1000 ms and was given up"},
        Row{"spin", kLimit, "was given up"}, Row{"hangup", kFormat, "closed its channel"},
        Row{"memory", kSaid, "memory ended after 2[0-5][0-9] MB"},
        Row{"rooms", kSaid, "need 67108864 bytes more than the [0-9]+ that are left for it"},
        Row{"write", kSaid, "it was not possible"}, Row{"overwrite", kSaid, "it was not possible"},
        Row{"read", kSaid, "it was not possible"}, Row{"outside", kSaid, "outside the folder"},
        Row{"socket", kFormat, "signal 31 \\(Bad system call\\)"}, Row{"execute", kFormat, "signal 31"},
        Row{"fork", kFormat, "signal 31"}, Row{"signal", kFormat, "signal 31"}, Row{"code", kFormat, "signal 31"},
        Row{"duplicate", kFormat, "signal 31"}, Row{"limits", kFormat, "signal 31"}, Row{"garbage", kFormat, kNonsense},
        Row{"empty", kFormat, "ends too early"}, Row{"long", kFormat, "is too long"},
        Row{"pipe", kFormat, "brings a descriptor that nobody asked for"},
        Row{"nothing", kFormat, "lies in memory that it was not given"},
        Row{"beyond", kFormat, "lies in memory that it was not given"}, Row{"writing", kFormat, kNonsense}),
    [](const auto& info) { return std::string(info.param.act); });

INSTANTIATE_TEST_SUITE_P(
    Answers, BadReader,
    testing::Values(Row{"range", kFormat, "reach past the end of [0-9]+ bytes"},
                    Row{"overflow", kFormat, "reach past the end"}, Row{"shape", kFormat, "its shape and type do not fit"},
                    Row{"huge", kFormat, "which its shape|more than 2\\^63 values"},
                    Row{"negative", kFormat, "the size of an axis"}, Row{"rank", kFormat, "lists names or shapes that are none"},
                    Row{"stride", kFormat, "its shape and type do not fit"}, Row{"type", kFormat, "element type that does not"},
                    Row{"wide", kFormat, "its shape and type do not fit"}, Row{"file", kFormat, "the number of a file"},
                    Row{"memoryless", kFormat, "the number of a piece of memory"}, Row{"twice", kFormat, "stands twice"},
                    Row{"kind", kFormat, "has 1 as the number of a kind"}, Row{"names", kFormat, "names or shapes of no tensor"},
                    Row{"long_name", kFormat, "lists names or shapes that are none"}, Row{"no_text", kFormat, "a name that is not UTF-8"},
                    Row{"count", kFormat, "counts [0-9]+ things"}),
    [](const auto& info) { return std::string(info.param.act); });

TEST_F(BadReader, ThatListsTruthIsBelieved) {
  const auto opened = isolate::open_checkpoint(write("good.safetensors"));
  ASSERT_TRUE(opened) << sentence(opened.error());
  EXPECT_EQ((*opened)->read_f32((*opened)->tensors().at(0))->size(), 4U);
}

TEST_F(BadReader, CanBeStoppedWhileItHangs) {
  const fs::path path = write("hang.safetensors");
  Progress progress;
  progress.cancel();
  const auto opened = isolate::open_checkpoint(path, progress);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::Cancelled);
}

TEST_F(BadReader, ThatIsMissingIsSaidAndNotDoneWithout) {
  const fs::path path = write("sound.safetensors");
  isolate::use_reader({});
  const auto opened = isolate::open_checkpoint(path);
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().message.find("vitrine-reader"), std::string::npos);
  isolate::use_reader({"/nowhere/vitrine-reader"});
  EXPECT_FALSE(isolate::open_checkpoint(path));
}

}  // namespace
}  // namespace vitrine::engine
