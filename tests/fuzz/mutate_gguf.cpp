#include <algorithm>
#include <array>
#include <cstring>

#include "tests/fuzz/mutators.h"

namespace vitrine::fuzz {
namespace {

constexpr std::array<std::size_t, 13> kBytes = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
constexpr std::uint32_t kString = 8, kArray = 9;

struct Pair {
  std::string key;
  std::uint32_t type = 4;
  Buffer value;
};
struct Info {
  std::string name;
  std::vector<std::uint64_t> sizes;
  std::uint32_t type = 0;
  std::uint64_t offset = 0;
};
struct Gguf {
  std::uint32_t version = 3;
  std::vector<Pair> pairs;
  std::vector<Info> infos;
  Buffer data;
};

/// Reads as far as the bytes go; `good` falls once they do not.
struct Cursor {
  const Buffer& bytes;
  std::size_t at = 0;
  bool good = true;

  template <class T>
  T number() {
    T value{};
    if (bytes.size() - at < sizeof(T)) return good = false, value;
    std::memcpy(&value, bytes.data() + at, sizeof(T));
    at += sizeof(T);
    return value;
  }
  Buffer take(std::uint64_t n) {
    if (n > bytes.size() - at) return good = false, Buffer{};
    const auto from = bytes.begin() + static_cast<std::ptrdiff_t>(at);
    at += static_cast<std::size_t>(n);
    return {from, from + static_cast<std::ptrdiff_t>(n)};
  }
  std::string string() {
    const Buffer b = take(number<std::uint64_t>());
    return {b.begin(), b.end()};
  }
  void skip_value(std::uint32_t type, int depth) {
    if (type == kString) {
      string();
    } else if (type == kArray) {
      const auto inner = number<std::uint32_t>();
      const auto count = number<std::uint64_t>();
      if (depth > 8 || count > bytes.size()) good = false;
      for (std::uint64_t i = 0; good && i < count; ++i) skip_value(inner, depth + 1);
    } else if (type < kBytes.size()) {
      take(kBytes[type]);
    } else {
      good = false;
    }
  }
};

bool parse(const Buffer& bytes, Gguf& out) {
  Cursor c{bytes, 4};
  if (bytes.size() < 24 || std::memcmp(bytes.data(), "GGUF", 4) != 0) return false;
  out.version = c.number<std::uint32_t>();
  const auto tensors = c.number<std::uint64_t>(), pairs = c.number<std::uint64_t>();
  for (std::uint64_t i = 0; c.good && i < pairs; ++i) {
    Pair pair{c.string(), c.number<std::uint32_t>(), {}};
    const std::size_t from = c.at;
    c.skip_value(pair.type, 0);
    if (!c.good) return false;
    pair.value.assign(bytes.begin() + static_cast<std::ptrdiff_t>(from), bytes.begin() + static_cast<std::ptrdiff_t>(c.at));
    out.pairs.push_back(std::move(pair));
  }
  for (std::uint64_t i = 0; c.good && i < tensors; ++i) {
    Info info{c.string(), {}, 0, 0};
    const auto rank = c.number<std::uint32_t>();
    for (std::uint32_t axis = 0; c.good && axis < std::min(rank, 8U); ++axis) info.sizes.push_back(c.number<std::uint64_t>());
    info.type = c.number<std::uint32_t>();
    info.offset = c.number<std::uint64_t>();
    out.infos.push_back(std::move(info));
  }
  if (c.good) out.data = c.take(bytes.size() - c.at);
  return c.good;
}

template <class T>
void put(Buffer& out, T value) {
  const std::size_t at = out.size();
  out.resize(at + sizeof value);
  std::memcpy(out.data() + at, &value, sizeof value);
}

void put(Buffer& out, const std::string& text) {
  put<std::uint64_t>(out, text.size());
  out.insert(out.end(), text.begin(), text.end());
}

Buffer written(const Gguf& file) {
  Buffer out = {'G', 'G', 'U', 'F'};
  put(out, file.version);
  put<std::uint64_t>(out, file.infos.size());
  put<std::uint64_t>(out, file.pairs.size());
  for (const Pair& pair : file.pairs) {
    put(out, pair.key);
    put(out, pair.type);
    out.insert(out.end(), pair.value.begin(), pair.value.end());
  }
  for (const Info& info : file.infos) {
    put(out, info.name);
    put(out, static_cast<std::uint32_t>(info.sizes.size()));
    for (const auto n : info.sizes) put(out, n);
    put(out, info.type);
    put(out, info.offset);
  }
  out.insert(out.end(), file.data.begin(), file.data.end());
  return out;
}

std::string word(Dice& dice) {
  static const std::vector<std::string> words = {
      "general.architecture", "general.alignment", "split.count", "split.no", "llama.block_count",
      "llama.embedding_length", "llama.attention.head_count", "llama.attention.head_count_kv",
      "llama.rope.dimension_count", "tokenizer.ggml.model", "tokenizer.ggml.tokens", "tokenizer.ggml.merges",
      "tokenizer.ggml.scores", "tokenizer.ggml.token_type", "tokenizer.ggml.bos_token_id", "tokenizer.ggml.pre",
      "tokenizer.ggml.precompiled_charsmap", "token_embd.weight", "blk.0.attn_q.weight", "llama", "gpt2", "t5", "", "a"};
  return words[dice.below(words.size())];
}

Buffer odd_value(std::uint32_t type, Dice& dice) {
  Buffer out;
  if (type == kString) {
    put(out, dice.one_in(3) ? std::string(dice.below(30), '\xC3') : word(dice));
  } else if (type == kArray) {
    const auto inner = static_cast<std::uint32_t>(dice.below(14));
    const std::size_t count = dice.below(6);
    put(out, inner);
    put<std::uint64_t>(out, dice.one_in(8) ? dice.odd_number() : count);
    for (std::size_t i = 0; i < count && inner != kArray; ++i) {
      const Buffer item = odd_value(inner, dice);
      out.insert(out.end(), item.begin(), item.end());
    }
  } else {
    const std::uint64_t number = dice.odd_number();
    out.resize(type < kBytes.size() ? kBytes[type] : 4);
    std::memcpy(out.data(), &number, std::min(out.size(), sizeof number));
  }
  return out;
}

void change_pair(Gguf& file, Dice& dice, const ByteMutation& plain) {
  auto& pairs = file.pairs;
  if (pairs.empty()) return pairs.push_back({word(dice), 4, odd_value(4, dice)});
  const std::size_t i = dice.below(pairs.size());
  switch (dice.below(7)) {
    case 0: pairs.erase(pairs.begin() + static_cast<std::ptrdiff_t>(i)); return;
    case 1: pairs.push_back(Pair(pairs[i])); return;
    case 2: pairs[i].key = word(dice); return;
    case 3: pairs[i].type = static_cast<std::uint32_t>(dice.below(14)); return;
    case 4: pairs[i].value = odd_value(pairs[i].type, dice); return;
    case 5: plain(pairs[i].value, pairs[i].value.size() + 8); return;
    default: {
      const auto type = static_cast<std::uint32_t>(dice.below(13));
      pairs.push_back({word(dice), type, odd_value(type, dice)});
    }
  }
}

void change_info(Gguf& file, Dice& dice) {
  auto& infos = file.infos;
  if (infos.empty()) return infos.push_back({word(dice), {1 + dice.below(64)}, 0, 0});
  Info& info = infos[dice.below(infos.size())];
  switch (dice.below(7)) {
    case 0: info.type = static_cast<std::uint32_t>(dice.below(42)); return;
    case 1: info.offset = dice.one_in(2) ? dice.below(64) * 32 : dice.odd_number(); return;
    case 2: info.name = word(dice); return;
    case 3: info.sizes.push_back(dice.odd_number()); return;
    case 4: infos.push_back(Info(info)); return;
    case 5:
      if (!info.sizes.empty()) info.sizes[dice.below(info.sizes.size())] = dice.one_in(2) ? 32 * dice.below(9) : dice.odd_number();
      return;
    default: file.data.resize(dice.below(512)); return;
  }
}

}  // namespace

void mutate_gguf(Buffer& bytes, std::size_t max_size, Dice& dice, const ByteMutation& plain) {
  Gguf file;
  if (dice.one_in(3) || !parse(bytes, file)) return plain(bytes, max_size);
  for (std::size_t n = 1 + dice.below(3); n > 0; --n) {
    if (dice.one_in(3)) change_info(file, dice);
    else change_pair(file, dice, plain);
  }
  Buffer out = written(file);
  if (out.size() > max_size) return plain(bytes, max_size);
  bytes = std::move(out);
}

}  // namespace vitrine::fuzz
