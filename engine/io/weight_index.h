#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "engine/io/mapped_checkpoint.h"

namespace vitrine::engine {

using ShardReader = std::function<Result<MappedCheckpoint>(std::shared_ptr<const MappedFile>)>;

/// Opens the shard of a name that an index gave, and nothing outside of its folder.
using ShardOpener = std::function<Result<std::shared_ptr<const MappedFile>>(const std::string& shard)>;

/// Joins the shards that the text of an index names.
/// @param name of the index, for messages
[[nodiscard]] Result<MappedCheckpoint> join_shards(const nlohmann::json& index, const std::string& name,
                                                   std::string format, const ShardOpener& open_shard,
                                                   const ShardReader& read_shard);

/// Reads the index of a sharded model ("weight_map": tensor to file name) and the shards it names, which must be in
/// the folder of the index.
/// @error FileFormat, FileMissing; what the shards refuse
[[nodiscard]] Result<MappedCheckpoint> read_weight_index(const std::filesystem::path& index, std::string format,
                                                         const ShardReader& read_shard);

}  // namespace vitrine::engine
