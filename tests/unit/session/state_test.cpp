#include "app/session/state.h"

#include <gtest/gtest.h>

namespace vitrine::app {
namespace {

using nlohmann::json;

json edit_of(int layer, int head) {
  return {{"site", "blocks." + std::to_string(layer) + ".attn.hook_z"},
          {"select", {{"head", json::array({head})}}},
          {"op", "zero"}};
}
Command edits(const char* verb, std::vector<json> list) { return {{"do", verb}, {"edits", list}}; }

SessionState folded(const std::vector<Command>& commands) {
  auto state = fold(commands);
  EXPECT_TRUE(state.has_value());
  return state.value_or(SessionState{});
}

TEST(SessionState, EditsAreAddedOnceAndTakenBackByValue) {
  const auto state = folded({edits("edit", {edit_of(0, 1), edit_of(0, 2)}), edits("edit", {edit_of(0, 1), edit_of(3, 3)}),
                             edits("remove_edits", {edit_of(0, 2)})});
  EXPECT_EQ(state, folded({edits("set_edits", {edit_of(0, 1), edit_of(3, 3)})}));
  EXPECT_EQ(state.edits.size(), 2u);
  EXPECT_TRUE(folded({edits("edit", {edit_of(0, 1)}), {{"do", "clear_edits"}}}).edits.empty());
}

TEST(SessionState, OpeningAModelForgetsInputAndEditsButKeepsViews) {
  const auto state = folded({{{"do", "set_input"}, {"text", "a"}}, edits("edit", {edit_of(0, 1)}),
                             {{"do", "set_view"}, {"panel", "p"}, {"settings", {{"log", true}}}},
                             open_model_command("demo:lm_text")});
  EXPECT_EQ(state.model, "demo:lm_text");
  EXPECT_FALSE(state.has_input);
  EXPECT_TRUE(state.edits.empty());
  EXPECT_EQ(state.views.at("p"), (json{{"log", true}}));
}

TEST(SessionState, ViewSettingsMergeKeyByKey) {
  const auto state = folded({{{"do", "set_view"}, {"panel", "p"}, {"settings", {{"log", true}, {"max", 1}}}},
                             {{"do", "set_view"}, {"panel", "p"}, {"settings", {{"max", 2}}}}});
  EXPECT_EQ(state.views.at("p"), (json{{"log", true}, {"max", 2}}));
}

TEST(SessionState, OutputsCarryTheEditsInForceWhenTheyWereMade) {
  const auto state = folded({edits("edit", {edit_of(0, 1)}), {{"do", "analyse"}, {"analysis", "predictions"}},
                             {{"do", "clear_edits"}}, {{"do", "analyse"}, {"analysis", "rollout"}}});
  ASSERT_EQ(state.outputs.size(), 2u);
  EXPECT_EQ(state.outputs[0]["edits"].size(), 1u);
  EXPECT_FALSE(state.outputs[1].contains("edits"));
}

TEST(SessionState, UndoGivesTheStateBeforeAndReplayTheSameState) {
  Journal journal;
  const Command commands[] = {open_model_command("demo:vit_digits"), {{"do", "set_input"}, {"image", "d.png"}},
                              edits("edit", {edit_of(1, 1)}), edits("edit", {edit_of(2, 0)}), {{"do", "clear_edits"}}};
  std::vector<SessionState> states{SessionState{}};
  for (const auto& command : commands) {
    ASSERT_TRUE(journal.perform(command).has_value());
    states.push_back(state_at(journal, journal.at()));
  }
  for (std::size_t i = states.size(); i-- > 0;) {
    EXPECT_EQ(state_at(journal, journal.at()), states[i]);
    journal.undo();
  }
  for (std::size_t i = 0; i < states.size(); ++i, journal.redo()) EXPECT_EQ(state_at(journal, journal.at()), states[i]);
  auto replayed = fold(journal.commands(journal.at()));
  ASSERT_TRUE(replayed.has_value());
  EXPECT_EQ(*replayed, states.back());
}

}  // namespace
}  // namespace vitrine::app
