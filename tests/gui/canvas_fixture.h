#pragma once

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include <QFile>
#include <QImage>
#include <QTest>
#include <QWidget>
#include <nlohmann/json.hpp>

#include "engine/report/report.h"
#include "views/canvas/color_scale.h"

namespace vitrine::test {

inline QByteArray golden_bytes(const char* name) {
  QFile file(QStringLiteral(VITRINE_SOURCE_DIR "/tests/golden/canvas/") + name);
  return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
}

/// One array of tests/golden/canvas/real.safetensors.
inline engine::Array golden_array(const std::string& name) {
  const QByteArray bytes = golden_bytes("real.safetensors");
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.constData(), 8);
  const auto header = nlohmann::json::parse(bytes.constData() + 8, bytes.constData() + 8 + length);
  const auto& entry = header.at(name);
  engine::Array out;
  out.name = name;
  out.shape = entry.at("shape").get<std::vector<std::int64_t>>();
  out.axes.resize(out.shape.size());
  out.values.resize(static_cast<std::size_t>(out.numel()));
  const char* data =
      bytes.constData() + 8 + length + entry.at("data_offsets").at(0).get<std::size_t>();
  for (std::size_t i = 0; i < out.values.size(); ++i) {
    if (entry.at("dtype") == "F16") {
      _Float16 half;
      std::memcpy(&half, data + 2 * i, 2);
      out.values[i] = static_cast<float>(half);
    } else {
      std::memcpy(&out.values[i], data + 4 * i, 4);
    }
  }
  return out;
}

inline std::vector<std::string> lm_tokens() {
  const QByteArray bytes = golden_bytes("lm_tokens.json");
  return nlohmann::json::parse(bytes.begin(), bytes.end()).get<std::vector<std::string>>();
}

/// [query, key] of one head, from a golden [layer, head, query, key].
inline engine::Report head_report(const std::string& name, int layer, int head) {
  const engine::Array all = golden_array(name);
  engine::Report report;
  report.picture = engine::PictureKind::Matrix;
  engine::Array one;
  one.name = "pattern";
  one.unit = "probability";
  one.shape = {all.shape[2], all.shape[3]};
  one.axes = {{"query", "", {}}, {"key", "", {}}};
  const auto size = static_cast<std::size_t>(one.numel());
  const auto at = static_cast<std::ptrdiff_t>(
      (static_cast<std::size_t>(layer) * static_cast<std::size_t>(all.shape[1]) +
       static_cast<std::size_t>(head)) *
      size);
  one.values.assign(all.values.begin() + at,
                    all.values.begin() + at + static_cast<std::ptrdiff_t>(size));
  if (name == "lm.attn") {
    for (const std::string& text : lm_tokens()) report.tokens.push_back({text, -1, -1, -1, false});
  }
  report.arrays.push_back(std::move(one));
  return report;
}

inline std::shared_ptr<const engine::Report> share(engine::Report report) {
  return std::make_shared<const engine::Report>(std::move(report));
}

inline views::ColorTable sequential() { return views::table_of(views::color_map("viridis")); }
inline views::ColorTable two_sided(bool dark = false) {
  return views::table_of(views::color_map(dark ? "dusk" : "balance"));
}

inline void show(QWidget& widget, int width, int height) {
  widget.resize(width, height);
  widget.show();
  QVERIFY(QTest::qWaitForWindowExposed(&widget));
  QCoreApplication::processEvents();
}

/// Lets queued repaints happen.
inline void settle() {
  for (int i = 0; i < 6; ++i) QTest::qWait(8);
}

inline void save(const QImage& image, const char* name) {
  image.save(QStringLiteral(VITRINE_SHOTS "/") + name + QStringLiteral(".png"));
}

inline bool near(const QColor& a, const QColor& b, int tolerance = 2) {
  return std::abs(a.red() - b.red()) <= tolerance && std::abs(a.green() - b.green()) <= tolerance &&
         std::abs(a.blue() - b.blue()) <= tolerance;
}

}  // namespace vitrine::test
