#include "engine/model/spec.h"

namespace vitrine::engine {

using nlohmann::json;

namespace {

json part_json(const PartSpec& part) {
  if (!part) return nullptr;
  json out = part.params;
  out["part"] = part.part;
  return out;
}

PartSpec part_from(const json& form, const char* key) {
  auto it = form.find(key);
  if (it == form.end() || !it->is_object()) return {};
  PartSpec part{it->value("part", std::string()), *it};
  part.params.erase("part");
  return part;
}

std::vector<PartSpec> parts_from(const json& form, const char* key) {
  std::vector<PartSpec> out;
  for (const auto& item : form.value(key, json::array())) {
    PartSpec part{item.value("part", std::string()), item};
    part.params.erase("part");
    if (part) out.push_back(std::move(part));
  }
  return out;
}

json parts_json(const std::vector<PartSpec>& parts) {
  json out = json::array();
  for (const auto& part : parts) out.push_back(part_json(part));
  return out;
}

SublayerSpec sublayer_from(const json& form) {
  SublayerSpec s;
  s.name = form.at("name").get<std::string>();
  s.norm = part_from(form, "norm");
  s.part = part_from(form, "part");
  s.post = parts_from(form, "post");
  s.norm_after = part_from(form, "norm_after");
  s.residual = form.value("residual", true);
  s.parallel = form.value("parallel", false);
  s.residual_scale = form.value("residual_scale", 1.0);
  return s;
}

TowerSpec tower_from(const json& form) {
  TowerSpec tower;
  tower.prefix = form.value("prefix", std::string());
  tower.memory = form.value("memory", std::string());
  tower.staged = form.value("staged", false);
  tower.stem = part_from(form, "stem");
  tower.final_norm = part_from(form, "final_norm");
  json stages = form.value("stages", json::array());
  if (stages.empty()) stages = json::array({{{"blocks", form.value("blocks", json::array())}}});
  for (const auto& s : stages) {
    StageSpec stage;
    for (const auto& b : s.value("blocks", json::array())) {
      BlockSpec block;
      for (const auto& sub : b) block.sublayers.push_back(sublayer_from(sub));
      stage.blocks.push_back(std::move(block));
    }
    stage.downsample = part_from(s, "downsample");
    tower.stages.push_back(std::move(stage));
  }
  return tower;
}

}  // namespace

json to_json(const ModelSpec& spec) {
  json towers = json::array();
  for (const auto& tower : spec.towers) {
    json stages = json::array();
    for (const auto& stage : tower.stages) {
      json blocks = json::array();
      for (const auto& block : stage.blocks) {
        json subs = json::array();
        for (const auto& s : block.sublayers)
          subs.push_back({{"name", s.name}, {"norm", part_json(s.norm)}, {"part", part_json(s.part)}, {"post", parts_json(s.post)},
                          {"norm_after", part_json(s.norm_after)}, {"residual", s.residual}, {"parallel", s.parallel}, {"residual_scale", s.residual_scale}});
        blocks.push_back(std::move(subs));
      }
      stages.push_back({{"blocks", std::move(blocks)}, {"downsample", part_json(stage.downsample)}});
    }
    towers.push_back({{"prefix", tower.prefix}, {"memory", tower.memory}, {"staged", tower.staged}, {"stem", part_json(tower.stem)},
                      {"stages", std::move(stages)}, {"final_norm", part_json(tower.final_norm)}});
  }
  json heads = json::array();
  for (const auto& h : spec.heads) heads.push_back({{"tower", h.tower}, {"from", h.from}, {"steps", parts_json(h.steps)}, {"output", h.output}});
  return {{"architecture", spec.architecture}, {"title", spec.title}, {"towers", std::move(towers)}, {"heads", std::move(heads)},
          {"input", spec.input}, {"outputs", spec.outputs}};
}

Result<ModelSpec> spec_from_json(const json& form) {
  try {
    ModelSpec spec;
    spec.architecture = form.value("architecture", std::string());
    spec.title = form.value("title", spec.architecture);
    for (const auto& tower : form.at("towers")) spec.towers.push_back(tower_from(tower));
    for (const auto& h : form.value("heads", json::array()))
      spec.heads.push_back({h.value("tower", std::string()), h.value("from", std::string()), parts_from(h, "steps"), h.value("output", std::string())});
    spec.input = form.value("input", json::object());
    spec.outputs = form.value("outputs", json::object());
    return spec;
  } catch (const json::exception& e) {
    return fail(ErrorCode::FileFormat, std::string("a model specification that is not well formed: ") + e.what());
  }
}

}  // namespace vitrine::engine
