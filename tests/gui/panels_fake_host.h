#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "views/panels/host.h"

namespace vitrine::views {

/// A host without an engine: keeps state as the program would, records what panels ask and do, and answers from a
/// function, either by itself or when the test says so.
class FakeHost : public Host {
  Q_OBJECT
 public:
  struct Asked {
    QString tag;
    std::string analysis;
    nlohmann::json params;
    bool edited = true;
    Pace pace = Pace::Prompt;
  };
  /// A report, or nothing for a refusal.
  using Oracle = std::function<std::optional<engine::Report>(const Asked&, const FakeHost&)>;

  FakeHost();

  const ModelState* model() const override { return model_ ? &*model_ : nullptr; }
  const InputState* input() const override { return input_ ? &*input_ : nullptr; }
  const engine::EditList& edits() const override { return edits_; }
  const Selection& selection() const override { return selection_; }
  void select(const Selection& selection) override;
  void request(const QString& tag, const std::string& analysis, const nlohmann::json& params, bool edited,
               Pace pace = Pace::Prompt) override;
  void cancel(const QString& tag) override;
  void act(const nlohmann::json& command) override;
  nlohmann::json view_settings(const QString& panel) const override;
  const engine::AnalysisRegistry& analyses() const override { return analyses_; }
  void tell(const QString& sentence) override { told.append(sentence); }

  void open(ModelState model, std::optional<InputState> input = {});
  void set_input(InputState input);
  void set_edits(engine::EditList edits);
  void register_analysis(engine::AnalysisInfo info);
  /// Answers the newest request of a tag; false if nothing was asked under it.
  bool answer(const QString& tag);
  void answer_with(const QString& tag, engine::Report report);
  void refuse(const QString& tag, const QString& sentence);
  /// The newest request of a tag that was not cancelled.
  [[nodiscard]] const Asked* asked_last(const QString& tag) const;
  [[nodiscard]] int times_asked(const QString& tag) const;

  bool automatic = false;               ///< answer every request on the next turn of the event loop
  Oracle oracle;
  std::vector<Asked> asked;
  std::vector<nlohmann::json> acts;
  QStringList cancelled, told;

 private:
  std::optional<ModelState> model_;
  std::optional<InputState> input_;
  engine::EditList edits_;
  Selection selection_;
  nlohmann::json views_ = nlohmann::json::object();
  engine::AnalysisRegistry analyses_{"analysis"};
};

}  // namespace vitrine::views
