#include "engine/run/edit.h"

#include <algorithm>
#include <charconv>
#include <map>

#include <nlohmann/json.hpp>

#include "engine/io/bytes.h"

namespace vitrine::engine {

using nlohmann::json;

namespace {

constexpr std::pair<const char*, EditOp> kOps[] = {
    {"zero", EditOp::Zero}, {"mean", EditOp::Mean}, {"resample", EditOp::Resample}, {"scale", EditOp::Scale}, {"replace", EditOp::Replace},
    {"add", EditOp::Add}, {"force_code", EditOp::ForceCode}, {"force", EditOp::ForceCode}, {"drop", EditOp::Drop}, {"quantise", EditOp::Quantise}, {"quantize", EditOp::Quantise},
    {"subsample", EditOp::Subsample}};

Result<EditOp> op_named(const std::string& name) {
  for (const auto& [key, op] : kOps) if (name == key) return op;
  return fail(ErrorCode::Usage, "no edit operation '" + printable(name) + "'; there are: zero, mean, resample, scale, replace, add, force_code, drop, quantise, subsample");
}

std::string op_name(EditOp op) {
  for (const auto& [key, value] : kOps) if (value == op) return key;
  return "zero";
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> out;
  std::size_t begin = 0;
  for (;;) {
    const std::size_t end = text.find(separator, begin);
    out.push_back(text.substr(begin, end - begin));
    if (end == std::string::npos) return out;
    begin = end + 1;
  }
}

std::string trimmed(const std::string& text) {
  const auto begin = text.find_first_not_of(" \t\n"), end = text.find_last_not_of(" \t\n");
  return begin == std::string::npos ? "" : text.substr(begin, end - begin + 1);
}

/// `head:text.2.1=zero`: kind, an optional tower, numbers, operation.
Result<Edit> short_form(const std::string& piece) {
  const auto wrong = [&](const std::string& what) {
    return fail(ErrorCode::Usage, "edit '" + printable(piece) + "': " + what + "; expected for example head:5.1=zero, mlp:3=mean, attn:3=zero, layer:7=drop, neuron:4.113=zero, code:2.0.57=force");
  };
  const std::size_t colon = piece.find(':'), equals = piece.rfind('=');
  if (colon == std::string::npos || equals == std::string::npos || equals < colon) return wrong("not of the form kind:place=operation");
  const std::string kind = piece.substr(0, colon);
  Edit edit;
  std::string operation = piece.substr(equals + 1);
  if (const std::size_t open = operation.find('('); open != std::string::npos && operation.back() == ')') {
    const std::string number = operation.substr(open + 1, operation.size() - open - 2);
    if (std::from_chars(number.data(), number.data() + number.size(), edit.scale).ec != std::errc()) return wrong("'" + printable(number) + "' is not a number");
    operation.resize(open);
  }
  VITRINE_TRY(edit.op, op_named(operation));
  std::string prefix;
  std::vector<std::int64_t> numbers;
  for (const auto& part : split(piece.substr(colon + 1, equals - colon - 1), '.')) {
    std::int64_t value = 0;
    const auto [stop, error] = std::from_chars(part.data(), part.data() + part.size(), value);
    if (error == std::errc() && stop == part.data() + part.size() && value >= 0) numbers.push_back(value);
    else if (numbers.empty() && !part.empty()) prefix += part + ".";
    else return wrong("'" + printable(part) + "' is not a number");
  }
  const auto block = [&] { return prefix + "blocks." + std::to_string(numbers[0]); };
  const auto needs = [&](std::size_t n) { return numbers.size() == n; };
  if (kind == "head" && needs(2)) { edit.site = block() + ".attn.hook_z"; edit.heads = {numbers[1]}; return edit; }
  if (kind == "cross" && needs(2)) { edit.site = block() + ".cross_attn.hook_z"; edit.heads = {numbers[1]}; return edit; }
  if (kind == "neuron" && needs(2)) { edit.site = block() + ".mlp.hook_post"; edit.neurons = {numbers[1]}; return edit; }
  if (kind == "mlp" && needs(1)) { edit.site = block() + ".hook_mlp_out"; return edit; }
  if (kind == "attn" && needs(1)) { edit.site = block() + ".hook_attn_out"; return edit; }
  if (kind == "layer" && needs(1)) { edit.site = block(); return edit; }
  if (kind == "code" && needs(3)) { edit.site = block() + ".codebook." + std::to_string(numbers[1]) + ".hook_codes"; edit.codes = {numbers[2]}; edit.op = EditOp::ForceCode; return edit; }
  return wrong("no kind '" + printable(kind) + "' with " + std::to_string(numbers.size()) + " numbers");
}

Result<std::vector<std::int64_t>> indices(const json& select, const char* key) {
  auto it = select.find(key);
  if (it == select.end() || it->is_null()) return std::vector<std::int64_t>{};
  std::vector<std::int64_t> out;
  for (const auto& v : it->is_array() ? *it : json::array({*it})) {
    if (!v.is_number_integer()) return fail(ErrorCode::Usage, std::string("an edit's select.") + key + " must hold integers, came " + printable(v.dump()));
    out.push_back(v.get<std::int64_t>());
  }
  return out;
}

Result<Edit> from_object(const json& form) {
  if (!form.is_object() || !form.contains("site") || !form["site"].is_string()) return fail(ErrorCode::Usage, "an edit needs \"site\", a hook name; came " + printable(form.dump()));
  Edit edit;
  edit.site = form["site"].get<std::string>();
  if (!form.value("op", json("zero")).is_string()) return fail(ErrorCode::Usage, "an edit's \"op\" must be a name");
  VITRINE_TRY(edit.op, op_named(form.value("op", std::string("zero"))));
  const json select = form.value("select", json::object());
  if (!select.is_object()) return fail(ErrorCode::Usage, "an edit's \"select\" must be an object of head, token, neuron, code");
  VITRINE_TRY(edit.heads, indices(select, "head"));
  VITRINE_TRY(edit.tokens, indices(select, "token"));
  VITRINE_TRY(edit.neurons, indices(select, "neuron"));
  VITRINE_TRY(edit.codes, indices(select, "code"));
  for (const auto& [key, value] : select.items())
    if (key != "head" && key != "token" && key != "neuron" && key != "code") return fail(ErrorCode::Usage, "an edit selects by head, token, neuron or code, not by '" + key + "'");
  if (form.contains("value")) {
    const json& v = form["value"];
    for (const auto& x : v.is_array() ? v : json::array({v})) {
      if (!x.is_number()) return fail(ErrorCode::Usage, "an edit's \"value\" must hold numbers");
      edit.value.push_back(x.get<float>());
    }
    if (!v.is_array()) edit.scale = v.get<double>();
  }
  if (form.contains("scale") && form["scale"].is_number()) edit.scale = form["scale"].get<double>();
  if (form.contains("bits") && form["bits"].is_number_integer()) edit.bits = form["bits"].get<int>();
  if (form.contains("seed") && form["seed"].is_number_unsigned()) edit.seed = form["seed"].get<std::uint64_t>();
  return edit;
}

}  // namespace

Result<EditList> edits_from_json(const json& form) {
  EditList out;
  for (const auto& item : form.is_array() ? form : json::array({form})) {
    if (item.is_string()) {
      VITRINE_TRY(EditList more, parse_edits(item.get<std::string>()));
      out.insert(out.end(), more.begin(), more.end());
      continue;
    }
    VITRINE_TRY(Edit edit, from_object(item));
    out.push_back(std::move(edit));
  }
  return out;
}

Result<EditList> parse_edits(const std::string& text) {
  const std::string body = trimmed(text);
  if (body.empty()) return EditList{};
  if (body.front() == '[' || body.front() == '{') {
    const json form = json::parse(body, nullptr, /*allow_exceptions=*/false);
    if (form.is_discarded()) return fail(ErrorCode::Usage, "the edits are not valid JSON");
    return edits_from_json(form);
  }
  EditList out;
  for (const auto& piece : split(body, ',')) {
    VITRINE_TRY(Edit edit, short_form(trimmed(piece)));
    out.push_back(std::move(edit));
  }
  return out;
}

json edits_to_json(const EditList& edits) {
  json out = json::array();
  for (const auto& e : edits) {
    json form = {{"site", e.site}, {"op", op_name(e.op)}};
    json select = json::object();
    if (!e.heads.empty()) select["head"] = e.heads;
    if (!e.tokens.empty()) select["token"] = e.tokens;
    if (!e.neurons.empty()) select["neuron"] = e.neurons;
    if (!e.codes.empty()) select["code"] = e.codes;
    if (!select.empty()) form["select"] = std::move(select);
    if (!e.value.empty()) form["value"] = e.value;
    if (e.op == EditOp::Scale) form["scale"] = e.scale;
    if (e.op == EditOp::Quantise) form["bits"] = e.bits;
    if (e.op == EditOp::Subsample) form.update({{"scale", e.scale}, {"seed", e.seed}});
    out.push_back(std::move(form));
  }
  return out;
}

std::string describe(const Edit& edit) {
  static const std::map<EditOp, std::string> verbs{{EditOp::Zero, "zeroed"}, {EditOp::Mean, "set to its mean"}, {EditOp::Resample, "resampled"},
      {EditOp::Scale, "scaled"}, {EditOp::Replace, "replaced"}, {EditOp::Add, "shifted"}, {EditOp::ForceCode, "forced"}, {EditOp::Drop, "dropped"}, {EditOp::Quantise, "quantised"},
      {EditOp::Subsample, "subsampled"}};
  std::string place = edit.site;
  const std::size_t at = edit.site.find("blocks.");
  if (at != std::string::npos) {
    const std::size_t dot = edit.site.find('.', at + 7);
    const std::string tower = edit.site.substr(0, at), layer = edit.site.substr(at + 7, dot - at - 7);
    const std::string rest = dot == std::string::npos ? "" : edit.site.substr(dot + 1);
    const auto list = [](const std::vector<std::int64_t>& v, const std::string& l) {
      std::string t;
      for (std::size_t i = 0; i < v.size() && i < 6; ++i) t += (i ? ", " : "") + l + "." + std::to_string(v[i]);
      return v.size() > 6 ? t + ", … (" + std::to_string(v.size()) + ")" : t;
    };
    if (rest.ends_with("hook_z") && !edit.heads.empty()) place = tower + (edit.heads.size() > 1 ? "heads " : "head ") + list(edit.heads, layer);
    else if (rest.ends_with("hook_post") && !edit.neurons.empty()) place = tower + (edit.neurons.size() > 1 ? "neurons " : "neuron ") + list(edit.neurons, layer);
    else if (rest == "hook_mlp_out") place = tower + "MLP " + layer;
    else if (rest == "hook_attn_out") place = tower + "attention " + layer;
    else if (rest.empty()) place = tower + "layer " + layer;
    else if (rest.find("hook_codes") != std::string::npos) place = tower + "code " + (edit.codes.empty() ? "" : std::to_string(edit.codes[0])) + " of layer " + layer;
  }
  return place + " " + verbs.at(edit.op);
}

}  // namespace vitrine::engine
