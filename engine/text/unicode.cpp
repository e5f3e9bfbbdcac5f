#include "engine/text/unicode.h"

#include <algorithm>

#include <unicode/normalizer2.h>
#include <unicode/uchar.h>

namespace vitrine::engine::text {
namespace {

constexpr char32_t kReplacement = 0xFFFD;

/// Whether a code point was assigned by version `major` of Unicode. The Rust tables that decided
/// what trained vocabularies hold stop at version 8 (categories) and 9 (marks); newer characters
/// count as letters there.
bool known_by(char32_t c, std::uint8_t major) {
  UVersionInfo age;
  u_charAge(static_cast<UChar32>(c), age);
  return age[0] != 0 && age[0] <= major;
}

/// Bounds of the second byte for a lead byte; 0 length if the byte cannot lead.
struct Lead {
  int length;
  unsigned char low, high;
};

Lead lead_of(unsigned char b) {
  if (b >= 0xC2 && b <= 0xDF) return {2, 0x80, 0xBF};
  if (b == 0xE0) return {3, 0xA0, 0xBF};
  if (b == 0xED) return {3, 0x80, 0x9F};
  if (b >= 0xE1 && b <= 0xEF) return {3, 0x80, 0xBF};
  if (b == 0xF0) return {4, 0x90, 0xBF};
  if (b >= 0xF1 && b <= 0xF3) return {4, 0x80, 0xBF};
  if (b == 0xF4) return {4, 0x80, 0x8F};
  return {0, 0, 0};
}

const icu::Normalizer2* instance(bool compatible) {
  UErrorCode status = U_ZERO_ERROR;
  return compatible ? icu::Normalizer2::getNFKDInstance(status)
                    : icu::Normalizer2::getNFDInstance(status);
}

struct Pending {
  char32_t c;
  int change;
  std::uint8_t ccc;
};

void sort_marks(std::vector<Pending>& all, std::size_t from) {
  if (all.size() < from + 2) return;
  std::stable_sort(all.begin() + static_cast<std::ptrdiff_t>(from), all.end(),
                   [](const Pending& a, const Pending& b) { return a.ccc < b.ccc; });
}

std::vector<Pending> decompose(std::string_view text, bool compatible) {
  const icu::Normalizer2* nfd = instance(compatible);
  std::vector<Pending> out;
  out.reserve(text.size());
  std::size_t run = 0;
  icu::UnicodeString parts;
  auto push = [&](char32_t c, int change) {
    const auto ccc = c < 0x300 ? std::uint8_t{0} : u_getCombiningClass(static_cast<UChar32>(c));
    if (ccc == 0) {
      sort_marks(out, run);
      run = out.size() + 1;
    }
    out.push_back({c, change, ccc});
  };
  for (std::size_t at = 0; at < text.size();) {
    const Decoded d = decode_utf8(text, at);
    at += d.bytes;
    if (d.c < 0xA0 || nfd == nullptr || !nfd->getDecomposition(static_cast<UChar32>(d.c), parts)) {
      push(d.c, 0);
      continue;
    }
    for (int i = 0; i < parts.length(); i = parts.moveIndex32(i, 1)) {
      push(static_cast<char32_t>(parts.char32At(i)), i == 0 ? 0 : 1);
    }
  }
  sort_marks(out, std::min(run, out.size()));
  return out;
}

/// Canonical composition; a change count travels with its code point, and composing adds them,
/// minus one.
std::vector<CharChange> compose(const std::vector<Pending>& in) {
  UErrorCode status = U_ZERO_ERROR;
  const icu::Normalizer2* nfc = icu::Normalizer2::getNFCInstance(status);
  std::vector<CharChange> out;
  out.reserve(in.size());
  std::ptrdiff_t starter = -1;
  int last_ccc = -1;
  for (const Pending& p : in) {
    if (starter >= 0 && nfc != nullptr && (last_ccc < 0 || (p.ccc != 0 && last_ccc < p.ccc))) {
      CharChange& base = out[static_cast<std::size_t>(starter)];
      const UChar32 joined =
          nfc->composePair(static_cast<UChar32>(base.c), static_cast<UChar32>(p.c));
      if (joined >= 0) {
        base = {static_cast<char32_t>(joined), base.change + p.change - 1};
        continue;
      }
    }
    if (p.ccc == 0) {
      starter = static_cast<std::ptrdiff_t>(out.size());
      last_ccc = -1;
    } else if (starter >= 0) {
      last_ccc = p.ccc;
    }
    out.push_back({p.c, p.change});
  }
  return out;
}

}  // namespace

Decoded decode_utf8(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(at);
  if (first < 0x80) return {first, 1, true};
  const Lead lead = lead_of(first);
  if (lead.length == 0) return {kReplacement, 1, false};
  char32_t c = first & (0xFFu >> (lead.length + 1));
  for (int i = 1; i < lead.length; ++i) {
    const std::size_t k = at + static_cast<std::size_t>(i);
    const unsigned char low = i == 1 ? lead.low : 0x80, high = i == 1 ? lead.high : 0xBF;
    if (k >= text.size() || byte(k) < low || byte(k) > high)
      return {kReplacement, static_cast<std::uint32_t>(i), false};
    c = (c << 6) | (byte(k) & 0x3Fu);
  }
  return {c, static_cast<std::uint32_t>(lead.length), true};
}

void append_utf8(std::string& out, char32_t c) {
  const auto put = [&](char32_t b) {
    out.push_back(static_cast<char>(static_cast<unsigned char>(b)));
  };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xC0 | (c >> 6));
    put(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    put(0xE0 | (c >> 12));
    put(0x80 | ((c >> 6) & 0x3F));
    put(0x80 | (c & 0x3F));
  } else {
    put(0xF0 | (c >> 18));
    put(0x80 | ((c >> 12) & 0x3F));
    put(0x80 | ((c >> 6) & 0x3F));
    put(0x80 | (c & 0x3F));
  }
}

std::string repair_utf8(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  for (std::size_t at = 0; at < bytes.size();) {
    const Decoded d = decode_utf8(bytes, at);
    append_utf8(out, d.c);
    at += d.bytes;
  }
  return out;
}

std::size_t count_code_points(std::string_view text) {
  std::size_t n = 0;
  for (std::size_t at = 0; at < text.size(); ++n) at += decode_utf8(text, at).bytes;
  return n;
}

bool is_white_space(char32_t c) {
  if (c < 0x80) return c == ' ' || (c >= 0x09 && c <= 0x0D);
  return u_hasBinaryProperty(static_cast<UChar32>(c), UCHAR_WHITE_SPACE) != 0;
}

bool is_number(char32_t c) {
  if (c < 0x80) return c >= '0' && c <= '9';
  return (U_GET_GC_MASK(static_cast<UChar32>(c)) & U_GC_N_MASK) != 0;
}

bool is_word(char32_t c) {
  const auto u = static_cast<UChar32>(c);
  if (c < 0x80)
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  return (U_GET_GC_MASK(u) & (U_GC_M_MASK | U_GC_ND_MASK | U_GC_PC_MASK)) != 0 ||
         u_hasBinaryProperty(u, UCHAR_ALPHABETIC) != 0 ||
         u_hasBinaryProperty(u, UCHAR_JOIN_CONTROL) != 0;
}

bool is_punctuation(char32_t c) {
  if (c < 0x80)
    return (c >= 33 && c <= 47) || (c >= 58 && c <= 64) || (c >= 91 && c <= 96) ||
           (c >= 123 && c <= 126);
  return (U_GET_GC_MASK(static_cast<UChar32>(c)) & U_GC_P_MASK) != 0 && known_by(c, 8);
}

bool is_nonspacing_mark(char32_t c) {
  return c >= 0x300 && u_charType(static_cast<UChar32>(c)) == U_NON_SPACING_MARK && known_by(c, 8);
}

bool is_mark(char32_t c) {
  return c >= 0x300 && (U_GET_GC_MASK(static_cast<UChar32>(c)) & U_GC_M_MASK) != 0 &&
         known_by(c, 9);
}

bool is_control(char32_t c) {
  if (c < 0x80) return c < 0x20 || c == 0x7F;
  return (U_GET_GC_MASK(static_cast<UChar32>(c)) & (U_GC_CC_MASK | U_GC_CF_MASK | U_GC_CO_MASK)) !=
             0 &&
         known_by(c, 8);
}

bool is_visible(char32_t c) {
  return (U_GET_GC_MASK(static_cast<UChar32>(c)) & (U_GC_C_MASK | U_GC_Z_MASK)) == 0;
}

bool is_cjk_ideograph(char32_t c) {
  return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) ||
         (c >= 0x20000 && c <= 0x2A6DF) || (c >= 0x2A700 && c <= 0x2B73F) ||
         (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) ||
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

std::vector<CharChange> normal_form(std::string_view text, NormalForm form) {
  const bool compatible = form == NormalForm::Nfkc || form == NormalForm::Nfkd;
  const std::vector<Pending> parts = decompose(text, compatible);
  if (form == NormalForm::Nfc || form == NormalForm::Nfkc) return compose(parts);
  std::vector<CharChange> out;
  out.reserve(parts.size());
  for (const Pending& p : parts) out.push_back({p.c, p.change});
  return out;
}

Lower to_lower(char32_t c) {
  if (c < 0x80) return {{c >= 'A' && c <= 'Z' ? c + 32 : c, 0}, 1};
  if (c == 0x130) return {{U'i', 0x307}, 2};
  return {{static_cast<char32_t>(u_tolower(static_cast<UChar32>(c))), 0}, 1};
}

}  // namespace vitrine::engine::text
