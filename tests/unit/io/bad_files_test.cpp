#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <map>
#include <regex>
#include <set>

#include <gtest/gtest.h>

#include "engine/model/identify.h"
#include "tests/coverage/leave.h"
#include "bad_rows.h"
#include "golden_files.h"

namespace vitrine::engine {
namespace {

namespace fs = std::filesystem;
using test::carry_out;
using test::copy_of_row;
using test::golden_files;
using test::index_rows;
using test::names_below;
using nlohmann::json;

/// Peak resident memory of this process in bytes.
std::uint64_t peak_memory() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
}

struct Outcome {
  bool opened = false;
  std::string message;          ///< the error's sentence, or the warnings
  double seconds = 0;
  std::uint64_t grown = 0;      ///< bytes of peak memory
  std::string died;             ///< how the child ended, if not well
};

/// Identifies a file in a child process, so that a crash, a hang or a hunger for memory is seen and costs only the row.
Outcome identify_in_child(const fs::path& file, const fs::path& folder) {
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  const auto begin = std::chrono::steady_clock::now();
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(ends[0]);
    if (::chdir(folder.c_str()) != 0) test::leave(9);
    ::alarm(20);
    const std::uint64_t before = peak_memory();
    const auto identity = identify(file);
    std::string message = identity ? "" : sentence(identity.error());
    if (identity)
      for (const auto& warning : identity->warnings) message += warning + "\n";
    const json result = {{"opened", identity.has_value()}, {"message", message}, {"grown", peak_memory() - before}};
    const std::string text = result.dump(-1, ' ', true, json::error_handler_t::replace);
    for (std::size_t at = 0; at < text.size();) {
      const ssize_t n = ::write(ends[1], text.data() + at, text.size() - at);
      if (n <= 0) test::leave(8);
      at += static_cast<std::size_t>(n);
    }
    test::leave(0);
  }
  ::close(ends[1]);
  std::string text;
  char buffer[4096];
  for (ssize_t n = 0; (n = ::read(ends[0], buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<std::size_t>(n));
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  Outcome outcome;
  outcome.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    outcome.died = WIFSIGNALED(status) ? "signal " + std::to_string(WTERMSIG(status))
                                       : "exit " + std::to_string(WEXITSTATUS(status));
    return outcome;
  }
  const json result = json::parse(text);
  outcome.opened = result["opened"];
  outcome.message = result["message"];
  outcome.grown = result["grown"];
  return outcome;
}

void check_row(const json& row) {
  const fs::path source = golden_files() / "bad" / row.at("file").get<std::string>();
  SCOPED_TRACE(row["file"].get<std::string>() + ": " + row.at("what_is_wrong").get<std::string>());
  test::TemporaryFolder work;
  const fs::path copy = copy_of_row(row.at("format"), source, work.path());
  for (const json& step : row.value("setup", json::array())) carry_out(step, copy);
  const auto before = names_below(work.path());
  const Outcome outcome = identify_in_child(copy / source.filename(), work.path());
  EXPECT_EQ(outcome.died, "") << "the reader died";
  EXPECT_EQ(names_below(work.path()), before) << "something was created";
  EXPECT_LT(outcome.seconds, test::kCounted ? 20.0 : 2.0);
  EXPECT_LE(outcome.grown, fs::file_size(source) + (256ULL << 20));
  if (!outcome.died.empty()) return;
  if (row.at("expect") == "refuse") {
    EXPECT_FALSE(outcome.opened) << "opened with: " << outcome.message;
  }
  for (const json& pattern : row.at("must_mention")) {
    const std::regex wanted(pattern.get<std::string>(), std::regex::icase);
    EXPECT_TRUE(std::regex_search(outcome.message, wanted))
        << (outcome.opened ? "opened, warnings: " : "refused: ") << outcome.message << "\nshould mention " << pattern;
  }
  if (std::getenv("VITRINE_SHOW") != nullptr)
    std::printf("%s %s\n", outcome.opened ? "WARN" : "NO  ", outcome.message.c_str());
}

class BadFiles : public testing::TestWithParam<std::string> {};

TEST_P(BadFiles, AreRefusedInOneClearSentence) {
  int rows = 0;
  for (const json& row : index_rows()) {
    if (row.at("format") != GetParam()) continue;
    ++rows;
    check_row(row);
  }
  EXPECT_GT(rows, 2);
  RecordProperty("rows", rows);
  std::printf("%s: %d rows\n", GetParam().c_str(), rows);
}

const std::vector<std::string> kFormats = {"safetensors", "safetensors_index", "gguf", "onnx", "config_json",
                                           "tokenizer_json", "sentencepiece", "vocab_txt", "torch", "pickle", "npy",
                                           "image", "manifest"};

TEST(BadFilesTable, EveryRowBelongsToOneFormatThatIsRun) {
  std::map<std::string, int> rows;
  for (const json& row : index_rows()) ++rows[row.at("format").get<std::string>()];
  int all = 0;
  for (const std::string& format : kFormats) {
    EXPECT_GT(rows[format], 0) << format;
    all += rows[format];
    rows.erase(format);
  }
  EXPECT_TRUE(rows.empty()) << rows.begin()->first << " is not run";
  std::printf("%d rows of %zu formats\n", all, kFormats.size());
}

INSTANTIATE_TEST_SUITE_P(Formats, BadFiles, testing::ValuesIn(kFormats),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace vitrine::engine
