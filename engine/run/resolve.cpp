#include "engine/run/resolve.h"

#include <algorithm>

#include "engine/model/build.h"

namespace vitrine::engine {

bool glob_match(const std::string& glob, const std::string& name) {
  std::size_t g = 0, n = 0, star = std::string::npos, mark = 0;
  while (n < name.size()) {
    if (g < glob.size() && (glob[g] == name[n] || glob[g] == '?')) { ++g; ++n; }
    else if (g < glob.size() && glob[g] == '*') { star = g++; mark = n; }
    else if (star != std::string::npos) { g = star + 1; n = ++mark; }
    else return false;
  }
  while (g < glob.size() && glob[g] == '*') ++g;
  return g == glob.size();
}

namespace {

/// "text.blocks.3.attn.hook_z" as prefix, layer, rest; false if it is not of that form.
bool take_apart(const std::string& site, std::string& prefix, int& layer, std::string& rest) {
  const std::size_t at = site.find("blocks.");
  if (at == std::string::npos || site.find("stages.") != std::string::npos) return false;
  prefix = site.substr(0, at);
  std::size_t end = at + 7;
  while (end < site.size() && std::isdigit(static_cast<unsigned char>(site[end]))) ++end;
  if (end == at + 7 || end - at > 12) return false;
  layer = std::stoi(site.substr(at + 7, end - at - 7));
  rest = site.substr(end);
  return true;
}

/// The site spelled as this model spells it.
std::string spelled(const Model& model, const std::string& site) {
  std::string prefix, rest;
  int layer = 0;
  if (!take_apart(site, prefix, layer, rest)) return site;
  for (std::size_t t = 0; t < model.towers().size(); ++t) {
    const TowerInfo& tower = model.towers()[t];
    if (tower.prefix != prefix || layer >= tower.layers) continue;
    const std::string& block = model.parts().built[t].blocks[static_cast<std::size_t>(layer)].path;
    if (rest.starts_with(".attn."))
      for (const auto& m : tower.mixers) if (m.layer == layer) return m.site + rest.substr(5);
    for (const auto& m : tower.mixers)
      if (rest == ".hook_attn_out" && m.layer == layer) return block + ".hook_" + m.site.substr(block.size() + 1) + "_out";
    return block + rest;
  }
  return site;
}

tl::unexpected<Error> unknown_site(const Model& model, const std::string& site) {
  std::string near;
  int found = 0;
  const std::string tail = site.substr(site.rfind('.') + 1);
  for (const auto& h : model.hooks())
    if (h.name.ends_with(tail) && found < 3) { near += (found++ ? ", " : "") + h.name; }
  return fail(ErrorCode::Usage, "the model has no hook '" + site + "'" + (near.empty() ? "" : "; it has for example " + near));
}

}  // namespace

Result<ResolvedEdits> resolve_edits(const Model& model, const EditList& edits) {
  ResolvedEdits out;
  for (const auto& edit : edits) {
    std::string site = spelled(model, edit.site);
    bool found = false;
    for (const auto& tower : model.parts().built)
      for (const auto& block : tower.blocks)
        if (block.path == site) { out.dropped.insert(site); found = true; }
    for (std::size_t id = 0; id < model.hooks().size(); ++id)
      if (site == model.hooks()[id].name || (site.find('*') != std::string::npos && glob_match(site, model.hooks()[id].name))) {
        out.by_hook[static_cast<int>(id)].push_back(edit);
        found = true;
      }
    if (!found) return unknown_site(model, edit.site);
  }
  return out;
}

Result<std::vector<int>> resolve_taps(const Model& model, const std::vector<std::string>& globs) {
  std::vector<int> ids;
  for (const auto& glob : globs) {
    const std::string name = glob.find('*') == std::string::npos ? spelled(model, glob) : glob;
    bool found = false;
    for (std::size_t id = 0; id < model.hooks().size(); ++id)
      if (glob_match(name, model.hooks()[id].name)) { ids.push_back(static_cast<int>(id)); found = true; }
    if (!found) return unknown_site(model, glob);
  }
  return ids;
}

std::vector<int> first_touched(const Model& model, const ResolvedEdits& edits) {
  std::vector<int> first;
  for (const auto& tower : model.parts().built) {
    int at = static_cast<int>(tower.blocks.size());
    for (std::size_t b = 0; b < tower.blocks.size(); ++b) {
      if (edits.dropped.contains(tower.blocks[b].path)) at = std::min(at, static_cast<int>(b));
      for (const auto& [id, list] : edits.by_hook)
        if (id >= tower.blocks[b].hook_resid_pre && id <= tower.blocks[b].hook_resid_post) at = std::min(at, static_cast<int>(b));
    }
    for (const auto& [id, list] : edits.by_hook) {
      if (model.hooks()[static_cast<std::size_t>(id)].name == tower.prefix + "hook_embed") at = -1;
      for (const auto& merge : tower.merges)
        if (id == merge.hook_out) at = std::min(at, merge.before_block - 1);
    }
    first.push_back(at);
  }
  return first;
}

}  // namespace vitrine::engine
