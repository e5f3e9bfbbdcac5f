#include "engine/tensor/streamed.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <vector>

#include <gtest/gtest.h>

#include "engine/tensor/guard.h"
#include "engine/tensor/linear.h"
#include "engine/tensor/ops.h"

namespace vitrine::engine {
namespace {

/// Numbers in a file that is mapped for reading.
class MappedNumbers {
 public:
  explicit MappedNumbers(std::size_t count) : values(count) {
    for (std::size_t i = 0; i < count; ++i) values[i] = static_cast<float>((i * 2654435761U) % 2001) / 1000.0F - 1.0F;
    std::string name = testing::TempDir() + "streamed_XXXXXX";
    const int file = mkstemp(name.data());
    unlink(name.c_str());
    bytes_ = count * sizeof(float);
    EXPECT_EQ(write(file, values.data(), bytes_), static_cast<ssize_t>(bytes_));
    map_ = mmap(nullptr, bytes_, PROT_READ, MAP_PRIVATE, file, 0);
    close(file);
    owner = std::shared_ptr<const void>(map_, [n = bytes_](const void* at) { munmap(const_cast<void*>(at), n); });
  }
  [[nodiscard]] std::span<const std::byte> bytes() const { return {static_cast<const std::byte*>(map_), bytes_}; }
  /// Pages of the mapping that this process has.
  [[nodiscard]] std::int64_t resident() const {
    std::ifstream in("/proc/self/smaps");
    char begin[32];
    std::snprintf(begin, sizeof begin, "%lx-", reinterpret_cast<unsigned long>(map_));
    bool here = false;
    for (std::string line; std::getline(in, line);) {
      if (line.find('-') < line.find(' ') && line.find(':') > line.find(' ')) here = line.starts_with(begin);
      if (here && line.starts_with("Rss:")) return std::atoll(line.c_str() + 4) * 1024;
    }
    return -1;
  }

  std::vector<float> values;
  std::shared_ptr<const void> owner;

 private:
  void* map_ = nullptr;
  std::size_t bytes_ = 0;
};

struct Case {
  std::int64_t out, in, rows;
  bool transposed;
};

class StreamedLinear : public testing::TestWithParam<Case> {};

TEST_P(StreamedLinear, EqualsTheSameWeightInMemory) {
  const auto [out, in, rows, transposed] = GetParam();
  const MappedNumbers file(static_cast<std::size_t>(out * in));
  const InferenceScope no_gradients;
  WeightStream stream;
  const Shape shape = transposed ? Shape{in, out} : Shape{out, in};
  Tensor streamed = stream.add(file.bytes(), DType::F32, shape, file.owner), held = Tensor::from_floats(file.values, shape);
  if (transposed) {
    streamed = transpose(streamed, 0, 1);
    held = contiguous(transpose(held, 0, 1));
  }
  ASSERT_TRUE(is_streamed(streamed));
  EXPECT_FALSE(is_streamed(held));
  EXPECT_EQ(stream.bytes(), out * in * 4);
  const Tensor x = randn({rows, in}, 3), bias = randn({out}, 4);
  for (const Epilogue epilogue : {Epilogue::None, Epilogue::Gelu}) {
    const Tensor got = PackedLinear(streamed, bias).then(x, epilogue), wanted = PackedLinear(held, bias).then(x, epilogue);
    EXPECT_LT(max_abs(got - wanted), 2e-4 * max_abs(wanted)) << "epilogue " << static_cast<int>(epilogue);
  }
  EXPECT_LE(file.resident(), WeightStream::kMostResident);
  stream.rest();
  EXPECT_EQ(file.resident(), 0);
}

// One part; several along the outputs; several along the inputs; with packing of each part.
INSTANTIATE_TEST_SUITE_P(Shapes, StreamedLinear, testing::Values(Case{384, 256, 5, false}, Case{384, 256, 5, true}, Case{20011, 1024, 3, false}, Case{4099, 4096, 2, true}, Case{20011, 1024, 70, false}),
                         [](const auto& info) { return std::to_string(info.param.out) + "_by_" + std::to_string(info.param.in) + "_rows_" + std::to_string(info.param.rows) + (info.param.transposed ? "_transposed" : ""); });

TEST(Streamed, PagesStayBelowTheirBoundWhateverIsRead) {
  const MappedNumbers file(std::size_t{80} << 20);   // 320 MB
  const InferenceScope no_gradients;
  WeightStream stream;
  constexpr std::int64_t kWidth = 1024, kEach = 8 << 20;
  std::vector<PackedLinear> layers;
  for (std::int64_t at = 0; at < (80 << 20); at += kEach)
    layers.emplace_back(stream.add(file.bytes().subspan(static_cast<std::size_t>(4 * at), 4 * kEach), DType::F32, {kEach / kWidth, kWidth}, file.owner), Tensor());
  std::int64_t most = 0;
  for (int pass = 0; pass < 2; ++pass)
    for (const PackedLinear& layer : layers) {
      (void)layer(ones({1, kWidth}));
      most = std::max(most, file.resident());
    }
  EXPECT_LE(most, WeightStream::kMostResident);
  EXPECT_GT(most, 0);
  stream.rest();
  EXPECT_EQ(file.resident(), 0);
}

TEST(Streamed, RowsOfATableAreItsRows) {
  const MappedNumbers file(std::size_t{1000} * 64);
  WeightStream stream;
  const Tensor table = stream.add(file.bytes(), DType::F32, {1000, 64}, file.owner);
  const Tensor rows = streamed_rows(table, Tensor::from_ints(std::vector<std::int64_t>{999, 0, 500}, {3}));
  EXPECT_FALSE(is_streamed(rows));
  EXPECT_EQ(rows.to_floats()[0], file.values[999 * 64]);
  EXPECT_EQ(rows.to_floats()[2 * 64 + 63], file.values[500 * 64 + 63]);
  EXPECT_EQ(file.resident(), 0);
}

TEST(Streamed, SlicesOfOneMatrixShareItsPages) {
  const MappedNumbers file(std::size_t{256} * 768);
  const InferenceScope no_gradients;
  WeightStream stream;
  const Tensor joined = stream.add(file.bytes(), DType::F32, {256, 768}, file.owner), again = stream.add(file.bytes(), DType::F32, {256, 768}, file.owner);
  EXPECT_EQ(stream.bytes(), 256 * 768 * 4);
  const Tensor held = Tensor::from_floats(file.values, {256, 768}), x = randn({4, 256}, 5);
  for (const Tensor& from : {joined, again})
    for (std::int64_t part = 0; part < 3; ++part) {
      const auto third = [&](const Tensor& t) { return transpose(slice(t, 1, part * 256, (part + 1) * 256), 0, 1); };
      EXPECT_LT(max_abs(PackedLinear(third(from), Tensor())(x) - matmul(x, transpose(third(held), 0, 1))), 1e-4);
    }
}

}  // namespace
}  // namespace vitrine::engine
