#include "engine/text/mapped_text.h"

#include <algorithm>

namespace vitrine::engine::text {

MappedText MappedText::of(std::string_view original) {
  MappedText out;
  out.text.reserve(original.size());
  out.spans.reserve(original.size());
  for (std::size_t at = 0; at < original.size();) {
    const Decoded d = decode_utf8(original, at);
    const auto begin = static_cast<std::uint32_t>(at);
    out.push(d.c, {begin, begin + d.bytes});
    at += d.bytes;
  }
  return out;
}

void MappedText::push(char32_t c, Span span) {
  append_utf8(text, c);
  spans.resize(text.size(), span);
}

MappedText MappedText::slice(std::size_t begin, std::size_t end) const {
  return {text.substr(begin, end - begin),
          {spans.begin() + static_cast<std::ptrdiff_t>(begin),
           spans.begin() + static_cast<std::ptrdiff_t>(end)}};
}

Span MappedText::span(std::size_t begin, std::size_t end) const {
  if (begin == end && begin < spans.size()) return {spans[begin].begin, spans[begin].begin};
  if (begin >= end || end > spans.size()) return {};
  return {spans[begin].begin, spans[end - 1].end};
}

MappedText MappedText::rewritten(const std::vector<CharChange>& changes) const {
  MappedText out;
  out.text.reserve(text.size());
  out.spans.reserve(text.size());
  std::size_t at = 0;
  const auto advance = [&] {
    if (at < text.size()) at += decode_utf8(text, at).bytes;
  };
  for (const CharChange& change : changes) {
    const bool inserted = change.change > 0;
    Span span;
    if (inserted ? at > 0 : !spans.empty()) span = spans[inserted ? at - 1 : std::min(at, spans.size() - 1)];
    if (!inserted) {
      for (int i = 0; i <= -change.change; ++i) advance();
    }
    out.push(change.c, span);
  }
  return out;
}

void MappedText::prepend(std::string_view prefix) {
  if (text.empty()) return;
  text.insert(0, prefix);
  spans.insert(spans.begin(), prefix.size(), spans.front());
}

}  // namespace vitrine::engine::text
