#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "engine/io/checkpoint.h"
#include "engine/io/float_convert.h"
#include "engine/io/npy.h"
#include "engine/io/report_csv.h"
#include "engine/io/report_json.h"
#include "engine/io/safetensors.h"
#include "golden_files.h"

namespace vitrine::engine {
namespace {

using nlohmann::json;
using test::golden_files;

TEST(FloatConvert, HalfRoundTripsEveryValue) {
  for (unsigned bits = 0; bits < 65536; ++bits) {
    const float wide = half_to_float(static_cast<std::uint16_t>(bits));
    if (std::isnan(wide)) continue;
    ASSERT_EQ(float_to_half(wide), bits);
  }
  EXPECT_EQ(half_to_float(0x3C00), 1.0F);
  EXPECT_EQ(half_to_float(0x0001), std::ldexp(1.0F, -24));
  EXPECT_EQ(half_to_float(0xFBFF), -65504.0F);
  EXPECT_TRUE(std::isnan(half_to_float(float_to_half(NAN))));
}

TEST(FloatConvert, RoundsToNearestEven) {
  EXPECT_EQ(float_to_half(1.0F + std::ldexp(1.0F, -11)), 0x3C00);       // a tie goes to the even neighbour
  EXPECT_EQ(float_to_half(1.0F + 3 * std::ldexp(1.0F, -11)), 0x3C02);
  EXPECT_EQ(float_to_half(65520.0F), 0x7C00);
  EXPECT_EQ(float_to_half(std::ldexp(1.0F, -25)), 0x0000);
  EXPECT_EQ(float_to_bfloat16(1.0F + std::ldexp(1.0F, -8)), 0x3F80);
  EXPECT_EQ(float_to_bfloat16(1.0F + 3 * std::ldexp(1.0F, -8)), 0x3F82);
  EXPECT_TRUE(std::isnan(bfloat16_to_float(float_to_bfloat16(NAN))));
}

TEST(WriteSafetensors, ReadsBackWithNamesShapesAndMetadata) {
  const test::TemporaryFolder folder;
  const std::vector<float> values{1.5F, -2.0F, 0.0F, 3.25F, 1e-8F, NAN};
  const std::vector<std::int64_t> integers{1, -2, std::numeric_limits<std::int64_t>::max()};
  const auto path = folder.path() / "m.safetensors";
  ASSERT_TRUE(write_safetensors(path,
                                {{"half", {2, 3}, values, DType::F16},
                                 {"full", {6}, values},
                                 {"b", {3, 2}, values, DType::BF16},
                                 {"ids", {3}, {}, DType::I64, integers},
                                 {"scalar", {}, std::span(values).first(1)},
                                 {"none", {0, 4}, {}}},
                                {{"format", "pt"}}));
  const auto opened = open_checkpoint(path);
  ASSERT_TRUE(opened) << sentence(opened.error());
  EXPECT_EQ((*opened)->metadata()["format"], "pt");
  const auto full = (*opened)->read_f32(*(*opened)->find("full"));
  EXPECT_EQ(test::checksum(*full), test::checksum(values));
  EXPECT_EQ((*opened)->find("half")->dtype, "F16");
  EXPECT_EQ((*(*opened)->read_f32(*(*opened)->find("half")))[3], 3.25F);
  EXPECT_EQ((*(*opened)->read_f32(*(*opened)->find("b")))[1], -2.0F);
  const auto stored = (*opened)->bytes(*(*opened)->find("ids"));
  EXPECT_EQ(std::memcmp(stored->data(), integers.data(), 24), 0);
  for (const auto& entry : (*opened)->tensors())
    EXPECT_EQ(entry.offset % 8 % (entry.dtype == "I64" ? 8 : 2), 0U) << entry.name;
}

TEST(WriteSafetensors, RefusesWhatItCannotWriteAndWritesNothing) {
  const test::TemporaryFolder folder;
  const std::vector<float> values{1, 2};
  const auto path = folder.path() / "m.safetensors";
  EXPECT_EQ(write_safetensors(path, {{"w", {3}, values}}).error().code, ErrorCode::ShapeMismatch);
  EXPECT_EQ(write_safetensors(path, {{"w", {2}, values}, {"w", {2}, values}}).error().code, ErrorCode::Usage);
  EXPECT_EQ(write_safetensors(path, {{"w", {2}, values, DType::U8}}).error().code, ErrorCode::Usage);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(Npy, ReadsBackWhatItWrites) {
  const test::TemporaryFolder folder;
  const std::vector<float> values{1, 2.5F, NAN, -4, 5, 6};
  for (const std::vector<std::int64_t>& shape : std::vector<std::vector<std::int64_t>>{{6}, {2, 3}, {1, 6, 1}}) {
    ASSERT_TRUE(write_npy(folder.path() / "a.npy", shape, values));
    const auto array = read_npy(folder.path() / "a.npy");
    ASSERT_TRUE(array) << sentence(array.error());
    EXPECT_EQ(array->shape, shape);
    EXPECT_EQ(test::checksum(array->values), test::checksum(values));
    EXPECT_EQ(read_npy_header(folder.path() / "a.npy")->offset % 64, 0U);
  }
  EXPECT_FALSE(write_npy(folder.path() / "b.npy", {4}, values));
}

TEST(Npy, OpensEveryReferenceArray) {
  const auto listed = golden_files() / "valid/npy/expected.json";
  if (!std::filesystem::exists(listed)) GTEST_SKIP() << "needs the full reference files";
  const json files = json::parse(test::read_text(listed)).at("files");
  for (const json& file : files) {
    const std::string name = file.at("file");
    if (!name.ends_with(".npy") || file.at("arrays")[0].at("descr").get<std::string>()[1] == 'c') continue;
    SCOPED_TRACE(name);
    const auto array = read_npy(golden_files() / "valid/npy" / name);
    ASSERT_TRUE(array) << sentence(array.error());
    EXPECT_EQ(array->shape, file["arrays"][0].at("shape").get<std::vector<std::int64_t>>());
    EXPECT_EQ(test::checksum(array->values), file["arrays"][0].at("values").at("sha256_f32").get<std::string>());
  }
}

Report example() {
  Report report;
  report.id = "head_stats";
  report.title = "Head, \"statistics\"";
  report.picture = PictureKind::HeatMap;
  report.arrays = {
      {"entropy", "nats", {{"layer", "", {}}, {"head", "", {"0", "1"}}}, {2, 2}, {0.1F, 1.0F / 3, NAN, INFINITY}},
      {"mass", "probability", {{"layer", "", {}}, {"head", "", {"0", "1"}}}, {2, 2}, {1, 2, 3, 4}},
      {"curve", "", {{"step", "", {}}}, {1}, {7}}};
  report.tables = {{"ranking", {{"head", "", 4}, {"importance", "nats", 3}}, {{Cell("5.1, a"), Cell(1.0 / 3)}}}};
  report.metrics = {{"kl_divergence", 0.1 + 0.2, "nats", 1e-300}};
  report.tokens = {{" the", 5, 0, 4, false}};
  report.grid = PatchGrid{8, 8, 1};
  report.verified = {"map x values", 1e-7, 1e-5, true};
  report.notes = {{"loss", "cross entropy"}};
  report.timing_ms = 12.5;
  return report;
}

TEST(ReportCsv, PutsArraysOfOneShapeSideBySide) {
  EXPECT_EQ(report_csv(example()),
            "layer,head,head_label,entropy,mass\n0,0,0,0.1,1\n0,1,1,0.33333334,2\n1,0,0,,3\n1,1,1,inf,4\n");
}

TEST(ReportCsv, QuotesTextInTables) {
  EXPECT_EQ(table_csv(example().tables[0]), "head,importance (nats)\n\"5.1, a\",0.3333333333333333\n");
  EXPECT_EQ(metrics_csv(example().metrics), "name,value,unit,before\nkl_divergence,0.30000000000000004,nats,1e-300\n");
}

TEST(ReportJson, RoundTripsEveryNumber) {
  const Report before = example();
  const auto after = report_from_json(json::parse(report_json(before)));
  ASSERT_TRUE(after) << sentence(after.error());
  EXPECT_EQ(test::checksum(after->arrays[0].values), test::checksum(before.arrays[0].values));
  EXPECT_EQ(after->metrics[0].value, 0.1 + 0.2);
  EXPECT_EQ(after->metrics[0].before, 1e-300);
  EXPECT_EQ(std::get<double>(after->tables[0].rows[0][1]), 1.0 / 3);
  EXPECT_EQ(after->arrays[0].axes[1].labels, before.arrays[0].axes[1].labels);
  EXPECT_EQ(after->picture, before.picture);
  EXPECT_EQ(after->tokens[0].text, " the");
  EXPECT_EQ(after->grid->cols, 8);
  EXPECT_EQ(report_json(*after), report_json(before));
}

TEST(ReportJson, RefusesWhatIsNoReport) {
  EXPECT_EQ(report_from_json(json::parse(R"({"id": 5})")).error().code, ErrorCode::FileFormat);
  EXPECT_EQ(report_from_json(json::array()).error().code, ErrorCode::FileFormat);
  json endless = json::parse(report_json(example()));
  endless["arrays"][0]["shape"][0] = 1e88;
  EXPECT_EQ(report_from_json(endless).error().code, ErrorCode::FileFormat);
}

TEST(WriteSafetensors, TruncatesFloatsToIntegersTheyAre) {
  const test::TemporaryFolder folder;
  const auto path = folder.path() / "m.safetensors";
  const std::vector<float> values{2.75F, -2.75F, 1e18F};
  ASSERT_TRUE(write_safetensors(path, {{"n", {3}, values, DType::I64}}));
  const auto file = open_checkpoint(path);
  ASSERT_TRUE(file) << sentence(file.error());
  const auto stored = (*file)->bytes((*file)->tensors()[0]);
  ASSERT_TRUE(stored);
  std::int64_t integers[3];
  std::memcpy(integers, stored->data(), sizeof integers);
  EXPECT_EQ(integers[0], 2);
  EXPECT_EQ(integers[1], -2);
  EXPECT_EQ(integers[2], static_cast<std::int64_t>(1e18F));
  for (const float none : {NAN, INFINITY, 1e19F, -1e19F}) {
    const auto refused = write_safetensors(folder.path() / "none.safetensors", {{"n", {1}, std::span(&none, 1), DType::I64}});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().message, "a value of 'n' is no 64-bit integer");
  }
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "none.safetensors"));
}

TEST(ReportCsv, NumbersAxesWithoutAName) {
  EXPECT_EQ(array_csv({"", "", {{"", "", {}}}, {2}, {0.5F, 2}}), "axis0,value\n0,0.5\n1,2\n");
  Report report;
  report.metrics = {{"loss", 0.5, "nats", {}}};
  EXPECT_EQ(report_csv(report), "name,value,unit,before\nloss,0.5,nats,\n");
  report.tables = {{"t", {{"a", "", 4}}, {{Cell(2.0)}}}};
  EXPECT_EQ(report_csv(report), "a\n2\n");
  const test::TemporaryFolder folder;
  ASSERT_TRUE(write_report_csv(folder.path() / "r.csv", report));
  EXPECT_EQ(test::read_text(folder.path() / "r.csv"), "a\n2\n");
}

TEST(ReportJson, NamesAPictureThatDoesNotExist) {
  json report = json::parse(report_json(example()));
  report["picture"] = "hologram";
  const auto read = report_from_json(report);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::FileFormat);
  EXPECT_NE(read.error().message.find("unknown picture 'hologram'"), std::string::npos) << read.error().message;
}

}  // namespace
}  // namespace vitrine::engine
