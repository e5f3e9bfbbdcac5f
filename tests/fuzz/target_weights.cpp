#include "engine/io/bytes.h"
#include "engine/io/gguf.h"
#include "engine/io/json.h"
#include "engine/io/onnx.h"
#include "engine/io/safetensors.h"
#include "engine/io/weight_index.h"
#include "tests/fuzz/target.h"

using namespace vitrine;
using namespace vitrine::fuzz;

VITRINE_FUZZ_TARGET(safetensors) {
  check_opened(engine::read_safetensors(file_of(bytes, "a.safetensors")), bytes.size());
}

VITRINE_FUZZ_TARGET(safetensors_index) {
  // Any shard that is asked for is there and holds "a" and "b".
  static const std::string header =
      R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[8],"data_offsets":[8,16]}})";
  static const std::string shard = [] {
    const std::uint64_t length = header.size();
    return std::string(reinterpret_cast<const char*>(&length), 8) + header + std::string(16, '\1');
  }();
  const auto open_shard = [](const std::string& name) -> engine::Result<std::shared_ptr<const engine::MappedFile>> {
    return engine::MappedFile::copy_of(std::as_bytes(std::span(shard)), name);
  };
  const auto index = engine::parse_json(as_text(bytes), "index");
  if (!index) return check_error(index.error(), bytes.size());
  const auto joined = engine::join_shards(*index, "index", "safetensors", open_shard, engine::read_safetensors);
  check_opened(joined, std::max(bytes.size(), shard.size()));
}

VITRINE_FUZZ_TARGET(gguf) {
  const auto opened = engine::read_gguf(file_of(bytes, "a.gguf"));
  check_opened(opened, bytes.size());
  if (opened) (void)engine::check_gguf_metadata(opened->metadata(), opened->tensors());
}

VITRINE_FUZZ_TARGET(onnx) { check_opened(engine::read_onnx(file_of(bytes, "a.onnx")), bytes.size()); }
