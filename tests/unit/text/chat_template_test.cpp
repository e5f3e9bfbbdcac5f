#include <algorithm>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "engine/text/chat_template.h"

namespace vitrine::engine {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;
namespace fs = std::filesystem;

const fs::path kGolden = VITRINE_SOURCE_DIR "/tests/golden/chat_templates";

ordered_json read(const fs::path& path) {
  std::ifstream in(path);
  return ordered_json::parse(in);
}

std::string joined(const ordered_json& template_lines) {
  if (template_lines.is_string()) return template_lines.get<std::string>();
  std::string text;
  for (const auto& line : template_lines) text += line.get<std::string>();
  return text;
}

Result<std::string> rendered(std::string_view source, const ordered_json& variables = ordered_json::object(), const std::string& date = {}) {
  VITRINE_TRY(const ChatTemplate parsed, ChatTemplate::parse(source));
  return parsed.render(variables, date);
}

std::string refusal(std::string_view source, const ordered_json& variables = ordered_json::object()) {
  const auto text = rendered(source, variables);
  return text ? "rendered: " + text->substr(0, 200) : text.error().message;
}

class ChatTemplateCases : public testing::TestWithParam<const char*> {};

TEST_P(ChatTemplateCases, AreTheTextsOfJinja) {
  const auto file = read(kGolden / (std::string(GetParam()) + ".json"));
  for (const auto& each : file["cases"]) {
    SCOPED_TRACE(each["name"].get<std::string>());
    ordered_json variables = file.value("variables", ordered_json::object());
    if (each.contains("variables")) variables.update(each["variables"]);
    const auto text = rendered(joined(each["template"]), variables, each.value("date", std::string()));
    if (each.contains("refused") || each.contains("ours")) {
      EXPECT_FALSE(text.has_value()) << *text;
      EXPECT_NE((text ? "" : text.error().message).find("of the template"), std::string::npos);
    } else {
      EXPECT_EQ(text ? *text : text.error().message, each["text"].get<std::string>());
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Files, ChatTemplateCases, testing::Values("families", "language", "spaces"),
                         [](const auto& info) { return std::string(info.param); });

TEST(ChatTemplate, NamesTheByteOfWhatItRefuses) {
  EXPECT_EQ(refusal("ab{{ x | nonsense }}"), "the filter 'nonsense' is not one that the interpreter knows, at byte 7 of the template");
  EXPECT_EQ(refusal("\r\n{{ 1 + 'a' }}"), "'+' has no meaning between a number and a text, at byte 7 of the template");
  EXPECT_EQ(refusal("{{ raise_exception('no') }}"), "the template refuses these messages: no, at byte 18 of the template");
  EXPECT_EQ(refusal("{% include 'f' %}"), "the block 'include' is not one that the interpreter knows, at byte 3 of the template");
  EXPECT_EQ(refusal("\xFF"), "expected UTF-8 text, at byte 0 of the template");
}

TEST(ChatTemplate, ReachesNothingButItsValues) {
  for (const char* source : {"{{ ''.__class__ }}", "{{ ''['__class__'] }}", "{{ [].__class__.__mro__ }}", "{{ messages.__init__ }}",
                             "{{ namespace.__globals__ }}", "{{ raise_exception.__closure__ }}", "{{ [''] | map(attribute='__class__') | list }}",
                             "{{ ['']|selectattr('__class__')|list }}", "{% for k in namespace() %}{% endfor %}", "{{ range.__self__ }}"})
    EXPECT_TRUE(refusal(source, {{"messages", ordered_json::array()}}).find("rendered") == std::string::npos) << source;
  for (const char* name : {"self", "environment", "request", "lipsum", "cycler", "joiner", "open", "strftime_now"})
    EXPECT_EQ(*rendered("{{ " + std::string(name) + " is defined }}"), "False") << name;
}

struct Hostile {
  const char* name;
  std::string source;
};
void PrintTo(const Hostile& hostile, std::ostream* out) { *out << hostile.name; }

class HostileChatTemplate : public testing::TestWithParam<Hostile> {};

TEST_P(HostileChatTemplate, IsRefusedSoon) {
  const std::clock_t start = std::clock();
  const auto text = rendered(GetParam().source);
  const double took = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  ASSERT_FALSE(text.has_value()) << text->substr(0, 100);
  EXPECT_NE(text.error().message.find("the template"), std::string::npos) << text.error().message;
  EXPECT_LT(took, 2.0) << text.error().message;
}

std::string times(std::size_t n, const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < n; ++i) out += text;
  return out;
}

const std::string kBig = "{% set ns = namespace(s='a') %}{% for i in range(60) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}";

INSTANTIATE_TEST_SUITE_P(Files, HostileChatTemplate, testing::Values(
    Hostile{"Range", std::string("{% for i in range(10**9) %}{% endfor %}")},
    Hostile{"NestedLoops", times(6, "{% for i in range(1000) %}") + "x" + times(6, "{% endfor %}")},
    Hostile{"Doubling", kBig},
    Hostile{"ListDoubling", std::string("{% set ns = namespace(s=[1]) %}{% for i in range(60) %}{% set ns.s = ns.s + ns.s %}{% endfor %}")},
    Hostile{"SharedDoubling", std::string("{% set ns = namespace(s=[1]) %}{% for i in range(60) %}{% set ns.s = [ns.s, ns.s] %}{% endfor %}{{ ns.s }}")},
    Hostile{"SharedComparison", std::string("{% set ns = namespace(s=[1], t=[1]) %}{% for i in range(60) %}{% set ns.s = [ns.s, ns.s] %}{% set ns.t = [ns.t, ns.t] %}{% endfor %}{{ ns.s == ns.t }}")},
    Hostile{"SharedJson", std::string("{% set ns = namespace(s=[1]) %}{% for i in range(60) %}{% set ns.s = [ns.s, ns.s] %}{% endfor %}{{ ns.s | tojson }}")},
    Hostile{"DeepValue", std::string("{% set ns = namespace(s=[]) %}{% for i in range(100000) %}{% set ns.s = [ns.s] %}{% endfor %}")},
    Hostile{"DeepMethods", std::string("{% set ns = namespace(s=[]) %}{% for i in range(100000) %}{% set ns.s = [ns.s.count] %}{% endfor %}")},
    Hostile{"Recursion", std::string("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}")},
    Hostile{"DoubleRecursion", std::string("{% macro m(n) %}{{ m(n) ~ m(n) }}{% endmacro %}{{ m(1) }}")},
    Hostile{"WideRecursion", std::string("{% macro m(n) %}{% if n %}{{ m(n - 1) ~ m(n - 1) ~ m(n - 1) }}{% endif %}{% endmacro %}{{ m(30) }}")},
    Hostile{"Brackets", "{{ " + times(100000, "(") + "1" + times(100000, ")") + " }}"},
    Hostile{"OpenBrackets", "{{ " + times(100000, "[")},
    Hostile{"Nots", "{{ " + times(100000, "not ") + "1 }}"},
    Hostile{"Minuses", "{{ " + times(100000, "-") + "1 }}"},
    Hostile{"Sums", "{{ 1" + times(100000, "+1") + " }}"},
    Hostile{"Attributes", "{{ a" + times(100000, ".a") + " }}"},
    Hostile{"Filters", "{{ 1" + times(50000, "|string") + " }}"},
    Hostile{"Conditions", "{{ 1" + times(40000, " if 1 else 1") + " }}"},
    Hostile{"Ifs", times(20000, "{% if 1 %}") + times(20000, "{% endif %}")},
    Hostile{"Repeat", std::string("{{ 'a' * 10**15 }}")},
    Hostile{"RepeatList", std::string("{{ [1] * 10**15 }}")},
    Hostile{"Power", std::string("{{ 9 ** 9 ** 9 ** 9 }}")},
    Hostile{"Indent", std::string("{{ [[[1]]] | tojson(indent=10**12) }}")},
    Hostile{"IndentText", std::string("{{ 'a\\nb' | indent(10**12) }}")},
    Hostile{"Replace", std::string("{% set a = 'a' * 100000 %}{{ a.replace('a', a) }}")},
    Hostile{"Join", std::string("{% set a = 'a' * 100000 %}{{ a.join(a) }}")},
    Hostile{"Search", std::string("{% set a = 'a' * 1000000 %}{% set b = 'a' * 500000 ~ 'b' %}{% for i in range(100000) %}{{ b in a }}{% endfor %}")},
    Hostile{"Compare", std::string("{% set a = 'a' * 1000000 %}{% set b = 'a' * 1000000 %}{% for i in range(100000) %}{% if a != b %}{% endif %}{% endfor %}")},
    Hostile{"Strip", std::string("{% set a = ' ' * 1000000 %}{% for i in range(100000) %}{{ a.strip() }}{% endfor %}")},
    Hostile{"Split", std::string("{% set a = 'a ' * 1000000 %}{% for i in range(100000) %}{% set b = a.split() %}{% endfor %}")},
    Hostile{"Output", std::string("{% set a = 'a' * 1000000 %}{% for i in range(1000) %}{{ a }}{% endfor %}")},
    Hostile{"Namespaces", std::string("{% set ns = namespace() %}{% for i in range(100000) %}{% for j in range(100000) %}{% set ns.a = namespace(b=ns) %}{% endfor %}{% endfor %}")},
    Hostile{"Unique", std::string("{{ range(100000) | unique | list }}")},
    Hostile{"Bytes", times(100000, "1234567890")}), [](const auto& info) { return info.param.name; });

TEST(ChatTemplate, FreesNamespacesThatHoldOneAnother) {
  EXPECT_EQ(*rendered("{% set a = namespace() %}{% set b = namespace(a=a) %}{% set a.b = b %}{% set a.a = [a] %}{{ a.b.a.b.a is defined }}"), "True");
}

TEST(ChatTemplate, StopsAtTheLimitsOfItsCaller) {
  const auto loop = ChatTemplate::parse("{% for i in range(100) %}{{ i }}{% endfor %}");
  ASSERT_TRUE(loop);
  ChatLimits limits;
  limits.steps = 50;
  EXPECT_EQ(loop->render({}, {}, limits).error().message.substr(0, 24), "needs more than 50 steps");
  limits = {};
  limits.output_bytes = 10;
  EXPECT_EQ(loop->render({}, {}, limits).error().message.substr(0, 25), "writes more than 10 bytes");
}

TEST(ChatTemplate, KeepsBytesThatAreNotUtf8) {
  const auto parsed = ChatTemplate::parse("[{{ t | trim }}]{{ t[0] }}{{ t | length }}");
  ordered_json variables;
  variables["t"] = " \xFF\xC3 ";
  EXPECT_EQ(*parsed->render(variables), "[\xFF\xC3] 4");
}

/// A folder of its own for each test.
class ChatTemplateFiles : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / (std::string("vitrine_chat_") + testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  void put(const char* name, const std::string& text) { std::ofstream(folder_ / name) << text; }
  fs::path folder_;
};

TEST_F(ChatTemplateFiles, AreOneTextOfTheConfiguration) {
  put("tokenizer_config.json", json{{"chat_template", "{{ bos_token }}{{ messages[0].content }}{{ eos_token }}"}, {"bos_token", "<s>"}, {"eos_token", {{"content", "</s>"}}}}.dump());
  const auto opened = open_chat_templates(folder_);
  ASSERT_TRUE(opened);
  ASSERT_EQ(opened->templates.size(), 1U);
  EXPECT_EQ(opened->templates[0].problem, "");
  EXPECT_EQ(*opened->render({{"user", "hi"}}, true), "<s>hi</s>");
  EXPECT_EQ(opened->render({}, true, "rag").error().message, "expected one of the chat templates default, came 'rag'");
}

TEST_F(ChatTemplateFiles, AreAListAndAFileThatComesFirst) {
  put("tokenizer_config.json", json{{"chat_template", {{{"name", "tool_use"}, {"template", "tools"}}, {{"name", "default"}, {"template", "old"}}}}}.dump());
  auto opened = open_chat_templates(folder_);
  ASSERT_TRUE(opened);
  ASSERT_EQ(opened->templates.size(), 2U);
  EXPECT_EQ(opened->templates[0].name, "default");
  EXPECT_EQ(*opened->render({}, false, "tool_use"), "tools");
  put("chat_template.jinja", "new");
  opened = open_chat_templates(folder_);
  EXPECT_EQ(*opened->render({}, false), "new");
  const auto again = chat_templates_from_json(to_json(*opened));
  ASSERT_TRUE(again);
  EXPECT_EQ(*again->render({}, false), "new");
}

TEST_F(ChatTemplateFiles, ThatCannotBeUsedAreShownAsText) {
  put("chat_template.jinja", "{% import 'os' as os %}");
  const auto opened = open_chat_templates(folder_);
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->templates[0].source, "{% import 'os' as os %}");
  EXPECT_EQ(opened->templates[0].problem, "the block 'import' is not one that the interpreter knows, at byte 3 of the template");
  EXPECT_EQ(opened->render({}, false).error().code, ErrorCode::Unsupported);
}

TEST_F(ChatTemplateFiles, OfAWrongTypeAreRefused) {
  put("tokenizer_config.json", R"({"chat_template": 3})");
  EXPECT_EQ(open_chat_templates(folder_).error().message, "expected a chat template to be a text, came number");
  put("tokenizer_config.json", R"({"chat_template": [{"template": "x"}]})");
  EXPECT_EQ(open_chat_templates(folder_).error().message, "expected each chat template of a list to have a name");
  put("tokenizer_config.json", R"({"bos_token": 3})");
  EXPECT_TRUE(open_chat_templates(folder_)->templates.empty());
}

TEST(ChatTemplates, OfABadAnswerAreRefusedOrNone) {
  for (const json& none : {json(), json::array(), json::object(), json{{"templates", nullptr}}, json{{"tokens", 3}}})
    EXPECT_TRUE(chat_templates_from_json(none)->templates.empty()) << none;
  for (const json& bad : {json{{"templates", 3}}, json{{"templates", {3}}}, json{{"templates", {{{"name", "a"}}}}}, json{{"templates", {{{"name", 1}, {"template", "x"}}}}}})
    EXPECT_FALSE(chat_templates_from_json(bad)) << bad;
  json many = json::array();
  for (int i = 0; i < 40; ++i) many.push_back({{"name", std::to_string(i)}, {"template", "x"}});
  EXPECT_EQ(chat_templates_from_json({{"templates", many}}).error().message, "has more than 32 chat templates");
  EXPECT_EQ(chat_templates_from_json({{"templates", std::string(5 << 20, 'x')}}).error().code, ErrorCode::FileLimit);
}

TEST(ChatTemplates, ComeFromGgufMetadata) {
  const json metadata = {{"tokenizer.chat_template", "{{ bos_token }}{{ messages[0].role }}"}, {"tokenizer.chat_template.rag", "rag"},
                         {"tokenizer.ggml.tokens", {"<unk>", "<s>"}}, {"tokenizer.ggml.bos_token_id", 1U}, {"tokenizer.ggml.eos_token_id", 9U}};
  const auto opened = chat_templates_from_gguf(metadata);
  ASSERT_TRUE(opened);
  EXPECT_EQ(*opened->render({{"user", ""}}, true), "<s>user");
  EXPECT_EQ(*opened->render({{"user", ""}}, true, "rag"), "rag");
  EXPECT_EQ(opened->tokens.count("eos_token"), 0U);
}

}  // namespace
}  // namespace vitrine::engine
