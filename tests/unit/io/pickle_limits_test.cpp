#include <gtest/gtest.h>

#include "engine/io/checkpoint.h"
#include "engine/io/pickle.h"
#include "golden_files.h"

namespace vitrine::engine {
namespace {

using namespace std::string_literals;

Status read(const std::string& bytes, PickleDocument& out) { return read_pickle(std::as_bytes(std::span(bytes)), "p", 0, out); }

std::string repeated(std::string_view what, std::size_t times) {
  std::string out;
  out.reserve(what.size() * times);
  while (times-- > 0) out += what;
  return out;
}

void expect_limit(const std::string& bytes, const std::string& message) {
  PickleDocument out;
  const auto status = read(bytes, out);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::FileLimit);
  EXPECT_EQ(status.error().message, message);
  EXPECT_TRUE(status.error().offset.has_value());
}

TEST(Pickle, HasLimitsThatNoFileMeets) {
  expect_limit(repeated("]0", 1'000'002), "the pickle makes more than the limit of 1000000 nodes");
  expect_limit("]" + repeated("(" + repeated("N", 900'000) + "e", 9), "the lists and dicts of the pickle hold more than the limit of 8 million items");
  expect_limit("cm\nf\n" + repeated(")R", 1001), "calls nested more than the limit of 1000 deep");
  expect_limit(repeated("N", 1'000'001), "the pickle stack is above the limit of 1000000");
  expect_limit(")" + repeated("\x85", 1001), "tuples nested more than the limit of 1000 deep");
  expect_limit(repeated("(", 10'001), "more marks on the pickle stack than the limit of 10000");
}

TEST(Pickle, PopTakesAMarkThatNothingIsAbove) {
  PickleDocument out;
  const auto status = read("N(0.", out);
  ASSERT_TRUE(status) << sentence(status.error());
  EXPECT_EQ(out[out.root].kind, PickleKind::None);
}

TEST(Pickle, NamesWhatItHolds) {
  EXPECT_EQ(PickleDocument::describe(PickleKind::Object), "an object");
  EXPECT_EQ(PickleDocument::describe(PickleKind::OrderedDict), "an OrderedDict");
  EXPECT_EQ(PickleDocument::describe(PickleKind::Persistent), "a persistent id");
}

TEST(Pickle, RefusesALengthBelowZero) {
  PickleDocument out;
  const auto status = read("T\xFF\xFF\xFF\xFF", out);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().message.rfind("pickle opcode ", 0), 0U);
  EXPECT_TRUE(status.error().message.ends_with("the length of a string is negative")) << status.error().message;
}

TEST(Pickle, KeepsTheNamedArgumentsOfAnInstance) {
  const std::string bytes = "cm\nC\n)}U\1kK\5s\x92.";   // names point into it
  PickleDocument out;
  const auto status = read(bytes, out);
  ASSERT_TRUE(status) << sentence(status.error());
  const PickleNode& object = out[out.root];
  ASSERT_EQ(object.kind, PickleKind::Object);
  EXPECT_EQ(out.global_name(object.items[0]), "m.C");
  ASSERT_EQ(out.parts[object.parts].states.size(), 1U);
  EXPECT_EQ(out[out.parts[object.parts].states[0]].kind, PickleKind::Dict);
}

/// An old PyTorch file of float32 storages, pickle by pickle.
class OldTorchFile : public testing::Test {
 protected:
  static std::string text(const std::string& value) { return "U" + std::string(1, static_cast<char>(value.size())) + value; }
  static std::string tensor(const std::string& key, const std::string& shape = "K\x02\x85") {
    return "ctorch._utils\n_rebuild_tensor_v2\n(("s + text("storage") + "ctorch\nFloatStorage\n" + text(key) + text("cpu") + "K\x02NtQK\0"s + shape +
           "K\x01\x85\x89" + "ccollections\nOrderedDict\n)RtR";
  }
  static std::string head() { return "\x80\x02\x8A\x0A\x6C\xFC\x9C\x46\xF9\x20\x6A\xA8\x50\x19.\x80\x02M\xE9\x03.\x80\x02}"s + text("little_endian") + "\x88s."; }
  static std::string storage() {
    const std::vector<float> values{1.5F, -2.0F};
    const std::uint64_t count = 2;
    return std::string(reinterpret_cast<const char*>(&count), 8) + std::string(reinterpret_cast<const char*>(values.data()), 8);
  }
  Result<std::shared_ptr<const Checkpoint>> open(const std::string& root, const std::string& keys, const std::string& storages) {
    const auto path = folder_.path() / "old.pth";
    std::ofstream(path, std::ios::binary) << head() << "\x80\x02" << root << "." << "\x80\x02" << keys << "." << storages;
    return open_checkpoint(path);
  }
  test::TemporaryFolder folder_;
};

TEST_F(OldTorchFile, NamesTensorsByKeysThatAreNoText) {
  const auto file = open("}(\x88" + tensor("0") + "N" + tensor("0") + "K\x05" + tensor("0") + "u", "](" + text("0") + "e", storage());
  ASSERT_TRUE(file) << sentence(file.error());
  for (const char* name : {"True", "None", "5"}) {
    const TensorEntry* entry = (*file)->find(name);
    ASSERT_NE(entry, nullptr) << name;
    EXPECT_EQ(*(*file)->read_f32(*entry), (std::vector<float>{1.5F, -2.0F}));
  }
}

TEST_F(OldTorchFile, TakesASizeThatIsAnObject) {
  const auto file = open("}" + text("w") + tensor("0", "ctorch\nSize\n(K\x02\x85tR") + "s", "](" + text("0") + "e", storage());
  ASSERT_TRUE(file) << sentence(file.error());
  EXPECT_EQ((*file)->find("w")->shape, (std::vector<std::int64_t>{2}));
}

TEST_F(OldTorchFile, LacksNoStorageThatATensorNames) {
  const auto file = open("}" + text("w") + tensor("0") + "s", "]", "");
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().message, "legacy PyTorch file: the storage '0' is missing");
}

TEST_F(OldTorchFile, MayNotUnfoldWithoutEnd) {
  const auto file = open("](]q\0("s + repeated("K\x01", 20'000) + "e" + repeated("h\0"s, 120) + "e", "]", "");
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code, ErrorCode::FileLimit);
  EXPECT_EQ(file.error().message, "the values of the pickle expand to more than the limit of 2000000 nodes");
}

TEST_F(OldTorchFile, RefusesStoragesAndShapesThatMakeNoTensor) {
  const auto message = [&](const std::string& value) {
    const auto file = open("}" + text("w") + value + "s", "](" + text("0") + "e", storage());
    return file ? "opened" : file.error().message;
  };
  const auto mentions = [&](const std::string& value, const std::string& what) {
    const std::string said = message(value);
    EXPECT_NE(said.find(what), std::string::npos) << said;
  };
  const auto replaced = [&](std::string from, const std::string& what, const std::string& with) { return from.replace(from.find(what), what.size(), with); };
  const std::string one = tensor("0");
  mentions("(" + one + replaced(one, "FloatStorage", "DoubleStorage") + "l", "storage '0' is used with two dtypes");
  mentions("(" + one + replaced(one, text("cpu") + "K\x02", text("cpu") + "K\x03") + "l", "storage '0' is used with two sizes (numel), 2 and 3");
  mentions(replaced(one, text("cpu") + "K\x02", text("cpu") + "\x8A\x08\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F"), "the size of storage '0', 9223372036854775807 values, overflows");
  mentions("c__builtin__\nbytearray\nK\x05\x85R", "the argument of bytearray is a size, expected bytes");
  mentions("ctorch._tensor\n_rebuild_from_type_v2\n)R", "expected a function, a type and arguments for _rebuild_from_type_v2");
  mentions("ctorch._utils\n_rebuild_tensor_v2\n(NK\0))tR"s, "expected a storage as the first argument of _rebuild_tensor_v2, came None");
  mentions(tensor("0", "(" + repeated("K\x01", 65) + "t"), "the size of a tensor has 65 dimensions (rank), at most 64 are read");
  const std::string wide = "ctorch._utils\n_rebuild_tensor_v2\n((" + text("storage") + "ctorch\nFloatStorage\n" + text("0") + text("cpu") +
                           "K\x02NtQK\0J\0\0\0\x10\x85K\0\x85\x89"s + "ccollections\nOrderedDict\n)RtR";
  mentions(wide, "a tensor of size 268435456 is expanded by stride 0 from 2 values, above the limit of 134217728 elements");
  const auto encoded = open("}(" + text("w") + one + text("e") + "c_codecs\nencode\n" + text("a") + text("utf8") + "\x86Ru", "](" + text("0") + "e", storage());
  ASSERT_TRUE(encoded) << sentence(encoded.error());
  const auto& warnings = (*encoded)->warnings();
  EXPECT_NE(std::find(warnings.begin(), warnings.end(), "a call of _codecs.encode is not the usual one (latin1): kept as a named node"), warnings.end());
}

TEST_F(OldTorchFile, HoldsOnlySoManyContainers) {
  const auto file = open("]q\0("s + repeated("]", 500) + "e0](" + repeated("h\0"s, 500) + "e", "]", "");
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code, ErrorCode::FileLimit);
  EXPECT_EQ(file.error().message, "the containers of the pickle expand to more than the limit of 200000");
}

}  // namespace
}  // namespace vitrine::engine
