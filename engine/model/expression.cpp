#include "engine/model/expression.h"

#include <cctype>
#include <charconv>
#include <cmath>

namespace vitrine::engine {

using nlohmann::json;

json Scope::lookup(const std::string& name) const {
  if (auto it = names.find(name); it != names.end()) return it->second;
  if (!config) return nullptr;
  if (config->is_object())
    if (auto it = config->find(name); it != config->end()) return *it;
  const json* at = config;
  std::size_t begin = 0;
  const std::string first = name.substr(0, name.find('.'));
  if (auto it = names.find(first); it != names.end() && first.size() < name.size()) {
    at = &it->second;
    begin = first.size() + 1;
  }
  while (begin <= name.size()) {
    const std::size_t dot = std::min(name.find('.', begin), name.size());
    if (!at->is_object()) return nullptr;
    auto it = at->find(name.substr(begin, dot - begin));
    if (it == at->end()) return nullptr;
    at = &*it;
    begin = dot + 1;
  }
  return *at;
}

namespace {

bool truthy(const json& v) {
  if (v.is_null()) return false;
  if (v.is_boolean()) return v.get<bool>();
  if (v.is_number()) return v.get<double>() != 0;
  if (v.is_string()) return !v.get_ref<const std::string&>().empty();
  return true;
}

/// Recursive descent; the depth is bounded so that no file can exhaust the stack.
class Parser {
 public:
  Parser(const std::string& text, const Scope& scope) : text_(text), scope_(scope) {}

  Result<json> run() {
    VITRINE_TRY(json v, ternary());
    space();
    if (at_ != text_.size()) return wrong("unexpected '" + text_.substr(at_, 8) + "'");
    return v;
  }

 private:
  tl::unexpected<Error> wrong(const std::string& what) const {
    return fail(ErrorCode::FileFormat, "expression \"" + text_ + "\": " + what);
  }
  void space() { while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_; }
  bool eat(std::string_view token) {
    space();
    if (text_.compare(at_, token.size(), token) != 0) return false;
    at_ += token.size();
    return true;
  }
  bool peek(std::string_view token) { space(); return text_.compare(at_, token.size(), token) == 0; }

  Result<json> ternary() {
    if (++depth_ > 100) return wrong("too deeply nested");
    VITRINE_TRY(json c, coalesce());
    space();
    if (peek("?") && !peek("??")) {
      eat("?");
      VITRINE_TRY(json a, ternary());
      if (!eat(":")) return wrong("expected ':'");
      VITRINE_TRY(json b, ternary());
      --depth_;
      return truthy(c) ? a : b;
    }
    --depth_;
    return c;
  }
  Result<json> coalesce() {
    VITRINE_TRY(json v, either());
    while (eat("??")) {
      VITRINE_TRY(json w, either());
      if (v.is_null()) v = std::move(w);
    }
    return v;
  }
  Result<json> either() {
    VITRINE_TRY(json v, both());
    while (eat("||")) {
      VITRINE_TRY(json w, both());
      v = truthy(v) || truthy(w);
    }
    return v;
  }
  Result<json> both() {
    VITRINE_TRY(json v, comparison());
    while (eat("&&")) {
      VITRINE_TRY(json w, comparison());
      v = truthy(v) && truthy(w);
    }
    return v;
  }
  Result<json> comparison() {
    VITRINE_TRY(json v, additive());
    for (const char* op : {"==", "!=", "<=", ">=", "<", ">"}) {
      if (!eat(op)) continue;
      VITRINE_TRY(json w, additive());
      const std::string o = op;
      if (o == "==") return json(v == w);
      if (o == "!=") return json(v != w);
      if (!v.is_number() || !w.is_number()) return wrong("only numbers can be compared with " + o);
      const double a = v.get<double>(), b = w.get<double>();
      return json(o == "<=" ? a <= b : o == ">=" ? a >= b : o == "<" ? a < b : a > b);
    }
    return v;
  }
  Result<json> arithmetic(char op, const json& a, const json& b) {
    if (op == '+' && a.is_string() && b.is_string()) return json(a.get<std::string>() + b.get<std::string>());
    if (!a.is_number() || !b.is_number()) return wrong(std::string("'") + op + "' needs two numbers, came " + a.dump() + " and " + b.dump());
    if ((op == '/' || op == '%') && b.get<double>() == 0) return wrong("division by zero");
    if (a.is_number_integer() && b.is_number_integer()) {
      const auto x = a.get<std::int64_t>(), y = b.get<std::int64_t>();
      std::int64_t r = 0;
      if (op == '+' && !__builtin_add_overflow(x, y, &r)) return json(r);
      if (op == '-' && !__builtin_sub_overflow(x, y, &r)) return json(r);
      if (op == '*' && !__builtin_mul_overflow(x, y, &r)) return json(r);
      if (op == '%' && y != -1) return json(x % y);
      if (op == '/' && y != -1 && x % y == 0) return json(x / y);
      if (op != '/') return wrong("a number out of range");
    }
    const double x = a.get<double>(), y = b.get<double>();
    switch (op) {
      case '+': return json(x + y);
      case '-': return json(x - y);
      case '*': return json(x * y);
      case '/': return json(x / y);
      default: return json(std::fmod(x, y));
    }
  }
  Result<json> additive() {
    VITRINE_TRY(json v, multiplicative());
    for (;;) {
      const char op = eat("+") ? '+' : eat("-") ? '-' : 0;
      if (!op) return v;
      VITRINE_TRY(json w, multiplicative());
      VITRINE_TRY(v, arithmetic(op, v, w));
    }
  }
  Result<json> multiplicative() {
    VITRINE_TRY(json v, unary());
    for (;;) {
      const char op = eat("*") ? '*' : eat("/") ? '/' : eat("%") ? '%' : 0;
      if (!op) return v;
      VITRINE_TRY(json w, unary());
      VITRINE_TRY(v, arithmetic(op, v, w));
    }
  }
  Result<json> unary() {
    if (++depth_ > 100) return wrong("too deeply nested");
    Result<json> v = json();
    if (peek("!") && !peek("!=")) {
      eat("!");
      v = unary();
      if (v) v = json(!truthy(*v));
    } else if (eat("-")) {
      v = unary();
      if (v) v = arithmetic('-', json(0), *v);
    } else {
      v = postfix();
    }
    --depth_;
    return v;
  }
  Result<json> postfix() {
    VITRINE_TRY(json v, primary());
    while (eat("[")) {
      VITRINE_TRY(json i, ternary());
      if (!eat("]")) return wrong("expected ']'");
      if (v.is_array() && i.is_number_integer()) {
        const auto n = static_cast<std::int64_t>(v.size()), k = i.get<std::int64_t>();
        v = (k < 0 ? k + n : k) < 0 || (k < 0 ? k + n : k) >= n ? json() : v[static_cast<std::size_t>(k < 0 ? k + n : k)];
      } else if (v.is_object() && i.is_string()) {
        v = v.value(i.get<std::string>(), json());
      } else {
        v = json();
      }
    }
    return v;
  }
  Result<json> primary() {
    space();
    if (at_ >= text_.size()) return wrong("ends too early");
    const char c = text_[at_];
    if (c == '(') {
      ++at_;
      VITRINE_TRY(json v, ternary());
      if (!eat(")")) return wrong("expected ')'");
      return v;
    }
    if (c == '\'') {
      const std::size_t end = text_.find('\'', at_ + 1);
      if (end == std::string::npos) return wrong("a string without its end");
      json v = text_.substr(at_ + 1, end - at_ - 1);
      at_ = end + 1;
      return v;
    }
    if (std::isdigit(static_cast<unsigned char>(c)) || c == '.') return number();
    if (std::isalpha(static_cast<unsigned char>(c)) || c == '_') return name();
    return wrong(std::string("unexpected '") + c + "'");
  }
  Result<json> number() {
    const char *begin = text_.data() + at_, *end = text_.data() + text_.size();
    double value = 0;
    const auto [stop, error] = std::from_chars(begin, end, value);
    if (error != std::errc()) return wrong("a malformed number");
    const std::string_view spelled(begin, static_cast<std::size_t>(stop - begin));
    at_ += spelled.size();
    if (spelled.find_first_of(".eE") == std::string_view::npos) {
      std::int64_t whole = 0;
      if (std::from_chars(begin, stop, whole).ec != std::errc()) return wrong("a number out of range");
      return json(whole);
    }
    return json(value);
  }
  Result<json> name() {
    const std::size_t begin = at_;
    while (at_ < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[at_])) || text_[at_] == '_' || text_[at_] == '.')) ++at_;
    const std::string id = text_.substr(begin, at_ - begin);
    if (id == "true") return json(true);
    if (id == "false") return json(false);
    if (id == "null") return json();
    if (!eat("(")) return scope_.lookup(id);
    std::vector<json> arguments;
    while (!eat(")")) {
      if (!arguments.empty() && !eat(",")) return wrong("expected ','");
      VITRINE_TRY(json v, ternary());
      arguments.push_back(std::move(v));
    }
    return call(id, arguments);
  }
  Result<json> call(const std::string& id, const std::vector<json>& a) {
    if (auto it = scope_.functions.find(id); it != scope_.functions.end()) return it->second(a);
    const auto numbers = [&](std::size_t n) {
      if (a.size() != n) return false;
      for (const auto& v : a) if (!v.is_number()) return false;
      return true;
    };
    if (id == "int" && numbers(1)) return json(static_cast<std::int64_t>(std::trunc(a[0].get<double>())));
    if (id == "sqrt" && numbers(1)) return json(std::sqrt(a[0].get<double>()));
    if (id == "pow" && numbers(2)) return json(std::pow(a[0].get<double>(), a[1].get<double>()));
    if (id == "min" && numbers(2)) return a[0].get<double>() < a[1].get<double>() ? a[0] : a[1];
    if (id == "max" && numbers(2)) return a[0].get<double>() > a[1].get<double>() ? a[0] : a[1];
    if (id == "round_up" && numbers(2)) {
      const auto x = a[0].get<std::int64_t>(), m = a[1].get<std::int64_t>();
      if (m > 0) return json((x + m - 1) / m * m);
    }
    if (id == "len" && a.size() == 1) return json(a[0].is_array() || a[0].is_object() ? static_cast<std::int64_t>(a[0].size()) : 0);
    if (id == "is_list" && a.size() == 1) return json(a[0].is_array());
    if (id == "starts_with" && a.size() == 2 && a[0].is_string() && a[1].is_string()) return json(a[0].get<std::string>().starts_with(a[1].get<std::string>()));
    if (id == "pair" && a.size() == 1) return a[0].is_array() ? a[0] : json::array({a[0], a[0]});
    if (id == "contains" && a.size() == 2) return json(a[0].is_array() && std::find(a[0].begin(), a[0].end(), a[1]) != a[0].end());
    return wrong("no function '" + id + "' with these arguments");
  }

  const std::string& text_;
  const Scope& scope_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

Result<json> interpolate_text(const std::string& text, const Scope& scope) {
  std::string out;
  std::size_t at = 0;
  for (;;) {
    const std::size_t open = text.find("${", at);
    if (open == std::string::npos) return json(out + text.substr(at));
    const std::size_t close = text.find('}', open);
    if (close == std::string::npos) return fail(ErrorCode::FileFormat, "\"" + text + "\": '${' without '}'");
    VITRINE_TRY(const json v, evaluate(text.substr(open + 2, close - open - 2), scope));
    out += text.substr(at, open - at) + (v.is_string() ? v.get<std::string>() : v.dump());
    at = close + 1;
  }
}

Result<json> expand_list(const json& form, Scope& scope) {
  json out = json::array();
  for (const auto& item : form) {
    if (item.is_object() && item.contains("$for")) {
      VITRINE_TRY(const json count, expand(item.value("$count", json(0)), scope));
      if (!count.is_number_integer() || count.get<std::int64_t>() < 0 || count.get<std::int64_t>() > 10000)
        return fail(ErrorCode::FileFormat, "a repetition needs a count from 0 to 10000, came " + count.dump());
      const auto variable = item["$for"].get<std::string>();
      for (std::int64_t i = 0; i < count.get<std::int64_t>(); ++i) {
        scope.names[variable] = i;
        VITRINE_TRY(json v, expand(item.value("$do", json()), scope));
        out.push_back(std::move(v));
      }
      scope.names.erase(variable);
      continue;
    }
    VITRINE_TRY(json v, expand(item, scope));
    if (!v.is_null()) out.push_back(std::move(v));
  }
  return out;
}

}  // namespace

Result<json> evaluate(const std::string& expression, const Scope& scope) { return Parser(expression, scope).run(); }

Result<json> expand(const json& form, Scope& scope) {
  if (form.is_string()) {
    const auto& text = form.get_ref<const std::string&>();
    if (text.starts_with("=")) return evaluate(text.substr(1), scope);
    if (text.find("${") != std::string::npos) return interpolate_text(text, scope);
    return form;
  }
  if (form.is_array()) return expand_list(form, scope);
  if (!form.is_object()) return form;
  if (form.contains("$if")) {
    VITRINE_TRY(const json condition, expand(form["$if"], scope));
    const char* branch = truthy(condition) ? "$then" : "$else";
    return form.contains(branch) ? expand(form[branch], scope) : Result<json>(json());
  }
  json out = json::object();
  for (const auto& [key, value] : form.items()) {
    VITRINE_TRY(json v, expand(value, scope));
    if (!v.is_null()) out[key] = std::move(v);
  }
  return out;
}

}  // namespace vitrine::engine
