#include "views/canvas/label_text.h"

#include <cmath>
#include <cstdio>

namespace vitrine::views {

namespace {
std::string printed(const char* format, double value) {
  char text[32];
  std::snprintf(text, sizeof text, format, std::abs(value));
  return (value < 0 ? "\u2212" : "") + std::string(text);
}
}  // namespace

std::string label_text(std::string_view token) {
  std::string out;
  for (const char c : token) {
    switch (c) {
      case '\n': out += "\u23ce"; break;
      case '\t': out += "\u21e5"; break;
      case '\r': break;
      default: out += static_cast<unsigned char>(c) < 0x20 ? '?' : c;
    }
  }
  const auto begin = out.find_first_not_of(' ');
  if (begin == std::string::npos) return token.empty() ? std::string() : "\u2423";
  return out.substr(begin, out.find_last_not_of(' ') - begin + 1);
}

std::string value_text(double value) {
  if (std::isnan(value)) return "not computed";
  const double size = std::abs(value);
  if (size == 0) return "0";
  if (size < 1e-3 || size >= 1e5) return printed("%.3e", value);
  return printed(size < 10 ? "%.4f" : "%.2f", value);
}

std::string cell_text(double value) {
  if (std::isnan(value)) return "\u2013";
  const double size = std::abs(value);
  if (size == 0) return "0";
  if (size < 0.005 || size >= 1e4) return printed("%.0e", value);
  if (size >= 100) return printed("%.0f", value);
  if (size >= 10) return printed("%.1f", value);
  return printed("%.2f", value);
}

}  // namespace vitrine::views
