#include "engine/io/weight_index.h"

#include <map>
#include <set>

#include <fmt/format.h>

#include "engine/io/bytes.h"
#include "engine/io/json.h"

namespace vitrine::engine {

Result<MappedCheckpoint> join_shards(const nlohmann::json& root, const std::string& name, std::string format,
                                     const ShardOpener& open_shard, const ShardReader& read_shard) {
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
  std::set<std::string> opened;
  for (const auto& [shard, tensors] : shards) {
    VITRINE_TRY(auto file, open_shard(shard));
    if (!opened.insert(file->path()).second)
      return refuse(fmt::format("the shard '{}' is named in two ways", printable(shard)));
    VITRINE_TRY(auto part, read_shard(std::move(file)));
    for (const auto& tensor : tensors)
      if (part.find(tensor) == nullptr)
        return refuse(fmt::format("the shard '{}' does not hold the tensor '{}'", printable(shard), printable(tensor)));
    for (std::size_t i = 0; i < part.size(); ++i) {
      const std::string_view tensor = part.at(i).name;
      if (!map.contains(tensor) || map[tensor] != shard)
        whole.warn(fmt::format("'{}' in shard '{}' is not in the weight_map", printable(tensor), printable(shard)));
    }
    if (whole.metadata().empty()) whole.metadata_for_filling() = part.metadata();
    VITRINE_CHECK(whole.absorb(std::move(part)));
  }
  return whole;
}

Result<MappedCheckpoint> read_weight_index(const std::filesystem::path& index, std::string format,
                                           const ShardReader& read_shard) {
  VITRINE_TRY(const nlohmann::json root, read_json_file(index));
  const auto open_shard = [&](const std::string& shard) -> Result<std::shared_ptr<const MappedFile>> {
    auto path = path_inside(index.parent_path(), shard, "shard path");
    if (path) return MappedFile::open(*path);
    path.error().file = index.string();
    return tl::unexpected(std::move(path.error()));
  };
  return join_shards(root, index.string(), std::move(format), open_shard, read_shard);
}

}  // namespace vitrine::engine
