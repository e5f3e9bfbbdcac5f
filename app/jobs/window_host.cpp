#include "app/jobs/window_host.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "app/jobs/model_state.h"
#include "app/session/command.h"

namespace vitrine::app {

namespace {

/// An analysis that took longer than this moves to the slow lane the next time.
constexpr double kSlowMs = 400;

views::Selection first_head(const views::ModelState& model) {
  views::Selection selection;
  if (!model.towers.empty()) selection.head.tower = model.towers.front().prefix;
  if (!model.codebooks.empty()) selection.codebook = 0;
  return selection;
}

}  // namespace

WindowHost::WindowHost(SessionKeeper& keeper, EngineClient& client, std::shared_ptr<Backend> backend, Cursor cursor,
                       QObject* parent)
    : Host(parent), keeper_(keeper), client_(client), backend_(std::move(backend)), cursor_(cursor),
      prefix_(cursor == Cursor::Main ? QStringLiteral("A:") : QStringLiteral("B:")) {
  connect(&keeper_, &SessionKeeper::changed, this, &WindowHost::follow);
  connect(&keeper_, &SessionKeeper::replaced, this, [this] {
    own_steps_.clear();
    follow();
  });
  connect(&client_, &EngineClient::progress, this, [this](const QString& tag, double fraction, const QString& what) {
    if (tag.startsWith(prefix_)) emit progress(tag.mid(prefix_.size()), fraction, what);
  });
  follow();
}

WindowHost::~WindowHost() { client_.cancel_prefix(prefix_); }

void WindowHost::select(const views::Selection& selection) {
  if (selection == selection_) return;
  selection_ = selection;
  emit selection_changed();
}

nlohmann::json WindowHost::view_settings(const QString& panel) const {
  const auto it = applied_.views.find(panel.toStdString());
  return kept_views_.over(applied_.model, panel.toStdString(), it == applied_.views.end() ? nlohmann::json() : it->second);
}

void WindowHost::keep_view(const QString& panel, const nlohmann::json& settings) {
  if (model_) kept_views_.keep(applied_.model, panel.toStdString(), settings);
}

void WindowHost::set_kept_views(KeptViews kept) {
  kept_views_ = std::move(kept);
  if (model_ && applied_.model == kept_views_.model)
    for (const auto& [panel, settings] : kept_views_.panels) emit view_changed(QString::fromStdString(panel));
}

RequestContext WindowHost::context(bool edited) const {
  return {cursor_, applied_.model, applied_.input, input_.has_value(), edited ? applied_.edits : engine::EditList{}};
}

Priority WindowHost::priority_of(const QString& tag) const {
  const bool shown = std::any_of(visible_.begin(), visible_.end(), [&](const QString& id) { return tag.startsWith(id); });
  return shown || visible_.isEmpty() ? Priority::Visible : Priority::Hidden;
}

Lane WindowHost::lane_of(const std::string& analysis, views::Pace pace) const {
  const auto* found = backend_->analyses().find(analysis);
  if (found && (*found)->info().slow) return Lane::Sweep;
  if (pace == views::Pace::CanWait) return Lane::Slow;
  return expected_ms(analysis) > kSlowMs ? Lane::Slow : Lane::Prompt;
}

double WindowHost::expected_ms(const std::string& analysis) const {
  const auto cost = known_cost_ms_.find(analysis);
  return cost == known_cost_ms_.end() ? 0 : cost->second;
}

void WindowHost::request(const QString& tag, const std::string& analysis, const nlohmann::json& params, bool edited,
                         views::Pace pace) {
  if (!model_) {
    emit failed(tag, QStringLiteral("No model is open"));
    return;
  }
  const Lane lane = lane_of(analysis, pace);
  asked_[tag] = {analysis, params, edited};
  const auto cost = std::make_shared<double>(0);
  client_.submit(
      full(tag), priority_of(tag), lane,
      [backend = backend_, lane, context = context(edited), analysis, params, self = this, tag, cost](
          const engine::Progress& progress, const EngineClient::Post& post) {
        const auto start = std::chrono::steady_clock::now();
        auto result = backend->analyse(lane, context, analysis, params, progress, [&](const engine::Report& partial) {
          post([self, tag, copy = std::make_shared<const engine::Report>(partial)] { emit self->report(tag, copy); });
        });
        *cost = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
        if (result && result->timing_ms <= 0) result->timing_ms = *cost;
        return result;
      },
      [this, tag, analysis, pace, cost](engine::Result<engine::Report> result) {
        if (!result) {
          asked_.erase(tag);
          shown_.erase(tag);
          emit failed(tag, QString::fromStdString(engine::sentence(result.error())));
          return;
        }
        shown_[tag] = asked_[tag];
        if (pace == views::Pace::Prompt) known_cost_ms_[analysis] = *cost;
        emit report(tag, std::make_shared<const engine::Report>(std::move(*result)));
      },
      pace == views::Pace::Prompt ? expected_ms(analysis) : 0);
}

void WindowHost::cancel(const QString& tag) {
  client_.cancel(full(tag));
  asked_.erase(tag);
  shown_.erase(tag);
}

std::vector<ShownAnalysis> WindowHost::shown() const {
  std::vector<ShownAnalysis> out;
  for (const auto& [tag, analysis] : shown_)
    if (std::find(out.begin(), out.end(), analysis) == out.end()) out.push_back(analysis);
  return out;
}

bool WindowHost::settling() const {
  return client_.pending(full(QStringLiteral("@model"))) || client_.pending(full(QStringLiteral("@input")));
}

void WindowHost::act(const nlohmann::json& command) {
  emit acted();
  if (command.is_object() && command.value("do", nlohmann::json()) == "open_model" && command.contains("model") && command["model"].is_string())
    held_.erase(command["model"].get<std::string>());
  if (command.is_object() && command.contains("panel") && command["panel"].is_string())
    own_view_ = QString::fromStdString(command["panel"].get<std::string>());
  const auto step = keeper_.perform(command, cursor_);
  own_view_.clear();
  if (!step) {
    emit refused(QString::fromStdString(engine::sentence(step.error())));
    return;
  }
  const std::string verb = command["do"];
  own_steps_[verb] = *step;
  if (verb == "analyse" || verb == "compress") run_output(command);
}

/// Brings what the panels see to what the journal says.
void WindowHost::follow() {
  if (cursor_ == Cursor::Second && !keeper_.journal().second()) {
    wanted_model_.clear();
    if (model_) forget_model();
    return;
  }
  const SessionState target = keeper_.state(cursor_);
  follow_views(target);
  if (target.model != wanted_model_) {
    open_wanted(target);
  } else if (model_ && !model_->opening && applied_.model == target.model) {
    prepare_wanted(target);
    follow_edits(target);
  }
}

void WindowHost::forget_model() {
  client_.cancel_prefix(prefix_);
  asked_.clear();
  shown_.clear();
  model_.reset();
  input_.reset();
  wanted_input_.reset();
  applied_ = SessionState{};
  selection_ = {};
  emit model_changed();
}

void WindowHost::open_wanted(const SessionState& target) {
  wanted_model_ = target.model;
  if (target.model.empty()) {
    if (model_) forget_model();
    return;
  }
  if (held_.contains(target.model)) {
    if (model_) forget_model();
    emit held(QString::fromStdString(target.model));
    return;
  }
  emit opening(QString::fromStdString(target.model));
  client_.submit(
      full(QStringLiteral("@model")), Priority::State, Lane::File,
      [backend = backend_, cursor = cursor_, name = target.model, self = this](const engine::Progress& progress, const EngineClient::Post& post) {
        if (auto first = backend->glance(cursor, name, progress))
          post([self, name, state = std::make_shared<views::ModelState>(std::move(*first))] { self->glanced(std::move(*state), name); });
        return backend->open(cursor, name, progress);
      },
      [this, name = target.model](engine::Result<views::ModelState> state) { opened(std::move(state), name); });
}

void WindowHost::release(const std::string& model) {
  if (held_.erase(model) == 0 || wanted_model_ != model) return;
  wanted_model_.clear();
  follow();
}

/// What is shown while the weights are being read.
void WindowHost::glanced(views::ModelState state, const std::string& model) {
  if (wanted_model_ == model) show_model(std::move(state), model);
}

void WindowHost::opened(engine::Result<views::ModelState> state, const std::string& model) {
  if (!state) {
    if (model_ && model_->opening) forget_model();
    wanted_model_ = applied_.model;
    refuse("open_model", state.error());
    if (keeper_.state(cursor_).model == model) {   // not ours to take back: a session that names it
      wanted_model_ = model;
      if (model_) forget_model();
    }
    return;
  }
  client_.cancel_prefix(prefix_);
  show_model(std::move(*state), model);
  const SessionState target = keeper_.state(cursor_);
  if (samples_ && !target.has_input && cursor_ == Cursor::Main && target.model == model)
    if (const auto sample = sample_input(*model_)) {
      act(set_input_command(*sample));
      return;
    }
  follow();
}

void WindowHost::show_model(views::ModelState state, const std::string& model) {
  asked_.clear();
  shown_.clear();
  known_cost_ms_.clear();
  model_ = std::move(state);
  input_.reset();
  wanted_input_.reset();
  const SessionState target = keeper_.state(cursor_);
  applied_ = {};
  applied_.model = model;
  applied_.edits = target.edits;
  applied_.views = target.views;
  selection_ = first_head(*model_);
  emit model_ready(QString::fromStdString(model_->name));
  emit model_changed();
  emit edits_changed();
  emit selection_changed();
}

void WindowHost::prepare_wanted(const SessionState& target) {
  if (!target.has_input) {
    wanted_input_.reset();
    client_.cancel(full(QStringLiteral("@input")));
    if (input_) {
      input_.reset();
      applied_.input = {};
      emit input_changed();
    }
    return;
  }
  if (wanted_input_ == target.input) return;
  wanted_input_ = target.input;
  RequestContext wanted{cursor_, applied_.model, target.input, true, {}};
  client_.submit(
      full(QStringLiteral("@input")), Priority::State, Lane::Prompt,
      [backend = backend_, wanted](const engine::Progress& progress, const EngineClient::Post&) {
        return backend->set_input(wanted, progress);
      },
      [this, item = target.input](engine::Result<views::InputState> state) { prepared(std::move(state), item); });
}

void WindowHost::prepared(engine::Result<views::InputState> state, const engine::InputItem& item) {
  if (!state) {
    wanted_input_ = input_ ? std::optional(applied_.input) : std::nullopt;
    refuse("set_input", state.error());
    if (const SessionState target = keeper_.state(cursor_); target.has_input && target.input == item) {
      wanted_input_ = item;
      input_.reset();
      applied_.input = {};
      emit input_changed();
    }
    return;
  }
  input_ = std::move(*state);
  applied_.input = item;
  applied_.has_input = true;
  selection_.token = selection_.key = -1;
  emit input_changed();
}

void WindowHost::follow_edits(const SessionState& target) {
  if (target.edits == applied_.edits) return;
  applied_.edits = target.edits;
  emit edits_changed();
}

void WindowHost::follow_views(const SessionState& target) {
  std::vector<QString> moved;
  for (const auto& [panel, settings] : target.views)
    if (auto it = applied_.views.find(panel); it == applied_.views.end() || it->second != settings)
      moved.push_back(QString::fromStdString(panel));
  for (const auto& [panel, settings] : applied_.views)
    if (!target.views.contains(panel)) moved.push_back(QString::fromStdString(panel));
  applied_.views = target.views;
  for (const auto& panel : moved)
    if (panel != own_view_) emit view_changed(panel);
}

/// The engine could not carry out an act: it is told, and if the act was this host's it leaves the journal.
void WindowHost::refuse(const std::string& verb, const engine::Error& error) {
  if (error.code != engine::ErrorCode::Cancelled) emit refused(QString::fromStdString(engine::sentence(error)));
  const auto own = own_steps_.find(verb);
  if (own == own_steps_.end()) return;
  const StepId step = own->second;
  own_steps_.erase(own);
  if (const Step* found = keeper_.journal().find(step); found && found->command.value("do", "") == verb) keeper_.discard(step);
}

void WindowHost::run_output(const Command& command) {
  if (command["do"] == "compress") {
    const std::string method = command["method"];
    auto params = command.value("params", nlohmann::json::object());
    params["out"] = command.value("out", std::string());
    request(QString::fromStdString("@act/" + method), "apply_" + method, params, true);
    return;
  }
  const std::string id = command["analysis"];
  request(QString::fromStdString("@act/" + id), id, command.value("params", nlohmann::json::object()), command.value("edited", true));
}

}  // namespace vitrine::app
