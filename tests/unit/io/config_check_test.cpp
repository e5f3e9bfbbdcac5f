#include <gtest/gtest.h>

#include "engine/io/json.h"
#include "engine/model/config_check.h"
#include "golden_files.h"

namespace vitrine::engine {
namespace {

namespace fs = std::filesystem;
using test::golden_files;
using nlohmann::json;

json llama() {
  return json::parse(R"({"model_type": "llama", "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 100, "max_position_embeddings": 64,
    "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "hidden_act": "silu"})");
}

std::string refusal(const json& config) {
  const auto checked = check_config(config, "config.json");
  return checked ? "" : checked.error().message;
}

TEST(ConfigCheck, AcceptsAPlainConfiguration) {
  const auto checked = check_config(llama(), "config.json");
  ASSERT_TRUE(checked) << sentence(checked.error());
  EXPECT_TRUE(checked->empty());
}

TEST(ConfigCheck, NamesTheKeyThatIsWrong) {
  const json wrong = {{"hidden_size", 0}, {"num_attention_heads", 5}, {"head_dim", 15}, {"rope_theta", 0.0},
                      {"num_hidden_layers", "2"}, {"hidden_act", "warp"}, {"rms_norm_eps", -1}};
  for (const auto& [key, value] : wrong.items()) {
    json config = llama();
    config[key] = value;
    EXPECT_NE(refusal(config).find(key), std::string::npos) << key << ": " << refusal(config);
  }
}

TEST(ConfigCheck, ChecksTheStagesOfASwin) {
  const json swin = {{"model_type", "swin"}, {"embed_dim", 16}, {"depths", {2, 2}}, {"num_heads", {2, 4}}, {"window_size", 4}};
  EXPECT_EQ(refusal(swin), "");
  const std::pair<const char*, json> wrong[] = {
      {"embed_dim", 0}, {"embed_dim", "16"}, {"embed_dim", nullptr}, {"depths", 2}, {"depths", {0, 2}}, {"depths", nullptr},
      {"num_heads", {3, 4}}, {"num_heads", {0, 4}}, {"num_heads", "24"}, {"num_heads", nullptr}, {"window_size", "4"}, {"mlp_ratio", 0}};
  for (const auto& [key, value] : wrong) {
    json config = swin;
    config[key] = value;
    EXPECT_NE(refusal(config).find(key), std::string::npos) << key << " " << value << ": " << refusal(config);
  }
}

TEST(ConfigCheck, ChecksTheNumbersOfARopeScaling) {
  const json sound = {{"rope_type", "llama3"}, {"factor", 8.0}, {"low_freq_factor", 1.0}, {"high_freq_factor", 4.0},
                      {"original_max_position_embeddings", 64}};
  json config = llama();
  config["rope_scaling"] = sound;
  EXPECT_EQ(refusal(config), "");
  for (const char* key : {"factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"}) {
    config["rope_scaling"] = sound;
    config["rope_scaling"].erase(key);
    EXPECT_NE(refusal(config).find(key), std::string::npos) << refusal(config);
  }
  config["rope_scaling"] = sound;
  config["rope_scaling"]["low_freq_factor"] = 4.0;
  EXPECT_NE(refusal(config).find("low_freq_factor"), std::string::npos) << refusal(config);
  config["rope_scaling"] = {{"factor", 2.0}};
  EXPECT_NE(refusal(config).find("rope_scaling"), std::string::npos) << refusal(config);
}

TEST(ConfigCheck, WarnsOfClaimsThatAreOdd) {
  const std::pair<const char*, json> odd[] = {
      {"attention_dropout", -1}, {"architectures", "LlamaForCausalLM"}, {"architectures", {"__import__('os')"}}, {"torch_dtype", 3},
      {"trust_remote_code", true}, {"_name_or_path", "../../x"}, {"id2label", json::array({1})}, {"max_position_embeddings", nullptr}};
  for (const auto& [key, value] : odd) {
    json config = llama();
    config[key] = value;
    const auto checked = check_config(config, "config.json");
    ASSERT_TRUE(checked) << sentence(checked.error());
    ASSERT_EQ(checked->size(), 1U) << key;
    EXPECT_NE(checked->front().find(key), std::string::npos) << checked->front();
  }
}

TEST(ConfigCheck, ChecksNestedConfigurations) {
  json config = {{"model_type", "llava"}, {"text_config", llama()}};
  EXPECT_EQ(refusal(config), "");
  config["text_config"]["hidden_size"] = -1;
  EXPECT_NE(refusal(config).find("text_config.hidden_size"), std::string::npos) << refusal(config);
}

TEST(ConfigCheck, ReadsInfinityAsTransformersWritesIt) {
  json config = llama();
  config["time_step_limit"] = {0.0, {{"__float__", "Infinity"}}};
  EXPECT_EQ(refusal(config), "");
  config["rms_norm_eps"] = {{"__float__", "Infinity"}};
  EXPECT_NE(refusal(config).find("rms_norm_eps"), std::string::npos);
}

TEST(ConfigCheck, TakesAModelTypeThatACallerKnows) {
  json config = llama();
  config["model_type"] = "my_own";
  EXPECT_NE(refusal(config), "");
  const std::string_view more[] = {"my_own"};
  EXPECT_TRUE(check_config(config, "config.json", {{}, more}));
}

/// The class that the case beside a configuration names.
std::string case_class(const fs::path& config) {
  const fs::path file = config.parent_path() / "case.json";
  if (!fs::exists(file)) return "a part of a case";
  const json object = json::parse(test::read_text(file));
  return object.contains("class") && object["class"].is_string() ? object["class"].get<std::string>() : "a case";
}

TEST(ConfigCheck, AcceptsEveryReferenceConfiguration) {
  const fs::path golden = golden_files().parent_path();
  int accepted = 0;
  for (const char* group : {"language", "vision", "multimodal", "papers", "trained", "analysis", "compression"}) {
    if (!fs::exists(golden / group)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(golden / group)) {
      const std::string name = entry.path().filename().string();
      if (name != "config.json" && name != "config.legacy.json") continue;
      SCOPED_TRACE(entry.path().lexically_relative(golden).string());
      const auto config = read_json_file(entry.path());
      ASSERT_TRUE(config) << sentence(config.error());
      const std::string named = config->contains("model_type") ? "" : case_class(entry.path());
      const auto checked = check_config(*config, name, {named, {}});
      EXPECT_TRUE(checked) << sentence(checked.error());
      accepted += checked ? 1 : 0;
    }
  }
  std::printf("%d configurations accepted\n", accepted);
}

}  // namespace
}  // namespace vitrine::engine
