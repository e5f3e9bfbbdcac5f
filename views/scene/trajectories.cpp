#include "views/scene/trajectories.h"
#include "views/data/labels.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>

namespace vitrine::views {

namespace {

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  return text;
}

/// Shares of the variance, 0..1, as many as the report tells.
std::vector<double> explained(const engine::Report& report) {
  std::vector<double> out;
  for (const engine::Metric& metric : report.metrics) {
    if (lower(metric.name).find("explained") == std::string::npos) continue;
    out.push_back(metric.unit == "%" ? metric.value / 100 : metric.value);
  }
  const auto note = report.notes.find("explained_variance");
  if (!out.empty() || note == report.notes.end()) return out;
  const char* at = note->second.c_str();
  while (*at != 0) {
    char* end = nullptr;
    const double v = std::strtod(at, &end);
    if (end == at) {
      ++at;
    } else {
      out.push_back(v > 1 ? v / 100 : v);
      at = end;
    }
  }
  return out;
}

void name_axes(const engine::Report& report, Trajectories& out) {
  const std::vector<double> shares = explained(report);
  const auto& axes = report.arrays.front().axes;
  for (std::size_t i = 0; i < 3; ++i) {
    const bool named = axes.size() == 3 && axes[2].labels.size() == 3;
    out.axis_names[i] = named ? axes[2].labels[i] : "PC " + std::to_string(i + 1);
    if (i >= shares.size() || !std::isfinite(shares[i])) continue;
    char text[24];
    std::snprintf(text, sizeof text, " (%.0f %%)", shares[i] * 100);
    out.axis_names[i] += text;
  }
}

void name_points(const engine::Report& report, Trajectories& out) {
  const auto& axes = report.arrays.front().axes;
  const auto layers = static_cast<std::size_t>(out.layers),
             tokens = static_cast<std::size_t>(out.tokens);
  for (std::size_t i = 0; i < layers; ++i) {
    const bool named = !axes.empty() && axes[0].labels.size() == layers;
    out.layer_labels.push_back(named ? axes[0].labels[i] : std::to_string(i));
  }
  for (std::size_t i = 0; i < tokens; ++i) {
    if (report.tokens.size() == tokens) {
      out.token_labels.push_back(visible_text(report.tokens[i].text));
    } else if (axes.size() > 1 && axes[1].labels.size() == tokens) {
      out.token_labels.push_back(visible_text(axes[1].labels[i]));
    } else {
      out.token_labels.push_back(std::to_string(i));
    }
  }
}

void fit_points(Trajectories& out) {
  constexpr float kFar = std::numeric_limits<float>::max();
  Point3 low{kFar, kFar, kFar}, high{-kFar, -kFar, -kFar};
  bool any = false;
  for (std::size_t i = 0; i < out.values.size(); ++i) {
    if (out.valid[i] == 0) continue;
    any = true;
    for (std::size_t c = 0; c < 3; ++c) {
      low[c] = std::min(low[c], out.values[i][c]);
      high[c] = std::max(high[c], out.values[i][c]);
    }
  }
  out.points.assign(out.values.size(), Point3{0, 0, 0});
  if (!any) return;
  double half = 0;
  for (std::size_t c = 0; c < 3; ++c)
    half = std::max(half, (static_cast<double>(high[c]) - low[c]) / 2);
  if (half == 0) half = 1;
  const auto place = [&](float v, std::size_t c) {
    return static_cast<float>((v - (static_cast<double>(low[c]) + high[c]) / 2) / half);
  };
  for (std::size_t i = 0; i < out.values.size(); ++i) {
    if (out.valid[i] == 0) continue;
    for (std::size_t c = 0; c < 3; ++c) out.points[i][c] = place(out.values[i][c], c);
  }
  for (std::size_t c = 0; c < 3; ++c) {
    out.low[c] = place(low[c], c);
    out.high[c] = place(high[c], c);
  }
}

}  // namespace

Trajectories read_trajectories(const engine::Report* report, const std::vector<int>& hidden) {
  Trajectories out;
  constexpr std::int64_t kMost = 1 << 20;
  if (report == nullptr || report->arrays.empty()) return out;
  const engine::Array& array = report->arrays.front();
  if (array.shape.size() != 3 || array.shape[2] != 3) return out;
  const std::int64_t layers = array.shape[0], tokens = array.shape[1];
  if (layers <= 0 || tokens <= 0 || layers > kMost || tokens > kMost || layers * tokens > kMost)
    return out;
  if (static_cast<std::int64_t>(array.values.size()) != layers * tokens * 3) return out;
  out.layers = static_cast<int>(layers);
  out.tokens = static_cast<int>(tokens);
  const auto count = static_cast<std::size_t>(layers * tokens);
  for (std::size_t i = 0; i < count; ++i) {
    const Point3 p{array.values[3 * i], array.values[3 * i + 1], array.values[3 * i + 2]};
    out.values.push_back(p);
    out.valid.push_back(std::isfinite(p[0]) && std::isfinite(p[1]) && std::isfinite(p[2]));
  }
  for (const int token : hidden) {
    for (int layer = 0; token >= 0 && token < out.tokens && layer < out.layers; ++layer)
      out.valid[out.index(layer, token)] = 0;
  }
  name_axes(*report, out);
  name_points(*report, out);
  fit_points(out);
  return out;
}

}  // namespace vitrine::views
