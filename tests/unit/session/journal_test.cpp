#include "app/session/journal.h"

#include <random>

#include <gtest/gtest.h>

#include "app/session/state.h"

namespace vitrine::app {
namespace {

using nlohmann::json;

Command text(const std::string& value) { return {{"do", "set_input"}, {"text", value}}; }
Command zero(int layer, int head) {
  return {{"do", "edit"},
          {"edits", json::array({{{"site", "blocks." + std::to_string(layer) + ".attn.hook_z"},
                                  {"select", {{"head", json::array({head})}}},
                                  {"op", "zero"}}})}};
}

TEST(Journal, UndoAndRedoReturnToTheSameStep) {
  Journal journal;
  const auto a = *journal.perform(text("a"));
  const auto b = *journal.perform(zero(0, 1));
  EXPECT_TRUE(journal.undo());
  EXPECT_EQ(journal.at(), a);
  EXPECT_TRUE(journal.redo());
  EXPECT_EQ(journal.at(), b);
  EXPECT_FALSE(journal.redo());
  journal.undo();
  journal.undo();
  EXPECT_FALSE(journal.undo());
  EXPECT_EQ(journal.at(), 0);
}

TEST(Journal, AnActAfterUndoStartsABranchAndForgetsNothing) {
  Journal journal;
  const auto root = *journal.perform(text("a"));
  const auto left = *journal.perform(zero(0, 1));
  journal.undo();
  const auto right = *journal.perform(zero(0, 2));
  EXPECT_NE(left, right);
  EXPECT_EQ(journal.find(root)->children, (std::vector<StepId>{left, right}));
  EXPECT_EQ(journal.tips(), (std::vector<StepId>{left, right}));
  EXPECT_EQ(journal.common_ancestor(left, right), root);
  ASSERT_TRUE(journal.go_to(left).has_value());
  journal.undo();
  journal.redo();
  EXPECT_EQ(journal.at(), left) << "redo goes where one came from";
}

TEST(Journal, RepeatingWhatRedoWouldDoIsNoBranch) {
  Journal journal;
  journal.perform(text("a"));
  const auto step = *journal.perform(zero(0, 1));
  journal.undo();
  EXPECT_EQ(*journal.perform(zero(0, 1)), step);
  EXPECT_EQ(journal.steps().size(), 3u);
}

TEST(Journal, TypingAmendsTheLeafButNeverAStepWithAFuture) {
  Journal journal;
  const auto typed = *journal.amend(text("T"));
  EXPECT_EQ(*journal.amend(text("Th")), typed);
  EXPECT_EQ(journal.find(typed)->command["text"], "Th");
  journal.perform(zero(0, 1));
  journal.undo();
  EXPECT_NE(*journal.amend(text("The")), typed);
  EXPECT_EQ(journal.find(typed)->command["text"], "Th");
}

TEST(Journal, OnlyGrowingOrShrinkingInOnePlaceIsTypingOn) {
  Journal journal;
  const auto sample = *journal.amend(text("a sample of some length"));
  const auto typed = *journal.amend(text("H"));
  EXPECT_NE(typed, sample);
  EXPECT_EQ(*journal.amend(text("He went")), typed);
  EXPECT_EQ(*journal.amend(text("He never went")), typed);
  EXPECT_EQ(*journal.amend(text("He went")), typed);
  EXPECT_EQ(*journal.amend({{"do", "set_input"}, {"text", "He went"}, {"text_pair", "away"}}), typed);
  EXPECT_NE(*journal.amend({{"do", "set_input"}, {"text", "He went"}, {"text_pair", "away"}, {"image", "a.png"}}), typed);
  EXPECT_EQ(journal.find(sample)->command["text"], "a sample of some length");
  const auto captions = *journal.amend({{"do", "set_input"}, {"captions", {"a", "b"}}});
  EXPECT_EQ(*journal.amend({{"do", "set_input"}, {"captions", {"a", "b", "c"}}}), captions);
  EXPECT_NE(*journal.amend({{"do", "set_input"}, {"captions", {"x", "b", "y"}}}), captions);
}

TEST(Journal, AmendedViewSettingsAreMerged) {
  Journal journal;
  journal.amend({{"do", "set_view"}, {"panel", "p"}, {"settings", {{"log", true}}}});
  const auto id = *journal.amend({{"do", "set_view"}, {"panel", "p"}, {"settings", {{"min", 0}}}});
  EXPECT_EQ(journal.find(id)->command["settings"], (json{{"log", true}, {"min", 0}}));
  EXPECT_NE(*journal.amend({{"do", "set_view"}, {"panel", "q"}, {"settings", json::object()}}), id);
}

TEST(Journal, TheSecondCursorMovesAlone) {
  Journal journal;
  journal.perform(text("a"));
  const auto left = *journal.perform(zero(0, 1));
  journal.undo();
  const auto right = *journal.perform(zero(0, 2));
  ASSERT_TRUE(journal.set_second(left).has_value());
  const auto deeper = *journal.perform(zero(1, 1), 0, Cursor::Second);
  EXPECT_EQ(journal.at(), right);
  EXPECT_EQ(journal.second(), deeper);
  EXPECT_EQ(journal.find(deeper)->parent, left);
  journal.undo(Cursor::Second);
  EXPECT_EQ(journal.second(), left);
  journal.close_second();
  EXPECT_FALSE(journal.second().has_value());
}

TEST(Journal, NamesAreUniqueAndGoWithTheirBranch) {
  Journal journal;
  journal.perform(text("a"));
  const auto left = *journal.perform(zero(0, 1));
  ASSERT_TRUE(journal.name_branch(left, "without 0.1").has_value());
  EXPECT_FALSE(journal.name_branch(1, "without 0.1").has_value());
  EXPECT_FALSE(journal.name_branch(left, "").has_value());
  EXPECT_FALSE(journal.name_branch(99, "x").has_value());
  EXPECT_EQ(journal.name_of(left), "without 0.1");
  ASSERT_TRUE(journal.name_branch(left, "renamed").has_value());
  EXPECT_EQ(journal.names().size(), 1u);
  ASSERT_TRUE(journal.discard(left).has_value());
  EXPECT_TRUE(journal.names().empty());
}

TEST(Journal, DiscardTakesTheWholeBranchAndMovesTheCursorsOut) {
  Journal journal;
  const auto kept = *journal.perform(text("a"));
  const auto bad = *journal.perform(zero(0, 1));
  journal.perform(zero(0, 2));
  ASSERT_TRUE(journal.set_second(bad).has_value());
  ASSERT_TRUE(journal.discard(bad).has_value());
  EXPECT_EQ(journal.at(), kept);
  EXPECT_EQ(journal.second(), kept);
  EXPECT_EQ(journal.steps().size(), 2u);
  EXPECT_FALSE(journal.can_redo());
  EXPECT_FALSE(journal.discard(0).has_value());
}

TEST(Journal, ACommandThatIsNoneNeverEnters) {
  Journal journal;
  EXPECT_FALSE(journal.perform({{"do", "explode"}}).has_value());
  EXPECT_FALSE(journal.perform(json::array()).has_value());
  EXPECT_FALSE(journal.amend(json(3)).has_value());
  EXPECT_EQ(journal.steps().size(), 1u);
}

/// A thousand random acts: the invariants of a tree with two cursors hold, and the JSON form loses nothing.
TEST(Journal, RandomWalksKeepTheInvariantsAndSurviveTheRoundTrip) {
  std::mt19937 random(7);
  Journal journal;
  for (int i = 0; i < 1000; ++i) {
    const Cursor cursor = journal.second() && random() % 3 == 0 ? Cursor::Second : Cursor::Main;
    switch (random() % 8) {
      case 0: journal.undo(cursor); break;
      case 1: journal.redo(cursor); break;
      case 2: journal.amend(text(std::to_string(random() % 5)), i, cursor); break;
      case 3: (void)journal.go_to(std::next(journal.steps().begin(), random() % journal.steps().size())->first, cursor); break;
      case 4: (void)journal.set_second(std::next(journal.steps().begin(), random() % journal.steps().size())->first); break;
      case 5: if (random() % 10 == 0) (void)journal.discard(journal.at(cursor)); break;
      default: journal.perform(zero(random() % 4, random() % 4), i, cursor);
    }
    ASSERT_NE(journal.find(journal.at()), nullptr);
    for (const auto& [id, step] : journal.steps()) {
      ASSERT_EQ(step.id, id);
      if (id == 0) continue;
      const auto& siblings = journal.find(step.parent)->children;
      ASSERT_EQ(std::count(siblings.begin(), siblings.end(), id), 1);
      ASSERT_LT(step.parent, id);
    }
  }
  auto back = Journal::from_json(json::parse(journal.to_json().dump()));
  ASSERT_TRUE(back.has_value()) << back.error().message;
  EXPECT_EQ(back->to_json(), journal.to_json());
  for (StepId tip : journal.tips()) EXPECT_EQ(state_at(*back, tip), state_at(journal, tip));
  EXPECT_GT(*back->perform(text("new")), std::prev(journal.steps().end())->first) << "ids are never used twice";
}

TEST(Journal, MalformedJournalsAreRefusedWithOneSentence) {
  const std::pair<const char*, const char*> rows[] = {
      {R"([])", "expected an object with a list 'steps'"},
      {R"({"steps":{}})", "expected an object with a list 'steps'"},
      {R"({"steps":[3],"current":0})", "expected a step object"},
      {R"({"steps":[{"id":"1","parent":0}],"current":0})", "expected a whole number in 'id', came string"},
      {R"({"steps":[{"id":-1,"parent":0}],"current":0})", "'id' is out of range"},
      {R"({"steps":[{"id":18446744073709551615,"parent":0}],"current":0})", "'id' is out of range"},
      {R"({"steps":[{"id":1,"parent":2,"command":{"do":"clear_edits"}}],"current":0})", "follows step 2, which does not come before it"},
      {R"({"steps":[{"id":1,"parent":1,"command":{"do":"clear_edits"}}],"current":0})", "follows step 1, which does not come before it"},
      {R"({"steps":[{"id":0,"parent":0,"command":{"do":"clear_edits"}}],"current":0})", "step 0 appears twice"},
      {R"({"steps":[{"id":1,"parent":0}],"current":0})", "step 1 has no command"},
      {R"({"steps":[{"id":1,"parent":0,"command":{"do":"rm"}}],"current":0})", "step 1: no command 'rm'"},
      {R"({"steps":[]})", "expected a whole number in 'current', came nothing"},
      {R"({"steps":[],"current":4})", "current step 4 does not exist"},
      {R"({"steps":[],"current":0,"second":9})", "second step 9 does not exist"},
      {R"({"steps":[],"current":0,"names":[1]})", "expected an object in 'names'"},
      {R"({"steps":[],"current":0,"names":{"x":7}})", "the journal has no step 7"},
  };
  for (const auto& [given, message] : rows) {
    auto journal = Journal::from_json(json::parse(given));
    ASSERT_FALSE(journal.has_value()) << given;
    EXPECT_NE(journal.error().message.find(message), std::string::npos) << given << "\n" << journal.error().message;
    EXPECT_EQ(journal.error().message.find('\n'), std::string::npos);
  }
}

}  // namespace
}  // namespace vitrine::app
