#include "engine/isolate/readers.h"

#include <algorithm>

#include <fmt/format.h>

#include "engine/io/bytes.h"
#include "engine/io/json.h"
#include "engine/io/mapped_file.h"
#include "engine/isolate/reader.h"

namespace vitrine::engine::isolate {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

tl::unexpected<Error> nonsense(const fs::path& path, const std::string& why) {
  return fail_file(ErrorCode::FileFormat, path.string(),
                   fmt::format("the reader answered nonsense about it: it {}", why));
}

/// The answer, which is one JSON value and nothing else.
Result<json> value_of(const Told& told, const fs::path& path) {
  WireReader in(told.answer);
  json value = in.take_json();
  if (const auto end = in.end(); !end) return nonsense(path, end.error().message);
  return value;
}

/// Gives out the files that the reader has seen, and no others.
class SeenFiles final : public FileSource {
 public:
  explicit SeenFiles(const AnswerMaterial& material) : files_(material.files) {}
  Result<std::shared_ptr<const MappedFile>> open(const fs::path& path) override {
    for (const auto& file : files_)
      if (file->path() == path.string()) return file;
    return fail_file(ErrorCode::FileMissing, path.string(), "the folder changed while it was read");
  }

 private:
  const std::vector<std::shared_ptr<const MappedFile>>& files_;
};

/// @return pixels, or why the answer is none
Result<Image8> image_of(const Told& told, const fs::path& path, int channels, std::vector<std::string>* warnings) {
  WireReader in(told.answer);
  constexpr std::uint64_t kMaxSide = 1'000'001;
  Image8 image;
  image.width = static_cast<int>(in.take_below(kMaxSide, "a width"));
  image.height = static_cast<int>(in.take_below(kMaxSide, "a height"));
  image.channels = channels;
  const auto said = in.take_texts(4000);
  const std::uint64_t room = in.take_below(told.material.decoded.size(), "the number of a piece of memory");
  if (const auto end = in.end(); !end) return nonsense(path, end.error().message);
  const auto bytes = told.material.decoded[room]->bytes();
  const auto wanted = static_cast<std::uint64_t>(image.width) * static_cast<std::uint64_t>(image.height) *
                      static_cast<std::uint64_t>(channels);
  if (wanted == 0 || bytes.size() != wanted)
    return nonsense(path, fmt::format("has {} bytes of pixels for {} x {}", bytes.size(), image.width, image.height));
  if (warnings != nullptr)
    for (const auto& warning : said) warnings->push_back(tidy_sentence(warning));
  const auto* from = reinterpret_cast<const std::uint8_t*>(bytes.data());
  image.pixels.assign(from, from + bytes.size());
  return image;
}

}  // namespace

Result<std::shared_ptr<const Checkpoint>> open_checkpoint(const fs::path& path, const Progress& progress) {
  if (!reader_in_use()) return engine::open_checkpoint(path);
  VITRINE_TRY(const Told told, ask_reader({"weights", path, {}}, progress.silent()));
  WireReader in(told.answer);
  auto checkpoint = take_checkpoint(in, told.material);
  if (!checkpoint) return nonsense(path, checkpoint.error().message);
  return checkpoint;
}

Result<json> read_json_file(const fs::path& path, std::size_t max_bytes) {
  if (!reader_in_use()) return engine::read_json_file(path, max_bytes);
  VITRINE_TRY(const Told told, ask_reader({"json", path, {{"max_bytes", max_bytes}}}));
  return value_of(told, path);
}

Result<Image8> decode_image(const fs::path& path, int channels, std::vector<std::string>* warnings) {
  if (!reader_in_use() || (channels != 1 && channels != 3)) return engine::decode_image(path, channels, warnings);
  VITRINE_TRY(const Told told, ask_reader({"image", path, {{"channels", channels}}}));
  return image_of(told, path, channels, warnings);
}

Result<std::shared_ptr<const Tokenizer>> open_tokenizer(const fs::path& folder, const Progress& progress) {
  if (!reader_in_use()) return engine::open_tokenizer(folder);
  VITRINE_TRY(const Told told, ask_reader({"tokenizer", folder, {}, true}, progress.silent()));
  SeenFiles files(told.material);
  const ScopedFileSource source(files);
  return engine::open_tokenizer(folder);
}

Result<std::shared_ptr<const Tokenizer>> tokenizer_from_gguf(const json& metadata, const std::string& file_name) {
  if (reader_in_use()) {
    VITRINE_TRY(const Told told, ask_reader({"gguf_tokenizer", {}, {{"metadata", metadata}, {"file", file_name}}}));
  }
  return engine::tokenizer_from_gguf(metadata, file_name);
}

Result<ChatTemplates> open_chat_templates(const fs::path& folder) {
  if (!reader_in_use()) return engine::open_chat_templates(folder);
  VITRINE_TRY(const Told told, ask_reader({"chat_templates", folder, {}}));
  VITRINE_TRY(const json found, value_of(told, folder));
  return chat_templates_from_json(found);
}

Result<ChatTemplates> chat_templates_from_gguf(const json& metadata, const std::string& file_name) {
  if (reader_in_use()) {
    VITRINE_TRY(const Told told, ask_reader({"gguf_chat_templates", {}, {{"metadata", metadata}, {"file", file_name}}}));
  }
  return engine::chat_templates_from_gguf(metadata);
}

Result<std::vector<std::string>> protections() {
  if (!reader_in_use()) return std::vector<std::string>{};
  VITRINE_TRY(const Told told, ask_reader({"protections", {}, {}}));
  WireReader in(told.answer);
  auto names = in.take_texts(200);
  if (const auto end = in.end(); !end) return nonsense({}, end.error().message);
  for (std::string& name : names) name = tidy_sentence(name);
  return names;
}

}  // namespace vitrine::engine::isolate
