#include <fstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "engine/text/chat_template.h"
#include "tests/unit/io/golden_files.h"

namespace vitrine::engine {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

/// What a template gives, or the sentence that refuses it up to "at byte".
std::string shown(const std::string& source, const ordered_json& variables = ordered_json::object()) {
  const auto parsed = ChatTemplate::parse(source);
  const auto text = parsed ? parsed->render(variables) : Result<std::string>(tl::unexpected(parsed.error()));
  if (text) return *text;
  const std::string& message = text.error().message;
  return "refused: " + message.substr(0, message.find(", at byte"));
}

TEST(ChatForms, AnObjectGivesANamespaceItsNames) {
  EXPECT_EQ(shown("{% set n = namespace({'a': 1, 2: 'x'}, b=3) %}{{ n.a + n.b }}{{ n.c is defined }}"), "4False");
  EXPECT_EQ(shown("{% set n = namespace('a') %}"), "refused: expected an object for a namespace, came a text");
}

TEST(ChatForms, APlaceMayStandBehindADot) {
  EXPECT_EQ(shown("{{ xs.1 }}{{ xs.0.0 }}", {{"xs", {{7, 8}, 9}}}), "97");
}

TEST(ChatForms, WhatIsCalledMayBeInBrackets) {
  EXPECT_EQ(shown("{{ (range)(3) | list }}"), "[0, 1, 2]");
  EXPECT_EQ(shown("{{ 'a' | upper()(1) }}").rfind("refused: expected ", 0), 0U) << shown("{{ 'a' | upper()(1) }}");
  EXPECT_EQ(shown("{{ range() }}"), "refused: 'range' takes one to three whole numbers");
  EXPECT_EQ(shown("{{ range(1, 2, 3, 4) }}"), "refused: 'range' takes one to three whole numbers");
}

TEST(ChatForms, ParsingNamesWhatStandsThere) {
  EXPECT_EQ(shown("{{ 1 'a' }}"), "refused: expected '}}', came a text");
  EXPECT_EQ(shown("{% if 1 }} {% endif %}").rfind("refused: ", 0), 0U);
  EXPECT_EQ(shown("{% set %}"), "refused: expected a name, came '%}'");
  EXPECT_EQ(shown("{{ (1 2) }}"), "refused: expected ')', came '2'");
  EXPECT_EQ(shown("{% set true = 1 %}"), "refused: 'true' cannot be set");
  EXPECT_EQ(shown("{{ 0x10 }}"), "refused: a number is not in decimal digits, which the interpreter does not read");
}

TEST(ChatForms, NumbersEndWhereTheirExponentHasNoDigits) {
  EXPECT_EQ(shown("{{ 1e2 }} {{ 1_000 }} {{ 2.5e-1 }}"), "100.0 1000 0.25");
  EXPECT_EQ(shown("{{ 1 if 1else 2 }}"), "1") << "a name may follow a number at once";
}

TEST(ChatForms, ABackslashBeforeTheLineEndJoinsLines) { EXPECT_EQ(shown("{{ 'a\\\nb' }}"), "ab"); }

TEST(ChatForms, MapTakesAPathOrAFilterThatTakesNone) {
  const ordered_json variables = {{"ms", {{{"f", {{"n", "a"}}}}, {{"f", {{"n", "b"}}}}}}};
  EXPECT_EQ(shown("{{ ms | map(attribute='f.n') | join }}", variables), "ab");
  EXPECT_EQ(shown("{{ ms | map('nonsense') | list }}", variables),
            "refused: maps with something that is neither an attribute nor a filter that the interpreter knows");
  EXPECT_EQ(shown("{{ ms | map('select') | list }}", variables), "refused: maps a filter that takes a filter, which the interpreter does not do");
}

TEST(ChatForms, FiltersRefuseArgumentsThatTheyDoNotHave) {
  EXPECT_EQ(shown("{{ 'a' | upper(1) }}"), "refused: 'upper' takes at most 0 arguments, came 1");
  EXPECT_EQ(shown("{{ 'a' | trim(sides=2) }}"), "refused: 'trim' has no argument 'sides' that the interpreter knows");
  EXPECT_EQ(shown("{{ {} | tojson(separators=',') }}"), "refused: expected two texts as separators, came a text");
  EXPECT_EQ(shown("{{ {'a': [1]} | tojson(separators=(';', '=')) }}"), "{\"a\"=[1]}");
  EXPECT_EQ(shown("{{ 5 | items | list }}"), "refused: expected an object to list the items of, came a number");
}

TEST(ChatForms, ValuesArePrintedAsPythonDoes) {
  EXPECT_EQ(shown("{{ ['\\U000e0001', '\\u200b', '\\x01'] }}"), "['\\U000e0001', '\\u200b', '\\x01']");
  EXPECT_EQ(shown("{{ {true: 1, none: 2, 3: 4, 0.5: 6} | tojson }}"), "{\"true\": 1, \"null\": 2, \"3\": 4, \"0.5\": 6}");
  EXPECT_EQ(shown("{{ [range] }}"), "refused: expected a value that can be printed, came a function");
  EXPECT_EQ(shown("{{ [[1] | reverse] }}"), "refused: expected a value that can be printed, came a list that is only gone through");
  EXPECT_EQ(shown("{{ n }}", {{"n", -5}}), "-5");
}

TEST(ChatForms, NumbersAndListsHaveAnOrder) {
  EXPECT_EQ(shown("{{ 0.5 < 1 }}{{ 1.5 < 1 }}{{ 1.0 <= 1 }}"), "TrueFalseTrue");
  EXPECT_EQ(shown("{{ [1, 2] < [1, 2, 3] }}{{ [2] < [1, 9] }}{{ [1] < [1] }}"), "TrueFalseFalse");
  EXPECT_EQ(shown("{% for x in [1] %}{{ loop < 1 }}{% endfor %}"), "refused: expected a value that can be ordered against a loop, came a number");
}

class ChatFolder : public testing::Test {
 protected:
  void write(const std::string& name, const std::string& text) const { std::ofstream(folder_.path() / name, std::ios::binary) << text; }
  std::string refusal() const {
    const auto opened = open_chat_templates(folder_.path());
    EXPECT_FALSE(opened);
    return opened ? "" : opened.error().message;
  }
  test::TemporaryFolder folder_;
};

TEST_F(ChatFolder, MayKeepItsTemplateInAFileOfItsOwn) {
  write("chat_template.json", json{{"chat_template", "{{ bos_token }}{{ messages[0].content }}"}}.dump());
  write("tokenizer_config.json", json{{"chat_template", "another"}}.dump());
  write("special_tokens_map.json", json{{"bos_token", {{"content", "<s>"}}}}.dump());
  const auto opened = open_chat_templates(folder_.path());
  ASSERT_TRUE(opened) << sentence(opened.error());
  ASSERT_EQ(opened->templates.size(), 1U) << "the first of a name counts";
  EXPECT_EQ(opened->templates[0].problem, "");
  EXPECT_EQ(opened->tokens.at("bos_token"), "<s>");
  const auto text = opened->render({{"user", "Hello"}}, false);
  ASSERT_TRUE(text) << sentence(text.error());
  EXPECT_EQ(*text, "<s>Hello");
}

TEST_F(ChatFolder, HasLimitsOnItsTemplates) {
  json many = json::array();
  for (int i = 0; i < 2000; ++i) many.push_back({{"name", std::to_string(i)}, {"template", ""}});
  write("tokenizer_config.json", json{{"chat_template", many}}.dump());
  EXPECT_TRUE(refusal().starts_with("has more than ") && refusal().ends_with(" chat templates")) << refusal();
  write("tokenizer_config.json", json{{"chat_template", std::string((4 << 20) + 1, 'a')}}.dump());
  EXPECT_EQ(refusal(), "a chat template has 4194305 bytes, the limit is 524288");
  write("chat_template.jinja", std::string((4 << 20) + 1, 'a'));
  EXPECT_EQ(refusal(), "has 4194305 bytes, the limit is 524288");
}

}  // namespace
}  // namespace vitrine::engine
