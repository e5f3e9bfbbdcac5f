#include "panels_fake_host.h"

#include <QTimer>

namespace vitrine::views {

namespace {

class ListedAnalysis : public engine::Analysis {
 public:
  explicit ListedAnalysis(engine::AnalysisInfo info) : info_(std::move(info)) {}
  const engine::AnalysisInfo& info() const override { return info_; }
  engine::Result<engine::Report> run(const engine::AnalysisRequest&) const override { return engine::Report{}; }

 private:
  engine::AnalysisInfo info_;
};

}  // namespace

FakeHost::FakeHost() = default;

void FakeHost::select(const Selection& selection) {
  if (selection == selection_) return;
  selection_ = selection;
  emit selection_changed();
}

void FakeHost::request(const QString& tag, const std::string& analysis, const nlohmann::json& params, bool edited, Pace pace) {
  asked.push_back({tag, analysis, params, edited, pace});
  if (automatic) QTimer::singleShot(0, this, [this, tag] { answer(tag); });
}

void FakeHost::cancel(const QString& tag) { cancelled.append(tag); }

void FakeHost::act(const nlohmann::json& command) {
  acts.push_back(command);
  const std::string what = command.value("do", "");
  const auto given = [&] {
    auto edits = engine::edits_from_json(command.value("edits", nlohmann::json::array()));
    return edits ? *edits : engine::EditList{};
  };
  if (what == "edit") {
    engine::EditList all = edits_;
    for (const auto& edit : given())
      if (std::find(all.begin(), all.end(), edit) == all.end()) all.push_back(edit);
    set_edits(all);
  } else if (what == "set_edits") {
    set_edits(given());
  } else if (what == "clear_edits") {
    set_edits({});
  } else if (what == "remove_edits") {
    engine::EditList left;
    const engine::EditList gone = given();
    for (const auto& edit : edits_)
      if (std::find(gone.begin(), gone.end(), edit) == gone.end()) left.push_back(edit);
    set_edits(left);
  } else if (what == "set_view") {
    views_[command.at("panel").get<std::string>()].update(command.at("settings"));
  }
}

nlohmann::json FakeHost::view_settings(const QString& panel) const {
  const auto found = views_.find(panel.toStdString());
  return found == views_.end() ? nlohmann::json() : *found;
}

void FakeHost::open(ModelState model, std::optional<InputState> input) {
  model_ = std::move(model);
  input_ = std::move(input);
  edits_.clear();
  selection_ = {};
  if (!model_->towers.empty()) selection_.head.tower = model_->towers.front().prefix;
  emit model_changed();
  emit input_changed();
}

void FakeHost::set_input(InputState input) {
  input_ = std::move(input);
  emit input_changed();
}

void FakeHost::set_edits(engine::EditList edits) {
  edits_ = std::move(edits);
  emit edits_changed();
}

void FakeHost::register_analysis(engine::AnalysisInfo info) {
  const std::string id = info.id;
  (void)analyses_.add(id, std::make_shared<ListedAnalysis>(std::move(info)));
}

const FakeHost::Asked* FakeHost::asked_last(const QString& tag) const {
  for (auto it = asked.rbegin(); it != asked.rend(); ++it)
    if (it->tag == tag) return &*it;
  return nullptr;
}

int FakeHost::times_asked(const QString& tag) const {
  return static_cast<int>(std::count_if(asked.begin(), asked.end(), [&](const Asked& a) { return a.tag == tag; }));
}

bool FakeHost::answer(const QString& tag) {
  const Asked* request = asked_last(tag);
  if (!request || !oracle) return false;
  if (auto made = oracle(*request, *this)) {
    made->id = request->analysis;
    answer_with(tag, std::move(*made));
  } else {
    refuse(tag, QString("%1 has no answer for this model").arg(QString::fromStdString(request->analysis)));
  }
  return true;
}

void FakeHost::answer_with(const QString& tag, engine::Report report) {
  emit this->report(tag, std::make_shared<const engine::Report>(std::move(report)));
}

void FakeHost::refuse(const QString& tag, const QString& sentence) { emit failed(tag, sentence); }

}  // namespace vitrine::views
