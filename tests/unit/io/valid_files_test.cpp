#include <gtest/gtest.h>

#include "engine/io/checkpoint.h"
#include "engine/model/identify.h"
#include "golden_files.h"

namespace vitrine::engine {
namespace {

using nlohmann::json;
using test::expectations;
using test::golden_files;

std::filesystem::path valid(const std::string& format, const json& file) {
  return golden_files() / "valid" / format / file.at("file").get<std::string>();
}

/// Shape and checksum of one tensor that the reference lists.
void expect_tensor(const Checkpoint& checkpoint, const std::string& name, const json& listed, const std::string& dtype,
                   bool values_optional) {
  SCOPED_TRACE("tensor " + name.substr(0, 60));
  const TensorEntry* entry = checkpoint.find(name);
  ASSERT_NE(entry, nullptr);
  EXPECT_EQ(entry->dtype, dtype);
  EXPECT_EQ(entry->shape, listed.at("shape").get<std::vector<std::int64_t>>());
  const auto values = checkpoint.read_f32(*entry);
  if (!listed.contains("values") || listed["values"].is_null()) return;
  if (!values && values_optional) return;
  if (!values && (dtype == "COMPLEX64" || dtype == "STRING")) return;
  ASSERT_TRUE(values) << sentence(values.error());
  EXPECT_EQ(test::checksum(*values), listed["values"].at("sha256_f32").get<std::string>());
}

TEST(ValidSafetensors, OpenWithListedTensors) {
  int opened = 0;
  for (const json& file : expectations("safetensors")) {
    SCOPED_TRACE(file.at("file").get<std::string>());
    const auto checkpoint = open_checkpoint(valid("safetensors", file));
    ASSERT_TRUE(checkpoint) << sentence(checkpoint.error());
    ++opened;
    EXPECT_EQ((*checkpoint)->format(), "safetensors");
    EXPECT_TRUE((*checkpoint)->warnings().empty());
    if (file.contains("weight_map")) {
      EXPECT_EQ((*checkpoint)->tensors().size(), file["weight_map"].size());
      for (const auto& [name, shard] : file["weight_map"].items())
        EXPECT_NE((*checkpoint)->find(name), nullptr) << name;
      continue;
    }
    EXPECT_EQ((*checkpoint)->tensors().size(), file.at("tensors").size());
    EXPECT_EQ((*checkpoint)->metadata(), file.at("metadata").is_null() ? json::object() : file["metadata"]);
    for (const json& tensor : file["tensors"]) {
      expect_tensor(**checkpoint, tensor.at("name"), tensor, tensor.at("dtype"),
                    file.value("may_refuse_values", false));
      const TensorEntry* entry = (*checkpoint)->find(tensor["name"]);
      if (entry != nullptr) {
        EXPECT_EQ(entry->bytes, tensor.at("bytes").get<std::uint64_t>());
      }
    }
  }
  EXPECT_GT(opened, 3);
}

TEST(ValidGguf, OpenWithListedTensorsAndMetadata) {
  int opened = 0;
  for (const json& file : expectations("gguf")) {
    SCOPED_TRACE(file.at("file").get<std::string>());
    const auto checkpoint = open_checkpoint(valid("gguf", file));
    if (!checkpoint && file.value("may_refuse", false)) continue;
    ASSERT_TRUE(checkpoint) << sentence(checkpoint.error());
    ++opened;
    EXPECT_EQ((*checkpoint)->format(), "gguf");
    const bool second_part = file["file"].get<std::string>().find("00002-of") != std::string::npos;
    for (const auto& [key, listed] : file.at("metadata").items()) {
      if (second_part) break;
      ASSERT_TRUE((*checkpoint)->metadata().contains(key)) << key;
      EXPECT_EQ((*checkpoint)->metadata()[key], listed.at("value")) << key;
    }
    for (const json& tensor : file.value("tensors", json::array())) {
      expect_tensor(**checkpoint, tensor.at("name"), tensor, tensor.at("type"), false);
      const TensorEntry* entry = (*checkpoint)->find(tensor["name"]);
      if (entry == nullptr) continue;
      EXPECT_EQ(entry->bytes, tensor.at("n_bytes").get<std::uint64_t>());
      EXPECT_EQ(entry->offset, tensor.at("file_offset").get<std::uint64_t>());
      const auto stored = (*checkpoint)->bytes(*entry);
      ASSERT_TRUE(stored);
      EXPECT_EQ(sha256(*stored), tensor.at("sha256_raw").get<std::string>());
    }
  }
  EXPECT_GT(opened, 3);
}

TEST(ValidGguf, PartsOfASplitModelOpenAsOne) {
  for (const char* part : {"m-00001-of-00002.gguf", "m-00002-of-00002.gguf"}) {
    const auto checkpoint = open_checkpoint(golden_files() / "valid/gguf/split" / part);
    ASSERT_TRUE(checkpoint) << sentence(checkpoint.error());
    EXPECT_EQ((*checkpoint)->tensors().size(), 2U);
    EXPECT_NE((*checkpoint)->find("a"), nullptr);
    EXPECT_NE((*checkpoint)->find("b"), nullptr);
    EXPECT_EQ((*checkpoint)->metadata()["general.architecture"], "llama");
  }
}

TEST(ValidOnnx, OpenWithListedConstants) {
  int opened = 0;
  for (const json& file : expectations("onnx")) {
    SCOPED_TRACE(file.at("file").get<std::string>());
    const auto checkpoint = open_checkpoint(valid("onnx", file));
    ASSERT_TRUE(checkpoint) << sentence(checkpoint.error());
    ++opened;
    const json& about = (*checkpoint)->metadata();
    EXPECT_EQ(about["ir_version"], file.at("ir_version"));
    for (const json& domain : file.at("opset")) EXPECT_EQ(about["opset"][domain[0].get<std::string>()], domain[1]);
    for (const json& op : file.at("nodes")) EXPECT_TRUE(about["nodes"].contains(op.get<std::string>())) << op;
    for (const json& tensor : file.at("initializers"))
      expect_tensor(**checkpoint, tensor.at("name"), tensor, tensor.at("data_type"),
                    file.value("may_refuse_values", false));
    // The lone Constant node of the reference is called k0 and writes "c" or the like: found by shape.
    for (const json& constant : file.at("constants")) {
      ASSERT_EQ((*checkpoint)->tensors().size(), 1U);
      expect_tensor(**checkpoint, (*checkpoint)->tensors()[0].name, constant, constant.at("data_type"), false);
    }
  }
  EXPECT_GT(opened, 3);
}

TEST(ControlFiles, OpenWithoutComplaint) {
  for (const char* name : {"good.safetensors", "good.gguf", "good.onnx"}) {
    const auto checkpoint = open_checkpoint(golden_files() / "valid/control" / name);
    ASSERT_TRUE(checkpoint) << sentence(checkpoint.error());
    EXPECT_TRUE((*checkpoint)->warnings().empty()) << name << ": " << (*checkpoint)->warnings()[0];
    EXPECT_FALSE((*checkpoint)->tensors().empty()) << name;
  }
}

TEST(ControlFiles, AreIdentifiedWithoutComplaint) {
  for (const char* name : {"good.safetensors", "good.gguf", "good.onnx", "good_config_llama.json",
                           "good_config_vit.json", "good_config_swin.json"}) {
    const auto identity = identify(golden_files() / "valid/control" / name);
    ASSERT_TRUE(identity) << sentence(identity.error());
    EXPECT_TRUE(identity->warnings.empty()) << name << ": " << identity->warnings[0];
  }
}

}  // namespace
}  // namespace vitrine::engine
