#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/io/image.h"

namespace vitrine::engine {
namespace {

using nlohmann::json;

constexpr int kMaxSide = 16384;

tl::unexpected<Error> wrong(const std::string& key, const std::string& expected, const json& came) {
  std::string shown = came.dump(-1, ' ', true, json::error_handler_t::replace);
  if (shown.size() > 60) shown = shown.substr(0, 57) + "...";
  return fail(ErrorCode::FileFormat, fmt::format("image processor: expected '{}' to be {}, came {}",
                                                 key, expected, shown));
}

const json* find(const json& object, const char* key) {
  const auto it = object.find(key);
  return it == object.end() || it->is_null() ? nullptr : &*it;
}

Result<bool> flag(const json& config, const char* key, bool otherwise) {
  const json* v = find(config, key);
  if (v == nullptr) return otherwise;
  if (!v->is_boolean()) return wrong(key, "true or false", *v);
  return v->get<bool>();
}

Result<double> number(const json& config, const char* key, double otherwise) {
  const json* v = find(config, key);
  if (v == nullptr) return otherwise;
  if (!v->is_number() || !std::isfinite(v->get<double>())) return wrong(key, "a number", *v);
  return v->get<double>();
}

Result<int> side(const json& v, const std::string& key) {
  if (!v.is_number_integer() || v.get<double>() < 1 || v.get<double>() > kMaxSide)
    return wrong(key, fmt::format("a whole number from 1 to {}", kMaxSide), v);
  return v.get<int>();
}

Result<std::vector<double>> numbers(const json& config, const char* key) {
  const json* v = find(config, key);
  if (v == nullptr) return std::vector<double>{};
  std::vector<double> out;
  const json list = v->is_number() ? json::array({*v}) : *v;
  if (!list.is_array() || list.empty() || list.size() > 4) return wrong(key, "1 to 4 numbers", *v);
  for (const auto& x : list) {
    if (!x.is_number() || !std::isfinite(x.get<double>())) return wrong(key, "1 to 4 numbers", *v);
    out.push_back(x.get<double>());
  }
  return out;
}

std::string text(const json& config, const char* key) {
  const json* v = find(config, key);
  return v != nullptr && v->is_string() ? v->get<std::string>() : std::string();
}

/// Pillow's numbers for its filters, or their names.
Result<Resample> filter_of(const json& v, const char* key) {
  if (v.is_number_integer()) {
    switch (v.get<std::int64_t>()) {
      case 0:
        return Resample::Nearest;
      case 1:
        return Resample::Lanczos;
      case 2:
        return Resample::Bilinear;
      case 3:
        return Resample::Bicubic;
      case 4:
        return Resample::Box;
      case 5:
        return Resample::Hamming;
      default:
        return wrong(key, "a filter from 0 to 5", v);
    }
  }
  const std::string name = v.is_string() ? v.get<std::string>() : std::string();
  if (name == "nearest") return Resample::Nearest;
  if (name == "lanczos") return Resample::Lanczos;
  if (name == "bilinear" || name == "linear" || name == "random") return Resample::Bilinear;
  if (name == "bicubic" || name == "cubic") return Resample::Bicubic;
  if (name == "box") return Resample::Box;
  if (name == "hamming") return Resample::Hamming;
  return wrong(key, "the number or name of a filter", v);
}

/// {"height", "width"}, one number for both, or [height, width].
Status read_box(const json& v, const char* key, int& width, int& height) {
  if (v.is_number()) {
    VITRINE_TRY(width, side(v, key));
    height = width;
    return {};
  }
  const bool pair = v.is_array() && v.size() == 2;
  const json* h = pair ? &v[0] : v.is_object() ? find(v, "height") : nullptr;
  const json* w = pair ? &v[1] : v.is_object() ? find(v, "width") : nullptr;
  if (h == nullptr || w == nullptr) return wrong(key, "a number, or height and width", v);
  VITRINE_TRY(height, side(*h, std::string(key) + ".height"));
  VITRINE_TRY(width, side(*w, std::string(key) + ".width"));
  return {};
}

Status read_size(const json& config, bool shortest_by_default, ImagePreprocess& out) {
  const json* v = find(config, "size");
  if (v == nullptr) return {};
  if (v->is_object()) {
    if (const json* edge = find(*v, "shortest_edge")) {
      VITRINE_TRY(out.shortest_edge, side(*edge, "size.shortest_edge"));
      return {};
    }
    if (const json* edge = find(*v, "longest_edge")) {
      VITRINE_TRY(out.longest_edge, side(*edge, "size.longest_edge"));
      out.do_pad = true;
      return {};
    }
  } else if (v->is_number() && shortest_by_default) {
    VITRINE_TRY(out.shortest_edge, side(*v, "size"));
    return {};
  }
  return read_box(*v, "size", out.resize_width, out.resize_height);
}

/// ConvNeXT: below 384 the shorter side becomes size / crop_pct and the centre is cut out, above it
/// is squashed.
Status apply_crop_share(const json& config, ImagePreprocess& out) {
  const json* share = find(config, "crop_pct");
  if (share == nullptr || out.shortest_edge == 0) return {};
  VITRINE_TRY(const double part, number(config, "crop_pct", 1));
  if (!(part > 0) || part > 1) return wrong("crop_pct", "above 0 and at most 1", *share);
  constexpr int kSquashFrom = 384;
  const int edge = out.shortest_edge;
  if (edge >= kSquashFrom) {
    out.resize_width = out.resize_height = edge;
    out.shortest_edge = 0;
    return {};
  }
  out.crop_width = out.crop_height = edge;
  out.do_center_crop = true;
  out.shortest_edge = static_cast<int>(edge / part);
  return {};
}

Status read_statistics(const json& config, const char* mean, const char* deviation,
                       ImagePreprocess& out) {
  VITRINE_TRY(out.mean, numbers(config, mean));
  VITRINE_TRY(out.std, numbers(config, deviation));
  if (out.mean.size() != out.std.size())
    return fail(ErrorCode::FileFormat,
                fmt::format("image processor: '{}' has {} numbers and '{}' has {}", mean,
                            out.mean.size(), deviation, out.std.size()));
  for (const double s : out.std)
    if (s == 0)
      return fail(ErrorCode::FileFormat, fmt::format("image processor: '{}' holds a 0", deviation));
  if (out.mean.size() == 2 || out.mean.size() == 4)
    return fail(ErrorCode::Unsupported,
                fmt::format("image processor: {} channels are not supported", out.mean.size()));
  if (out.mean.size() == 1) out.channels = 1;
  return {};
}

Result<ImagePreprocess> from_timm(const json& config) {
  ImagePreprocess out;
  const json& input = config["input_size"];
  if (!input.is_array() || input.size() != 3)
    return wrong("input_size", "[channels, height, width]", input);
  VITRINE_TRY(out.channels, side(input[0], "input_size"));
  VITRINE_TRY(out.crop_height, side(input[1], "input_size"));
  VITRINE_TRY(out.crop_width, side(input[2], "input_size"));
  if (out.channels != 1 && out.channels != 3)
    return fail(ErrorCode::Unsupported,
                fmt::format("image processor: {} channels are not supported", out.channels));
  VITRINE_TRY(const double part, number(config, "crop_pct", 0.875));
  if (!(part > 0) || part > 1)
    return wrong("crop_pct", "above 0 and at most 1", config["crop_pct"]);
  const auto enlarged = [part](int n) { return static_cast<int>(std::floor(n / part)); };
  if (const json* v = find(config, "interpolation")) {
    VITRINE_TRY(out.filter, filter_of(*v, "interpolation"));
  }
  const std::string mode = text(config, "crop_mode");
  out.do_center_crop = true;
  if (mode == "squash" || out.crop_width != out.crop_height) {
    out.resize_width = enlarged(out.crop_width);
    out.resize_height = enlarged(out.crop_height);
  } else if (mode.empty() || mode == "center") {
    out.shortest_edge = enlarged(out.crop_width);
  } else {
    return fail(ErrorCode::Unsupported,
                fmt::format("image processor: crop_mode '{}' is not supported", mode));
  }
  VITRINE_CHECK(read_statistics(config, "mean", "std", out));
  return out;
}

Result<ImagePreprocess> from_hugging_face(const json& config) {
  ImagePreprocess out;
  std::string type = text(config, "image_processor_type");
  if (type.empty()) type = text(config, "feature_extractor_type");
  const bool clip_like = type.starts_with("CLIP") || type.starts_with("Bit") ||
                         type.starts_with("ChineseCLIP") || type.starts_with("MobileViT");
  VITRINE_TRY(out.do_resize, flag(config, "do_resize", true));
  VITRINE_TRY(out.do_center_crop, flag(config, "do_center_crop", clip_like));
  VITRINE_TRY(out.do_pad, flag(config, "do_pad", false));
  VITRINE_TRY(out.flip_channels, flag(config, "do_flip_channel_order", false));
  VITRINE_CHECK(read_size(config, clip_like, out));
  out.filter = clip_like || type.starts_with("DeiT") || type.starts_with("Siglip")
                   ? Resample::Bicubic
                   : Resample::Bilinear;
  if (text(config, "resample") == "area") {   // our own word for OpenCV's INTER_AREA, which no processor file can say
    out.area_filter = true;
  } else if (const json* v = find(config, "resample")) {
    VITRINE_TRY(out.filter, filter_of(*v, "resample"));
  }
  const json* crop = find(config, out.do_center_crop ? "crop_size" : "pad_size");
  if (crop != nullptr) {
    VITRINE_CHECK(read_box(*crop, out.do_center_crop ? "crop_size" : "pad_size", out.crop_width,
                           out.crop_height));
  } else if (out.do_center_crop) {
    out.crop_width = out.shortest_edge > 0 ? out.shortest_edge : out.resize_width;
    out.crop_height = out.shortest_edge > 0 ? out.shortest_edge : out.resize_height;
  }
  if (crop == nullptr && out.longest_edge == 0) out.do_pad = false;
  VITRINE_CHECK(apply_crop_share(config, out));
  VITRINE_TRY(const bool rescale, flag(config, "do_rescale", true));
  VITRINE_TRY(out.rescale, number(config, "rescale_factor", 1.0 / 255));
  if (!rescale) out.rescale = 1;
  VITRINE_CHECK(read_statistics(config, "image_mean", "image_std", out));
  VITRINE_TRY(const bool normalise, flag(config, "do_normalize", !type.starts_with("MobileViT")));
  if (!normalise) out.mean = out.std = {};
  return out;
}

}  // namespace

Result<ImagePreprocess> ImagePreprocess::from_json(const json& config) {
  if (!config.is_object())
    return fail(ErrorCode::FileFormat,
                "image processor: expected a JSON object, came " + std::string(config.type_name()));
  if (const json* inner = find(config, "pretrained_cfg"); inner != nullptr && inner->is_object())
    return from_json(*inner);
  return find(config, "input_size") != nullptr ? from_timm(config) : from_hugging_face(config);
}

}  // namespace vitrine::engine
