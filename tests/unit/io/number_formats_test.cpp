#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "engine/io/checkpoint.h"
#include "engine/io/codec.h"

namespace vitrine::engine {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

const fs::path kFolder = VITRINE_SOURCE_DIR "/tests/golden/number_formats";

json read(const char* name) {
  std::ifstream in(kFolder / name);
  return json::parse(in);
}

float number(const json& v) {
  if (v.is_number()) return static_cast<float>(v.get<double>());
  return v == "nan" ? NAN : v == "inf" ? INFINITY : -INFINITY;
}

/// Every code of a format one behind the other, packed as the format packs them.
std::vector<std::uint8_t> all_codes(std::size_t bits) {
  std::vector<std::uint8_t> out((bits << bits) / 8, 0);
  for (std::size_t code = 0; code < std::size_t{1} << bits; ++code)
    for (std::size_t b = 0; b < bits; ++b)
      if ((code >> b & 1) != 0) out[(code * bits + b) / 8] |= static_cast<std::uint8_t>(1U << ((code * bits + b) % 8));
  return out;
}

TEST(SmallFloats, HaveTheValueOfEveryCode) {
  const std::map<std::string, const char*> torch = {{"F8_E4M3", "float8_e4m3fn"}, {"F8_E5M2", "float8_e5m2"}, {"F8_E8M0", "float8_e8m0fnu"},
                                                    {"F8_E4M3FNUZ", "float8_e4m3fnuz"}, {"F8_E5M2FNUZ", "float8_e5m2fnuz"}};
  const json tables = read("tables.json");
  for (const auto& [name, table] : tables.items()) {
    SCOPED_TRACE(name);
    const std::size_t bits = table.size() == 16 ? 4 : table.size() == 64 ? 6 : 8;
    const auto codes = all_codes(bits);
    std::vector<const Codec*> codecs = {safetensors_codec(name)};
    if (torch.contains(name)) codecs.push_back(torch_codec(torch.at(name)));
    for (const Codec* codec : codecs) {
      ASSERT_NE(codec, nullptr);
      ASSERT_EQ(codec->bytes_for(table.size()), codes.size());
      std::vector<float> values(table.size());
      codec->decode(codes.data(), values.size(), values.data());
      for (std::size_t i = 0; i < values.size(); ++i) {
        const float wanted = number(table[i]);
        if (std::isnan(wanted)) EXPECT_TRUE(std::isnan(values[i])) << i;
        else EXPECT_EQ(std::make_pair(values[i], std::signbit(values[i])), std::make_pair(wanted, std::signbit(wanted))) << i;
      }
    }
  }
  EXPECT_EQ(tables.size(), 8U);
}

TEST(ComplexTensors, AreReadInThreeParts) {
  const json wanted = read("complex.json");
  const auto opened = open_checkpoint(kFolder / "complex.pt");
  ASSERT_TRUE(opened) << sentence(opened.error());
  EXPECT_EQ((*opened)->tensors().size(), wanted.size());
  for (const auto& [name, row] : wanted.items()) {
    for (const std::string_view part : kComplexParts) {
      SCOPED_TRACE(name + std::string(part));
      const TensorEntry* entry = (*opened)->find(name + std::string(part));
      ASSERT_NE(entry, nullptr);
      EXPECT_EQ(entry->shape, row["shape"].get<std::vector<std::int64_t>>());
      const auto values = (*opened)->read_f32(*entry);
      ASSERT_TRUE(values) << sentence(values.error());
      const json& listed = row[std::string(part)];
      ASSERT_EQ(values->size(), listed.size());
      for (std::size_t i = 0; i < listed.size(); ++i) EXPECT_FLOAT_EQ((*values)[i], listed[i].get<float>()) << i;
      std::vector<float> two(2);
      ASSERT_TRUE((*opened)->read_f32_range(*entry, 3, two));
      EXPECT_EQ(two[0], (*values)[3]);
      EXPECT_EQ(two[1], (*values)[4]);
    }
    const TensorEntry* whole = (*opened)->find(name);
    ASSERT_NE(whole, nullptr);
    const auto refused = (*opened)->read_f32(*whole);
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().message.find(".real, .imag or .abs"), std::string::npos) << refused.error().message;
  }
  EXPECT_EQ((*opened)->find("c64.phase"), nullptr);
  EXPECT_EQ((*opened)->find(".real"), nullptr);
}

}  // namespace
}  // namespace vitrine::engine
