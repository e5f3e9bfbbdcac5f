#include "engine/model/config_check.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/io/bytes.h"
#include "engine/io/json.h"

namespace vitrine::engine {
namespace {

using nlohmann::json;

constexpr std::string_view kModelTypes[] = {
    "aimv2", "aimv2_vision_model", "albert", "align", "altclip", "apertus", "arcee", "aria",
    "audio-spectrogram-transformer", "autoformer", "bamba", "bark", "bart", "beit", "bert", "big_bird",
    "bigbird_pegasus", "biogpt", "bit", "bitnet", "blenderbot", "blenderbot-small", "blip", "blip-2", "blip_2",
    "blip_2_qformer", "blip_2_vision_model", "blip_text_model", "blip_vision_model", "bloom", "bridgetower", "bros",
    "camembert", "canine", "chameleon", "chinese_clip", "clap", "clip", "clip_text_model", "clip_vision_model",
    "clipseg", "clvp", "codegen", "codegen2", "cohere", "cohere2", "colpali", "conditional_detr", "convbert",
    "convnext", "convnextv2", "cpmant", "ctrl", "cvt", "cwm", "dab-detr", "dac", "data2vec-audio", "data2vec-text",
    "data2vec-vision", "dbrx", "deberta", "deberta-v2", "decision_transformer", "deepseek_v2", "deepseek_v3",
    "deformable_detr", "deit", "depth_anything", "deta", "detr", "diffllama", "dinat", "dinov2",
    "dinov2_with_registers", "dinov3_convnext", "dinov3_vit", "distil-whisper", "distilbert", "doge", "donut-swin",
    "dots1", "dpr", "dpt", "efficientformer", "efficientnet", "electra", "emu3", "encodec", "encoder-decoder", "eomt",
    "ernie", "ernie4_5", "ernie4_5_moe", "ernie_m", "esm", "eurobert", "exaone4", "falcon", "falcon_h1",
    "falcon_mamba", "fastspeech2_conformer", "flaubert", "flava", "florence2", "fnet", "focalnet", "fsmt", "funnel",
    "fuyu", "gemma", "gemma2", "gemma3", "gemma3_text", "gemma3n", "gemma3n_text", "git", "glm", "glm4", "glm4_moe",
    "glm4v", "glpn", "got_ocr2", "gpt-sw3", "gpt2", "gpt_bigcode", "gpt_neo", "gpt_neox", "gpt_neox_japanese",
    "gpt_oss", "gptj", "gptsan-japanese", "granite", "granitemoe", "granitemoehybrid", "granitemoeshared",
    "graphormer", "grounding-dino", "groupvit", "helium", "hgnet_v2", "hiera", "hubert", "hunyuan_v1_dense",
    "hunyuan_v1_moe", "ibert", "idefics", "idefics2", "idefics3", "ijepa", "imagegpt", "informer", "instructblip",
    "internvl", "internvl_vision", "jais", "jamba", "janus", "jetmoe", "jina_bert", "kosmos-2",
    "kyutai_speech_to_text", "layoutlm", "layoutlmv2", "layoutlmv3", "led", "levit", "lfm2", "lfm2_moe", "lilt",
    "llama", "llama4", "llama4_text", "llava", "llava_next", "llava_onevision", "longformer", "longt5", "luke",
    "lxmert", "m2m_100", "mamba", "mamba2", "marian", "markuplm", "mask2former", "maskformer", "mbart", "mctct",
    "mega", "megatron-bert", "metaclip_2", "mgp-str", "mimi", "minicpm", "minimax", "ministral", "mistral",
    "mistral3", "mixtral", "mlcd_vision_model", "mllama", "mobilebert", "mobilenet_v1", "mobilenet_v2", "mobilevit",
    "mobilevitv2", "modernbert", "modernbert-decoder", "moonshine", "moshi", "mpnet", "mpt", "mra", "mt5", "musicgen",
    "musicgen_decoder", "musicgen_melody", "mvp", "nat", "nemotron", "nemotron_h", "nezha", "nllb-moe", "nomic_bert",
    "nougat", "nystromformer", "olmo", "olmo2", "olmo3", "olmoe", "omdet-turbo", "oneformer", "openai-gpt", "opt",
    "owlv2", "owlvit", "paligemma", "patchtsmixer", "patchtst", "pegasus", "pegasus_x", "perceiver", "persimmon",
    "phi", "phi3", "phi4_multimodal", "phimoe", "pix2struct", "pixtral", "plbart", "poolformer", "pop2piano",
    "prophetnet", "pvt", "pvt_v2", "qdqbert", "qwen2", "qwen2_5_vl", "qwen2_5_vl_text", "qwen2_audio", "qwen2_moe",
    "qwen2_vl", "qwen2_vl_text", "qwen3", "qwen3_moe", "qwen3_next", "qwen3_vl", "qwen3_vl_moe", "rag", "realm",
    "recurrent_gemma", "reformer", "regnet", "rembert", "resnet", "retribert", "roberta", "roberta-prelayernorm",
    "roc_bert", "roformer", "rt_detr", "rt_detr_v2", "rwkv", "sam", "sam2", "sam_hq", "sam_vision_model",
    "seamless_m4t", "seamless_m4t_v2", "seed_oss", "segformer", "seggpt", "sew", "sew-d", "shieldgemma2", "siglip",
    "siglip2", "siglip2_vision_model", "siglip_text_model", "siglip_vision_model", "smollm3", "smolvlm",
    "smolvlm_vision", "speech-encoder-decoder", "speech_to_text", "speecht5", "splinter", "squeezebert", "stablelm",
    "starcoder2", "superglue", "superpoint", "swiftformer", "swin", "swin2sr", "swinv2", "switch_transformers", "t5",
    "t5gemma", "table-transformer", "tapas", "textnet", "time_series_transformer", "timesformer", "timm_backbone",
    "timm_wrapper", "trajectory_transformer", "transfo-xl", "transformer_program", "trocr", "tvlt", "tvp", "udop",
    "umt5", "unispeech", "unispeech-sat", "univnet", "upernet", "van", "video_llava", "videomae", "vilt", "vipllava",
    "vision-encoder-decoder", "vision-text-dual-encoder", "visual_bert", "vit", "vit_hybrid", "vit_mae", "vit_msn",
    "vitdet", "vitmatte", "vitpose", "vitpose_backbone", "vits", "vivit", "vjepa2", "voxtral", "wav2vec2",
    "wav2vec2-bert", "wav2vec2-conformer", "wavlm", "whisper", "x_clip", "xglm", "xlm", "xlm-prophetnet",
    "xlm-roberta", "xlm-roberta-xl", "xlnet", "xlstm", "xmod", "yolos", "yoso", "zamba", "zamba2", "zoedepth",
};

/// Families whose configuration always states width, depth and heads under these names.
constexpr std::string_view kStatesSizes[] = {
    "albert", "beit", "bert", "big_bird", "cohere2", "deberta-v2", "deit", "dinov2", "dinov3_vit", "electra",
    "falcon", "gemma", "gemma2", "gemma3_text", "glm4", "gpt_neox", "gpt_oss", "granite", "llama", "mistral",
    "mixtral", "modernbert", "mpnet", "nomic_bert", "olmo2", "olmoe", "opt", "phi", "phi3", "qwen2", "qwen2_moe",
    "qwen3", "qwen3_moe", "roberta", "smollm3", "stablelm", "starcoder2", "vit", "vit_mae", "wav2vec2",
};

constexpr std::string_view kActivations[] = {
    "gelu", "gelu_10", "gelu_accurate", "gelu_fast", "gelu_new", "gelu_python", "gelu_python_tanh", "gelu_pytorch_tanh",
    "geglu", "glu", "laplace", "leaky_relu", "linear", "mish", "prelu", "quick_gelu", "reglu", "relu", "relu2", "relu6",
    "sigmoid", "silu", "softplus", "sqrelu", "squared_relu", "swiglu", "swish", "tanh", "xielu",
};
constexpr std::string_view kLayerTypes[] = {
    "attention",
    "chunked_attention",
    "conv",
    "dense",
    "full_attention",
    "hybrid",
    "linear_attention",
    "mamba",
    "mamba2",
    "mlp",
    "moe",
    "recurrent",
    "sliding_attention",
    "sparse",
};
constexpr std::string_view kRopeTypes[] = {
    "axial", "default", "dynamic", "linear", "llama3", "longrope", "mrope", "proportional", "su", "yarn",
};
constexpr std::string_view kDtypes[] = {
    "bfloat16",    "float", "float16", "float32", "float64", "float8_e4m3fn",
    "float8_e5m2", "half",  "int8",    "uint8",   "auto",
};
constexpr std::string_view kQuantisations[] = {
    "aqlm", "auto-round", "awq", "bitnet", "bitsandbytes", "compressed-tensors", "eetq", "fbgemm_fp8", "fp8", "gptq",
    "higgs", "hqq", "mxfp4", "quanto", "quark", "spqr", "torchao", "vptq",
};

/// A size key, its limit, and whether 0 means "none".
struct SizeRule {
  std::string_view key;
  std::uint64_t limit;
  bool may_be_zero = false;
};

constexpr std::uint64_t kMaxWidth = 1U << 20, kMaxLayers = 10'000, kMaxHeads = 1U << 14, kMaxVocabulary = 1U << 26,
                        kMaxPositions = 1U << 30, kMaxExperts = 1U << 14, kMaxChannels = 4096, kMaxImage = 1U << 16;

constexpr SizeRule kSizes[] = {
    {"hidden_size", kMaxWidth}, {"n_embd", kMaxWidth}, {"d_model", kMaxWidth}, {"word_embed_proj_dim", kMaxWidth},
    {"num_hidden_layers", kMaxLayers}, {"n_layer", kMaxLayers}, {"n_layers", kMaxLayers}, {"num_layers", kMaxLayers},
    {"encoder_layers", kMaxLayers, true}, {"decoder_layers", kMaxLayers, true},
    {"num_attention_heads", kMaxHeads}, {"n_head", kMaxHeads}, {"n_heads", kMaxHeads},
    {"encoder_attention_heads", kMaxHeads}, {"decoder_attention_heads", kMaxHeads}, {"num_key_value_heads", kMaxHeads},
    {"vocab_size", kMaxVocabulary}, {"type_vocab_size", kMaxVocabulary, true},
    {"intermediate_size", 1U << 24}, {"ffn_dim", 1U << 24}, {"d_ff", 1U << 24}, {"n_inner", 1U << 24},
    {"encoder_ffn_dim", 1U << 24}, {"decoder_ffn_dim", 1U << 24}, {"moe_intermediate_size", 1U << 24},
    {"max_position_embeddings", kMaxPositions}, {"n_positions", kMaxPositions}, {"n_ctx", kMaxPositions},
    {"head_dim", 1U << 14}, {"d_kv", 1U << 14}, {"state_size", 1U << 16},
    {"sliding_window", kMaxPositions, true}, {"num_channels", kMaxChannels}, {"in_chans", kMaxChannels},
    {"embed_dim", kMaxWidth}, {"num_register_tokens", kMaxPositions, true}, {"num_labels", kMaxVocabulary, true},
    {"encoder_stride", kMaxImage}, {"original_max_position_embeddings", kMaxPositions},
};

/// Shares of something, from 0 to 1.
constexpr std::string_view kShares[] = {
    "attention_dropout", "attention_probs_dropout_prob", "classifier_dropout", "drop_path_rate", "dropout", "dropout_rate",
    "embd_pdrop", "embedding_dropout", "hidden_dropout", "hidden_dropout_prob", "mlp_dropout", "partial_rotary_factor",
    "resid_pdrop", "rotary_pct",
};

template <std::size_t N>
bool among(const std::string_view (&table)[N], std::string_view name) {
  return std::find(std::begin(table), std::end(table), name) != std::end(table);
}

/// A whole number from 0 up.
std::optional<std::uint64_t> natural(const json& value) {
  if (!value.is_number_integer()) return std::nullopt;
  if (!value.is_number_unsigned() && value.get<std::int64_t>() < 0) return std::nullopt;
  return value.get<std::uint64_t>();
}

std::string shown(const json& value) {
  return printable(value.dump(-1, ' ', false, json::error_handler_t::replace), 48);
}

/// One configuration object; nested ones get a checker of their own.
class ConfigChecker {
 public:
  ConfigChecker(const json& config, std::string prefix, std::vector<std::string>& warnings)
      : config_(config), prefix_(std::move(prefix)), warnings_(warnings) {}

  Status check_name(const ConfigCheckOptions& options) {
    const json* type = at("model_type");
    const json* classes = at("architectures");
    if (type != nullptr && !type->is_string())
      return refuse("model_type", fmt::format("is {}, expected a name", shown(*type)));
    if (type == nullptr) {
      const bool named =
          (classes != nullptr && classes->is_array() && !classes->empty() && (*classes)[0].is_string()) ||
          text("architecture") || text("_class_name") || !options.named_elsewhere.empty();
      if (named) return {};
      return fail(ErrorCode::FileFormat,
                  "expected model_type, architectures or architecture to say which model it is, it has none");
    }
    const auto& name = type->get_ref<const std::string&>();
    const bool word = !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](unsigned char c) {
      return std::isalnum(c) != 0 || c == '_' || c == '-' || c == '.';
    });
    if (!word) return refuse("model_type", fmt::format("is {}, expected a plain name", shown(*type)));
    const auto& more = options.more_model_types;
    const bool known = among(kModelTypes, name) || std::find(more.begin(), more.end(), name) != more.end();
    if (!known && options.named_elsewhere.empty())
      return refuse("model_type",
                    fmt::format("'{}' is no architecture that is known{}", name,
                                at("auto_map") != nullptr ? "; its auto_map asks for code, which is never run" : ""),
                    ErrorCode::Unsupported);
    if (at("auto_map") != nullptr) warn("auto_map asks for code from elsewhere, which is never run");
    states_sizes_ = among(kStatesSizes, name);
    needs_stages_ = name == "swin" || name == "swinv2";
    return {};
  }

  Status check_values() {
    for (const char* key : {"hidden_size", "num_hidden_layers", "num_attention_heads"})
      if (states_sizes_ && at(key) == nullptr) return refuse(key, "is missing");
    if (states_sizes_ && at("max_position_embeddings") != nullptr)
      for (const char* key : {"vocab_size", "intermediate_size"})
        if (!config_.contains(key) && !states_width_elsewhere(key)) warn(fmt::format("{} is missing", key));
    for (const SizeRule& rule : kSizes) VITRINE_CHECK(size(rule));
    VITRINE_CHECK(heads());
    VITRINE_CHECK(numbers());
    VITRINE_CHECK(names());
    VITRINE_CHECK(token_ids());
    VITRINE_CHECK(rope("rope_scaling"));
    VITRINE_CHECK(rope("rope_parameters"));
    VITRINE_CHECK(layer_types());
    VITRINE_CHECK(experts());
    VITRINE_CHECK(vision());
    VITRINE_CHECK(stages());
    return nested();
  }

 private:
  [[nodiscard]] tl::unexpected<Error> refuse(std::string_view key, std::string_view what,
                                             ErrorCode code = ErrorCode::FileFormat) const {
    return fail(code, fmt::format("{}{} {}", prefix_, key, what));
  }
  void warn(std::string what) { warnings_.push_back(prefix_ + std::move(what)); }

  /// The value of a key; nullptr if it is absent or null.
  [[nodiscard]] const json* at(std::string_view key) const {
    const auto found = config_.find(std::string(key));
    return found == config_.end() || found->is_null() ? nullptr : &*found;
  }
  [[nodiscard]] const std::string* text(std::string_view key) const {
    const json* value = at(key);
    return value != nullptr && value->is_string() ? value->get_ptr<const std::string*>() : nullptr;
  }
  /// A whole number that `size` has accepted.
  [[nodiscard]] std::optional<std::uint64_t> whole(std::string_view key) const {
    const json* value = at(key);
    return value == nullptr ? std::nullopt : natural(*value);
  }
  /// Several stages, each with sizes of its own: lists stand where others have a number.
  [[nodiscard]] bool staged() const {
    return at("depths") != nullptr || at("hidden_sizes") != nullptr || at("num_encoder_blocks") != nullptr ||
           at("depth") != nullptr;
  }

  [[nodiscard]] bool states_width_elsewhere(std::string_view key) const {
    if (key != "intermediate_size") return false;
    return at("n_inner") != nullptr || at("ffn_dim") != nullptr || at("ffn_hidden_size") != nullptr ||
           at("moe_intermediate_size") != nullptr;
  }
  /// A flag for each stage.
  static bool all_flags(const json& list) {
    return std::all_of(list.begin(), list.end(), [](const json& flag) { return flag.is_boolean(); });
  }

  Status one_size(std::string_view key, const json& value, std::uint64_t limit, bool may_be_zero) const {
    const auto number = natural(value);
    if (!number || (!may_be_zero && *number == 0))
      return refuse(key, fmt::format("is {}, expected a positive whole number", shown(value)));
    if (*number > limit)
      return refuse(key, fmt::format("is {}, above the limit of {}", shown(value), limit), ErrorCode::FileLimit);
    return {};
  }

  Status size(const SizeRule& rule) {
    const auto found = config_.find(std::string(rule.key));
    if (found == config_.end()) return {};
    if (found->is_null()) {
      const bool needed = rule.key == "hidden_size" || rule.key == "num_hidden_layers" ||
                          rule.key == "num_attention_heads" || rule.key == "vocab_size" ||
                          rule.key == "intermediate_size";
      if (states_sizes_ && needed) return refuse(rule.key, "is null, expected a positive whole number");
      if (states_sizes_ && rule.key == "max_position_embeddings")
        warn("max_position_embeddings is null: the length limit is unknown");
      return {};
    }
    if (found->is_array() && staged() && rule.key != "vocab_size") {
      for (const json& n : *found) VITRINE_CHECK(one_size(rule.key, n, rule.limit, true));
      return {};
    }
    if (rule.key == "num_hidden_layers" && !states_sizes_ && *found == 0 && found->is_number_integer()) {
      warn("num_hidden_layers is 0: the depth stands elsewhere");
      return {};
    }
    return one_size(rule.key, *found, rule.limit, rule.may_be_zero);
  }

  Status heads() const {
    const auto width = whole("hidden_size"), heads = whole("num_attention_heads");
    if (heads && *heads != 0) {
      const auto kv = whole("num_key_value_heads");
      if (kv && (*kv == 0 || *heads % *kv != 0))
        return refuse("num_attention_heads",
                      fmt::format("{} is not a multiple of num_key_value_heads {}", *heads, *kv));
      const bool own_size = at("head_dim") != nullptr || at("attention_head_size") != nullptr ||
                            at("d_kv") != nullptr || at("attention_head_dim") != nullptr ||
                            at("qk_nope_head_dim") != nullptr || at("kv_channels") != nullptr ||
                            at("attention_hidden_size") != nullptr;
      if (width && !own_size && *width % *heads != 0)
        return refuse("hidden_size", fmt::format("{} is not a multiple of num_attention_heads {}", *width, *heads));
    }
    const auto embed = whole("n_embd"), head = whole("n_head");
    if (embed && head && *head != 0 && *embed % *head != 0)
      return refuse("n_embd", fmt::format("{} is not a multiple of n_head {}", *embed, *head));
    const auto head_dim = whole("head_dim");
    const bool rotary =
        at("rope_theta") != nullptr || at("rope_parameters") != nullptr || at("rope_scaling") != nullptr;
    if (head_dim && *head_dim % 2 != 0 && rotary && at("partial_rotary_factor") == nullptr)
      return refuse("head_dim", fmt::format("{} is odd, rotary positions (rope) need pairs", *head_dim));
    return {};
  }

  Status positive(std::string_view key, const json& value, bool zero_warns) {
    const auto number = json_number(value);
    if (!number || !std::isfinite(*number) || *number < 0 || (*number == 0 && !zero_warns))
      return refuse(key, fmt::format("is {}, expected a positive finite number", shown(value)));
    if (*number == 0) warn(fmt::format("{} is 0: a row of equal values will divide by zero", key));
    return {};
  }

  Status numbers() {
    for (const auto& [key, value] : config_.items()) {
      if (value.is_null()) continue;
      if (key == "eps" || key.ends_with("_eps") || key.ends_with("_epsilon")) VITRINE_CHECK(positive(key, value, true));
    }
    for (const char* key :
         {"rope_theta", "rotary_emb_base", "global_rope_theta", "local_rope_theta", "rope_local_base_freq"})
      if (const json* value = at(key)) VITRINE_CHECK(positive(key, *value, false));
    for (const std::string_view key : kShares)
      if (const json* value = at(key)) share(key, *value);
    for (const char* key : {"mlp_ratio", "initializer_range", "initializer_factor", "logit_scale_init_value"})
      if (const json* value = at(key); value != nullptr && !value->is_array()) {
        const auto number = json_number(*value);
        if (!number || !std::isfinite(*number) || (*number <= 0 && std::string_view(key) == "mlp_ratio"))
          return refuse(key, fmt::format("is {}, expected a positive finite number", shown(*value)));
        if (*number < 0) warn(fmt::format("{} is {}, expected a positive number", key, *number));
      }
    for (const char* key : {"tie_word_embeddings", "qkv_bias", "attention_bias", "mlp_bias", "is_encoder_decoder",
                            "is_decoder", "use_cache", "scale_embedding"})
      if (const json* value = at(key);
          value != nullptr && !value->is_boolean() && !(staged() && value->is_array() && all_flags(*value)))
        return refuse(key, fmt::format("is {}, expected true or false", shown(*value)));
    return {};
  }

  void share(std::string_view key, const json& value) {
    const auto number = json_number(value);
    if (!number || !(*number >= 0 && *number <= 1))
      warn(fmt::format("{} is {}, expected a number from 0 to 1", key, shown(value)));
  }

  /// What asks for code, and lists that say what a person should be told.
  void claims() {
    for (const char* key : {"custom_pipelines", "trust_remote_code"})
      if (const json* value = at(key); value != nullptr && *value != false && !(value->is_object() && value->empty()))
        warn(fmt::format("{} asks for code from elsewhere, which is never run", key));
    if (const json* classes = at("architectures")) {
      const bool names = classes->is_array() && !classes->empty() &&
                         std::all_of(classes->begin(), classes->end(), [](const json& name) {
                           return name.is_string() && is_class_name(name.get_ref<const std::string&>());
                         });
      if (!names) warn(fmt::format("architectures is {}, expected a list of class names", shown(*classes)));
      else if (classes->size() > 1)
        warn(fmt::format("architectures names {} classes, the first is meant", classes->size()));
    }
    if (const std::string* path = text("_name_or_path"); path != nullptr && path->find("..") != std::string::npos)
      warn(fmt::format("_name_or_path '{}' goes up, it is not followed", printable(*path, 64)));
    labels("id2label");
    labels("label2id");
  }

  static bool is_class_name(std::string_view name) {
    return !name.empty() && name.size() <= 128 &&
           std::all_of(name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; });
  }

  /// Numbers to names, or names to numbers.
  void labels(const char* key) {
    const json* map = at(key);
    if (map == nullptr) return;
    bool whole = map->is_object();
    if (whole)
      for (const auto& [name, value] : map->items()) {
        const std::string number = std::string_view(key) == "id2label" ? name
                                   : value.is_string()                 ? value.get<std::string>()
                                                                       : value.dump();
        whole = whole && number.size() <= 9 &&
                std::all_of(number.begin(), number.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
      }
    if (!whole) warn(fmt::format("{} is {}, expected an object that pairs class numbers with names", key, shown(*map)));
  }

  Status names() {
    claims();
    for (const char* key : {"hidden_act", "hidden_activation", "activation_function", "act_fn"}) {
      const json* value = at(key);
      if (value == nullptr) continue;
      if (!value->is_string() || !among(kActivations, value->get_ref<const std::string&>()))
        return refuse(key, fmt::format("is {}, which is no known activation", shown(*value)), ErrorCode::Unsupported);
    }
    for (const char* key : {"dtype", "torch_dtype"}) {
      const std::string* name = text(key);
      if (name == nullptr && at(key) != nullptr && !at(key)->is_object())
        warn(fmt::format("{} is {}, expected the name of a type of numbers", key, shown(*at(key))));
      if (name == nullptr) continue;
      const std::string_view bare = name->starts_with("torch.") ? std::string_view(*name).substr(6) : *name;
      if (!among(kDtypes, bare)) warn(fmt::format("{} '{}' is no known type of numbers", key, printable(*name)));
    }
    if (const json* quantisation = at("quantization_config")) {
      const std::string method = quantisation->is_object() ? quantisation->value("quant_method", json("")).dump() : "";
      const std::string_view bare = method.size() > 1 ? std::string_view(method).substr(1, method.size() - 2) : "";
      if (!among(kQuantisations, bare))
        warn(fmt::format("quantization_config asks for the unknown method '{}'", printable(bare)));
      else warn(fmt::format("quantization_config: weights are stored as {}", bare));
    }
    return {};
  }

  Status token_ids() {
    const auto vocabulary = whole("vocab_size");
    for (const char* key : {"bos_token_id", "eos_token_id", "pad_token_id", "decoder_start_token_id"}) {
      const json* value = at(key);
      if (value == nullptr) continue;
      const json list = value->is_array() ? *value : json::array({*value});
      for (const json& id : list) {
        const bool unused = std::string_view(key) == "pad_token_id" && id == -1;
        const auto number = natural(id);
        const bool fits = number && (!vocabulary || *number < *vocabulary);
        if (!fits && !unused) {
          warn(fmt::format("{} {} is outside of the vocabulary", key, shown(id)));
          break;
        }
      }
    }
    return {};
  }

  Status rope(const char* key) {
    const json* value = at(key);
    if (value == nullptr) return {};
    if (!value->is_object()) return refuse(key, fmt::format("is {}, expected an object", shown(*value)));
    bool by_layer_type = !value->empty();
    for (const auto& [name, part] : value->items())
      by_layer_type = by_layer_type && (part.is_object() || part.is_null());
    if (!by_layer_type) return rope_entry(key, *value);
    for (const auto& [name, part] : value->items())
      if (part.is_object()) VITRINE_CHECK(rope_entry(fmt::format("{}.{}", key, printable(name)), part));
    return {};
  }

  Status rope_entry(const std::string& key, const json& rope) {
    const json* type = rope.contains("rope_type") ? &rope["rope_type"]
                       : rope.contains("type")    ? &rope["type"]
                                                  : nullptr;
    const std::string name = type != nullptr && type->is_string() ? type->get<std::string>() : "default";
    if (type != nullptr && (!type->is_string() || !among(kRopeTypes, name)))
      return refuse(key, fmt::format("asks for the rope type {}, which is not known", shown(*type)),
                    ErrorCode::Unsupported);
    if (rope.contains("rope_theta")) VITRINE_CHECK(positive(key + ".rope_theta", rope["rope_theta"], false));
    const bool needs_factor = name == "linear" || name == "dynamic" || name == "yarn" || name == "llama3";
    if (needs_factor && !rope.contains("factor")) return refuse(key, fmt::format("of type {} has no factor", name));
    if (needs_factor || (rope.contains("factor") && !rope["factor"].is_null()))
      VITRINE_CHECK(positive(key + ".factor", rope["factor"], false));
    if (type == nullptr && rope.contains("factor"))
      return refuse(key, "has a factor and no rope_type to say how it is used");
    if (rope.contains("factor") && rope["factor"].is_number() && rope["factor"].get<double>() < 1)
      warn(fmt::format("{}.factor {} is below 1: positions are spread instead of pressed together", key,
                       rope["factor"].get<double>()));
    for (const char* other : {"low_freq_factor", "high_freq_factor", "original_max_position_embeddings"}) {
      if (name == "llama3" && !rope.contains(other)) return refuse(key, fmt::format("of type llama3 has no {}", other));
      if (name == "llama3" || (rope.contains(other) && !rope[other].is_null()))
        VITRINE_CHECK(positive(fmt::format("{}.{}", key, other), rope[other], false));
    }
    if (name == "llama3" && *json_number(rope["low_freq_factor"]) >= *json_number(rope["high_freq_factor"]))
      return refuse(key, fmt::format(": low_freq_factor {} is not below high_freq_factor {}",
                                     shown(rope["low_freq_factor"]), shown(rope["high_freq_factor"])));
    for (const char* list : {"short_factor", "long_factor"}) {
      if (!rope.contains(list)) {
        if (name == "longrope" || name == "su") return refuse(key, fmt::format("of type {} has no {}", name, list));
        continue;
      }
      VITRINE_CHECK(rope_factors(key, list, rope));
    }
    return {};
  }

  Status rope_factors(const std::string& key, const char* list, const json& rope) const {
    const json& factors = rope[list];
    if (!factors.is_array()) return refuse(key, fmt::format(": {} is {}, expected a list", list, shown(factors)));
    for (const json& factor : factors) {
      const auto number = json_number(factor);
      if (!number || !std::isfinite(*number) || *number <= 0)
        return refuse(key, fmt::format(": {} holds {}, expected positive finite numbers", list, shown(factor)));
    }
    const auto width = whole("hidden_size"), heads = whole("num_attention_heads"), own = whole("head_dim");
    if (at("qk_rope_head_dim") != nullptr || (!own && (!width || !heads || *heads == 0))) return {};
    double head = static_cast<double>(own ? *own : *width / *heads);
    const json* partial =
        rope.contains("partial_rotary_factor") ? &rope["partial_rotary_factor"] : at("partial_rotary_factor");
    if (partial != nullptr && partial->is_number()) head *= partial->get<double>();
    const auto pairs = static_cast<std::size_t>(head) / 2;
    if (factors.size() != pairs)
      return refuse(key,
                    fmt::format(": {} has {} factors, a head of {} has {} pairs", list, factors.size(), head, pairs));
    return {};
  }

  Status layer_types() const {
    const json* types = at("layer_types");
    if (types == nullptr) return {};
    if (!types->is_array()) return refuse("layer_types", fmt::format("is {}, expected a list", shown(*types)));
    for (const json& type : *types)
      if (!type.is_string() || !among(kLayerTypes, type.get_ref<const std::string&>()))
        return refuse("layer_types", fmt::format("holds {}, which is no known type of layer", shown(type)),
                      ErrorCode::Unsupported);
    const auto layers = whole("num_hidden_layers");
    if (layers && types->size() != *layers)
      return refuse("layer_types",
                    fmt::format("has {} entries for {} layers (num_hidden_layers)", types->size(), *layers));
    return {};
  }

  Status experts() const {
    const json* chosen = at("num_experts_per_tok");
    if (chosen != nullptr) VITRINE_CHECK(one_size("num_experts_per_tok", *chosen, kMaxExperts, true));
    for (const char* key : {"num_local_experts", "num_experts", "n_routed_experts"}) {
      const json* count = at(key);
      if (count == nullptr) continue;
      // A dense member of a family of mixtures says 0 of 0.
      const bool dense = chosen == nullptr || *chosen == 0;
      VITRINE_CHECK(one_size(key, *count, kMaxExperts, dense));
      if (chosen != nullptr && *chosen > *count)
        return refuse("num_experts_per_tok",
                      fmt::format("{} is more than the {} experts of {}", shown(*chosen), shown(*count), key));
    }
    return {};
  }

  /// One number or [height, width], each within the limit.
  Status extent(std::string_view key, std::uint64_t limit, std::uint64_t& smallest) const {
    const json* value = at(key);
    smallest = 0;
    if (value == nullptr) return {};
    if (value->is_array() && !staged() && (value->size() < 2 || value->size() > 3))
      return refuse(key, fmt::format("is {}, expected a number or [height, width]", shown(*value)));
    const json list = value->is_array() ? *value : json::array({*value});
    for (const json& n : list) {
      if (!n.is_array()) VITRINE_CHECK(one_size(key, n, limit, staged() && value->is_array()));
      if (const auto number = natural(n)) smallest = smallest == 0 ? *number : std::min(smallest, *number);
    }
    return {};
  }

  Status vision() {
    std::uint64_t image = 0, patch = 0;
    for (const char* key : {"image_size", "patch_size", "num_channels"})
      if (const auto found = config_.find(key); found != config_.end() && found->is_null() && states_sizes_)
        return refuse(key, "is null, expected a positive whole number");
    VITRINE_CHECK(extent("image_size", kMaxImage, image));
    VITRINE_CHECK(extent("patch_size", kMaxImage, patch));
    if (image == 0 || patch == 0) return {};
    if (patch > image) return refuse("patch_size", fmt::format("{} is larger than image_size {}", patch, image));
    if (image % patch != 0 && at("patch_size")->is_number())
      warn(fmt::format("patch_size {} does not divide image_size {}: the last rows and columns are not seen", patch,
                       image));
    return {};
  }

  Status stages() const {
    const json* window = at("window_size");
    const bool several = window != nullptr && (window->is_number() || window->is_array());
    if (at("depths") != nullptr && window != nullptr && !several)
      return refuse("window_size", fmt::format("is {}, expected a positive whole number", shown(*window)));
    if (window != nullptr && window->is_number()) VITRINE_CHECK(one_size("window_size", *window, kMaxImage, false));
    const json* depths = at("depths");
    if (depths == nullptr && needs_stages_)
      return refuse("depths", "is missing, expected a list with the number of blocks of each stage");
    if (depths == nullptr || (depths->is_number() && !needs_stages_)) return {};
    if (!depths->is_array() || depths->empty())
      return refuse("depths",
                    fmt::format("is {}, expected a list with the number of blocks of each stage", shown(*depths)));
    if (depths->size() > 32)
      return refuse("depths", fmt::format("has {} stages, above the limit of 32", depths->size()),
                    ErrorCode::FileLimit);
    for (const json& depth : *depths)
      if (!depth.is_array() || needs_stages_) VITRINE_CHECK(one_size("depths", depth, kMaxLayers, !needs_stages_));
    return stage_heads(*depths);
  }

  /// Heads of each stage; those of a Swin divide the width, which doubles from stage to stage.
  Status stage_heads(const json& depths) const {
    const json* heads = at("num_heads");
    if (heads == nullptr)
      return needs_stages_ ? Status(refuse("num_heads", "is missing, expected a list with the heads of each stage"))
                           : Status{};
    if (heads->is_array() && heads->size() != depths.size())
      return refuse("num_heads", fmt::format("has {} stages, depths has {}", heads->size(), depths.size()));
    if (!needs_stages_) return {};
    if (!heads->is_array())
      return refuse("num_heads", fmt::format("is {}, expected a list with the heads of each stage", shown(*heads)));
    std::uint64_t width = whole("embed_dim").value_or(0);
    if (width == 0) return refuse("embed_dim", "is missing, expected the width of the first stage");
    for (const json& count : *heads) {
      VITRINE_CHECK(one_size("num_heads", count, kMaxHeads, false));
      if (width % count.get<std::uint64_t>() != 0)
        return refuse("num_heads",
                      fmt::format("{} does not divide the width {} of its stage (embed_dim)", shown(count), width));
      width *= 2;
    }
    return {};
  }

  Status nested() {
    for (const auto& [key, value] : config_.items()) {
      const bool part =
          value.is_object() && (value.contains("model_type") || key == "text_config" || key == "vision_config");
      if (!part || key == "quantization_config" || key == "task_specific_params") continue;
      if (++depth_ > 64) return refuse(key, "is one of more than 64 nested configurations", ErrorCode::FileLimit);
      VITRINE_CHECK(ConfigChecker(value, prefix_ + printable(key) + ".", warnings_).check_values());
    }
    return {};
  }

  const json& config_;
  std::string prefix_;
  std::vector<std::string>& warnings_;
  bool states_sizes_ = false, needs_stages_ = false;
  int depth_ = 0;
};

}  // namespace

bool is_known_model_type(std::string_view model_type) { return among(kModelTypes, model_type); }

Result<std::vector<std::string>> check_config(const json& config, const std::string& file_name,
                                              const ConfigCheckOptions& options) {
  if (!config.is_object())
    return fail_file(ErrorCode::FileFormat, file_name,
                     fmt::format("expected a JSON object, came a {}", config.type_name()), 0);
  std::vector<std::string> warnings;
  ConfigChecker checker(config, "", warnings);
  auto status = checker.check_name(options);
  if (status) status = checker.check_values();
  if (status) return warnings;
  status.error().file = file_name;
  return tl::unexpected(std::move(status.error()));
}

}  // namespace vitrine::engine
