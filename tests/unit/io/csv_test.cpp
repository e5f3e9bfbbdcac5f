#include "engine/io/csv.h"

#include <gtest/gtest.h>

namespace vitrine::engine {
namespace {

TEST(Csv, ReadsQuotedFieldsAndBothLineEnds) {
  const auto table = read_csv("\xEF\xBB\xBFname,\"a \"\"b\"\"\",n\r\n\"x,y\nz\",,1.5\r\nlast,q,-2e3", "t.csv");
  ASSERT_TRUE(table) << sentence(table.error());
  EXPECT_EQ(table->columns, (std::vector<std::string>{"name", "a \"b\"", "n"}));
  ASSERT_EQ(table->rows.size(), 2U);
  EXPECT_EQ(table->rows[0], (std::vector<std::string>{"x,y\nz", "", "1.5"}));
  const auto numbers = csv_numbers(*table, 2, "t.csv");
  ASSERT_TRUE(numbers);
  EXPECT_EQ(*numbers, (std::vector<double>{1.5, -2000}));
  EXPECT_NE(csv_numbers(*table, 0, "t.csv").error().message.find("row 1 of column 'name'"), std::string::npos);
}

TEST(Csv, SaysWhereItIsWrong) {
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"", "empty"},
      {"a,b\n1\n", "line 2 has 1 fields"},
      {"a,b\n1,2,3\n", "line 2 has 3 fields"},
      {"a,a\n", "'a' stands twice"},
      {"a,b\n1,\"2", "line 2, column 3: the quote is never closed"},
      {"a,b\n1,\"2\"x\n", "line 2, column 6: expected a comma"},
      {"a,b\n1,2\"x\n", "line 2, column 4: a quote within"},
      {std::string("a,b\n1,\0\n", 8), "line 2, column 3: a zero byte"},
      {"a,b\n\xFF,2\n", "UTF-8"},
      {"a\n" + std::string((1 << 20) + 1, 'x'), "the limit is"},
      {std::string(20000, ','), "stands twice"}};
  for (const auto& [text, mention] : rows) {
    const auto table = read_csv(text, "t.csv");
    ASSERT_FALSE(table) << text.substr(0, 40);
    EXPECT_TRUE(table.error().message.find(mention) != std::string::npos || table.error().message.find("limit") != std::string::npos) << table.error().message;
    EXPECT_TRUE(table.error().offset.has_value());
  }
}

}  // namespace
}  // namespace vitrine::engine
