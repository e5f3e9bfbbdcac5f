#include "plugins/analyses/sae.h"

#include <fmt/format.h>

#include "engine/io/checkpoint.h"
#include "engine/io/json.h"
#include "engine/isolate/readers.h"
#include "engine/tensor/guard.h"
#include "engine/tensor/ops.h"

namespace vitrine::plugins {

namespace fs = std::filesystem;

namespace {

Result<Tensor> weight(const Checkpoint& file, const char* name, const Shape& shape) {
  const TensorEntry* entry = file.find(name);
  if (!entry) return fail(ErrorCode::FileFormat, std::string("the sparse autoencoder lacks ") + name);
  if (entry->shape != shape) return fail(ErrorCode::ShapeMismatch, fmt::format("{} of the sparse autoencoder: expected {}, came {}", name, shape_text(shape), shape_text(entry->shape)));
  VITRINE_TRY(const auto values, file.read_f32(*entry));
  return guard([&] { return Tensor::from_floats(values, shape); });
}

Result<Sae> settings(const nlohmann::json& config, const std::string& file) {
  if (!config.is_object()) return fail_file(ErrorCode::FileFormat, file, "expected an object");
  const auto text = [&](const char* key, const char* fallback) { return config.contains(key) && config[key].is_string() ? config[key].get<std::string>() : std::string(fallback); };
  const auto number = [](const nlohmann::json& json, const char* key) { return json.is_object() && json.contains(key) && json[key].is_number_integer() ? json[key].get<std::int64_t>() : 0; };
  Sae sae;
  const nlohmann::json metadata = config.value("metadata", nlohmann::json());
  sae.hook = text("hook_name", metadata.is_object() && metadata.contains("hook_name") && metadata["hook_name"].is_string() ? metadata["hook_name"].get_ref<const std::string&>().c_str() : "");
  sae.d_in = number(config, "d_in");
  sae.d_sae = number(config, "d_sae");
  sae.k = std::max(number(config, "k"), number(config.value("activation_fn_kwargs", nlohmann::json()), "k"));
  sae.subtract_b_dec = !config.contains("apply_b_dec_to_input") || config["apply_b_dec_to_input"] == true;
  if (sae.hook.empty() || sae.d_in < 1 || sae.d_sae < 1) return fail_file(ErrorCode::FileFormat, file, "expected hook_name, d_in and d_sae of a sparse autoencoder");
  const auto kind = text("architecture", "standard"), activation = text("activation_fn", text("activation_fn_str", "relu").c_str());
  if (kind == "topk" || (kind == "standard" && activation == "topk")) sae.activation = Sae::Activation::TopK;
  else if (kind == "jumprelu") sae.activation = Sae::Activation::JumpRelu;
  else if (kind != "standard" || activation != "relu") return fail_file(ErrorCode::Unsupported, file, "expected a topk, standard or jumprelu autoencoder, came " + kind + " with " + activation);
  if (sae.activation == Sae::Activation::TopK && (sae.k < 1 || sae.k > sae.d_sae)) return fail_file(ErrorCode::FileFormat, file, fmt::format("expected k from 1 to {}, came {}", sae.d_sae, sae.k));
  if (const auto how = text("normalize_activations", "none"); how != "none") return fail_file(ErrorCode::Unsupported, file, "expected activations as they are, came normalize_activations " + how);
  return sae;
}

/// `features.json`: a list of {feature, density, top: [{before, token, after}]}. What does not fit is left out.
void read_features(const fs::path& path, Sae& sae) {
  std::error_code ignored;
  if (!fs::exists(path, ignored)) return;
  const auto json = isolate::read_json_file(path);
  if (!json || !json->is_array()) return;
  sae.density.assign(static_cast<std::size_t>(sae.d_sae), -1);
  sae.strongest.assign(static_cast<std::size_t>(sae.d_sae), "");
  for (const auto& row : *json) {
    if (!row.is_object() || !row.contains("feature") || !row["feature"].is_number_unsigned()) continue;
    const auto feature = row["feature"].get<std::size_t>();
    if (feature >= sae.density.size()) continue;
    if (row.contains("density") && row["density"].is_number()) sae.density[feature] = row["density"];
    if (!row.contains("top") || !row["top"].is_array() || row["top"].empty()) continue;
    const auto& top = row["top"][0];
    const auto part = [&](const char* key) { return top.is_object() && top.contains(key) && top[key].is_string() ? top[key].get<std::string>() : std::string(); };
    sae.strongest[feature] = part("before") + "[" + part("token") + "]" + part("after");
    for (char& c : sae.strongest[feature]) if (c == '\n' || c == '\r' || c == '\t') c = ' ';
  }
}

}  // namespace

Tensor Sae::encode(const Tensor& x) const {
  const Tensor pre = matmul(subtract_b_dec ? x - b_dec : x, w_enc) + b_enc;
  switch (activation) {
    case Activation::TopK: {
      const Tensor least = amin(topk(pre, k, -1).first, -1, true);
      return masked_fill(relu(pre), less(pre, least), 0);
    }
    case Activation::JumpRelu: return masked_fill(relu(pre), logical_not(greater(pre, threshold)), 0);
    case Activation::Relu: break;
  }
  return relu(pre);
}

Tensor Sae::decode(const Tensor& features) const { return matmul(features, w_dec) + b_dec; }

Result<Sae> open_sae(const fs::path& model_folder) {
  std::error_code ignored;
  for (const fs::path& folder : {model_folder / "sae", model_folder}) {
    const fs::path config = folder / "cfg.json", weights = folder / "sae_weights.safetensors";
    if (!fs::exists(config, ignored) || !fs::exists(weights, ignored)) continue;
    VITRINE_TRY(const auto json, isolate::read_json_file(config));
    VITRINE_TRY(Sae sae, settings(json, config.string()));
    VITRINE_TRY(const auto file, isolate::open_checkpoint(weights));
    VITRINE_TRY(sae.w_enc, weight(*file, "W_enc", {sae.d_in, sae.d_sae}));
    VITRINE_TRY(sae.w_dec, weight(*file, "W_dec", {sae.d_sae, sae.d_in}));
    VITRINE_TRY(sae.b_enc, weight(*file, "b_enc", {sae.d_sae}));
    VITRINE_TRY(sae.b_dec, weight(*file, "b_dec", {sae.d_in}));
    if (sae.activation == Sae::Activation::JumpRelu) {
      VITRINE_TRY(sae.threshold, weight(*file, "threshold", {sae.d_sae}));
    }
    read_features(folder / "features.json", sae);
    return sae;
  }
  return fail(ErrorCode::FileMissing, "the model has no sparse autoencoder (cfg.json and sae_weights.safetensors in its folder sae)");
}

double fraction_unexplained(const Tensor& x, const Tensor& reconstruction) {
  const Tensor rows = to(x, DType::F64);
  const double error = sum_all(square(rows - to(reconstruction, DType::F64))).item(), variance = sum_all(square(rows - mean(rows, {0}, true))).item();
  return variance > 0 ? error / variance : 0;
}

}  // namespace vitrine::plugins
