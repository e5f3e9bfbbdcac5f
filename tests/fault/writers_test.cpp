#include <filesystem>
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

#include "engine/io/json.h"
#include "engine/io/npy.h"
#include "engine/io/report_json.h"
#include "engine/io/safetensors.h"
#include "tests/fault/faults.h"

namespace vitrine::fault {
namespace {

namespace fs = std::filesystem;
using engine::ErrorCode;
using engine::Status;

const std::vector<float> kValues(5000, 0.25F);

Status write_tensors(const fs::path& path) {
  return engine::write_safetensors(path, {{"a", {50, 100}, kValues, engine::DType::F16}, {"b", {5000}, kValues}, {"c", {5000}, kValues, engine::DType::I64}});
}
Status write_array(const fs::path& path) { return engine::write_npy(path, {50, 100}, kValues); }
Status write_text(const fs::path& path) { return engine::write_file_atomically(path, std::string(100'000, 'x')); }

engine::Report report() {
  engine::Report report;
  report.id = "head_stats";
  report.arrays = {{"entropy", "nats", {{"layer", "", {}}, {"head", "", {}}}, {50, 100}, kValues}};
  return report;
}
Status write_json(const fs::path& path) { return engine::write_file_atomically(path, engine::report_json(report())); }

struct Writer {
  const char* name;
  Status (*write)(const fs::path&);
};
void PrintTo(const Writer& writer, std::ostream* out) { *out << writer.name; }

std::string content(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

class WriterFaults : public testing::TestWithParam<Writer> {
 protected:
  WriterFaults() {
    std::string name = (fs::temp_directory_path() / "vitrine_fault_XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
    path_ = folder_ / "out";
  }
  ~WriterFaults() override { fs::remove_all(folder_); }

  /// Writes over an old file with one call failing.
  Status write_with(const Plan& plan, Tally& tally) {
    std::ofstream(path_, std::ios::trunc) << "old";
    arm(plan);
    Status status = GetParam().write(path_);
    tally = disarm();
    EXPECT_EQ(tally.files, 0) << "a file was left open after call " << plan.at;
    EXPECT_EQ(std::distance(fs::directory_iterator(folder_), {}), 1) << "something was left behind after call " << plan.at;
    return status;
  }

  fs::path folder_, path_;
};

TEST_P(WriterFaults, LeaveTheOldFileWholeOrGiveTheNewOne) {
  Tally tally;
  ASSERT_TRUE(write_with({Kind::Call, SIZE_MAX, false}, tally));
  const std::string whole = content(path_);
  const std::size_t calls = tally.calls;
  ASSERT_GT(calls, 4U);
  std::size_t refused = 0;
  for (std::size_t at = 0; at < calls; ++at) {
    SCOPED_TRACE(at);
    const Status status = write_with({Kind::Call, at, false}, tally);
    ASSERT_EQ(tally.failed, 1U);
    ASSERT_EQ(content(path_), status ? whole : "old");
    if (status) continue;
    ++refused;
    EXPECT_EQ(status.error().code, ErrorCode::FileMissing);
    EXPECT_EQ(status.error().file, path_.string());
    EXPECT_TRUE(status.error().message.starts_with("cannot be ") && status.error().message.ends_with(": Input/output error"))
        << status.error().message;
  }
  EXPECT_EQ(refused, calls - 1) << "only closing what is safe on the disk may fail";
}

TEST_P(WriterFaults, WriteTheRestWhereAWriteTookLess) {
  Tally tally;
  ASSERT_TRUE(write_with({Kind::ShortRead, SIZE_MAX, false}, tally));
  const std::string whole = content(path_);
  for (std::size_t at = 0, calls = tally.calls; at < calls; ++at) {
    ASSERT_TRUE(write_with({Kind::ShortRead, at, false}, tally));
    ASSERT_EQ(content(path_), whole) << at;
  }
  ASSERT_TRUE(write_with({Kind::ShortRead, 0, true}, tally));
  EXPECT_EQ(content(path_), whole) << "every write took half";
}

INSTANTIATE_TEST_SUITE_P(All, WriterFaults,
                         testing::Values(Writer{"safetensors", write_tensors}, Writer{"npy", write_array}, Writer{"text", write_text},
                                         Writer{"report", write_json}),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace vitrine::fault
