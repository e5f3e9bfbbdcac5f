#pragma once

#include "engine/isolate/checkpoint_answer.h"
#include "engine/model/identify.h"

namespace vitrine::engine {

/// Writes down what a file is; its checkpoint, if it has one, follows.
void put_identity(const FileIdentity& identity, isolate::WireWriter& out);
/// Reads it again, believing nothing.
[[nodiscard]] Result<FileIdentity> take_identity(isolate::WireReader& in, const isolate::AnswerMaterial& material);

/// `identify`, by the reader process.
[[nodiscard]] Result<FileIdentity> identify_apart(const std::filesystem::path& path);

}  // namespace vitrine::engine
