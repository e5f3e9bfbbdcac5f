#include <cstring>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/plugin/c_plugin.h"
#include "engine/plugin/loader.h"
#include "engine/plugin/worker_process.h"
#include "tests/plugins/scratch.h"

namespace {

using namespace vitrine::engine;
using namespace std::chrono_literals;
using Json = nlohmann::json;

Result<Frame> describe(const std::string& library, std::chrono::milliseconds limit = 5s) {
  return ask_worker(std::filesystem::path(VITRINE_BAD_PLUGINS) / library, {Json{{"do", "describe"}}, {}}, limit);
}

TEST(Worker, DescribesAGoodPlugin) {
  const auto answer = describe("c_NONE.so");
  ASSERT_TRUE(answer) << sentence(answer.error());
  EXPECT_EQ(answer->head["id"], "test.c");
  EXPECT_EQ(answer->head["analyses"][0]["id"], "test_c_constant");
}

struct Fault {
  const char* name;
  const char* says;
};
void PrintTo(const Fault& fault, std::ostream* out) { *out << fault.name; }

class FaultyCPlugin : public testing::TestWithParam<Fault> {};

TEST_P(FaultyCPlugin, EndsAsASentence) {
  const auto answer = describe(std::string("c_") + GetParam().name + ".so");
  ASSERT_FALSE(answer);
  EXPECT_NE(answer.error().message.find(GetParam().says), std::string::npos) << answer.error().message;
}

INSTANTIATE_TEST_SUITE_P(Faults, FaultyCPlugin,
                         testing::Values(Fault{"NO_ENTRY", "symbol vt_plugin_query is missing"},
                                         Fault{"ABI", "expected abi 1, came 99"}, Fault{"SIZE", "too short"},
                                         Fault{"CRASH", "ended by signal 11"}, Fault{"EXIT", "ended with exit code 7"},
                                         Fault{"NOISE", "message of at most"}),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(Worker, AHangingPluginIsStopped) {
  const auto answer = describe("c_HANG.so", 300ms);
  ASSERT_FALSE(answer);
  EXPECT_NE(answer.error().message.find("did not answer within 300 ms"), std::string::npos) << answer.error().message;
}

TEST(Worker, CancellingEndsTheWait) {
  const Progress progress;
  progress.cancel();
  const auto answer = ask_worker(std::filesystem::path(VITRINE_BAD_PLUGINS) / "c_HANG.so", {Json{{"do", "describe"}}, {}}, 1h, progress);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::Cancelled);
}

TEST(Loader, ACrashingCPluginCostsOnlyItself) {
  const Scratch scratch;
  scratch.plugin("a", c_manifest("test.c", "c_CRASH.so"), "c_CRASH.so");
  scratch.plugin("b", c_manifest("test.c", "c_NONE.so"), "c_NONE.so");
  const PluginSet set = load_plugins({{scratch.path(), PluginOrigin::Outside}});
  ASSERT_EQ(set.plugins.size(), 2u);
  EXPECT_NE(set.plugins[0].message.find("ended by signal"), std::string::npos) << set.plugins[0].message;
  EXPECT_TRUE(set.plugins[1].active) << set.plugins[1].message;
  EXPECT_NE(set.analyses.find("test_c_constant"), nullptr);
}

class Channel : public testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends_), 0); }
  void TearDown() override {
    close(ends_[0]);
    close(ends_[1]);
  }
  int ends_[2] = {-1, -1};
};

TEST_F(Channel, CarriesAFrameUnchanged) {
  const Deadline deadline = std::chrono::steady_clock::now() + 5s;
  ASSERT_TRUE(write_frame(ends_[0], {Json{{"a", 1}}, std::string("\0\1\2", 3)}, deadline));
  const auto frame = read_frame(ends_[1], deadline);
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->head["a"], 1);
  EXPECT_EQ(frame->body, std::string("\0\1\2", 3));
}

TEST_F(Channel, RefusesALengthAboveTheLimit) {
  const std::uint64_t lengths[2] = {2, std::uint64_t{1} << 60};
  ASSERT_EQ(write(ends_[0], lengths, sizeof lengths), static_cast<ssize_t>(sizeof lengths));
  const auto frame = read_frame(ends_[1], std::chrono::steady_clock::now() + 5s);
  ASSERT_FALSE(frame);
  EXPECT_EQ(frame.error().code, ErrorCode::FileLimit);
}

Json answer_with_array(const Json& shape) {
  return {{"title", "t"}, {"notes", Json::object()}, {"metrics", Json::array()}, {"tables", Json::array()},
          {"arrays", {{{"name", "a"}, {"unit", ""}, {"shape", shape}, {"axes", Json::array({"x"})}}}}};
}

TEST(Answer, ShapesMustGoWithTheValues) {
  const std::string three(3 * sizeof(float), '\0');
  EXPECT_TRUE(report_from_answer(answer_with_array({3}), three));
  EXPECT_FALSE(report_from_answer(answer_with_array({4}), three));
  EXPECT_FALSE(report_from_answer(answer_with_array({2}), three)) << "values are left over";
  EXPECT_FALSE(report_from_answer(answer_with_array({-3}), three));
  EXPECT_FALSE(report_from_answer(answer_with_array({3, 1}), three)) << "one axis has no name";
  EXPECT_FALSE(report_from_answer(Json::object(), ""));
}

}  // namespace
