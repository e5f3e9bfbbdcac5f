#include "engine/io/json.h"
#include "engine/io/whole_number.h"

#include <cmath>

#include <gtest/gtest.h>

#include "golden_files.h"

namespace vitrine::engine {
namespace {

std::string refusal(const std::string& text) {
  const auto parsed = parse_json(text, "x.json");
  return parsed ? "" : sentence(parsed.error());
}

TEST(ParseJson, ReadsEveryKindOfValue) {
  const auto parsed =
      parse_json(R"( {"a": [1, -2, 2.5, 1e3, true, false, null], "b": "\u00e9\ud83d\ude00\n", "": {}} )", "x");
  ASSERT_TRUE(parsed) << sentence(parsed.error());
  EXPECT_EQ((*parsed)["a"], nlohmann::json::parse("[1, -2, 2.5, 1000.0, true, false, null]"));
  EXPECT_EQ((*parsed)["b"], "é😀\n");
  EXPECT_TRUE((*parsed)["a"][0].is_number_unsigned());
  EXPECT_TRUE((*parsed)["a"][1].is_number_integer());
}

TEST(ParseJson, KeepsWholeNumbersExactAndLargerOnesAsFloats) {
  EXPECT_EQ(parse_json("18446744073709551615", "x")->get<std::uint64_t>(), UINT64_MAX);
  EXPECT_EQ(parse_json("-9223372036854775808", "x")->get<std::int64_t>(), INT64_MIN);
  EXPECT_TRUE(parse_json("18446744073709551616", "x")->is_number_float());
  EXPECT_TRUE(parse_json("-0", "x")->is_number_float());
  EXPECT_EQ(parse_json("1e-400", "x")->get<double>(), 0.0);
}

TEST(WholeNumber, IsOneThatTheTypeHolds) {
  EXPECT_EQ(whole_number<int>(2147483647.0), INT32_MAX);
  EXPECT_EQ(whole_number<int>(-2147483648.0), INT32_MIN);
  EXPECT_EQ(whole_number<std::uint64_t>(-0.5), 0U);
  for (const nlohmann::json& value : {nlohmann::json(4.4e88), nlohmann::json(-2147483649.0), nlohmann::json(2147483648.0), nlohmann::json(-1e300),
                                      nlohmann::json(std::nan("")), nlohmann::json("7"), nlohmann::json(true), nlohmann::json()})
    EXPECT_THROW((void)whole_number<int>(value), nlohmann::json::type_error) << value;
}

TEST(ParseJson, SaysWhereItStopped) {
  EXPECT_EQ(refusal(R"({"a": 1, "a": 2})"), "x.json: duplicate key: 'a' stands twice in one JSON object (byte 9)");
  EXPECT_EQ(refusal(R"({"a": 1,})"), "x.json: JSON: expected a key in double quotes, came '}' (byte 8)");
  EXPECT_EQ(refusal("[1] x"),
            "x.json: expected the end of the JSON text, came 'x' after the end of the value (byte 4)");
  EXPECT_EQ(refusal("[NaN]"), "x.json: 'NaN' is not a JSON number (byte 1)");
  EXPECT_EQ(refusal("[1e999]"), "x.json: JSON number 1e999 is outside of the range of double precision (byte 1)");
  EXPECT_EQ(refusal(""), "x.json: expected JSON, the file is empty (byte 0)");
}

TEST(ParseJson, RefusesWhatIsNotJson) {
  for (const char* text : {"01",
                           "+1",
                           "0x10",
                           ".5",
                           "1.",
                           "'a'",
                           "[1,]",
                           "{1: 2}",
                           "nul",
                           "\"\\x\"",
                           "\"\\ud800\"",
                           "\"\\udc00\"",
                           "\"a\nb\"",
                           "\"\xff\"",
                           "// c\n1",
                           "[",
                           "{\"a\"",
                           "\"",
                           "Infinity",
                           "-Infinity",
                           "tru",
                           "\xEF\xBB\xBF{}",
                           "-"})
    EXPECT_FALSE(parse_json(text, "x")) << text;
}

TEST(ParseJson, BoundsDepth) {
  const auto nested = [](int n) { return std::string(n, '[') + std::string(n, ']'); };
  EXPECT_TRUE(parse_json(nested(64), "x"));
  EXPECT_FALSE(parse_json(nested(65), "x"));
  EXPECT_EQ(parse_json(nested(100'000), "x").error().code, ErrorCode::FileLimit);
}

TEST(ParseJson, BoundsWhatItUnfoldsTo) {
  std::string text = "[";
  for (int i = 0; i < 4'000'000; ++i) text += "[],";
  text += "0]";
  const auto parsed = parse_json(text, "x");
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().code, ErrorCode::FileLimit);
}

TEST(JsonMembers, AreThoseOfAnObject) {
  JsonMembers members("[1]", "x");
  const auto next = members.next();
  ASSERT_FALSE(next);
  EXPECT_NE(next.error().message.find("expected a JSON object"), std::string::npos) << next.error().message;
  EXPECT_EQ(next.error().offset, 0U);
}

TEST(JsonNumber, UnderstandsTheWordsOfTransformers) {
  EXPECT_EQ(json_number(2.5), 2.5);
  EXPECT_TRUE(std::isinf(*json_number({{"__float__", "Infinity"}})));
  EXPECT_TRUE(std::isnan(*json_number({{"__float__", "NaN"}})));
  EXPECT_FALSE(json_number("1"));
  EXPECT_FALSE(json_number({{"__float__", "1"}}));
}

TEST(WriteFileAtomically, ReplacesWholeFilesAndLeavesNothingElse) {
  const test::TemporaryFolder folder;
  const auto path = folder.path() / "a.txt";
  ASSERT_TRUE(write_file_atomically(path, "one"));
  ASSERT_TRUE(write_file_atomically(path, "two"));
  EXPECT_EQ(test::read_text(path), "two");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
  EXPECT_FALSE(write_file_atomically(folder.path() / "none" / "a.txt", "x"));
}

}  // namespace
}  // namespace vitrine::engine
