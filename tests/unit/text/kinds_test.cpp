#include <sys/mman.h>

#include <array>
#include <fstream>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "engine/io/mapped_file.h"
#include "engine/text/sentencepiece.h"
#include "engine/text/tokenizer_files.h"
#include "tests/unit/io/golden_files.h"
#include "tests/unit/io/proto.h"

namespace vitrine::engine {
namespace {

using nlohmann::json;
using test::Proto;
using Opened = Result<std::shared_ptr<const Tokenizer>>;

json file_of(json model) { return {{"version", "1.0"}, {"model", std::move(model)}}; }

json bpe() { return {{"type", "BPE"}, {"vocab", {{"a", 0}, {"b", 1}, {"ab", 2}}}, {"merges", {"a b"}}}; }

/// [[piece, score], ...]
json scored(std::initializer_list<const char*> pieces) {
  json list = json::array();
  for (const char* piece : pieces) list.push_back(json::array({piece, -1.0}));
  return list;
}

Opened from(json model) { return tokenizer_from_json(file_of(std::move(model)), json(), "tokenizer.json"); }

std::string kind_of(const Opened& t) {
  EXPECT_TRUE(t) << t.error().message;
  return t ? (*t)->kind() : "";
}

text::SentencePieceModel pieces(text::SentencePieceModel::Kind kind) {
  text::SentencePieceModel model;
  model.kind = kind;
  model.pieces = {{"<unk>", 0, text::PieceType::Unknown}, {"a", -1, text::PieceType::Normal}};
  return model;
}

TEST(Kind, IsWhatAPersonCallsIt) {
  EXPECT_EQ(kind_of(from(bpe())), "BPE");
  json words = bpe();
  words["end_of_word_suffix"] = "</w>";
  words["vocab"] = {{"a", 0}, {"b</w>", 1}, {"ab</w>", 2}};
  words["merges"] = {"a b</w>"};
  EXPECT_EQ(kind_of(from(words)), "BPE with end-of-word marks");
  json bytes = file_of(bpe());
  bytes["pre_tokenizer"] = {{"type", "ByteLevel"}};
  EXPECT_EQ(kind_of(tokenizer_from_json(bytes, json(), "x")), "byte-level BPE");
  EXPECT_EQ(kind_of(from({{"type", "WordPiece"}, {"vocab", {{"[UNK]", 0}}}})), "WordPiece");
  EXPECT_EQ(kind_of(from({{"type", "WordLevel"}, {"vocab", {{"<unk>", 0}}}, {"unk_token", "<unk>"}})), "WordLevel");
  EXPECT_EQ(kind_of(from({{"type", "Unigram"}, {"vocab", scored({"<unk>", "a"})}, {"unk_id", 0}})), "Unigram");
  using Kind = text::SentencePieceModel::Kind;
  EXPECT_EQ(kind_of(text::sentencepiece_tokenizer(pieces(Kind::Unigram), false, false, {})), "SentencePiece unigram");
  EXPECT_EQ(kind_of(text::sentencepiece_tokenizer(pieces(Kind::Bpe), false, false, {})), "SentencePiece BPE");
  const test::TemporaryFolder folder;
  std::ofstream(folder.path() / "vocab.json") << R"({"<pad>": 0, "0,": 1, "0": 2, "1": 3})";
  const auto longest = open_tokenizer(folder.path());
  EXPECT_EQ(kind_of(longest), "longest match");
  EXPECT_EQ((*longest)->pad_id(), 0);
  EXPECT_EQ((*longest)->decode({1, 3, 2}), "0,10");
}

TEST(UnigramTokenizer, WarnsWhereItsByteTokensAreMissing) {
  const auto t = from({{"type", "Unigram"}, {"vocab", scored({"<unk>", "<0x00>"})}, {"unk_id", 0}, {"byte_fallback", true}});
  ASSERT_TRUE(t) << t.error().message;
  EXPECT_EQ((*t)->warnings(), (std::vector<std::string>{"model: byte_fallback is on, but the vocab lacks byte tokens <0x00> to <0xFF>"}));
}

json gguf() {
  return {{"tokenizer.ggml.model", "gpt2"},
          {"tokenizer.ggml.tokens", {"a", "b", "ab"}},
          {"tokenizer.ggml.token_type", {1, 1, 1}},
          {"tokenizer.ggml.merges", {"a b"}}};
}

TEST(GgufTokenizer, SaysThatItHasNoTokenToBeginWith) {
  json metadata = gguf();
  metadata["tokenizer.ggml.add_bos_token"] = true;
  const auto t = tokenizer_from_gguf(metadata, "x.gguf");
  ASSERT_TRUE(t) << t.error().message;
  EXPECT_EQ((*t)->warnings(), (std::vector<std::string>{"tokenizer.ggml.add_bos_token is on, but there is no bos_token_id"}));
  EXPECT_EQ((*t)->encode("ab")->tokens.size(), 1U);
}

TEST(GgufTokenizer, NamesTheEntryThatIsNoType) {
  json metadata = gguf();
  metadata["tokenizer.ggml.token_type"][1] = 1.5;
  const auto t = tokenizer_from_gguf(metadata, "x.gguf");
  ASSERT_FALSE(t);
  EXPECT_EQ(sentence(t.error()), "x.gguf: tokenizer.ggml.token_type: entry 1 is not a whole number");
}

/// ByteLevel with trimmed offsets: the blanks of a token are not part of what it points at, but for one that was added.
TEST(ByteLevelOffsets, LeaveOutTheBlanksOfATokenOfBlanks) {
  json file = file_of({{"type", "BPE"}, {"vocab", {{"\u0120", 0}, {"a", 1}, {"\u0120\u0120", 2}, {"\u0120a", 3}}},
                       {"merges", {"\u0120 \u0120", "\u0120 a"}}});
  file["pre_tokenizer"] = {{"type", "ByteLevel"}, {"add_prefix_space", false}};
  file["post_processor"] = {{"type", "ByteLevel"}, {"trim_offsets", true}, {"add_prefix_space", false}};
  const auto t = tokenizer_from_json(file, json(), "x");
  ASSERT_TRUE(t) << t.error().message;
  const auto e = (*t)->encode("a   a  ");
  ASSERT_TRUE(e);
  ASSERT_EQ(e->tokens.size(), 4U);
  const std::vector<std::array<std::int64_t, 3>> want = {{1, 0, 1}, {2, 3, 3}, {3, 4, 5}, {2, 7, 7}};
  for (std::size_t i = 0; i < want.size(); ++i)
    EXPECT_EQ((std::array{e->tokens[i].id, e->tokens[i].begin, e->tokens[i].end}), want[i]) << i;
}

/// A file of zeros that takes no room on the disk.
std::shared_ptr<const MappedFile> zeros(const std::filesystem::path& path, std::uintmax_t bytes) {
  std::ofstream(path).close();
  std::filesystem::resize_file(path, bytes);
  const auto file = MappedFile::open(path);
  EXPECT_TRUE(file);
  return *file;
}

TEST(TokenizerFiles, HaveALimitOnTheirSize) {
  const test::TemporaryFolder folder;
  const auto large = zeros(folder.path() / "large.txt", (64 << 20) + 1);
  const std::string want = (folder.path() / "large.txt").string() + ": has 67108865 bytes, the limit is 67108864";
  EXPECT_EQ(sentence(tokenizer_from_vocab_txt(*large, json()).error()), want);
  EXPECT_EQ(sentence(tokenizer_from_characters(*large).error()), want);
  EXPECT_EQ(sentence(tokenizer_from_model_file(*large, json()).error()), want);
}

TEST(CharacterTokenizer, NamesItsFileWhenItRefuses) {
  const test::TemporaryFolder folder;
  for (const char* wrong : {"[]", "{}", R"({"a": -1})", R"({"a": 0, "b": 0})", R"({"": 0})"}) {
    std::ofstream(folder.path() / "vocab.json") << wrong;
    const auto t = open_tokenizer(folder.path());
    ASSERT_FALSE(t) << wrong;
    EXPECT_EQ(t.error().file, (folder.path() / "vocab.json").string()) << wrong;
    EXPECT_NE(t.error().message.find("vocab"), std::string::npos) << t.error().message;
  }
}

TEST(Tokenizer, RefusesATextAboveItsLimitUnread) {
  constexpr std::size_t bytes = (std::size_t{1} << 30) + 1;
  void* room = ::mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  ASSERT_NE(room, MAP_FAILED);
  const std::string_view text(static_cast<const char*>(room), bytes);
  const auto t = from(bpe());
  for (const auto& refused : {(*t)->encode(text), (*t)->encode_pair("a", text), (*t)->encode_within("a", text, 5)}) {
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::InvalidInput);
    EXPECT_EQ(refused.error().message, "the text has 1073741825 bytes, the limit is 1073741824");
  }
  ::munmap(room, bytes);
}

std::string piece(std::string_view text, int type) { return Proto().text(1, text).varint(3, static_cast<std::uint64_t>(type)).bytes; }

Result<text::SentencePieceModel> read(const std::string& bytes) {
  std::vector<std::string> warnings;
  return text::read_sentencepiece(std::as_bytes(std::span(bytes)), warnings);
}

TEST(SentencePieceFile, SaysHowTheControlPiecesAreSpelled) {
  const std::string trainer = Proto().varint(24, 1).text(44, "?").text(46, "[B]").text(47, "[E]").text(48, "[P]").bytes;
  Proto file;
  file.text(1, piece("<unk>", 2)).text(1, piece("[B]", 3)).text(1, piece("[E]", 3)).text(1, piece("[P]", 3)).text(1, piece("a\u2581", 1));
  file.text(2, trainer);
  auto model = read(file.bytes);
  ASSERT_TRUE(model) << sentence(model.error());
  EXPECT_TRUE(model->whitespace_as_suffix);
  const auto t = text::sentencepiece_tokenizer(std::move(*model), true, true, {});
  ASSERT_TRUE(t) << t.error().message;
  EXPECT_EQ((*t)->pad_id(), 3);
  EXPECT_EQ((*t)->eos_id(), 2);
  const auto encoding = (*t)->encode("a");
  ASSERT_TRUE(encoding);
  std::vector<std::int64_t> ids;
  for (const Token& token : encoding->tokens) ids.push_back(token.id);
  EXPECT_EQ(ids, (std::vector<std::int64_t>{1, 4, 2})) << "the space is after the word";
  EXPECT_EQ((*t)->decode({0}), "?");
}

TEST(SentencePieceFile, HasALimitOnItsTableAndItsPieces) {
  const std::string charsmap = Proto().text(2, std::string((16 << 20) + 4, '\0')).bytes;
  const auto table = read(Proto().text(1, piece("<unk>", 2)).text(3, charsmap).bytes);
  ASSERT_FALSE(table);
  EXPECT_EQ(table.error().code, ErrorCode::FileLimit);
  EXPECT_EQ(table.error().message, "the charsmap has 16777220 bytes, the limit is 16777216");
  EXPECT_TRUE(table.error().offset.has_value());
  std::string many;
  const std::string one = Proto().text(1, piece("a", 1)).bytes;
  for (int i = 0; i <= 1 << 21; ++i) many += one;
  const auto pieces = read(many);
  ASSERT_FALSE(pieces);
  EXPECT_EQ(pieces.error().code, ErrorCode::FileLimit);
  EXPECT_EQ(pieces.error().message, "has more than 2097152 pieces");
  EXPECT_EQ(pieces.error().offset, (one.size() << 21) + 2) << "its own bytes, behind tag and length";
}

TEST(Display, ShowsWhatCannotBeSeen) {
  const auto t = from({{"type", "WordLevel"}, {"unk_token", "?"}, {"vocab", {{"\x7F", 0}, {"\u200B", 1}, {"\t", 2}, {"\n", 3}, {"\x01", 4}, {"?", 5}, {"\u2581a", 6}}}});
  ASSERT_TRUE(t) << t.error().message;
  const std::vector<std::string> want = {"\u2421", "<U+200B>", "\u21E5", "\u21B5", "\u2401", "?", " a"};
  for (std::size_t id = 0; id < want.size(); ++id) EXPECT_EQ((*t)->display(static_cast<std::int64_t>(id)), want[id]);
}

TEST(Display, LeavesOutTheMarksOfWords) {
  const auto pieces = from({{"type", "WordPiece"}, {"vocab", {{"[UNK]", 0}, {"##ing", 1}}}});
  ASSERT_TRUE(pieces) << pieces.error().message;
  EXPECT_EQ((*pieces)->display(1), "ing");
  json words = bpe();
  words["end_of_word_suffix"] = "</w>";
  words["vocab"] = {{"a", 0}, {"b</w>", 1}, {"ab</w>", 2}};
  words["merges"] = {"a b</w>"};
  const auto marked = from(words);
  ASSERT_TRUE(marked) << marked.error().message;
  EXPECT_EQ((*marked)->display(2), "ab");
}

TEST(WordLevelTokenizer, WarnsOfAnUnknownTokenThatIsNotThere) {
  const auto t = from({{"type", "WordLevel"}, {"unk_token", "<unk>"}, {"vocab", {{"a", 0}}}});
  ASSERT_TRUE(t) << t.error().message;
  EXPECT_EQ((*t)->warnings(), (std::vector<std::string>{"model: the unk_token '<unk>' is not in the vocab"}));
  EXPECT_TRUE((*t)->encode("b")->tokens.empty());
}

TEST(GgufTokenizer, NamesWhatItDoesNotKnow) {
  json metadata = gguf();
  metadata["tokenizer.ggml.tokens"][1] = 5;
  const auto number = tokenizer_from_gguf(metadata, "x.gguf");
  ASSERT_FALSE(number);
  EXPECT_EQ(number.error().message, "tokenizer.ggml.tokens: expected entry 1 to be a text, came 5");
  metadata = gguf();
  metadata["tokenizer.ggml.model"] = "rwkv";
  const auto model = tokenizer_from_gguf(metadata, "x.gguf");
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().code, ErrorCode::Unsupported);
  EXPECT_EQ(model.error().message.rfind("tokenizer.ggml.model is 'rwkv'; only ", 0), 0U);
}

TEST(SentencePieceFile, MayKeepItsSpacesAndSaysThatTextsAreNotTurnedBack) {
  const Proto spaces = Proto().varint(5, 0).varint(4, 0).varint(3, 0);
  std::vector<std::string> warnings;
  const auto denormalised = [&](const Proto& back) {
    Proto file;
    file.text(1, piece("<unk>", 2)).text(1, piece(" ", 1)).text(1, piece("a", 1)).text(3, spaces).text(5, back);
    warnings.clear();
    return text::read_sentencepiece(std::as_bytes(std::span(file.bytes)), warnings);
  };
  auto model = denormalised(Proto().varint(1, 1));
  ASSERT_TRUE(model) << sentence(model.error());
  EXPECT_TRUE(warnings.empty());
  EXPECT_FALSE(model->escape_whitespaces);
  const auto t = text::sentencepiece_tokenizer(std::move(*model), false, false, {});
  ASSERT_TRUE(t) << t.error().message;
  const auto e = (*t)->encode("a a");
  ASSERT_TRUE(e);
  ASSERT_EQ(e->tokens.size(), 3U);
  EXPECT_EQ(e->tokens[1].id, 1);
  const std::vector<std::string> want = {"denormalizer_spec is not applied when ids are decoded"};
  ASSERT_TRUE(denormalised(Proto().text(2, "map")));
  EXPECT_EQ(warnings, want);
  ASSERT_TRUE(denormalised(Proto{"\x12"}));
  EXPECT_EQ(warnings, want) << "what is broken may be a table";
}

TEST(CharacterTokenizer, TakesTheLongestEntryAndLeavesOutTheRest) {
  const test::TemporaryFolder folder;
  std::ofstream(folder.path() / "vocab.json") << R"({"<pad>": 0, "0,": 1, "0": 2, "1": 3})";
  const auto t = open_tokenizer(folder.path());
  ASSERT_TRUE(t) << sentence(t.error());
  const auto e = (*t)->encode("0,\u00E910");
  ASSERT_TRUE(e);
  std::vector<std::int64_t> ids;
  for (const Token& token : e->tokens) ids.push_back(token.id);
  EXPECT_EQ(ids, (std::vector<std::int64_t>{1, 3, 2}));
  EXPECT_EQ(e->tokens[1].begin, 4);
}

TEST(UnigramTokenizer, SpellsUnknownCharactersInBytes) {
  json vocab = scored({"<unk>", "a"});
  for (int byte = 0; byte < 256; ++byte) vocab.push_back(json::array({fmt::format("<0x{:02X}>", byte), -10.0}));
  const auto t = from({{"type", "Unigram"}, {"vocab", vocab}, {"unk_id", 0}, {"byte_fallback", true}});
  ASSERT_TRUE(t) << t.error().message;
  const auto e = (*t)->encode("a\u00E9");
  ASSERT_TRUE(e);
  std::vector<std::int64_t> ids;
  for (const Token& token : e->tokens) ids.push_back(token.id);
  EXPECT_EQ(ids, (std::vector<std::int64_t>{1, 2 + 0xC3, 2 + 0xA9}));
}

TEST(TokenizerFiles, HaveALimitOnALineAndAPiece) {
  const std::string lines = "[UNK]\n" + std::string(16385, 'a') + "\n";
  const auto file = MappedFile::copy_of(std::as_bytes(std::span(lines)), "vocab.txt");
  const auto t = tokenizer_from_vocab_txt(*file, json());
  ASSERT_FALSE(t);
  EXPECT_EQ(sentence(t.error()), "vocab.txt: line 2 is 16385 bytes long, the limit is 16384 (byte 6)");
  const auto model = read(Proto().text(1, piece(std::string(4097, 'a'), 1)).bytes);
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().message, "piece 0 is 4097 bytes long, the limit is 4096");
}

}  // namespace
}  // namespace vitrine::engine
