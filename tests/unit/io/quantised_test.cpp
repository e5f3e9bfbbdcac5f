#include "engine/io/quantised.h"

#include <cmath>
#include <functional>

#include <gtest/gtest.h>

#include "engine/io/json.h"
#include "engine/io/quantised_parts.h"
#include "engine/io/tensor_list.h"
#include "golden_files.h"

namespace vitrine::engine {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

const fs::path kLayouts = VITRINE_SOURCE_DIR "/tests/golden/files/quantised";
const std::string kProjection = "model.layers.0.self_attn.k_proj";

std::vector<std::string> layouts() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(kLayouts))
    if (entry.is_directory()) names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

/// A safetensors file taken apart, so that a test can change one thing.
struct Parts {
  std::map<std::string, json> headers;
  std::map<std::string, std::string> data;

  explicit Parts(const fs::path& path) {
    const std::string file = test::read_text(path);
    std::uint64_t length = 0;
    std::memcpy(&length, file.data(), 8);
    const json header = json::parse(file.substr(8, length));
    for (const auto& [name, tensor] : header.items()) {
      if (name == "__metadata__") continue;
      headers[name] = tensor;
      const auto begin = tensor["data_offsets"][0].get<std::size_t>(), end = tensor["data_offsets"][1].get<std::size_t>();
      data[name] = file.substr(8 + length + begin, end - begin);
    }
  }
  void put(const std::string& name, const std::string& type, std::vector<std::int64_t> shape, std::string bytes) {
    headers[name] = {{"dtype", type}, {"shape", shape}};
    data[name] = std::move(bytes);
  }
  void drop(const std::string& name) {
    headers.erase(name);
    data.erase(name);
  }
  void write(const fs::path& path) const {
    json header = json::object();
    std::string all;
    for (const auto& [name, tensor] : headers) {
      header[name] = tensor;
      header[name]["data_offsets"] = {all.size(), all.size() + data.at(name).size()};
      all += data.at(name);
    }
    const std::string text = header.dump();
    const std::uint64_t length = text.size();
    std::ofstream out(path, std::ios::binary);
    out.write(reinterpret_cast<const char*>(&length), 8);
    out << text << all;
  }
};

class Layout : public testing::TestWithParam<std::string> {};

TEST_P(Layout, GivesTheMatrixOfTheReference) {
  const fs::path folder = kLayouts / GetParam();
  const auto config = read_json_file(folder / "config.json");
  const auto file = open_checkpoint(folder / "model.safetensors"), wanted = open_checkpoint(folder / "dequantised.safetensors");
  ASSERT_TRUE(config && file && wanted);
  const auto plain = dequantised(*file, *config);
  ASSERT_TRUE(plain) << sentence(plain.error());
  const TensorEntry* entry = (*plain)->find(kProjection + ".weight");
  const TensorEntry* reference = (*wanted)->find(kProjection + ".weight");
  ASSERT_TRUE(entry != nullptr && reference != nullptr);
  EXPECT_EQ(entry->shape, reference->shape);
  const auto got = (*plain)->read_f32(*entry), want = (*wanted)->read_f32(*reference);
  ASSERT_TRUE(got && want) << sentence(got.error());
  EXPECT_LE(error_between(*want, *got).max_abs, 1e-6);
  EXPECT_GT(error_between(*want, std::vector<float>(want->size())).max_abs, 0.1);
}

TEST_P(Layout, ListsMatricesInsteadOfParts) {
  const fs::path folder = kLayouts / GetParam();
  const auto file = open_checkpoint(folder / "model.safetensors");
  ASSERT_TRUE(file);
  const auto plain = dequantised(*file, *read_json_file(folder / "config.json"));
  ASSERT_TRUE(plain) << sentence(plain.error());
  std::size_t matrices = 0;
  for (const TensorEntry& entry : (*plain)->tensors()) {
    EXPECT_TRUE(entry.name.ends_with(".weight")) << entry.name;
    matrices += entry.name.find("_proj") != std::string::npos ? 1 : 0;
  }
  EXPECT_EQ(matrices, 7U);
  ASSERT_FALSE((*plain)->warnings().empty());
  EXPECT_NE((*plain)->warnings().back().find("dequantised when read"), std::string::npos);
}

TEST_P(Layout, NeedsNoConfigurationForTheUsualSizes) {
  // Of these only the configuration says which zero points or widths they have.
  for (const char* unsaid : {"gptq4_v2", "ct_pack3", "ct_pack8"})
    if (GetParam() == unsaid) return;
  const auto file = open_checkpoint(kLayouts / GetParam() / "model.safetensors");
  const auto plain = dequantised(*file, json());
  ASSERT_TRUE(plain) << sentence(plain.error());
  const auto wanted = open_checkpoint(kLayouts / GetParam() / "dequantised.safetensors");
  const auto got = (*plain)->read_f32(*(*plain)->find(kProjection + ".weight")),
             want = (*wanted)->read_f32((*wanted)->tensors().front());
  ASSERT_TRUE(got && want);
  EXPECT_LE(error_between(*want, *got).max_abs, 1e-6);
}

/// The same layouts in files of PyTorch, awq4 in two shards: parts of one matrix lie in both.
TEST(QuantisedTorch, GivesTheMatricesOfTheSafetensorsFile) {
  const fs::path torch = VITRINE_SOURCE_DIR "/tests/golden/quantised_torch";
  int folders = 0;
  for (const auto& each : fs::directory_iterator(torch)) {
    if (!each.is_directory()) continue;
    const std::string layout = each.path().filename().string();
    SCOPED_TRACE(layout);
    ++folders;
    const auto config = read_json_file(kLayouts / layout / "config.json");
    const auto ours = open_checkpoint(each.path()), theirs = open_checkpoint(kLayouts / layout / "model.safetensors");
    ASSERT_TRUE(config && ours && theirs) << sentence(ours.error());
    const auto plain = dequantised(*ours, *config), wanted = dequantised(*theirs, *config);
    ASSERT_TRUE(plain && wanted) << sentence(plain.error());
    ASSERT_EQ((*plain)->tensors().size(), (*wanted)->tensors().size());
    for (const TensorEntry& entry : (*wanted)->tensors()) {
      const TensorEntry* same = (*plain)->find(entry.name);
      ASSERT_NE(same, nullptr) << entry.name;
      const auto got = (*plain)->read_f32(*same), want = (*wanted)->read_f32(entry);
      ASSERT_TRUE(got && want) << entry.name << " " << (got ? "" : sentence(got.error()));
      EXPECT_EQ(*got, *want) << entry.name;
      std::vector<float> piece(got->size() / 2);
      ASSERT_TRUE((*plain)->read_f32_range(*same, got->size() - piece.size(), piece));
      EXPECT_TRUE(std::equal(piece.begin(), piece.end(), got->end() - static_cast<std::ptrdiff_t>(piece.size()))) << entry.name;
    }
  }
  EXPECT_EQ(folders, 4);
}

INSTANTIATE_TEST_SUITE_P(All, Layout, testing::ValuesIn(layouts()), [](const auto& info) { return info.param; });

/// What a changed file is refused with when it is opened or read; empty if it is not.
std::string refusal(const std::string& layout, const std::function<void(Parts&, json&)>& change) {
  const test::TemporaryFolder folder;
  Parts parts(kLayouts / layout / "model.safetensors");
  json config = *read_json_file(kLayouts / layout / "config.json");
  change(parts, config["quantization_config"]);
  parts.write(folder.path() / "model.safetensors");
  const auto file = open_checkpoint(folder.path() / "model.safetensors");
  if (!file) return "the changed file does not open: " + sentence(file.error());
  const auto plain = dequantised(*file, config);
  if (!plain) return plain.error().message;
  for (const TensorEntry& entry : (*plain)->tensors())
    if (const auto values = (*plain)->read_f32(entry); !values) return values.error().message;
  return "";
}

/// A `weight_g_idx` for the 64 inputs.
void put_index(Parts& parts, const std::function<std::int32_t(int)>& group) {
  std::string bytes(256, '\0');
  for (int i = 0; i < 64; ++i) {
    const std::int32_t g = group(i);
    std::memcpy(&bytes[static_cast<std::size_t>(i) * 4], &g, 4);
  }
  parts.put(kProjection + ".weight_g_idx", "I32", {64}, bytes);
}

/// The matrix of a changed file; empty if it does not open.
std::vector<float> values(const std::string& layout, const std::function<void(Parts&, json&)>& change) {
  const test::TemporaryFolder folder;
  Parts parts(kLayouts / layout / "model.safetensors");
  json config = *read_json_file(kLayouts / layout / "config.json");
  change(parts, config["quantization_config"]);
  parts.write(folder.path() / "model.safetensors");
  const auto plain = dequantised(*open_checkpoint(folder.path() / "model.safetensors"), config);
  EXPECT_TRUE(plain) << sentence(plain.error());
  if (!plain) return {};
  const auto read = (*plain)->read_f32(*(*plain)->find(kProjection + ".weight"));
  EXPECT_TRUE(read) << sentence(read.error());
  return read ? *read : std::vector<float>();
}

void expect_same(const std::string& layout, const std::function<void(Parts&, json&)>& change) {
  const auto before = values(layout, [](Parts&, json&) {});
  ASSERT_EQ(before.size(), 32U * 64U);
  EXPECT_EQ(values(layout, change), before);
}

TEST(QuantisedForms, AnIndexThatSaysTheUsualOrderChangesNothing) {
  expect_same("gptq8", [](Parts& p, json&) { p.drop(kProjection + ".g_idx"); });
  expect_same("ct_pack4", [](Parts& p, json&) { put_index(p, [](int i) { return i / 16; }); });
  expect_same("ct_pack4", [](Parts& p, json&) { put_index(p, [](int) { return -1; }); });
}

/// With the groups in reverse, scales of the reversed columns give the same matrix.
TEST(QuantisedForms, AnIndexPicksTheScale) {
  expect_same("ct_pack4", [](Parts& p, json&) {
    std::string& scales = p.data[kProjection + ".weight_scale"];   // [32, 4] F16
    for (std::size_t row = 0; row < 32; ++row) {
      std::string turned;
      for (const std::size_t column : {3, 2, 1, 0}) turned += scales.substr((row * 4 + column) * 2, 2);
      scales.replace(row * 8, 8, turned);
    }
    put_index(p, [](int i) { return 3 - i / 16; });
  });
}

/// Three-bit codes one after another, and ten to a word with two bits left over.
TEST(QuantisedForms, CodesMayBePackedWithGaps) {
  expect_same("ct_pack3", [](Parts& p, json&) {
    const std::string name = kProjection + ".weight_packed", dense = p.data[name];
    std::string wide(32 * 7 * 4, '\0');
    const auto bit = [&](std::size_t row, std::size_t n) { return static_cast<unsigned char>(dense[row * 24 + n / 8]) >> (n % 8) & 1; };
    for (std::size_t row = 0; row < 32; ++row)
      for (std::size_t i = 0; i < 64; ++i)
        for (std::size_t b = 0; b < 3; ++b) {
          const std::size_t to = i / 10 * 32 + i % 10 * 3 + b;
          wide[row * 28 + to / 8] = static_cast<char>(static_cast<unsigned char>(wide[row * 28 + to / 8]) | bit(row, i * 3 + b) << (to % 8));
        }
    p.put(name, "I32", {32, 7}, wide);
  });
}

TEST(QuantisedForms, BlocksMayBeSaidInEitherPlace) {
  expect_same("fp8_block", [](Parts&, json& c) {
    c.erase("weight_block_size");
    c["config_groups"] = {{"group_0", {{"weights", {{"strategy", "block"}, {"block_structure", {16, 16}}}}}}};
  });
}

TEST(DequantisedCheckpoint, IsTheFileInEverythingElse) {
  const auto file = *open_checkpoint(kLayouts / "gptq8" / "model.safetensors");
  const auto plain = *dequantised(file, *read_json_file(kLayouts / "gptq8" / "config.json"));
  EXPECT_EQ(plain->format(), file->format());
  EXPECT_EQ(plain->files(), file->files());
  EXPECT_EQ(plain->metadata(), file->metadata());
  const TensorEntry* matrix = plain->find(kProjection + ".weight");
  const auto stored = plain->bytes(*matrix);
  ASSERT_FALSE(stored);
  EXPECT_EQ(stored.error().message, "'" + matrix->name + "' is not stored as it is: it is made of parts");
  std::vector<float> small(3);
  const auto read = plain->read_f32_into(*matrix, small);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().message, "'" + matrix->name + "' has 2048 values, the memory given takes 3");
  const TensorEntry* part = file->find(kProjection + ".scales");
  ASSERT_TRUE(plain->bytes(*part));
  EXPECT_EQ(plain->bytes(*part)->data(), file->bytes(*part)->data());
  std::vector<float> piece(5);
  const auto whole = plain->read_f32(*matrix);
  ASSERT_TRUE(whole && plain->read_f32_range(*matrix, 100, piece));
  EXPECT_TRUE(std::equal(piece.begin(), piece.end(), whole->begin() + 100));
}

TEST(DequantisedCheckpoint, IsListedAsItIs) {
  const auto file = *open_checkpoint(kLayouts / "gptq8" / "model.safetensors");
  const auto plain = *dequantised(file, *read_json_file(kLayouts / "gptq8" / "config.json"));
  const auto list = tensor_list(plain);
  const auto& entries = plain->tensors();
  ASSERT_EQ(list->size(), entries.size());
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const ListedTensor tensor = list->at(i);
    EXPECT_EQ(tensor.name, entries[i].name);
    EXPECT_EQ(tensor.dtype, entries[i].dtype);
    EXPECT_TRUE(std::equal(tensor.shape.begin(), tensor.shape.end(), entries[i].shape.begin(), entries[i].shape.end())) << entries[i].name;
    EXPECT_EQ(tensor.bytes, entries[i].bytes);
  }
  EXPECT_EQ(tensor_list(file)->size(), file->tensors().size());
}

struct Hostile {
  const char* name;
  const char* layout;
  const char* mention;
  std::function<void(Parts&, json&)> change;
};

const std::vector<Hostile> kHostile = {
    {"NothingChanged", "gptq4_order", "", [](Parts&, json&) {}},
    {"FiveBits", "gptq4_order", "2, 3, 4 or 8 bits", [](Parts&, json& c) { c["bits"] = 5; }},
    {"BitsOfText", "gptq4_order", "'bits'", [](Parts&, json& c) { c["bits"] = "4"; }},
    {"ThreeBitsInFourBitWords", "gptq4_order", "qzeros", [](Parts&, json& c) { c["bits"] = 3; }},
    {"GroupSizeZero", "gptq4_v2", "group_size", [](Parts&, json& c) { c["group_size"] = 0; }},
    {"GroupSizeMinusTwo", "awq4", "group_size", [](Parts&, json& c) { c["group_size"] = -2; }},
    {"GroupSizeOfAnotherFile", "awq4", "groups of 32", [](Parts&, json& c) { c["group_size"] = 32; }},
    {"MarlinFormat", "gptq8", "marlin", [](Parts&, json& c) { c["checkpoint_format"] = "marlin"; }},
    {"GemvVersion", "awq4", "gemv", [](Parts&, json& c) { c["version"] = "gemv"; }},
    {"NoZeros", "gptq8", "qzeros", [](Parts& p, json&) { p.drop(kProjection + ".qzeros"); }},
    {"ZerosOfAnotherShape", "gptq8", "qzeros", [](Parts& p, json&) { p.put(kProjection + ".qzeros", "I32", {1, 8}, std::string(32, '\0')); }},
    {"ScalesOfAnotherShape", "awq4", "scales", [](Parts& p, json&) { p.put(kProjection + ".scales", "F16", {4, 31}, std::string(248, '\0')); }},
    {"ScalesOfIntegers", "gptq2", "scales", [](Parts& p, json&) { p.headers[kProjection + ".scales"]["dtype"] = "I16"; }},
    {"CodesWithoutValues", "gptq2", "qweight", [](Parts& p, json&) { p.put(kProjection + ".qweight", "I32", {0, 32}, ""); }},
    {"GroupIndexOutside", "gptq4_order", "groups 0 to 3", [](Parts& p, json&) { p.data[kProjection + ".g_idx"][5] = 1; }},
    {"GroupIndexNegative", "gptq4_order", "groups 0 to 3", [](Parts& p, json&) { p.data[kProjection + ".g_idx"][7] = '\xFF'; }},
    {"GroupIndexShort", "gptq4_order", "g_idx", [](Parts& p, json&) { p.put(kProjection + ".g_idx", "I32", {60}, std::string(240, '\0')); }},
    {"ColumnFormat", "bnb_int8", "row", [](Parts& p, json&) { p.data[kProjection + ".weight_format"][0] = 2; }},
    {"ScaleOfAnotherLength", "bnb_int8", "SCB", [](Parts& p, json&) { p.put(kProjection + ".SCB", "F32", {31}, std::string(124, '\0')); }},
    {"AbsmaxShort", "bnb_nf4", "absmax", [](Parts& p, json&) { p.put(kProjection + ".weight.absmax", "F32", {31}, std::string(124, '\0')); }},
    {"NestedAbsmaxShort", "bnb_nf4_nested", "nested_absmax", [](Parts& p, json&) { p.put(kProjection + ".weight.nested_absmax", "F32", {0}, ""); }},
    {"NestedTableMissing", "bnb_nf4_nested", "nested_quant_map", [](Parts& p, json&) { p.drop(kProjection + ".weight.nested_quant_map"); }},
    {"TableShort", "bnb_fp4", "quant_map", [](Parts& p, json&) { p.put(kProjection + ".weight.quant_map", "F32", {15}, std::string(60, '\0')); }},
    {"StateIsNoJson", "bnb_fp4", "JSON", [](Parts& p, json&) { p.data[kProjection + ".weight.quant_state.bitsandbytes__fp4"][0] = '['; }},
    {"StateIsHuge", "bnb_fp4", "65536", [](Parts& p, json&) { p.put(kProjection + ".weight.quant_state.bitsandbytes__fp4", "U8", {70000}, std::string(70000, ' ')); }},
    {"BlocksizeZero", "bnb_nf4", "blocksize", [](Parts& p, json&) { p.put(kProjection + ".weight.quant_state.bitsandbytes__nf4", "U8", {37}, R"({"blocksize": 0, "shape": [ 32 , 64]})"); }},
    {"ShapeTooLarge", "bnb_nf4", "codes", [](Parts& p, json&) { p.put(kProjection + ".weight.quant_state.bitsandbytes__nf4", "U8", {37}, R"({"blocksize": 64, "shape": [999,999]})"); }},
    {"PackedShapeLies", "ct_pack4", "weight_shape", [](Parts& p, json&) { p.data[kProjection + ".weight_shape"][0] = 33; }},
    {"PackedWordsShort", "ct_pack4", "weight_packed", [](Parts& p, json&) { p.data[kProjection + ".weight_shape"][8] = 100; }},
    {"PackedNineBits", "ct_pack4", "weight_packed", [](Parts&, json& c) { c["config_groups"]["group_0"]["weights"]["num_bits"] = 9; }},
    {"PackedGroupZero", "ct_pack4", "group_size", [](Parts&, json& c) { c["config_groups"]["group_0"]["weights"]["group_size"] = 0; }},
    {"PackedZerosOfAnotherShape", "ct_pack4_zeros", "zero_point", [](Parts& p, json&) { p.put(kProjection + ".weight_zero_point", "I32", {3, 4}, std::string(48, '\0')); }},
    {"ScaleOfAnotherMatrix", "ct_float8", "scale", [](Parts& p, json&) { p.put(kProjection + ".weight_scale", "F32", {33, 1}, std::string(132, '\0')); }},
    {"BlockSizeZero", "fp8_block", "at least 1", [](Parts&, json& c) { c["weight_block_size"] = {0, 16}; }},
    {"BlocksOfAnotherSize", "fp8_block", "scale_inv", [](Parts&, json& c) { c["weight_block_size"] = {16, 15}; }},
    {"BlockSizeOfTheLargestNumber", "fp8_block", "scale_inv", [](Parts&, json& c) { c["weight_block_size"] = {INT64_MAX, INT64_MAX}; }},
    {"AwqOfEightBits", "awq4", "expected AWQ codes of 4 bits, came 8", [](Parts&, json& c) { c["bits"] = 8; }},
    {"ShapeOfThreeSizes", "bnb_nf4", "expected two sizes in 'shape'", [](Parts& p, json&) { p.put(kProjection + ".weight.quant_state.bitsandbytes__nf4", "U8", {39}, R"({"blocksize": 64, "shape": [32, 64, 1]})"); }},
    {"PackedGroupIndexOutside", "ct_pack4", "expected groups 0 to 3, came 4 for input 1", [](Parts& p, json&) { put_index(p, [](int i) { return i == 1 ? 4 : 0; }); }},
    {"PackedGroupIndexShort", "ct_pack4", "weight_g_idx", [](Parts& p, json&) { p.put(kProjection + ".weight_g_idx", "I32", {63}, std::string(252, '\0')); }},
    {"SparseFormat", "ct_pack4", "marlin-24", [](Parts&, json& c) { c["format"] = "marlin-24"; }},
};

class HostileLayout : public testing::TestWithParam<std::size_t> {};

TEST_P(HostileLayout, IsRefusedInOneSentence) {
  const Hostile& row = kHostile[GetParam()];
  const std::string said = refusal(row.layout, row.change);
  EXPECT_EQ(said.empty(), row.mention[0] == '\0') << said;
  EXPECT_NE(said.find(row.mention), std::string::npos) << said;
  EXPECT_EQ(said.find('\n'), std::string::npos) << said;
}

INSTANTIATE_TEST_SUITE_P(Rows, HostileLayout, testing::Range<std::size_t>(0, kHostile.size()),
                         [](const auto& info) { return std::string(kHostile[info.param].name); });

TEST(QuantisedMatrix, ShowsItsErrorWhereTheFloatMatrixIsBeside) {
  const test::TemporaryFolder folder;
  Parts parts(kLayouts / "gptq8" / "model.safetensors");
  const Parts plain(kLayouts / "gptq8" / "dequantised.safetensors");
  const std::string name = kProjection + ".weight";
  std::string shifted = plain.data.at(name);
  for (std::size_t i = 0; i < shifted.size(); i += 4) {
    float v = 0;
    std::memcpy(&v, &shifted[i], 4);
    v += 0.25F;
    std::memcpy(&shifted[i], &v, 4);
  }
  parts.put(name, "F32", {32, 64}, shifted);
  parts.write(folder.path() / "model.safetensors");
  const auto file = open_checkpoint(folder.path() / "model.safetensors");
  const auto found = find_quantised(*file, *read_json_file(kLayouts / "gptq8" / "config.json"));
  ASSERT_TRUE(found) << sentence(found.error());
  std::size_t with_reference = 0;
  for (const QuantisedMatrix& matrix : *found) {
    if (matrix.reference.empty()) continue;
    ++with_reference;
    const auto error = error_of(**file, matrix);
    ASSERT_TRUE(error) << sentence(error.error());
    EXPECT_EQ(error->name, name);
    EXPECT_NEAR(error->rms, 0.25, 1e-6);
    EXPECT_NEAR(error->max_abs, 0.25, 1e-6);
  }
  EXPECT_EQ(with_reference, 1U);
}

/// Of a PyTorch file only the names of the types change.
TEST(SafetensorsTypes, AreTheFileInEverythingElse) {
  const auto file = open_checkpoint(test::golden_files() / "valid/torch/views.pt");
  ASSERT_TRUE(file) << sentence(file.error());
  const auto renamed = quantised::with_safetensors_types(*file);
  EXPECT_EQ(renamed->format(), (*file)->format());
  EXPECT_EQ(renamed->files(), (*file)->files());
  EXPECT_EQ(renamed->metadata(), (*file)->metadata());
  EXPECT_EQ(renamed->warnings(), (*file)->warnings());
  std::size_t plain = 0, views = 0;
  for (const TensorEntry& entry : renamed->tensors()) {
    const TensorEntry* before = (*file)->find(entry.name);
    ASSERT_NE(before, nullptr);
    EXPECT_EQ(before->dtype, "float32");
    EXPECT_EQ(entry.dtype, "F32");
    std::vector<float> values(static_cast<std::size_t>(entry.numel()));
    ASSERT_TRUE(renamed->read_f32_into(entry, values));
    EXPECT_EQ(values, *(*file)->read_f32(*before));
    const auto stored = renamed->bytes(entry);
    if (stored) {
      ++plain;
      EXPECT_EQ(stored->size(), values.size() * 4);
      EXPECT_EQ(std::memcmp(stored->data(), values.data(), stored->size()), 0) << "the bytes are the values, one behind the other";
    } else {
      ++views;
      EXPECT_EQ(stored.error().message, "'" + entry.name + "' holds codes as a view, sparse or in the other byte order");
    }
  }
  EXPECT_GT(plain, 0U);
  EXPECT_GT(views, 0U);
}

}  // namespace
}  // namespace vitrine::engine
