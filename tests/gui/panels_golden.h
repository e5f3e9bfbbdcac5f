#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include <QString>

#include "panels_fake_host.h"

namespace vitrine::views {

/// One array of a reference dump.
struct GoldenArray {
  std::vector<std::int64_t> shape;
  std::vector<float> values;
  [[nodiscard]] float at(const std::vector<std::int64_t>& index) const;
};

/// A small safetensors reader for trusted reference files.
class GoldenFile {
 public:
  explicit GoldenFile(const std::string& case_and_file);
  [[nodiscard]] bool found() const { return !bytes_.empty(); }
  [[nodiscard]] GoldenArray read(const std::string& name) const;

 private:
  nlohmann::json header_;
  std::string bytes_;
  std::size_t start_ = 0;
};

/// Folder of the trained reference models: the shared one, or the copy in tests/golden.
[[nodiscard]] QString golden_folder();

/// demo:vit_digits with the picture of its first reference input.
[[nodiscard]] ModelState digits_model();
[[nodiscard]] InputState digits_input();
/// demo:lm_text with its first reference text.
[[nodiscard]] ModelState text_model();
[[nodiscard]] InputState text_input();
/// demo:codebook_fsm with a walk through its states.
[[nodiscard]] ModelState codebook_model();
[[nodiscard]] InputState codebook_input();

/// Reports from the reference numbers of those models, of the form that the real analyses hand over.
[[nodiscard]] std::optional<engine::Report> golden_report(const FakeHost::Asked& asked, const FakeHost& host);

/// For QCOMPARE, which cannot print JSON.
[[nodiscard]] inline QString text_of(const nlohmann::json& json) { return QString::fromStdString(json.dump()); }

/// Registers the analyses that the generic form lists.
void register_golden_analyses(FakeHost& host);

}  // namespace vitrine::views
