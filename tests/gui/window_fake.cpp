#include "window_fake.h"

#include <chrono>
#include <stdexcept>
#include <thread>

#include <QVBoxLayout>

using namespace vitrine;

namespace {

class FakeAnalysis : public engine::Analysis {
 public:
  FakeAnalysis(std::string id, bool slow) {
    info_.id = id;
    info_.title = "Fake " + id;
    info_.slow = slow;
  }
  const engine::AnalysisInfo& info() const override { return info_; }
  engine::Result<engine::Report> run(const engine::AnalysisRequest&) const override {
    return engine::fail(engine::ErrorCode::Internal, "a fake has no workspace");
  }

 private:
  engine::AnalysisInfo info_;
};

engine::Report number(const std::string& id, double value, double done = 1) {
  engine::Report report;
  report.id = id;
  report.metrics.push_back({"value", value, "", {}});
  report.fraction_done = done;
  return report;
}

void burn(std::chrono::milliseconds time) {
  const auto until = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < until) {}
}

}  // namespace

FakeBackend::FakeBackend() {
  for (const char* id : {"quick", "throws"}) (void)analyses_.add(id, std::make_shared<FakeAnalysis>(id, false));
  (void)analyses_.add("heavy", std::make_shared<FakeAnalysis>("heavy", true));
}

engine::Result<views::ModelState> FakeBackend::open(app::Cursor, const std::string& model, const engine::Progress&) {
  if (model.rfind("fake:", 0) != 0)
    return engine::fail_file(engine::ErrorCode::FileFormat, model, "expected a fake model, came something else", 4);
  views::ModelState state;
  state.name = model.substr(5);
  state.path = model;
  state.architecture = "Fake";
  state.takes_text = true;
  state.causal_lm = true;
  state.towers.push_back({"", {4, 4}, {}, {16, 16}, "attention"});
  return state;
}

engine::Result<views::InputState> FakeBackend::set_input(const app::RequestContext& context, const engine::Progress&) {
  if (context.input.text.value_or("").find("bad") != std::string::npos)
    return engine::fail(engine::ErrorCode::InvalidInput, "expected a good text, came a bad one");
  views::InputState state;
  state.text = context.input.text.value_or("");
  state.summary = std::to_string(state.text.size()) + " bytes";
  return state;
}

engine::Result<engine::Report> FakeBackend::analyse(app::Lane, const app::RequestContext& context, const std::string& analysis,
                                                    const nlohmann::json&, const engine::Progress& progress,
                                                    const std::function<void(const engine::Report&)>& partial) {
  if (analysis == "throws") throw std::runtime_error("a shape that does not fit");
  const double value = 100.0 * static_cast<double>(context.edits.size()) + static_cast<double>(context.input.text.value_or("").size());
  if (analysis == "heavy") {
    const int beats = heavy_ms / 10;
    for (int i = 0; i < beats; ++i) {
      VITRINE_CHECK(progress.step(static_cast<double>(i) / beats, "burning"));
      std::thread other([] { burn(std::chrono::milliseconds(10)); });
      burn(std::chrono::milliseconds(10));
      other.join();
      if (partial) partial(number("heavy", i, static_cast<double>(i) / beats));
    }
  }
  return number(analysis, value);
}

NumberPanel::NumberPanel(views::Host& host, QString id, std::string analysis)
    : Panel(host), id_(std::move(id)), title_(id_), analysis_(std::move(analysis)), label_(new QLabel(QStringLiteral("nothing"))) {
  title_[0] = title_[0].toUpper();
  auto* column = new QVBoxLayout(this);
  column->addWidget(label_);
  for (auto signal : {&views::Host::model_changed, &views::Host::input_changed, &views::Host::edits_changed})
    connect(&host, signal, this, &NumberPanel::ask);
  connect(&host, &views::Host::report, this, [this](const QString& tag, const std::shared_ptr<const engine::Report>& report) {
    if (tag != id_) return;
    if (report->fraction_done < 1) ++partials_;
    label_->setText(QString::number(report->metrics.at(0).value));
  });
  connect(&host, &views::Host::failed, this, [this](const QString& tag, const QString& sentence) {
    if (tag == id_) label_->setText(sentence);
  });
}

void NumberPanel::ask() {
  if (host().model())
    host().request(id_, analysis_, nlohmann::json::object(), true);
  else
    label_->setText(QStringLiteral("nothing"));
}

std::vector<std::unique_ptr<views::Panel>> fake_panels(views::Host& host) {
  std::vector<std::unique_ptr<views::Panel>> panels;
  panels.push_back(std::make_unique<NumberPanel>(host, QStringLiteral("input"), "quick"));
  panels.push_back(std::make_unique<NumberPanel>(host, QStringLiteral("attention"), "quick"));
  panels.push_back(std::make_unique<NumberPanel>(host, QStringLiteral("importance"), "heavy"));
  panels.push_back(std::make_unique<NumberPanel>(host, QStringLiteral("pruning"), "throws"));
  return panels;
}
