// Sessions, autosaved sessions and jobs as an attacker or a bad disk would leave them: one sentence each, no crash, no hang.
#include <fstream>

#include <gtest/gtest.h>
#include <unistd.h>

#include "app/session/autosave.h"
#include "app/session/session_file.h"
#include "engine/batch/job.h"

namespace vitrine::app {
namespace {

namespace fs = std::filesystem;

struct Row {
  const char* name;
  std::string text;
  const char* mentions;
};
void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

std::string session(const std::string& journal, const std::string& more = "") { return R"({"vitrine_session":1,"journal":)" + journal + more + "}"; }
std::string steps(const std::string& list, const std::string& current = "1") { return session(R"({"steps":[)" + list + R"(],"current":)" + current + "}"); }
std::string step(const std::string& id, const std::string& parent, const std::string& command = R"({"do":"clear_edits"})") {
  return R"({"id":)" + id + R"(,"parent":)" + parent + R"(,"command":)" + command + "}";
}

std::vector<Row> rows() {
  const std::string deep = std::string(200'000, '[') + std::string(200'000, ']');
  std::string many = step("1", "0");
  for (int i = 2; i < 300'000; ++i) many += "," + step(std::to_string(i), std::to_string(i - 1));
  return {
      {"empty", "", "bad"},
      {"cut", R"({"vitrine_session":1,"journal":{"steps":[{"id":1)", "bad"},
      {"not_json", "\x7f" "ELF\x02\x01", "bad"},
      {"nul", std::string(64, '\0'), "bad"},
      {"deep", session(deep), "nest|deep"},
      {"deep_settings", steps(step("1", "0", R"({"do":"set_view","panel":"a","settings":)" + std::string(100'000, '{') + "}")), "bad"},
      {"invalid_utf8", steps(step("1", "0", "{\"do\":\"set_input\",\"text\":\"\xff\xfe\"}")), "UTF-8"},
      {"lone_surrogate", steps(step("1", "0", R"({"do":"set_input","text":"\ud800"})")), "bad"},
      {"huge_id", steps(step("1e400", "0")), "bad"},
      {"id_2_64", steps(step("18446744073709551616", "0")), "whole number"},
      {"id_max", steps(step("9223372036854775807", "0")), "range"},
      {"id_negative", steps(step("-1", "0")), "range"},
      {"id_real", steps(step("1.5", "0")), "whole number"},
      {"id_text", steps(step("\"1\"", "0")), "whole number"},
      {"id_twice", steps(step("1", "0") + "," + step("1", "0")), "twice"},
      {"id_root", steps(step("0", "0")), "twice"},
      {"own_parent", steps(step("1", "1")), "does not come before"},
      {"cycle", steps(step("1", "2") + "," + step("2", "1")), "does not come before"},
      {"no_parent", steps(step("1", "7")), "does not come before"},
      {"unknown_command", steps(step("1", "0", R"({"do":"run_shell","text":"rm"})")), "no command"},
      {"unknown_key", steps(step("1", "0", R"({"do":"clear_edits","shell":"rm"})")), "not a key"},
      {"command_text", steps(step("1", "0", "\"clear_edits\"")), "command object"},
      {"edits_text", steps(step("1", "0", R"({"do":"edit","edits":"all"})")), "list"},
      {"edits_of_text", steps(step("1", "0", R"({"do":"edit","edits":["x"]})")), "step 1"},
      {"model_number", steps(step("1", "0", R"({"do":"open_model","model":3})")), "text"},
      {"model_nul", steps(step("1", "0", R"({"do":"open_model","model":"a\u0000b"})")), "zero byte"},
      {"steps_object", session(R"({"steps":{},"current":0})"), "journal"},
      {"current_elsewhere", steps(step("1", "0"), "9"), "does not exist"},
      {"second_elsewhere", session(R"({"steps":[],"current":0,"second":4})"), "does not exist"},
      {"names_list", session(R"({"steps":[],"current":0,"names":[]})"), "names"},
      {"name_elsewhere", session(R"({"steps":[],"current":0,"names":{"a":5}})"), "no step"},
      {"seed_negative", session(R"({"steps":[],"current":0})", R"(,"seed":-1)"), "seed"},
      {"schema_huge", R"({"vitrine_session":99999999999999999999,"journal":{}})", "bad"},
      {"too_many_steps", steps(many), "bad"},
      {"duplicate_key", R"({"vitrine_session":1,"vitrine_session":1,"journal":{"steps":[],"current":0}})", "bad"},
  };
}

class HostileSession : public testing::TestWithParam<Row> {
 protected:
  void SetUp() override {
    folder_ = fs::path(testing::TempDir()) / ("vitrine_hostile_" + std::to_string(::getpid()));
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  fs::path folder_;
};

bool mentions(const std::string& sentence, std::string words) {
  for (std::size_t at = 0; at <= words.size();) {
    const std::size_t end = std::min(words.find('|', at), words.size());
    if (sentence.find(words.substr(at, end - at)) != std::string::npos) return true;
    at = end + 1;
  }
  return false;
}

TEST_P(HostileSession, IsRefusedInOneSentence) {
  const auto path = folder_ / "bad.vitrine";
  std::ofstream(path, std::ios::binary) << GetParam().text;
  const auto start = std::chrono::steady_clock::now();
  const auto read = read_session(path);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(4));
  ASSERT_FALSE(read.has_value());
  const std::string sentence = engine::sentence(read.error());
  EXPECT_EQ(engine::exit_code(read.error().code), 3) << sentence;
  EXPECT_TRUE(mentions(sentence, GetParam().mentions)) << sentence;
  EXPECT_EQ(sentence.find('\n'), std::string::npos) << sentence;
  EXPECT_LT(sentence.size(), 400U + path.string().size());
}

/// As a line of an autosave file it ends the replay; what came before it counts.
TEST_P(HostileSession, EndsTheReplayOfAnAutosave) {
  const auto path = folder_ / "autosave-1.jsonl";
  const std::string good = R"({"op":"perform","step":{"id":1,"parent":0,"time_ms":5,"command":{"do":"clear_edits"}}})";
  std::string line = GetParam().text;
  std::replace(line.begin(), line.end(), '\n', ' ');
  std::ofstream(path, std::ios::binary) << "{\"vitrine_autosave\":1}\n" << good << "\n{\"op\":\"perform\",\"step\":" << line << "}\n" << good << "\n";
  const auto read = read_autosave(path);
  ASSERT_TRUE(read.has_value()) << engine::sentence(read.error());
  EXPECT_EQ(read->journal.steps().size(), 2U);
  EXPECT_TRUE(read->torn);
}

TEST_P(HostileSession, IsNoJobEither) {
  const auto path = folder_ / "bad.json";
  std::ofstream(path, std::ios::binary) << GetParam().text;
  const auto job = engine::read_job(path);
  ASSERT_FALSE(job.has_value());
  EXPECT_EQ(engine::sentence(job.error()).find('\n'), std::string::npos) << engine::sentence(job.error());
}

INSTANTIATE_TEST_SUITE_P(Rows, HostileSession, testing::ValuesIn(rows()), [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace vitrine::app
