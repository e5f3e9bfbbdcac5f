#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>

#include "engine/io/npy.h"
#include "engine/io/safetensors.h"
#include "engine/model/model.h"
#include "engine/run/workspace.h"
#include "tests/temporary_folder.h"
#include "tests/unit/engine_fixture.h"

namespace vitrine::engine {
namespace {

namespace fs = std::filesystem;
using Values = std::map<std::string, std::pair<std::vector<std::int64_t>, std::vector<float>>>;

/// A folder of one test, with a model in it that differs from a demo by what the test says.
class TensorsAlone : public testing::Test {
 protected:
  Values of_demo(const std::string& name) {
    const auto from = demo_folder(name);
    EXPECT_TRUE(from);
    for (const auto& item : fs::directory_iterator(*from))
      if (item.path().extension() == ".json") fs::copy_file(item.path(), folder_ / item.path().filename());
    const auto file = open_checkpoint(*from);
    EXPECT_TRUE(file);
    Values values;
    for (const auto& entry : (*file)->tensors()) values[entry.name] = {entry.shape, *(*file)->read_f32(entry)};
    return values;
  }
  void write(const Values& values) {
    std::vector<TensorToWrite> out;
    for (const auto& [name, tensor] : values) out.push_back({.name = name, .shape = tensor.first, .values = tensor.second});
    ASSERT_TRUE(write_safetensors(folder_ / "model.safetensors", out));
  }
  /// Refused where a model is needed; otherwise opened with a sentence.
  std::shared_ptr<const Model> open(const fs::path& path, std::size_t tensors) {
    EXPECT_FALSE(open_model(path.string()));
    const auto model = open_model(path.string(), {.tensors_alone = true});
    EXPECT_TRUE(model) << sentence(model.error());
    if (!model) return nullptr;
    EXPECT_GT((*model)->cannot_run().size(), 15U);
    EXPECT_EQ((*model)->cannot_run().find('\n'), std::string::npos);
    EXPECT_EQ((*model)->checkpoint().tensors().size(), tensors);
    EXPECT_TRUE((*model)->towers().empty());
    EXPECT_TRUE((*model)->hooks().empty());
    Workspace workspace(*model);
    EXPECT_FALSE(workspace.set_input({.text = "a"}));
    const auto run = run_model(**model, {});
    EXPECT_FALSE(run);
    EXPECT_NE(run.error().message.find((*model)->cannot_run()), std::string::npos);
    return *model;
  }
  const test::TemporaryFolder scratch_;
  const fs::path& folder_ = scratch_.path();
};

TEST_F(TensorsAlone, AnUnknownArchitectureSaysWhatIsKnown) {
  write({{"foo.bar", {{2, 3}, std::vector<float>(6, 1.F)}}});
  const auto model = open(folder_ / "model.safetensors", 1);
  EXPECT_NE(model->cannot_run().find("llama"), std::string::npos) << model->cannot_run();
  EXPECT_TRUE(model->weight_problems().missing.empty());
  std::ofstream(folder_ / "config.json") << R"({"model_type":"zebra","hidden_size":8})";
  EXPECT_NE(open(folder_, 1)->cannot_run().find("zebra"), std::string::npos);
}

TEST_F(TensorsAlone, AnArrayOpens) {
  const std::vector<float> values(12, 2.F);
  ASSERT_TRUE(write_npy(folder_ / "x.npy", {3, 4}, values));
  EXPECT_EQ(open(folder_ / "x.npy", 1)->checkpoint().tensors()[0].shape, (std::vector<std::int64_t>{3, 4}));
}

TEST_F(TensorsAlone, EveryMissingTensorIsListedAndEveryOneOfAnotherShape) {
  Values values = of_demo("lm_text");
  std::vector<std::string> gone, names;
  for (const auto& [name, tensor] : values) names.push_back(name);
  for (std::size_t i = 1; i < names.size(); i += 5) gone.push_back(names[i]);
  for (const auto& name : gone) values.erase(name);
  std::string turned;
  for (auto& [name, tensor] : values)
    if (tensor.first.size() == 2 && tensor.first[0] != tensor.first[1]) {
      std::swap(tensor.first[0], tensor.first[1]);
      turned = name;
      break;
    }
  values["stray"] = {{2}, {1.F, 2.F}};
  write(values);
  const auto model = open(folder_, values.size());
  const WeightProblems& problems = model->weight_problems();
  std::vector<std::string> missing = problems.missing;
  std::sort(missing.begin(), missing.end());
  EXPECT_EQ(missing, gone) << "by the names that the file would have";
  ASSERT_EQ(problems.wrong_shape.size(), 1U);
  EXPECT_EQ(problems.wrong_shape[0].find(turned + " should be ["), 0U) << problems.wrong_shape[0];
  EXPECT_EQ(problems.unexpected, std::vector<std::string>{"stray"});
}

/// One of several shards without its index is half of a model.
TEST_F(TensorsAlone, ALoneShardListsWhatTheOthersHold) {
  Values values = of_demo("lm_text");
  const std::size_t all = values.size();
  for (std::size_t i = 0; i < all / 2; ++i) values.erase(values.begin());
  write(values);
  EXPECT_EQ(open(folder_, all - all / 2)->weight_problems().missing.size(), all / 2);
}

TEST_F(TensorsAlone, AModelThatRunsIsNotTouchedByTheChoice) {
  const auto model = open_model("demo:lm_text", {.tensors_alone = true});
  ASSERT_TRUE(model);
  EXPECT_TRUE((*model)->cannot_run().empty());
  EXPECT_FALSE((*model)->towers().empty());
}

TEST_F(TensorsAlone, ABrokenConfigurationIsRefusedAllTheSame) {
  write(of_demo("lm_text"));
  fs::remove(folder_ / "vitrine.json");
  std::ofstream(folder_ / "config.json") << R"({"model_type":"llama","hidden_size":-8})";
  EXPECT_FALSE(open_model(folder_.string(), {.tensors_alone = true}));
  std::ofstream(folder_ / "config.json") << "{";
  EXPECT_FALSE(open_model(folder_.string(), {.tensors_alone = true}));
}

}  // namespace
}  // namespace vitrine::engine
