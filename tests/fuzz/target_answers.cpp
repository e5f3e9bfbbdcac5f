#include "engine/io/bytes.h"
#include "engine/isolate/message.h"
#include "engine/isolate/reader.h"
#include "engine/model/identity_answer.h"
#include "tests/fuzz/target.h"

using namespace vitrine;
using namespace vitrine::fuzz;
namespace isolate = vitrine::engine::isolate;

namespace {

/// What the answers of the seeds are about: more bytes than the files they were made of.
const isolate::AnswerMaterial& material() {
  static const isolate::AnswerMaterial made = [] {
    std::vector<std::uint8_t> file(4096), decoded(1024);
    for (std::size_t i = 0; i < file.size(); ++i) file[i] = static_cast<std::uint8_t>(i * 7);
    isolate::AnswerMaterial result;
    result.files = {file_of(file, "a.bin")};
    result.decoded = {file_of(decoded, "decoded")};
    return result;
  }();
  return made;
}

/// Errors about an answer are errors of this program's reader: no byte of the user's file belongs to them.
void check_refusal(const engine::Error& error) {
  require(!error.message.empty() && engine::is_utf8(error.message), "an error that is not text");
  require(error.code != engine::ErrorCode::Internal, "an error of ours");
}

/// What was decoded is the same after it was written and read once more.
template <class Decode, class Encode>
void check_read_again(Bytes bytes, Decode decode, Encode encode) {
  const auto taken = decode(std::as_bytes(bytes));
  if (!taken) return check_refusal(taken.error());
  const std::string written = encode(*taken);
  const auto again = decode(std::as_bytes(std::span(written)));
  require(again && encode(*again) == written, "what was written is read as something else");
}

}  // namespace

VITRINE_FUZZ_TARGET(answer) {
  isolate::WireReader in(std::as_bytes(bytes));
  const auto identity = engine::take_identity(in, material());
  if (!identity) return check_refusal(identity.error());
  require(engine::is_utf8(identity->sentence) && engine::is_utf8(identity->format), "a sentence that is not text");
  for (const std::string& warning : identity->warnings) require(engine::is_utf8(warning), "a warning that is not text");
  require(!identity->details.dump().empty(), "details that cannot be shown");
  if (identity->checkpoint) check_checkpoint(*identity->checkpoint);
}

VITRINE_FUZZ_TARGET(message) { check_read_again(bytes, isolate::decode_message, isolate::encode_message); }

VITRINE_FUZZ_TARGET(order) { check_read_again(bytes, isolate::decode_order, isolate::encode_order); }
