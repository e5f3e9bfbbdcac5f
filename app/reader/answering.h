#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/io/mapped_checkpoint.h"
#include "engine/isolate/message.h"
#include "engine/isolate/reader.h"

namespace vitrine::app {

/// The reader's side of one conversation: files and memory are asked for over the channel.
class Answering final : public engine::FileSource {
 public:
  explicit Answering(int channel) : channel_(channel) {}

  /// Waits for the one order.
  [[nodiscard]] engine::Result<engine::isolate::Order> receive_order();
  [[nodiscard]] engine::Result<std::shared_ptr<const engine::MappedFile>> open(const std::filesystem::path& path) override;
  /// Lays bytes down where the program will map them. @return the number of that memory
  [[nodiscard]] engine::Result<std::uint64_t> lay_down(std::span<const std::byte> bytes);
  /// Adds a checkpoint to the answer, which must not outlive this, and lays down what had to be decoded.
  [[nodiscard]] engine::Status put(std::shared_ptr<const engine::Checkpoint> checkpoint, engine::isolate::WireWriter& out);
  /// Sends the answer: after it nothing is listened to.
  [[nodiscard]] engine::Status send(const engine::isolate::WireWriter& answer);
  /// None of the files became shorter while it was read.
  [[nodiscard]] engine::Status check_whole() const;

 private:
  struct Memory {
    engine::isolate::Descriptor descriptor;
    std::uint64_t number;
  };
  engine::Result<engine::isolate::Received> request(const engine::isolate::Message& message);
  engine::Result<std::pair<std::uint64_t, engine::isolate::WritableMemory>> borrow(std::uint64_t bytes);

  int channel_;
  std::uint64_t rooms_ = 0;
  std::vector<std::shared_ptr<const engine::MappedFile>> files_;
  std::shared_ptr<const engine::Checkpoint> checkpoint_;   ///< of the answer
  std::unordered_map<std::string, std::size_t> known_;
};

/// Answers the question: a flag (1: refused), then the error or what the question asks for.
[[nodiscard]] engine::isolate::WireWriter answer_to(const engine::isolate::Question& question, Answering& with,
                                    const std::vector<std::string>& protections);

}  // namespace vitrine::app
