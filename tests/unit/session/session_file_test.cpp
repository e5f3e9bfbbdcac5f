#include "app/session/session_file.h"

#include <fstream>

#include <gtest/gtest.h>

#include "app/session/state.h"
#include "engine/io/json.h"

namespace vitrine::app {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

class SessionFile : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(::testing::TempDir()) / ("vitrine_session_" + std::to_string(::getpid()));
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  fs::path folder_;
};

TEST_F(SessionFile, SavedAndReadIsTheSame) {
  SessionDocument document;
  document.journal.perform(open_model_command("demo:lm_text"), 1);
  document.journal.perform({{"do", "set_input"}, {"text", "Zoë said \"no\"\n"}}, 2);
  (void)document.journal.name_branch(2, "first");
  document.model_sha256 = "abc";
  document.seed = 18446744073709551615ull;
  document.layout = {{"preset", "Text"}};
  document.colour_ranges = {{"attention", {{"min", 0}, {"max", 0.25}, {"log", true}}}};
  const auto path = folder_ / "a.vitrine";
  ASSERT_TRUE(write_session(path, document).has_value());
  auto back = read_session(path);
  ASSERT_TRUE(back.has_value()) << engine::sentence(back.error());
  EXPECT_EQ(session_to_json(*back), session_to_json(document));
  EXPECT_EQ(session_to_json(*back)["model"]["path"], "demo:lm_text");
  EXPECT_EQ(session_to_json(*back)["inputs"].size(), 1u);
}

TEST_F(SessionFile, MalformedFilesAreRefusedWithOneSentence) {
  const std::pair<const char*, const char*> rows[] = {
      {R"({"vitrine_job":1})", "expected a session"},
      {R"([1,2])", "expected a session"},
      {R"({"vitrine_session":"1"})", "expected a session"},
      {R"({"vitrine_session":2,"journal":{}})", "expected session schema 1 to 1, came 2"},
      {R"({"vitrine_session":1})", "the session has none"},
      {R"({"vitrine_session":1,"journal":{"steps":[],"current":3}})", "current step 3 does not exist"},
      {R"({"vitrine_session":1,"journal":{"steps":[],"current":0},"seed":-4})", "expected a whole number in 'seed'"},
      {R"({"vitrine_session":1,"journal":{"steps":[],"current":0},"layout":[]})", "expected an object in 'layout'"},
  };
  for (const auto& [given, message] : rows) {
    const auto path = folder_ / "bad.vitrine";
    std::ofstream(path) << given;
    auto session = read_session(path);
    ASSERT_FALSE(session.has_value()) << given;
    const auto sentence = engine::sentence(session.error());
    EXPECT_NE(sentence.find(message), std::string::npos) << sentence;
    EXPECT_NE(sentence.find("bad.vitrine"), std::string::npos) << sentence;
    EXPECT_EQ(engine::exit_code(session.error().code), 3) << sentence;
  }
  EXPECT_FALSE(read_session(folder_ / "none.vitrine").has_value());
}

/// Every prefix of a good file is refused, and none of them takes the program down.
TEST_F(SessionFile, CutOffFilesAreRefused) {
  SessionDocument document;
  document.journal.perform(open_model_command("demo:lm_text"), 1);
  const std::string whole = session_to_json(document).dump();
  for (std::size_t n = 0; n < whole.size(); ++n) {
    auto given = engine::parse_json(std::string_view(whole).substr(0, n), "cut.vitrine");
    EXPECT_FALSE(given.has_value()) << n;
  }
}

/// A value of every other type in place of every value of a good file: refused or read, never thrown.
TEST_F(SessionFile, NoTypeInAnyPlaceThrows) {
  SessionDocument document;
  document.journal.perform(open_model_command("demo:lm_text"), 1);
  document.journal.perform({{"do", "set_view"}, {"panel", "p"}, {"settings", {{"a", 1}}}}, 2);
  (void)document.journal.name_branch(2, "n");
  (void)document.journal.set_second(1);
  const json whole = session_to_json(document);
  const json flat = whole.flatten();
  for (const auto& [pointer, value] : flat.items())
    for (const json& other : {json(), json(true), json(-1), json(1e300), json("x"), json::array({json::array()}), json{{"do", 3}}}) {
      json changed = whole;
      changed[json::json_pointer(pointer)] = other;
      EXPECT_NO_THROW({
        if (auto session = session_from_json(changed, "f"); session)
          for (const auto& [id, step] : session->journal.steps())
            if (id) (void)describe_command(step.command);
      }) << pointer << " " << other;
    }
}

}  // namespace
}  // namespace vitrine::app
