#include "views/panels/part_edits.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace vitrine::views {

namespace {

std::string block_of(const TowerState& tower, int layer) {
  const auto l = static_cast<std::size_t>(layer);
  return l < tower.blocks.size() ? tower.blocks[l] : fmt::format("{}blocks.{}", tower.prefix, layer);
}

std::string mixer_of(const TowerState& tower, int layer) {
  const auto l = static_cast<std::size_t>(layer);
  return l < tower.mixer_sites.size() ? tower.mixer_sites[l] : block_of(tower, layer) + ".attn";
}

bool switches_off(const engine::Edit& edit) {
  using engine::EditOp;
  return edit.tokens.empty() && edit.neurons.empty() &&
         (edit.op == EditOp::Zero || edit.op == EditOp::Mean || edit.op == EditOp::Drop ||
          (edit.op == EditOp::Scale && edit.scale == 0));
}

/// Parts of one layer that an edit switches off.
void collect(const TowerState& tower, int layer, const engine::Edit& edit, std::set<PartRef>& off) {
  const int heads = tower.heads_per_layer[static_cast<std::size_t>(layer)];
  const auto all_heads = [&] {
    off.insert({PartRef::Kind::Attention, tower.prefix, layer, 0});
    for (int h = 0; h < heads; ++h) off.insert({PartRef::Kind::Head, tower.prefix, layer, h});
  };
  const std::string block = block_of(tower, layer);
  if (edit.site == mixer_of(tower, layer) + ".hook_z") {
    if (edit.heads.empty()) return all_heads();
    for (auto h : edit.heads)
      if (h >= 0 && h < heads) off.insert({PartRef::Kind::Head, tower.prefix, layer, static_cast<int>(h)});
  } else if (edit.site == block + ".hook_attn_out") {
    all_heads();
  } else if (edit.site == block + ".hook_mlp_out" || edit.site == block + ".mlp.hook_post") {
    off.insert({PartRef::Kind::Mlp, tower.prefix, layer, 0});
  } else if (edit.site == block) {
    all_heads();
    off.insert({PartRef::Kind::Mlp, tower.prefix, layer, 0});
  }
}

}  // namespace

const TowerState* find_tower(const ModelState& model, const std::string& prefix) {
  for (const auto& tower : model.towers)
    if (tower.prefix == prefix) return &tower;
  return nullptr;
}

engine::Edit edit_for(const ModelState& model, const PartRef& part) {
  engine::Edit edit;
  const TowerState* tower = find_tower(model, part.tower);
  if (!tower) return edit;
  switch (part.kind) {
    case PartRef::Kind::Head:
      edit.site = mixer_of(*tower, part.layer) + ".hook_z";
      edit.heads = {part.head};
      break;
    case PartRef::Kind::Attention: edit.site = block_of(*tower, part.layer) + ".hook_attn_out"; break;
    case PartRef::Kind::Mlp: edit.site = block_of(*tower, part.layer) + ".hook_mlp_out"; break;
  }
  return edit;
}

std::set<PartRef> parts_off(const ModelState& model, const engine::EditList& edits) {
  std::set<PartRef> off;
  for (const auto& edit : edits) {
    if (!switches_off(edit)) continue;
    for (const auto& tower : model.towers)
      for (int l = 0; l < static_cast<int>(tower.heads_per_layer.size()); ++l) collect(tower, l, edit, off);
  }
  return off;
}

nlohmann::json switch_parts(const ModelState& model, const engine::EditList& edits, const std::set<PartRef>& parts,
                            bool off) {
  engine::EditList next;
  bool changed = false;
  if (off) {
    const std::set<PartRef> already = parts_off(model, edits);
    for (const PartRef& part : parts)
      if (!already.contains(part)) next.push_back(edit_for(model, part));
    if (next.empty()) return nullptr;
    return {{"do", "edit"}, {"edits", engine::edits_to_json(next)}};
  }
  // Switching on again: an edit that also covers parts outside `parts` is replaced by one edit for each of those.
  for (const auto& edit : edits) {
    const std::set<PartRef> covered = parts_off(model, {edit});
    const bool touched = std::any_of(covered.begin(), covered.end(), [&](const PartRef& p) { return parts.contains(p); });
    if (!touched) {
      next.push_back(edit);
      continue;
    }
    changed = true;
    for (const PartRef& part : covered) {
      if (part.kind == PartRef::Kind::Attention || parts.contains(part)) continue;
      if (parts.contains({PartRef::Kind::Attention, part.tower, part.layer, 0}) && part.kind == PartRef::Kind::Head) continue;
      next.push_back(edit_for(model, part));
    }
  }
  if (!changed) return nullptr;
  return {{"do", "set_edits"}, {"edits", engine::edits_to_json(next)}};
}

nlohmann::json force_code(const ModelState& model, int codebook, int code) {
  if (codebook < 0 || codebook >= static_cast<int>(model.codebooks.size())) return nullptr;
  const CodebookState& book = model.codebooks[static_cast<std::size_t>(codebook)];
  auto edits = engine::parse_edits(fmt::format("code:{}.{}.{}=force", book.layer, book.ordinal, code));
  if (!edits) return nullptr;
  return {{"do", "edit"}, {"edits", engine::edits_to_json(*edits)}};
}

std::string head_name(const ModelState& model, const HeadRef& head) {
  const std::string name = fmt::format("{}.{}", head.layer, head.head);
  return model.towers.size() > 1 ? head.tower + name : name;
}

std::optional<HeadRef> parse_head(const std::string& name, const std::string& tower) {
  HeadRef head{.tower = tower};
  std::string rest = name;
  if (!tower.empty() && rest.starts_with(tower)) rest = rest.substr(tower.size());
  const char* end = rest.data() + rest.size();
  const auto layer = std::from_chars(rest.data(), end, head.layer);
  if (layer.ec != std::errc{} || layer.ptr == end || *layer.ptr != '.') return {};
  const auto index = std::from_chars(layer.ptr + 1, end, head.head);
  if (index.ec != std::errc{} || index.ptr != end) return {};
  return head;
}

}  // namespace vitrine::views
