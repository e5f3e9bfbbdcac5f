#include "engine/io/checkpoint.h"

#include <fmt/format.h>

#include "engine/io/bytes.h"
#include "engine/io/content.h"
#include "engine/io/gguf.h"
#include "engine/io/onnx.h"
#include "engine/io/safetensors.h"

namespace vitrine::engine {
namespace {

namespace fs = std::filesystem;
using Opened = Result<std::shared_ptr<const Checkpoint>>;

Opened share(Result<MappedCheckpoint> checkpoint) {
  if (!checkpoint) return tl::unexpected(std::move(checkpoint.error()));
  return std::make_shared<const MappedCheckpoint>(std::move(*checkpoint));
}

Opened open_file(const fs::path& path) {
  const std::string name = path.filename().string();
  if (name.ends_with(".index.json")) return share(read_safetensors_index(path));
  VITRINE_TRY(auto file, MappedFile::open(path));
  switch (weights_content(file->bytes(), name)) {
    case Content::Safetensors: return share(read_safetensors(std::move(file)));
    case Content::Gguf: return share(read_gguf(std::move(file)));
    case Content::Onnx: return share(read_onnx(std::move(file)));
    default: break;
  }
  const std::string what = describe_content(file->bytes());
  const bool torch = is_torch_content(file->bytes());
  if (torch)
    return fail_file(ErrorCode::Unsupported, path.string(),
                     fmt::format("came {}; save the weights as safetensors to open them here", what));
  return fail_file(
      ErrorCode::FileFormat, path.string(),
      fmt::format("expected safetensors (8-byte header length), GGUF (magic 'GGUF') or ONNX (protobuf), came {}",
                  what),
      0);
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
  for (const char* name : {"pytorch_model.bin", "pytorch_model.bin.index.json", "model.pt", "model.pth"})
    if (fs::exists(folder / name, problem))
      return fail_file(ErrorCode::Unsupported, (folder / name).string(),
                       "came a PyTorch archive; save the weights as safetensors to open them here");
  return fail_file(ErrorCode::FileMissing, folder.string(),
                   "expected a folder with a safetensors, GGUF or ONNX file, it has none");
}

}  // namespace

Result<std::shared_ptr<const Checkpoint>> open_checkpoint(const std::filesystem::path& path) {
  std::error_code problem;
  const auto status = fs::status(path, problem);
  if (!fs::exists(status)) return fail_file(ErrorCode::FileMissing, path.string(), "no such file or folder");
  return fs::is_directory(status) ? open_folder(path) : open_file(path);
}

}  // namespace vitrine::engine
