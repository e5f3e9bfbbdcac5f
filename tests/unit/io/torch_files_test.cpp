#include <gtest/gtest.h>

#include "engine/io/checkpoint.h"
#include "engine/model/identify.h"
#include "golden_files.h"

namespace vitrine::engine {
namespace {

using nlohmann::json;
using test::expectations;
using test::golden_files;

std::string name_of(const json& path) {
  std::string name;
  for (const json& key : path) {
    if (!name.empty()) name += ".";
    name += key.is_string() ? key.get<std::string>() : key.dump();
  }
  return path.empty() ? "tensor" : name;
}

void expect_tensor(const Checkpoint& checkpoint, const std::string& name, const std::string& dtype, const json& listed,
                   bool values_optional) {
  SCOPED_TRACE("tensor " + name);
  const TensorEntry* entry = checkpoint.find(name);
  ASSERT_NE(entry, nullptr);
  EXPECT_EQ(entry->name, name);
  EXPECT_EQ(entry->dtype, dtype);
  EXPECT_EQ(entry->shape, listed.at("shape").get<std::vector<std::int64_t>>());
  const auto values = checkpoint.read_f32(*entry);
  const bool complex = dtype.starts_with("complex") || dtype.find('c') == 1;
  if (!values && (values_optional || complex)) {
    EXPECT_EQ(values.error().code, ErrorCode::Unsupported);
    return;
  }
  ASSERT_TRUE(values) << sentence(values.error());
  EXPECT_EQ(test::checksum(*values), listed.at("values").at("sha256_f32").get<std::string>());
}

TEST(ValidTorch, OpenWithExactlyTheListedTensors) {
  int opened = 0, refused = 0;
  for (const json& file : expectations("torch")) {
    SCOPED_TRACE(file.at("file").get<std::string>());
    const bool may_refuse = file.value("may_refuse", false);
    const auto checkpoint = open_checkpoint(golden_files() / "valid/torch" / file["file"].get<std::string>());
    if (!checkpoint && may_refuse) {
      ++refused;
      std::printf("refused, as it may: %s\n", sentence(checkpoint.error()).c_str());
      continue;
    }
    ASSERT_TRUE(checkpoint) << sentence(checkpoint.error());
    ++opened;
    EXPECT_EQ((*checkpoint)->format(), "pytorch");
    const bool told = may_refuse || file.value("warn", false) || file.value("opaque", false) || file.contains("jit");
    EXPECT_TRUE(told || (*checkpoint)->warnings().empty()) << (*checkpoint)->warnings()[0];
    if (file.value("warn", false)) {
      EXPECT_FALSE((*checkpoint)->warnings().empty());
    }
    EXPECT_EQ((*checkpoint)->tensors().size(), file.at("tensors").size());
    for (const json& tensor : file["tensors"])
      expect_tensor(**checkpoint, name_of(tensor.at("path")), tensor.at("dtype"), tensor, may_refuse);
  }
  std::printf("torch: %d opened, %d refused\n", opened, refused);
  EXPECT_GT(opened, 20);
}

TEST(ValidTorch, PlainValuesAndTheModelInsideATrainingCheckpointAreFound) {
  const auto opened = open_checkpoint(golden_files() / "valid/torch/checkpoint.pt");
  ASSERT_TRUE(opened) << sentence(opened.error());
  const json& about = (*opened)->metadata();
  EXPECT_EQ(about.at("wrapper"), "model.");
  EXPECT_EQ(about.at("optimizer_tensors"), 18);
  EXPECT_EQ(about.at("values").at("epoch"), 3);
  EXPECT_EQ(about.at("values").at("best"), 0.125);
  EXPECT_EQ(about.at("values").at("optimizer.param_groups.0.betas.1"), 0.999);
  EXPECT_EQ(about.at("values").at("dtype"), "torch.bfloat16");
  const TensorEntry* entry = (*opened)->find("0.weight");
  ASSERT_NE(entry, nullptr);
  EXPECT_EQ(entry->name, "model.0.weight");
}

TEST(ValidTorch, ClassesAreNamedAndNotCalled) {
  const auto opened = open_checkpoint(golden_files() / "valid/torch/subclass.pt");
  ASSERT_TRUE(opened) << sentence(opened.error());
  ASSERT_EQ((*opened)->warnings().size(), 1U);
  EXPECT_NE((*opened)->warnings()[0].find("__main__.MyT"), std::string::npos);
}

TEST(ValidTorch, CodeOfTorchScriptIsListed) {
  const auto opened = open_checkpoint(golden_files() / "valid/torch/torchscript.pt");
  ASSERT_TRUE(opened) << sentence(opened.error());
  EXPECT_EQ((*opened)->metadata().at("torchscript"), true);
  EXPECT_EQ((*opened)->metadata().at("code")[0], "code/__torch__.py");
}

TEST(ValidNpy, OpenWithListedArrays) {
  int opened = 0;
  for (const json& file : expectations("npy")) {
    const std::string name = file.at("file");
    SCOPED_TRACE(name);
    const auto checkpoint = open_checkpoint(golden_files() / "valid/npy" / name);
    if (!checkpoint && file.value("may_refuse", false)) continue;
    ASSERT_TRUE(checkpoint) << sentence(checkpoint.error());
    ++opened;
    EXPECT_TRUE((*checkpoint)->warnings().empty());
    EXPECT_EQ((*checkpoint)->tensors().size(), file.at("arrays").size());
    for (const json& array : file["arrays"]) {
      const std::string listed = array.at("name");
      expect_tensor(**checkpoint, listed.empty() ? "array" : listed, array.at("descr"), array, false);
    }
  }
  std::printf("npy and npz: %d opened\n", opened);
  EXPECT_GT(opened, 2);
}

TEST(ControlTorch, OpenWithoutComplaint) {
  for (const char* name : {"good.pt", "good_plain_zip.pt", "good.npz"}) {
    const auto identity = identify(golden_files() / "valid/control" / name);
    ASSERT_TRUE(identity) << sentence(identity.error());
    EXPECT_TRUE(identity->warnings.empty()) << name << ": " << identity->warnings[0];
    ASSERT_FALSE(identity->checkpoint->tensors().empty()) << name;
    EXPECT_TRUE(identity->checkpoint->read_f32(identity->checkpoint->tensors()[0])) << name;
  }
}

}  // namespace
}  // namespace vitrine::engine
