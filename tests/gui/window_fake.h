#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include <QLabel>

#include "app/jobs/backend.h"
#include "views/panels/panel.h"

/// An engine without models: `fake:NAME` opens, everything else is refused.
///   quick: metric "value" = 100 x edits + bytes of text;   heavy (slow): 400 ms of both cores, with partial reports;
///   throws: an exception.
class FakeBackend : public vitrine::app::Backend {
 public:
  FakeBackend();
  vitrine::engine::Result<vitrine::views::ModelState> open(vitrine::app::Cursor, const std::string& model,
                                                           const vitrine::engine::Progress&) override;
  vitrine::engine::Result<vitrine::views::InputState> set_input(const vitrine::app::RequestContext& context,
                                                                const vitrine::engine::Progress&) override;
  vitrine::engine::Result<vitrine::engine::Report> analyse(
      vitrine::app::Lane lane, const vitrine::app::RequestContext& context, const std::string& analysis, const nlohmann::json& params,
      const vitrine::engine::Progress& progress, const std::function<void(const vitrine::engine::Report&)>& partial) override;
  vitrine::engine::Result<std::string> sha256(const std::string& model) override { return "hash of " + model; }
  const vitrine::engine::AnalysisRegistry& analyses() const override { return analyses_; }

  std::atomic<int> heavy_ms = 400;

 private:
  vitrine::engine::AnalysisRegistry analyses_{"analysis"};
};

/// Shows the number of one analysis, and asks again when anything changes.
class NumberPanel : public vitrine::views::Panel {
  Q_OBJECT
 public:
  NumberPanel(vitrine::views::Host& host, QString id, std::string analysis);
  QString id() const override { return id_; }
  QString title() const override { return title_; }
  [[nodiscard]] QString shown() const { return label_->text(); }
  [[nodiscard]] int partials() const { return partials_; }

 private:
  void ask();
  QString id_, title_;
  std::string analysis_;
  QLabel* label_;
  int partials_ = 0;
};

std::vector<std::unique_ptr<vitrine::views::Panel>> fake_panels(vitrine::views::Host& host);
