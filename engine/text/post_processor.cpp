#include "engine/text/post_processor.h"

#include <fmt/format.h>

#include "engine/text/fields.h"

namespace vitrine::engine::text {
namespace {

constexpr int kMaxDepth = 8;
constexpr std::size_t kMaxItems = 64;

Result<std::vector<std::int64_t>> special_ids(const nlohmann::json* specials,
                                              const std::string& name, std::int64_t ids) {
  const nlohmann::json* entry = nullptr;
  if (specials != nullptr && specials->is_object()) {
    const auto it = specials->find(name);
    if (it != specials->end()) entry = &*it;
  }
  if (entry == nullptr)
    return fail(
        ErrorCode::FileFormat,
        fmt::format("the template uses the special token '{}', which it does not define", name));
  const Fields f(*entry, fmt::format("template special token '{}'", name));
  const auto* list = f.find("ids");
  if (list == nullptr || !list->is_array()) return f.wrong("ids", "a list of ids");
  const auto* tokens = f.find("tokens");
  if (tokens != nullptr && (!tokens->is_array() || tokens->size() != list->size()))
    return fail(ErrorCode::FileFormat, fmt::format("{}: {} ids and tokens that differ in number",
                                                   f.where(), list->size()));
  std::vector<std::int64_t> out;
  for (const auto& v : *list) {
    std::int64_t id = 0;
    if (!whole_within(v, 0, ids - 1, id))
      return fail(
          ErrorCode::FileFormat,
          fmt::format("{}: the id {} is outside the vocabulary of {}", f.where(), brief(v), ids));
    out.push_back(id);
  }
  return out;
}

Result<std::vector<TemplateItem>> read_template(const nlohmann::json* list,
                                                const nlohmann::json* specials, int sequences,
                                                std::int64_t ids) {
  if (list == nullptr || !list->is_array() || list->size() > kMaxItems)
    return fail(ErrorCode::FileFormat,
                fmt::format("expected a template to be a list of at most {} places", kMaxItems));
  std::vector<TemplateItem> out;
  for (const auto& place : *list) {
    const Fields f(place, "template place");
    VITRINE_CHECK(f.require_object());
    TemplateItem item;
    const auto* sequence = f.find("Sequence");
    const auto* special = f.find("SpecialToken");
    if ((sequence == nullptr) == (special == nullptr))
      return fail(ErrorCode::FileFormat,
                  "expected a template place to be Sequence or SpecialToken");
    const Fields inner(sequence != nullptr ? *sequence : *special, "template place");
    VITRINE_TRY(const std::string name, inner.text("id"));
    VITRINE_TRY(const std::int64_t segment, inner.whole_or("type_id", 0, 0, 255));
    item.segment = static_cast<int>(segment);
    if (sequence != nullptr) {
      item.sequence = name == "A" ? 0 : name == "B" && sequences == 2 ? 1 : -1;
      if (item.sequence < 0)
        return fail(ErrorCode::FileFormat,
                    fmt::format("the template uses the sequence '{}', which does not exist", name));
    } else {
      VITRINE_TRY(item.added, special_ids(specials, name, ids));
    }
    out.push_back(std::move(item));
  }
  return out;
}

Result<std::int64_t> edge_token(const Fields& f, const char* key, std::int64_t ids) {
  const auto* pair = f.find(key);
  std::int64_t id = 0;
  if (pair == nullptr || !pair->is_array() || pair->size() != 2 ||
      !whole_within((*pair)[1], 0, ids - 1, id))
    return f.wrong(key, fmt::format("[token, id] with an id below {}", ids));
  return id;
}

Status read(const nlohmann::json& config, std::int64_t ids, int depth, PostProcessor& out) {
  if (config.is_null()) return {};
  if (depth > kMaxDepth)
    return fail(ErrorCode::FileLimit,
                fmt::format("post_processor: nested deeper than {} levels", kMaxDepth));
  const Fields f(config, "post_processor");
  VITRINE_CHECK(f.require_object());
  VITRINE_TRY(const std::string type, f.text("type"));
  if (type == "Sequence") {
    const auto* list = f.find("processors");
    if (list == nullptr || !list->is_array()) return f.wrong("processors", "a list");
    for (const auto& part : *list) VITRINE_CHECK(read(part, ids, depth + 1, out));
    return {};
  }
  if (type == "TemplateProcessing") {
    VITRINE_TRY(out.single, read_template(f.find("single"), f.find("special_tokens"), 1, ids));
    VITRINE_TRY(out.pair, read_template(f.find("pair"), f.find("special_tokens"), 2, ids));
    return {};
  }
  if (type == "ByteLevel" || type == "RobertaProcessing") {
    VITRINE_TRY(out.trim_offsets, f.flag_or("trim_offsets", true));
    VITRINE_TRY(out.keeps_prefix_space, f.flag_or("add_prefix_space", true));
    if (type == "ByteLevel") return {};
  } else if (type != "BertProcessing") {
    return fail(ErrorCode::Unsupported, "post_processor: unknown type '" + type + "'");
  }
  VITRINE_TRY(const std::int64_t cls, edge_token(f, "cls", ids));
  VITRINE_TRY(const std::int64_t sep, edge_token(f, "sep", ids));
  out.single = {{-1, {cls}, 0}, {0, {}, 0}, {-1, {sep}, 0}};
  if (type == "BertProcessing") {
    out.pair = {{-1, {cls}, 0}, {0, {}, 0}, {-1, {sep}, 0}, {1, {}, 1}, {-1, {sep}, 1}};
  } else {
    out.pair = {{-1, {cls}, 0}, {0, {}, 0}, {-1, {sep, sep}, 0}, {1, {}, 0}, {-1, {sep}, 0}};
  }
  return {};
}

}  // namespace

Result<PostProcessor> PostProcessor::from_json(const nlohmann::json& config, std::int64_t ids) {
  PostProcessor out;
  VITRINE_CHECK(read(config, ids, 0, out));
  return out;
}

std::int64_t PostProcessor::added_tokens(bool is_pair) const {
  std::int64_t n = 0;
  for (const TemplateItem& item : is_pair ? pair : single)
    n += static_cast<std::int64_t>(item.added.size());
  return n;
}

std::vector<Token> PostProcessor::assemble(const std::vector<std::vector<Token>>& sequences,
                                           bool add_special) const {
  std::vector<Token> out;
  const auto append = [&](std::size_t which, int segment) {
    if (which >= sequences.size()) return;
    for (Token t : sequences[which]) {
      t.segment = segment;
      out.push_back(t);
    }
  };
  if (!add_special) {
    for (std::size_t i = 0; i < sequences.size(); ++i) append(i, static_cast<int>(i));
    return out;
  }
  for (const TemplateItem& item : sequences.size() > 1 ? pair : single) {
    if (item.sequence >= 0) append(static_cast<std::size_t>(item.sequence), item.segment);
    for (const std::int64_t id : item.added) out.push_back({id, 0, 0, item.segment, true});
  }
  return out;
}

}  // namespace vitrine::engine::text
