#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/isolate/checkpoint_answer.h"
#include "engine/isolate/message.h"
#include "engine/isolate/reader.h"

namespace vitrine::engine::isolate {

/// Opens files and makes memory for a reader, which can do neither: only files of the folder that its question is about,
/// only as much memory as the question may cost.
class Broker {
 public:
  Broker(const Question& question, const QuestionLimits& limits);

  /// What a request of the reader is answered with, and the descriptor that goes along or -1.
  /// @error FileFormat if it is no request
  struct Reply {
    Message message;
    int descriptor = -1;
  };
  [[nodiscard]] Result<Reply> reply(const Message& request);

  /// After the end of the reader: seals the memory that it wrote and maps it for reading.
  /// @error FileFormat if the answer does not lie where `done` says
  [[nodiscard]] Result<Told> close(const Message& done);

 private:
  struct Room {
    Descriptor memory;
    std::uint64_t bytes;
  };
  Reply open(const std::string& name);
  Reply make_room(std::uint64_t bytes);
  Result<std::shared_ptr<const MappedFile>> open_file(const std::string& name) const;

  const Question& question_;
  std::uint64_t room_left_;
  std::filesystem::path base_;   ///< canonical; nothing outside is opened
  std::vector<std::shared_ptr<const MappedFile>> files_;
  std::unordered_map<std::string, std::size_t> known_;
  std::vector<Room> rooms_;
};

/// The folder whose files a question is about: of a plugin's manifest the one where its neighbours are as well.
[[nodiscard]] std::filesystem::path folder_of(const std::filesystem::path& path);

}  // namespace vitrine::engine::isolate
