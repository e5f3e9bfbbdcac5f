#include "tests/structure/structure.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

namespace {

namespace fs = std::filesystem;

constexpr int kMaxHeaderLines = 400, kMaxSourceLines = 800, kMaxFunctionLines = 60;

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

const fs::path kTop = VITRINE_SOURCE_DIR;

struct SourceFile {
  std::string path, text;
  [[nodiscard]] bool header() const { return path.ends_with(".h") || path.ends_with(".cuh"); }
};

std::vector<SourceFile> sources() {
  std::vector<SourceFile> files;
  for (const char* root : {"engine", "plugins", "views", "app", "tests"})
    for (const auto& entry : fs::recursive_directory_iterator(kTop / root)) {
      const auto kind = entry.path().extension();
      if (kind == ".h" || kind == ".cpp" || kind == ".cu" || kind == ".cuh" || kind == ".c")
        files.push_back({fs::relative(entry.path(), kTop).string(), read(entry.path())});
    }
  return files;
}

Directions table() { return read_directions(read(kTop / "tests/structure/directions.txt")); }

std::string joined(const std::vector<std::string>& sentences) {
  std::string text;
  for (const auto& sentence : sentences) text += "\n" + sentence;
  return text;
}

TEST(Structure, EveryIncludeFollowsTheTable) {
  const Directions directions = table();
  std::vector<std::string> wrong;
  const auto files = sources();
  ASSERT_GT(files.size(), 50u);
  for (const SourceFile& file : files)
    for (auto& sentence : forbidden_includes(directions, file.path, file.text)) wrong.push_back(std::move(sentence));
  EXPECT_TRUE(wrong.empty()) << joined(wrong);
}

TEST(Structure, FilesStayBelowTheirCeilings) {
  std::vector<std::string> wrong;
  for (const SourceFile& file : sources())
    if (const int lines = line_count(file.text); lines > (file.header() ? kMaxHeaderLines : kMaxSourceLines))
      wrong.push_back(file.path + ": " + std::to_string(lines) + " lines");
  EXPECT_TRUE(wrong.empty()) << joined(wrong);
}

TEST(Structure, FunctionsStayBelowTheirCeiling) {
  std::vector<std::string> wrong;
  for (const SourceFile& file : sources())
    for (const FunctionLength& function : function_lengths(file.text))
      if (function.lines > kMaxFunctionLines)
        wrong.push_back(file.path + ":" + std::to_string(function.line) + ": a function of " + std::to_string(function.lines) + " lines");
  EXPECT_TRUE(wrong.empty()) << joined(wrong);
}

TEST(Structure, EveryFolderOfOursSaysWhatItIs) {
  std::vector<std::string> wrong;
  for (const char* root : {"engine", "plugins", "views"})
    for (const auto& entry : fs::directory_iterator(kTop / root)) {
      if (!entry.is_directory()) continue;
      const fs::path readme = entry.path() / "README.md";
      if (!fs::exists(readme)) wrong.push_back(fs::relative(entry.path(), kTop).string() + " has no README.md");
      else if (line_count(read(readme)) > 40) wrong.push_back(readme.string() + " is longer than 40 lines");
    }
  EXPECT_TRUE(wrong.empty()) << joined(wrong);
}

struct Include {
  const char* file;
  const char* target;
  bool allowed;
};
void PrintTo(const Include& include, std::ostream* out) { *out << include.file << " -> " << include.target; }

class Directed : public testing::TestWithParam<Include> {};

TEST_P(Directed, IsJudgedAsTheDesignSays) {
  const auto [file, target, allowed] = GetParam();
  const std::string text = "#pragma once\n#include <" + std::string(target) + ">\n";
  EXPECT_EQ(forbidden_includes(table(), file, text).empty(), allowed);
}

INSTANTIATE_TEST_SUITE_P(
    Cases, Directed,
    testing::Values(Include{"engine/io/a.cpp", "engine/core/error.h", true}, Include{"engine/io/a.cpp", "engine/tensor/tensor.h", false},
                    Include{"engine/core/a.h", "engine/report/report.h", false}, Include{"engine/model/a.h", "views/data/ranges.h", false},
                    Include{"engine/run/a.cpp", "plugins/sdk/vitrine_plugin.h", false}, Include{"engine/run/a.cpp", "QString", false},
                    Include{"engine/nn/a.cpp", "ATen/ATen.h", false}, Include{"engine/tensor/a.cpp", "ATen/ATen.h", true},
                    Include{"engine/tensor/a.cpp", "torch/torch.h", false}, Include{"plugins/analyses/a.cpp", "engine/run/run.h", true},
                    Include{"plugins/analyses/a.cpp", "views/data/ranges.h", false}, Include{"plugins/analyses/a.cpp", "imgui.h", false},
                    Include{"views/data/a.cpp", "engine/report/report.h", true}, Include{"views/data/a.cpp", "engine/run/run.h", false},
                    Include{"views/data/a.cpp", "QPainter", false}, Include{"views/figure/a.cpp", "QPainter", true},
                    Include{"views/figure/a.cpp", "views/panels/panel.h", false}, Include{"views/panels/a.cpp", "app/main_window.h", false},
                    Include{"app/a.cpp", "views/panels/panel.h", true}, Include{"app/a.cpp", "plugins/analyses/a.h", false},
                    Include{"somewhere/a.cpp", "vector", false}));

TEST(FunctionLengths, CountFromBraceToBrace) {
  const auto lengths = function_lengths(
      "namespace a {\nstruct B {\n  int c() { return 1; }\n  int d = 2;\n};\n// int e() {\nint f(int x) {\n  if (x) {\n    "
      "return \"{\"[0];\n  }\n  return '{';\n}\n}\n");
  ASSERT_EQ(lengths.size(), 2u);
  EXPECT_EQ(lengths[0].lines, 1);
  EXPECT_EQ(lengths[1].line, 7);
  EXPECT_EQ(lengths[1].lines, 6);
}

TEST(FunctionLengths, ALongOneIsSeen) {
  std::string text = "void f() {\n";
  for (int i = 0; i < 70; ++i) text += "  g();\n";
  EXPECT_EQ(function_lengths(text + "}\n").at(0).lines, 72);
}

}  // namespace
