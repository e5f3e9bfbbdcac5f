#include "engine/measure/tensor_statistics.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "engine/io/float_convert.h"
#include "engine/io/safetensors.h"
#include "tests/temporary_folder.h"
#include "tests/unit/io/golden_files.h"

namespace vitrine::engine {
namespace {

/// The definition, in long double.
void expect_statistics(const ValueStatistics& s, const std::vector<float>& values) {
  long double sum = 0, squares = 0;
  std::uint64_t finite = 0, zeros = 0, nan = 0;
  float lowest = std::numeric_limits<float>::infinity(), highest = -lowest;
  for (const float v : values) {
    nan += std::isnan(v);
    if (!std::isfinite(v)) continue;
    ++finite;
    zeros += v == 0;
    sum += v;
    lowest = std::min(lowest, v);
    highest = std::max(highest, v);
  }
  const long double mean = finite > 0 ? sum / finite : 0;
  for (const float v : values)
    if (std::isfinite(v)) squares += (v - mean) * (v - mean);
  EXPECT_EQ(s.count, values.size());
  EXPECT_EQ(s.finite(), finite);
  EXPECT_EQ(s.nan, nan);
  EXPECT_EQ(s.zeros, zeros);
  if (finite == 0) return;
  EXPECT_EQ(s.min, lowest);
  EXPECT_EQ(s.max, highest);
  const double scale = std::max({std::abs(s.min), std::abs(s.max), 1e-30});
  EXPECT_NEAR(s.mean, static_cast<double>(mean), 1e-12 * scale);
  EXPECT_NEAR(s.squares, static_cast<double>(squares), 1e-10 * static_cast<double>(squares));
}

std::vector<float> waves(std::size_t count) {
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = 3 + static_cast<float>(std::sin(0.37 * static_cast<double>(i))) * static_cast<float>(i % 101);
  return values;
}

TEST(ValueStatistics, AreThoseOfTheDefinitionWhateverTheirNumber) {
  for (const std::size_t count : {0, 1, 15, 16, 17, 31, 1000, 32'768, 32'769, 100'003}) {
    ValueStatistics s;
    const auto values = waves(count);
    s.add(values);
    expect_statistics(s, values);
  }
}

TEST(ValueStatistics, CountWhatIsNotFiniteWhereverItStands) {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN(), kInfinite = std::numeric_limits<float>::infinity();
  for (const std::size_t at : {0U, 5U, 32'767U, 32'768U, 70'000U, 70'002U})
    for (const float odd : {kNan, kInfinite, -kInfinite}) {
      auto values = waves(70'003);
      values[at] = odd;
      ValueStatistics s;
      s.add(values);
      expect_statistics(s, values);
    }
  ValueStatistics none;
  none.add(std::vector<float>(64, kNan));
  EXPECT_EQ(none.nan, 64U);
  EXPECT_EQ(none.deviation(), 0);
  none.add(std::vector<float>(32, -2));
  EXPECT_EQ(none.mean, -2);
  EXPECT_EQ(none.max, -2);
}

TEST(ValueStatistics, KeepTheirDigitsFarFromZero) {
  for (const double apart : {1e-2, 1.0, 30.0, 1e3, 1e5}) {
    auto values = waves(100'003);
    for (float& v : values) v = static_cast<float>(100 * apart + (v - 3) * 0.01);
    ValueStatistics s;
    s.add(values);
    expect_statistics(s, values);
  }
}

TEST(ValueStatistics, OfBfloat16AreThoseOfItsFloats) {
  for (const std::size_t count : {0, 1, 16, 17, 32'768, 70'003})
    for (const std::uint16_t odd : {0x3F80, 0x7F80, 0xFF80, 0x7FC0, 0x8000}) {
      std::vector<BFloat16> halves;
      for (const float v : waves(count)) halves.push_back({float_to_bfloat16(v)});
      if (count > 0) halves[count / 2].bits = odd;
      ValueStatistics s;
      s.add(std::span<const BFloat16>(halves));
      expect_statistics(s, {halves.begin(), halves.end()});
    }
}

TEST(ValueStatistics, HoldTheLargestFloats) {
  const std::vector<float> values(65'536, std::numeric_limits<float>::max());
  ValueStatistics s;
  s.add(values);
  EXPECT_EQ(s.infinite, 0U);
  EXPECT_EQ(s.mean, static_cast<double>(std::numeric_limits<float>::max()));
}

TEST(StatisticsOfTensors, AreThoseOfEachHoweverItIsStored) {
  for (const char* name : {"safetensors", "gguf", "torch", "onnx"})
    for (const auto& file : std::filesystem::recursive_directory_iterator(test::golden_files() / "valid" / name)) {
      const auto opened = file.is_regular_file() ? open_checkpoint(file.path()) : fail(ErrorCode::Usage, "a folder");
      if (!opened) continue;
      SCOPED_TRACE(file.path().string());
      const auto& tensors = (*opened)->tensors();
      std::vector<const TensorEntry*> entries;
      for (const TensorEntry& each : tensors) {
        entries.insert(entries.begin(), &each);
        for (const auto part : kComplexParts)
          if (is_complex(each.dtype)) entries.push_back((*opened)->find(each.name + std::string(part)));
      }
      const auto found = statistics_of_tensors(**opened, entries);
      ASSERT_EQ(found.size(), entries.size());
      for (std::size_t i = 0; i < entries.size(); ++i) {
        const auto values = (*opened)->read_f32(*entries[i]);
        ASSERT_EQ(values.has_value(), found[i].has_value()) << entries[i]->name;
        if (values) expect_statistics(*found[i], *values);
        else EXPECT_EQ(sentence(values.error()), sentence(found[i].error()));
      }
    }
}

TEST(StatisticsOfTensors, JoinTheParts) {
  const test::TemporaryFolder folder;
  const auto many = waves((std::size_t{1} << 22) + 12'345), few = waves(7);
  std::shared_ptr<const Checkpoint> file;
  std::vector<const TensorEntry*> entries;
  for (const DType dtype : {DType::BF16, DType::F32}) {
    const auto path = folder.path() / (dtype == DType::F32 ? "wide.safetensors" : "half.safetensors");
    ASSERT_TRUE(write_safetensors(path, {{.name = "many", .shape = {static_cast<std::int64_t>(many.size())}, .values = many, .dtype = dtype},
                                         {.name = "few", .shape = {7}, .values = few, .dtype = dtype}}));
    const auto opened = open_checkpoint(path);
    ASSERT_TRUE(opened);
    file = *opened;
    entries = {file->find("many"), file->find("few")};
    const auto found = statistics_of_tensors(*file, entries);
    for (std::size_t i = 0; i < 2; ++i) {
      ASSERT_TRUE(found[i]);
      expect_statistics(*found[i], *file->read_f32(*entries[i]));
    }
  }
  Progress stopped;
  stopped.cancel();
  EXPECT_EQ(statistics_of_tensors(*file, entries, stopped)[0].error().code, ErrorCode::Cancelled);
}

}  // namespace
}  // namespace vitrine::engine
