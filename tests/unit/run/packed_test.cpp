#include "engine/run/packed.h"

#include "engine/run/plain_tower.h"
#include "tests/unit/engine_fixture.h"

namespace vitrine::engine {
namespace {

using namespace testing_;
using Texts = std::vector<std::map<std::string, Tensor>>;

Texts texts_of(const Model& model, const std::vector<std::int64_t>& lengths) {
  const auto vocab = model.spec().towers[0].stem.params.value("vocab", std::int64_t{8});
  const bool segments = param_or(model.spec().towers[0].stem.params, "segments", 0) > 1;
  Texts texts;
  for (const std::int64_t n : lengths) {
    std::vector<std::int64_t> ids, types;
    for (std::int64_t i = 0; i < n; ++i) {
      ids.push_back((5 + 3 * i + 11 * n) % vocab);
      types.push_back(2 * i > n);
    }
    texts.push_back({{"input_ids", Tensor::from_ints(ids, {1, n})}});
    if (segments) texts.back()["token_type_ids"] = Tensor::from_ints(types, {1, n});
  }
  return texts;
}

void expect_as_alone(const Model& model, const Texts& texts, const EditList& in_force) {
  const auto together = run_packed(model, texts, in_force);
  ASSERT_TRUE(together) << sentence(together.error());
  ASSERT_EQ(together->size(), texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const auto alone = must_run(model, {.inputs = texts[i], .edits = in_force, .capture_maps = false});
    EXPECT_EQ((*together)[i].size(), alone->outputs.size());
    for (const auto& [name, x] : alone->outputs) {
      ASSERT_TRUE((*together)[i].contains(name)) << name;
      ASSERT_EQ((*together)[i].at(name).shape(), x.shape()) << name;
      EXPECT_LT(difference((*together)[i].at(name), x) / std::max(1.0, max_abs(x)), 1e-5) << name << " of text " << i;
    }
  }
}

class Packed : public testing::TestWithParam<std::string> {};

TEST_P(Packed, EqualsOneByOne) {
  const auto model = must_open(GetParam());
  ASSERT_TRUE(model);
  expect_as_alone(*model, texts_of(*model, {7, 1, 13, 2, 9, 16}), {});
  expect_as_alone(*model, texts_of(*model, {3, 12}), {Edit{.site = model->towers()[0].mixers[0].site + ".hook_z", .heads = {1}}});
}

TEST_P(Packed, LeavesTextsWithMasksAlone) {
  const auto model = must_open(GetParam());
  Texts texts = texts_of(*model, {5, 6, 4, 8, 3});
  texts[1]["attention_mask"] = ones({1, 6}, DType::I64);
  texts[2]["attention_mask"] = Tensor::from_ints(std::vector<std::int64_t>{1, 1, 1, 0}, {1, 4});
  expect_as_alone(*model, texts, {});
  std::vector<std::size_t> together;
  ASSERT_TRUE(run_packed(*model, texts, {}, [&](const PackedText& text) {
    EXPECT_EQ(text.text, together.size());
    together.push_back(text.together);
    return Status{};
  }));
  EXPECT_EQ(together, can_pack(*model, {}) ? (std::vector<std::size_t>{2, 2, 1, 2, 2}) : std::vector<std::size_t>(5, 1));
  expect_as_alone(*model, texts_of(*model, {5, 6}), {Edit{.site = model->towers()[0].mixers[0].site + ".hook_z", .tokens = {2}}});
}

INSTANTIATE_TEST_SUITE_P(Models, Packed,
                         testing::Values(golden("language/bert"), golden("language/gpt2"), golden("language/llama"), golden("language/gpt_neox"), "demo:lm_text_codebook", "demo:mamba_text"),
                         [](const auto& info) { return test_name(info.param.substr(info.param.find_last_of(":/") + 1)); });

TEST(PackedRow, IsForModelsWhoseTokensMeetInAttentionAlone) {
  EXPECT_TRUE(can_pack(*must_open(golden("language/bert")), {}));
  EXPECT_TRUE(can_pack(*must_open("demo:lm_text_codebook"), {}));
  for (const std::string& model : {std::string("demo:mamba_text"), golden("language/t5"), std::string("demo:vit_digits"), golden("vision/hf_swin")}) EXPECT_FALSE(can_pack(*must_open(model), {})) << model;
}

TEST(PackedRow, SaysWhatItNeeds) {
  const auto model = must_open(golden("language/bert"));
  const RunRequest sound = packed_request(texts_of(*model, {4, 5}));
  EXPECT_TRUE(run_model(*model, sound));
  for (const std::vector<std::int64_t>& wrong : {std::vector<std::int64_t>{4, 4}, {9, 0}, {10, -1}, {3, 3, 4}}) {
    RunRequest request = sound;
    request.segments = wrong;
    const auto run = run_model(*model, request);
    ASSERT_FALSE(run);
    EXPECT_EQ(run.error().code, ErrorCode::InvalidInput);
  }
  RunRequest with_maps = sound;
  with_maps.capture_maps = true;
  EXPECT_EQ(run_model(*model, with_maps).error().code, ErrorCode::Unsupported);
}

TEST(PackedRow, TapsSeeTheTextsEndToEnd) {
  const auto model = must_open(golden("language/gpt2"));
  const Texts texts = texts_of(*model, {4, 9, 2});
  RunRequest request = packed_request(texts);
  request.taps = {"blocks.1.attn.hook_z"};
  const Tensor z = must_run(*model, request)->taps.at("blocks.1.attn.hook_z");
  std::vector<Tensor> alone;
  for (const auto& text : texts) alone.push_back(must_run(*model, {.inputs = text, .taps = request.taps})->taps.at("blocks.1.attn.hook_z"));
  EXPECT_LT(difference(z, cat(alone, 1)), 1e-5);
}

}  // namespace
}  // namespace vitrine::engine
