#include "engine/measure/tensor_scan.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>

#include <gtest/gtest.h>

#include "engine/io/safetensors.h"
#include "tests/temporary_folder.h"

namespace vitrine::engine {
namespace {

namespace fs = std::filesystem;

/// A checkpoint with one tensor of these values, on disk.
class Scan : public testing::Test {
 protected:
  std::shared_ptr<const Checkpoint> file(const std::vector<std::int64_t>& shape, const std::vector<float>& values) {
    const fs::path path = folder_ / "one.safetensors";
    EXPECT_TRUE(write_safetensors(path, {{.name = "x", .shape = shape, .values = values}}));
    auto opened = open_checkpoint(path);
    EXPECT_TRUE(opened);
    return *opened;
  }
  const test::TemporaryFolder scratch_;
  const fs::path& folder_ = scratch_.path();
};

std::vector<float> counted(std::size_t n) {
  std::vector<float> v(n);
  for (std::size_t i = 0; i < n; ++i) v[i] = static_cast<float>(i % 977) - 488;
  return v;
}

TEST_F(Scan, PiecesGiveTheStatisticsOfTheWhole) {
  auto values = counted(3'000'001);
  values[17] = std::numeric_limits<float>::quiet_NaN();
  values[2'999'999] = -std::numeric_limits<float>::infinity();
  const auto opened = file({3'000'001}, values);
  ValueStatistics s;
  ASSERT_TRUE(for_each_piece(*opened, opened->tensors()[0], {}, [&](auto piece) { s.add(piece); }));
  double sum = 0, squares = 0, n = 0, zeros = 0;
  for (float v : values)
    if (std::isfinite(v)) sum += v, ++n, zeros += v == 0;
  for (float v : values)
    if (std::isfinite(v)) squares += (v - sum / n) * (v - sum / n);
  EXPECT_EQ(s.count, values.size());
  EXPECT_EQ(s.nan, 1U);
  EXPECT_EQ(s.infinite, 1U);
  EXPECT_EQ(static_cast<double>(s.zeros), zeros);
  EXPECT_EQ(s.min, -488);
  EXPECT_EQ(s.max, 488);
  EXPECT_NEAR(s.mean, sum / n, 1e-9);
  EXPECT_NEAR(s.deviation(), std::sqrt(squares / n), 1e-9);
}

/// Every position and ':' for two axes of a three-dimensional tensor, against the index written out.
TEST_F(Scan, SlicesStepAsTheIndexSays) {
  const std::vector<std::int64_t> shape{3, 4, 5};
  const auto values = counted(60);
  const auto opened = file(shape, values);
  const auto at = [&](std::int64_t i, std::int64_t j, std::int64_t k) { return values[static_cast<std::size_t>((i * 4 + j) * 5 + k)]; };
  const auto read = [&](const std::string& text) {
    const auto view = slice_of(shape, text);
    EXPECT_TRUE(view) << text;
    std::vector<float> out;
    EXPECT_TRUE(for_each_row(*opened, opened->tensors()[0], *view, 0, view->rows, 0, view->cols, {}, [&](auto, auto, auto row) { out.insert(out.end(), row.begin(), row.end()); }));
    return out;
  };
  std::vector<float> expected;
  for (int j = 0; j < 4; ++j) for (int k = 0; k < 5; ++k) expected.push_back(at(1, j, k));
  EXPECT_EQ(read("1,:,:"), expected);
  expected.clear();
  for (int i = 0; i < 3; ++i) for (int k = 0; k < 5; ++k) expected.push_back(at(i, 3, k));
  EXPECT_EQ(read(":,-1,:"), expected);
  expected.clear();
  for (int i = 0; i < 3; ++i) for (int j = 0; j < 4; ++j) expected.push_back(at(i, j, 2));
  EXPECT_EQ(read(":,:,2"), expected);
  EXPECT_EQ(read("2,1,:").size(), 5U);
  EXPECT_EQ(read("2,1,4"), std::vector<float>{at(2, 1, 4)});
}

TEST(Slice, RefusesWhatDoesNotFitTheShape) {
  for (const char* text : {"0", "0,:,:,:", "3,:,:", "-4,:,:", ":,:,:", "x,:,:", "1.5,:,:", ",,", "99999999999999999999,:,:"}) {
    const auto view = slice_of({3, 4, 5}, text);
    ASSERT_FALSE(view) << text;
    EXPECT_EQ(view.error().code, ErrorCode::Usage);
  }
  EXPECT_EQ(slice_text({3, 4, 5}, *slice_of({3, 4, 5}, "")), "0,:,:");
  EXPECT_EQ(slice_text({3, 4, 5}, *slice_of({3, 4, 5}, ":,-2,:")), ":,2,:");
  EXPECT_EQ(slice_of({}, "")->cols, 1);
}

/// One cell of ten thousand that is not zero is seen at every block size, wherever it is.
TEST_F(Scan, ASingleBrightCellNeverVanishes) {
  for (const std::size_t bright : {std::size_t{0}, std::size_t{9'999}, std::size_t{5'050}, std::size_t{99}, std::size_t{7'301}}) {
    std::vector<float> values(10'000, 0.F);
    values[bright] = -3.F;
    const auto opened = file({100, 100}, values);
    const auto view = *slice_of({100, 100}, "");
    for (const std::int64_t pool : {1, 2, 7, 64, 1000}) {
      PooledGrid grid(0, 100, 0, 100, pool);
      ASSERT_TRUE(for_each_row(*opened, opened->tensors()[0], view, 0, 100, 0, 100, {}, [&](auto r, auto c, auto v) { grid.add(r, c, v); }));
      EXPECT_EQ(std::count(grid.values.begin(), grid.values.end(), -3.F), 1) << bright << " " << pool;
    }
  }
}

TEST(Histogram, HoldsEveryFiniteValueOnce) {
  const std::vector<float> values{-1, -1, 0, 0.5F, 1, std::numeric_limits<float>::quiet_NaN()};
  Histogram histogram(-1, 1, 4);
  histogram.add(values);
  EXPECT_EQ(histogram.counts, (std::vector<double>{2, 0, 1, 2}));
}

}  // namespace
}  // namespace vitrine::engine
