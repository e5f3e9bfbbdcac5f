#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <QString>
#include <QStringList>

#include "app/jobs/backend.h"
#include "app/jobs/engine_client.h"
#include "app/jobs/kept_views.h"
#include "app/jobs/session_keeper.h"
#include "app/session/job_export.h"
#include "views/panels/host.h"

namespace vitrine::app {

/// What the panels of one cursor see: the state of the journal at that cursor, carried out by the engine.
/// The journal is the truth; model and input follow it as fast as the engine can, edits and views at once.
class WindowHost : public views::Host {
  Q_OBJECT
 public:
  WindowHost(SessionKeeper& keeper, EngineClient& client, std::shared_ptr<Backend> backend, Cursor cursor,
             QObject* parent = nullptr);
  ~WindowHost() override;

  const views::ModelState* model() const override { return model_ ? &*model_ : nullptr; }
  const views::InputState* input() const override { return input_ ? &*input_ : nullptr; }
  const engine::EditList& edits() const override { return applied_.edits; }
  const views::Selection& selection() const override { return selection_; }
  void select(const views::Selection& selection) override;
  void request(const QString& tag, const std::string& analysis, const nlohmann::json& params, bool edited,
               views::Pace pace = views::Pace::Prompt) override;
  void cancel(const QString& tag) override;
  void act(const nlohmann::json& command) override;
  nlohmann::json view_settings(const QString& panel) const override;
  void keep_view(const QString& panel, const nlohmann::json& settings) override;
  /// For the session file.
  [[nodiscard]] const KeptViews& kept_views() const { return kept_views_; }
  void set_kept_views(KeptViews kept);
  const engine::AnalysisRegistry& analyses() const override { return backend_->analyses(); }
  void tell(const QString& sentence) override { emit told(sentence); }

  /// Panels whose requests go first: a tag belongs to the panel whose id it starts with.
  void set_visible_panels(const QStringList& ids) { visible_ = ids; }
  /// Analyses whose reports were delivered and not cancelled since, for the exported job.
  [[nodiscard]] std::vector<ShownAnalysis> shown() const;
  /// A model or input is being opened.
  [[nodiscard]] bool settling() const;
  /// Models that are not opened unless somebody asks for them by hand: `held` says so instead.
  void hold(std::set<std::string> models) { held_ = std::move(models); }
  [[nodiscard]] bool holds(const std::string& model) const { return held_.contains(model); }
  /// Opens what is held, if the journal names it.
  void release(const std::string& model);
  /// Whether a sample input is chosen for a model that is opened without one.
  void set_samples(bool on) { samples_ = on; }
  [[nodiscard]] Cursor cursor() const { return cursor_; }

 signals:
  void told(const QString& sentence);
  /// Something the user asked for was refused: one sentence.
  void refused(const QString& sentence);
  /// Something was asked for, now: the start of the time until its numbers are on screen.
  void acted();
  /// The journal names a model that is held.
  void held(const QString& model);
  /// The engine is asked to open a model; the process is about to read a file.
  void opening(const QString& model);
  /// The model that the panels see from now on; before `model_changed`.
  void model_ready(const QString& name);

 private:
  void follow();
  void open_wanted(const SessionState& target);
  void prepare_wanted(const SessionState& target);
  void glanced(views::ModelState state, const std::string& model);
  void opened(engine::Result<views::ModelState> state, const std::string& model);
  void show_model(views::ModelState state, const std::string& model);
  void prepared(engine::Result<views::InputState> state, const engine::InputItem& item);
  void follow_edits(const SessionState& target);
  void follow_views(const SessionState& target);
  void forget_model();
  void refuse(const std::string& verb, const engine::Error& error);
  void run_output(const Command& command);
  [[nodiscard]] QString full(const QString& tag) const { return prefix_ + tag; }
  [[nodiscard]] Priority priority_of(const QString& tag) const;
  [[nodiscard]] Lane lane_of(const std::string& analysis, views::Pace pace) const;
  [[nodiscard]] double expected_ms(const std::string& analysis) const;   ///< 0: not computed yet
  [[nodiscard]] RequestContext context(bool edited) const;

  SessionKeeper& keeper_;
  EngineClient& client_;
  std::shared_ptr<Backend> backend_;
  Cursor cursor_;
  QString prefix_;                       ///< "A:" or "B:": tags of the two hosts are apart
  std::optional<views::ModelState> model_;
  std::optional<views::InputState> input_;
  SessionState applied_;                 ///< what the panels see
  std::string wanted_model_;             ///< asked of the engine, or applied
  std::optional<engine::InputItem> wanted_input_;
  views::Selection selection_;
  KeptViews kept_views_;
  QString own_view_;                     ///< panel whose own `set_view` is being performed
  std::map<std::string, StepId> own_steps_;   ///< last step by verb that this host performed and the engine may refuse
  std::map<QString, ShownAnalysis> asked_, shown_;
  std::map<std::string, double> known_cost_ms_;
  QStringList visible_;
  std::set<std::string> held_;
  bool samples_ = true;
};

}  // namespace vitrine::app
