#include "engine/core/sha256.h"

#include <gtest/gtest.h>

namespace vitrine::engine {
namespace {

// FIPS 180-4 examples.
TEST(Sha256, EqualsThePublishedExamples) {
  EXPECT_EQ(sha256(std::string()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256(std::string("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256(std::string(1'000'000, 'a')), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, DoesNotDependOnHowTheBytesArePieced) {
  const std::string text(1000, 'x');
  for (std::size_t piece : {1u, 55u, 56u, 63u, 64u, 65u, 999u}) {
    Sha256 hash;
    for (std::size_t at = 0; at < text.size(); at += piece)
      hash.update(std::as_bytes(std::span(text).subspan(at, std::min(piece, text.size() - at))));
    EXPECT_EQ(hash.finish(), sha256(text)) << piece;
  }
}

}  // namespace
}  // namespace vitrine::engine
