#include "engine/io/image.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <map>
#include <regex>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "engine/io/checkpoint.h"

namespace vitrine::engine {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// The reference folder beside the checkout, or the copies among the tests.
fs::path golden(const std::string& part) {
  const fs::path shared = fs::path(VITRINE_SOURCE_DIR "/../shared/golden") / part;
  return fs::exists(shared) ? shared : fs::path(VITRINE_SOURCE_DIR "/tests/golden") / part;
}

std::shared_ptr<const Checkpoint> tensors(const fs::path& path) {
  auto opened = open_checkpoint(path);
  EXPECT_TRUE(opened) << sentence(opened.error());
  return opened ? *opened : nullptr;
}

/// An 8-bit tensor [row, column, channel]; alpha, if there is one, goes to `alpha`.
Image8 picture(const Checkpoint& file, const std::string& name,
               std::vector<std::uint8_t>* alpha = nullptr) {
  Image8 out;
  const TensorEntry* entry = file.find(name);
  if (entry == nullptr || entry->shape.size() != 3) return out;
  const auto bytes = file.bytes(*entry);
  if (!bytes) return out;
  const auto channels = static_cast<std::size_t>(entry->shape[2]);
  out.height = static_cast<int>(entry->shape[0]);
  out.width = static_cast<int>(entry->shape[1]);
  for (std::size_t i = 0; i < bytes->size(); ++i) {
    const auto v = static_cast<std::uint8_t>((*bytes)[i]);
    if (i % channels < 3)
      out.pixels.push_back(v);
    else if (alpha != nullptr)
      alpha->push_back(v);
  }
  return out;
}

/// Largest difference; 256 if the sizes differ. Pixels of alpha 0 do not count.
int worst(const Image8& a, const Image8& b, const std::vector<std::uint8_t>& alpha = {}) {
  if (a.width != b.width || a.height != b.height || a.pixels.size() != b.pixels.size()) return 256;
  int most = 0;
  for (std::size_t i = 0; i < a.pixels.size(); ++i)
    if (alpha.empty() || alpha[i / 3] != 0)
      most = std::max(most, std::abs(int{a.pixels[i]} - int{b.pixels[i]}));
  return most;
}

/// Largest difference in grey levels, given what normalisation divided by.
double worst(const ImageF& a, const Checkpoint& file, const std::string& name,
             const std::vector<double>& deviation) {
  const TensorEntry* entry = file.find(name);
  if (entry == nullptr) return 1e9;
  const auto want = file.read_f32(*entry);
  if (!want || want->size() != a.values.size()) return 1e9;
  const std::size_t n = a.values.size() / static_cast<std::size_t>(a.channels);
  double most = 0;
  for (std::size_t i = 0; i < want->size(); ++i) {
    const double by = deviation.empty() ? 1 : deviation[deviation.size() == 1 ? 0 : i / n];
    most = std::max(most, std::abs(static_cast<double>(a.values[i]) - (*want)[i]) * by * 255);
  }
  return most;
}

/// The picture that the resize rows start from: over white where the file has alpha.
Image8 source(const Checkpoint& rgb, const std::string& file) {
  return picture(rgb, file + (rgb.find(file + ".rgb") != nullptr ? ".rgb" : ".rgb_on_white"));
}

TEST(DecodeImage, GivesThePixelsOfTheReference) {
  const fs::path folder = golden("files/images");
  const auto want = tensors(folder / "expected_rgb.safetensors");
  ASSERT_NE(want, nullptr);
  std::size_t compared = 0;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string(),
                      ending = entry.path().extension().string();
    if (ending == ".json" || ending == ".safetensors" || entry.is_directory()) continue;
    const auto decoded = decode_image(entry.path());
    ASSERT_TRUE(decoded) << sentence(decoded.error());
    std::vector<std::uint8_t> alpha;
    const Image8 expected =
        picture(*want, name + (want->find(name + ".rgb") != nullptr ? ".rgb" : ".rgba"), &alpha);
    EXPECT_LE(worst(*decoded, expected, alpha), 1) << name;
    ++compared;
  }
  EXPECT_EQ(compared, 34u);
}

TEST(DecodeImage, GivesTheLumaOfColours) {
  const auto grey = decode_image(golden("files/images") / "png_rgba.png", 1),
             rgb = decode_image(golden("files/images") / "png_rgba.png");
  ASSERT_TRUE(grey && rgb);
  ASSERT_EQ(grey->channels, 1);
  for (std::size_t i = 0; i < grey->pixels.size(); ++i) {
    const double luma = 0.299 * rgb->pixels[3 * i] + 0.587 * rgb->pixels[3 * i + 1] +
                        0.114 * rgb->pixels[3 * i + 2];
    EXPECT_NEAR(grey->pixels[i], luma, 0.51);
  }
}

TEST(ResizePil, IsPillowsResize) {
  const fs::path folder = golden("files/images");
  const auto rgb = tensors(folder / "expected_rgb.safetensors"),
             want = tensors(folder / "expected_pixels.safetensors");
  ASSERT_TRUE(rgb && want);
  const std::map<std::string, Resample> filters = {{"bilinear", Resample::Bilinear},
                                                   {"bicubic", Resample::Bicubic},
                                                   {"lanczos", Resample::Lanczos}};
  const std::regex row(R"((.+)\|pil\.(\w+)\|(\d+)x(\d+))");
  std::size_t compared = 0;
  for (const TensorEntry& entry : want->tensors()) {
    std::smatch m;
    if (!std::regex_match(entry.name, m, row)) continue;
    const Image8 got =
        resize_pil(source(*rgb, m[1]), std::stoi(m[4]), std::stoi(m[3]), filters.at(m[2]));
    EXPECT_EQ(worst(got, picture(*want, entry.name)), 0) << entry.name;
    ++compared;
  }
  EXPECT_GE(compared, 12u);
}

/// [channel, row, column] in 0..1, as torchvision takes it.
ImageF planes(const Image8& in) {
  ImageF out{in.channels, in.height, in.width, {}};
  const std::size_t n = static_cast<std::size_t>(in.width) * static_cast<std::size_t>(in.height);
  const auto channels = static_cast<std::size_t>(in.channels);
  for (std::size_t c = 0; c < channels; ++c)
    for (std::size_t i = 0; i < n; ++i)
      out.values.push_back(static_cast<float>(in.pixels[i * channels + c]) / 255);
  return out;
}

TEST(ResizeFloat, IsTorchvisionsResize) {
  const fs::path folder = golden("files/images");
  const auto rgb = tensors(folder / "expected_rgb.safetensors"),
             want = tensors(folder / "expected_pixels.safetensors");
  ASSERT_TRUE(rgb && want);
  const std::regex row(R"((.+)\|tv_(float|u8)\.(\w+)\.(aa|noaa)\|(\d+)x(\d+))");
  std::size_t compared = 0;
  for (const TensorEntry& entry : want->tensors()) {
    std::smatch m;
    if (!std::regex_match(entry.name, m, row)) continue;
    const Resample filter = m[3] == "bicubic" ? Resample::Bicubic : Resample::Bilinear;
    ImageF got = resize_float(planes(source(*rgb, m[1])), std::stoi(m[6]), std::stoi(m[5]), filter, m[4] == "aa");
    const bool bytes = m[2] == "u8";
    if (bytes)
      for (float& v : got.values) v = std::clamp(std::round(v * 255), 0.0F, 255.0F);
    EXPECT_LE(worst(got, *want, entry.name, {}), bytes ? 255.001 : 0.001) << entry.name;
    ++compared;
  }
  EXPECT_GE(compared, 16u);
}

TEST(Preprocess, CropsAndNormalisesAsTorchvision) {
  const fs::path folder = golden("files/images");
  const auto rgb = tensors(folder / "expected_rgb.safetensors"),
             want = tensors(folder / "expected_pixels.safetensors");
  ASSERT_TRUE(rgb && want);
  const std::map<std::string, std::pair<std::vector<double>, std::vector<double>>> statistics = {
      {"imagenet", {{0.485, 0.456, 0.406}, {0.229, 0.224, 0.225}}},
      {"clip", {{0.48145466, 0.4578275, 0.40821073}, {0.26862954, 0.26130258, 0.27577711}}},
      {"half", {{0.5}, {0.5}}}};
  const std::regex row(R"((.+)\|short(\d+)\.(\w+)\.crop(\d+)\.(\w+))");
  std::size_t compared = 0;
  for (const TensorEntry& entry : want->tensors()) {
    std::smatch m;
    if (!std::regex_match(entry.name, m, row)) continue;
    ImagePreprocess how;
    how.shortest_edge = std::stoi(m[2]);
    how.filter = m[3] == "bicubic" ? Resample::Bicubic : Resample::Bilinear;
    how.do_center_crop = true;
    how.crop_width = how.crop_height = std::stoi(m[4]);
    std::tie(how.mean, how.std) = statistics.at(m[5]);
    const auto got = preprocess(source(*rgb, m[1]), how);
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_LE(worst(got->values, *want, entry.name, how.std), 1.001) << entry.name;
    ++compared;
  }
  EXPECT_GE(compared, 6u);
}

TEST(Preprocess, PadsWithZerosWhereTheCropIsLarger) {
  const fs::path folder = golden("files/images");
  const auto rgb = tensors(folder / "expected_rgb.safetensors"),
             want = tensors(folder / "expected_pixels.safetensors");
  ASSERT_TRUE(rgb && want);
  std::size_t compared = 0;
  for (const TensorEntry& entry : want->tensors()) {
    const std::size_t bar = entry.name.find("|centercrop60");
    if (bar == std::string::npos) continue;
    ImagePreprocess how;
    how.do_resize = false;
    how.do_center_crop = true;
    how.crop_width = how.crop_height = 60;
    const auto got = preprocess(source(*rgb, entry.name.substr(0, bar)), how);
    ASSERT_TRUE(got);
    EXPECT_EQ(worst(got->shown, picture(*want, entry.name)), 0) << entry.name;
    ++compared;
  }
  EXPECT_GE(compared, 1u);
}

TEST(Preprocess, FollowsHuggingFaceProcessors) {
  const fs::path folder = golden("files/images");
  const auto rgb = tensors(folder / "expected_rgb.safetensors"),
             want = tensors(folder / "expected_pixels.safetensors");
  ASSERT_TRUE(rgb && want);
  std::size_t compared = 0;
  for (const TensorEntry& entry : want->tensors()) {
    const std::size_t bar = entry.name.find("|hf.");
    if (bar == std::string::npos) continue;
    const json config = json::parse(std::ifstream(
        folder / "processors" / entry.name.substr(bar + 4) / "preprocessor_config.json"));
    const auto how = ImagePreprocess::from_json(config);
    ASSERT_TRUE(how) << how.error().message;
    const auto got = preprocess(source(*rgb, entry.name.substr(0, bar)), *how);
    ASSERT_TRUE(got);
    EXPECT_LE(worst(got->values, *want, entry.name, how->std), 1.001) << entry.name;
    ++compared;
  }
  EXPECT_GE(compared, 3u);
}

class PhotoCase : public ::testing::TestWithParam<const char*> {};

TEST_P(PhotoCase, GivesThePixelValuesOfTheReference) {
  const fs::path folder = golden("vision") / GetParam();
  if (!fs::exists(folder / "input.png"))
    GTEST_SKIP() << "not among the copied files: " << GetParam();
  const auto how =
      ImagePreprocess::from_json(json::parse(std::ifstream(folder / "preprocessor_config.json")));
  ASSERT_TRUE(how) << how.error().message;
  const auto image = decode_image(folder / "input.png", how->channels);
  ASSERT_TRUE(image) << sentence(image.error());
  const auto got = preprocess(*image, *how);
  ASSERT_TRUE(got) << got.error().message;
  const auto want = tensors(folder / "input.safetensors");
  ASSERT_NE(want, nullptr);
  EXPECT_LE(worst(got->values, *want, "pixel_values", how->std), 1.001);
}

INSTANTIATE_TEST_SUITE_P(All, PhotoCase,
                         ::testing::Values("hf_vit_photo", "hf_dinov2_photo", "hf_mobilevit_photo",
                                           "hf_segformer_photo", "timm_vit_photo",
                                           "timm_convnext_photo", "timm_resnet_photo",
                                           "timm_swin_photo"),
                         [](const auto& info) { return std::string(info.param); });

TEST(Preprocess, ShrinksByAreaAndPadsAsTheFocusModelWants) {
  const fs::path folder = golden("files/real_models/dinov2_focus");
  if (!fs::exists(folder / "photo0.png"))
    GTEST_SKIP() << "not among the copied files: dinov2_focus photographs";
  const auto want = tensors(folder / "input.safetensors");
  ASSERT_NE(want, nullptr);
  ImagePreprocess how;
  how.longest_edge = 224;
  how.area_filter = true;
  how.crop_width = how.crop_height = 224;
  how.mean = {0.485, 0.456, 0.406};
  how.std = {0.229, 0.224, 0.225};
  for (const std::string k : {"0", "1"}) {
    const auto photo = decode_image(folder / ("photo" + k + ".png"));
    ASSERT_TRUE(photo) << sentence(photo.error());
    const auto got = preprocess(*photo, how);
    ASSERT_TRUE(got);
    EXPECT_LE(worst(got->shown, picture(*want, "img" + k + ".resized_padded_u8")), 1);
    EXPECT_LE(worst(got->values, *want, "img" + k + ".pixel_values", how.std), 1.001);
  }
}

TEST(ResizeArea, KeepsTheMeanAndAFlatPicture) {
  Image8 flat;
  flat.width = 7;
  flat.height = 5;
  flat.pixels.assign(105, 93);
  for (const auto& [w, h] : {std::pair{3, 2}, std::pair{14, 11}, std::pair{7, 5}}) {
    const Image8 out = resize_area(flat, w, h);
    EXPECT_EQ(out.width, w);
    for (const auto v : out.pixels) EXPECT_EQ(v, 93);
  }
  Image8 ramp;
  ramp.width = 4;
  ramp.height = 1;
  ramp.channels = 1;
  ramp.pixels = {0, 10, 20, 30};
  EXPECT_EQ(resize_area(ramp, 2, 1).pixels, (std::vector<std::uint8_t>{5, 25}));
}

TEST(ImagePreprocess, ReadsSquashAndPairedSizes) {
  const auto squash = ImagePreprocess::from_json({{"input_size", {3, 48, 64}},
                                                  {"crop_pct", 1.0},
                                                  {"mean", {0.5, 0.5, 0.5}},
                                                  {"std", {0.5, 0.5, 0.5}}});
  ASSERT_TRUE(squash);
  EXPECT_EQ(squash->resize_width, 64);
  EXPECT_EQ(squash->crop_height, 48);
  const auto convnext =
      ImagePreprocess::from_json({{"size", {{"shortest_edge", 224}}}, {"crop_pct", 0.875}});
  ASSERT_TRUE(convnext);
  EXPECT_EQ(convnext->shortest_edge, 256);
  EXPECT_EQ(convnext->crop_width, 224);
  const auto grey =
      ImagePreprocess::from_json({{"size", 32}, {"image_mean", {0.5}}, {"image_std", {0.5}}});
  ASSERT_TRUE(grey);
  EXPECT_EQ(grey->channels, 1);
  EXPECT_EQ(grey->resize_height, 32);
}

TEST(ImagePreprocess, NamesTheKeyThatIsWrong) {
  const std::vector<std::pair<json, std::string>> rows = {
      {json::array(), "object"},
      {{{"size", "large"}}, "size"},
      {{{"size", {{"height", 0}, {"width", 3}}}}, "size.height"},
      {{{"size", 1e9}}, "size"},
      {{{"resample", 77}}, "resample"},
      {{{"do_resize", 1}}, "do_resize"},
      {{{"image_mean", {0.5, 0.5, 0.5}}, {"image_std", {0.5}}}, "image_std"},
      {{{"image_mean", {0.5}}, {"image_std", {0}}}, "image_std"},
      {{{"input_size", {3, 4}}}, "input_size"},
      {{{"input_size", {3, 4, 4}}, {"crop_pct", 0}}, "crop_pct"}};
  for (const auto& [config, key] : rows) {
    const auto how = ImagePreprocess::from_json(config);
    ASSERT_FALSE(how) << config;
    EXPECT_NE(how.error().message.find(key), std::string::npos) << how.error().message;
  }
}

}  // namespace
}  // namespace vitrine::engine
