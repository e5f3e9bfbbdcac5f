#include <algorithm>
#include <array>
#include <cmath>
#include <unordered_set>

#include <fmt/format.h>

#include "engine/io/bytes.h"
#include "engine/io/gguf.h"

namespace vitrine::engine {
namespace {

using nlohmann::json;

/// `general.architecture` names that GGUF files of models carry.
constexpr std::string_view kArchitectures[] = {
    "arctic", "baichuan", "bert", "bitnet", "bloom", "chameleon", "chatglm", "clip", "codeshell", "cohere2",
    "command-r", "dbrx", "deci", "deepseek", "deepseek2", "dots1", "dream", "ernie4_5", "ernie4_5-moe", "exaone",
    "exaone4", "falcon", "falcon-h1", "gemma", "gemma-embedding", "gemma2", "gemma3", "gemma3n", "glm4", "glm4moe",
    "gpt-oss", "gpt2", "gptj", "gptneox", "granite", "granitehybrid", "granitemoe", "grok", "hunyuan-dense",
    "hunyuan-moe", "internlm2", "jais", "jamba", "jina-bert-v2", "jina-bert-v3", "lfm2", "lfm2moe", "llada", "llama",
    "llama4", "mamba", "mamba2", "minicpm", "minicpm3", "mistral3", "mpt", "nemotron", "nemotron_h", "neo-bert",
    "nomic-bert", "nomic-bert-moe", "olmo", "olmo2", "olmoe", "openelm", "orion", "phi2", "phi3", "phimoe", "plamo",
    "plamo2", "plm", "qwen", "qwen2", "qwen2moe", "qwen2vl", "qwen3", "qwen3moe", "qwen3next", "qwen3vl", "qwen3vlmoe",
    "refact", "rwkv6", "rwkv6qwen2", "rwkv7", "seed_oss", "smallthinker", "smollm3", "stablelm", "starcoder",
    "starcoder2", "t5", "t5encoder", "vit", "wavtokenizer-dec", "xverse",
};

/// Checks one file's metadata; the first thing that cannot be lived with ends it.
class GgufChecker {
 public:
  GgufChecker(const json& metadata, const std::vector<TensorEntry>& tensors) : metadata_(metadata), tensors_(tensors) {}

  Result<std::vector<std::string>> check() {
    VITRINE_CHECK(split());
    if (tensors_.empty()) warn("the file holds no tensor");
    VITRINE_CHECK(architecture());
    if (!architecture_.empty()) VITRINE_CHECK(hyperparameters());
    VITRINE_CHECK(vocabulary());
    return std::move(warnings_);
  }

 private:
  static tl::unexpected<Error> refuse(std::string message) { return fail(ErrorCode::FileFormat, std::move(message)); }
  void warn(std::string what) { warnings_.push_back(std::move(what)); }
  [[nodiscard]] const json* at(const std::string& key) const {
    const auto found = metadata_.find(key);
    return found == metadata_.end() ? nullptr : &*found;
  }

  Status architecture() {
    const json* value = at("general.architecture");
    if (value == nullptr) {
      warn("no general.architecture: the file does not say which model it is");
      return {};
    }
    if (!value->is_string())
      return refuse(fmt::format("expected general.architecture to be a string, came a {}", value->type_name()));
    const auto& name = value->get_ref<const std::string&>();
    if (std::find(std::begin(kArchitectures), std::end(kArchitectures), name) == std::end(kArchitectures))
      warn(fmt::format("general.architecture '{}' is no model that is known", printable(name)));
    else architecture_ = name;
    return {};
  }

  /// A whole number or a list of them, one a layer, each from `low` to `high`; 0 if the key is absent.
  Result<std::uint64_t> size(const std::string& key, std::uint64_t low, std::uint64_t high) {
    const std::string full = architecture_ + "." + key;
    const json* value = at(full);
    if (value == nullptr) return std::uint64_t{0};
    const auto one = [&](const json& n) -> Result<std::uint64_t> {
      const bool fits = n.is_number_integer() && n.get<double>() >= 0 && n.get<std::uint64_t>() <= high;
      if (!fits || n.get<std::uint64_t>() < low)
        return refuse(
            fmt::format("{} is {}, expected a whole number from {} to {}", full, printable(n.dump(), 40), low, high));
      return n.get<std::uint64_t>();
    };
    if (!value->is_array()) return one(*value);
    std::uint64_t most = 0;
    for (const json& n : *value) {
      if (n.is_number_integer() && n == 0) continue;
      VITRINE_TRY(const auto size, one(n));
      most = std::max(most, size);
    }
    return most;
  }

  /// A file that is one part of several says which, in whole numbers.
  Status split() const {
    for (const char* key : {"split.no", "split.count", "split.tensors.count"}) {
      const json* value = at(key);
      if (value != nullptr && !(value->is_number_integer() && value->get<double>() >= 0))
        return refuse(fmt::format("{} is {}, expected a whole number from 0", key, number_text(*value)));
    }
    return {};
  }

  /// One number for each layer where a list stands.
  Status per_layer(const char* key, std::uint64_t layers) const {
    const std::string full = architecture_ + "." + key;
    const json* value = at(full);
    if (value != nullptr && value->is_array() && value->size() != layers)
      return refuse(fmt::format("{} has {} entries for {} layers (block_count)", full, value->size(), layers));
    return {};
  }

  /// Numbers that scale something; 0 stands for "not used" in some exporters' files.
  Status scales(const std::string& prefix) {
    for (const char* key : {"rope.freq_base", "rope.freq_base_swa", "rope.scaling.factor", "rope.scaling.attn_factor"}) {
      const json* value = at(prefix + key);
      if (value == nullptr) continue;
      if (!value->is_number() || !std::isfinite(value->get<double>()) || value->get<double>() < 0)
        return refuse(fmt::format("{}{} is {}, expected a positive finite number", prefix, key, number_text(*value)));
      if (*value == 0) warn(fmt::format("{}{} is 0, expected a positive number", prefix, key));
    }
    const json* type = at(prefix + "rope.scaling.type");
    if (type != nullptr && !type->is_string())
      return refuse(fmt::format("{}rope.scaling.type is {}, expected a name", prefix, number_text(*type)));
    VITRINE_CHECK(size("rope.scaling.original_context_length", 0, std::uint64_t{1} << 40));
    VITRINE_CHECK(size("attention.sliding_window", 0, std::uint64_t{1} << 40));
    VITRINE_CHECK(size("attention.value_length", 1, 1U << 16));
    VITRINE_TRY(const auto experts, size("expert_count", 0, 1U << 14));
    VITRINE_TRY(const auto used, size("expert_used_count", 0, 1U << 14));
    if (used > experts)
      return refuse(fmt::format("{}expert_used_count {} is more than expert_count {}", prefix, used, experts));
    return {};
  }

  Status hyperparameters() {
    const std::string prefix = architecture_ + ".";
    bool stated = false;
    for (const auto& [key, value] : metadata_.items()) stated = stated || key.starts_with(prefix);
    if (!stated || architecture_ == "clip") return {};
    for (const char* key : {"block_count", "embedding_length"}) {
      const json* value = at(prefix + key);
      if (value == nullptr) return refuse(fmt::format("{}{} is missing", prefix, key));
      if (value->is_array()) return refuse(fmt::format("{}{} is a list, expected one whole number", prefix, key));
    }
    VITRINE_TRY(const auto layers, size("block_count", 1, 10'000));
    VITRINE_TRY(const auto width, size("embedding_length", 1, 1U << 20));
    VITRINE_CHECK(size("feed_forward_length", 1, 1U << 24));
    VITRINE_CHECK(size("vocab_size", 1, 1U << 26));
    VITRINE_TRY(const auto context, size("context_length", 0, std::uint64_t{1} << 40));
    if (context == 0 && at(prefix + "context_length") != nullptr)
      warn(prefix + "context_length is 0: the length limit is unknown");
    VITRINE_CHECK(heads(prefix, width));
    for (const char* key : {"attention.layer_norm_epsilon", "attention.layer_norm_rms_epsilon"}) {
      const json* value = at(prefix + key);
      if (value != nullptr && !(value->is_number() && std::isfinite(value->get<double>()) && value->get<double>() >= 0))
        return refuse(fmt::format("{}{} is {}, expected a positive finite number", prefix, key, number_text(*value)));
    }
    for (const TensorEntry& entry : tensors_)
      if (entry.name == "token_embd.weight" && static_cast<std::uint64_t>(entry.shape.back()) != width &&
          architecture_ != "gemma3n")
        return refuse(fmt::format("token_embd.weight is {} wide, {}embedding_length says {}", entry.shape.back(),
                                  prefix, width));
    for (const char* key : {"feed_forward_length", "attention.head_count", "attention.head_count_kv"})
      VITRINE_CHECK(per_layer(key, layers));
    return scales(prefix);
  }

  static std::string number_text(const json& value) {
    return value.is_number_float() ? fmt::format("{}", value.get<double>()) : printable(value.dump(), 40);
  }

  Status heads(const std::string& prefix, std::uint64_t width) {
    VITRINE_TRY(const auto heads, size("attention.head_count", 1, 1U << 16));
    if (heads == 0) return {};
    VITRINE_TRY(const auto kv, size("attention.head_count_kv", 0, 1U << 16));
    VITRINE_TRY(const auto key_length, size("attention.key_length", 1, 1U << 16));
    if (kv > heads)
      return refuse(fmt::format("{}attention.head_count_kv {} is more than head_count {}", prefix, kv, heads));
    if (kv == 0 && at(prefix + "attention.head_count_kv") != nullptr)
      warn(fmt::format("{}attention.head_count_kv is 0: a model without attention", prefix));
    if (kv != 0 && !at(prefix + "attention.head_count_kv")->is_array() && heads % kv != 0)
      return refuse(fmt::format("{}attention.head_count {} is not a multiple of head_count_kv {}", prefix, heads, kv));
    if (key_length == 0 && width % heads != 0)
      return refuse(
          fmt::format("{}embedding_length {} is not a multiple of attention.head_count {}", prefix, width, heads));
    const std::uint64_t head = key_length != 0 ? key_length : width / heads;
    VITRINE_TRY(const auto rope, size("rope.dimension_count", 0, 1U << 16));
    if (rope > head)
      return refuse(fmt::format("{}rope.dimension_count {} is more than the {} of a head", prefix, rope, head));
    if (rope % 2 != 0) return refuse(fmt::format("{}rope.dimension_count {} is odd", prefix, rope));
    return {};
  }

  Status vocabulary() {
    const json* tokens = at("tokenizer.ggml.tokens");
    if (tokens == nullptr) return {};
    if (!tokens->is_array() || (!tokens->empty() && !(*tokens)[0].is_string()))
      return refuse("expected tokenizer.ggml.tokens to be an array of strings");
    if (tokens->empty()) warn("tokenizer.ggml.tokens is empty: there is no vocabulary");
    for (const char* key : {"tokenizer.ggml.scores", "tokenizer.ggml.token_type"}) {
      const json* list = at(key);
      if (list != nullptr && (!list->is_array() || list->size() != tokens->size()))
        return refuse(
            fmt::format("{} has {} entries for {} tokens", key, list->is_array() ? list->size() : 1, tokens->size()));
    }
    if (const json* types = at("tokenizer.ggml.token_type")) VITRINE_CHECK(token_types(*types));
    VITRINE_CHECK(vocabulary_settings());
    const json* list = at("tokenizer.ggml.scores");
    if (list != nullptr && !list->empty() && !list->front().is_number())
      return refuse(fmt::format("tokenizer.ggml.scores holds a {}, expected numbers", list->front().type_name()));
    if (const json* scores = at("tokenizer.ggml.scores"))
      for (const json& score : *scores)
        if (!score.is_number() || !std::isfinite(score.get<double>())) {
          warn("tokenizer.ggml.scores holds NaN, Inf or what is no number");
          break;
        }
    special_ids(tokens->size());
    token_texts(*tokens);
    return {};
  }

  Status token_types(const json& types) {
    std::size_t unknown = 0;
    for (const json& type : types) {
      if (!type.is_number_integer())
        return refuse(fmt::format("tokenizer.ggml.token_type holds {}, expected whole numbers", number_text(type)));
      unknown += type < 1 || type > 6 ? 1 : 0;
    }
    if (unknown > 0) warn(fmt::format("tokenizer.ggml.token_type: {} tokens are of a type outside of 1 to 6", unknown));
    return {};
  }

  Status vocabulary_settings() {
    const json* merges = at("tokenizer.ggml.merges");
    if (merges != nullptr && !(merges->is_array() && (merges->empty() || merges->front().is_string())))
      return refuse("expected tokenizer.ggml.merges to be an array of strings");
    for (const char* key : {"tokenizer.ggml.model", "tokenizer.ggml.pre", "tokenizer.chat_template"})
      if (const json* value = at(key); value != nullptr && !value->is_string())
        warn(fmt::format("{} is {}, expected text", key, number_text(*value)));
    if (at("tokenizer.ggml.model") == nullptr)
      warn("tokenizer.ggml.model is missing: the kind of the tokenizer is not stated");
    for (const char* name : {"add_bos_token", "add_eos_token", "add_space_prefix", "remove_extra_whitespaces"}) {
      const json* value = at(fmt::format("tokenizer.ggml.{}", name));
      if (value != nullptr && !value->is_boolean())
        warn(fmt::format("tokenizer.ggml.{} is {}, expected true or false", name, number_text(*value)));
    }
    return {};
  }

  void special_ids(std::size_t count) {
    for (const char* name : {"bos", "eos", "unknown", "padding", "separator", "cls", "mask", "eot"}) {
      const std::string key = fmt::format("tokenizer.ggml.{}_token_id", name);
      const json* id = at(key);
      if (id != nullptr && !(id->is_number_integer() && id->get<double>() >= 0 && id->get<std::uint64_t>() < count))
        warn(fmt::format("{} {} is outside of the vocabulary of {} tokens", key, printable(id->dump(), 40), count));
    }
  }

  void token_texts(const json& tokens) {
    const json* types = at("tokenizer.ggml.token_type");
    std::unordered_set<std::string_view> seen;
    std::size_t duplicates = 0, bad_bytes = 0;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      const std::string_view text = tokens[i].get_ref<const std::string&>();
      duplicates += seen.insert(text).second ? 0 : 1;
      const bool byte = types != nullptr && (*types)[i].is_number_integer() && (*types)[i] == 6;
      const auto hex = [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F') || (c >= 'a' && c <= 'f');
      };
      if (byte && !(text.size() == 6 && text.starts_with("<0x") && text[5] == '>' && hex(text[3]) && hex(text[4])))
        ++bad_bytes;
    }
    if (duplicates > 0) warn(fmt::format("tokenizer.ggml.tokens holds {} duplicate tokens", duplicates));
    if (bad_bytes > 0) warn(fmt::format("{} byte tokens are not written <0x00> to <0xFF>", bad_bytes));
    merges(seen);
  }

  void merges(const std::unordered_set<std::string_view>& vocabulary) {
    const json* merges = at("tokenizer.ggml.merges");
    if (merges == nullptr || !merges->is_array()) return;
    std::size_t bad = 0;
    for (const json& merge : *merges) {
      const std::string_view text = merge.is_string() ? std::string_view(merge.get_ref<const std::string&>()) : "";
      const auto space = text.find(' ', 1);
      if (space == std::string_view::npos || !vocabulary.contains(text.substr(0, space)) ||
          !vocabulary.contains(text.substr(space + 1)))
        ++bad;
    }
    if (bad > 0)
      warn(fmt::format("{} of {} merges have no space or name tokens that do not exist", bad, merges->size()));
  }

  const json& metadata_;
  const std::vector<TensorEntry>& tensors_;
  std::string architecture_;
  std::vector<std::string> warnings_;
};

}  // namespace

Result<std::vector<std::string>> check_gguf_metadata(const json& metadata, const std::vector<TensorEntry>& tensors) {
  return GgufChecker(metadata, tensors).check();
}

}  // namespace vitrine::engine
