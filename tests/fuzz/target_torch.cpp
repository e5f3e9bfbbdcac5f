#include <algorithm>

#include "engine/io/npy.h"
#include "engine/io/npz.h"
#include "engine/io/pickle.h"
#include "engine/io/torch_archive.h"
#include "engine/io/torch_values.h"
#include "engine/io/zip_directory.h"
#include "tests/fuzz/target.h"

using namespace vitrine;
using namespace vitrine::fuzz;

VITRINE_FUZZ_TARGET(torch_zip) {
  const auto zip = engine::ZipDirectory::read(file_of(bytes, "a.pt"));
  if (!zip) return check_error(zip.error(), bytes.size());
  check_opened(engine::read_torch_zip(*zip), bytes.size());
}

VITRINE_FUZZ_TARGET(torch_stream) { check_opened(engine::read_torch_stream(file_of(bytes, "a.pt")), bytes.size()); }

VITRINE_FUZZ_TARGET(pickle) {
  const std::string copy(as_text(bytes));
  engine::PickleDocument pickle;
  const auto read = engine::read_pickle(std::as_bytes(std::span(copy)), "a.pkl", 0, pickle);
  if (!read) return check_error(read.error(), bytes.size());
  require(pickle.root < pickle.nodes.size(), "the root of a pickle is none of its nodes");
  require(pickle.end <= bytes.size(), "a pickle ends after its bytes");
  const char* const begin = copy.data();
  for (const auto& node : pickle.nodes) {
    require(std::ranges::all_of(node.items, [&](auto id) { return id < pickle.nodes.size(); }), "a part is no node");
    require(node.text.empty() || (node.text.data() >= begin && node.text.data() + node.text.size() <= begin + copy.size()),
            "a text lies outside of the pickle");
    require(node.parts < pickle.parts.size(), "the parts of a node are not there");
  }
  const auto values = engine::read_torch_values(pickle, "a.pkl", 0, false);
  if (!values) return check_error(values.error(), bytes.size());
  for (const auto& [name, tensor] : values->tensors)
    require(tensor.storage < values->storages.size(), "a tensor without a storage");
}

VITRINE_FUZZ_TARGET(zip) {
  const auto zip = engine::ZipDirectory::read(file_of(bytes, "a.zip"));
  if (!zip) return check_error(zip.error(), bytes.size());
  for (const auto& member : zip->members()) {
    require(zip->find(member.name) != nullptr, "a member is not found by its name");
    require(member.offset <= bytes.size() && member.stored <= bytes.size() - member.offset, "a member outside of the file");
    std::shared_ptr<const std::vector<std::byte>> room;
    const auto content = zip->content(member, 1 << 20, room);
    if (!content) check_error(content.error(), bytes.size());
    else require(content->size() == member.bytes, "a member of another size than the directory says");
    if (content) (void)engine::ZipDirectory::crc_matches(member, *content);
  }
}

VITRINE_FUZZ_TARGET(npy) {
  const auto file = file_of(bytes, "a.npy");
  const auto layout = engine::parse_npy(file->bytes(), file->path(), 0);
  if (!layout) return check_error(layout.error(), bytes.size());
  require(layout->header.offset + layout->count * layout->element_bytes == bytes.size(), "an array of another size");
  check_opened(engine::read_npy_tensor(file), bytes.size());
}

VITRINE_FUZZ_TARGET(npz) {
  const auto zip = engine::ZipDirectory::read(file_of(bytes, "a.npz"));
  if (!zip) return check_error(zip.error(), bytes.size());
  check_opened(engine::read_npz(*zip), bytes.size());
}
