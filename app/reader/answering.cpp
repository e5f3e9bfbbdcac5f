#include "app/reader/answering.h"

#include <algorithm>
#include <cstring>

namespace vitrine::app {

using namespace engine;
using isolate::Message;
using isolate::Received;

Result<Received> Answering::request(const Message& message) {
  VITRINE_CHECK(isolate::send_message(channel_, message));
  VITRINE_TRY(Received received, isolate::receive_message(channel_, true));
  if (received.message.error) return fail(std::move(*received.message.error));
  if (received.message.kind != Message::Kind::Granted || !received.descriptor.valid())
    return fail(ErrorCode::Internal, "the program answered nonsense");
  return received;
}

Result<isolate::Order> Answering::receive_order() {
  VITRINE_TRY(Received received, isolate::receive_message(channel_, true));
  if (received.message.kind != Message::Kind::Ask || !received.descriptor.valid())
    return fail(ErrorCode::Internal, "expected an order");
  VITRINE_TRY(const auto memory, MappedFile::adopt(received.descriptor.release(), "order"));
  return isolate::decode_order(memory->bytes());
}

Result<std::shared_ptr<const MappedFile>> Answering::open(const std::filesystem::path& path) {
  const std::string name = path.string();
  if (const auto known = known_.find(name); known != known_.end()) return files_[known->second];
  Message wanted;
  wanted.kind = Message::Kind::Open;
  wanted.text = name;
  VITRINE_TRY(Received received, request(wanted));
  VITRINE_TRY(auto file, MappedFile::adopt(received.descriptor.release(), name, received.message.number));
  known_.emplace(name, files_.size());
  files_.push_back(file);
  return file;
}

Result<std::pair<std::uint64_t, isolate::WritableMemory>> Answering::borrow(std::uint64_t bytes) {
  Message wanted;
  wanted.kind = Message::Kind::Room;
  wanted.number = bytes;
  VITRINE_TRY(const Received received, request(wanted));
  VITRINE_TRY(auto memory, isolate::WritableMemory::map(received.descriptor, bytes));
  return std::pair(rooms_++, std::move(memory));
}

Result<std::uint64_t> Answering::lay_down(std::span<const std::byte> bytes) {
  VITRINE_TRY(auto borrowed, borrow(bytes.size()));
  std::copy(bytes.begin(), bytes.end(), borrowed.second.bytes().begin());
  return borrowed.first;
}

Status Answering::put(std::shared_ptr<const Checkpoint> checkpoint, isolate::WireWriter& out) {
  checkpoint_ = std::move(checkpoint);
  const auto* mapped = dynamic_cast<const MappedCheckpoint*>(checkpoint_.get());
  if (mapped == nullptr) return fail(ErrorCode::Internal, "the reader's checkpoint is of no kind that can be handed over");
  std::vector<std::shared_ptr<const std::vector<std::byte>>> decoded;
  VITRINE_CHECK(isolate::put_checkpoint(*mapped, files_, decoded, out));
  for (const auto& bytes : decoded) {
    VITRINE_TRY(const std::uint64_t number, lay_down(*bytes));
    static_cast<void>(number);   // in the order in which tensors name them: nothing was laid down before
  }
  return {};
}

Status Answering::send(const isolate::WireWriter& answer) {
  Message done;
  done.kind = Message::Kind::Done;
  done.extra = answer.size();
  {
    VITRINE_TRY(auto borrowed, borrow(answer.size()));
    answer.write_to(borrowed.second.bytes());
    done.number = borrowed.first;
  }
  return isolate::send_message(channel_, done);
}

Status Answering::check_whole() const {
  for (const auto& file : files_) VITRINE_CHECK(file->check_whole());
  return {};
}

}  // namespace vitrine::app
