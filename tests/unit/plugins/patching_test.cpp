#include "engine/io/safetensors.h"
#include "tests/temporary_folder.h"
#include "tests/unit/plugins/support.h"

namespace vitrine::test {
namespace {

const std::string kCase = "analysis/patching_gpt2/";

std::shared_ptr<const Model> tiny_gpt2() {
  auto opened = open_model(VITRINE_SOURCE_DIR "/tests/golden/analysis/models/tiny_gpt2");
  if (!opened) throw std::runtime_error(sentence(opened.error()));
  return *opened;
}

/// Token ids as a file that an input may name.
std::string ids_file(const std::filesystem::path& path, const std::vector<std::int64_t>& ids) {
  EXPECT_TRUE(write_safetensors(path, {{.name = "input_ids", .shape = {1, static_cast<std::int64_t>(ids.size())}, .values = {}, .dtype = DType::I64, .integers = ids}}));
  return path.string();
}

struct Compared {
  const char* site;
  const char* reference;
};
void PrintTo(const Compared& c, std::ostream* out) { *out << c.site; }

class Patching : public testing::TestWithParam<Compared> {
 protected:
  Result<Report> ask(nlohmann::json params) const {
    params["clean"] = ids_file(folder_.path() / "clean.safetensors", golden(kCase + "input.safetensors", "clean_ids").ints());
    return analyse(tiny_gpt2(), "patching", params, InputItem{.tensors = ids_file(folder_.path() / "corrupted.safetensors", golden(kCase + "input.safetensors", "corrupted_ids").ints())});
  }
  TemporaryFolder folder_;
};

TEST_P(Patching, EqualsTheReference) {
  const auto report = ask({{"site", GetParam().site}, {"answer", "#5"}, {"wrong", "#11"}});
  ASSERT_TRUE(report) << sentence(report.error());
  const Golden expected = golden(kCase + "expected.safetensors", std::string("act_patch.") + GetParam().reference);
  const Array& found = report->arrays[0];
  ASSERT_EQ(found.values.size(), expected.values.size());
  const bool by_both = expected.shape.size() == 3;   // layer, position, head; ours: layer and head, position
  const std::int64_t heads = by_both ? expected.shape[2] : 1, tokens = expected.shape[1];
  for (std::size_t i = 0; i < expected.values.size(); ++i) {
    const auto at = static_cast<std::int64_t>(i), head = at % heads, token = at / heads % tokens, layer = at / heads / tokens;
    const std::size_t mine = by_both ? static_cast<std::size_t>((layer * heads + head) * tokens + token) : i;
    EXPECT_NEAR(found.values[mine], expected.values[i], 1e-4 * (1 + std::abs(expected.values[i]))) << i;
  }
  EXPECT_NEAR(metric_named(*report, "logit difference, clean"), golden(kCase + "expected.safetensors", "metric.clean").values[0], 1e-4);
  EXPECT_NEAR(metric_named(*report, "logit difference, here"), golden(kCase + "expected.safetensors", "metric.corrupted").values[0], 1e-4);
  EXPECT_TRUE(report->verified.ok) << report->verified.max_abs_diff;
}

INSTANTIATE_TEST_SUITE_P(Sites, Patching,
                         testing::Values(Compared{"resid_pre", "resid_pre"}, Compared{"attn_out", "attn_out"}, Compared{"mlp_out", "mlp_out"}, Compared{"head_z", "head_z_all_pos"},
                                         Compared{"head_z_by_token", "head_z_by_pos"}, Compared{"head_q", "head_q_all_pos"}, Compared{"head_k", "head_k_all_pos"},
                                         Compared{"head_v", "head_v_all_pos"}, Compared{"head_pattern", "head_pattern_all_pos"}),
                         [](const auto& info) { return info.param.site; });

TEST(PatchingOfTexts, RecoversAllAtTheOnlyTokenThatDiffers) {
  const auto report = analyse(demo("lm_text"), "patching", {{"clean", "It was in"}, {"site", "resid_pre"}}, text_input("It was my"));
  ASSERT_TRUE(report) << sentence(report.error());
  const Array& found = report->arrays[0];
  const std::int64_t tokens = found.shape[1];
  for (std::int64_t layer = 0; layer < found.shape[0]; ++layer)
    for (std::int64_t token = 0; token < tokens; ++token)
      EXPECT_NEAR(found.values[static_cast<std::size_t>(layer * tokens + token)], token == tokens - 1 ? 1 : 0, 1e-5) << layer << ' ' << token;
}

TEST(PatchingOfTexts, RefusesWhatCannotBeCompared) {
  const auto refused = [](nlohmann::json params) {
    const auto report = analyse(demo("lm_text"), "patching", params, text_input("It was my"));
    return report ? std::string() : report.error().message;
  };
  EXPECT_NE(refused({}).find("expected clean=TEXT"), std::string::npos);
  EXPECT_NE(refused({{"clean", "It was in the house of the captain"}}).find("of the same length"), std::string::npos);
  EXPECT_NE(refused({{"clean", "It was my"}}).find("answers differently"), std::string::npos);
  EXPECT_NE(refused({{"clean", "It was in"}, {"answer", "#99999999"}}).find("expected a token"), std::string::npos);
  EXPECT_NE(refused({{"clean", "It was in"}, {"wrong", "several tokens here"}}).find("expected one token"), std::string::npos);
}

}  // namespace
}  // namespace vitrine::test
