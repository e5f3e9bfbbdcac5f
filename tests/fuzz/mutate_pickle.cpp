#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

#include "tests/fuzz/mutators.h"

namespace vitrine::fuzz {
namespace {

/// How many bytes follow an opcode: a fixed number, a line, two lines, or a counted string.
enum class Argument { Fixed0, Fixed1, Fixed2, Fixed4, Fixed8, Line, TwoLines, Counted1, Counted4, Counted8 };

struct Opcode {
  std::uint8_t code;
  Argument argument;
};

/// All opcodes of protocols 0 to 5.
constexpr Opcode kOpcodes[] = {
    {'(', Argument::Fixed0},    {'.', Argument::Fixed0},    {'0', Argument::Fixed0},    {'1', Argument::Fixed0},
    {'2', Argument::Fixed0},    {'F', Argument::Line},      {'I', Argument::Line},      {'J', Argument::Fixed4},
    {'K', Argument::Fixed1},    {'L', Argument::Line},      {'M', Argument::Fixed2},    {'N', Argument::Fixed0},
    {'P', Argument::Line},      {'Q', Argument::Fixed0},    {'R', Argument::Fixed0},    {'S', Argument::Line},
    {'T', Argument::Counted4},  {'U', Argument::Counted1},  {'V', Argument::Line},      {'X', Argument::Counted4},
    {'a', Argument::Fixed0},    {'b', Argument::Fixed0},    {'c', Argument::TwoLines},  {'d', Argument::Fixed0},
    {'}', Argument::Fixed0},    {'e', Argument::Fixed0},    {'g', Argument::Line},      {'h', Argument::Fixed1},
    {'i', Argument::TwoLines},  {'j', Argument::Fixed4},    {'l', Argument::Fixed0},    {']', Argument::Fixed0},
    {'o', Argument::Fixed0},    {'p', Argument::Line},      {'q', Argument::Fixed1},    {'r', Argument::Fixed4},
    {'s', Argument::Fixed0},    {'t', Argument::Fixed0},    {')', Argument::Fixed0},    {'u', Argument::Fixed0},
    {'G', Argument::Fixed8},    {0x80, Argument::Fixed1},   {0x81, Argument::Fixed0},   {0x82, Argument::Fixed1},
    {0x83, Argument::Fixed2},   {0x84, Argument::Fixed4},   {0x85, Argument::Fixed0},   {0x86, Argument::Fixed0},
    {0x87, Argument::Fixed0},   {0x88, Argument::Fixed0},   {0x89, Argument::Fixed0},   {0x8A, Argument::Counted1},
    {0x8B, Argument::Counted4}, {'B', Argument::Counted4},  {'C', Argument::Counted1},  {0x8C, Argument::Counted1},
    {0x8D, Argument::Counted8}, {0x8E, Argument::Counted8}, {0x8F, Argument::Fixed0},   {0x90, Argument::Fixed0},
    {0x91, Argument::Fixed0},   {0x92, Argument::Fixed0},   {0x93, Argument::Fixed0},   {0x94, Argument::Fixed0},
    {0x95, Argument::Fixed8},   {0x96, Argument::Counted8}, {0x97, Argument::Fixed0},   {0x98, Argument::Fixed0}};

constexpr std::uint8_t kStop = '.', kProto = 0x80;

constexpr std::string_view kTexts[] = {
    "torch._utils\n_rebuild_tensor_v2\n", "torch\nFloatStorage\n", "torch\nHalfStorage\n", "collections\nOrderedDict\n",
    "torch.storage\nUntypedStorage\n", "torch._utils\n_rebuild_parameter\n", "os\nsystem\n", "builtins\neval\n",
    "torch\nfloat32\n", "_codecs\nencode\n", "numpy.core.multiarray\n_reconstruct\n"};
constexpr std::string_view kWords[] = {"storage", "0", "cpu", "weight", "a.b", "module", "_metadata", "cuda:0", ""};

const Opcode* find(std::uint8_t code) {
  const auto* found = std::find_if(std::begin(kOpcodes), std::end(kOpcodes), [&](const Opcode& o) { return o.code == code; });
  return found == std::end(kOpcodes) ? nullptr : found;
}

std::size_t fixed_bytes(Argument argument) {
  switch (argument) {
    case Argument::Fixed1: case Argument::Counted1: return 1;
    case Argument::Fixed2: return 2;
    case Argument::Fixed4: case Argument::Counted4: return 4;
    case Argument::Fixed8: case Argument::Counted8: return 8;
    default: return 0;
  }
}

bool counted(Argument argument) {
  return argument == Argument::Counted1 || argument == Argument::Counted4 || argument == Argument::Counted8;
}

/// Bytes of the opcode at `at` with its argument; 0 if it does not exist or is cut off.
std::size_t length_at(const Buffer& bytes, std::size_t at) {
  const Opcode* opcode = find(bytes[at]);
  if (opcode == nullptr) return 0;
  std::size_t end = at + 1;
  if (opcode->argument == Argument::Line || opcode->argument == Argument::TwoLines) {
    for (int lines = opcode->argument == Argument::Line ? 1 : 2; lines > 0; --lines) {
      while (end < bytes.size() && bytes[end] != '\n') ++end;
      if (end++ >= bytes.size()) return 0;
    }
    return end - at;
  }
  const std::size_t fixed = fixed_bytes(opcode->argument);
  if (bytes.size() - end < fixed) return 0;
  std::uint64_t count = 0;
  if (counted(opcode->argument)) std::memcpy(&count, bytes.data() + end, fixed);
  end += fixed;
  return count > bytes.size() - end ? 0 : end - at + static_cast<std::size_t>(count);
}

using Stream = std::vector<Buffer>;

/// The opcodes of one pickle; what follows STOP, or what makes no sense, is one last piece.
Stream parse(const Buffer& bytes) {
  Stream out;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t n = length_at(bytes, at);
    const std::size_t end = n == 0 ? bytes.size() : at + n;
    out.emplace_back(bytes.begin() + static_cast<std::ptrdiff_t>(at), bytes.begin() + static_cast<std::ptrdiff_t>(end));
    at = end;
  }
  return out;
}

Buffer odd_opcode(Dice& dice) {
  const Opcode& opcode = kOpcodes[dice.below(std::size(kOpcodes))];
  Buffer out = {opcode.code};
  const auto add = [&](std::string_view text) { out.insert(out.end(), text.begin(), text.end()); };
  if (opcode.argument == Argument::TwoLines) {
    add(kTexts[dice.below(std::size(kTexts))]);
  } else if (opcode.argument == Argument::Line) {
    add(std::to_string(static_cast<std::int64_t>(dice.odd_number())) + "\n");
  } else if (counted(opcode.argument)) {
    const std::string_view word = kWords[dice.below(std::size(kWords))];
    const std::uint64_t count = dice.one_in(16) ? dice.odd_number() : word.size();
    out.resize(1 + fixed_bytes(opcode.argument));
    std::memcpy(out.data() + 1, &count, fixed_bytes(opcode.argument));
    add(word);
  } else {
    const std::uint64_t number = dice.one_in(2) ? dice.below(12) : dice.odd_number();
    out.resize(1 + fixed_bytes(opcode.argument));
    std::memcpy(out.data() + 1, &number, out.size() - 1);
  }
  return out;
}

void change(Stream& stream, Dice& dice, const ByteMutation& plain) {
  const auto place = [&] { return stream.begin() + static_cast<std::ptrdiff_t>(dice.below(stream.size() + 1)); };
  if (stream.empty()) return stream.push_back(odd_opcode(dice));
  const std::size_t i = dice.below(stream.size());
  switch (dice.below(8)) {
    case 0: stream.erase(stream.begin() + static_cast<std::ptrdiff_t>(i)); return;
    case 1: {
      Buffer copy = stream[i];
      stream.insert(place(), std::move(copy));
      return;
    }
    case 2: std::swap(stream[i], stream[dice.below(stream.size())]); return;
    case 3: {
      Stream some(stream.begin() + static_cast<std::ptrdiff_t>(i),
                  stream.begin() + static_cast<std::ptrdiff_t>(std::min(stream.size(), i + 1 + dice.below(12))));
      stream.insert(place(), some.begin(), some.end());
      return;
    }
    case 4: {
      Buffer argument(stream[i].begin() + 1, stream[i].end());
      if (argument.empty()) return;
      plain(argument, argument.size() + 4);
      stream[i].resize(1);
      stream[i].insert(stream[i].end(), argument.begin(), argument.end());
      return;
    }
    case 5: stream[i] = odd_opcode(dice); return;
    default: stream.insert(place(), odd_opcode(dice)); return;
  }
}

}  // namespace

void mutate_pickle(Buffer& bytes, std::size_t max_size, Dice& dice, const ByteMutation& plain) {
  if (bytes.empty() || dice.one_in(5)) return plain(bytes, max_size);
  Stream stream = parse(bytes);
  for (std::size_t n = 1 + dice.below(4); n > 0; --n) change(stream, dice, plain);
  Buffer out;
  if (stream.empty() || stream.front().front() != kProto) out = {kProto, 2};
  bool stopped = false;
  for (const Buffer& piece : stream) {
    out.insert(out.end(), piece.begin(), piece.end());
    stopped = stopped || piece.front() == kStop;
  }
  if (!stopped && !dice.one_in(8)) out.push_back(kStop);
  if (out.size() > max_size) return plain(bytes, max_size);
  bytes = std::move(out);
}

}  // namespace vitrine::fuzz
