#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>

#include "engine/io/npy.h"
#include "engine/io/quantised.h"
#include "engine/io/safetensors.h"
#include "engine/model/build.h"
#include "engine/model/spec.h"
#include "engine/tensor/ops.h"
#include "tests/temporary_folder.h"
#include "tests/unit/plugins/support.h"

namespace vitrine::test {
namespace {

namespace fs = std::filesystem;
using Values = std::map<std::string, std::pair<std::vector<std::int64_t>, std::vector<float>>>;

class Tensors : public testing::Test {
 protected:
  std::string write(const std::string& name, const Values& values) {
    std::vector<TensorToWrite> out;
    for (const auto& [tensor, v] : values) out.push_back({.name = tensor, .shape = v.first, .values = v.second});
    EXPECT_TRUE(write_safetensors(folder_ / name, out));
    return (folder_ / name).string();
  }
  std::shared_ptr<const Model> open(const std::string& path) {
    auto model = open_model(path, {.tensors_alone = true});
    EXPECT_TRUE(model) << sentence(model.error());
    return *model;
  }
  static Values of(const Checkpoint& file) {
    Values values;
    for (const auto& entry : file.tensors()) values[entry.name] = {entry.shape, *file.read_f32(entry)};
    return values;
  }
  /// The demo `lm_text` moved as tests/golden/diff says, in a folder of its own.
  std::string saw() {
    const auto from = *demo_folder("lm_text");
    fs::create_directories(folder_ / "saw");
    for (const auto& item : fs::directory_iterator(from))
      if (item.path().extension() == ".json") fs::copy_file(item.path(), folder_ / "saw" / item.path().filename());
    Values values = of(**open_checkpoint(from));
    std::int64_t i = 0;
    for (auto& [name, tensor] : values) {
      for (std::size_t k = 0; k < tensor.second.size(); ++k)
        tensor.second[k] += static_cast<float>(static_cast<double>(i % 5) / 200 * (static_cast<double>(k * 7919 % 1000) / 1000 - 0.5));
      ++i;
    }
    write("saw/model.safetensors", values);
    return (folder_ / "saw").string();
  }
  const test::TemporaryFolder scratch_;
  const fs::path& folder_ = scratch_.path();
};

const Table& table_named(const Report& report, const std::string& name) {
  const auto found = std::find_if(report.tables.begin(), report.tables.end(), [&](const auto& t) { return t.name == name; });
  EXPECT_NE(found, report.tables.end()) << name;
  return *found;
}

TEST_F(Tensors, ListsWhatTheSearchFinds) {
  const auto model = open(write("a.safetensors", {{"layers.0.q.weight", {{2, 3}, std::vector<float>(6)}}, {"layers.10.Q.bias", {{2}, {0, 0}}}, {"norm", {{}, {1}}}}));
  const auto count = [&](const std::string& filter) {
    const auto report = analyse(model, "tensors", {{"filter", filter}}, {});
    EXPECT_TRUE(report) << filter;
    return report->tables[0].rows.size();
  };
  EXPECT_EQ(count(""), 3U);
  EXPECT_EQ(count("q"), 2U) << "in any case";
  EXPECT_EQ(count("layers weight"), 1U) << "all words";
  EXPECT_EQ(count("layers.*.?.bias"), 1U) << "a pattern fits as a whole";
  EXPECT_EQ(count("layers.*.?"), 0U);
  EXPECT_EQ(count("*"), 3U);
  const auto report = analyse(model, "tensors", {}, {});
  EXPECT_EQ(words(report->tables[0].rows[0][2]), "[2, 3]");
  EXPECT_EQ(metric_named(*report, "bytes"), 36);
  EXPECT_NE(report->text.find("cannot run"), std::string::npos);
}

TEST_F(Tensors, AnAnalysisThatNeedsAPassIsRefusedInOneSentence) {
  const auto model = open(write("a.safetensors", {{"x", {{2}, {1, 2}}}}));
  for (const auto& [id, analysis] : analyses().entries()) {
    const Status runs = check_runs(analysis->info(), *model);
    EXPECT_EQ(runs.has_value(), !analysis->info().needs_pass) << id;
    if (!runs) { EXPECT_EQ(runs.error().code, ErrorCode::Unsupported); }
  }
}

TEST_F(Tensors, StatisticsSliceAndPicture) {
  std::vector<float> values(4 * 30 * 50);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 100) / 100;
  values[1500 + 7] = NAN;
  values[1500 + 333] = -8;
  const auto model = open(write("v.safetensors", {{"v", {{4, 30, 50}, values}}}));
  const auto report = analyse(model, "tensor", {{"name", "v"}, {"slice", "1,:,:"}, {"cells", 20}}, {});
  ASSERT_TRUE(report) << sentence(report.error());
  EXPECT_EQ(metric_named(*report, "NaN"), 1);
  EXPECT_EQ(metric_named(*report, "min"), -8);
  EXPECT_EQ(report->tables[0].rows.size(), 2U) << "the whole and the slice";
  EXPECT_EQ(number(report->tables[0].rows[1][1]), 1500);
  const Array& picture = array_named(*report, "values");
  EXPECT_LE(picture.numel(), 20);
  EXPECT_EQ(std::count(picture.values.begin(), picture.values.end(), -8.F), 1) << "the one bright cell";
  double binned = 0;
  for (float v : array_named(*report, "histogram").values) binned += v;
  EXPECT_EQ(binned, 5999);
  for (const char* bad : {"4,:,:", ":,:,:", "x", "0,0"}) EXPECT_FALSE(analyse(model, "tensor", {{"slice", bad}}, {})) << bad;
  EXPECT_FALSE(analyse(model, "tensor", {{"name", "w"}}, {}));
}

/// A rectangle, pooled as a canvas asks for it, is what the same cells of the tensor give.
TEST_F(Tensors, ARectangleIsACutOfTheTensor) {
  std::vector<float> values(60 * 70);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>((i * 37) % 501) - 250;
  const auto model = open(write("m.safetensors", {{"m", {{60, 70}, values}}}));
  const auto part = analyse(model, "tensor_values", {{"name", "m"}, {"rows", "8:20"}, {"cols", "64:70"}, {"pool", 4}}, {});
  ASSERT_TRUE(part) << sentence(part.error());
  ASSERT_EQ(part->arrays[0].shape, (std::vector<std::int64_t>{3, 2}));
  for (int r = 0; r < 3; ++r)
    for (int c = 0; c < 2; ++c) {
      float most = 0;
      for (int i = 8 + 4 * r; i < 12 + 4 * r; ++i)
        for (int j = 64 + 4 * c; j < std::min(70, 68 + 4 * c); ++j)
          if (std::abs(values[static_cast<std::size_t>(i * 70 + j)]) > std::abs(most)) most = values[static_cast<std::size_t>(i * 70 + j)];
      EXPECT_EQ(part->arrays[0].values[static_cast<std::size_t>(r * 2 + c)], most);
    }
  for (const char* bad : {"20:8", "0:61", "a:b", "5", "-1:3"}) EXPECT_FALSE(analyse(model, "tensor_values", {{"rows", bad}}, {})) << bad;
}

TEST_F(Tensors, AnExportedTensorReadsBackAndReplacesNothingWhenItFails) {
  std::vector<float> values(2 * 3 * 4);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  const auto model = open(write("e.safetensors", {{"e", {{2, 3, 4}, values}}}));
  const auto out = (folder_ / "e.npy").string();
  ASSERT_TRUE(analyse(model, "tensor_export", {{"out", out}}, {}));
  auto back = read_npy(out);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->shape, (std::vector<std::int64_t>{2, 3, 4}));
  EXPECT_EQ(back->values, values);
  ASSERT_TRUE(analyse(model, "tensor_export", {{"out", out}, {"slice", ":,1,:"}}, {}));
  back = read_npy(out);
  EXPECT_EQ(back->shape, (std::vector<std::int64_t>{2, 4}));
  EXPECT_EQ(back->values, (std::vector<float>{4, 5, 6, 7, 16, 17, 18, 19}));
  EXPECT_FALSE(analyse(model, "tensor_export", {{"out", out}, {"slice", "9,:,:"}}, {}));
  EXPECT_FALSE(analyse(model, "tensor_export", {{"out", (folder_ / "none" / "e.npy").string()}}, {}));
  EXPECT_FALSE(analyse(model, "tensor_export", {{"out", "e.txt"}}, {}));
  EXPECT_EQ(read_npy(out)->values.size(), 8U);
}

TEST_F(Tensors, DifferencesAreThoseThatNumPyComputed) {
  std::ifstream in(std::string(VITRINE_SOURCE_DIR) + "/tests/golden/diff/lm_text_saw.json");
  const auto golden = nlohmann::json::parse(in);
  const auto report = analyse(demo("lm_text"), "checkpoint_diff", {{"against", saw()}}, {});
  ASSERT_TRUE(report) << sentence(report.error());
  const Table& table = table_named(*report, "tensors");
  EXPECT_EQ(table.rows.size(), golden["tensors"].size());
  double before = INFINITY;
  for (const auto& row : table.rows) {
    const auto& expected = golden["tensors"].at(words(row[0]));
    const auto near = [&](std::size_t column, const char* key, double tolerance) {
      if (expected[key].is_null()) return;
      EXPECT_NEAR(number(row[column]), expected[key].get<double>(), tolerance * std::max(1e-3, std::abs(expected[key].get<double>()))) << words(row[0]) << " " << key;
    };
    near(1, "relative", 1e-6);
    near(2, "max", 1e-6);
    near(3, "rms", 1e-6);
    near(4, "cosine", 1e-9);
    if (!std::isnan(number(row[1]))) EXPECT_LE(number(row[1]), before) << "ranked by change";
    if (!std::isnan(number(row[1]))) before = number(row[1]);
  }
  EXPECT_NEAR(metric_named(*report, "relative change"), golden["relative"].get<double>(), 1e-7);
  const Array& heads = array_named(*report, "change");
  ASSERT_EQ(heads.values.size(), golden["heads"].size());
  for (std::size_t i = 0; i < heads.values.size(); ++i) EXPECT_NEAR(heads.values[i], golden["heads"][i].get<double>(), 1e-6) << i;
}

/// The same model under the names that an export writes: paired by what the tensors are, and only one head differs.
TEST_F(Tensors, OtherNamesArePairedByPartAndTheHeadThatChangedIsFirst) {
  const auto model = demo("lm_text");
  Values values;
  for (const auto& [name, tensor] : model->parts().weights) values[name] = {tensor.shape(), tensor.to_floats()};
  auto& q = values.at("blocks.2.attn.q.weight");
  const std::size_t own = q.second.size() / 4;
  for (std::size_t i = 3 * own; i < 4 * own; ++i) q.second[i] *= 1.5F;
  fs::create_directories(folder_ / "named");
  write("named/model.safetensors", values);
  std::ofstream(folder_ / "named" / "vitrine.json") << nlohmann::json{{"spec", to_json(model->spec())}};
  const auto report = analyse(model, "checkpoint_diff", {{"against", (folder_ / "named").string()}}, {});
  ASSERT_TRUE(report) << sentence(report.error());
  EXPECT_TRUE(report->notes.contains("pairs"));
  EXPECT_EQ(words(table_named(*report, "tensors").rows[0][0]), "blocks.2.attn.q.weight");
  EXPECT_EQ(metric_named(*report, "identical"), metric_named(*report, "tensors compared") - 1);
  EXPECT_EQ(words(table_named(*report, "heads").rows[0][0]), "2.3");
  EXPECT_EQ(number(table_named(*report, "heads").rows[1][1]), 0);
}

/// Codes say nothing beside floats: the matrices that they stand for are compared.
TEST_F(Tensors, AQuantisedCheckpointIsComparedByItsDequantisedMatrices) {
  const fs::path layout = VITRINE_SOURCE_DIR "/tests/golden/files/quantised/gptq4_order";
  const std::string name = "model.layers.0.self_attn.k_proj.weight";
  const auto dequantised = open_checkpoint(layout / "dequantised.safetensors");
  ASSERT_TRUE(dequantised) << sentence(dequantised.error());
  Values values = of(**dequantised);
  auto& moved = values.at(name).second;
  const std::vector<float> exact = moved;
  for (std::size_t i = 0; i < moved.size(); ++i) moved[i] += 0.001F * static_cast<float>(i % 7);
  const QuantisationError wanted = error_between(moved, exact);
  const auto report = analyse(open(write("float.safetensors", values)), "checkpoint_diff", {{"against", layout.string()}}, {});
  ASSERT_TRUE(report) << sentence(report.error());
  const auto& row = table_named(*report, "tensors").rows.at(0);
  EXPECT_EQ(words(row[0]), name);
  EXPECT_NEAR(number(row[1]), wanted.relative, 1e-6);
  EXPECT_NEAR(number(row[2]), wanted.max_abs, 1e-6);
  EXPECT_NEAR(number(row[3]), wanted.rms, 1e-6);
}

TEST_F(Tensors, OfComplexNumbersTheMagnitudesAreShownOrThePartThatIsNamed) {
  const auto model = open(VITRINE_SOURCE_DIR "/tests/golden/number_formats/complex.pt");
  const auto whole = analyse(model, "tensor", {{"name", "c64"}}, {}), real = analyse(model, "tensor", {{"name", "c64.real"}}, {});
  ASSERT_TRUE(whole && real) << sentence(whole.error());
  EXPECT_EQ(metric_named(*whole, "min"), 0);
  EXPECT_NEAR(metric_named(*whole, "max"), 65504, 0.01);
  EXPECT_EQ(metric_named(*real, "min"), -3);
}

TEST_F(Tensors, WhatIsInOneOnlyOrOfAnotherShapeIsListed) {
  const auto base = open(write("b.safetensors", {{"x", {{2}, {1, 2}}}, {"y", {{2, 2}, {1, 2, 3, 4}}}, {"gone", {{1}, {1}}}}));
  const auto other = write("o.safetensors", {{"x", {{2}, {1, NAN}}}, {"y", {{4}, {1, 2, 3, 4}}}, {"new", {{1}, {1}}}});
  const auto report = analyse(base, "checkpoint_diff", {{"against", other}}, {});
  ASSERT_TRUE(report) << sentence(report.error());
  EXPECT_EQ(metric_named(*report, "only in the base"), 1);
  EXPECT_EQ(metric_named(*report, "only in the other"), 1);
  EXPECT_EQ(metric_named(*report, "other shape"), 1);
  EXPECT_EQ(table_named(*report, "not compared").rows.size(), 3U);
  EXPECT_EQ(number(table_named(*report, "tensors").rows[0][6]), 1) << "a pair with a NaN is counted apart";
  EXPECT_FALSE(analyse(base, "checkpoint_diff", {}, {}));
  EXPECT_FALSE(analyse(base, "checkpoint_diff", {{"against", (folder_ / "none").string()}}, {}));
}

}  // namespace
}  // namespace vitrine::test
