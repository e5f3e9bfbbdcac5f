#include <fstream>

#include "engine/core/free_memory.h"
#include "engine/model/build.h"
#include "tests/bench/random_model.h"
#include "tests/unit/engine_fixture.h"

namespace vitrine::engine {
namespace {

using namespace testing_;
namespace fs = std::filesystem;

std::shared_ptr<const Model> must_stream(const std::string& model, DType dtype = DType::F32) {
  auto opened = open_model(model, {.dtype = dtype, .stream = true});
  EXPECT_TRUE(opened) << sentence(opened.error());
  if (!opened) return nullptr;
  EXPECT_GT((*opened)->parts().stream->bytes(), 0);
  return *opened;
}

struct Written {
  explicit Written(const bench::RandomModel& model, bool half = false) : folder(testing::TempDir() + "streaming_" + std::to_string(getpid())) {
    bench::write_model(model, folder, half);
  }
  ~Written() {
    std::error_code ignored;
    fs::remove_all(folder, ignored);
  }
  std::string folder;
};

struct Form {
  const char* name;
  bench::RandomModel model;
  bool half = false;
};

std::vector<Form> forms() {
  return {{"gpt2", bench::random_gpt2(3, 192, 3, 500, 64)},
          {"llama_tied", bench::random_llama(3, 256, 8, 4, 512, 600, true)},
          {"llama_of_bfloat16", bench::random_llama(3, 256, 8, 4, 512, 600, false), true},
          {"bert", bench::random_bert(3, 192, 3, 600, 64)},
          {"vit", bench::random_vit(3, 192, 3, 64, 16)}};
}

class Streaming : public testing::TestWithParam<int> {
 protected:
  const Form form = forms()[static_cast<std::size_t>(GetParam())];
};

TEST_P(Streaming, EqualsTheModelInMemory) {
  const Written files(form.model, form.half);
  const auto held = must_open(files.folder), streamed = must_stream(files.folder);
  ASSERT_TRUE(held && streamed);
  EXPECT_EQ(streamed->parameter_count(), held->parameter_count());
  const auto inputs = some_inputs(*held);
  const std::string site = held->towers()[0].mixers[1].site;
  for (const EditList& edits : {EditList{}, edits("head:1.2=zero"), edits("mlp:1=mean,layer:0=drop")}) {
    const RunRequest request{.inputs = inputs, .edits = edits, .taps = {site + ".hook_z"}};
    const auto a = must_run(*held, request), b = must_run(*streamed, request);
    ASSERT_EQ(a->outputs.size(), b->outputs.size());
    for (const auto& [name, x] : a->outputs) EXPECT_LT(difference(x, b->outputs.at(name)), 1e-5 * std::max(1.0, max_abs(x))) << name;
    EXPECT_LT(difference(a->taps.at(site + ".hook_z"), b->taps.at(site + ".hook_z")), 1e-5);
    const auto& map = *b->maps.at(site);
    EXPECT_LT(difference(*a->maps.at(site)->tile(0, 0, 0, map.rows(), 0, map.cols()), *map.tile(0, 0, 0, map.rows(), 0, map.cols())), 1e-5);
    EXPECT_LT(difference(a->maps.at(site)->values(), map.values()), 1e-5);
  }
}

TEST_P(Streaming, KeepsWeightsInTheFile) {
  const Written files(form.model, form.half);
  const auto streamed = must_stream(files.folder), held = must_open(files.folder);
  const RunRequest request{.inputs = some_inputs(*held)};
  const auto a = forecast(*held, request), b = forecast(*streamed, request);
  ASSERT_TRUE(a && b);
  EXPECT_EQ(a->streamed_bytes, 0);
  EXPECT_EQ(a->weights_bytes, 4 * held->parameter_count());
  EXPECT_EQ(b->packed_bytes, 0);
  EXPECT_LT(b->weights_bytes, a->weights_bytes / 4);
  EXPECT_EQ(b->weights_bytes + b->streamed_bytes * (form.half ? 2 : 1), a->weights_bytes);
}

INSTANTIATE_TEST_SUITE_P(Models, Streaming, testing::Range(0, 5), [](const auto& info) { return std::string(forms()[static_cast<std::size_t>(info.param)].name); });

class StreamedDemos : public testing::TestWithParam<std::string> {};

TEST_P(StreamedDemos, EqualTheModelInMemory) {
  const auto held = must_open(GetParam()), streamed = must_stream(GetParam());
  const auto a = must_run(*held, {.inputs = some_inputs(*held)}), b = must_run(*streamed, {.inputs = some_inputs(*held)});
  for (const auto& [name, x] : a->outputs) EXPECT_LT(difference(x, b->outputs.at(name)), 1e-4) << name;
}

INSTANTIATE_TEST_SUITE_P(Models, StreamedDemos, testing::Values("demo:lm_text", "demo:lm_text_codebook", "demo:mamba_text"),
                         [](const auto& info) { return test_name(info.param.substr(5)); });

TEST(Streaming, GenerationAndSweepsSayTheSame) {
  const Written files(bench::random_gpt2(3, 192, 3, 500, 64));
  const auto held = must_open(files.folder), streamed = must_stream(files.folder);
  const auto inputs = some_inputs(*held);
  const auto a = generate(*held, inputs, 5), b = generate(*streamed, inputs, 5);
  ASSERT_TRUE(a && b);
  EXPECT_EQ(a->ids, b->ids);
  for (const auto type : {DType::BF16, DType::F32}) {
    const auto wide = must_open(files.folder, type), narrow = must_stream(files.folder, type);
    const auto x = must_run(*wide, {.inputs = inputs})->outputs.at("logits"), y = must_run(*narrow, {.inputs = inputs})->outputs.at("logits");
    EXPECT_LT(difference(x, y), type == DType::F32 ? 1e-5 : 0.05 * max_abs(to(x, DType::F32)));
  }
}

TEST(Streaming, AFileThatShrinksIsAnError) {
  const Written files(bench::random_gpt2(3, 192, 3, 500, 64));
  const auto streamed = must_stream(files.folder);
  const auto inputs = some_inputs(*streamed);
  must_run(*streamed, {.inputs = inputs});
  const fs::path weights = fs::path(files.folder) / "model.safetensors";
  fs::resize_file(weights, fs::file_size(weights) / 2);
  const auto run = run_model(*streamed, {.inputs = inputs});
  ASSERT_FALSE(run);
  EXPECT_EQ(run.error().code, ErrorCode::FileFormat) << sentence(run.error());
  EXPECT_NE(run.error().message.find("shorter"), std::string::npos) << run.error().message;
  EXPECT_FALSE(generate(*streamed, inputs, 2));
}

TEST(Streaming, BeginsWhereMemoryEndsAndIsRefusedWhereNotEvenThatIsEnough) {
  const Written files(bench::random_gpt2(2, 1024, 8, 60000, 64));   // 350 MB
  limit_memory(static_cast<std::int64_t>(1) << 40);
  EXPECT_EQ(must_open(files.folder)->parts().stream, nullptr);
  limit_memory(0);
  std::ifstream statm("/proc/self/statm");
  std::int64_t all = 0, pages = 0;
  statm >> all >> pages;
  const std::int64_t resident = pages * sysconf(_SC_PAGESIZE);
  limit_memory(resident + (std::int64_t{256} << 20));
  const auto streamed = open_model(files.folder);
  ASSERT_TRUE(streamed) << sentence(streamed.error());
  ASSERT_NE((*streamed)->parts().stream, nullptr);
  EXPECT_TRUE(run_model(**streamed, {.inputs = some_inputs(**streamed)}));
  limit_memory(resident + (std::int64_t{64} << 20));
  const auto refused = open_model(files.folder);
  limit_memory(0);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::DoesNotFit);
  EXPECT_NE(refused.error().message.find("GB are missing"), std::string::npos) << refused.error().message;
}

}  // namespace
}  // namespace vitrine::engine
