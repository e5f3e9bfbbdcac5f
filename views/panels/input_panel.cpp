#include <functional>
#include <utility>

#include <QFileDialog>
#include <QHBoxLayout>
#include <QKeyEvent>
#include <QLabel>
#include <QMenu>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QSplitter>
#include <QTimer>
#include <QToolButton>
#include <QVBoxLayout>

#include "engine/model/model.h"
#include "views/panels/controls.h"
#include "views/panels/folders.h"
#include "views/panels/frame.h"
#include "views/panels/image_well.h"
#include "views/panels/panels.h"
#include "views/panels/report_table.h"
#include "views/panels/samples.h"
#include "views/panels/style.h"
#include "views/panels/token_chips.h"

namespace vitrine::views {

namespace {

constexpr int kPauseMs = 250;

/// A text whose history is the journal's: undo and redo go to the window, what was typed last first.
class InputField : public QPlainTextEdit {
 public:
  explicit InputField(std::function<void()> before_undo) : before_undo_(std::move(before_undo)) { setUndoRedoEnabled(false); }

 protected:
  bool event(QEvent* event) override {
    if (event->type() == QEvent::ShortcutOverride) {
      const auto* key = static_cast<QKeyEvent*>(event);
      if (key->matches(QKeySequence::Undo)) before_undo_();
      if (key->matches(QKeySequence::Undo) || key->matches(QKeySequence::Redo)) {
        event->ignore();
        return true;
      }
    }
    return QPlainTextEdit::event(event);
  }

 private:
  std::function<void()> before_undo_;
};

/// Text field of a few lines; Tab leaves it, so that the keyboard gets through the panel.
QPlainTextEdit* text_field(const QString& name, const QString& placeholder, int lines, std::function<void()> before_undo) {
  auto* field = new InputField(std::move(before_undo));
  field->setObjectName(name);
  field->setAccessibleName(placeholder);
  field->setPlaceholderText(placeholder);
  field->setTabChangesFocus(true);
  field->setMinimumHeight(field->fontMetrics().lineSpacing() + 18);
  field->setMaximumHeight(lines * field->fontMetrics().lineSpacing() + 18);
  return field;
}

class InputPanel : public FramedPanel {
 public:
  explicit InputPanel(Host& host) : FramedPanel(host) {
    set_follows({.input = true, .edits = true, .selection = true});
    pause_.setSingleShot(true);
    pause_.setInterval(kPauseMs);
    connect(&pause_, &QTimer::timeout, this, [this] { send(); });
    build();
    model_opened();
  }

  QString id() const override { return "input"; }
  QString title() const override { return tr("Input"); }
  std::vector<std::shared_ptr<const engine::Report>> reports() const override {
    return predictions_report_ ? std::vector{predictions_report_} : std::vector<std::shared_ptr<const engine::Report>>{};
  }

 protected:
  void refresh() override {
    if (!host().model()) return show_empty(tr("Open a model: drag its folder or file here, or take a demo from the list."));
    show_body();
    show_input();
    if (!host().input()) {
      drop("predictions");
      predictions_->clear();
      predictions_report_.reset();
      predictions_title_->setText(tr("Predictions"));
      predictions_->set_empty_text(tr("Type a text, open an image or take a sample"));
      kl_->set_text({});
      show_verified(nullptr);
      return;
    }
    if (!host().model()->predicts) return;
    const int position = host().model()->causal_lm ? host().selection().token : -1;
    ask("predictions", "predictions", {{"k", 10}, {"position", position}});
    asked_position_ = position;
  }

  void answered(const QString&, std::shared_ptr<const engine::Report> report) override {
    predictions_report_ = report;
    predictions_->hide_columns(host().edits().empty() ? QStringList{"before", "change", "logit", "id"}
                                                      : QStringList{"logit", "id"});
    predictions_->set(report);
    predictions_title_->setText(asked_position_ >= 0 ? tr("Predictions after token %1").arg(asked_position_)
                                : host().model() && host().model()->causal_lm ? tr("Predictions after the last token")
                                                                              : tr("Predictions"));
    QString change;
    for (const auto& metric : report->metrics)
      if (metric.name == "kl_divergence" && !host().edits().empty())
        change = tr("KL %1").arg(quantity_text(metric.value, QString::fromStdString(metric.unit)));
    kl_->set_text(change);
    if (!change.isEmpty()) kl_->setToolTip(tr("Kullback-Leibler divergence of these predictions from the unedited model's"));
    show_verified(report.get());
  }

  void refused(const QString&, const QString& sentence) override {
    predictions_->clear();
    predictions_->set_empty_text(sentence);
    predictions_report_.reset();
    kl_->set_text({});
    show_verified(nullptr);
  }

  void model_opened() override {
    const ModelState* model = host().model();
    const bool both = model && model->takes_both;
    text_row_->setVisible(model && model->takes_text && !both);
    pair_->setVisible(model && model->takes_pair);
    captions_row_->setVisible(both);
    decoder_row_->setVisible(model && model->takes_decoder_text);
    image_row_->setVisible(model && model->takes_image);
    open_image_->setVisible(model && model->takes_image);
    grid_->setVisible(model && model->takes_image);
    low_->setVisible(!model || model->predicts);
    // A text takes the height of its tokens; an image takes what it can get.
    const bool grows = model && model->takes_image;
    fields_->setSizePolicy(QSizePolicy::Preferred, grows ? QSizePolicy::Preferred : QSizePolicy::Maximum);
    spring_->setVisible(model && !model->predicts && !grows);
    fill_samples();
  }

  void selection_moved() override { show_selection(); }

  void resizeEvent(QResizeEvent* event) override {
    FramedPanel::resizeEvent(event);
    QTimer::singleShot(0, this, [this] { share_room(); });
  }

 private:
  void build() {
    samples_ = new QPushButton(tr("Sa&mples"));
    samples_->setObjectName("samples");
    samples_->setMenu(new QMenu(samples_));
    samples_->setProperty("menu", true);
    open_image_ = new QPushButton(tr("&Open image…"));
    connect(open_image_, &QPushButton::clicked, this, [this] { open_image(); });
    grid_ = toggle_button(tr("Patch &grid"), "grid", tr("Draws the patches, which are the tokens, over the image"));
    grid_->setChecked(true);
    connect(grid_, &QToolButton::toggled, this, [this](bool on) { well_->set_grid_shown(on); });
    set_controls(control_bar({samples_, open_image_, grid_}));

    split_ = new QSplitter(Qt::Vertical);
    connect(split_, &QSplitter::splitterMoved, this, [this] { moved_ = true; });
    QSplitter* split = split_;
    split->setChildrenCollapsible(false);
    split->setHandleWidth(kGrid);
    split->addWidget(build_fields());
    split->addWidget(build_predictions());
    split->addWidget(spring_ = new QWidget);
    split->setStretchFactor(0, 1);
    split->setStretchFactor(1, 1);
    set_body(split);
  }

  QWidget* build_fields() {
    fields_ = new QWidget;
    auto* column = column_of(fields_);
    column->setSpacing(kGrid);
    text_row_ = new QWidget;
    auto* texts = column_of(text_row_);
    texts->addWidget(text_ = text_field("text", tr("Type or paste a text; the tokens appear below"), 3, [this] { flush(); }));
    texts->addWidget(pair_ = text_field("text_pair", tr("Second text of a pair (optional)"), 2, [this] { flush(); }));
    column->addWidget(text_row_);
    decoder_row_ = new QWidget;
    column_of(decoder_row_)
        ->addWidget(decoder_ = text_field("decoder_text", tr("Text for the decoder (empty: its start token)"), 2, [this] { flush(); }));
    column->addWidget(decoder_row_);
    captions_row_ = new QWidget;
    column_of(captions_row_)
        ->addWidget(captions_ = text_field("captions", tr("Captions to compare with the image, one a line"), 5, [this] { flush(); }));
    column->addWidget(captions_row_);
    for (QPlainTextEdit* field : {text_, pair_, decoder_, captions_})
      connect(field, &QPlainTextEdit::textChanged, this, [this] {
        if (!filling_) pause_.start();
      });
    image_row_ = new QWidget;
    well_ = new ImageWell;
    well_->setObjectName("well");
    auto* image = column_of(image_row_);
    image->addWidget(well_, 1);
    connect(well_, &ImageWell::open_asked, this, [this] { open_image(); });
    connect(well_, &ImageWell::dropped, this, [this](const QString& path) { set_image(path); });
    connect(well_, &ImageWell::chosen, this, [this](int token) { select_token(image_tower_, token); });
    column->addWidget(image_row_, 3);
    chips_box_ = new QWidget;
    chips_column_ = column_of(chips_box_);
    column->addWidget(chips_box_, 2);
    summary_ = new ElidedLabel;
    summary_->setObjectName("summary");
    column->addWidget(summary_);
    return fields_;
  }

  QWidget* build_predictions() {
    low_ = new QWidget;
    auto* column = column_of(low_);
    auto* row = new QHBoxLayout;
    row->addWidget(predictions_title_ = heading(tr("Predictions")));
    row->addSpacing(kGrid);
    row->addWidget(kl_ = new ElidedLabel, 1);
    kl_->setObjectName("kl");
    column->addLayout(row);
    predictions_ = new ReportTable;
    predictions_->setObjectName("predictions");
    predictions_->set_empty_text(tr("Type a text, open an image or take a sample"));
    predictions_->setMinimumHeight(82);   // the heading and two rows
    column->addWidget(predictions_, 1);
    return low_;
  }

  void fill_samples() {
    QMenu* menu = samples_->menu();
    menu->clear();
    const ModelState* model = host().model();
    if (model)
      for (const SampleInput& sample : samples_for(*model, engine::resources_folder() / "samples"))
        menu->addAction(sample.title, this, [this, sample] { take(sample); });
    samples_->setEnabled(!menu->isEmpty());
  }

  void take(const SampleInput& sample) {
    nlohmann::json command = current();
    if (!sample.image.isEmpty()) command["image"] = sample.image.toStdString();
    if (!sample.text.isEmpty()) command["text"] = sample.text.toStdString();
    if (sample.image.isEmpty()) command.erase("text_pair");
    if (!sample.text_pair.isEmpty()) command["text_pair"] = sample.text_pair.toStdString();
    if (!sample.captions.isEmpty()) {
      command["captions"] = nlohmann::json::array();
      for (const QString& caption : sample.captions) command["captions"].push_back(caption.toStdString());
    }
    pause_.stop();
    host().act(command);
  }

  /// The command for what the fields hold now; only what the model takes.
  nlohmann::json current() const {
    nlohmann::json command = {{"do", "set_input"}};
    const ModelState* model = host().model();
    if (!model) return command;
    const auto put = [&command](const char* key, const QPlainTextEdit* field) {
      if (const std::string text = field->toPlainText().toStdString(); !text.empty()) command[key] = text;
    };
    if (model->takes_text && !model->takes_both) put("text", text_);
    if (model->takes_pair) put("text_pair", pair_);
    if (model->takes_decoder_text) put("decoder_text", decoder_);
    if (model->takes_both) {
      nlohmann::json list = nlohmann::json::array();
      for (const QString& line : captions_->toPlainText().split('\n', Qt::SkipEmptyParts)) list.push_back(line.toStdString());
      if (!list.empty()) command["captions"] = list;
    }
    if (model->takes_image && !image_path_.isEmpty()) command["image"] = image_path_.toStdString();
    return command;
  }

  void send() {
    const nlohmann::json command = current();
    if (command.size() > 1) host().act(command);
  }

  void set_image(const QString& path) {
    nlohmann::json command = current();
    command["image"] = path.toStdString();
    pause_.stop();
    host().act(command);
  }

  void open_image() {
    const QString path = QFileDialog::getOpenFileName(this, tr("Open an image"), last_folder(),
                                                      tr("Images (*.png *.jpg *.jpeg *.webp *.bmp *.gif)"));
    if (path.isEmpty()) return;
    remember_folder_of(path);
    set_image(path);
  }

  void show_input() {
    const InputState* input = host().input();
    filling_ = true;
    if (!pause_.isActive()) {
      fill(text_, input ? input->text : "");
      fill(pair_, input ? input->text_pair : "");
      fill(decoder_, input ? input->decoder_text : "");
      std::string captions;
      if (input)
        for (const auto& caption : input->captions) captions += (captions.empty() ? "" : "\n") + caption;
      fill(captions_, captions);
    }
    filling_ = false;
    image_path_ = input ? QString::fromStdString(input->image_path) : QString();
    QString summary = input ? QString::fromStdString(input->summary) : QString();
    if (input && !host().model()->predicts) summary += tr("  ·  hidden states, no predictions");
    summary_->set_text(summary);
    show_tokens();
    show_selection();
  }

  /// The cursor goes to where the texts begin to differ, as undo does it everywhere.
  static void fill(QPlainTextEdit* field, const std::string& text) {
    const QString before = field->toPlainText(), after = QString::fromStdString(text);
    if (before == after) return;
    field->setPlainText(after);
    if (!field->hasFocus()) return;   // a text that nobody types is read from its start
    const auto same_end = std::mismatch(before.rbegin(), before.rend(), after.rbegin(), after.rend()).second - after.rbegin();
    QTextCursor cursor = field->textCursor();
    cursor.setPosition(static_cast<int>(after.size() - same_end));
    field->setTextCursor(cursor);
  }

  /// What was typed and not yet sent becomes an act, so that undo takes back that and not the act before it.
  void flush() {
    if (!pause_.isActive()) return;
    pause_.stop();
    send();
  }

  void show_tokens() {
    const InputState* input = host().input();
    std::optional<engine::PatchGrid> grid;
    std::vector<const TowerTokens*> shown;
    image_tower_.clear();
    if (input)
      for (const auto& tower : input->towers) {
        if (tower.grid && input->image) {
          grid = tower.grid;
          image_tower_ = tower.prefix;
        } else {
          shown.push_back(&tower);
        }
      }
    well_->set_image(input ? input->image : std::nullopt, grid);
    while (chips_.size() < shown.size()) {
      auto* chips = new TokenChips;
      chips->setObjectName(QString("chips%1").arg(chips_.size()));
      chips_column_->addWidget(chips, 1);
      const std::size_t index = chips_.size();
      connect(chips, &TokenChips::chosen, this, [this, index](int token) {
        if (index < chip_towers_.size()) select_token(chip_towers_[index], token);
      });
      chips_.push_back(chips);
    }
    chip_towers_.clear();
    for (std::size_t i = 0; i < chips_.size(); ++i) {
      chips_[i]->setVisible(i < shown.size());
      chips_[i]->set_tokens(i < shown.size() ? shown[i]->tokens : std::vector<engine::TokenLabel>{});
      if (i < shown.size()) chip_towers_.push_back(shown[i]->prefix);
    }
    chips_box_->setVisible(!shown.empty());
    QTimer::singleShot(0, this, [this] { share_room(); });
  }

  /// Fields and tokens take what they need, predictions the rest, until somebody moves the line between them.
  void share_room() {
    if (!moved_ && fields_->sizePolicy().verticalPolicy() == QSizePolicy::Maximum)
      split_->setSizes({fields_->sizeHint().height(), split_->height(), split_->height()});
  }

  void show_selection() {
    const Selection& selection = host().selection();
    for (std::size_t i = 0; i < chip_towers_.size(); ++i)
      chips_[i]->set_current(chip_towers_[i] == selection.head.tower ? selection.token : -1);
    well_->set_current(image_tower_ == selection.head.tower ? selection.token : -1);
  }

  void select_token(const std::string& tower, int token) {
    Selection selection = host().selection();
    if (selection.head.tower != tower) {
      selection.head = {.tower = tower};
      selection.compare.reset();
      selection.key = -1;
    }
    selection.token = token;
    host().select(selection);
  }

  QTimer pause_;
  bool filling_ = false, moved_ = false;
  QSplitter* split_ = nullptr;
  int asked_position_ = -1;
  QString image_path_;
  std::string image_tower_;
  std::vector<std::string> chip_towers_;
  std::vector<TokenChips*> chips_;
  std::shared_ptr<const engine::Report> predictions_report_;
  QPushButton *samples_ = nullptr, *open_image_ = nullptr;
  QToolButton* grid_ = nullptr;
  QWidget *text_row_ = nullptr, *captions_row_ = nullptr, *decoder_row_ = nullptr, *image_row_ = nullptr,
          *chips_box_ = nullptr, *low_ = nullptr, *fields_ = nullptr, *spring_ = nullptr;
  QVBoxLayout* chips_column_ = nullptr;
  QPlainTextEdit *text_ = nullptr, *pair_ = nullptr, *captions_ = nullptr, *decoder_ = nullptr;
  ImageWell* well_ = nullptr;
  ElidedLabel *summary_ = nullptr, *kl_ = nullptr;
  QLabel* predictions_title_ = nullptr;
  ReportTable* predictions_ = nullptr;
};

}  // namespace

std::unique_ptr<Panel> make_input_panel(Host& host) { return std::make_unique<InputPanel>(host); }

}  // namespace vitrine::views
