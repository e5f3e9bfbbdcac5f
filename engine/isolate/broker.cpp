#include "engine/isolate/broker.h"

#include <fmt/format.h>

namespace vitrine::engine::isolate {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kCopyBelow = std::uint64_t{1} << 20;
constexpr std::size_t kMaxFiles = 4096, kMaxRooms = 1 << 16;

Broker::Reply refusal(Error error) {
  Message message;
  message.kind = Message::Kind::Refused;
  message.error = std::move(error);
  return {std::move(message), -1};
}

Broker::Reply grant(int descriptor, std::uint64_t links) {
  Message message;
  message.kind = Message::Kind::Granted;
  message.number = links;
  return {std::move(message), descriptor};
}

}  // namespace

fs::path folder_of(const fs::path& path) {
  std::error_code problem;
  const fs::path folder = fs::is_directory(path, problem) ? path : path.parent_path();
  const fs::path base = fs::canonical(folder.empty() ? fs::path(".") : folder, problem);
  return path.filename() == "manifest.json" ? base.parent_path() : base;
}

Broker::Broker(const Question& question, const QuestionLimits& limits)
    : question_(question), room_left_(limits.room_bytes) {
  if (!question.path.empty()) base_ = folder_of(question.path);
}

Result<Broker::Reply> Broker::reply(const Message& request) {
  switch (request.kind) {
    case Message::Kind::Open: return open(request.text);
    case Message::Kind::Room: return make_room(request.number);
    default: return fail(ErrorCode::FileFormat, "is not a request");
  }
}

Broker::Reply Broker::open(const std::string& name) {
  if (const auto known = known_.find(name); known != known_.end())
    return grant(files_[known->second]->descriptor(), files_[known->second]->links());
  if (files_.size() >= kMaxFiles)
    return refusal({ErrorCode::FileLimit, fmt::format("more than {} files belong to it", kMaxFiles), name, {}, {}});
  auto file = open_file(name);
  if (!file) return refusal(std::move(file.error()));
  known_.emplace(name, files_.size());
  files_.push_back(std::move(*file));
  return grant(files_.back()->descriptor(), files_.back()->links());
}

Result<std::shared_ptr<const MappedFile>> Broker::open_file(const std::string& name) const {
  if (fs::path(name) != question_.path) {
    std::error_code problem;
    const fs::path real = fs::canonical(name, problem);
    if (problem) return fail_file(ErrorCode::FileMissing, name, fmt::format("cannot be opened: {}", problem.message()));
    if (base_.empty() || !is_inside(real, base_))
      return fail_file(ErrorCode::FileFormat, name, "is a link that leads outside the folder");
  }
  VITRINE_TRY(auto file, MappedFile::open(name));
  if (file->size() >= kCopyBelow && !question_.copies) return file;
  VITRINE_TRY(Descriptor copy, make_sealed(file->bytes()));
  VITRINE_CHECK(file->check_whole());
  return MappedFile::adopt(copy.release(), name, file->links());
}

Broker::Reply Broker::make_room(std::uint64_t bytes) {
  if (bytes > room_left_ || rooms_.size() >= kMaxRooms)
    return refusal({ErrorCode::FileLimit,
                    fmt::format("its decoded values need {} bytes more than the {} that are left for it", bytes, room_left_),
                    question_.path.string(), {}, {}});
  auto memory = make_memory(bytes);
  if (!memory) return refusal(std::move(memory.error()));
  room_left_ -= bytes;
  rooms_.push_back({std::move(*memory), bytes});
  return grant(rooms_.back().memory.get(), 0);
}

Result<Told> Broker::close(const Message& done) {
  if (done.number >= rooms_.size() || done.extra > rooms_[done.number].bytes)
    return fail(ErrorCode::FileFormat, "lies in memory that it was not given");
  Told told;
  for (Room& room : rooms_) {
    VITRINE_CHECK(seal(room.memory));
    VITRINE_TRY(auto memory, MappedFile::adopt(room.memory.release(), question_.path.string()));
    told.material.decoded.push_back(std::move(memory));
  }
  told.memory = told.material.decoded[done.number];
  told.answer = told.memory->bytes().first(done.extra);
  told.material.files = std::move(files_);
  return told;
}

}  // namespace vitrine::engine::isolate
