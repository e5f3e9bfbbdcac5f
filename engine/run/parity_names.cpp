#include "engine/run/parity_names.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <sstream>

namespace vitrine::engine {

namespace {

using Captures = std::map<std::string, std::string>;

struct Row {
  const char* pattern;
  const char* expression;
};

/// The names that any reference dump may use; `%` is the prefix of the tower.
constexpr std::array kCommon = {
    Row{"hidden.embed", "first_resid_pre %."},
    Row{"embeddings", "first_resid_pre %."},
    Row{"hidden.final", "hook %hook_final"},
    Row{"final_norm", "hook %hook_final"},
    Row{"features", "hook %hook_final"},
    Row{"hidden.s{s}.b{b}", "hook %stages.{s}.blocks.{b}.hook_resid_post"},
    Row{"hidden.s{s}", "stage %stages.{s}"},
    Row{"hidden.{i}", "hook %blocks.{i}.hook_resid_post"},
    Row{"mid.{i}", "hook %blocks.{i}.hook_resid_mid"},
    Row{"hidden_mid.{i}", "hook %blocks.{i}.hook_resid_mid"},
    Row{"attn.s{s}.b{b}", "pattern %stages.{s}.blocks.{b}"},
    Row{"attn.{i}", "pattern %blocks.{i}"},
    Row{"cross.{i}", "cross %blocks.{i}"},
    Row{"mix.s{s}.b{b}", "map %stages.{s}.blocks.{b}"},
    Row{"mix_values.s{s}.b{b}", "map_values %stages.{s}.blocks.{b}"},
    Row{"mix_out.s{s}.b{b}", "map_output %stages.{s}.blocks.{b}"},
    Row{"mix.{i}", "map %blocks.{i}"},
    Row{"mix_values.{i}", "map_values %blocks.{i}"},
    Row{"mix_out.{i}", "map_output %blocks.{i}"},
    Row{"geom.s{s}.b{b}", "windows %stages.{s}.blocks.{b}"},
    Row{"geom.{i}", "windows %blocks.{i}"},
    Row{"mix_mean_abs.{i}", "map %blocks.{i} | abs | mean 1"},
    Row{"logits_last", "output logits | select 1 -1"},
    Row{"logits.last", "output logits | select 1 -1"},
    Row{"logsumexp", "output logits | logsumexp 2"},
    Row{"loss_per_token", "output logits | token_loss"},
    Row{"nll", "output logits | token_loss"},
    Row{"perplexity", "output logits | token_loss | mean_all | exp"},
    Row{"mean", "hook %hook_final | masked_mean"},
    Row{"embedding", "hook %hook_final | masked_mean | normalize"},
    Row{"sentence_embedding", "hook %hook_final | masked_mean | normalize"},
    Row{"cosine", "hook %hook_final | masked_mean | normalize | gram"},
    Row{"token_embeddings", "hook %hook_final"},
    Row{"last_hidden_state", "hook %hook_final"},
    Row{"last_hidden", "hook %hook_final"},
    Row{"coding_rate", "layers attn.hook_q | coding_rate 0.01 | mean 1"},
    Row{"coding_rate_std", "layers attn.hook_q | coding_rate 0.01 | std 1"},
    Row{"nonzero", "layers hook_resid_post | nonzero"},
    Row{"coding_rate_qkv", "layers attn.hook_q | coding_rate 0.01 | permute 1 0"},
    Row{"coding_rate_mid", "layers attn.hook_q of hook_resid_mid | coding_rate 0.01 | permute 1 0"},
    Row{"nonzero_share", "layers hook_resid_post | nonzero | permute 1 0"},
    Row{"cos", "rope cos"},
    Row{"sin", "rope sin"},
    Row{"cls", "hook %hook_final | select 1 0"},
    Row{"patch_tokens", "hook %hook_final | patches"},
};

/// Tower that a component of a name stands for.
std::string tower_of(const std::string& word, const ParityModel& model) {
  static const std::map<std::string, std::string> kShort = {{"enc", "encoder."}, {"dec", "decoder."}};
  const auto it = kShort.find(word);
  const std::string prefix = it == kShort.end() ? word + "." : it->second;
  const bool known = std::any_of(model.towers.begin(), model.towers.end(),
                                 [&](const TowerInfo& tower) { return tower.prefix == prefix; });
  return known ? prefix : std::string();
}

std::vector<std::string> split(const std::string& text, char mark) {
  std::vector<std::string> words;
  std::istringstream stream(text);
  for (std::string word; std::getline(stream, word, mark);) words.push_back(word);
  return words;
}

/// Takes the tower out of a name: "attn.text.0" -> "attn.0" and "text."; "text_last_hidden" -> "last_hidden".
std::string without_tower(const std::string& name, const ParityModel& model, std::string& tower) {
  std::string rest;
  for (const std::string& word : split(name, '.')) {
    if (tower.empty()) tower = tower_of(word, model);
    if (!tower.empty() && tower_of(word, model) == tower) continue;
    rest += (rest.empty() ? "" : ".") + word;
  }
  const auto underscore = rest.find('_');
  if (tower.empty() && underscore != std::string::npos) {
    tower = tower_of(rest.substr(0, underscore), model);
    if (!tower.empty()) rest = rest.substr(underscore + 1);
  }
  return rest;
}

std::string fill(std::string text, const Captures& captures, const std::string& tower) {
  for (const auto& [name, value] : captures) {
    const std::string mark = "{" + name + "}";
    for (std::size_t at = 0; (at = text.find(mark, at)) != std::string::npos; at += value.size())
      text.replace(at, mark.size(), value);
  }
  if (const auto at = text.find('%'); at != std::string::npos) text.replace(at, 1, tower);
  return text;
}

std::string trimmed(const std::string& text) {
  const auto begin = text.find_first_not_of(' '), end = text.find_last_not_of(' ');
  return begin == std::string::npos ? std::string() : text.substr(begin, end - begin + 1);
}

ParityExpression parse(const std::string& line, const ParityModel& model) {
  ParityExpression expression;
  const auto parts = split(line, '|');
  const std::string source = trimmed(parts.empty() ? std::string() : parts[0]);
  for (std::size_t i = 1; i < parts.size(); ++i) expression.ops.push_back(trimmed(parts[i]));
  const auto space = source.find(' ');
  if (space == std::string::npos) {
    expression.kind = model.hooks.contains(source) ? "hook" : "output";
    expression.name = source;
  } else {
    expression.kind = source.substr(0, space);
    expression.name = trimmed(source.substr(space + 1));
  }
  return expression;
}

/// `codes.L0.attn.h1`, `code_in.L0.mlp`, `code_out.L2.attn.h0`.
std::optional<ParityExpression> codebook_name(const std::string& name, const ParityModel& model) {
  static const std::map<std::string, std::string> kHooks = {
      {"codes", "hook_codes"}, {"counts", "hook_codes"}, {"code_in", "hook_in"}, {"code_out", "hook_out"}};
  const auto words = split(name, '.');
  if (words.size() < 3 || !kHooks.contains(words[0]) || words[1].size() < 2 || words[1][0] != 'L') return {};
  const auto number = [](const std::string& text) {
    int value = -1;
    const auto [end, code] = std::from_chars(text.data() + 1, text.data() + text.size(), value);
    return code == std::errc{} && end == text.data() + text.size() ? value : -2;
  };
  const int layer = number(words[1]);
  const int head = words.size() > 3 && words[3].size() > 1 && words[3][0] == 'h' ? number(words[3]) : -1;
  for (const CodebookInfo& book : model.codebooks) {
    if (book.layer != layer || book.head != head) continue;
    ParityExpression expression{"hook", book.site + "." + kHooks.at(words[0]), {}, {}};
    if (words[0] == "codes") expression.ops.push_back("squeeze");
    // The first position sees nothing before it and is not counted.
    if (words[0] == "counts") expression.ops = {"slice 1 1 1000000", "histogram " + std::to_string(book.codes)};
    return expression;
  }
  return {};
}

/// `hidden.{i}` of libraries that list the embedding first.
std::string shift_hidden(const std::string& name) {
  const auto found = match_pattern("hidden.{i}", name);
  if (!found) return name;
  const std::string& text = found->at("i");
  int index = -1;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), index);
  if (code != std::errc{} || end != text.data() + text.size()) return name;
  return index == 0 ? "hidden.embed" : "hidden." + std::to_string(index - 1);
}

}  // namespace

std::optional<Captures> match_pattern(const std::string& pattern, const std::string& name) {
  Captures captures;
  std::size_t p = 0, n = 0;
  while (p < pattern.size()) {
    if (pattern[p] != '{') {
      if (n >= name.size() || pattern[p++] != name[n++]) return {};
      continue;
    }
    const std::size_t close = pattern.find('}', p);
    if (close == std::string::npos) return {};
    const std::size_t begin = n;
    while (n < name.size() && std::isdigit(static_cast<unsigned char>(name[n]))) ++n;
    if (n == begin) return {};
    captures[pattern.substr(p + 1, close - p - 1)] = name.substr(begin, n - begin);
    p = close + 1;
  }
  if (n != name.size()) return {};
  return captures;
}

std::optional<ParityExpression> resolve_parity_name(const std::string& given, const ParityModel& model) {
  const std::string name = model.hidden_counts_embedding ? shift_hidden(given) : given;
  for (const auto& [pattern, line] : model.own.items()) {
    const auto captures = match_pattern(pattern, name);
    if (captures && line.is_string()) return parse(fill(line.get<std::string>(), *captures, ""), model);
  }
  std::string tower;
  const std::string rest = without_tower(name, model, tower);
  if (auto book = codebook_name(name, model)) return book;
  // A dump of an encoder-decoder says `cross.0` of its decoder without saying so.
  if (tower.empty() && rest.starts_with("cross."))
    for (const TowerInfo& info : model.towers)
      if (!info.cross.empty()) tower = info.prefix;
  for (const Row& row : kCommon) {
    const auto captures = match_pattern(row.pattern, rest);
    if (!captures) continue;
    ParityExpression expression = parse(fill(row.expression, *captures, tower), model);
    if (expression.kind == "first_resid_pre") {
      expression.kind = "hook";
      expression.name = tower + "blocks.0.hook_resid_pre";
      if (!model.hooks.contains(expression.name)) expression.name = tower + "stages.0.blocks.0.hook_resid_pre";
    }
    expression.tower = tower;
    return expression;
  }
  return ParityExpression{"output", name, {}, tower};
}

}  // namespace vitrine::engine
