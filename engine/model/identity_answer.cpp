#include "engine/model/identity_answer.h"

#include <fmt/format.h>

#include "engine/isolate/reader.h"

namespace vitrine::engine {
namespace {

constexpr std::size_t kMaxFormat = 64, kMaxWarning = 64'000;

}  // namespace

void put_identity(const FileIdentity& identity, isolate::WireWriter& out) {
  out.put_u64(static_cast<std::uint64_t>(identity.kind));
  out.put_text(identity.format);
  out.put_text(identity.sentence);
  out.put_texts(identity.warnings);
  out.put_u8(identity.checkpoint ? 1 : 0);
  // The metadata of a checkpoint comes with it.
  nlohmann::json details = identity.details;
  if (identity.checkpoint && details.is_object()) details.erase("metadata");
  out.put_json(details);
}

Result<FileIdentity> take_identity(isolate::WireReader& in, const isolate::AnswerMaterial& material) {
  FileIdentity identity;
  constexpr auto kKinds = static_cast<std::uint64_t>(FileKind::Report) + 1;
  identity.kind = static_cast<FileKind>(in.take_below(kKinds, "a kind of file"));
  identity.format = isolate::tidy_sentence(in.take_text(kMaxFormat));
  identity.sentence = isolate::tidy_sentence(in.take_text());
  for (const std::string& warning : in.take_texts(kMaxWarning))
    identity.warnings.push_back(isolate::tidy_sentence(warning));
  const bool weights = in.take_flag();
  identity.details = in.take_json();
  if (!weights) {
    VITRINE_CHECK(in.end());
    return identity;
  }
  VITRINE_TRY(identity.checkpoint, isolate::take_checkpoint(in, material));
  if (!identity.details.is_object()) identity.details = nlohmann::json::object();
  identity.details["metadata"] = identity.checkpoint->metadata();
  return identity;
}

Result<FileIdentity> identify_apart(const std::filesystem::path& path) {
  VITRINE_TRY(const isolate::Told told, isolate::ask_reader({"identify", path, {}}));
  isolate::WireReader in(told.answer);
  auto identity = take_identity(in, told.material);
  if (identity) return identity;
  return fail_file(ErrorCode::FileFormat, path.string(),
                   fmt::format("the reader answered nonsense about it: it {}", identity.error().message));
}

}  // namespace vitrine::engine
