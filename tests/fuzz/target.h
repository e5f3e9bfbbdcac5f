#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

#include "engine/core/error.h"
#include "engine/io/mapped_file.h"

/// A fuzz target: what must be true of a reader, whatever the bytes. Listed in targets.def.
#define VITRINE_FUZZ_TARGET(name) void fuzz_##name([[maybe_unused]] vitrine::fuzz::Bytes bytes)

namespace vitrine::engine {
class Checkpoint;
class Tokenizer;
}  // namespace vitrine::engine

namespace vitrine::fuzz {

using Bytes = std::span<const std::uint8_t>;

/// A truth that does not hold. Nothing catches it in a fuzzer; a test reports it.
struct Broken : std::logic_error {
  using std::logic_error::logic_error;
};

inline void require(bool truth, const char* what) {
  if (!truth) throw Broken(what);
}

/// Errors are for people: one sentence, of a file and a byte of it that exist.
void check_error(const engine::Error& error, std::size_t file_bytes);

inline std::string_view as_text(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

/// The input as a file in a folder that does not exist, so that nothing beside it can be opened.
std::shared_ptr<const engine::MappedFile> file_of(Bytes bytes, std::string_view name);

/// Shapes, ranges and values of what opened: whole, inside, and readable or refused for a reason.
void check_checkpoint(const engine::Checkpoint& checkpoint);
/// The same where opening succeeded; else the error must be fit to show.
template <class Opened>
void check_opened(const Opened& opened, std::size_t file_bytes) {
  if (opened) check_checkpoint(*opened);
  else check_error(opened.error(), file_bytes);
}

/// Ids of the vocabulary, offsets inside the text, the same each time.
void check_tokenizer(const engine::Tokenizer& tokenizer);
template <class Opened>
void check_opened_tokenizer(const Opened& opened, std::size_t file_bytes) {
  if (opened) check_tokenizer(**opened);
  else check_error(opened.error(), file_bytes);
}

}  // namespace vitrine::fuzz
