#include "engine/batch/page.h"

#include <gtest/gtest.h>

namespace vitrine::engine {
namespace {

TEST(ReportPage, KeepsTwoFiguresApart) {
  const std::string svg =
      "<?xml version=\"1.0\"?>\n<svg><clipPath id=\"c\"/><g clip-path=\"url(#c)\"/><use xlink:href=\"#c\"/></svg>\n";
  auto inlined = inline_svg(svg, "f1-");
  ASSERT_TRUE(inlined);
  EXPECT_EQ(*inlined,
            "<svg><clipPath id=\"f1-c\"/><g clip-path=\"url(#f1-c)\"/><use xlink:href=\"#f1-c\"/></svg>");
}

TEST(ReportPage, EmbedsNothingActive) {
  EXPECT_FALSE(inline_svg("<svg><script>1</script></svg>", "a"));
  EXPECT_FALSE(inline_svg("<svg><SCRIPT/></svg>", "a"));
  EXPECT_FALSE(inline_svg("<svg><rect onload=\"x()\"/></svg>", "a"));
  EXPECT_FALSE(inline_svg("<html></html>", "a"));
}

TEST(ReportPage, EscapesText) { EXPECT_EQ(html_escape("<a href=\"x\">&'"), "&lt;a href=&quot;x&quot;&gt;&amp;&#39;"); }

}  // namespace
}  // namespace vitrine::engine
