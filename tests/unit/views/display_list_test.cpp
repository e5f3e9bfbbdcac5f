#include "views/data/display_list.h"

#include <gtest/gtest.h>

namespace vitrine::views {
namespace {

CellsItem cells(Box box, int rows, int cols, std::string prefix = "cell") {
  auto raster = std::make_shared<Raster>();
  raster->width = cols;
  raster->height = rows;
  raster->pixels.assign(static_cast<std::size_t>(rows * cols), Color{});
  CellsItem item;
  item.box = box;
  item.raster = raster;
  item.true_rows = rows;
  item.true_cols = cols;
  item.prefix = std::move(prefix);
  return item;
}

RectItem rect(Box box, std::string tag) {
  RectItem item;
  item.box = box;
  item.tag = std::move(tag);
  return item;
}

TEST(DisplayList, EveryCellIsHitAtItsMiddleAndFoundByItsTag) {
  DisplayList list;
  list.items.emplace_back(cells({10, 20, 70, 50}, 5, 7));
  for (int r = 0; r < 5; ++r)
    for (int c = 0; c < 7; ++c) {
      const auto found = hit(list, 15 + 10 * c, 25 + 10 * r);
      ASSERT_TRUE(found);
      EXPECT_EQ(found->index, (std::vector<int>{r, c}));
      const auto box = find_box(list, found->tag);
      ASSERT_TRUE(box);
      EXPECT_DOUBLE_EQ(box->x, 10 + 10 * c);
      EXPECT_DOUBLE_EQ(box->y, 20 + 10 * r);
    }
  EXPECT_FALSE(hit(list, 9, 30));
  EXPECT_FALSE(find_box(list, "cell 5 0"));
  EXPECT_FALSE(find_box(list, "cell -1 0"));
}

TEST(DisplayList, ThumbnailsNameTheirHeadAndTheCellInside) {
  DisplayList list;
  list.items.emplace_back(cells({0, 0, 40, 40}, 4, 4, "head 2 1"));
  const auto found = hit(list, 15, 35);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->tag, "head 2 1");
  EXPECT_EQ(found->index, (std::vector<int>{2, 1, 3, 1}));
  EXPECT_EQ(found->box.w, 40);
}

TEST(DisplayList, PooledCellsAnswerWithTrueIndices) {
  DisplayList list;
  auto item = cells({0, 0, 10, 10}, 10, 10);
  item.true_rows = item.true_cols = 1000;
  list.items.emplace_back(item);
  EXPECT_EQ(hit(list, 9.995, 0.005)->index, (std::vector<int>{0, 999}));
}

TEST(DisplayList, TopmostWinsAndNearIsEnough) {
  DisplayList list;
  list.items.emplace_back(rect({0, 0, 100, 100}, "bar 0"));
  list.items.emplace_back(rect({40, 40, 20, 20}, "point 3"));
  EXPECT_EQ(hit(list, 50, 50)->tag, "point 3");
  EXPECT_EQ(hit(list, 5, 5)->tag, "bar 0");
  EXPECT_EQ(hit(list, 103, 50)->tag, "bar 0");
  EXPECT_FALSE(hit(list, 120, 50));
}

TEST(DisplayList, ClippedThingsAreNotHit) {
  DisplayList list;
  list.items.emplace_back(ClipBegin{{0, 0, 10, 10}});
  list.items.emplace_back(rect({0, 0, 100, 100}, "point 0"));
  list.items.emplace_back(ClipEnd{});
  EXPECT_TRUE(hit(list, 5, 5));
  EXPECT_FALSE(hit(list, 50, 50));
}

TEST(DisplayList, LinesAreHitWithinReach) {
  DisplayList list;
  PathItem path;
  path.points = {{0, 0}, {100, 100}};
  path.tag = "cell 4 2";
  list.items.emplace_back(path);
  EXPECT_EQ(hit(list, 52, 50)->tag, "cell 4 2");
  EXPECT_FALSE(hit(list, 70, 50));
}

TEST(DisplayList, RubberBandTakesWhatHasItsMiddleInside) {
  DisplayList list;
  list.items.emplace_back(cells({0, 0, 40, 40}, 4, 4));
  list.items.emplace_back(rect({100, 0, 4, 4}, "point 9"));
  EXPECT_EQ(hits_in(list, {0, 0, 20, 20}).size(), 4u);
  EXPECT_EQ(hits_in(list, {0, 0, 200, 200}).size(), 17u);
}

TEST(DisplayList, TagsAreParsed) {
  const auto h = parse_tag("line 3 -1 x");
  EXPECT_EQ(h.kind, "line");
  EXPECT_EQ(h.index, (std::vector<int>{3, -1}));
  EXPECT_TRUE(parse_tag("").index.empty());
}

}  // namespace
}  // namespace vitrine::views
