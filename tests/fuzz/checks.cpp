#include <algorithm>

#include "engine/io/bytes.h"
#include "engine/io/checkpoint.h"
#include "engine/io/mapped_checkpoint.h"
#include "engine/text/tokenizer.h"
#include "tests/fuzz/target.h"

namespace vitrine::fuzz {
namespace {

using engine::ErrorCode;

constexpr std::size_t kMostTensors = 32;
constexpr std::int64_t kMostValues = 1024;

void check_entry(const engine::Checkpoint& checkpoint, const engine::TensorEntry& entry) {
  std::vector<std::uint64_t> sizes;
  for (const std::int64_t n : entry.shape) {
    require(n >= 0, "a size of a shape is negative");
    sizes.push_back(static_cast<std::uint64_t>(n));
  }
  const auto count = engine::checked_numel(sizes);
  require(count.has_value(), "a shape has more than 2^63 values");
  require(static_cast<std::uint64_t>(entry.numel()) == *count, "numel is not the product of the shape");
  const engine::TensorEntry* found = checkpoint.find(entry.name);
  require(found != nullptr && found->shape == entry.shape, "a listed tensor is not found by its name");
  const auto stored = checkpoint.bytes(entry);
  if (stored && !stored->empty()) {
    volatile auto first = stored->front();
    volatile auto last = stored->back();
    (void)first, (void)last;
  }
  if (entry.numel() > kMostValues) return;
  const auto values = checkpoint.read_f32(entry);
  if (values) require(values->size() == *count, "another number of values than the shape has");
  else require(values.error().code == ErrorCode::Unsupported, "values of a tensor that opened cannot be read");
}

void check_encoding(const engine::Encoding& encoding, std::string_view text, std::int64_t ids) {
  for (const engine::Token& token : encoding.tokens) {
    require(token.id >= 0 && token.id < ids, "a token outside of the vocabulary");
    require(token.begin >= 0 && token.begin <= token.end, "a token ends before it begins");
    require(token.end <= static_cast<std::int64_t>(text.size()), "a token reaches past the end of the text");
  }
}

bool same(const engine::Encoding& a, const engine::Encoding& b) {
  return std::equal(a.tokens.begin(), a.tokens.end(), b.tokens.begin(), b.tokens.end(), [](const auto& x, const auto& y) {
    return x.id == y.id && x.begin == y.begin && x.end == y.end && x.segment == y.segment;
  });
}

}  // namespace

std::shared_ptr<const engine::MappedFile> file_of(Bytes bytes, std::string_view name) {
  return engine::MappedFile::copy_of(std::as_bytes(bytes), "/nonexistent/" + std::string(name));
}

void check_error(const engine::Error& error, std::size_t file_bytes) {
  require(!error.message.empty(), "an error without a sentence");
  require(error.message.size() < 2000, "an error of more than a sentence");
  require(engine::is_utf8(error.message), "an error that is not text");
  require(error.code != ErrorCode::Internal, "an error of ours");
  require(!error.offset || *error.offset <= file_bytes, "an error at a byte that the file does not have");
}

void check_checkpoint(const engine::Checkpoint& checkpoint) {
  const auto& tensors = checkpoint.tensors();
  for (const auto& entry : tensors) require(engine::is_utf8(entry.name) && engine::is_utf8(entry.dtype), "a name that is not text");
  require(!checkpoint.metadata().dump().empty(), "metadata that cannot be shown");
  for (std::size_t i = 0; i < std::min(tensors.size(), kMostTensors); ++i) check_entry(checkpoint, tensors[i]);
  for (const std::string& warning : checkpoint.warnings()) require(engine::is_utf8(warning), "a warning that is not text");
}

void check_tokenizer(const engine::Tokenizer& tokenizer) {
  static constexpr std::string_view texts[] = {"Hello, world! 12345", "na\xC3\xAFve <s>\n  \xE6\x97\xA5\xE6\x9C\xAC ab",
                                               "\xFF broken \xC3", "a"};
  const std::int64_t ids = tokenizer.vocab_size();
  for (const std::string_view text : texts) {
    const auto encoding = tokenizer.encode(text);
    if (!encoding) {
      check_error(encoding.error(), 0);
      continue;
    }
    check_encoding(*encoding, text, ids);
    std::vector<std::int64_t> list;
    for (const auto& token : encoding->tokens) list.push_back(token.id);
    const std::string decoded = tokenizer.decode(list);
    if (!list.empty()) (void)tokenizer.display(list.front());
    if (text != texts[0]) continue;
    const auto again = tokenizer.encode(text);
    require(again && same(*encoding, *again), "the same text gave other tokens");
    require(tokenizer.decode(list) == decoded, "the same ids gave another text");
  }
  const auto pair = tokenizer.encode_within(texts[0], texts[1], 6);
  if (pair) require(pair->tokens.size() <= 6, "more tokens than were wanted");
}

}  // namespace vitrine::fuzz
