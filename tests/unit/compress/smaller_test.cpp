#include "engine/compress/smaller.h"

#include "engine/compress/verify.h"
#include "tests/unit/engine_fixture.h"

namespace vitrine::engine {
namespace {

using namespace testing_;

struct Case { std::string model, edits; };

class CutOut : public testing::TestWithParam<Case> {};

TEST_P(CutOut, ComputesWhatTheMaskedModelComputes) {
  const auto model = must_open(GetParam().model);
  const auto edits = parse_edits(GetParam().edits);
  ASSERT_TRUE(edits) << sentence(edits.error());
  const auto smaller = cut_out(*model, *edits);
  ASSERT_TRUE(smaller) << sentence(smaller.error());
  EXPECT_LT(smaller->parameters(), model->parameter_count());
  const std::filesystem::path folder = std::filesystem::path(testing::TempDir()) / ("cut_" + test_name(GetParam().model.substr(GetParam().model.size() - 8) + GetParam().edits));
  const Status written = write_model(*model, *smaller, folder);
  ASSERT_TRUE(written) << sentence(written.error());
  const auto again = must_open(folder.string());
  ASSERT_TRUE(again);
  EXPECT_EQ(again->parameter_count(), smaller->parameters());
  const auto inputs = some_inputs(*model);
  const auto masked = must_run(*model, {.inputs = inputs, .edits = *edits}), small = must_run(*again, {.inputs = inputs});
  for (const auto& [name, x] : masked->outputs)
    EXPECT_LT(difference(x, small->outputs.at(name)), 1e-4 * std::max(1.0, max_abs(x))) << name;
  const auto plain = must_run(*model, {.inputs = inputs});
  EXPECT_GT(difference(plain->outputs.at("last_hidden_state"), masked->outputs.at("last_hidden_state")), 1e-3) << "the mask matters";
  std::filesystem::remove_all(folder);
}

INSTANTIATE_TEST_SUITE_P(Cases, CutOut,
    testing::Values(Case{"demo:vit_digits", "head:0.1=zero,head:3.0=zero,head:3.3=zero"}, Case{"demo:vit_digits", "neuron:0.1=zero,neuron:0.2=zero,neuron:5.100=zero"},
                    Case{"demo:vit_digits", "layer:2=drop,attn:4=zero,mlp:1=zero"}, Case{"demo:vit_digits", "head:1.0=zero,head:1.1=zero,head:1.2=zero,head:1.3=zero"},
                    Case{"demo:lm_text", "head:1.2=zero,neuron:2.7=zero"}, Case{"demo:crate_digits", "head:2.1=zero,head:0.3=zero"},
                    Case{golden("language/llama"), "head:1.0=zero,head:1.1=zero,head:1.2=zero"}, Case{golden("language/bert"), "head:0.2=zero,attn:1=zero,neuron:2.5=zero"},
                    Case{golden("vision/hf_swin"), "head:1.1=zero,neuron:2.3=zero"}, Case{golden("vision/hf_dinov2"), "head:0.0=zero,mlp:1=zero"}),
    [](const auto& info) { return "case_" + std::to_string(info.index); });

TEST(CutOut, SilencesALoneHeadOfASharedGroup) {
  const auto model = must_open(golden("language/llama"));
  const auto smaller = cut_out(*model, *parse_edits("head:1.0=zero"));
  ASSERT_TRUE(smaller);
  EXPECT_EQ(smaller->parameters(), model->parameter_count());
  EXPECT_EQ(smaller->notes.size(), 1U);
  const auto built = build_smaller(*model, *smaller);
  ASSERT_TRUE(built);
  const auto inputs = some_inputs(*model);
  EXPECT_LT(difference(must_run(*model, {.inputs = inputs, .edits = *parse_edits("head:1.0=zero")})->outputs.at("logits"), must_run(**built, {.inputs = inputs})->outputs.at("logits")), 1e-4);
}

TEST(CutOut, RefusesWhatOnlyAMaskCanDo) {
  const auto model = must_open("demo:codebook_fsm");
  for (const char* edit : {"head:0.1=zero", "mlp:1=mean", "code:1.4.3=force"}) EXPECT_FALSE(cut_out(*model, *parse_edits(edit))) << edit;
  EXPECT_FALSE(cut_out(*must_open("demo:mamba_text"), *parse_edits("head:0.3=zero")));
  EXPECT_FALSE(cut_out(*must_open("demo:vit_digits"), *parse_edits(R"([{"site": "blocks.0.attn.hook_z", "select": {"head": [1], "token": [2]}, "op": "zero"}])")));
}

}  // namespace
}  // namespace vitrine::engine
