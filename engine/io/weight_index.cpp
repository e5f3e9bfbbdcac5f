#include "engine/io/weight_index.h"

#include <map>
#include <set>

#include <fmt/format.h>

#include "engine/io/bytes.h"
#include "engine/io/json.h"

namespace vitrine::engine {

Result<MappedCheckpoint> read_weight_index(const std::filesystem::path& index, std::string format,
                                           const ShardReader& read_shard) {
  const std::string name = index.string();
  VITRINE_TRY(const nlohmann::json root, read_json_file(index));
  const auto refuse = [&](std::string message) { return fail_file(ErrorCode::FileFormat, name, std::move(message)); };
  if (!root.is_object() || !root.contains("weight_map"))
    return refuse("expected an object with 'weight_map', it has none");
  const nlohmann::json& map = root["weight_map"];
  if (!map.is_object()) return refuse(fmt::format("expected weight_map to be an object, came a {}", map.type_name()));
  std::map<std::string, std::vector<std::string>> shards;
  for (const auto& [tensor, shard] : map.items()) {
    if (!shard.is_string())
      return refuse(
          fmt::format("weight_map gives a {} for '{}', expected a file name", shard.type_name(), printable(tensor)));
    shards[shard.get<std::string>()].push_back(tensor);
  }
  MappedCheckpoint whole(std::move(format));
  whole.add_file(name);
  std::set<std::filesystem::path> opened;
  for (const auto& [shard, tensors] : shards) {
    auto path = path_inside(index.parent_path(), shard, "shard path");
    if (!path) {
      path.error().file = name;
      return tl::unexpected(std::move(path.error()));
    }
    if (!opened.insert(*path).second)
      return refuse(fmt::format("the shard '{}' is named in two ways", printable(shard)));
    VITRINE_TRY(auto file, MappedFile::open(*path));
    VITRINE_TRY(auto part, read_shard(std::move(file)));
    for (const auto& tensor : tensors)
      if (part.find(tensor) == nullptr)
        return refuse(fmt::format("the shard '{}' does not hold the tensor '{}'", printable(shard), printable(tensor)));
    for (const auto& entry : part.tensors())
      if (!map.contains(entry.name) || map[entry.name] != shard)
        whole.warn(fmt::format("'{}' in shard '{}' is not in the weight_map", printable(entry.name), printable(shard)));
    if (whole.metadata().empty()) whole.metadata_for_filling() = part.metadata();
    VITRINE_CHECK(whole.absorb(std::move(part)));
  }
  return whole;
}

}  // namespace vitrine::engine
