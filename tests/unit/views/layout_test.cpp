#include "views/data/layout.h"

#include <cmath>

#include <gtest/gtest.h>

#include "reports.h"
#include "views/data/color_map.h"
#include "views/data/ticks.h"

namespace vitrine::views {
namespace {

using engine::PictureKind;
using engine::Report;

double measure(std::string_view text, const Font& font) {
  double count = 0;
  for (const char c : text) count += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  return 0.55 * font.size * count;
}

DisplayList draw(const Report& report, const FigureOptions& options = {}) {
  return layout_figure(report, options, builtin_style("light", Medium::Screen), measure);
}

template <class T>
std::vector<T> items(const DisplayList& list) {
  std::vector<T> out;
  for (const auto& item : list.items)
    if (const auto* found = std::get_if<T>(&item)) out.push_back(*found);
  return out;
}

std::vector<std::string> texts(const DisplayList& list) {
  std::vector<std::string> out;
  for (const auto& t : items<TextItem>(list)) out.push_back(t.text);
  return out;
}

bool says(const DisplayList& list, const std::string& what) {
  for (const auto& text : texts(list))
    if (text.find(what) != std::string::npos) return true;
  return false;
}

class EveryLayout : public testing::TestWithParam<test::Named> {};
INSTANTIATE_TEST_SUITE_P(Layout, EveryLayout, testing::ValuesIn(test::all_reports()),
                         [](const auto& info) { return info.param.name; });

TEST_P(EveryLayout, IsFiniteAndKeepsTextInside) {
  for (const double width : {90.0, 321.0, 640.0, 1800.0})
    for (const double height : {0.0, 60.0, 480.0}) {
      FigureOptions options;
      options.width = width;
      options.height = height;
      const auto list = draw(GetParam().report, options);
      EXPECT_TRUE(std::isfinite(list.height) && list.height > 0);
      for (const auto& t : items<TextItem>(list)) {
        EXPECT_TRUE(std::isfinite(t.at.x) && std::isfinite(t.at.y)) << t.text;
        if (width >= 321 && t.angle == 0) {
          EXPECT_LE(t.at.x, width) << t.text;
        }
      }
      for (const auto& c : items<CellsItem>(list)) EXPECT_TRUE(std::isfinite(c.box.w) && c.box.w > 0 && c.box.h > 0);
      for (const auto& r : items<RectItem>(list))
        EXPECT_TRUE(std::isfinite(r.box.x) && r.box.w >= 0 && r.box.h >= 0) << r.tag;
    }
}

TEST_P(EveryLayout, SaysHowItWasChecked) {
  FigureOptions options;
  options.width = 900;
  const auto list = draw(GetParam().report, options);
  EXPECT_TRUE(says(list, GetParam().report.verified.ok ? "Checked: map applied" : "Not checked"));
}

TEST_P(EveryLayout, GivesEveryHitADescription) {
  const auto list = draw(GetParam().report);
  for (const auto& c : items<CellsItem>(list)) {
    const auto found = hit(list, c.box.x + c.box.w * 0.3, c.box.y + c.box.h * 0.3);
    ASSERT_TRUE(found);
    EXPECT_FALSE(describe(GetParam().report, *found).empty()) << found->tag;
  }
  for (const auto& r : items<RectItem>(list))
    if (!r.tag.empty() && !r.tag.starts_with("metric")) {
      EXPECT_FALSE(describe(GetParam().report, parse_tag(r.tag)).empty()) << r.tag;
    }
}

TEST_P(EveryLayout, SurvivesReportsThatDoNotFit) {
  Report report = GetParam().report;
  for (auto& array : report.arrays)
    if (!array.values.empty()) array.values.pop_back();
  (void)draw(report);
  for (auto& array : report.arrays) {
    array.shape.assign(array.shape.size(), std::int64_t{1} << 62);
    for (auto& axis : array.axes) axis.labels = {"one"};
  }
  (void)draw(report);
  report.arrays.clear();
  report.tables.clear();
  report.tokens.clear();
  report.text.clear();
  EXPECT_GT(draw(report).items.size(), 0u);
}

TEST_P(EveryLayout, SurvivesAllValuesMissingOrInfinite) {
  for (const float value : {std::nanf(""), INFINITY, -INFINITY, 0.0f, 3e38f}) {
    Report report = GetParam().report;
    for (auto& array : report.arrays) array.values.assign(array.values.size(), value);
    for (const auto& r : items<RectItem>(draw(report)))
      EXPECT_TRUE(std::isfinite(r.box.x + r.box.y + r.box.w + r.box.h)) << r.tag;
  }
}

TEST(MatrixLayout, HasSquareCellsInTheRightPlace) {
  FigureOptions options;
  options.width = 700;
  const auto report = test::matrix_report();
  const auto list = draw(report, options);
  const auto found = items<CellsItem>(list);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].true_rows, 37);
  EXPECT_EQ(found[0].raster->pixels.size(), 37u * 37u);
  EXPECT_NEAR(found[0].box.w, found[0].box.h, 1e-9);
  const auto a = find_box(list, "cell 0 0"), b = find_box(list, "cell 0 1"), c = find_box(list, "cell 1 0");
  ASSERT_TRUE(a && b && c);
  EXPECT_NEAR(b->x - a->x, found[0].box.w / 37, 1e-9);
  EXPECT_NEAR(c->y - a->y, found[0].box.h / 37, 1e-9);
}

TEST(MatrixLayout, LabelsStandAtTheirCells) {
  FigureOptions options;
  options.width = 900;
  const auto list = draw(test::matrix_report(), options);
  const auto cell = find_box(list, "cell 5 5");
  int rows = 0, columns = 0;
  for (const auto& t : items<TextItem>(list)) {
    if (t.text != "nature") continue;
    rows += t.angle == 0 && std::abs(t.at.y - cell->center().y) < t.font.size;
    columns += t.angle != 0 && std::abs(t.at.x - cell->center().x) < t.font.size;
  }
  EXPECT_EQ(rows, 1);
  EXPECT_EQ(columns, 1);
}

TEST(MatrixLayout, ColoursFollowTheValues) {
  const auto report = test::matrix_report();
  const auto cells = items<CellsItem>(draw(report)).at(0);
  const auto& values = report.arrays[0].values;
  const auto& map = color_map("viridis");
  float top = 0;
  for (const float v : values) top = std::max(top, v);
  for (std::size_t i = 0; i < values.size(); ++i)
    EXPECT_EQ(cells.raster->pixels[i], map.at(double(values[i]) / top)) << i;
}

TEST(MatrixLayout, HidesTheFirstKeyAndItsRange) {
  FigureOptions options;
  options.hide_first = true;
  const auto& missing = builtin_style("light", Medium::Screen).missing;
  const auto cells = items<CellsItem>(draw(test::matrix_report(), options)).at(0);
  for (std::size_t r = 0; r < 37; ++r) EXPECT_EQ(cells.raster->pixels[r * 37], missing);
}

TEST(MatrixLayout, IsDivergingForBothSigns) {
  const auto report = test::difference_report();
  const auto cells = items<CellsItem>(draw(report)).at(0);
  const auto& map = color_map("balance");
  for (std::size_t i = 0; i < cells.raster->pixels.size(); ++i)
    if (report.arrays[0].values[i] == 0) {
      EXPECT_EQ(cells.raster->pixels[i], map.at(0.5));
    }
}

TEST(MatrixLayout, ZoomShowsTheSameCellsLarger) {
  FigureOptions options;
  options.width = 600;
  options.height = 500;
  const double before = find_box(draw(test::matrix_report(), options), "cell 10 10")->w;
  options.view = {0.25, 0.5, 0.25, 0.5};
  const auto list = draw(test::matrix_report(), options);
  EXPECT_GT(find_box(list, "cell 10 10")->w, 3 * before);
  const auto found = hit(list, list.plot->center().x, list.plot->center().y);
  ASSERT_TRUE(found);
  EXPECT_NEAR(found->index[0], 37 * 0.375, 1);
  EXPECT_NEAR(found->index[1], 37 * 0.375, 1);
}

TEST(MatrixLayout, PoolsToPixelsUnlessAllCellsAreAsked) {
  FigureOptions options;
  options.width = 300;
  const auto pooled = items<CellsItem>(draw(test::large_matrix_report(600), options)).at(0);
  EXPECT_LT(pooled.raster->width, 300);
  EXPECT_EQ(pooled.true_cols, 600);
  options.full_raster = true;
  EXPECT_EQ(items<CellsItem>(draw(test::large_matrix_report(600), options)).at(0).raster->width, 600);
}

TEST(GridLayout, HasOneThumbnailAHead) {
  const auto list = draw(test::grid_report());
  const auto found = items<CellsItem>(list);
  ASSERT_EQ(found.size(), 16u);
  EXPECT_EQ(found[6].prefix, "head 1 2");
  EXPECT_LT(found[0].box.right(), found[1].box.x + 1e-9);
  EXPECT_EQ(found[0].box.y, found[3].box.y);
}

TEST(HeatMapLayout, WritesValuesInItsCells) {
  const auto list = draw(test::heat_map_report());
  const auto report = test::heat_map_report();
  int numbers = 0;
  for (const auto& t : items<TextItem>(list))
    if (const auto at = hit(list, t.at.x, t.at.y - 3);
        at && at->kind == "cell" && t.anchor == TextItem::Anchor::Middle)
      ++numbers;
  EXPECT_EQ(numbers, 23) << "all but the head not computed";
  EXPECT_EQ(items<CellsItem>(list).at(0).raster->pixels[23], builtin_style("light", Medium::Screen).missing);
}

TEST(LinesLayout, DrawsTheFocusedQueryOnly) {
  FigureOptions options;
  options.focus_row = 5;
  options.picture = PictureKind::TokenLines;
  for (const auto& path : items<PathItem>(draw(test::matrix_report(), options)))
    if (path.tag.starts_with("cell")) {
      EXPECT_EQ(parse_tag(path.tag).index[0], 5);
    }
}

TEST(OverlayLayout, ShowsOneQueryOfAnAttentionMap) {
  FigureOptions options;
  options.picture = PictureKind::ImageOverlay;
  options.focus_row = 11;
  const auto report = test::image_attention_report();
  const auto list = draw(report, options);
  const auto cells = items<CellsItem>(list).at(0);
  EXPECT_EQ(cells.true_rows, 8);
  EXPECT_EQ(cells.prefix, "patch");
  EXPECT_TRUE(says(list, "from patch 1, 2"));
  const auto value = report.arrays[0].values[11 * 65 + 1];
  EXPECT_EQ(describe(report, *hit(list, cells.box.x + 1, cells.box.y + 1), 11),
            "patch 0, 0 (token 1): " + format_value(value));
}

TEST(ScatterLayout, PutsPointsWhereTheirValuesAre) {
  const auto report = test::scatter_report();
  const auto list = draw(report);
  const auto &x = report.arrays[0].values, &y = report.arrays[1].values;
  for (std::size_t i = 1; i < x.size(); ++i) {
    const auto a = find_box(list, "point 0"), b = find_box(list, "point " + std::to_string(i));
    ASSERT_TRUE(a && b);
    EXPECT_EQ(x[i] > x[0], b->center().x > a->center().x);
    EXPECT_EQ(y[i] > y[0], b->center().y < a->center().y);
  }
}

TEST(BarsLayout, LengthsAreProportional) {
  const auto list = draw(test::bars_report());
  std::vector<double> widths;
  for (const auto& r : items<RectItem>(list))
    if (r.fill == builtin_style("light", Medium::Screen).series[0] && r.box.w != r.box.h) widths.push_back(r.box.w);
  ASSERT_GE(widths.size(), 2u);
  EXPECT_NEAR(widths[1] / widths[0], 0.22 / 0.41, 0.01);
}

TEST(Marks, AreDrawnAroundWhatTheyName) {
  FigureOptions options;
  const auto plain = draw(test::heat_map_report(), options).items.size();
  options.marks = {{"cell 2 1", Mark::Kind::Selected, 0}, {"cell 99 1", Mark::Kind::Selected, 0}};
  EXPECT_EQ(draw(test::heat_map_report(), options).items.size(), plain + 4);
}

TEST(Describe, GivesTheExactValueAndItsRank) {
  Report report;
  report.picture = PictureKind::Matrix;
  report.arrays.push_back({"pattern",
                           "probability",
                           {{"query", "", {"cat", "sat"}}, {"key", "", {"the", "cat", "sat"}}},
                           {2, 3},
                           {0.1234f, 0.5f, 0.3766f, 0.2f, 0.7f, 0.1f}});
  Hit h = parse_tag("cell 0 0");
  EXPECT_EQ(describe(report, h), "query 'cat' \u2192 key 'the': 0.1234, rank 3 of 3");
  h = parse_tag("cell 1 1");
  EXPECT_EQ(describe(report, h), "query 'sat' \u2192 key 'cat': 0.7000, rank 1 of 3");
  EXPECT_EQ(describe(report, parse_tag("cell 7 7")), "");
  EXPECT_EQ(describe(report, parse_tag("nonsense")), "");
}

}  // namespace
}  // namespace vitrine::views
