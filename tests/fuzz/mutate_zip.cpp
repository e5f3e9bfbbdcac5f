#include <zlib.h>

#include <algorithm>
#include <cstring>

#include "tests/fuzz/mutators.h"

namespace vitrine::fuzz {
namespace {

constexpr std::size_t kLocal = 30, kCentral = 46, kEnd = 22;
constexpr std::uint32_t kLocalMagic = 0x04034B50, kCentralMagic = 0x02014B50, kEndMagic = 0x06054B50;
constexpr std::size_t kMostInflated = 1 << 16;

struct Member {
  std::string name;
  std::uint16_t flags = 0;
  bool deflated = false;
  Buffer content;
  Buffer local_extra, central_extra;
};

struct Zip {
  std::vector<Member> members;
};

template <class T>
T load(const Buffer& bytes, std::size_t at) {
  T value{};
  if (at <= bytes.size() && bytes.size() - at >= sizeof value) std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

template <class T>
void put(Buffer& out, T value) {
  const std::size_t at = out.size();
  out.resize(at + sizeof value);
  std::memcpy(out.data() + at, &value, sizeof value);
}

void append(Buffer& out, const auto& part) { out.insert(out.end(), part.begin(), part.end()); }

Buffer part(const Buffer& bytes, std::size_t at, std::size_t count) {
  at = std::min(at, bytes.size());
  count = std::min(count, bytes.size() - at);
  const auto from = bytes.begin() + static_cast<std::ptrdiff_t>(at);
  return {from, from + static_cast<std::ptrdiff_t>(count)};
}

Buffer inflated(const Buffer& stored) {
  Buffer out(kMostInflated);
  z_stream stream{};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) return {};
  stream.next_in = const_cast<Bytef*>(stored.data());
  stream.avail_in = static_cast<uInt>(stored.size());
  stream.next_out = out.data();
  stream.avail_out = static_cast<uInt>(out.size());
  inflate(&stream, Z_SYNC_FLUSH);
  out.resize(out.size() - stream.avail_out);
  inflateEnd(&stream);
  return out;
}

Buffer deflated(const Buffer& content) {
  z_stream stream{};
  if (deflateInit2(&stream, 1, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK) return {};
  Buffer out(deflateBound(&stream, static_cast<uLong>(content.size())));
  stream.next_in = const_cast<Bytef*>(content.data());
  stream.avail_in = static_cast<uInt>(content.size());
  stream.next_out = out.data();
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

bool parse(const Buffer& bytes, Zip& zip) {
  if (bytes.size() < kEnd) return false;
  std::size_t end = bytes.size() - kEnd;
  while (end > 0 && load<std::uint32_t>(bytes, end) != kEndMagic) --end;
  if (load<std::uint32_t>(bytes, end) != kEndMagic) return false;
  std::size_t at = load<std::uint32_t>(bytes, end + 16);
  while (zip.members.size() < 64 && load<std::uint32_t>(bytes, at) == kCentralMagic) {
    const std::size_t name = load<std::uint16_t>(bytes, at + 28), extra = load<std::uint16_t>(bytes, at + 30);
    const std::size_t local = load<std::uint32_t>(bytes, at + 42);
    const Buffer text = part(bytes, at + kCentral, name);
    Member member{{text.begin(), text.end()}, load<std::uint16_t>(bytes, at + 8), load<std::uint16_t>(bytes, at + 10) == 8,
                  {}, {}, part(bytes, at + kCentral + name, extra)};
    const std::size_t local_name = load<std::uint16_t>(bytes, local + 26), local_extra = load<std::uint16_t>(bytes, local + 28);
    member.local_extra = part(bytes, local + kLocal + local_name, local_extra);
    member.content = part(bytes, local + kLocal + local_name + local_extra, load<std::uint32_t>(bytes, at + 20));
    if (member.deflated) member.content = inflated(member.content);
    zip.members.push_back(std::move(member));
    at += kCentral + name + extra + load<std::uint16_t>(bytes, at + 32);
  }
  return !zip.members.empty();
}

/// The whole archive, every size, offset and checksum as its members are.
Buffer written(const Zip& zip) {
  Buffer out, directory;
  for (const Member& m : zip.members) {
    const auto offset = static_cast<std::uint32_t>(out.size());
    const Buffer stored = m.deflated ? deflated(m.content) : m.content;
    const auto crc = static_cast<std::uint32_t>(crc32_z(0, m.content.data(), m.content.size()));
    const auto middle = [&](Buffer& to) {
      put<std::uint16_t>(to, m.flags & 0xFFF6U);
      put<std::uint16_t>(to, m.deflated ? 8 : 0);
      put<std::uint32_t>(to, 0);
      put(to, crc);
      put(to, static_cast<std::uint32_t>(stored.size()));
      put(to, static_cast<std::uint32_t>(m.content.size()));
      put(to, static_cast<std::uint16_t>(m.name.size()));
    };
    put(out, kLocalMagic);
    put<std::uint16_t>(out, 0);
    middle(out);
    put(out, static_cast<std::uint16_t>(m.local_extra.size()));
    append(out, m.name);
    append(out, m.local_extra);
    append(out, stored);
    put(directory, kCentralMagic);
    put<std::uint32_t>(directory, 0);
    middle(directory);
    put(directory, static_cast<std::uint16_t>(m.central_extra.size()));
    directory.resize(directory.size() + 10);
    put(directory, offset);
    append(directory, m.name);
    append(directory, m.central_extra);
  }
  const auto begin = static_cast<std::uint32_t>(out.size());
  append(out, directory);
  put(out, kEndMagic);
  put<std::uint32_t>(out, 0);
  put(out, static_cast<std::uint16_t>(zip.members.size()));
  put(out, static_cast<std::uint16_t>(zip.members.size()));
  put(out, static_cast<std::uint32_t>(directory.size()));
  put(out, begin);
  put<std::uint16_t>(out, 0);
  return out;
}

void change_content(Member& member, Dice& dice, const ByteMutation& plain) {
  const std::size_t most = member.content.size() + 256;
  if (member.name.ends_with(".pkl")) return mutate_pickle(member.content, most, dice, plain);
  plain(member.content, most);
}

void change(Zip& zip, Dice& dice, const ByteMutation& plain) {
  static const std::vector<std::string> names = {"archive/data.pkl", "archive/version", "archive/byteorder", "archive/data/0",
                                                 "archive/data/1", "archive/code/m.py", "archive/constants.pkl", "a.npy",
                                                 "../x", "/x", "archive/.data/serialization_id", "", "x\\y"};
  if (zip.members.empty()) return;
  Member& member = zip.members[dice.below(zip.members.size())];
  switch (dice.below(10)) {
    case 0: member.name = names[dice.below(names.size())]; return;
    case 1: zip.members.push_back(Member(member)); return;
    case 2: std::swap(member, zip.members[dice.below(zip.members.size())]); return;
    case 3: member.deflated = !member.deflated; return;
    case 4: member.flags = static_cast<std::uint16_t>(1U << dice.below(16)); return;
    case 5: zip.members.erase(zip.members.begin() + static_cast<std::ptrdiff_t>(dice.below(zip.members.size()))); return;
    case 6: plain(dice.one_in(2) ? member.local_extra : member.central_extra, 40); return;
    default: change_content(member, dice, plain); return;
  }
}

}  // namespace

void mutate_zip(Buffer& bytes, std::size_t max_size, Dice& dice, const ByteMutation& plain) {
  Zip zip;
  if (dice.one_in(4) || !parse(bytes, zip)) return plain(bytes, max_size);
  for (std::size_t n = 1 + dice.below(3); n > 0; --n) change(zip, dice, plain);
  Buffer out = written(zip);
  if (out.size() > max_size) return plain(bytes, max_size);
  if (dice.one_in(4)) {
    // One field of the directory that no longer agrees.
    const std::uint64_t number = dice.odd_number();
    const std::size_t width = std::size_t{1} << dice.below(4);
    const std::size_t from = load<std::uint32_t>(out, out.size() - 6);
    const std::size_t at = from + dice.below(out.size() - std::min(from, out.size()));
    if (at + width <= out.size()) std::memcpy(out.data() + at, &number, width);
  }
  bytes = std::move(out);
}

}  // namespace vitrine::fuzz
