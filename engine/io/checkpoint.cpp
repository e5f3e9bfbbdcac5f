#include "engine/io/checkpoint.h"

#include <algorithm>

#include <fmt/format.h>

#include "engine/core/memory.h"
#include "engine/io/bytes.h"
#include "engine/io/content.h"
#include "engine/io/gguf.h"
#include "engine/io/npz.h"
#include "engine/io/onnx.h"
#include "engine/io/safetensors.h"
#include "engine/io/torch_archive.h"
#include "engine/io/weight_index.h"

namespace vitrine::engine {
namespace {

namespace fs = std::filesystem;
using Opened = Result<std::shared_ptr<const Checkpoint>>;

Opened share(Result<MappedCheckpoint> checkpoint) {
  if (!checkpoint) return tl::unexpected(std::move(checkpoint.error()));
  return std::make_shared<const MappedCheckpoint>(std::move(*checkpoint));
}

/// One shard of PyTorch, of either form.
Result<MappedCheckpoint> read_torch(std::shared_ptr<const MappedFile> file) {
  if (content_of(file->bytes()) == Content::Pickle) return read_torch_stream(std::move(file));
  VITRINE_TRY(const auto zip, ZipDirectory::read(std::move(file)));
  return read_torch_zip(zip);
}

/// A zip archive is a PyTorch archive unless its members or, where it has none, its name say npz.
Opened open_zip(std::shared_ptr<const MappedFile> file, const std::string& name) {
  VITRINE_TRY(const auto zip, ZipDirectory::read(std::move(file)));
  const auto& members = zip.members();
  const auto ends = [&](std::string_view with) {
    return std::any_of(members.begin(), members.end(), [&](const auto& m) { return m.name.ends_with(with); });
  };
  const bool npz = name.ends_with(".npz") || (ends(".npy") && !ends("data.pkl"));
  return share(npz ? read_npz(zip) : read_torch_zip(zip));
}

Opened open_content(const std::shared_ptr<const MappedFile>& file, const std::string& name) {
  switch (weights_content(file->bytes(), name)) {
    case Content::Safetensors: return share(read_safetensors(file));
    case Content::Gguf: return share(read_gguf(file));
    case Content::Onnx: return share(read_onnx(file));
    case Content::Zip: return open_zip(file, name);
    case Content::Pickle: return share(read_torch_stream(file));
    case Content::Npy: return share(read_npy_tensor(file));
    default: break;
  }
  const std::string what = describe_content(file->bytes());
  return fail_file(
      ErrorCode::FileFormat, file->path(),
      fmt::format("expected safetensors (8-byte header length), GGUF (magic 'GGUF'), ONNX (protobuf) or a PyTorch "
                  "archive (zip or pickle), came {}",
                  what),
      0);
}

Opened open_file(const fs::path& path) {
  const std::string name = path.filename().string();
  if (name.ends_with(".bin.index.json")) return share(read_weight_index(path, "pytorch", read_torch));
  if (name.ends_with(".index.json")) return share(read_safetensors_index(path));
  VITRINE_TRY(const auto file, MappedFile::open(path));
  auto opened = open_content(file, name);
  VITRINE_CHECK(file->check_whole());   // before any verdict: what a shorter file lacks was read as zeros
  return opened;
}

/// The weights file of a folder: an index or single file by its usual name, else the only one of its kind.
Opened open_folder(const fs::path& folder) {
  std::error_code problem;
  for (const char* name : {"model.safetensors.index.json", "model.safetensors",
                           "diffusion_pytorch_model.safetensors.index.json", "diffusion_pytorch_model.safetensors"})
    if (fs::exists(folder / name, problem)) return open_file(folder / name);
  for (const std::string_view extension : {".safetensors", ".gguf", ".onnx"}) {
    std::vector<fs::path> found;
    for (fs::directory_iterator it(folder, problem), end; !problem && it != end; it.increment(problem))
      if (it->path().extension() == extension && found.size() < 1000) found.push_back(it->path());
    std::sort(found.begin(), found.end());
    if (found.size() > 1) {
      // Dumped inputs and expectations of a reference case are not weights; parts of a split file open with the first.
      std::erase_if(found, [](const fs::path& p) { return p.stem() == "input" || p.stem() == "expected"; });
      const bool parts =
          extension == ".gguf" && !found.empty() && found.front().string().find("-00001-of-") != std::string::npos;
      if (found.size() > 1 && !parts)
        return fail_file(ErrorCode::FileFormat, folder.string(),
                         fmt::format("expected one {} file in the folder, came {} ('{}', '{}', ...); open one of them",
                                     extension, found.size(), printable(found[0].filename().string()),
                                     printable(found[1].filename().string())));
    }
    if (!found.empty()) return open_file(found.front());
  }
  for (const char* name : {"pytorch_model.bin.index.json", "pytorch_model.bin", "model.pt", "model.pth",
                           "consolidated.00.pth"})
    if (fs::exists(folder / name, problem)) return open_file(folder / name);
  return fail_file(ErrorCode::FileMissing, folder.string(),
                   "expected a folder with a safetensors, GGUF, ONNX or PyTorch file, it has none");
}

}  // namespace

Status Checkpoint::read_f32_range(const TensorEntry& entry, std::uint64_t begin, std::span<float> out) const {
  const auto count = static_cast<std::uint64_t>(entry.numel());
  if (begin > count || out.size() > count - begin)
    return fail(ErrorCode::ShapeMismatch, fmt::format("'{}' has {} values, asked for are {} from {} on", printable(entry.name), count, out.size(), begin));
  VITRINE_TRY(const auto whole, read_f32(entry));
  std::copy_n(whole.begin() + static_cast<std::ptrdiff_t>(begin), out.size(), out.begin());
  return {};
}

Result<std::shared_ptr<const Checkpoint>> open_checkpoint(const std::filesystem::path& path) {
  return within_memory(path.native(), [&]() -> Opened {
    std::error_code problem;
    const auto status = fs::status(path, problem);
    if (!fs::exists(status)) return fail_file(ErrorCode::FileMissing, path.string(), "no such file or folder");
    return fs::is_directory(status) ? open_folder(path) : open_file(path);
  });
}

}  // namespace vitrine::engine
