#include "app/session/autosave.h"

#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "app/session/state.h"

namespace vitrine::app {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

class AutosaveFile : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(::testing::TempDir()) / ("vitrine_autosave_" + std::to_string(::getpid()));
  }
  void TearDown() override { fs::remove_all(folder_); }

  /// A session with a branch, a name, a typed text, a refused act and a second cursor; every change is written.
  std::unique_ptr<Autosave> work() {
    auto autosave = Autosave::start(folder_, journal_, "mine.vitrine");
    EXPECT_TRUE(autosave.has_value());
    const auto perform = [&](Command c) { EXPECT_TRUE((*autosave)->performed(journal_, *journal_.perform(std::move(c), 5)).has_value()); };
    perform(open_model_command("demo:lm_text"));
    perform({{"do", "set_input"}, {"text", "a"}});
    (void)(*autosave)->amended(journal_, *journal_.amend({{"do", "set_input"}, {"text", "ab"}}, 6));
    perform({{"do", "clear_edits"}});
    journal_.undo();
    (void)(*autosave)->moved(journal_);
    perform({{"do", "set_view"}, {"panel", "p"}, {"settings", {{"x", 1}}}});
    perform({{"do", "analyse"}, {"analysis", "refused"}});
    const StepId refused = journal_.at();
    (void)journal_.discard(refused);
    (void)(*autosave)->discarded(journal_, refused);
    (void)journal_.name_branch(journal_.at(), "view");
    (void)(*autosave)->renamed(journal_);
    (void)journal_.set_second(3);
    (void)(*autosave)->moved(journal_);
    return std::move(*autosave);
  }

  fs::path folder_;
  Journal journal_;
};

TEST_F(AutosaveFile, ReplayGivesTheSameJournal) {
  auto autosave = work();
  auto back = read_autosave(autosave->path());
  ASSERT_TRUE(back.has_value()) << engine::sentence(back.error());
  EXPECT_EQ(back->journal.to_json(), journal_.to_json());
  EXPECT_EQ(back->session_path, "mine.vitrine");
  EXPECT_FALSE(back->torn);
  EXPECT_EQ(back->time_ms, 6);
}

TEST_F(AutosaveFile, OnlyFilesLeftBehindAreOffered) {
  auto autosave = work();
  EXPECT_TRUE(find_autosaves(folder_).empty()) << "the program that writes it still runs";
  autosave.reset();
  EXPECT_EQ(find_autosaves(folder_).size(), 1u);
  auto empty = Autosave::start(folder_, Journal(), "");
  ASSERT_TRUE(empty.has_value());
  empty->reset();
  EXPECT_EQ(find_autosaves(folder_).size(), 1u) << "a session without an act is not worth offering";
}

/// A kill while a journal is being copied into a new file leaves the half of it under another name, which the next start takes.
TEST_F(AutosaveFile, HalfOfAJournalIsNeverOffered) {
  fs::create_directories(folder_);
  std::ofstream(folder_ / "autosave-1.part") << R"({"vitrine_autosave":1})" << "\n";
  EXPECT_TRUE(find_autosaves(folder_).empty());
  auto autosave = Autosave::start(folder_, journal_, "");
  ASSERT_TRUE(autosave.has_value());
  EXPECT_EQ((*autosave)->path().filename(), "autosave-1.jsonl");
  EXPECT_FALSE(fs::exists(folder_ / "autosave-1.part"));
}

TEST_F(AutosaveFile, ASavedSessionLeavesNothing) {
  auto autosave = work();
  const auto path = autosave->path();
  autosave->remove();
  EXPECT_FALSE(fs::exists(path));
}

/// Whatever byte a crash cut the file at, what comes back is a state the session really had.
TEST_F(AutosaveFile, ACutAtAnyByteKeepsAllWholeLines) {
  auto autosave = work();
  std::ifstream file(autosave->path(), std::ios::binary);
  std::stringstream buffer;
  buffer << file.rdbuf();
  const std::string whole = buffer.str();
  const auto cut_path = folder_ / "autosave-cut.jsonl";
  std::size_t last = 0;
  for (std::size_t n = whole.find('\n') + 1; n <= whole.size(); ++n) {
    std::ofstream(cut_path, std::ios::binary) << whole.substr(0, n);
    auto back = read_autosave(cut_path);
    ASSERT_TRUE(back.has_value()) << n << ": " << engine::sentence(back.error());
    EXPECT_EQ(back->torn, whole[n - 1] != '\n') << n;
    last = back->journal.steps().size();
  }
  EXPECT_EQ(last, journal_.steps().size());
}

TEST_F(AutosaveFile, StrangeLinesEndTheReplayAndNeverThrow) {
  fs::create_directories(folder_);
  for (const char* line : {"7", "[]", R"({"op":3})", R"({"op":"perform"})", R"({"op":"perform","step":{"id":"x"}})",
                           R"({"op":"discard","id":"x"})", R"({"op":"names","names":3})", R"({"op":"explode"})"}) {
    const auto path = folder_ / "autosave-x.jsonl";
    std::ofstream(path) << R"({"vitrine_autosave":1,"session":7})" << "\n"
                        << R"({"op":"perform","step":{"id":1,"parent":0,"command":{"do":"clear_edits"}}})" << "\n"
                        << line << "\n";
    auto back = read_autosave(path);
    if (std::string(line).find("names") != std::string::npos && !back) continue;
    ASSERT_TRUE(back.has_value()) << line << ": " << engine::sentence(back.error());
    EXPECT_TRUE(back->torn) << line;
    EXPECT_EQ(back->journal.steps().size(), 2u) << line;
  }
  std::ofstream(folder_ / "autosave-y.jsonl") << R"({"vitrine_autosave":"1"})" << "\n";
  EXPECT_FALSE(read_autosave(folder_ / "autosave-y.jsonl").has_value());
}

}  // namespace
}  // namespace vitrine::app
