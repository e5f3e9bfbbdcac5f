// Models straight from the blocks of a quantised GGUF file, against the same model from a file of the unfolded values.
#include <fstream>
#include <set>

#include <unistd.h>

#include "engine/compress/smaller.h"
#include "engine/core/free_memory.h"
#include "engine/model/build.h"
#include "engine/run/sweep.h"
#include "engine/tensor/in_blocks.h"
#include "tests/bench/gguf_model.h"
#include "tests/unit/engine_fixture.h"

namespace vitrine::engine {
namespace {

using namespace testing_;
namespace fs = std::filesystem;

constexpr bench::LlamaShape kSmall{3, 256, 8, 4, 544, 640};

class Blocks : public testing::Test {
 protected:
  Blocks() { fs::create_directories(folder_); }
  ~Blocks() override {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }
  std::string file(bool unfolded, const bench::LlamaShape& shape = kSmall) {
    const fs::path path = folder_ / (unfolded ? "plain.gguf" : "blocks.gguf");
    if (!fs::exists(path)) bench::write_llama(shape, unfolded, path);
    return path.string();
  }
  void open(DType dtype = DType::F32) {
    blocks_ = must_open(file(false), dtype);
    plain_ = must_open(file(true), dtype);
    ASSERT_TRUE(blocks_ && plain_);
    inputs_ = some_inputs(*plain_);
  }
  const fs::path folder_ = fs::path(testing::TempDir()) / ("blocks_" + std::to_string(getpid()));
  std::shared_ptr<const Model> blocks_, plain_;
  std::map<std::string, Tensor> inputs_;
};

TEST_F(Blocks, StayInTheFileAndTheHeadSharesThemWithTheEmbedding) {
  open();
  std::set<std::string> held;
  for (const auto& [name, t] : blocks_->parts().weights)
    if (!blocks_of(t)) held.insert(name.substr(name.rfind('.', name.size() - 8) + 1));
  for (const auto& name : held) EXPECT_TRUE(name.find("norm") != std::string::npos) << name;
  const auto& weights = blocks_->parts().weights;
  EXPECT_EQ(weights.at("embed.tokens.weight").data_id(), weights.at("unembed.weight").data_id());
  EXPECT_EQ(blocks_->parameter_count(), plain_->parameter_count());
  for (const auto& [name, t] : plain_->parts().weights) EXPECT_EQ(weights.at(name).to_floats(), t.to_floats()) << name;
}

TEST_F(Blocks, GiveTheLogitsAndMapsOfTheUnfoldedModel) {
  open();
  const std::string site = plain_->towers()[0].mixers[1].site;
  for (const EditList& list : {EditList{}, edits("head:1.2=zero"), edits("mlp:1=mean,layer:0=drop")}) {
    const RunRequest request{.inputs = inputs_, .edits = list, .taps = {site + ".hook_q", site + ".hook_z"}};
    const auto a = must_run(*plain_, request), b = must_run(*blocks_, request);
    const Tensor wanted = a->outputs.at("logits");
    EXPECT_LT(difference(wanted, b->outputs.at("logits")), 1e-5 * max_abs(wanted));
    for (const auto& [name, x] : a->taps) EXPECT_LT(difference(x, b->taps.at(name)), 1e-5 * max_abs(x)) << name;
    const auto& map = *b->maps.at(site);
    EXPECT_LT(difference(*a->maps.at(site)->tile(0, 0, 0, map.rows(), 0, map.cols()), *map.tile(0, 0, 0, map.rows(), 0, map.cols())), 1e-5);
    EXPECT_LT(difference(a->maps.at(site)->values(), map.values()), 1e-5 * max_abs(map.values()));
  }
}

TEST_F(Blocks, GenerateGradientsAndSweepsLikeTheUnfoldedModel) {
  open();
  const auto a = generate(*plain_, inputs_, 6), b = generate(*blocks_, inputs_, 6);
  ASSERT_TRUE(a && b);
  EXPECT_EQ(a->ids, b->ids);
  for (std::size_t i = 0; i < a->logits.size(); ++i) EXPECT_LT(difference(a->logits[i], b->logits[i]), 1e-5 * max_abs(a->logits[i]));
  RunRequest request{.inputs = inputs_};
  request.differentiable = true;
  const auto x = must_run(*plain_, request)->outputs.at("logits"), y = must_run(*blocks_, request)->outputs.at("logits");
  EXPECT_LT(difference(x, y), 1e-5 * max_abs(x));
  for (const bool last : {false, true}) {
    SweepRequest heads{.inputs = inputs_, .last_token = last};
    for (const char* head : {"head:0.1=zero", "head:1.3=zero", "head:2.0=zero", "head:2.7=zero"}) heads.variants.push_back(edits(head));
    std::map<std::size_t, Tensor> wanted;
    ASSERT_TRUE(sweep(*plain_, heads, [&](std::size_t v, const auto& outputs) { wanted[v] = outputs.at("logits"); return Status{}; }));
    ASSERT_EQ(wanted.size(), heads.variants.size());
    ASSERT_TRUE(sweep(*blocks_, heads, [&](std::size_t v, const auto& outputs) {
      EXPECT_LT(difference(outputs.at("logits"), wanted.at(v)), 1e-5 * max_abs(wanted.at(v))) << v;
      return Status{};
    }));
  }
}

TEST_F(Blocks, StayCloseInBfloat16) {
  open(DType::BF16);
  const auto x = must_run(*plain_, {.inputs = inputs_})->outputs.at("logits"), y = must_run(*blocks_, {.inputs = inputs_})->outputs.at("logits");
  EXPECT_EQ(y.dtype(), x.dtype());
  EXPECT_LT(difference(x, y), 0.05 * max_abs(to(x, DType::F32)));
}

TEST_F(Blocks, AreCutAndWrittenLikeTheUnfoldedModel) {
  open();
  const EditList list = edits("head:1.0=zero,head:1.1=zero,neuron:2.5=zero");
  const auto a = cut_out(*plain_, list), b = cut_out(*blocks_, list);
  ASSERT_TRUE(a && b);
  EXPECT_EQ(a->parameters(), b->parameters());
  const auto built = build_smaller(*blocks_, *b);
  ASSERT_TRUE(built) << sentence(built.error());
  const Status written = write_model(*blocks_, *b, folder_ / "cut");
  ASSERT_TRUE(written) << sentence(written.error());
  const Tensor wanted = must_run(*plain_, {.inputs = inputs_, .edits = list})->outputs.at("logits");
  for (const auto& smaller : {*built, must_open((folder_ / "cut").string())})
    EXPECT_LT(difference(must_run(*smaller, {.inputs = inputs_})->outputs.at("logits"), wanted), 1e-5 * max_abs(wanted));
}

TEST_F(Blocks, AFileThatShrinksIsAnError) {
  const auto model = must_open(file(false));
  const auto inputs = some_inputs(*model);
  must_run(*model, {.inputs = inputs});
  fs::resize_file(file(false), fs::file_size(file(false)) / 2);
  const auto run = run_model(*model, {.inputs = inputs});
  ASSERT_FALSE(run);
  EXPECT_EQ(run.error().code, ErrorCode::FileFormat) << sentence(run.error());
  EXPECT_FALSE(generate(*model, inputs, 2));
}

std::int64_t own_bytes() {
  std::ifstream in("/proc/self/status");
  for (std::string line; std::getline(in, line);)
    if (line.starts_with("RssAnon:")) return 1024 * std::atoll(line.c_str() + 8);
  return -1;
}

TEST_F(Blocks, TakeNoMemoryOfTheProcess) {
  constexpr bench::LlamaShape kLarge{4, 768, 12, 4, 2048, 30000};   // 47 MB of blocks, 176 MB of values
  must_run(*must_open("demo:lm_text"), {.inputs = some_inputs(*must_open("demo:lm_text"))});
  const std::string path = file(false, kLarge);
  const auto bytes = static_cast<std::int64_t>(fs::file_size(path)), before = own_bytes();
  const auto model = must_open(path);
  EXPECT_LT(own_bytes() - before, bytes / 10);
  ASSERT_TRUE(generate(*model, some_inputs(*model), 3));
  must_run(*model, {.inputs = some_inputs(*model)});
  EXPECT_LT(own_bytes() - before, bytes / 4);
  const auto said = forecast(*model, {.inputs = some_inputs(*model)});
  ASSERT_TRUE(said);
  EXPECT_NEAR(static_cast<double>(said->weights_bytes), static_cast<double>(bytes), 1e-3 * static_cast<double>(bytes));
}

TEST_F(Blocks, FitWhereUnfoldedValuesWouldNot) {
  constexpr bench::LlamaShape kLarge{4, 768, 12, 4, 2048, 30000};
  const std::string path = file(false, kLarge);
  std::ifstream statm("/proc/self/statm");
  std::int64_t all = 0, pages = 0;
  statm >> all >> pages;
  limit_memory(pages * sysconf(_SC_PAGESIZE) + (std::int64_t{128} << 20));
  const auto model = open_model(path);
  EXPECT_TRUE(model) << sentence(model.error());
  EXPECT_TRUE(model && !(*model)->parts().stream);
  limit_memory(0);
}

}  // namespace
}  // namespace vitrine::engine
