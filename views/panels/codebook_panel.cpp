#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QSpinBox>
#include <QSplitter>
#include <QStackedLayout>
#include <QTimer>
#include <QVBoxLayout>

#include "views/panels/code_grid.h"
#include "views/panels/controls.h"
#include "views/panels/frame.h"
#include "views/panels/panels.h"
#include "views/panels/part_edits.h"
#include "views/panels/report_table.h"
#include "views/panels/style.h"

namespace vitrine::views {

namespace {

/// Codes of a model with codebooks: which fire, what they stand for, and what forcing one does. A model with a sparse
/// autoencoder instead shows the features that fire.
class CodebookPanel : public FramedPanel {
 public:
  explicit CodebookPanel(Host& host) : FramedPanel(host) {
    pause_.setSingleShot(true);
    pause_.setInterval(250);
    connect(&pause_, &QTimer::timeout, this, [this] { search(); });
    build();
    model_opened();
  }

  QString id() const override { return "codebook"; }
  QString title() const override { return tr("Codebook"); }
  std::vector<std::shared_ptr<const engine::Report>> reports() const override {
    std::vector<std::shared_ptr<const engine::Report>> all;
    for (const auto& report : {codes_, features_, found_, contexts_, effect_})
      if (report) all.push_back(report);
    return all;
  }

 protected:
  void model_opened() override {
    for (auto* report : {&codes_, &features_, &found_, &contexts_, &effect_}) report->reset();
    grid_->set_report(nullptr);
    for (ReportTable* table : {found_table_, contexts_table_, effect_table_, features_table_}) table->clear();
    asked_book_ = asked_code_ = -1;
    settings_changed(host().view_settings(id()));
  }

  void refresh() override {
    const ModelState* model = host().model();
    if (!model) return show_empty(tr("Open a model with codebooks, for example demo:codebook_fsm."));
    if (!host().input()) return show_empty(tr("Give the model a text to see which codes fire on it."));
    show_body();
    const bool books = !model->codebooks.empty();
    pages_->setCurrentIndex(books ? 0 : 1);
    if (!books) return ask("features", "sae_features", {{"count", 16}});
    ask("codes", "codes", {{"codebook", -1}});
    asked_book_ = -1;
    selection_moved();
  }

  void answered(const QString& slot, std::shared_ptr<const engine::Report> report) override {
    if (slot == "codes") {
      codes_ = report;
      grid_->set_report(report);
      selection_moved();
      return show_verified(report.get());
    }
    if (slot == "features") {
      features_ = report;
      features_table_->set(report);
      return show_verified(report.get());
    }
    if (slot == "search") found_ = report, found_table_->set(report), found_note_->set_text(tr("%1 codes").arg(report->tables.empty() ? 0 : report->tables[0].rows.size()));
    if (slot == "contexts") contexts_ = report, contexts_table_->set(report);
    if (slot == "effect") effect_ = report, effect_table_->set(report);
  }

  void refused(const QString& slot, const QString& sentence) override {
    if (slot == "features") {
      features_.reset();
      return show_empty(tr("This model has neither codebooks nor a sparse autoencoder."));
    }
    if (slot == "codes") return show_error(sentence);
    if (slot == "search") return found_table_->clear(), found_note_->set_text(sentence);
    code_note_->set_text(sentence);
  }

  void selection_moved() override {
    const Selection& selection = host().selection();
    const ModelState* model = host().model();
    if (!model || model->codebooks.empty()) return;
    grid_->set_selection(selection.codebook, selection.code, selection.token);
    const bool any = selection.codebook >= 0 && selection.code >= 0 && selection.codebook < static_cast<int>(model->codebooks.size());
    force_->setEnabled(any);
    if (!any) {
      code_title_->setText(tr("No code selected"));
      code_note_->set_text(tr("Click a cell above or a search result"));
      return;
    }
    const auto& book = model->codebooks[static_cast<std::size_t>(selection.codebook)];
    code_title_->setText(tr("%1 · code %2").arg(QString::fromStdString(book.title)).arg(selection.code));
    host().keep_view(id(), {{"codebook", selection.codebook}, {"code", selection.code}});
    show_forced();
    if (selection.codebook == asked_book_ && selection.code == asked_code_) return;
    asked_book_ = selection.codebook;
    asked_code_ = selection.code;
    code_note_->set_text({});
    if (!isVisible() || !host().input()) return;
    ask("contexts", "code_contexts", {{"codebook", asked_book_}, {"code", asked_code_}, {"count", 20}});
    ask("effect", "code_effect", {{"codebook", asked_book_}, {"code", asked_code_}}, false);
  }

  void settings_changed(const nlohmann::json& settings) override {
    const ModelState* model = host().model();
    if (!settings.is_object() || !model) return;
    const auto place = [&](const char* key) {
      return settings.contains(key) && settings[key].is_number_integer() ? settings[key].get<int>() : -1;
    };
    const int book = place("codebook"), code = place("code");
    if (book >= 0 && book < static_cast<int>(model->codebooks.size()) && code >= 0 &&
        code < model->codebooks[static_cast<std::size_t>(book)].codes)
      choose(book, code, host().selection().token);
    if (settings.contains("pattern") && settings["pattern"].is_string())
      pattern_->setText(QString::fromStdString(settings["pattern"].get<std::string>()));
  }

 private:
  void build() {
    auto* body = new QWidget;
    pages_ = new QStackedLayout(body);
    pages_->addWidget(build_books());
    auto* features = new QWidget;
    auto* column = column_of(features);
    column->addWidget(heading(tr("Features that fire on this text")));
    features_table_ = new ReportTable;
    features_table_->setObjectName("features");
    column->addWidget(features_table_, 1);
    pages_->addWidget(features);
    set_body(body);
  }

  QWidget* build_books() {
    auto* split = new QSplitter(Qt::Vertical);
    split->setHandleWidth(kGrid);
    split->setChildrenCollapsible(false);
    grid_ = new CodeGrid;
    grid_->setObjectName("codes");
    split->addWidget(grid_);
    auto* low = new QSplitter(Qt::Horizontal);
    low->setHandleWidth(kGrid);
    low->setChildrenCollapsible(false);
    low->addWidget(build_search());
    low->addWidget(build_code());
    low->setSizes({220, 480});
    split->addWidget(low);
    split->setStretchFactor(0, 3);
    split->setStretchFactor(1, 2);
    connect(grid_, &CodeGrid::chosen, this, [this](int book, int code, int token) { choose(book, code, token); });
    return split;
  }

  QWidget* build_search() {
    auto* side = new QWidget;
    auto* column = column_of(side);
    auto* row = new QHBoxLayout;
    row->addWidget(heading(tr("Search")));
    row->addSpacing(kGrid);
    row->addWidget(found_note_ = new ElidedLabel, 1);
    column->addLayout(row);
    pattern_ = new QLineEdit;
    pattern_->setObjectName("pattern");
    pattern_->setPlaceholderText(tr("Text pattern, for example a word or [0-9]+"));
    pattern_->setClearButtonEnabled(true);
    pattern_->setToolTip(tr("Regular expression; lists the codes that fire where it matches in the corpus"));
    column->addWidget(pattern_);
    found_table_ = new ReportTable;
    found_table_->setObjectName("found");
    found_table_->hide_columns({"precision", "recall", "activations", "hits"});
    found_table_->set_empty_text(tr("Codes that fire where a pattern matches appear here"));
    found_table_->setSelectionMode(QAbstractItemView::SingleSelection);
    column->addWidget(found_table_, 1);
    connect(pattern_, &QLineEdit::textChanged, this, [this] { pause_.start(); });
    connect(pattern_, &QLineEdit::returnPressed, this, [this] { search(); });
    connect(found_table_, &ReportTable::picked, this, [this](const QList<int>& rows) {
      if (!rows.isEmpty()) choose_found(rows.front());
    });
    return side;
  }

  QWidget* build_code() {
    auto* side = new QWidget;
    auto* column = column_of(side);
    auto* row = new QHBoxLayout;
    row->addWidget(code_title_ = heading({}));
    row->addStretch(1);
    force_ = new QPushButton(tr("Force this code"));
    force_->setObjectName("force");
    force_->setToolTip(tr("Makes this code fire at every token, as an edit that can be taken back"));
    row->addWidget(force_);
    column->addLayout(row);
    column->addWidget(code_note_ = new ElidedLabel);
    auto* pair = new QHBoxLayout;
    pair->setSpacing(kGrid);
    contexts_table_ = new ReportTable;
    contexts_table_->setObjectName("contexts");
    contexts_table_->hide_columns({"window", "position"});
    contexts_table_->set_empty_text(tr("Where the selected code fires most"));
    effect_table_ = new ReportTable;
    effect_table_->setObjectName("effect");
    effect_table_->hide_columns({"change", "id"});
    effect_table_->set_empty_text(tr("Next token, before and after forcing the code"));
    pair->addWidget(contexts_table_, 1);
    pair->addWidget(effect_table_, 1);
    column->addLayout(pair, 1);
    connect(force_, &QPushButton::clicked, this, [this] { force(); });
    return side;
  }

  void search() {
    pause_.stop();
    const QString pattern = pattern_->text();
    host().keep_view(id(), {{"pattern", pattern.toStdString()}});
    if (pattern.isEmpty() || !host().model() || host().model()->codebooks.empty()) {
      drop("search");
      found_.reset();
      found_table_->clear();
      return found_note_->set_text({});
    }
    ask("search", "code_search", {{"pattern", pattern.toStdString()}, {"codebook", -1}});
  }

  /// A row of the search names its codebook by number or by title.
  void choose_found(int row) {
    const engine::Table* table = found_table_->table();
    if (!table || row < 0 || row >= static_cast<int>(table->rows.size())) return;
    int book = -1, code = -1;
    for (std::size_t c = 0; c < table->columns.size(); ++c) {
      const auto& cell = table->rows[static_cast<std::size_t>(row)][c];
      const double* number = std::get_if<double>(&cell);
      if (table->columns[c].name == "code" && number) code = static_cast<int>(*number);
      if (table->columns[c].name != "codebook") continue;
      if (number) book = static_cast<int>(*number);
      else book = book_titled(std::get<std::string>(cell));
    }
    if (book >= 0 && code >= 0) choose(book, code, host().selection().token);
  }

  int book_titled(const std::string& title) const {
    const auto& books = host().model()->codebooks;
    for (std::size_t i = 0; i < books.size(); ++i)
      if (books[i].title == title) return static_cast<int>(i);
    return -1;
  }

  void choose(int book, int code, int token) {
    Selection selection = host().selection();
    selection.codebook = book;
    selection.code = code;
    selection.token = token;
    host().select(selection);
  }

  /// The edit that forces the selected code, if it is in force.
  std::optional<engine::Edit> forced() const {
    const Selection& selection = host().selection();
    const nlohmann::json command = force_code(*host().model(), selection.codebook, selection.code);
    if (command.is_null()) return {};
    auto edits = engine::edits_from_json(command["edits"]);
    if (!edits || edits->empty()) return {};
    const auto& all = host().edits();
    return std::find(all.begin(), all.end(), edits->front()) == all.end() ? std::nullopt : std::optional(edits->front());
  }

  void show_forced() { force_->setText(forced() ? tr("Release this code") : tr("Force this code")); }

  void force() {
    const Selection& selection = host().selection();
    if (!host().model()) return;
    if (const auto edit = forced()) {
      host().act({{"do", "remove_edits"}, {"edits", engine::edits_to_json({*edit})}});
    } else if (const nlohmann::json command = force_code(*host().model(), selection.codebook, selection.code); !command.is_null()) {
      host().act(command);
    }
    show_forced();
  }

  QTimer pause_;
  int asked_book_ = -1, asked_code_ = -1;
  std::shared_ptr<const engine::Report> codes_, features_, found_, contexts_, effect_;
  QStackedLayout* pages_ = nullptr;
  CodeGrid* grid_ = nullptr;
  QLineEdit* pattern_ = nullptr;
  QPushButton* force_ = nullptr;
  QLabel* code_title_ = nullptr;
  ElidedLabel *code_note_ = nullptr, *found_note_ = nullptr;
  ReportTable *found_table_ = nullptr, *contexts_table_ = nullptr, *effect_table_ = nullptr, *features_table_ = nullptr;
};

}  // namespace

std::unique_ptr<Panel> make_codebook_panel(Host& host) { return std::make_unique<CodebookPanel>(host); }

}  // namespace vitrine::views
