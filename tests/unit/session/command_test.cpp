#include "app/session/command.h"

#include <gtest/gtest.h>

namespace vitrine::app {
namespace {

using nlohmann::json;

TEST(Command, FormsOfTheReadmeAreAccepted) {
  for (const char* text : {
           R"({"do":"open_model","model":"demo:vit_digits"})",
           R"({"do":"set_input","text":"a","text_pair":"b","captions":["x","y"],"image":"digit.png"})",
           R"({"do":"set_input"})",
           R"({"do":"edit","edits":[{"site":"blocks.5.attn.hook_z","select":{"head":[1]},"op":"zero"}]})",
           R"({"do":"remove_edits","edits":[{"site":"blocks.5.attn.hook_z","select":{"head":[1]},"op":"zero"}]})",
           R"({"do":"set_edits","edits":[]})",
           R"({"do":"clear_edits"})",
           R"({"do":"set_view","panel":"attention","settings":{"log":true}})",
           R"({"do":"analyse","analysis":"attention","params":{"layer":1},"edited":false})",
           R"({"do":"compress","method":"prune_heads","params":{},"out":"small"})",
       })
    EXPECT_TRUE(check_command(json::parse(text)).has_value()) << text;
}

TEST(Command, WrongFormsAreRefusedWithOneSentence) {
  const std::pair<const char*, const char*> rows[] = {
      {R"([1])", "expected a command object, came array"},
      {R"({"do":7})", "no command ''"},
      {R"({"do":"explode"})", "no command 'explode'; there are: open_model"},
      {R"({"do":"open_model"})", "command 'open_model': 'model' is missing"},
      {R"({"do":"open_model","model":3})", "'model': expected a text, came number"},
      {R"({"do":"open_model","model":"a","now":1})", "'now' is not a key of this command"},
      {R"({"do":"set_input","captions":"x"})", "'captions': expected a list, came string"},
      {R"({"do":"set_input","captions":[1]})", "'captions': expected a text, came number"},
      {R"({"do":"set_view","panel":"p","settings":[]})", "'settings': expected an object, came array"},
      {R"({"do":"analyse","analysis":"a","edited":1})", "'edited': expected true or false, came number"},
  };
  for (const auto& [text, message] : rows) {
    auto checked = check_command(json::parse(text));
    ASSERT_FALSE(checked.has_value()) << text;
    EXPECT_NE(checked.error().message.find(message), std::string::npos) << checked.error().message;
    EXPECT_EQ(checked.error().code, engine::ErrorCode::Usage);
  }
  EXPECT_FALSE(check_command(json::parse(R"({"do":"edit","edits":[{"site":3}]})")).has_value());
}

TEST(Command, TextsBeyondTheLimitAreRefused) {
  json command = {{"do", "set_input"}, {"text", std::string(kMaxCommandText + 1, 'a')}};
  ASSERT_FALSE(check_command(command).has_value());
  command["text"] = std::string(kMaxCommandText, 'a');
  EXPECT_TRUE(check_command(command).has_value());
}

TEST(Command, InputSurvivesTheRoundTrip) {
  engine::InputItem item;
  item.text = "The cat";
  item.text_pair = "sat";
  item.captions = {"a", "b"};
  item.image = "digit_3.png";
  auto back = input_from_json(input_to_json(item));
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(*back, item);
  EXPECT_EQ(set_input_command(item)["do"], "set_input");
}

TEST(Command, DescriptionsNameWhatWasDone) {
  EXPECT_EQ(describe_command(open_model_command("demo:lm_text")), "Opened demo:lm_text");
  EXPECT_EQ(describe_command(open_model_command("models/MiniLM/")), "Opened MiniLM");
  EXPECT_EQ(describe_command({{"do", "set_input"}, {"text", "The cat"}}), "Input “The cat”");
  const auto edit = describe_command(json::parse(R"({"do":"edit","edits":[{"site":"blocks.5.attn.hook_z","select":{"head":[1]},"op":"zero"}]})"));
  EXPECT_NE(edit.find("5.1"), std::string::npos) << edit;
  EXPECT_TRUE(edit[0] >= 'A' && edit[0] <= 'Z') << edit;
}

TEST(Command, LongTextsAreCutBetweenCharacters) {
  std::string text;
  for (int i = 0; i < 100; ++i) text += "ä";
  const auto shown = describe_command({{"do", "set_input"}, {"text", text}});
  EXPECT_NO_THROW((void)json(shown).dump());
  EXPECT_LT(shown.size(), 80u);
}

}  // namespace
}  // namespace vitrine::app
