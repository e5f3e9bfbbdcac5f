#include <map>
#include <new>

#include <fmt/format.h>

#include "app/reader/answering.h"
#include "engine/core/memory.h"
#include "engine/io/checkpoint.h"
#include "engine/io/image.h"
#include "engine/io/json.h"
#include "engine/model/identity_answer.h"
#include "engine/text/chat_template.h"
#include "engine/text/tokenizer.h"

namespace vitrine::app {

using namespace engine;
using isolate::Question;
using isolate::WireWriter;

namespace {

Status answer_identify(const Question& question, Answering& with, WireWriter& out) {
  VITRINE_TRY(const FileIdentity identity, identify(question.path));
  put_identity(identity, out);
  return identity.checkpoint ? with.put(identity.checkpoint, out) : Status{};
}

Status answer_weights(const Question& question, Answering& with, WireWriter& out) {
  VITRINE_TRY(const auto checkpoint, open_checkpoint(question.path));
  return with.put(checkpoint, out);
}

Status answer_json(const Question& question, Answering&, WireWriter& out) {
  VITRINE_TRY(const auto value, read_json_file(question.path, question.arguments.value("max_bytes", std::size_t{0})));
  out.put_json(value);
  return {};
}

Status answer_image(const Question& question, Answering& with, WireWriter& out) {
  std::vector<std::string> warnings;
  VITRINE_TRY(const Image8 image, decode_image(question.path, question.arguments.value("channels", 3), &warnings));
  out.put_i64(image.width);
  out.put_i64(image.height);
  out.put_texts(warnings);
  VITRINE_TRY(const std::uint64_t room, with.lay_down(std::as_bytes(std::span(image.pixels))));
  out.put_u64(room);
  return {};
}

Status answer_tokenizer(const Question& question, Answering&, WireWriter&) {
  VITRINE_TRY(const auto opened, open_tokenizer(question.path));
  return {};
}

Status answer_gguf_tokenizer(const Question& question, Answering&, WireWriter&) {
  VITRINE_TRY(const auto opened, tokenizer_from_gguf(question.arguments.value("metadata", nlohmann::json::object()),
                                                     question.arguments.value("file", "")));
  return {};
}

Status answer_chat_templates(const Question& question, Answering&, WireWriter& out) {
  VITRINE_TRY(const auto opened, open_chat_templates(question.path));
  out.put_json(to_json(opened));
  return {};
}

Status answer_gguf_chat_templates(const Question& question, Answering&, WireWriter&) {
  VITRINE_TRY(const auto opened, chat_templates_from_gguf(question.arguments.value("metadata", nlohmann::json::object())));
  return {};
}

using Answer = Status (*)(const Question&, Answering&, WireWriter&);

Status answer_any(const Question& question, Answering& with, WireWriter& out) {
  static const std::map<std::string, Answer> answers = {
      {"identify", answer_identify}, {"weights", answer_weights},     {"json", answer_json},
      {"image", answer_image},       {"tokenizer", answer_tokenizer}, {"gguf_tokenizer", answer_gguf_tokenizer},
      {"chat_templates", answer_chat_templates}, {"gguf_chat_templates", answer_gguf_chat_templates},
  };
  const auto found = answers.find(question.what);
  if (found == answers.end()) return fail(ErrorCode::Internal, "no reader for '" + question.what + "'");
  try {
    return found->second(question, with, out);
  } catch (const std::bad_alloc&) {
    return fail_file(ErrorCode::FileLimit, question.path.string(), "needs more memory to be read than it may have");
  } catch (const std::exception& defect) {
    return fail_file(ErrorCode::Internal, question.path.string(), fmt::format("defect of the reader: {}", defect.what()));
  }
}

WireWriter refusal(const engine::Error& error) {
  WireWriter refused;
  refused.put_u8(1);
  refused.put_error(error);
  return refused;
}

WireWriter answer(const Question& question, Answering& with, const std::vector<std::string>& protections) {
  WireWriter good;
  good.put_u8(0);
  Status status;
  if (question.what == "protections") good.put_texts(protections);
  else status = answer_any(question, with, good);
  if (const Status whole = with.check_whole(); !whole) status = whole;
  return status ? good : refusal(status.error());
}

}  // namespace

WireWriter answer_to(const Question& question, Answering& with, const std::vector<std::string>& protections) {
  try {
    return answer(question, with, protections);
  } catch (const std::bad_alloc&) {
    return refusal(engine::out_of_memory(question.path.string()));
  }
}

}  // namespace vitrine::app
